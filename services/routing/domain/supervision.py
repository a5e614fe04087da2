"""Supervision orders (督办) up to their written answer: one stands at a time, and none is ever silent."""

from collections.abc import Mapping
from typing import Any

from fengqiao.common.v1.common_pb2 import Clock as ClockMessage
from fengqiao.routing.v1 import events_pb2 as ev
from services.chassis.errors import Forbidden, IllegalTransition, Invalid, Violation
from services.chassis.model import Context, Decision, decided
from services.chassis.protobuf import timestamp
from services.routing.domain import shared
from services.routing.domain.case import ANSWERED, ORDER_CLOCK, Case, Order
from services.routing.domain.commands import (
    AnswerSupervision,
    JudgeAnswer,
    OrderSupervision,
    SupervisionRanOut,
)
from services.routing.domain.placing import rules_for
from services.routing.rules import ANSWER, JUDGEMENT, REPORT, Rules


class Orders:
    """The decisions, by the rules of each site."""

    def __init__(self, rules: Mapping[str, Rules]) -> None:
        """`rules` is keyed by site id."""
        self._rules = rules

    def ordered(
        self, case: Case, reason: ev.MoveReason.ValueType, context: Context, **more: Any
    ) -> ev.SupervisionOrdered:
        """An order that nobody gave: the desk judges its answer. The one that stands is named, not renewed.

        In a replay nobody could answer, so no clock runs for it.
        """
        event = shared.supervision(case, reason, **more)
        event.order = case.order.number if case.order else case.orders + 1
        if case.order is None and not context.replay:
            event.answer_clock.CopyFrom(self._clock(case, ANSWER, context))
        return event

    def order(self, case: Case, command: OrderSupervision, context: Context) -> Decision:
        """The desk or a superior orders it.

        Raises:
            IllegalTransition: an order stands already, or the case moved on since then.
        """
        shared.refuse_if_moved_on(case, context)
        if case.order:
            raise IllegalTransition(
                f"order {case.order.number} stands already",
                reason="order_stands",
                state=case.status,
                allowed="AnswerSupervision,JudgeAnswer",
            )
        above = [unit.id for unit in rules_for(self._rules, case).chain(case.unit_id)][1:]
        event = shared.supervision(
            case,
            ev.MOVE_REASON_SUPERIOR,
            order=case.orders + 1,
            orderer_unit_id=next((each for each in above if each in command.units), ""),
            ordered_by=command.by,
            order_reason=ev.OrderReason.ValueType(command.why),
            answer_clock=self._clock(case, ANSWER, context),
        )
        return decided(event, note=command.note, supervision_answer="")

    def answer(self, case: Case, command: AnswerSupervision, context: Context) -> Decision:
        """In writing; what is written stays in the store.

        Raises:
            IllegalTransition: no order stands, or its answer is being judged.
            Invalid: it is another order, or not given yet then.
        """
        shared.refuse_if_moved_on(case, context)
        order = _standing(case, command.order, context)
        if order.status == ANSWERED:
            raise _out_of_turn(case, "answered_already", "JudgeAnswer")
        event = ev.SupervisionAnswered(
            case=shared.reference(case),
            order=order.number,
            unit_id=case.unit_id,
            result=command.result,
            answered_by=command.by,
            orderer_unit_id=order.orderer_unit_id,
            answer_clock=self._clock(case, JUDGEMENT, context),
        )
        return decided(event, supervision_answer=command.text)

    def judge(self, case: Case, command: JudgeAnswer, context: Context) -> Decision:
        """Accepted it ends, unless nothing else would see to the open case; sent back it is due again.

        Raises:
            IllegalTransition: no order stands, or there is no answer to judge.
            Forbidden: whoever answered, or has the case, judges.
            Invalid: it is another order, or not given yet then.
        """
        order = _standing(case, command.order, context)
        if order.status != ANSWERED:
            raise _out_of_turn(case, "not_answered", "AnswerSupervision")
        if command.by in {order.answered_by, case.holder_ref}:
            raise Forbidden("nobody judges their own answer", reason="own_answer")
        about: dict[str, Any] = {
            "case": shared.reference(case),
            "order": order.number,
            "unit_id": case.unit_id,
        }
        if not command.accepted:
            again = self._clock(case, ANSWER, context)
            sent_back = ev.AnswerSentBack(sent_back_by=command.by, answer_clock=again, **about)
            return decided(sent_back, note=command.note)
        report = None if case.running else self._clock(case, REPORT, context)
        accepted = ev.AnswerAccepted(accepted_by=command.by, answer_clock=report, **about)
        return decided(accepted, note=command.note)

    def ran_out(self, case: Case, command: SupervisionRanOut, context: Context) -> Decision:
        """Repeated to the next superior, above the top to the desk, and again and again."""
        order = case.order
        if order is None:
            raise _out_of_turn(case, "no_order", "OrderSupervision")
        rules, orderer = rules_for(self._rules, case), order.orderer_unit_id
        above = rules.above(orderer) if orderer else None
        answered = order.status == ANSWERED
        event = ev.SupervisionRepeated(
            case=shared.reference(case),
            assignment=shared.owner(case),
            order=order.number,
            repeats=order.repeats + 1,
            orderer_unit_id=above.unit.id if above else "",
            answered=answered,
            clock=command.clock,
            epoch=command.epoch,
            fired_at=timestamp(context.now),
            answer_clock=self._clock(case, JUDGEMENT if answered else ANSWER, context),
        )
        return decided(event)

    def _clock(self, case: Case, rule: str, context: Context) -> ClockMessage:
        return shared.clock(self._rules[case.site_id], ORDER_CLOCK, rule, context, case.order_clocks + 1)


def _standing(case: Case, number: int, context: Context) -> Order:
    if case.order is None:
        raise _out_of_turn(case, "no_order", "OrderSupervision")
    if number != case.order.number:
        raise Invalid([Violation("order", "not_the_standing_order")])
    if context.at < case.order.ordered_at:
        raise Invalid([Violation("meta.occurred_at", "before_the_order")])
    return case.order


def _out_of_turn(case: Case, reason: str, allowed: str) -> IllegalTransition:
    return IllegalTransition(
        f"the supervision order: {reason}", reason=reason, state=case.status, allowed=allowed
    )
