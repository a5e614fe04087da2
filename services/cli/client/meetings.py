"""Joint meetings: call, agenda, minutes, tasks, closure."""

from typing import Annotated, Any

import typer
from google.protobuf.message import Message

from fengqiao.common.v1.common_pb2 import CommandMeta
from fengqiao.routing.v1 import meeting_service_pb2 as rpc
from services.chassis.auth import Role
from services.cli.client import text
from services.cli.client.options import client
from services.cli.client.session import Session

meeting = typer.Typer(
    help="Joint meetings (联席会议): agenda, minutes, dated tasks, closure.",
    no_args_is_help=True,
    add_completion=False,
)

Meeting = Annotated[str, typer.Argument(metavar="MEETING", help="Id of the meeting.")]
Item = Annotated[str, typer.Argument(metavar="ITEM", help="Your own name for the item.")]
Task = Annotated[str, typer.Argument(metavar="TASK", help="Your own name for the task.")]
Unit = Annotated[str, typer.Argument(metavar="UNIT", help="Code of the unit.")]
Words = Annotated[str, typer.Argument(metavar="TEXT", help="In words; it stays in the store.")]


@meeting.command("call")
@client(Role.DESK, changes=True)
async def call(
    to: Session,
    meta: CommandMeta,
    caller: Unit,
    on: Annotated[str, typer.Argument(metavar="DAY", help="The day that it is held on.")],
    *,
    invite: Annotated[list[str] | None, typer.Option(metavar="UNIT", help="A unit that comes.")] = None,
    department: Annotated[list[str] | None, typer.Option(help="A department that comes.")] = None,
) -> None:
    """A unit calls a meeting for a day."""
    request = rpc.CallMeetingRequest(
        meta=meta, unit_code=caller, on=on, units=invite or [], departments=department or []
    )
    await _change(to, to.meetings.CallMeeting, request)


@meeting.command("agenda")
@client(Role.DESK, changes=True)
async def agenda(  # noqa: PLR0913 - options of a command
    to: Session,
    meta: CommandMeta,
    meeting_id: Meeting,
    item: Item,
    lead: Annotated[str, typer.Argument(metavar="DEPARTMENT", help="Code of the one that leads.")],
    *,
    case: Annotated[str, typer.Option(metavar="CASE", help="It is about this case.")] = "",
    kind: Annotated[str, typer.Option(help="It is about this kind of matter, at a place.")] = "",
    place: Annotated[str, typer.Option(metavar="UNIT", help="That place.")] = "",
    assist: Annotated[list[str] | None, typer.Option(metavar="DEPARTMENT", help="One that assists.")] = None,
) -> None:
    """It takes up a case, or a kind of matter at a place."""
    request = rpc.PutOnAgendaRequest(
        meta=meta,
        meeting_id=meeting_id,
        item_id=item,
        case_id=case,
        kind=kind,
        unit_code=place,
        lead=lead,
        assisting=assist or [],
    )
    await _change(to, to.meetings.PutOnAgenda, request)


@meeting.command("minutes")
@client(Role.DESK, changes=True)
async def minutes(to: Session, meta: CommandMeta, meeting_id: Meeting, item: Item, words: Words) -> None:
    """What was said and agreed about an item."""
    request = rpc.RecordMinutesRequest(meta=meta, meeting_id=meeting_id, item_id=item, text=words)
    await _change(to, to.meetings.RecordMinutes, request)


@meeting.command("task")
@client(Role.DESK, changes=True)
async def task(
    to: Session,
    meta: CommandMeta,
    meeting_id: Meeting,
    item: Item,
    task_id: Task,
    whose: Unit,
    due: Annotated[str, typer.Argument(metavar="DAY", help="The last day for it.")],
    words: Words,
) -> None:
    """A unit is to do something until the end of a day."""
    request = rpc.AssignMeetingTaskRequest(
        meta=meta,
        meeting_id=meeting_id,
        item_id=item,
        task_id=task_id,
        unit_code=whose,
        due_on=due,
        text=words,
    )
    await _change(to, to.meetings.AssignMeetingTask, request)


@meeting.command("done")
@client(Role.HANDLER, changes=True)
async def done(
    to: Session,
    meta: CommandMeta,
    meeting_id: Meeting,
    task_id: Task,
    outcome: Annotated[str, typer.Argument(metavar="OUTCOME", help="A code, as repaired.")],
) -> None:
    """A task is done."""
    request = rpc.FinishMeetingTaskRequest(meta=meta, meeting_id=meeting_id, task_id=task_id, outcome=outcome)
    await _change(to, to.meetings.FinishMeetingTask, request)


@meeting.command("leave-open")
@client(Role.DESK, changes=True)
async def leave_open(
    to: Session,
    meta: CommandMeta,
    meeting_id: Meeting,
    task_id: Task,
    reason: Annotated[str, typer.Argument(metavar="REASON", help="A code, as awaits_budget.")],
) -> None:
    """A task stays open for a reason."""
    request = rpc.LeaveMeetingTaskOpenRequest(
        meta=meta, meeting_id=meeting_id, task_id=task_id, reason=reason
    )
    await _change(to, to.meetings.LeaveMeetingTaskOpen, request)


@meeting.command("close")
@client(Role.DESK, changes=True)
async def close(to: Session, meta: CommandMeta, meeting_id: Meeting) -> None:
    """All is in the minutes, and no task is open without a reason."""
    await _change(to, to.meetings.CloseMeeting, rpc.CloseMeetingRequest(meta=meta, meeting_id=meeting_id))


@meeting.command("cancel")
@client(Role.DESK, changes=True)
async def cancel(
    to: Session,
    meta: CommandMeta,
    meeting_id: Meeting,
    reason: Annotated[str, typer.Argument(metavar="REASON", help="A code, as matter_settled.")],
) -> None:
    """It is not held."""
    request = rpc.CancelMeetingRequest(meta=meta, meeting_id=meeting_id, reason=reason)
    await _change(to, to.meetings.CancelMeeting, request)


@meeting.command("show")
@client(Role.DESK)
async def show(to: Session, meeting_id: Meeting) -> None:
    """A meeting with its items and tasks."""
    answer = await to.call(to.meetings.GetMeeting, rpc.GetMeetingRequest(meeting_id=meeting_id))
    to.show(answer, told(answer.meeting))


@meeting.command("list")
@client(Role.DESK)
async def list_meetings(
    to: Session,
    *,
    since: Annotated[str, typer.Option(metavar="DAY", help="From this day on (default: all).")] = "",
    limit: Annotated[int, typer.Option(help="At most so many.", min=1, max=200)] = 50,
    page: Annotated[str, typer.Option(help="Go on after this page token.")] = "",
) -> None:
    """Meetings, by day."""
    request = rpc.ListMeetingsRequest(since=since, page_size=limit, page_token=page)
    answer = await to.call(to.meetings.ListMeetings, request)
    rows = [
        (each.on, each.meeting_id, each.unit_code, _status(each), f"{len(each.items)} items", _open(each))
        for each in answer.meetings
    ]
    more = f"\nmore: --page {answer.next_page_token}" if answer.next_page_token else ""
    to.show(answer, (text.columns(rows) if rows else "no meeting") + more)


def told(about: rpc.Meeting) -> str:
    """A meeting as people read it."""
    facts = {
        "meeting": about.meeting_id,
        "called by": about.unit_code,
        "on": about.on,
        "status": _status(about),
        "reason": about.reason,
        "units": ", ".join(about.units),
        "departments": ", ".join(about.departments),
        "revision": about.revision,
    }
    return "\n".join([text.lines(facts), *map(_item, about.items), *map(_task, about.tasks)])


def _item(item: rpc.AgendaItem) -> str:
    matter = item.request_no or item.case_id or f"{item.kind} at {item.unit_code}"
    assisting = f", with {', '.join(item.assisting)}" if item.assisting else ""
    minutes = f"minutes {item.minutes_number}: {item.minutes}" if item.minutes_number else "no minutes"
    return f"item {item.item_id}: {matter}; {item.lead} leads{assisting}; {minutes}"


def _task(task: rpc.MeetingTask) -> str:
    status = text.word(rpc.MeetingTaskStatus, task.status, "MEETING_TASK_STATUS_")
    outcome = f" ({task.outcome})" if task.outcome else ""
    overdue = f", overdue, told {task.times_told} times" if task.overdue else ""
    return f"task {task.task_id}: {task.unit_code} by {task.due_on}: {status}{outcome}{overdue}; {task.text}"


def _status(about: rpc.Meeting) -> str:
    return text.word(rpc.MeetingStatus, about.status, "MEETING_STATUS_")


def _open(about: rpc.Meeting) -> str:
    return f"{sum(task.status == rpc.MEETING_TASK_STATUS_OPEN for task in about.tasks)} tasks open"


async def _change(to: Session, method: Any, request: Message) -> None:
    done = await to.call(method, request)
    to.show(done, told(done.meeting))
