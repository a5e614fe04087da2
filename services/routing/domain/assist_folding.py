"""How events about assisting units change a case."""

from dataclasses import replace
from typing import Any

from fengqiao.routing.v1 import handling_events_pb2 as hv
from services.chassis.model import Context
from services.chassis.terms import from_message
from services.routing.domain.assist import ASKED, DECLINED, DONE, ENDED, TAKEN_ON, Assist
from services.routing.domain.case import Case

STATUSES = {
    hv.ASSISTANCE_ANSWER_ACCEPTED: TAKEN_ON,
    hv.ASSISTANCE_ANSWER_DECLINED: DECLINED,
    hv.ASSISTANCE_ANSWER_DONE: DONE,
}


def asked(case: Case, event: hv.AssistanceAsked, context: Context) -> Case:
    """One more was asked."""
    assist = Assist(
        number=event.assistance,
        unit_id=event.unit_id,
        department=event.department,
        person_ref=event.person_ref,
        task=event.task,
        status=ASKED,
        asked_by=event.asked_by,
        asked_at=context.at,
        clock=from_message(event.answer_clock),
    )
    return replace(case, assists=(*case.assists, assist))


def answered(case: Case, event: hv.AssistanceAnswered, _context: Context) -> Case:
    """It is taken on, with a clock for the work; or over."""
    clock = from_message(event.answer_clock) if event.HasField("answer_clock") else None
    return _changed(
        case,
        event,
        status=STATUSES[event.answer],
        result=event.result,
        answered_by=event.answered_by,
        clock=clock,
        repeats=0,
        superior_unit_id="",
    )


def overdue(case: Case, event: hv.AssistanceOverdue, _context: Context) -> Case:
    """The next superior was told."""
    return _changed(
        case,
        event,
        clock=from_message(event.answer_clock),
        repeats=event.repeats,
        superior_unit_id=event.superior_unit_id,
    )


def ended(case: Case, event: hv.AssistanceEnded, _context: Context) -> Case:
    """Nothing is asked any more."""
    return _changed(case, event, status=ENDED, clock=None)


def _changed(case: Case, event: Any, **changes: Any) -> Case:
    assists = (replace(each, **changes) if each.number == event.assistance else each for each in case.assists)
    return replace(case, assists=tuple(assists))
