"""Returns ("not mine"), the ruling of the common superior on them, and transfers (移送管辖)."""

from collections.abc import Mapping

from fengqiao.routing.v1 import events_pb2 as ev
from services.chassis import terms
from services.chassis.errors import Forbidden, IllegalTransition, Invalid, Violation
from services.chassis.model import Context, Decision, decided
from services.chassis.protobuf import timestamp
from services.routing.domain import shared
from services.routing.domain.case import RULING_CLOCK, Case, Return
from services.routing.domain.commands import ReturnCase, RuleOnReturn, RulingRanOut, TransferCase
from services.routing.domain.placing import RECUSED, rules_for
from services.routing.rules import RETURN, RULING, Placement, Rules


class Returns:
    """The decisions, by the rules of each site."""

    def __init__(self, rules: Mapping[str, Rules]) -> None:
        """`rules` is keyed by site id."""
        self._rules = rules

    def give_back(self, case: Case, command: ReturnCase, context: Context) -> Decision:
        """The unit keeps it until its superior has ruled; no clock of the case stops.

        Raises:
            IllegalTransition: at the top, more than the rule's time after the assignment, or ruled on before.
            Invalid: there is no such unit to propose.
        """
        rules = rules_for(self._rules, case)
        if rules.superior(case.unit_id) is None:
            raise nobody_above(case)
        within = terms.start(RETURN, rules.moves[RETURN], case.assigned_at, rules)
        if context.at > within.due_at:
            raise IllegalTransition(
                f"a case can be returned until {within.due_at.isoformat()}",
                reason="too_late",
                rule=within.rule,
                state=case.status,
                allowed="EscalateCase",
            )
        if command.proposed_unit_id:
            standing(rules, case, command.proposed_unit_id, "proposed_unit_id")
        superior = rules.superior(case.unit_id, command.proposed_unit_id) or rules.answering(rules.places.top)
        _refuse_if_bound(case, rules, command.proposed_unit_id or superior.unit.id)
        number = case.returns + 1
        clock = terms.start(RULING_CLOCK, rules.moves[RULING], context.at, rules, epoch=number)
        event = ev.CaseReturned(
            case=shared.reference(case),
            number=number,
            assignment=shared.owner(case),
            reason=ev.ReturnReason.ValueType(command.reason),
            proposed_unit_id=command.proposed_unit_id,
            superior_unit_id=superior.unit.id,
            returned_by=command.by,
            clock=terms.to_message(clock),
        )
        return decided(event, note=command.note)

    def rule(self, case: Case, command: RuleOnReturn, context: Context) -> Decision:
        """It stays, goes to a unit at or below the superior, or is taken by the superior; binding.

        Raises:
            IllegalTransition: no return waits for a ruling.
            Forbidden: whoever returned it, or has it, rules.
            Invalid: it can't go to that unit, or the ruling is older than the return.
        """
        rules, pending = rules_for(self._rules, case), _awaited(case)
        if command.by in {pending.returned_by, case.holder_ref}:
            raise Forbidden("nobody rules on their own return", reason="own_return")
        if context.at < pending.at:
            raise Invalid([Violation("meta.occurred_at", "before_the_return")])
        placement = self._by_ruling(case, command, rules, pending)
        ruled = ev.ReturnRuled(
            case=shared.reference(case),
            number=pending.number,
            unit_id=case.unit_id,
            superior_unit_id=pending.superior_unit_id,
            ruling=ev.Ruling.ValueType(command.ruling),
            to_unit_id=placement.unit.id if placement else case.unit_id,
            ruled_by=command.by,
        )
        if placement is None:
            return decided(ruled, note=command.note)
        moved = shared.reassigned(case, placement, ev.MOVE_REASON_RULING, decided_by=command.by)
        return decided(ruled, moved, note=command.note)

    def ran_out(self, case: Case, command: RulingRanOut, context: Context) -> Decision:
        """Nobody ruled: it goes up to the superior by itself."""
        above = rules_for(self._rules, case).answering(_awaited(case).superior_unit_id)
        fired = {"clock": command.clock, "epoch": command.epoch, "fired_at": timestamp(context.now)}
        return decided(shared.escalation(case, above, ev.MOVE_REASON_RETURNED, **fired))

    def transfer(self, case: Case, command: TransferCase, context: Context) -> Decision:
        """To another unit that stands and is staffed; the resident's due time stays.

        Raises:
            IllegalTransition: a return waits for a ruling, or the case moved on since then.
            Forbidden: it is their own.
        Invalid: there is no such unit, nobody works there, or it has the case already.
        """
        shared.refuse_if_moved_on(case, context)
        refuse_while_returned(case)
        if command.by == case.holder_ref:
            raise Forbidden("nobody transfers their own case", reason="own_case")
        placement = standing(rules_for(self._rules, case), case, command.unit_id, "unit_id")
        event = shared.reassigned(
            case,
            placement,
            ev.MOVE_REASON_TRANSFER,
            transfer_reason=ev.TransferReason.ValueType(command.reason),
            decided_by=command.by,
        )
        return decided(event, note=command.note)

    def _by_ruling(
        self, case: Case, command: RuleOnReturn, rules: Rules, pending: Return
    ) -> Placement | None:
        """Where the case goes by a ruling; None where it stays."""
        if command.ruling != ev.RULING_GOES:
            if command.unit_id:
                raise Invalid([Violation("unit_id", "only_where_it_goes")])
            return rules.answering(pending.superior_unit_id) if command.ruling == ev.RULING_TAKEN else None
        placement = standing(rules, case, command.unit_id, "unit_id")
        if pending.superior_unit_id not in {unit.id for unit in rules.chain(command.unit_id)}:
            raise Invalid([Violation("unit_id", "not_below_the_superior")])
        return placement


def nobody_above(case: Case) -> IllegalTransition:
    """The top can't return a case."""
    return IllegalTransition(
        "the top tier has nobody to return a case to",
        reason="top_of_ladder",
        state=case.status,
        allowed="",
    )


def refuse_while_returned(case: Case) -> None:
    """A return is ruled on before anything else is decided about whose case it is.

    Raises:
        IllegalTransition: a ruling is awaited.
    """
    if case.returned:
        raise IllegalTransition(
            f"{case.returned.superior_unit_id} has to rule on a return first",
            reason="ruling_awaited",
            state=case.status,
            allowed="RuleOnReturn",
        )


def _awaited(case: Case) -> Return:
    if case.returned is None:
        raise IllegalTransition(
            "no return waits for a ruling", reason="nothing_returned", state=case.status, allowed="ReturnCase"
        )
    return case.returned


def standing(rules: Rules, case: Case, unit_id: str, field: str) -> Placement:
    """A unit that could have the case.

    Raises:
        Invalid: it has it, it does not stand, nobody works there, who does is recused, or a list keeps the
            kind higher.
    """
    if unit_id == case.unit_id:
        raise Invalid([Violation(field, "same_unit")])
    if not unit_id or rules.places.unit(unit_id).id != unit_id:
        raise Invalid([Violation(field, "unknown_unit")])
    placement = rules.answering(unit_id)
    if placement.unit.id != unit_id or not placement.post.holder_ref:
        why = rules.places.post(unit_id).empty
        raise Invalid([Violation(field, "recused" if why == RECUSED else "not_staffed")])
    if listed := rules.kept_up(case.kind, case.submitted_at, placement.unit.tier):
        # A department's listed work is not pushed down, whoever would have it so.
        raise Invalid([Violation(field, "below_the_department_list")], rule=f"list:{listed.department}")
    return placement


def _refuse_if_bound(case: Case, rules: Rules, other_id: str) -> None:
    """Two units return a case to each other so often and no more; what was told to stay, stays.

    Raises:
        IllegalTransition: a ruling binds the unit.
    """
    rule = rules.moves[RULING]
    sent_by = next((r.unit_id for r in reversed(case.rulings) if r.other_id == case.unit_id), "")
    pairs = [{case.unit_id, other} for other in {other_id, sent_by} - {""}]
    between = max(sum({r.unit_id, r.other_id} == pair for r in case.rulings) for pair in pairs)
    if between >= rule.limit or any(r.stays and r.unit_id == case.unit_id for r in case.rulings):
        raise IllegalTransition(
            "a ruling is binding: it is not returned again",
            reason="ruled_already",
            rule=rule.name,
            state=case.status,
            allowed="EscalateCase",
        )
