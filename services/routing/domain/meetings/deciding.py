"""What an order about a joint meeting comes to: pure functions `(meeting, command, context) -> Decision`."""

from collections.abc import Callable, Iterator, Mapping

from fengqiao.routing.v1 import meeting_events_pb2 as ev
from services.chassis.errors import Invalid, Violation
from services.chassis.model import Context, Decision, Emit, Table, Transition, decided, transition
from services.chassis.protobuf import timestamp
from services.chassis.record import Deadline
from services.chassis.terms import Place
from services.routing.domain.directory.shared import invalid
from services.routing.domain.meetings import commands as c
from services.routing.domain.meetings.meeting import (
    CALLED,
    CANCELLED,
    CLOSED,
    DONE,
    HELD,
    LEFT_OPEN,
    MEETING,
    OF_A_TASK,
    OPEN,
    Item,
    Meeting,
)
from services.routing.domain.meetings.tasks import (
    again,
    assign,
    digest_of,
    finish,
    item_of,
    leave,
    opening_after,
    reference,
    refuse_absent,
    tell_overdue,
)


def call(command: c.CallMeeting, context: Context, place: Place) -> Decision:
    """A meeting begins.

    Raises:
        Invalid: its day is over, nobody is invited, or somebody who is doesn't stand.
    """
    if command.on < context.at.astimezone(place.zone).date():
        raise invalid("on", "in_the_past")
    if not command.units and not command.departments:
        raise invalid("departments", "nobody_invited")
    refuse_absent(command.absent)
    return decided(
        ev.MeetingCalled(
            meeting=ev.MeetingReference(
                site_id=context.site, unit_id=command.unit_code, on=command.on.isoformat()
            ),
            units=command.units,
            departments=command.departments,
            called_by=command.called_by,
            missed_at=timestamp(opening_after(command.on, place)),
        )
    )


def table(places: Mapping[str, Place]) -> Table:
    """What is lawful for a meeting in each status, with the zones and calendars of the sites."""

    def minutes(meeting: Meeting, command: c.RecordMinutes, context: Context) -> Decision:
        if context.at.astimezone(places[meeting.site_id].zone).date() < meeting.on:
            raise invalid("meeting_id", "not_yet_held")
        return _minutes(meeting, command)

    def set_task(meeting: Meeting, command: c.AssignTask, context: Context) -> Decision:
        return assign(meeting, command, context, places[meeting.site_id])

    def ran_out(meeting: Meeting, command: c.TaskRanOut, context: Context) -> Decision:
        return tell_overdue(meeting, command.task_id, context, places[meeting.site_id])

    def missed(meeting: Meeting, _command: c.DayPassed, context: Context) -> Decision:
        at = timestamp(again(context, places[meeting.site_id]))
        return decided(ev.MeetingMissed(meeting=reference(meeting), times=meeting.missed + 1, again_at=at))

    return {
        (CALLED, c.PutOnAgenda): Transition(_put, (CALLED,)),
        (CALLED, c.RecordMinutes): Transition(minutes, (HELD,)),
        (CALLED, c.CancelMeeting): Transition(_cancel, (CANCELLED,)),
        (CALLED, c.DayPassed): Transition(missed, (CALLED,)),
        (HELD, c.PutOnAgenda): Transition(_put, (HELD,)),
        (HELD, c.RecordMinutes): Transition(minutes, (HELD,)),
        (HELD, c.AssignTask): Transition(set_task, (HELD,)),
        (HELD, c.FinishTask): Transition(finish, (HELD,)),
        (HELD, c.LeaveOpen): Transition(leave, (HELD,)),
        (HELD, c.TaskRanOut): Transition(ran_out, (HELD,)),
        (HELD, c.CloseMeeting): Transition(_close, (CLOSED,)),
    }


def firing(cells: Table) -> Callable[[Meeting, Deadline, Context], Decision]:
    """What happens when the day of a meeting or of a task is over."""

    def fire(meeting: Meeting, deadline: Deadline, context: Context) -> Decision:
        passed = c.DayPassed() if deadline.name == MEETING else c.TaskRanOut(deadline.name[len(OF_A_TASK) :])
        return transition(cells, meeting.status, meeting, passed, context)

    return fire


def _put(meeting: Meeting, command: c.PutOnAgenda, _context: Context) -> Decision:
    if wrong := [*_faults(meeting, command)]:
        raise Invalid(wrong)
    refuse_absent(command.absent)
    event = ev.AgendaItemAdded(
        meeting=reference(meeting),
        item_id=command.item_id,
        case_id=command.case_id,
        request_no=command.request_no,
        kind=command.kind,
        unit_id=command.unit_code,
        lead=command.lead,
        assisting=command.assisting,
        added_by=command.added_by,
    )
    return decided(event)


def _faults(meeting: Meeting, command: c.PutOnAgenda) -> Iterator[Violation]:
    if command.case_id and (command.kind or command.unit_code):
        yield Violation("case_id", "either_case_or_kind_and_place")
    elif not command.case_id:
        if not command.kind:
            yield Violation("kind", "required")
        if not command.unit_code:
            yield Violation("unit_code", "required")
    matter = Item("", command.case_id, "", command.kind, command.unit_code, "", ()).matter
    if meeting.item(command.item_id):
        yield Violation("item_id", "twice")
    elif any(item.matter == matter for item in meeting.items):
        yield Violation("case_id" if command.case_id else "kind", "twice")
    if command.lead in command.assisting:
        yield Violation("assisting", "is_the_lead")


def _minutes(meeting: Meeting, command: c.RecordMinutes) -> Decision:
    item, text = item_of(meeting, command.item_id), command.text.strip()
    if not text:
        raise invalid("text", "required")
    event = ev.MinutesRecorded(
        meeting=reference(meeting),
        item_id=item.id,
        number=len(item.minutes) + 1,
        digest=digest_of(text),
        recorded_by=command.recorded_by,
    )
    return Decision((Emit(event),), {digest_of(text): text})


def _close(meeting: Meeting, command: c.CloseMeeting, _context: Context) -> Decision:
    silent = [each for each in meeting.items if not each.minutes]
    wrong = [Violation(f"items.{each.id}", "not_in_the_minutes") for each in silent]
    wrong += [Violation(f"tasks.{each.id}", "open") for each in meeting.tasks if each.status == OPEN]
    if wrong:
        raise Invalid(wrong)
    counted = {status: sum(each.status == status for each in meeting.tasks) for status in (DONE, LEFT_OPEN)}
    event = ev.MeetingClosed(
        meeting=reference(meeting),
        done=counted[DONE],
        left_open=counted[LEFT_OPEN],
        closed_by=command.closed_by,
    )
    return decided(event)


def _cancel(meeting: Meeting, command: c.CancelMeeting, _context: Context) -> Decision:
    event = ev.MeetingCancelled(
        meeting=reference(meeting),
        reason=command.reason,
        cancelled_by=command.cancelled_by,
        units=meeting.units,
        departments=meeting.departments,
    )
    return decided(event)
