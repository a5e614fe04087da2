"""A department with its roster, and a summons, as clients see them."""

from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from fengqiao.routing.v1 import roster_events_pb2 as ev
from fengqiao.routing.v1 import roster_service_pb2 as rpc
from services.chassis.calendar import Calendar
from services.chassis.errors import NotFound
from services.chassis.protobuf import timestamp
from services.chassis.record import Record
from services.routing.domain.directory.shared import to_days
from services.routing.domain.rosters.department import Department
from services.routing.domain.rosters.planning import PREFIX, to_hours
from services.routing.domain.rosters.summons import STATUSES, WAITING, Summons

SUMMONS_STATUSES: Mapping[str, rpc.SummonsStatus.ValueType] = {
    status: rpc.SummonsStatus.Value(f"SUMMONS_STATUS_{status.upper()}") for status in STATUSES
}


def department_of(record: Record[Department]) -> Department:
    """A stored department.

    Raises:
        NotFound: it has not begun.
    """
    if record.state is None:
        raise NotFound("no such department")
    return record.state


def to_department(
    record: Record[Department], at: datetime, zone: ZoneInfo, calendar: Calendar
) -> rpc.Department:
    """The department with its holes from a moment on."""
    department = department_of(record)
    return rpc.Department(
        code=department.code,
        mode=mode_of(department),
        kinds=department.kinds,
        hours=to_hours(department.hours),
        desk=department.desk,
        answer_within_s=department.answer_within_s,
        days=to_days(department.days),
        duties=[
            rpc.Duty(
                duty_id=duty.id,
                person_ref=duty.person_ref,
                days=to_days(duty.days),
                weekdays=duty.weekdays,
                hours=to_hours(duty.hours),
            )
            for duty in department.duties
        ],
        holes=[
            rpc.Hole(day=hole.day.isoformat(), hours=to_hours(hole.hours))
            for hole in department.holes(at, zone, calendar)
        ],
        revision=record.revision,
    )


def mode_of(department: Department) -> ev.RosterMode.ValueType:
    """How it is there for the centre."""
    return ev.RosterMode.Value(f"{PREFIX}{department.mode.upper()}")


def to_summons(record: Record[Summons]) -> rpc.Summons:
    """A stored summons.

    Raises:
        NotFound: it has not begun.
    """
    summons = record.state
    if summons is None:
        raise NotFound("no such summons")
    message = rpc.Summons(
        summons_id=record.id,
        department=summons.department,
        case_id=summons.case_id,
        kind=summons.kind,
        status=SUMMONS_STATUSES[summons.status],
        person_ref=summons.person_ref,
        asked=summons.asked,
        revision=record.revision,
    )
    if summons.clock and summons.status == WAITING:
        message.answer_by.CopyFrom(timestamp(summons.clock.due_at))
    return message
