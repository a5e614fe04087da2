"""Calls that a client repeats until they are through: the same key, so nothing happens twice."""

import asyncio
from collections.abc import Callable
from typing import Any

import grpc

from services.chassis import client
from services.chassis.clock import monotonic

DEADLINE_S = 20.0
PATIENCE_S = 180.0
FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 1.0
AWAY = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED})

NOT_THERE_YET = frozenset({grpc.StatusCode.NOT_FOUND})


class Caller:
    """Calls as one principal; the token is renewed by whoever gives it."""

    def __init__(self, token: Callable[[], str], patience_s: float = PATIENCE_S) -> None:
        """`token()` gives a token that is valid now; `patience_s` bounds the repetitions of one call."""
        self.token = token
        self._patience_s = patience_s

    async def call(self, method: Callable[..., Any], request: Any, *, wait_for_it: bool = False) -> Any:
        """Call until answered. A service that is away or busy is asked again.

        With `wait_for_it`, so is one that does not know the case yet: it is on its way through Kafka.

        Raises:
            grpc.aio.AioRpcError: refused, or not answered within the patience.
        """
        end, pause = monotonic() + self._patience_s, FIRST_PAUSE_S
        while True:
            try:
                return await method(request, metadata=client.bearer(self.token()), timeout=DEADLINE_S)
            except grpc.aio.AioRpcError as error:
                if monotonic() > end or not worth_repeating(error, wait_for_it=wait_for_it):
                    raise
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, LONGEST_PAUSE_S)


def worth_repeating(error: grpc.aio.AioRpcError, *, wait_for_it: bool) -> bool:
    """Whether the same call can come out otherwise later."""
    if error.code() in AWAY:
        return True
    return wait_for_it and (error.code() in NOT_THERE_YET or client.details_of(error)[0] == "not_yet_routed")
