"""An emergency from its declaration to its end: what can be ordered, what comes of it, how events fold."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, ClassVar

from google.protobuf.message import Message

from fengqiao.routing.v1 import emergency_events_pb2 as ev
from services.chassis.errors import Invalid, Violation
from services.chassis.model import Context, Decision, Table, Transition, decided, transition
from services.chassis.protobuf import instant, timestamp
from services.chassis.record import Deadline
from services.routing.capability import within
from services.routing.domain.directory.shared import invalid

EVENTS = "fengqiao.routing.emergencies"
DECLARED, ENDED = "declared", "ended"
CLOCK = "emergency"


@dataclass(frozen=True, slots=True)
class Declaration:
    """An emergency. `place` sorts those of a site by their beginning, `end` is an `EmergencyEnd`."""

    site_id: str
    unit_code: str
    profile: str
    version: int
    begins_at: datetime
    ends_at: datetime
    reason: str
    declared_by: str
    place: str
    declared_at: datetime
    known_since: datetime
    status: str = DECLARED
    ended_at: datetime | None = None
    end: int = ev.EMERGENCY_END_UNSPECIFIED
    end_reason: str = ""
    ended_by: str = ""

    @property
    def name(self) -> str:
        """Id and version of its profile, as `flood@1`."""
        return f"{self.profile}@{self.version}"

    @property
    def over_at(self) -> datetime:
        """When it ended, or will; by then it decides no more, whether or not anything fired."""
        return min(self.ended_at or self.ends_at, self.ends_at)

    def in_force(self, at: datetime) -> bool:
        """Whether what is asked for at a time is placed by it."""
        return self.begins_at <= at < self.over_at


@dataclass(frozen=True, slots=True)
class DeclareEmergency:
    """A profile is put before the table; `version` 0: the site has no such profile."""

    profile: str
    version: int
    unit_code: str
    begins_at: datetime | None
    until: datetime
    reason: str
    declared_by: str
    absent: bool = False


@dataclass(frozen=True, slots=True)
class EndEmergency:
    """It is over before its time."""

    reason: str
    ended_by: str


@dataclass(frozen=True, slots=True)
class TimeRanOut:
    """Its time is over."""

    happens_by_itself: ClassVar[bool] = True


def declare(command: DeclareEmergency, context: Context, others: Iterable[Declaration]) -> Decision:
    """It begins, now or later; `others` are those of the site that have not ended.

    Raises:
        Invalid: there is no such profile or unit, its time is over or ends before it begins, or another one
            stands in the area at that time: a place has one set of rules at a time.
    """
    begins_at, wrong = command.begins_at or context.at, list[Violation]()
    if not command.version:
        wrong.append(Violation("profile", "unknown_profile"))
    if command.absent:
        wrong.append(Violation("unit_code", "unknown_unit"))
    if begins_at < context.at:
        wrong.append(Violation("begins_at", "in_the_past"))
    if command.until <= begins_at:
        wrong.append(Violation("until", "not_after_the_beginning"))
    if wrong:
        raise Invalid(wrong)
    crossed = next(
        (each for each in others if crosses(each, command.unit_code, begins_at, command.until)), None
    )
    if crossed:
        raise Invalid([Violation("unit_code", "emergency_stands_there")], rule=crossed.name)
    event = ev.EmergencyDeclared(
        emergency=ev.EmergencyReference(
            site_id=context.site,
            unit_id=command.unit_code,
            profile=command.profile,
            version=command.version,
        ),
        begins_at=timestamp(begins_at),
        ends_at=timestamp(command.until),
        reason=command.reason,
        declared_by=command.declared_by,
    )
    return decided(event)


def crosses(other: Declaration, unit_code: str, begins_at: datetime, until: datetime) -> bool:
    """Whether another one has part of an area at some moment of a time."""
    area = within(unit_code, other.unit_code) or within(other.unit_code, unit_code)
    return area and other.begins_at < until and begins_at < other.over_at


def end(emergency: Declaration, command: EndEmergency, context: Context) -> Decision:
    """Back to the usual rules, for what is asked for from now on.

    Raises:
        Invalid: the order is older than the declaration.
    """
    if context.at < emergency.declared_at:
        raise invalid("meta.occurred_at", "before_the_declaration")
    return decided(
        ev.EmergencyEnded(
            emergency=reference(emergency),
            end=ev.EMERGENCY_END_ORDERED,
            reason=command.reason,
            ended_by=command.ended_by,
        )
    )


def run_out(emergency: Declaration, _command: TimeRanOut, _context: Context) -> Decision:
    """Back to the usual rules by itself."""
    return decided(ev.EmergencyEnded(emergency=reference(emergency), end=ev.EMERGENCY_END_RAN_OUT))


TABLE: Table = MappingProxyType({
    (DECLARED, EndEmergency): Transition(end, (ENDED,)),
    (DECLARED, TimeRanOut): Transition(run_out, (ENDED,)),
})  # fmt: skip


def fire(emergency: Declaration, _deadline: Deadline, context: Context) -> Decision:
    """What happens when its time is over."""
    return transition(TABLE, emergency.status, emergency, TimeRanOut(), context)


def deadlines(emergency: Declaration) -> Iterable[Deadline]:
    """Its end, until it has ended."""
    return [Deadline(CLOCK, 1, emergency.ends_at)] if emergency.status == DECLARED else []


def reference(emergency: Declaration) -> ev.EmergencyReference:
    """The emergency as its events name it."""
    return ev.EmergencyReference(
        site_id=emergency.site_id,
        unit_id=emergency.unit_code,
        profile=emergency.profile,
        version=emergency.version,
    )


def evolve(emergency: Declaration | None, event: Message, context: Context) -> Declaration:
    """The emergency after one of its events."""
    return FOLDS[type(event)](emergency, event, context)


def _declared(_none: Declaration | None, event: ev.EmergencyDeclared, context: Context) -> Declaration:
    begins_at = instant(event.begins_at)
    return Declaration(
        site_id=event.emergency.site_id,
        unit_code=event.emergency.unit_id,
        profile=event.emergency.profile,
        version=event.emergency.version,
        begins_at=begins_at,
        ends_at=instant(event.ends_at),
        reason=event.reason,
        declared_by=event.declared_by,
        place=f"{begins_at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}/{context.aggregate_id}",
        declared_at=context.at,
        known_since=context.recorded_at,
    )


def _ended(emergency: Declaration | None, event: ev.EmergencyEnded, context: Context) -> Declaration:
    if emergency is None:
        raise ValueError("EmergencyEnded before EmergencyDeclared")
    return replace(
        emergency,
        status=ENDED,
        ended_at=context.at,
        end=event.end,
        end_reason=event.reason,
        ended_by=event.ended_by,
    )


FOLDS: Mapping[type[Message], Callable[[Any, Any, Context], Declaration]] = MappingProxyType(
    {ev.EmergencyDeclared: _declared, ev.EmergencyEnded: _ended}
)
