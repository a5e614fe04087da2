"""What an order about a department comes to: pure functions `(department, command, context) -> Decision`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from fengqiao.routing.v1 import roster_events_pb2 as ev
from services.chassis.model import Context, Decision, Transition, decided, transition
from services.routing.domain.directory.days import Days
from services.routing.domain.directory.shared import in_order, invalid, refuse_the_past, to_days
from services.routing.domain.rosters.department import (
    CLOSED,
    RESIDENT,
    STANDING,
    Department,
    Duty,
    Hours,
    is_time,
)

PREFIX = "ROSTER_MODE_"


@dataclass(frozen=True, slots=True)
class EstablishDepartment:
    """A department is there from a day on; `seated` is another that sits at its desk already."""

    code: str
    mode: str
    kinds: tuple[str, ...]
    hours: Hours
    desk: str
    answer_within_s: int
    on: date
    seated: str = ""
    until: date | None = None


@dataclass(frozen=True, slots=True)
class CloseDepartment:
    """No longer from a day on."""

    on: date


@dataclass(frozen=True, slots=True)
class PlanDuty:
    """Somebody is on duty from a day on; `hours` are the department's where none are given."""

    duty_id: str
    person_ref: str
    on: date
    until: date | None
    weekdays: tuple[int, ...]
    hours: Hours | None
    decided_by: str


@dataclass(frozen=True, slots=True)
class CancelDuty:
    """No longer from a day on."""

    duty_id: str
    on: date
    decided_by: str


def establish(command: EstablishDepartment, context: Context, zone: ZoneInfo) -> Decision:
    """A department begins.

    Raises:
        Invalid: hours the wrong way round, a resident one without desk or at another's, a day that is over.
    """
    refuse_the_past(command.on, context, zone)
    return decided(established(command, context))


def established(command: EstablishDepartment, context: Context) -> ev.DepartmentEstablished:
    """That a department begins, on whatever day.

    Raises:
        Invalid: hours or days the wrong way round, a resident one without desk or at another's.
    """
    in_order(command.on, command.until)
    check_hours("hours", command.hours)
    if command.mode == RESIDENT and not command.desk:
        raise invalid("desk", "required")
    if command.seated:
        raise invalid("desk", f"taken_by:{command.seated}")
    return ev.DepartmentEstablished(
        department=ev.DepartmentReference(site_id=context.site, code=command.code),
        mode=ev.RosterMode.Value(f"{PREFIX}{command.mode.upper()}"),
        kinds=command.kinds,
        hours=to_hours(command.hours),
        desk=command.desk,
        answer_within_s=command.answer_within_s,
        days=to_days(Days(command.on, command.until)),
    )


def close(department: Department, command: CloseDepartment, _context: Context) -> Decision:
    """The department ends, and with it all its duties."""
    return decided(ev.DepartmentClosed(department=reference(department), on=command.on.isoformat()))


def plan(department: Department, command: PlanDuty, _context: Context) -> Decision:
    """Somebody is on duty.

    Raises:
        Invalid: hours or days the wrong way round, a name that is used, or two at one desk at a time.
    """
    in_order(command.on, command.until)
    hours = command.hours or department.hours
    check_hours("hours", hours)
    if department.duty(command.duty_id):
        raise invalid("duty_id", "taken")
    duty = Duty(command.duty_id, command.person_ref, Days(command.on, command.until), command.weekdays, hours)
    if department.mode == RESIDENT:
        seated = next((each for each in department.duties if each.may_meet(duty)), None)
        if seated:
            raise invalid("person_ref", f"desk_taken_by:{seated.id}")
    return decided(
        ev.DutyPlanned(
            department=reference(department),
            duty_id=duty.id,
            person_ref=duty.person_ref,
            days=to_days(duty.days),
            weekdays=duty.weekdays,
            hours=to_hours(hours),
            decided_by=command.decided_by,
        )
    )


def cancel(department: Department, command: CancelDuty, _context: Context) -> Decision:
    """Somebody is no longer on duty.

    Raises:
        Invalid: there is no such duty on that day or later.
    """
    duty = department.duty(command.duty_id)
    if duty is None or not duty.days.ends_after(command.on):
        raise invalid("duty_id", "no_such_duty")
    return decided(
        ev.DutyCancelled(
            department=reference(department),
            duty_id=duty.id,
            on=command.on.isoformat(),
            decided_by=command.decided_by,
        )
    )


DEPARTMENTS: Mapping[tuple[str, type[Any]], Transition[Department, Any]] = {
    (STANDING, CloseDepartment): Transition(close, (CLOSED,)),
    (STANDING, PlanDuty): Transition(plan, (STANDING,)),
    (STANDING, CancelDuty): Transition(cancel, (STANDING,)),
}
"""What is lawful for a department."""


def decide(department: Department, command: Any, context: Context, zone: ZoneInfo) -> Decision:
    """Decide on an order about a department; days are those of its site's zone.

    Raises:
        Invalid: a field is wrong, or the day has passed.
        IllegalTransition: it is closed on that day.
    """
    refuse_the_past(command.on, context, zone)
    return transition(DEPARTMENTS, department.status_on(command.on), department, command, context)


def reference(department: Department) -> ev.DepartmentReference:
    """The department as its events name it."""
    return ev.DepartmentReference(site_id=department.site_id, code=department.code)


def to_hours(hours: Hours) -> ev.Hours:
    """Hours as events have them."""
    return ev.Hours(opens=hours.opens, closes=hours.closes)


def check_hours(field: str, hours: Hours) -> None:
    """Refuse times that are none, or the wrong way round."""
    wrong = [f"{field}.{name}" for name in ("opens", "closes") if not is_time(getattr(hours, name))]
    if wrong:
        raise invalid(wrong[0], "no_such_time")
    if hours.opens >= hours.closes:
        raise invalid(f"{field}.closes", "not_after_opening")
