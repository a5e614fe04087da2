"""Waiting for a condition, never for luck. Tests may read the monotonic clock: it is no business time."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

_PAUSE = 0.02


def until(condition: Callable[[], T | None], timeout: float = 10.0, what: str = "") -> T:
    """The first true value of `condition`, asked every 20 ms.

    An exception of the condition counts as not yet. Raises AssertionError that says `what` was awaited, and
    the last value or exception, after `timeout` seconds.
    """
    end = time.monotonic() + timeout
    while True:
        value, told = _try(condition)
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {timeout:g} s in vain for {what or condition!r}; last: {told}")
        time.sleep(_PAUSE)


async def until_async(
    condition: Callable[[], T | Awaitable[T | None] | None],
    timeout: float = 10.0,  # noqa: ASYNC109 - a limit of the polling, not of an inner await
    what: str = "",
) -> T:
    """Like `until`, without stopping the event loop; the condition may be a coroutine function."""
    end = time.monotonic() + timeout
    while True:
        try:
            answer = condition()
            value = await answer if inspect.isawaitable(answer) else answer
            told = repr(value)
            if value:
                return value
        except Exception as error:  # noqa: BLE001 - whatever it raises, the condition doesn't hold yet
            told = repr(error)
        if time.monotonic() > end:
            raise AssertionError(f"waited {timeout:g} s in vain for {what or condition!r}; last: {told}")
        await asyncio.sleep(_PAUSE)


def _try(condition: Callable[[], T | None]) -> tuple[T | None, str]:
    try:
        value = condition()
    except Exception as error:  # noqa: BLE001 - whatever it raises, the condition doesn't hold yet
        return None, repr(error)
    return value, repr(value)
