"""How events about supervision orders change a case."""

from dataclasses import replace
from typing import Any

from fengqiao.routing.v1 import events_pb2 as ev
from services.chassis.model import Context
from services.chassis.terms import from_message
from services.routing.domain.case import ACCEPTED, ANSWERED, STANDING, Case, Order


def supervised(case: Case, event: ev.SupervisionOrdered, context: Context) -> Case:
    """It is ordered; while one stands, that one."""
    return replace(
        case,
        supervised_at=case.supervised_at or context.at,
        running=0 if event.reason == ev.MOVE_REASON_TIMEOUT else case.running,
        asked=None if event.reason == ev.MOVE_REASON_TIMEOUT else case.asked,
        **_begun(case, event, context),
    )


def _begun(case: Case, event: ev.SupervisionOrdered, context: Context) -> dict[str, Any]:
    """The order, where none stands and this one is to be answered."""
    if case.order or not event.order:
        return {}
    clock = from_message(event.answer_clock) if event.HasField("answer_clock") else None
    order = Order(
        number=event.order,
        status=STANDING,
        reason=event.reason,
        why=event.order_reason,
        orderer_unit_id=event.orderer_unit_id,
        ordered_by=event.ordered_by,
        ordered_at=context.at,
        clock=clock,
    )
    return {
        "order": order,
        "orders": event.order,
        "order_clocks": clock.epoch if clock else case.order_clocks,
    }


def answered(case: Case, event: ev.SupervisionAnswered, _context: Context) -> Case:
    """It waits to be judged."""
    return _order(case, event, status=ANSWERED, result=event.result, answered_by=event.answered_by)


def accepted(case: Case, event: ev.AnswerAccepted, _context: Context) -> Case:
    """It has ended, or is to be reported on again."""
    if event.HasField("answer_clock"):
        return _order(case, event, status=ACCEPTED)
    return replace(case, order=None)


def sent_back(case: Case, event: ev.AnswerSentBack, _context: Context) -> Case:
    """It is to be answered again."""
    return _order(case, event, status=STANDING)


def repeated(case: Case, event: ev.SupervisionRepeated, _context: Context) -> Case:
    """It goes to the next superior."""
    status = ANSWERED if event.answered else STANDING
    return _order(case, event, status=status, repeats=event.repeats, orderer_unit_id=event.orderer_unit_id)


def _order(case: Case, event: Any, **changes: Any) -> Case:
    """The order that stands, changed, with the clock that an event carries."""
    if case.order is None:
        return case
    clock = from_message(event.answer_clock)
    return replace(case, order=replace(case.order, clock=clock, **changes), order_clocks=clock.epoch)
