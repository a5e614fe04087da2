"""The tasks that a joint meeting sets, and what its decisions have in common."""

import hashlib
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from fengqiao.routing.v1 import meeting_events_pb2 as ev
from services.chassis.calendar import Term, Unit
from services.chassis.errors import Invalid, NotFound, Violation
from services.chassis.model import Context, Decision, Emit, decided
from services.chassis.protobuf import timestamp
from services.chassis.terms import Place, start_term, to_message
from services.routing.domain.directory.shared import invalid
from services.routing.domain.meetings import commands as c
from services.routing.domain.meetings.meeting import DONE, OF_A_TASK, OPEN, Item, Meeting, Task
from services.routing.domain.rosters.department import OFFICE

RULE = "meeting.task@1"
"""Until the end of the day that the meeting agreed on."""
LONGEST = timedelta(days=3_650)
GRACE = timedelta(seconds=5)
"""As late as a firing may be and the next one is reckoned from when it was due (chassis rule 17)."""


def reference(meeting: Meeting) -> ev.MeetingReference:
    """The meeting as its events name it."""
    return ev.MeetingReference(site_id=meeting.site_id, unit_id=meeting.unit_code, on=meeting.on.isoformat())


def digest_of(text: str) -> str:
    """What events tell of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def refuse_absent(fields: tuple[str, ...]) -> None:
    """Refuse what names a unit or a department that doesn't stand."""
    if fields:
        raise Invalid([Violation(field, "not_standing") for field in fields])


def opening_after(day: date, place: Place) -> datetime:
    """When work begins on the next worked day: nobody is reminded at night."""
    day += timedelta(days=1)
    while not place.calendar.is_working_day(day):
        day += timedelta(days=1)
    return datetime.combine(day, time.fromisoformat(OFFICE.opens), place.zone).astimezone(UTC)


def again(context: Context, place: Place) -> datetime:
    """When to tell again; after an outage once for all the days of it."""
    return opening_after(context.start_after(context.at, GRACE).astimezone(place.zone).date(), place)


def assign(meeting: Meeting, command: c.AssignTask, context: Context, place: Place) -> Decision:
    """A unit is to do something until the end of a day.

    Raises:
        Invalid: its item is not in the minutes, it is there already, its day is not one to come, or its
            unit doesn't stand.
    """
    item, today = item_of(meeting, command.item_id), context.at.astimezone(place.zone).date()
    text = command.text.strip()
    if not item.minutes:
        raise invalid("item_id", "not_in_the_minutes")
    if meeting.task(command.task_id):
        raise invalid("task_id", "twice")
    if command.due_on < meeting.on:
        raise invalid("due_on", "before_the_meeting")
    if command.due_on <= today:
        raise invalid("due_on", "not_after_today")
    if command.due_on - today > LONGEST:
        raise invalid("due_on", "too_far_ahead")
    if not text:
        raise invalid("text", "required")
    refuse_absent(command.absent)
    length = Term((command.due_on - today).days, Unit.CALENDAR_DAYS)
    clock = start_term(f"{OF_A_TASK}{command.task_id}", RULE, length, context.at, place)
    event = ev.MeetingTaskAssigned(
        meeting=reference(meeting),
        item_id=item.id,
        task_id=command.task_id,
        unit_id=command.unit_code,
        due_on=command.due_on.isoformat(),
        clock=to_message(clock),
        told_at=timestamp(opening_after(command.due_on, place)),
        digest=digest_of(text),
        assigned_by=command.assigned_by,
    )
    return Decision((Emit(event),), {digest_of(text): text})


def finish(meeting: Meeting, command: c.FinishTask, _context: Context) -> Decision:
    """It is done, be it late or left open before.

    Raises:
        Invalid: it is done already.
    """
    task = task_of(meeting, command.task_id)
    if task.status == DONE:
        raise invalid("task_id", "done_already")
    event = ev.MeetingTaskDone(
        outcome=command.outcome, reported_by=command.reported_by, **_named(meeting, task)
    )
    return decided(event)


def leave(meeting: Meeting, command: c.LeaveOpen, _context: Context) -> Decision:
    """It stays open for a reason that is on record.

    Raises:
        Invalid: it is not open.
    """
    task = task_of(meeting, command.task_id)
    if task.status != OPEN:
        raise invalid("task_id", "not_open")
    event = ev.MeetingTaskLeftOpen(
        reason=command.reason, decided_by=command.decided_by, **_named(meeting, task)
    )
    return decided(event)


def item_of(meeting: Meeting, item_id: str) -> Item:
    """One of its items, or a refusal that names the field."""
    if item := meeting.item(item_id):
        return item
    raise invalid("item_id", "no_such_item")


def task_of(meeting: Meeting, task_id: str) -> Task:
    """One of its tasks, or a refusal."""
    if task := meeting.task(task_id):
        return task
    raise NotFound("no such task")


def _named(meeting: Meeting, task: Task) -> dict[str, Any]:
    """What events of a task name it by."""
    return {
        "meeting": reference(meeting),
        "item_id": task.item_id,
        "task_id": task.id,
        "unit_id": task.unit_code,
    }


def tell_overdue(meeting: Meeting, task_id: str, context: Context, place: Place) -> Decision:
    """Unit and desk are told that it is not done, and when they will be again."""
    task = task_of(meeting, task_id)
    event = ev.MeetingTaskOverdue(
        due_on=task.due_on.isoformat(),
        times=task.told + 1,
        again_at=timestamp(again(context, place)),
        **_named(meeting, task),
    )
    return decided(event)
