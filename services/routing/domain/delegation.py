"""Delegation: somebody of the unit has one case for its holder until a day, as during a leave."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta

from fengqiao.routing.v1 import events_pb2 as ev
from fengqiao.routing.v1 import handling_events_pb2 as hv
from services.chassis import terms
from services.chassis.calendar import Term, Unit
from services.chassis.errors import IllegalTransition, Invalid, Violation
from services.chassis.model import Context, Decision, decided
from services.routing.domain import shared
from services.routing.domain.case import DELEGATION_CLOCK, Case, Delegation
from services.routing.domain.commands import DelegateCase, DelegationRanOut, EndDelegation
from services.routing.domain.placing import placed
from services.routing.rules import DELEGATION, Placement, Rules


class Delegations:
    """The decisions, by the rules of each site."""

    def __init__(self, rules: Mapping[str, Rules]) -> None:
        """`rules` is keyed by site id."""
        self._rules = rules

    def delegate(self, case: Case, command: DelegateCase, context: Context) -> Decision:
        """The unit keeps it, and no clock moves.

        Raises:
            IllegalTransition: somebody has it for its holder already, or the case moved on since then.
            Invalid: the day is none, not one to come, or further off than the rule allows; the person is not
                at work in another post of the unit, or is recused.
        """
        shared.refuse_if_moved_on(case, context)
        if case.delegation:
            raise IllegalTransition(
                f"{case.delegation.to_ref} has it for its holder already",
                reason="delegated_already",
                state=case.status,
                allowed="EndDelegation",
            )
        rules = self._rules[case.site_id]
        length = self._days(rules, command, context)
        if command.person_ref in case.recused:
            raise Invalid([Violation("person_ref", "recused")])
        if command.person_ref not in {each.holder_ref for each in rules.places.members(case.unit_id)}:
            raise Invalid([Violation("person_ref", "not_of_the_unit")])
        rule = rules.moves[DELEGATION].name
        epoch = case.delegations + 1
        clock = terms.start_term(DELEGATION_CLOCK, rule, length, context.at, rules, epoch=epoch)
        begun = hv.CaseDelegated(
            case=shared.reference(case),
            unit_id=case.unit_id,
            from_ref=case.holder_ref,
            to_ref=command.person_ref,
            clock=terms.to_message(clock),
        )
        placement = rules.answering(case.unit_id)
        theirs = Placement(placement.unit, replace(placement.post, holder_ref=command.person_ref), ())
        moved = shared.reassigned(case, theirs, ev.MOVE_REASON_DELEGATION, decided_by=command.by)
        return decided(begun, moved, note=command.note)

    def end(self, case: Case, command: EndDelegation, context: Context) -> Decision:
        """Before its day.

        Raises:
            IllegalTransition: nobody has it for its holder, or the case moved on since then.
        """
        shared.refuse_if_moved_on(case, context)
        decision = self._back(case, command.by)
        return Decision(decision.events, {"note": command.note})

    def ran_out(self, case: Case, _command: DelegationRanOut, _context: Context) -> Decision:
        """Its day is over: back to whoever answers for the unit now."""
        return self._back(case, "")

    def _back(self, case: Case, by: str) -> Decision:
        if case.delegation is None:
            raise IllegalTransition(
                "nobody has it for its holder",
                reason="not_delegated",
                state=case.status,
                allowed="DelegateCase",
            )
        ended = hv.DelegationEnded(
            case=shared.reference(case),
            unit_id=case.unit_id,
            to_ref=case.delegation.to_ref,
            ended_by=by,
        )
        its = placed(self._rules[case.site_id], case.recused, held=(case.unit_id, case.delegation.from_ref))
        placement = its.answering(case.unit_id)
        if (placement.unit.id, placement.post.holder_ref) == (case.unit_id, case.holder_ref):
            return decided(ended)
        return decided(ended, shared.reassigned(case, placement, ev.MOVE_REASON_DELEGATION, decided_by=by))

    def _days(self, rules: Rules, command: DelegateCase, context: Context) -> Term:
        """As many days as until the end of the last one."""
        today = context.at.astimezone(rules.zone).date()
        try:
            until = date.fromisoformat(command.until)
        except ValueError:
            raise Invalid([Violation("until", "no_date")]) from None
        if until <= today:
            raise Invalid([Violation("until", "not_after_today")])
        rule = rules.moves[DELEGATION]
        if until - today > timedelta(days=rule.limit):
            raise Invalid([Violation("until", "longer_than_the_rule")], rule=rule.name)
        return Term((until - today).days, Unit.CALENDAR_DAYS)


def begun(case: Case, event: hv.CaseDelegated, context: Context) -> Case:
    """Somebody has it for its holder."""
    clock = terms.from_message(event.clock)
    delegation = Delegation(event.unit_id, event.from_ref, event.to_ref, context.at, clock)
    return replace(case, delegation=delegation, delegations=clock.epoch)


def ended(case: Case, _event: hv.DelegationEnded, _context: Context) -> Case:
    """It is nobody's but its holder's."""
    return replace(case, delegation=None)
