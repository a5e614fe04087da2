"""Faust agents: what notify reads, and what takes it."""

from collections.abc import Mapping

from services.chassis.consumer import Collecting
from services.chassis.worker import Worker


def register(worker: Worker, collectors: Mapping[str, Collecting]) -> None:
    """Every topic is only collected from: a notice per event that somebody is owed news of."""
    for topic, collecting in collectors.items():
        worker.read(topic, collecting.take, patient=True)
