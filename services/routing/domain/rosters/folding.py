"""Departments as their events leave them."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from google.protobuf.message import Message

from fengqiao.routing.v1 import roster_events_pb2 as ev
from services.chassis.model import Context
from services.routing.domain.directory.shared import from_days
from services.routing.domain.rosters.department import Department, Duty, Hours
from services.routing.domain.rosters.planning import PREFIX
from services.routing.domain.words import word


def evolve(department: Department | None, event: Message, _context: Context) -> Department:
    """The department after one of its events."""
    if isinstance(event, ev.DepartmentEstablished):
        return _established(event)
    if department is None:
        raise ValueError(f"{type(event).__name__} before DepartmentEstablished")
    return FOLDS[type(event)](department, event)


def _established(event: ev.DepartmentEstablished) -> Department:
    return Department(
        code=event.department.code,
        site_id=event.department.site_id,
        mode=word(ev.RosterMode, event.mode, PREFIX),
        kinds=tuple(event.kinds),
        hours=Hours(event.hours.opens, event.hours.closes),
        desk=event.desk,
        answer_within_s=event.answer_within_s,
        days=from_days(event.days),
    )


def _closed(department: Department, event: ev.DepartmentClosed) -> Department:
    return replace(department, days=department.days.ended(date.fromisoformat(event.on)))


def _planned(department: Department, event: ev.DutyPlanned) -> Department:
    duty = Duty(
        event.duty_id,
        event.person_ref,
        from_days(event.days),
        tuple(event.weekdays),
        Hours(event.hours.opens, event.hours.closes),
    )
    return department.with_duty(duty)


def _cancelled(department: Department, event: ev.DutyCancelled) -> Department:
    duty = department.duty(event.duty_id)
    if duty is None:
        raise ValueError("DutyCancelled before DutyPlanned")
    return department.with_duty(replace(duty, days=duty.days.ended(date.fromisoformat(event.on))))


FOLDS: Mapping[type[Message], Callable[[Department, Any], Department]] = {
    ev.DepartmentClosed: _closed,
    ev.DutyPlanned: _planned,
    ev.DutyCancelled: _cancelled,
}
