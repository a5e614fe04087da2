"""Assisting units (三个一: one team, one matter, one network): asked by the owner, who leads and stays the
one owner. Each has a clock of its own, and is never silent.
"""

from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf.message import Message

from fengqiao.common.v1.common_pb2 import Clock as ClockMessage
from fengqiao.routing.v1 import events_pb2 as ev
from fengqiao.routing.v1 import handling_events_pb2 as hv
from services.chassis.errors import Forbidden, IllegalTransition, Invalid, Violation
from services.chassis.model import Context, Decision, Emit, decided
from services.chassis.protobuf import timestamp
from services.routing.domain import shared
from services.routing.domain.assist import TAKEN_ON, Assist, clock_name
from services.routing.domain.case import Case
from services.routing.domain.commands import (
    AnswerAssistance,
    AskForAssistance,
    AssistanceRanOut,
    EndAssistance,
)
from services.routing.domain.placing import rules_for
from services.routing.domain.returns import refuse_while_returned, standing
from services.routing.rules import ASSISTANCE_ANSWER, ASSISTANCE_WORK, Rules

ENDING = (ev.CaseResolved, ev.CaseWithdrawn, ev.CaseReferred, ev.CaseJoined)
MOVING = (ev.CaseEscalated, ev.CaseReassigned)


class Assistance:
    """The decisions, by the rules of each site."""

    def __init__(self, rules: Mapping[str, Rules]) -> None:
        """`rules` is keyed by site id."""
        self._rules = rules

    def ask(self, case: Case, command: AskForAssistance, context: Context) -> Decision:
        """The owner asks another unit or a department.

        Raises:
            IllegalTransition: the unit has returned the case, or it was asked for help as often as the rule
                allows.
            Invalid: it is no other unit that stands and is staffed, no department that stands, or is asked
                already.
        """
        rules = rules_for(self._rules, case)
        shared.refuse_if_moved_on(case, context)
        refuse_while_returned(case)
        if command.department:
            if not command.stands:
                raise Invalid([Violation("department", "unknown_department")])
        else:
            standing(rules, case, command.unit_id, "unit_id")
        whom = (command.unit_id, command.department)
        if any((each.unit_id, each.department) == whom for each in case.assists if each.active):
            raise Invalid([Violation("department" if command.department else "unit_id", "asked_already")])
        rule = rules.moves[ASSISTANCE_ANSWER]
        if len(case.assists) >= rule.limit:
            raise IllegalTransition(
                f"help was asked for {rule.limit} times", reason="too_many", rule=rule.name, state=case.status
            )
        number = len(case.assists) + 1
        event = hv.AssistanceAsked(
            case=shared.reference(case),
            assistance=number,
            unit_id=command.unit_id,
            department=command.department,
            person_ref=command.person_ref,
            task=command.task,
            lead_unit_id=case.unit_id,
            asked_by=command.by,
            answer_clock=self._clock(case, number, 1, ASSISTANCE_ANSWER, context),
        )
        return Decision((Emit(event),), {f"assistance_{number}_asked": command.note})

    def answer(self, case: Case, command: AnswerAssistance, context: Context) -> Decision:
        """Who was asked takes it on, declines with a reason, or has done it; what is written stays in the
        store.

        Raises:
            IllegalTransition: nothing is asked any more, or it was taken on before.
            Forbidden: whoever asked answers.
            Invalid: there is no such assistance, it was not asked for yet then, or reason or result lack.
        """
        assist = _active(case, command.assistance)
        if command.by == assist.asked_by:
            raise Forbidden("nobody answers their own asking", reason="own_asking")
        if context.at < assist.asked_at:
            raise Invalid([Violation("meta.occurred_at", "before_the_asking")])
        accepts = command.answer == hv.ASSISTANCE_ANSWER_ACCEPTED
        if accepts and assist.status == TAKEN_ON:
            raise _out_of_turn(case, "answered_already")
        if accepts == bool(command.result):
            raise Invalid([Violation("result", "only_with_an_end" if accepts else "required")])
        epoch = assist.clock.epoch + 1 if assist.clock else 1
        clock = self._clock(case, assist.number, epoch, ASSISTANCE_WORK, context) if accepts else None
        event = hv.AssistanceAnswered(
            answer=hv.AssistanceAnswer.ValueType(command.answer),
            result=command.result,
            answered_by=command.by,
            answer_clock=clock,
            **_about(case, assist),
        )
        return Decision((Emit(event),), {f"assistance_{assist.number}_answered": command.text})

    def end(self, case: Case, command: EndAssistance, context: Context) -> Decision:
        """The owner needs it no longer.

        Raises:
            IllegalTransition: nothing is asked any more, or the case moved on since then.
            Invalid: there is no such assistance.
        """
        shared.refuse_if_moved_on(case, context)
        assist = _active(case, command.assistance)
        return decided(_ended(case, assist, hv.ASSISTANCE_END_NOT_NEEDED, command.by), note=command.note)

    def ran_out(self, case: Case, command: AssistanceRanOut, context: Context) -> Decision:
        """Told to the next superior of who was asked, above the top to the desk, and again and again."""
        number = int(command.clock.rpartition("-")[2])
        assist = _active(case, number)
        below = assist.superior_unit_id if assist.repeats else assist.unit_id
        above = rules_for(self._rules, case).above(below) if below else None
        taken_on = assist.status == TAKEN_ON
        rule = ASSISTANCE_WORK if taken_on else ASSISTANCE_ANSWER
        event = hv.AssistanceOverdue(
            person_ref=assist.person_ref,
            superior_unit_id=above.unit.id if above else "",
            repeats=assist.repeats + 1,
            accepted=taken_on,
            clock=command.clock,
            epoch=command.epoch,
            fired_at=timestamp(context.now),
            answer_clock=self._clock(case, number, command.epoch + 1, rule, context),
            **_about(case, assist),
        )
        return decided(event)

    def _clock(self, case: Case, number: int, epoch: int, rule: str, context: Context) -> ClockMessage:
        return shared.clock(self._rules[case.site_id], clock_name(number), rule, context, epoch)


def ending(
    decide: Callable[[Case, Any, Context], Decision],
) -> Callable[[Case, Any, Context], Decision]:
    """The same decision, with what it ends: nobody assists with a case that is no longer handled here, nor
    with their own.
    """

    def decide_and_end(case: Case, message: Any, context: Context) -> Decision:
        decision = decide(case, message, context)
        active = [each for each in case.assists if each.active]
        if not active:
            return decision
        events = [emit.message for emit in decision.events]
        if any(isinstance(event, ENDING) for event in events):
            over = [_ended(case, each, hv.ASSISTANCE_END_CASE_ENDED) for each in active]
        else:
            owners = {event.assignment.unit_id for event in events if isinstance(event, MOVING)}
            over = [
                _ended(case, each, hv.ASSISTANCE_END_LEADS_NOW) for each in active if each.unit_id in owners
            ]
        return Decision((*decision.events, *map(Emit, over)), decision.private) if over else decision

    return decide_and_end


def _ended(
    case: Case, assist: Assist, reason: hv.AssistanceEnd.ValueType, by: str = ""
) -> hv.AssistanceEnded:
    return hv.AssistanceEnded(
        person_ref=assist.person_ref, reason=reason, ended_by=by, **_about(case, assist)
    )


def _about(case: Case, assist: Assist) -> dict[str, Any]:
    about: dict[str, Message | str | int] = {
        "case": shared.reference(case),
        "assistance": assist.number,
        "unit_id": assist.unit_id,
        "department": assist.department,
        "lead_unit_id": case.unit_id,
    }
    return about


def _active(case: Case, number: int) -> Assist:
    if not 1 <= number <= len(case.assists):
        raise Invalid([Violation("assistance", "no_such_assistance")])
    assist = case.assists[number - 1]
    if not assist.active:
        raise _out_of_turn(case, "ended_already")
    return assist


def _out_of_turn(case: Case, reason: str) -> IllegalTransition:
    return IllegalTransition(
        f"the assistance: {reason}", reason=reason, state=case.status, allowed="AskForAssistance"
    )
