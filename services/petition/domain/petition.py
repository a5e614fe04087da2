"""A petition: its state, its three moments, and the clock that runs."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from services.chassis.record import Deadline
from services.chassis.terms import Clock

EVENTS = "fengqiao.petition.events"
OUTCOMES = "fengqiao.petition.outcomes"
RESTRICTED = "fengqiao.petition.restricted"
REFERRALS = "fengqiao.routing.petitions"
ACCUSATIONS = "fengqiao.intake.restricted"

RECEIVED, REGISTERED, ROUTED, NOTIFIED = "received", "registered", "routed", "notified"
ACCEPTED, OPINION_ISSUED, OPINION_DELIVERED = "accepted", "opinion_issued", "opinion_delivered"
FINAL, REPLIED, NOT_ACCEPTED, WITHDRAWN = "final", "replied", "not_accepted", "withdrawn"
OPEN = (RECEIVED, REGISTERED, ROUTED, NOTIFIED, ACCEPTED, OPINION_ISSUED)
"""The organ still owes something."""
ENDED = (OPINION_DELIVERED, FINAL, REPLIED, NOT_ACCEPTED, WITHDRAWN)
"""Concluded; after a delivered opinion the time for a review still runs."""

P1, P2, P4, P6 = "p1", "p2", "p4", "p6"
ROLLED = "-rolled"
"""Ends the name of a duty's second deadline: the strict date warns, the rolled one is a breach."""

NO_REFERRAL = 0
OPINION_BRANCH = 6


@dataclass(frozen=True, slots=True)
class Petition:
    """A petition, or an accusation (`referral` 0).

    `matter` is the kind of the case, `kind` a `PetitionKind`, `outcome` an `OpinionOutcome`. `unit_id` is the
    organ that has it, `office` the one that received it. `clocks` are all that ever ran, oldest first; the
    last of them runs while `running`. `warned`: its strict date has passed; `overdue` names the clocks whose
    duty was not done by the rolled one. `stepped_at` is when it came into its status.
    """

    request_no: str
    site_id: str
    person_ref: str
    unit_id: str
    office: str
    accused_unit_id: str
    referral: int
    matter: str
    status: str
    received_at: datetime
    stepped_at: datetime
    clocks: tuple[Clock, ...]
    running: bool = True
    warned: bool = False
    overdue: tuple[str, ...] = ()
    kind: int = 0
    branch: int = 0
    content_code: str = ""
    petitioners: int = 0
    representative_refs: tuple[str, ...] = ()
    notified_at: datetime | None = None
    accepted_at: datetime | None = None
    issued_at: datetime | None = None
    delivered_at: datetime | None = None
    outcome: int = 0
    supervision_asked: bool = False

    @property
    def accusation(self) -> bool:
        """Whether it is kept apart."""
        return self.referral == NO_REFERRAL

    @property
    def clock(self) -> Clock | None:
        """The clock that runs now."""
        return self.clocks[-1] if self.running else None

    @property
    def due_at(self) -> datetime:
        """What lists are sorted by: the rolled date; what has no term is due from when it came there."""
        return self.clock.rolled_due_at if self.clock else self.stepped_at

    def epoch(self, name: str) -> int:
        """The number of a clock's next run."""
        return 1 + sum(clock.name == name for clock in self.clocks)


def deadlines(petition: Petition) -> tuple[Deadline, ...]:
    """A duty warns at its strict date, if that is another, and is overdue at the rolled one, once each."""
    return tuple(_deadlines(petition))


def _deadlines(petition: Petition) -> Iterator[Deadline]:
    clock = petition.clock
    if clock is None or clock.name in petition.overdue:
        return
    if clock.name != P6 and clock.due_at != clock.rolled_due_at and not petition.warned:
        yield clock.deadline
    yield Deadline(f"{clock.name}{ROLLED}", clock.epoch, clock.rolled_due_at)
