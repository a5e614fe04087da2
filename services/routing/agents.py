"""Faust agents: what routing reads, and what takes it."""

from collections.abc import Awaitable, Callable, Sequence

from services.chassis.consumer import Received
from services.chassis.foundation import Foundation
from services.chassis.worker import Worker
from services.routing.domain import MEDIATION_OUTCOMES, PETITION_OUTCOMES, REQUESTS, Case

DECIDED_ON = (REQUESTS, MEDIATION_OUTCOMES, PETITION_OUTCOMES)
"""Routing obeys intake, and takes back from mediation and petition what it referred to them."""


def register(
    worker: Worker,
    base: Foundation[Case],
    known: Callable[[], Awaitable[None]],
    count: Callable[[Sequence[Received]], Awaitable[None]],
) -> None:
    """An agent for each topic that routing decides on; `known` sees to what it decides by,
    `count` counts what comes in.
    """

    async def take(batch: Sequence[Received]) -> None:
        await known()
        await base.deciding.take(batch)

    async def take_requests(batch: Sequence[Received]) -> None:
        # Before they are cases: what is one already was counted before.
        await count(batch)
        await take(batch)

    for topic in DECIDED_ON:
        worker.read(topic, take_requests if topic == REQUESTS else take)
