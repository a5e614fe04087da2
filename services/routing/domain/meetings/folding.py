"""Joint meetings as their events leave them."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from google.protobuf.message import Message

from fengqiao.routing.v1 import meeting_events_pb2 as ev
from services.chassis.model import Context
from services.chassis.protobuf import instant
from services.chassis.terms import from_message
from services.routing.domain.meetings.meeting import (
    CALLED,
    CANCELLED,
    CLOSED,
    DONE,
    HELD,
    LEFT_OPEN,
    Item,
    Meeting,
    Task,
)


def evolve(meeting: Meeting | None, event: Message, context: Context) -> Meeting:
    """The meeting after one of its events."""
    if isinstance(event, ev.MeetingCalled):
        return _called(event, context)
    if meeting is None:
        raise ValueError(f"{type(event).__name__} before MeetingCalled")
    return FOLDS[type(event)](meeting, event)


def _called(event: ev.MeetingCalled, context: Context) -> Meeting:
    return Meeting(
        site_id=event.meeting.site_id,
        unit_code=event.meeting.unit_id,
        on=date.fromisoformat(event.meeting.on),
        place=f"{event.meeting.on}/{context.aggregate_id}",
        status=CALLED,
        units=tuple(event.units),
        departments=tuple(event.departments),
        missed_at=instant(event.missed_at),
        known_since=context.recorded_at,
    )


def _added(meeting: Meeting, event: ev.AgendaItemAdded) -> Meeting:
    item = Item(
        event.item_id,
        event.case_id,
        event.request_no,
        event.kind,
        event.unit_id,
        event.lead,
        tuple(event.assisting),
    )
    return replace(meeting, items=(*meeting.items, item))


def _recorded(meeting: Meeting, event: ev.MinutesRecorded) -> Meeting:
    item = meeting.item(event.item_id)
    if item is None:
        raise ValueError("MinutesRecorded before AgendaItemAdded")
    return replace(meeting.with_item(replace(item, minutes=(*item.minutes, event.digest))), status=HELD)


def _assigned(meeting: Meeting, event: ev.MeetingTaskAssigned) -> Meeting:
    task = Task(
        event.task_id,
        event.item_id,
        event.unit_id,
        date.fromisoformat(event.due_on),
        event.digest,
        from_message(event.clock),
        instant(event.told_at),
    )
    return replace(meeting, tasks=(*meeting.tasks, task))


def _overdue(meeting: Meeting, event: ev.MeetingTaskOverdue) -> Meeting:
    return meeting.with_task(
        replace(_task(meeting, event), told=event.times, told_at=instant(event.again_at))
    )


def _done(meeting: Meeting, event: ev.MeetingTaskDone) -> Meeting:
    return meeting.with_task(replace(_task(meeting, event), status=DONE, outcome=event.outcome))


def _left_open(meeting: Meeting, event: ev.MeetingTaskLeftOpen) -> Meeting:
    return meeting.with_task(replace(_task(meeting, event), status=LEFT_OPEN, outcome=event.reason))


def _missed(meeting: Meeting, event: ev.MeetingMissed) -> Meeting:
    return replace(meeting, missed=event.times, missed_at=instant(event.again_at))


def _cancelled(meeting: Meeting, event: ev.MeetingCancelled) -> Meeting:
    return replace(meeting, status=CANCELLED, reason=event.reason)


def _task(meeting: Meeting, event: Any) -> Task:
    task = meeting.task(event.task_id)
    if task is None:
        raise ValueError(f"{type(event).__name__} before MeetingTaskAssigned")
    return task


FOLDS: Mapping[type[Message], Callable[[Meeting, Any], Meeting]] = {
    ev.AgendaItemAdded: _added,
    ev.MinutesRecorded: _recorded,
    ev.MeetingTaskAssigned: _assigned,
    ev.MeetingTaskOverdue: _overdue,
    ev.MeetingTaskDone: _done,
    ev.MeetingTaskLeftOpen: _left_open,
    ev.MeetingMissed: _missed,
    ev.MeetingClosed: lambda meeting, _event: replace(meeting, status=CLOSED),
    ev.MeetingCancelled: _cancelled,
}
