"""A dispute in mediation: its parties, its mediator, its sessions, its agreement, and the clock that runs."""

from dataclasses import dataclass
from datetime import datetime

from fengqiao.mediation.v1 import events_pb2 as ev
from services.chassis.record import Deadline
from services.chassis.terms import Clock

EVENTS = "fengqiao.mediation.events"
OUTCOMES = "fengqiao.mediation.outcomes"
REFERRALS = "fengqiao.routing.disputes"

RECEIVED, CONSENTING, CHOOSING, CONFIRMING = "received", "consenting", "choosing", "confirming"
MEDIATING, SIGNING, ENDED = "mediating", "signing", "ended"
OPEN = (RECEIVED, CONSENTING, CHOOSING, CONFIRMING, MEDIATING, SIGNING)
WITH_PARTIES = (CONSENTING, CHOOSING, CONFIRMING, MEDIATING, SIGNING)

CHOOSE_CLOCK, CONFIRM_CLOCK, TERM_CLOCK = "choose", "confirm", "term"


@dataclass(frozen=True, slots=True)
class Session:
    """A session as scheduled, and when it was recorded."""

    number: int
    at: datetime
    manner: str
    attended: tuple[str, ...] = ()
    recorded_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Signature:
    """Who signed as what; `capacity` is a `SignerCapacity`."""

    capacity: int
    ref: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Agreement:
    """An agreement's public side; `form` is an `AgreementForm`. Its words are private."""

    number: int
    form: int
    partial: bool
    signatures: tuple[Signature, ...] = ()
    in_force_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Dispute:
    """The current mediation of a case; `earlier_ends` are those (`EndReason`) of the ones before it.

    `number` counts a case's mediations, `referral` is the one that it answers. `named` are (party, mediator)
    pairs, `asked` the mediators that did not take it on. `clocks` are all that ever ran, oldest first; the
    last runs while `running`. `stepped_at` is when the last thing happened.
    """

    request_no: str
    site_id: str
    person_ref: str
    unit_id: str
    kind: str
    number: int
    referral: int
    status: str
    stepped_at: datetime
    party_refs: tuple[str, ...] = ()
    dispute_type: str = ""
    consented: tuple[str, ...] = ()
    named: tuple[tuple[str, str], ...] = ()
    mediator_ref: str = ""
    asked: tuple[str, ...] = ()
    clocks: tuple[Clock, ...] = ()
    running: bool = False
    sessions: tuple[Session, ...] = ()
    agreement: Agreement | None = None
    end_reason: int = 0
    ended_at: datetime | None = None
    earlier_ends: tuple[int, ...] = ()

    @property
    def clock(self) -> Clock | None:
        """The clock that runs now."""
        return self.clocks[-1] if self.running else None

    @property
    def due_at(self) -> datetime:
        """What lists are sorted by; what has no term is due from when it came there."""
        return self.clock.rolled_due_at if self.clock else self.stepped_at

    @property
    def left(self) -> bool:
        """Whether it is over because a party did not want it, or left, or did not sign."""
        return self.end_reason in {ev.END_REASON_PARTY_UNWILLING, ev.END_REASON_REFUSED_TO_SIGN}

    def epoch(self, name: str) -> int:
        """The number of a clock's next run."""
        return 1 + sum(clock.name == name for clock in self.clocks)

    def missing_signatures(self) -> frozenset[tuple[int, str]]:
        """(capacity, reference) pairs that an agreement's form still needs to be in force."""
        if self.agreement is None or self.agreement.form == ev.AGREEMENT_FORM_ORAL:
            return frozenset()
        needed = {(ev.SIGNER_CAPACITY_PARTY, ref) for ref in self.party_refs}
        needed.add((ev.SIGNER_CAPACITY_MEDIATOR, self.mediator_ref))
        if self.agreement.form == ev.AGREEMENT_FORM_WRITTEN:
            needed.add((ev.SIGNER_CAPACITY_COMMITTEE, self.unit_id))
        return frozenset(needed - {(each.capacity, each.ref) for each in self.agreement.signatures})


def deadlines(dispute: Dispute) -> tuple[Deadline, ...]:
    """The clock that runs ends at the rolled date: nobody loses a term to a day off."""
    clock = dispute.clock
    return (Deadline(clock.name, clock.epoch, clock.rolled_due_at),) if clock else ()
