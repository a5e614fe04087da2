"""What an order about a call-out comes to, and what happens by itself."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from google.protobuf.message import Message

from fengqiao.routing.v1 import force_events_pb2 as ev
from services.chassis.calendar import Term, Unit
from services.chassis.model import Context, Decision, Emit, Table, Transition, decided, transition
from services.chassis.record import Deadline
from services.chassis.terms import Clock, Place, start_term, to_message
from services.routing.domain.directory.shared import invalid
from services.routing.domain.forces import callout as c
from services.routing.domain.forces.callout import CallOut, Volunteer
from services.routing.domain.forces.matching import Suggestion

BEGINS, ENDS = "begins", "ends"
RULE = "callout.time@1"
"""Whoever calls says when it begins and ends."""


def call_out(command: c.CallOutVolunteers, context: Context, place: Place) -> Decision:
    """Ask them; where there are fewer than needed, that is said at once.

    Raises:
        Invalid: it begins too early, or ends before it begins.
    """
    wanted = command.wanted
    if wanted.begins_at < context.at:
        raise invalid("begins_at", "in_the_past")
    if wanted.ends_at <= wanted.begins_at:
        raise invalid("ends_at", "not_after_the_beginning")
    reference = ev.CallOutReference(
        site_id=context.site,
        unit_id=wanted.unit_id,
        case_id=command.case_id,
        request_no=command.request_no,
        told_unit_id=command.told_unit_id,
    )
    begins = _clock(BEGINS, wanted.begins_at, context, place)
    called = ev.VolunteersCalledOut(
        call_out=reference,
        skill=wanted.skill,
        force=command.force,
        needed=command.needed,
        begins=to_message(begins),
        ends=to_message(_clock(ENDS, wanted.ends_at, context, place)),
        called_by=command.called_by,
    )
    events: list[Message] = [called]
    if command.asked:
        events.append(_asked(reference, command.asked, wanted.skill, begins))
    if len(command.asked) < command.needed:
        events.append(ev.CallOutRanShort(call_out=reference, asked=len(command.asked), needed=command.needed))
    return Decision(tuple(Emit(each) for each in events))


def _ask(there: CallOut, command: c.AskVolunteers, _context: Context) -> Decision:
    known = next((i for i, each in enumerate(command.asked) if there.volunteer(each.person_ref)), None)
    if known is not None:
        raise invalid(f"person_refs[{known}]", "asked_already")
    return decided(_asked(reference(there), command.asked, there.skill, there.begins))


def _answer(there: CallOut, command: c.AnswerCallOut, _context: Context) -> Decision:
    _expect(there, command.person_ref, c.ASKED, c.COMING, c.DECLINED)
    kind = ev.VolunteerAccepted if command.accept else ev.VolunteerDeclined
    return decided(kind(call_out=reference(there), person_ref=command.person_ref))


def _check_in(there: CallOut, command: c.CheckIn, context: Context) -> Decision:
    _expect(there, command.person_ref, c.ASKED, c.COMING)
    if context.at < there.begins.due_at - c.EARLY:
        raise invalid("meta.occurred_at", "too_early")
    return decided(ev.VolunteerCheckedIn(call_out=reference(there), person_ref=command.person_ref))


def _check_out(there: CallOut, command: c.CheckOut, context: Context) -> Decision:
    leaving = _expect(there, command.person_ref, c.THERE)
    if leaving.checked_in_at and context.at < leaving.checked_in_at:
        raise invalid("meta.occurred_at", "before_checking_in")
    return decided(_gone(there, leaving, context.at, by_end=False))


def _end(there: CallOut, command: c.EndCallOut, context: Context) -> Decision:
    return _over(there, context.at, command.ended_by)


def _cancel(there: CallOut, command: c.CancelCallOut, _context: Context) -> Decision:
    came = next(there.having(c.THERE, c.LEFT), None)
    if came:
        raise invalid("call_out_id", "somebody_came")
    refs = [each.person_ref for each in there.having(*c.EXPECTED)]
    return decided(
        ev.CallOutCancelled(call_out=reference(there), cancelled_by=command.cancelled_by, person_refs=refs)
    )


def _begins(there: CallOut, _command: c.CallOutBegins, _context: Context) -> Decision:
    coming = sum(1 for _ in there.having(c.COMING, c.THERE, c.LEFT))
    events: list[Message] = [ev.CallOutBegan(call_out=reference(there), coming=coming)]
    if coming < there.needed:
        short = ev.CallOutRanShort(
            call_out=reference(there), asked=len(there.volunteers), coming=coming, needed=there.needed
        )
        events.append(short)
    return Decision(tuple(Emit(each) for each in events))


def _runs_out(there: CallOut, _command: c.CallOutRunsOut, _context: Context) -> Decision:
    return _over(there, there.ends.due_at, "")


TABLE: Table = {
    (c.GATHERING, c.AskVolunteers): Transition(_ask, (c.GATHERING,)),
    (c.GATHERING, c.AnswerCallOut): Transition(_answer, (c.GATHERING,)),
    (c.GATHERING, c.CheckIn): Transition(_check_in, (c.GATHERING,)),
    (c.GATHERING, c.CheckOut): Transition(_check_out, (c.GATHERING,)),
    (c.GATHERING, c.CancelCallOut): Transition(_cancel, (c.CANCELLED,)),
    (c.GATHERING, c.CallOutBegins): Transition(_begins, (c.UNDER_WAY,)),
    (c.UNDER_WAY, c.AskVolunteers): Transition(_ask, (c.UNDER_WAY,)),
    (c.UNDER_WAY, c.AnswerCallOut): Transition(_answer, (c.UNDER_WAY,)),
    (c.UNDER_WAY, c.CheckIn): Transition(_check_in, (c.UNDER_WAY,)),
    (c.UNDER_WAY, c.CheckOut): Transition(_check_out, (c.UNDER_WAY,)),
    (c.UNDER_WAY, c.EndCallOut): Transition(_end, (c.ENDED,)),
    (c.UNDER_WAY, c.CallOutRunsOut): Transition(_runs_out, (c.ENDED,)),
}
"""What is lawful for a call-out in each status."""


def decide(there: CallOut, command: Any, context: Context) -> Decision:
    """Decide on an order about a call-out.

    Raises:
        Invalid: it names the field; IllegalTransition: its status does not allow it.
    """
    return transition(TABLE, there.status, there, command, context)


def fire(there: CallOut, deadline: Deadline, context: Context) -> Decision:
    """What happens when it begins, and when its time is over."""
    command = c.CallOutBegins() if deadline.name == BEGINS else c.CallOutRunsOut()
    return decide(there, command, context)


def reference(there: CallOut) -> ev.CallOutReference:
    """The call-out as its events name it."""
    return ev.CallOutReference(
        site_id=there.site_id,
        unit_id=there.unit_id,
        case_id=there.case_id,
        request_no=there.request_no,
        told_unit_id=there.told_unit_id,
    )


def _clock(name: str, at: datetime, context: Context, place: Place) -> Clock:
    length = Term(round((at - context.at).total_seconds() * 1000), Unit.MILLISECONDS)
    return start_term(name, RULE, length, context.at, place)


def _asked(
    about: ev.CallOutReference, asked: Iterable[Suggestion], skill: str, begins: Clock
) -> ev.VolunteersAsked:
    volunteers = [
        ev.AskedVolunteer(
            person_ref=each.person_ref,
            reasons=[ev.Reason(code=reason.code, value=reason.value) for reason in each.reasons],
        )
        for each in asked
    ]
    return ev.VolunteersAsked(call_out=about, asked=volunteers, skill=skill, begins=to_message(begins))


def _expect(there: CallOut, person_ref: str, *statuses: str) -> Volunteer:
    volunteer = there.volunteer(person_ref)
    if volunteer is None:
        raise invalid("person_ref", "not_asked")
    if volunteer.status not in statuses:
        raise invalid("person_ref", f"is_{volunteer.status}")
    return volunteer


def _gone(there: CallOut, leaving: Volunteer, at: datetime, *, by_end: bool) -> ev.VolunteerCheckedOut:
    came = leaving.checked_in_at or at
    return ev.VolunteerCheckedOut(
        call_out=reference(there),
        person_ref=leaving.person_ref,
        minutes=c.minutes_between(came, min(at, there.ends.due_at)),
        by_end=by_end,
    )


def _over(there: CallOut, at: datetime, ended_by: str) -> Decision:
    gone = [_gone(there, each, at, by_end=True) for each in there.having(c.THERE)]
    left = list(there.having(c.LEFT))
    ended = ev.CallOutEnded(
        call_out=reference(there),
        came=len(left) + len(gone),
        minutes=sum(each.minutes for each in left) + sum(each.minutes for each in gone),
        ended_by=ended_by,
    )
    return decided(*gone, ended)
