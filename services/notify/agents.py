"""Faust agents: what notify reads, and what takes it."""

from collections.abc import Mapping
from typing import Any

from services.chassis.consumer import Collecting
from services.chassis.worker import Take, Worker


def register(worker: Worker, collectors: Mapping[str, Collecting]) -> None:
    """Every topic is only collected from: a notice per event that somebody is owed news of."""
    for topic, collecting in collectors.items():
        _agent(worker, topic, collecting.take)


def _agent(worker: Worker, topic: str, take: Take) -> None:
    @worker.agent(topic)
    async def read(stream: Any) -> None:
        await worker.drain(stream, take)
