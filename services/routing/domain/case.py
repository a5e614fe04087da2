"""A case on the ladder: its state, its clocks, and what an earlier owner may still say of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from fengqiao.routing.v1.events_pb2 import MOVE_REASON_TIMEOUT
from services.chassis.record import Deadline
from services.chassis.terms import Clock
from services.routing.domain.assist import Assist
from services.routing.domain.followup import FollowUp

EVENTS = "fengqiao.routing.events"
OUTCOMES = "fengqiao.routing.outcomes"
REQUESTS = "fengqiao.intake.requests"
DISPUTES = "fengqiao.routing.disputes"
PETITIONS = "fengqiao.routing.petitions"
MEDIATION_OUTCOMES = "fengqiao.mediation.outcomes"
PETITION_OUTCOMES = "fengqiao.petition.outcomes"

ASSIGNED, IN_PROGRESS, RESOLVED, WITHDRAWN = "assigned", "in_progress", "resolved", "withdrawn"
REFERRED, JOINED = "referred", "joined"
OPEN = (ASSIGNED, IN_PROGRESS)
RULING_CLOCK, ORDER_CLOCK = "ruling", "supervision"
WARNING = ".warning-"
"""Between a clock's name and a stage, in the name of a warning's deadline."""
PAUSE_CLOCK = "pause"
END_CLOCK = "end"
DELEGATION_CLOCK = "delegation"
STANDING, ANSWERED, ACCEPTED = "standing", "answered", "accepted"
"""How a supervision order stands: to be answered, to be judged, to be reported on again."""
UNSETTLED = (*OPEN, REFERRED)
"""What somebody has in hand; a joined case is seen to with the one that leads the matter."""
NOT_ENDED = (*UNSETTLED, JOINED)
ENDED = (RESOLVED, WITHDRAWN)


TIER = "tier-"


def tier_clock(tier: int) -> str:
    """Name of a tier's clock, `tier-1` … `tier-4`."""
    return f"{TIER}{tier}"


@dataclass(frozen=True, slots=True)
class Step:
    """One move of the case; `reason` is a `MoveReason`."""

    from_unit_id: str
    to_unit_id: str
    from_tier: int
    to_tier: int
    at: datetime
    reason: int


@dataclass(frozen=True, slots=True)
class Citation:
    """A clause of a version of a unit's code (村规民约)."""

    unit_code: str
    version: int
    number: str


@dataclass(frozen=True, slots=True)
class Return:
    """A return that waits for a ruling; `reason` is a `ReturnReason`, `clock` says until when."""

    number: int
    reason: int
    proposed_unit_id: str
    superior_unit_id: str
    returned_by: str
    at: datetime
    clock: Clock


@dataclass(frozen=True, slots=True)
class Ruled:
    """A ruling: `unit_id` returned the case, `other_id` is the unit that it went to, or was to go to."""

    unit_id: str
    other_id: str
    stays: bool


@dataclass(frozen=True, slots=True)
class Order:
    """A supervision order (督办) that stands; it is the owner's to answer, whoever that is by now.

    `orderer_unit_id` is who judges the answer (empty: the desk), `reason` a `MoveReason`, `why` an
    `OrderReason`.
    """

    number: int
    status: str
    reason: int
    why: int
    orderer_unit_id: str
    ordered_by: str
    ordered_at: datetime
    clock: Clock | None
    repeats: int = 0
    result: str = ""
    answered_by: str = ""


@dataclass(frozen=True, slots=True)
class Delegation:
    """Somebody of the unit has the case for its holder, until `clock` ends."""

    unit_id: str
    from_ref: str
    to_ref: str
    at: datetime
    clock: Clock


@dataclass(frozen=True, slots=True)
class Part:
    """A part that was split off for the courts: `route` is a `CourtRoute`, `reason` a `SplitReason`."""

    number: int
    reference: str
    route: int
    reason: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Warned:
    """A stage of a clock's warnings that is told no more, or `until` then."""

    clock: str
    epoch: int
    stage: int
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """A pause or (`kind` 0) an extension that waits for its approver, the desk where no unit is named.

    `kind` is a `PauseKind`, `length` in the unit of the rule that `rule` names.
    """

    number: int
    kind: int
    length: int
    rule: str
    approver_unit_id: str
    asked_by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Pause:
    """A pause that lasts, by its own clock at the longest; with `due_moved` the due time moved along."""

    number: int
    kind: int
    at: datetime
    clock: Clock
    due_moved: bool


@dataclass(frozen=True, slots=True)
class Ending:
    """The end of an early warning that a superior (empty: the desk) is to put on record; `unit_id` and
    `settled_by` settled it.
    """

    unit_id: str
    superior_unit_id: str
    settled_by: str
    clock: Clock | None = None
    repeats: int = 0


@dataclass(frozen=True, slots=True)
class Joined:
    """What leads the matter, and how the case stood when it was joined; `reason` is a `JoinReason`."""

    lead_case_id: str
    lead_request_no: str
    reason: int
    joined_by: str
    at: datetime
    status: str
    running: int


@dataclass(frozen=True, slots=True)
class Case:
    """A case. It always has one owner; `running` names the tier whose clock runs (0: none).

    `track` is the `Track` that it is on or was settled on (0: the ladder), `referrals` counts how often it
    was handed over, `recall` is the resident's wish that was relayed there and is not settled yet.
    `refused`: a party refused mediation. `clauses` are those that the resolution cites. `returned` waits for
    a ruling; `returns` counts them, `rulings` are those there were. `order` is the supervision order that
    stands; `orders` counts them, `order_clocks` the clocks that they had. `assists` are those that were asked
    to help, by number. `recused` are references of those who may have it no more, for a direct interest.
    `contact` runs until the owner is in contact with the resident; `contacts` counts
    those clocks. `warned` are stages of warnings that came. `asked` waits for its approver; `asks` counts
    them. `pause` lasts; `pauses` are the kinds of those granted to this plan, `extended` what
    extensions gave it, in the rule's unit.
    stands; `orders` counts them, `order_clocks` the clocks that they had. `screening_code` is the campaign
    that found it: an early warning without a complainant, whose `ending` a superior is to put on record;
    `lawful_end` is the `LawfulEnd` on record, `end_clocks` counts the clocks that asked for it.
    stands; `orders` counts them, `order_clocks` the clocks that they had. `asked` waits for its approver;
    `asks` counts them. `pause` lasts; `pauses` are the kinds of those granted to this plan, `extended` what
    extensions gave it, in the rule's unit. `joined`: another case leads the matter, and no clock runs.
    """

    request_no: str
    site_id: str
    person_ref: str
    kind: str
    status: str
    urgent: bool
    start_tier: int
    tier: int
    unit_id: str
    post_id: str
    holder_ref: str
    reasons: tuple[str, ...]
    submitted_at: datetime
    submitted_recorded_at: datetime
    routed_recorded_at: datetime
    due_at: datetime
    due_promised: bool
    plan: tuple[Clock, ...]
    running: int
    steps: tuple[Step, ...] = ()
    supervised_at: datetime | None = None
    resolved_at: datetime | None = None
    outcome: str = ""
    track: int = 0
    referrals: int = 0
    recall: str = ""
    refused: bool = False
    clauses: tuple[Citation, ...] = ()
    returned: Return | None = None
    returns: int = 0
    rulings: tuple[Ruled, ...] = ()
    order: Order | None = None
    orders: int = 0
    order_clocks: int = 0
    assists: tuple[Assist, ...] = ()
    recused: tuple[str, ...] = ()
    delegation: Delegation | None = None
    """Who has it for its holder; it has its say while the unit has the case."""
    delegations: int = 0
    parts: tuple[Part, ...] = ()
    """What was split off it, for the courts."""
    three_parts: tuple[str, ...] = ()
    """Digests of the plan that its settlement goes by: feeling, reason, law; none where there is no plan."""
    followup: FollowUp | None = None
    """What follows its settlements; None where nothing did yet."""
    settled_by: str = ""
    """Who settled it last, by reference."""
    contact: Clock | None = None
    contacts: int = 0
    warned: tuple[Warned, ...] = ()
    asked: Asked | None = None
    asks: int = 0
    pause: Pause | None = None
    pauses: tuple[int, ...] = ()
    extended: int = 0
    pause_clocks: int = 0
    screening_code: str = ""
    ending: Ending | None = None
    lawful_end: int = 0
    end_clocks: int = 0
    joined: Joined | None = None

    @property
    def settlement(self) -> int:
        """Tells its settlements apart: between two of them it moves, and while it is settled it does not."""
        return len(self.steps)

    @property
    def assigned_at(self) -> datetime:
        """Since when its unit has it."""
        return self.steps[-1].at if self.steps else self.submitted_at

    @property
    def clock(self) -> Clock | None:
        """The clock that runs now."""
        if not self.running:
            return None
        name = tier_clock(self.running)
        return next((c for c in self.plan if c.name == name), None)

    def owner_at(self, at: datetime) -> tuple[str, int]:
        """Unit and tier that owned the case at a time; late entries are checked against it (rule 17).

        At the very instant of a climb by clock it is still the former owner; of any other move, the new one.
        """
        for step in self.steps:
            if at < step.at or (at == step.at and step.reason == MOVE_REASON_TIMEOUT):
                return step.from_unit_id, step.from_tier
        return self.unit_id, self.tier

    def overdue(self, now: datetime) -> bool:
        """Business times compared: settled after the due time, or open past it; never off the ladder."""
        if self.status in {WITHDRAWN, JOINED} or self.track:
            return False
        now = min(now, self.pause.at) if self.pause else now
        return (self.resolved_at or now) > self.due_at


def deadlines(case: Case) -> tuple[Deadline, ...]:
    """The clocks that run: of the tier with its warnings, a first contact, a ruling, an order, of who assists
    and of what follows a settlement; as far as there are any.
    """
    clock = None if case.pause else case.clock
    clocks = (
        clock,
        case.pause and case.pause.clock,
        case.returned and case.returned.clock,
        case.order and case.order.clock,
        *(each.clock for each in case.assists),
        case.delegation.clock if case.delegation and case.status in OPEN else None,
        case.followup and case.followup.clock,
        case.ending and case.ending.clock,
    )
    running = tuple(each.deadline for each in clocks if each)
    if case.contact and case.status in OPEN and not case.returned and not case.pause:
        # While a return waits, whether it is theirs at all is being ruled on.
        running = (*running, case.contact.deadline)
    return (*running, *_warnings(case, clock)) if clock and clock.warnings else running


def _warnings(case: Case, clock: Clock) -> Iterator[Deadline]:
    """The stages that are still to be told."""
    came = {(each.clock, each.epoch, each.stage): each.until for each in case.warned}
    for stage, at in clock.warnings:
        until = came.get((clock.name, clock.epoch, stage), at)
        if until:
            yield Deadline(f"{clock.name}{WARNING}{stage}", clock.epoch, until)
