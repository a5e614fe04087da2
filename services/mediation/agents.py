"""Faust agents: what mediation reads, and what takes it."""

from services.chassis.foundation import Foundation
from services.chassis.worker import Worker
from services.mediation.domain import REFERRALS, Dispute


def register(worker: Worker, base: Foundation[Dispute]) -> None:
    """Mediation obeys routing alone: referrals, and the wishes that it relays."""
    worker.read(REFERRALS, base.deciding.take)
