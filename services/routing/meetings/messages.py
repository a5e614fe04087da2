"""A joint meeting as clients see it."""

from collections.abc import Mapping
from datetime import datetime

from fengqiao.routing.v1 import meeting_service_pb2 as rpc
from services.chassis.auth import Principal
from services.chassis.errors import NotFound
from services.chassis.record import Record
from services.chassis.terms import to_message as to_clock
from services.routing.domain.meetings.meeting import STATUSES, TASK_STATUSES, Item, Meeting, Task

MEETING_STATUSES: Mapping[str, rpc.MeetingStatus.ValueType] = {
    status: rpc.MeetingStatus.Value(f"MEETING_STATUS_{status.upper()}") for status in STATUSES
}
OF_TASKS: Mapping[str, rpc.MeetingTaskStatus.ValueType] = {
    status: rpc.MeetingTaskStatus.Value(f"MEETING_TASK_STATUS_{status.upper()}") for status in TASK_STATUSES
}


def meeting_of(record: Record[Meeting]) -> Meeting:
    """A stored meeting.

    Raises:
        NotFound: it has not begun.
    """
    if record.state is None:
        raise NotFound("no such meeting")
    return record.state


def takes_part(principal: Principal, meeting: Meeting) -> bool:
    """Whether it was called by a unit of the caller's, or one of theirs is invited."""
    return any(principal.covers(code) for code in (meeting.unit_code, *meeting.units))


def may_see(principal: Principal, meeting: Meeting) -> bool:
    """Who takes part, and whoever has a task."""
    has_task = any(principal.covers(task.unit_code) for task in meeting.tasks)
    return principal.at(meeting.site_id) and (has_task or takes_part(principal, meeting))


def to_meeting(
    record: Record[Meeting], now: datetime, principal: Principal, *, texts: bool = True
) -> rpc.Meeting:
    """The meeting as somebody may see it: whole for who takes part, their own tasks for others."""
    meeting, whole = meeting_of(record), takes_part(principal, meeting_of(record))
    tasks = [task for task in meeting.tasks if whole or principal.covers(task.unit_code)]
    theirs = {task.item_id for task in tasks}
    known = record.private if texts else {}
    return rpc.Meeting(
        meeting_id=record.id,
        unit_code=meeting.unit_code,
        on=meeting.on.isoformat(),
        status=MEETING_STATUSES[meeting.status],
        units=meeting.units,
        departments=meeting.departments,
        items=[_item(item, known if whole else {}) for item in meeting.items if whole or item.id in theirs],
        tasks=[_task(task, known, now) for task in tasks],
        reason=meeting.reason,
        revision=record.revision,
    )


def _item(item: Item, texts: Mapping[str, str]) -> rpc.AgendaItem:
    digest = item.minutes[-1] if item.minutes else ""
    return rpc.AgendaItem(
        item_id=item.id,
        case_id=item.case_id,
        request_no=item.request_no,
        kind=item.kind,
        unit_code=item.unit_code,
        lead=item.lead,
        assisting=item.assisting,
        minutes=texts.get(digest, ""),
        minutes_number=len(item.minutes),
        digest=digest,
    )


def _task(task: Task, texts: Mapping[str, str], now: datetime) -> rpc.MeetingTask:
    return rpc.MeetingTask(
        task_id=task.id,
        item_id=task.item_id,
        unit_code=task.unit_code,
        due_on=task.due_on.isoformat(),
        status=OF_TASKS[task.status],
        overdue=task.overdue(now),
        times_told=task.told,
        outcome=task.outcome,
        text=texts.get(task.digest, ""),
        clock=to_clock(task.clock),
    )
