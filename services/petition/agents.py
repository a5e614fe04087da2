"""Faust agents: what petition reads, and what takes it."""

from services.chassis.foundation import Foundation
from services.chassis.kinds import Kind
from services.chassis.worker import Worker
from services.petition.domain import ACCUSATIONS, REFERRALS, Petition

DECIDED_ON = (REFERRALS, ACCUSATIONS)
"""Petition obeys routing; accusations come from intake itself, for routing never hears of them."""


def register(worker: Worker, base: Foundation[Petition], restricted: Kind[Petition]) -> None:
    """An agent for each kind."""
    worker.read(REFERRALS, base.deciding.take)
    worker.read(ACCUSATIONS, restricted.deciding.take)
