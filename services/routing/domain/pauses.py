"""Pauses and extensions of a case's clocks: asked for by the owner, granted by the rule's approver."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from fengqiao.routing.v1 import clock_events_pb2 as ev
from services.chassis import terms
from services.chassis.auth import EVERYWHERE
from services.chassis.calendar import Term
from services.chassis.errors import Forbidden, IllegalTransition, Invalid, Violation
from services.chassis.model import Context, Decision, decided
from services.chassis.protobuf import timestamp
from services.chassis.terms import Rule
from services.routing.domain import shared
from services.routing.domain.case import PAUSE_CLOCK, Asked, Case, Pause
from services.routing.domain.clocks import moved
from services.routing.domain.pause_commands import (
    AskForExtension,
    AskForPause,
    GrantTime,
    PauseRanOut,
    RefuseTime,
    ResumeCase,
)
from services.routing.domain.placing import rules_for
from services.routing.domain.resuming import PAUSED, due_after, resumed, seconds_of
from services.routing.domain.returns import refuse_while_returned
from services.routing.rules import EXTENSION, OWN_UNIT, PAUSE, Rules

EXTENDED = "extended"
"""The step of an extension in the explanation of a due time."""


class Pauses:
    """The decisions, by the rules of each site."""

    def __init__(self, rules: Mapping[str, Rules]) -> None:
        """`rules` is keyed by site id."""
        self._rules = rules

    def ask_pause(self, case: Case, command: AskForPause, context: Context) -> Decision:
        """The owner asks; its clock runs on until somebody grants it.

        Raises:
            Invalid: no kind, or longer than the rule of the kind allows.
            IllegalTransition: no clock runs, something is asked for already, or there were as many pauses as
                the rule allows.
        """
        _refuse_without_clock(case, context)
        if command.kind not in ev.PauseKind.values()[1:]:
            raise Invalid([Violation("kind", "required")])
        rule = self._rules[case.site_id].moves[rule_of(command.kind)]
        length = command.length or rule.length.length
        if not 0 < length <= rule.length.length:
            raise Invalid([Violation("length", "cap_exceeded")], rule=rule.name)
        if case.pauses.count(command.kind) >= rule.limit:
            raise _refused(case, "no further pause of this kind", "as_often_as_allowed", rule=rule.name)
        event = ev.PauseAsked(
            kind=ev.PauseKind.ValueType(command.kind), **self._asking(case, rule, length, command.by)
        )
        return decided(event, note=command.note, ask_note=command.note)

    def ask_extension(self, case: Case, command: AskForExtension, context: Context) -> Decision:
        """The owner asks for more time, all in all no more than the rule's cap.

        Raises:
            Invalid: with what was granted before it is more than the cap.
            IllegalTransition: no clock runs, the due time is over, or something is asked for already.
        """
        _refuse_without_clock(case, context)
        _refuse_overdue(case, context)
        rule = self._rules[case.site_id].moves[EXTENSION]
        if not 0 < command.length <= rule.length.length - case.extended:
            raise Invalid([Violation("length", "cap_exceeded")], rule=rule.name)
        event = ev.ExtensionAsked(**self._asking(case, rule, command.length, command.by))
        return decided(event, note=command.note, ask_note=command.note)

    def grant(self, case: Case, command: GrantTime, context: Context) -> Decision:
        """Plan and due time move: by the whole pause, until it ends, or by the extension.

        Raises:
            IllegalTransition: nothing waits to be decided on, or no clock runs any more.
            Forbidden: who asked grants it, or who is not the rule's approver.
            Invalid: something else was asked for, or it was not asked for yet then.
        """
        asked = self._awaited(case, command, context)
        return (self._pause if asked.kind else self._extend)(case, asked, command, context)

    def refuse(self, case: Case, command: RefuseTime, context: Context) -> Decision:
        """Nothing changes, and the owner is told. Raises as `grant`."""
        asked = self._awaited(case, command, context)
        event = ev.TimeRefused(
            case=shared.reference(case),
            ask=asked.number,
            unit_id=case.unit_id,
            kind=ev.PauseKind.ValueType(asked.kind),
            refused_by=command.by,
        )
        return decided(event, note=command.note)

    def resume(self, case: Case, command: ResumeCase, context: Context) -> Decision:
        """The clocks run again before the pause is over.

        Raises:
            IllegalTransition: there is no pause.
            Invalid: it had not begun by then.
        """
        pause = _lasting(case)
        if context.at < pause.at:
            raise Invalid([Violation("meta.occurred_at", "before_the_pause")])
        return decided(resumed(case, pause, context.at, resumed_by=command.by), note=command.note)

    def ran_out(self, case: Case, command: PauseRanOut, context: Context) -> Decision:
        """It has lasted as long as it may."""
        fired = {"clock": command.clock, "epoch": command.epoch, "fired_at": timestamp(context.now)}
        return decided(resumed(case, _lasting(case), context.at, **fired))

    def _asking(self, case: Case, rule: Rule, length: int, by: str) -> dict[str, Any]:
        return {
            "case": shared.reference(case),
            "ask": case.asks + 1,
            "assignment": shared.owner(case),
            "length": length,
            "rule": rule.name,
            "asked_by": by,
            "approver_unit_id": self._approver(case, rule),
        }

    def _approver(self, case: Case, rule: Rule) -> str:
        """The unit that approves; empty: the desk. More time than was promised is for a superior to give,
        whatever a site says.
        """
        promised = rule.id == EXTENSION and case.due_promised
        if rule.approver == OWN_UNIT and not promised:
            return case.unit_id
        above = rules_for(self._rules, case).superior(case.unit_id)
        return above.unit.id if above else ""

    def _awaited(self, case: Case, command: GrantTime | RefuseTime, context: Context) -> Asked:
        asked = case.asked
        if asked is None:
            raise _refused(case, "nothing is asked for", "nothing_asked", "AskForPause,AskForExtension")
        if command.ask != asked.number:
            raise Invalid([Violation("ask", "not_what_is_asked_for")])
        if context.at < asked.at:
            raise Invalid([Violation("meta.occurred_at", "before_it_was_asked")])
        if command.by == asked.asked_by:
            raise Forbidden("nobody approves their own move", reason="own_ask", rule=asked.rule)
        if command.units and not self._approves(case, command.units, asked.approver_unit_id):
            who = asked.approver_unit_id or "the desk"
            raise Forbidden(f"{who} approves it", reason="not_the_approver", rule=asked.rule)
        return asked

    def _approves(self, case: Case, units: tuple[str, ...], approver: str) -> bool:
        """Whether somebody acts for the approver, or for a unit above it."""
        chain = self._rules[case.site_id].chain(approver) if approver else ()
        return bool({EVERYWHERE, *(unit.id for unit in chain)} & set(units))

    def _pause(self, case: Case, asked: Asked, command: GrantTime, context: Context) -> Decision:
        rules, at = self._rules[case.site_id], context.at
        rule = rules.moves[rule_of(asked.kind)]
        term = _as_long_as(rule, asked.length)
        clock = terms.start_term(PAUSE_CLOCK, asked.rule, term, at, rules, epoch=case.pause_clocks + 1)
        seconds = seconds_of(clock.due_at - at)
        event = ev.ClocksPaused(
            case=shared.reference(case),
            pause=clock.epoch,
            ask=asked.number,
            assignment=shared.owner(case),
            kind=ev.PauseKind.ValueType(asked.kind),
            clock=terms.to_message(clock),
            approved_by=command.by,
            plan=map(terms.to_message, moved(case.plan, at, seconds, PAUSED, provisional=clock.provisional)),
            due_at=timestamp(due_after(case, at, seconds)),
            due_before=timestamp(case.due_at),
        )
        return decided(event, note=command.note)

    def _extend(self, case: Case, asked: Asked, command: GrantTime, context: Context) -> Decision:
        _refuse_overdue(case, context)
        rules = self._rules[case.site_id]
        term = _as_long_as(rules.moves[EXTENSION], asked.length)
        longer = terms.start_term(EXTENDED, asked.rule, term, case.due_at, rules)
        seconds = seconds_of(longer.due_at - case.due_at)
        plan = moved(case.plan, context.at, seconds, EXTENDED, provisional=longer.provisional)
        event = ev.DueTimeExtended(
            case=shared.reference(case),
            ask=asked.number,
            assignment=shared.owner(case),
            length=asked.length,
            rule=asked.rule,
            approved_by=command.by,
            plan=map(terms.to_message, plan),
            due_at=timestamp(case.due_at + timedelta(seconds=seconds)),
            due_before=timestamp(case.due_at),
        )
        return decided(event, note=command.note)


def rule_of(kind: int) -> str:
    """Id of the rule of a `PauseKind`."""
    return PAUSE + ev.PauseKind.Name(ev.PauseKind.ValueType(kind)).removeprefix("PAUSE_KIND_").lower()


def _as_long_as(rule: Rule, length: int) -> Term:
    return Term(length, rule.length.unit, keeps_time=rule.length.keeps_time)


def _lasting(case: Case) -> Pause:
    if case.pause is None:
        raise _refused(case, "no clock is paused", "not_paused", "AskForPause")
    return case.pause


def _refuse_without_clock(case: Case, context: Context) -> None:
    """Only a clock that runs can be paused or end later, and one thing is asked for at a time."""
    shared.refuse_if_moved_on(case, context)
    refuse_while_returned(case)
    if case.pause:
        raise _refused(case, "the clocks are paused already", "paused_already", "ResumeCase")
    if case.asked:
        raise _refused(
            case, f"{case.asked.number} is asked for already", "asked_already", "GrantTime,RefuseTime"
        )
    if not case.running:
        raise _refused(case, "no tier's clock runs", "no_clock")


def _refuse_overdue(case: Case, context: Context) -> None:
    if case.due_at <= context.at:
        raise _refused(case, "the due time is over", "overdue")


def _refused(case: Case, why: str, reason: str, allowed: str = "", **rule: str) -> IllegalTransition:
    return IllegalTransition(why, reason=reason, state=case.status, allowed=allowed, **rule)


ASKS: Mapping[type[Any], Callable[[Pauses], Callable[..., Decision]]] = {
    AskForPause: lambda pauses: pauses.ask_pause,
    AskForExtension: lambda pauses: pauses.ask_extension,
    GrantTime: lambda pauses: pauses.grant,
    RefuseTime: lambda pauses: pauses.refuse,
    ResumeCase: lambda pauses: pauses.resume,
    PauseRanOut: lambda pauses: pauses.ran_out,
}
"""What is decided here, by message; the case stays where it is and as it is."""
