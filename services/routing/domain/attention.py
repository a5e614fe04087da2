"""Which open cases want attention, and why: by a case and the time, and nothing else."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from fengqiao.routing.v1.events_pb2 import MOVE_REASON_REOPENED
from services.chassis.calendar import Term, Unit
from services.routing.domain.case import ASSIGNED, OPEN, UNSETTLED, Case
from services.routing.rules import ACCEPTANCE, SOON, Rules

OVERDUE, DUE_SOON, UNASSIGNED = "overdue", "due_soon", "unassigned"
RETURNED_TWICE, REOPENED, PROVISIONAL = "returned_twice", "reopened", "provisional"

UNROUTED = ""
"""The status of a case that is known and could not be routed yet."""
UNROUTED_FOR = timedelta(seconds=30)
TWICE = 2
ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Lines:
    """What times are compared with. Each only goes forward as time does, so that whoever crossed one has
    crossed it for good; `wall` is the record time, all else is the site's.
    """

    now: datetime
    soon_until: datetime
    accepted_since: datetime
    wall: datetime

    @property
    def unrouted_since(self) -> datetime:
        """What waits to be routed since before this has waited too long."""
        return self.wall - UNROUTED_FOR


@dataclass(frozen=True, slots=True)
class Move:
    """Of a step of a case, what counts here."""

    at: datetime
    reason: int
    from_tier: int = 0


@dataclass(frozen=True, slots=True)
class Reckoned:
    """Of a clock, what counts here."""

    provisional: bool


@dataclass(frozen=True, slots=True)
class Glimpse:
    """Of a case, what counts here: read from the store without the rest."""

    request_no: str
    kind: str
    status: str
    tier: int
    unit_id: str
    holder_ref: str
    submitted_at: datetime
    routed_recorded_at: datetime
    due_at: datetime
    plan: tuple[Reckoned, ...]
    steps: tuple[Move, ...] = ()
    supervised_at: datetime | None = None
    track: int = 0
    returns: int = 0


@dataclass(frozen=True, slots=True)
class Facts:
    """What is kept of an unsettled case to tell at any time whether it wants attention."""

    request_no: str
    kind: str
    status: str
    tier: int
    unit_id: str
    due_at: datetime
    assigned_at: datetime
    held: bool
    on_ladder: bool
    supervised: bool
    climbs: int
    always: tuple[str, ...]
    """Why it wants attention at any time while it is not settled."""

    def overdue(self, now: datetime) -> bool:
        """As `Case.overdue`, of a case that is not settled."""
        return self.on_ladder and self.due_at < now


def facts_of(case: Case | Glimpse) -> Facts:
    """Of a case, whatever it is read from."""
    always = {
        RETURNED_TWICE: case.returns >= TWICE,
        REOPENED: any(step.reason == MOVE_REASON_REOPENED for step in case.steps),
        # The matter's due time is the last clock's.
        PROVISIONAL: bool(case.plan) and case.plan[-1].provisional and case.status in OPEN,
    }
    return Facts(
        request_no=case.request_no,
        kind=case.kind,
        status=case.status,
        tier=case.tier,
        unit_id=case.unit_id,
        due_at=case.due_at,
        assigned_at=case.steps[-1].at if case.steps else case.submitted_at,
        held=bool(case.holder_ref),
        on_ladder=case.status in OPEN and not case.track,
        supervised=case.status in OPEN and case.supervised_at is not None,
        climbs=len(case.steps),
        always=tuple(kind for kind, holds in always.items() if holds),
    )


def unrouted(since: datetime) -> Facts:
    """Of what waits to be routed since a time of the wall clock."""
    return Facts("", "", UNROUTED, 0, "", since, since, True, False, False, 0, ())  # noqa: FBT003 - a filler


def attention(facts: Facts, lines: Lines) -> tuple[str, ...]:
    """Why the case wants attention now, in the order above; empty when it doesn't."""
    if facts.status == UNROUTED:
        return (UNASSIGNED,) if facts.assigned_at < lines.unrouted_since else ()
    if facts.status not in UNSETTLED:
        return ()
    found = []
    if facts.overdue(lines.now):
        found.append(OVERDUE)
    elif facts.on_ladder and facts.due_at < lines.soon_until:
        found.append(DUE_SOON)
    if not facts.held or (
        facts.on_ladder and facts.status == ASSIGNED and facts.assigned_at < lines.accepted_since
    ):
        found.append(UNASSIGNED)
    return (*found, *facts.always)


def lines(rules: Rules, now: datetime, wall: datetime) -> Lines:
    """The lines of a site at a time of its clock."""
    soon, acceptance = rules.moves[SOON].length, rules.moves[ACCEPTANCE].length
    return Lines(now, moved(soon, now, rules, 1), moved(acceptance, now, rules, -1), wall)


def moved(term: Term, now: datetime, rules: Rules, way: int) -> datetime:
    """A term from now on (1) or back (-1). A time on a day off counts as the end of the last working day:
    as `now` goes forward, so does what comes of it.
    """
    if elapsed := term.unit.elapsed:
        return now + way * term.length * elapsed
    local = now.astimezone(rules.zone)
    day, at = local.date(), local.time().replace(fold=0)
    if term.unit is Unit.CALENDAR_DAYS:
        return _instant(day + way * term.length * ONE_DAY, at, rules)
    works: Callable[[date], bool] = rules.calendar.is_working_day
    over = not works(day)
    while not works(day):
        day -= ONE_DAY
    left = term.length
    while left:
        day += way * ONE_DAY
        left -= works(day)
    return _instant(day + ONE_DAY, time.min, rules) if over else _instant(day, at, rules)


def _instant(day: date, at: time, rules: Rules) -> datetime:
    return datetime.combine(day, at, rules.zone).astimezone(UTC)
