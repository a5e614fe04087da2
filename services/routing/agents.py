"""Faust agents: what routing reads, and what takes it."""

from services.chassis.foundation import Foundation
from services.chassis.worker import Worker
from services.routing.domain import MEDIATION_OUTCOMES, PETITION_OUTCOMES, REQUESTS, Case

DECIDED_ON = (REQUESTS, MEDIATION_OUTCOMES, PETITION_OUTCOMES)
"""Routing obeys intake, and takes back from mediation and petition what it referred to them."""


def register(worker: Worker, base: Foundation[Case]) -> None:
    """An agent for each topic that routing decides on."""
    for topic in DECIDED_ON:
        worker.read(topic, base.deciding.take)
