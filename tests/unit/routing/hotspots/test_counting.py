"""Requests are counted before they become cases, and nothing else that routing reads is."""

from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any, cast

from services.routing import agents
from services.routing.domain import MEDIATION_OUTCOMES, REQUESTS


async def test_a_request_is_counted_before_it_is_a_case_and_an_outcome_is_not() -> None:
    takes: dict[str, Callable[[Any], Awaitable[None]]] = {}
    happened: list[str] = []

    def note(what: str) -> Callable[..., Awaitable[None]]:
        async def noted(*_batch: Any) -> None:
            happened.append(what)

        return noted

    worker: Any = SimpleNamespace(read=takes.__setitem__)
    base: Any = SimpleNamespace(deciding=SimpleNamespace(take=note("decided")))
    agents.register(worker, base, cast("Any", note("known")), note("counted"))
    await takes[REQUESTS]([])
    assert happened == ["counted", "known", "decided"]
    happened.clear()
    await takes[MEDIATION_OUTCOMES]([])
    assert happened == ["known", "decided"]
