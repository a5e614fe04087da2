"""A call-out (召集): volunteers are asked to come to a place for some hours; who came, and for how long.

Too few of them is said: at once when too few can be asked, and when it begins with fewer than are needed. It
ends by itself, and whoever forgot to check out has their hours until then.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import ClassVar

from services.chassis.record import Deadline
from services.chassis.terms import Clock
from services.routing.domain.forces.matching import Suggestion, Wanted

EVENTS = "fengqiao.routing.callouts"

GATHERING, UNDER_WAY, ENDED, CANCELLED = "gathering", "under_way", "ended", "cancelled"
STATUSES = (GATHERING, UNDER_WAY, ENDED, CANCELLED)

ASKED, COMING, DECLINED, THERE, LEFT = "asked", "coming", "declined", "there", "left"
VOLUNTEER_STATUSES = (ASKED, COMING, DECLINED, THERE, LEFT)
EXPECTED = frozenset({ASKED, COMING, THERE})

EARLY = timedelta(hours=1)
"""How long before it begins somebody may check in."""


@dataclass(frozen=True, slots=True)
class Volunteer:
    """Somebody who was asked, why, and what came of it."""

    person_ref: str
    reasons: tuple[tuple[str, str], ...]
    status: str = ASKED
    checked_in_at: datetime | None = None
    checked_out_at: datetime | None = None
    minutes: int = 0
    by_end: bool = False


@dataclass(frozen=True, slots=True)
class CallOut:
    """Who is called where, until when, and how it stands."""

    site_id: str
    unit_id: str
    case_id: str
    request_no: str
    told_unit_id: str
    skill: str
    force: str
    needed: int
    status: str
    begins: Clock
    ends: Clock
    called_by: str
    known_since: datetime
    volunteers: tuple[Volunteer, ...] = ()

    @property
    def wanted(self) -> Wanted:
        """What is looked for."""
        return Wanted(self.skill, self.unit_id, self.begins.due_at, self.ends.due_at)

    @property
    def is_over(self) -> bool:
        """Whether nothing of it is to come."""
        return self.status in {ENDED, CANCELLED}

    def volunteer(self, person_ref: str) -> Volunteer | None:
        """Somebody who was asked."""
        return next((each for each in self.volunteers if each.person_ref == person_ref), None)

    def having(self, *statuses: str) -> Iterator[Volunteer]:
        """Those who stand so."""
        return (each for each in self.volunteers if each.status in statuses)

    def keeps_busy(self, person_ref: str, wanted: Wanted) -> bool:
        """Whether somebody is expected here at the time of another call-out."""
        asked = self.volunteer(person_ref)
        meets = self.begins.due_at < wanted.ends_at and wanted.begins_at < self.ends.due_at
        return asked is not None and asked.status in EXPECTED and meets and not self.is_over

    def with_volunteer(self, changed: Volunteer) -> "CallOut":
        """The same, with somebody as they are now."""
        mine = (changed if each.person_ref == changed.person_ref else each for each in self.volunteers)
        return replace(self, volunteers=tuple(mine))


@dataclass(frozen=True, slots=True)
class CallOutVolunteers:
    """Ask these for a place and a time."""

    wanted: Wanted
    case_id: str
    request_no: str
    told_unit_id: str
    force: str
    needed: int
    asked: tuple[Suggestion, ...]
    called_by: str


@dataclass(frozen=True, slots=True)
class AskVolunteers:
    """Ask more of them."""

    asked: tuple[Suggestion, ...]


@dataclass(frozen=True, slots=True)
class AnswerCallOut:
    """Somebody comes, or can't."""

    person_ref: str
    accept: bool


@dataclass(frozen=True, slots=True)
class CheckIn:
    """Somebody is there."""

    person_ref: str


@dataclass(frozen=True, slots=True)
class CheckOut:
    """Somebody leaves."""

    person_ref: str


@dataclass(frozen=True, slots=True)
class EndCallOut:
    """It is over before its time."""

    ended_by: str


@dataclass(frozen=True, slots=True)
class CancelCallOut:
    """It does not take place."""

    cancelled_by: str


@dataclass(frozen=True, slots=True)
class CallOutBegins:
    """Its time has come."""

    happens_by_itself: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class CallOutRunsOut:
    """Its time is over."""

    happens_by_itself: ClassVar[bool] = True


def deadlines(call_out: CallOut) -> Iterable[Deadline]:
    """When it begins, and then when it is over."""
    if call_out.is_over:
        return []
    return [(call_out.begins if call_out.status == GATHERING else call_out.ends).deadline]


def minutes_between(since: datetime, until: datetime) -> int:
    """Whole minutes; none where the end came first."""
    return max(0, int((until - since).total_seconds()) // 60)


def minutes_of(stays: Iterable[tuple[datetime, datetime]]) -> int:
    """The whole minutes of some stays, each minute once where they overlap."""
    total, reached = timedelta(), None
    for since, until in sorted(stays):
        begins = since if reached is None else max(since, reached)
        if until > begins:
            total += until - begins
        reached = until if reached is None else max(reached, until)
    return int(total.total_seconds()) // 60
