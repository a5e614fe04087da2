"""The end of an early warning (预警): nobody complained, so a superior puts it on record."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from fengqiao.common.v1.common_pb2 import Clock as ClockMessage
from fengqiao.routing.v1 import early_warning_events_pb2 as ew
from fengqiao.routing.v1 import events_pb2 as ev
from services.chassis.errors import Forbidden, IllegalTransition, Invalid, Violation
from services.chassis.model import Context, Decision, Emit, Table, decided
from services.chassis.terms import from_message
from services.routing.domain import shared
from services.routing.domain.case import END_CLOCK, OUTCOMES, RESOLVED, Case, Ending
from services.routing.domain.commands import EndRanOut, RecordEnd
from services.routing.domain.placing import rules_for
from services.routing.rules import END, Rules

Reopen = Callable[[Case, Context], ev.CaseReopened]


class Endings:
    """The decisions, by the rules of each site."""

    def __init__(self, rules: Mapping[str, Rules], reopen: Reopen) -> None:
        """`rules` is keyed by site id; `reopen` is how a case goes on."""
        self._rules = rules
        self._reopen = reopen

    def following(self, cells: Table) -> Table:
        """The table in which the record of its end follows each settlement of an early warning."""
        return {
            (status, message): replace(cell, decide=self._followed(cell.decide))
            if RESOLVED in cell.to and status != RESOLVED
            else cell
            for (status, message), cell in cells.items()
        }

    def _followed(self, decide: Callable[[Case, Any, Context], Decision]) -> Callable[..., Decision]:
        def then(case: Case, message: Any, context: Context) -> Decision:
            decision = decide(case, message, context)
            settled = any(isinstance(emit.message, ev.CaseResolved) for emit in decision.events)
            if not settled or not case.screening_code:
                return decision
            awaited = self._awaited_of(case, getattr(message, "by", ""), context)
            return replace(decision, events=(*decision.events, Emit(awaited)))

        return then

    def _awaited_of(self, case: Case, by: str, context: Context) -> ew.EndAwaited:
        unit_id, _tier = case.owner_at(context.at)
        above = rules_for(self._rules, case).superior(unit_id)
        return ew.EndAwaited(
            case=shared.reference(case),
            unit_id=unit_id,
            superior_unit_id=above.unit.id if above else "",
            settled_by=by,
            answer_clock=None if context.replay else self._clock(case, context),
        )

    def record(self, case: Case, command: RecordEnd, context: Context) -> Decision:
        """It is ended lawfully, or goes on one tier up.

        Raises:
            IllegalTransition: no end is to be put on record.
            Forbidden: whoever settled it does so.
            Invalid: it is older than the settlement.
        """
        awaited = _awaited(case)
        if command.by and command.by == awaited.settled_by:
            raise Forbidden("nobody puts the end of their own settlement on record", reason="own_settlement")
        if case.resolved_at and context.at < case.resolved_at:
            raise Invalid([Violation("meta.occurred_at", "before_the_settlement")])
        if command.end == ew.LAWFUL_END_SENT_BACK:
            return decided(self._reopen(case, context), also=(OUTCOMES,), note=command.note)
        event = ew.EarlyWarningEnded(
            case=shared.reference(case),
            unit_id=awaited.unit_id,
            superior_unit_id=awaited.superior_unit_id,
            end=ew.LawfulEnd.ValueType(command.end),
            recorded_by=command.by,
        )
        return decided(event, also=(OUTCOMES,), note=command.note)

    def ran_out(self, case: Case, command: EndRanOut, context: Context) -> Decision:
        """Asked of the next superior, above the top of the desk, and again and again."""
        awaited = _awaited(case)
        superior = awaited.superior_unit_id
        above = rules_for(self._rules, case).above(superior) if superior else None
        event = ew.EndOverdue(
            case=shared.reference(case),
            unit_id=awaited.unit_id,
            superior_unit_id=above.unit.id if above else "",
            repeats=awaited.repeats + 1,
            clock=command.clock,
            epoch=command.epoch,
            answer_clock=self._clock(case, context),
        )
        return decided(event)

    def _clock(self, case: Case, context: Context) -> ClockMessage:
        return shared.clock(self._rules[case.site_id], END_CLOCK, END, context, case.end_clocks + 1)


def _awaited(case: Case) -> Ending:
    if case.ending is None:
        raise IllegalTransition(
            "no end is to be put on record", reason="no_end_awaited", state=case.status, allowed=""
        )
    return case.ending


def awaited(case: Case, event: ew.EndAwaited, _context: Context) -> Case:
    """A superior is to put its end on record."""
    return _with(case, event, Ending(event.unit_id, event.superior_unit_id, event.settled_by))


def overdue(case: Case, event: ew.EndOverdue, _context: Context) -> Case:
    """The next superior is."""
    by = case.ending.settled_by if case.ending else ""
    return _with(case, event, Ending(event.unit_id, event.superior_unit_id, by, repeats=event.repeats))


def ended(case: Case, event: ew.EarlyWarningEnded, _context: Context) -> Case:
    """It is on record."""
    return replace(case, ending=None, lawful_end=event.end)


def _with(case: Case, event: ew.EndAwaited | ew.EndOverdue, ending: Ending) -> Case:
    if not event.HasField("answer_clock"):
        return replace(case, ending=ending)
    clock = from_message(event.answer_clock)
    return replace(case, ending=replace(ending, clock=clock), end_clocks=clock.epoch)


FOLDS: Mapping[type[Any], Callable[[Any, Any, Context], Case]] = {
    ew.EndAwaited: awaited,
    ew.EndOverdue: overdue,
    ew.EarlyWarningEnded: ended,
}
