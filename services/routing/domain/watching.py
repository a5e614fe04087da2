"""Before a clock ends: the first contact of each new owner, and the warnings of each tier's clock.

`completed` sees to it for every decision there is, whoever made it: no event that gives a case to somebody or
carries a plan goes without.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from google.protobuf.message import Message

from fengqiao.common.v1.common_pb2 import Clock as ClockMessage
from fengqiao.common.v1.common_pb2 import ClockWarning
from fengqiao.routing.v1 import clock_events_pb2 as clock_ev
from fengqiao.routing.v1 import events_pb2 as ev
from services.chassis.errors import IllegalTransition
from services.chassis.model import Context, Decision, Table, Transition, decided
from services.chassis.protobuf import instant, timestamp
from services.chassis.terms import from_message, to_message
from services.routing.clocking import SLACK, Profile
from services.routing.domain import shared
from services.routing.domain.case import TIER, WARNING, Case
from services.routing.domain.clocks import shifted
from services.routing.domain.commands import ContactRanOut, WarningCame
from services.routing.domain.placing import rules_for
from services.routing.rules import Rules

PLANS: Mapping[type[Message], str] = {
    ev.CaseRouted: "plan",
    ev.CaseEscalated: "plan",
    ev.CaseReopened: "plan",
    ev.CaseTakenBack: "plan",
    ev.CaseParted: "plan",
    clock_ev.DeadlineRecomputed: "clocks",
    clock_ev.ClocksPaused: "plan",
    clock_ev.ClocksResumed: "plan",
    clock_ev.DueTimeExtended: "plan",
}
"""Events that carry tiers' clocks, and the field that has them. Whoever adds one adds it here."""
AFRESH = (ev.CaseRouted, ev.CaseReopened, ev.CaseTakenBack, ev.CaseParted)
"""What begins the matter with its owner, also where that is the former one."""
ASSIGNS = (*AFRESH, ev.CaseEscalated, ev.CaseReassigned)


class Watch:
    """The decisions, by the rules of each site."""

    def __init__(self, rules: Mapping[str, Rules]) -> None:
        """`rules` is keyed by site id."""
        self._rules = rules
        self._on = any(each.clocks for each in rules.values())

    def over(self, cells: Table) -> Table:
        """The table with each decision completed; as it is where no site has such clocks."""
        if not self._on:
            return cells
        return {key: Transition(self._completing(cell), cell.to) for key, cell in cells.items()}

    def _completing(self, cell: Transition[Case, Any]) -> Callable[[Case, Any, Context], Decision]:
        def decide(case: Case, command: Any, context: Context) -> Decision:
            return self.completed(case, cell.decide(case, command, context), context)

        return decide

    def completed(self, case: Case | None, decision: Decision, context: Context) -> Decision:
        """The decision, its events filled in with first contacts and warnings."""
        rules = self._rules.get(context.site)
        if rules is None or rules.clocks is None:
            return decision
        messages = [emit.message for emit in decision.events]
        referred = any(isinstance(message, ev.CaseReferred) for message in messages)
        for message in messages:
            kind = case.kind if case else getattr(message, "kind", "")
            if isinstance(message, ev.CaseEscalated) and case:
                _tell_shift(case, message)
            for clock in getattr(message, PLANS.get(type(message), ""), ()):
                _fill_warnings(rules, rules.clocks, kind, clock)
            if not referred:
                self._begin_contact(case, message, context, rules.clocks)
        return decision

    def _begin_contact(self, case: Case | None, message: Message, context: Context, profile: Profile) -> None:
        """A new owner has to be in contact itself; a new holder in a unit goes on where the last one was."""
        if isinstance(message, ASSIGNS):
            afresh = case is None or isinstance(message, AFRESH)
            if not afresh and case and message.assignment.unit_id == case.unit_id:
                return
            into: ev.Assignment | ev.ReturnRuled = message.assignment
            tier = message.assignment.tier
        elif isinstance(message, ev.ReturnRuled) and case and case.contact:
            if message.to_unit_id != case.unit_id:
                return
            into, tier = message, shared.tier(case.tier)
        else:
            return
        rules = self._rules[context.site]
        began = context.start_after(context.at, rules.grace)
        kind = case.kind if case else getattr(message, "kind", "")
        clock = profile.contact(kind, tier, began, rules, epoch=(case.contacts if case else 0) + 1)
        if clock:
            into.first_contact.CopyFrom(to_message(clock))

    def contact_ran_out(self, case: Case, command: ContactRanOut, context: Context) -> Decision:
        """It stays where it is, and the superior is told; at the top the desk."""
        if case.contact is None:
            raise _gone(case, command.clock)
        superior = rules_for(self._rules, case).superior(case.unit_id)
        missed = clock_ev.FirstContactMissed(
            case=shared.reference(case),
            assignment=shared.owner(case),
            clock=command.clock,
            epoch=command.epoch,
            due_at=timestamp(case.contact.due_at),
            superior_unit_id=superior.unit.id if superior else "",
            fired_at=timestamp(context.now),
        )
        return decided(missed)

    def warning_came(self, case: Case, command: WarningCame, context: Context) -> Decision:
        """The holder is warned; if nobody works now, later; after a later stage or the end no more."""
        name, _, number = command.clock.partition(WARNING)
        clock, stage = case.clock, int(number)
        if clock is None or clock.name != name:
            raise _gone(case, name)
        late = not context.replay and context.now - context.at > SLACK
        at = context.now if late else context.at
        about: dict[str, Any] = {
            "case": shared.reference(case),
            "clock": name,
            "epoch": command.epoch,
            "stage": stage,
        }
        planned = dict(clock.warnings).get(stage, context.at)
        if at >= clock.due_at or any(planned < other <= at for _, other in clock.warnings):
            return decided(clock_ev.WarningPutOff(unit_id=case.unit_id, **about))
        opening = self._opening(case, name, at)
        if opening > at:
            until = timestamp(opening) if opening < clock.due_at else None
            return decided(clock_ev.WarningPutOff(unit_id=case.unit_id, until=until, **about))
        due_at = timestamp(clock.due_at)
        return decided(clock_ev.DeadlineNeared(assignment=shared.owner(case), due_at=due_at, **about))

    def _opening(self, case: Case, clock: str, at: datetime) -> datetime:
        """The moment itself in working time, else the next opening."""
        rules = self._rules[case.site_id]
        working = rules.clocks and rules.clocks.working(tier_of(clock), rules.zone, rules.calendar)
        return working.opening(at) if working else at


def tier_of(clock: str) -> int:
    """The tier that a clock is of, by its name."""
    return int(clock.rpartition("-")[2])


def _fill_warnings(rules: Rules, profile: Profile, kind: str, clock: ClockMessage) -> None:
    """The warnings of a tier's clock; no other has any."""
    if not clock.name.startswith(TIER):
        return
    stages = profile.warnings(kind, tier_of(clock.name), from_message(clock), rules)
    del clock.warnings[:]
    clock.warnings.extend(ClockWarning(stage=stage, at=timestamp(at)) for stage, at in stages)


def _tell_shift(case: Case, event: ev.CaseEscalated) -> None:
    """The plan as it moves along after an outage, which moves the warnings out of their hours."""
    if case.clock and event.HasField("next_started_at"):
        moved = shifted(case.plan, case.clock, instant(event.next_started_at))
        if moved != case.plan:
            event.plan.extend(to_message(clock) for clock in moved)


def _gone(case: Case, clock: str) -> IllegalTransition:
    return IllegalTransition(f"{clock} does not run", reason="no_clock", state=case.status, allowed="")
