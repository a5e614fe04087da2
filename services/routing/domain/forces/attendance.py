"""A call-out as its events leave it."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from google.protobuf.message import Message

from fengqiao.routing.v1 import force_events_pb2 as ev
from services.chassis.model import Context
from services.chassis.terms import from_message
from services.routing.domain.forces import callout as c
from services.routing.domain.forces.callout import CallOut, Volunteer

Fold = Callable[[CallOut, Any, datetime], CallOut]


def evolve(there: CallOut | None, event: Message, context: Context) -> CallOut:
    """The call-out after one of its events."""
    if isinstance(event, ev.VolunteersCalledOut):
        about = event.call_out
        return CallOut(
            site_id=about.site_id,
            unit_id=about.unit_id,
            case_id=about.case_id,
            request_no=about.request_no,
            told_unit_id=about.told_unit_id,
            skill=event.skill,
            force=event.force,
            needed=event.needed,
            status=c.GATHERING,
            begins=from_message(event.begins),
            ends=from_message(event.ends),
            called_by=event.called_by,
            known_since=context.recorded_at,
        )
    if there is None:
        raise ValueError(f"{type(event).__name__} before VolunteersCalledOut")
    return FOLDS[type(event)](there, event, context.at)


def _more(there: CallOut, event: ev.VolunteersAsked, _at: datetime) -> CallOut:
    more = (
        Volunteer(each.person_ref, tuple((reason.code, reason.value) for reason in each.reasons))
        for each in event.asked
    )
    return replace(there, volunteers=(*there.volunteers, *more))


def _stands(status: str) -> Fold:
    return lambda there, event, _at: _changed(there, event, status=status)


def _came(there: CallOut, event: ev.VolunteerCheckedIn, at: datetime) -> CallOut:
    return _changed(there, event, status=c.THERE, checked_in_at=at)


def _went(there: CallOut, event: ev.VolunteerCheckedOut, at: datetime) -> CallOut:
    until = min(at, there.ends.due_at)
    return _changed(
        there, event, status=c.LEFT, checked_out_at=until, minutes=event.minutes, by_end=event.by_end
    )


def _changed(there: CallOut, event: Any, **changes: Any) -> CallOut:
    volunteer = there.volunteer(event.person_ref)
    if volunteer is None:
        raise ValueError(f"{type(event).__name__} before VolunteersAsked")
    return there.with_volunteer(replace(volunteer, **changes))


def _is(status: str) -> Fold:
    return lambda there, _event, _at: replace(there, status=status)


FOLDS: Mapping[type[Message], Fold] = {
    ev.VolunteersAsked: _more,
    ev.VolunteerAccepted: _stands(c.COMING),
    ev.VolunteerDeclined: _stands(c.DECLINED),
    ev.VolunteerCheckedIn: _came,
    ev.VolunteerCheckedOut: _went,
    ev.CallOutRanShort: lambda there, _event, _at: there,
    ev.CallOutBegan: _is(c.UNDER_WAY),
    ev.CallOutEnded: _is(c.ENDED),
    ev.CallOutCancelled: _is(c.CANCELLED),
}
