"""Faust agents: what routing reads, and what takes it."""

from typing import Any

from services.chassis.foundation import Foundation
from services.chassis.worker import Worker
from services.routing.domain import REQUESTS, Case


def register(worker: Worker, base: Foundation[Case]) -> None:
    """Routing obeys intake: submissions, and the residents' wishes."""

    @worker.agent(REQUESTS)
    async def requests(stream: Any) -> None:
        await worker.drain(stream, base.deciding.take)
