"""What each message comes to: pure functions `(case, message, context) -> Decision`, by the site's rules."""

from collections.abc import Callable, Mapping
from typing import Any

from fengqiao.intake.v1.events_pb2 import (
    EscalationRequested,
    ReopeningRequested,
    RequestSubmitted,
    WithdrawalRequested,
)
from fengqiao.routing.v1 import events_pb2 as ev
from services.chassis.errors import Invalid, Violation
from services.chassis.model import NOTHING, Context, Decision, Emit, decided
from services.chassis.protobuf import instant, timestamp
from services.chassis.terms import to_message
from services.routing.domain.assistance import Assistance
from services.routing.domain.callbacks import PETITION, CallBacks
from services.routing.domain.case import OUTCOMES, Case
from services.routing.domain.clocks import clock_of, make_plan
from services.routing.domain.codes.citing import cite
from services.routing.domain.commands import (
    AcceptCase,
    ClockRanOut,
    EscalateCase,
    ReassignCase,
    ReportProgress,
    ResolveCase,
    ReturnCase,
)
from services.routing.domain.delegation import Delegations
from services.routing.domain.early_warnings import Endings
from services.routing.domain.joins import Joins
from services.routing.domain.pauses import Pauses
from services.routing.domain.placing import rules_for
from services.routing.domain.recomputing import Recomputing
from services.routing.domain.recusal import Recusals
from services.routing.domain.referrals import OPINIONS, Referrals
from services.routing.domain.reopening import Limits, told
from services.routing.domain.returns import Returns, nobody_above, refuse_while_returned
from services.routing.domain.reviews import Reviews
from services.routing.domain.shared import (
    assignment,
    escalation,
    reassigned,
    reference,
    refuse_if_moved_on,
    tier,
)
from services.routing.domain.splitting import Splitting
from services.routing.domain.supervision import Orders
from services.routing.domain.threeparts import digests
from services.routing.domain.tracks import Tracks
from services.routing.domain.watching import Watch
from services.routing.rules import Rules


class Ladder:
    """The decisions, by the rules of each site."""

    def __init__(self, rules: Mapping[str, Rules]) -> None:
        """`rules` is keyed by site id."""
        self._rules = rules
        self.orders = Orders(rules)
        self.referrals = Referrals(rules, self.orders)
        self.returns = Returns(rules)
        self.assistance = Assistance(rules)
        self.recusals = Recusals(rules)
        self.delegations = Delegations(rules)
        self.splitting = Splitting(rules)
        self.limits = Limits(rules)
        self.reviews = Reviews(rules, self.orders, self.reopened)
        self.call_backs = CallBacks(rules, self.limits, self.reviews, self.reopened)
        self.tracks = Tracks(rules, self.reopened)
        self.watch = Watch(rules)
        self.recomputing = Recomputing(rules)
        self.pauses = Pauses(rules)
        self.endings = Endings(rules, self.reopened)
        self.joins = Joins(rules, self.orders)

    def open(self, _case: Case | None, event: RequestSubmitted, context: Context) -> Decision:
        """Start at the lowest capable tier; plan a clock for each tier from there to the top."""
        rules = self._rules[event.site_id].at(context.at)
        placement = rules.place(event.kind, event.unit_id, urgent=event.urgent)
        promised = event.HasField("due_at") and instant(event.due_at) > context.at
        tiers = [unit.tier for unit in rules.chain(placement.unit.id)]
        due_at, plan = make_plan(
            rules, tiers, context.at, instant(event.due_at) if promised else None, epoch=1, kind=event.kind
        )
        routed = ev.CaseRouted(
            case=ev.CaseReference(
                request_no=event.request_no, site_id=event.site_id, person_ref=event.person_ref
            ),
            kind=event.kind,
            assignment=assignment(placement),
            submitted_at=timestamp(context.at),
            submitted_recorded_at=timestamp(context.recorded_at),
            due_at=timestamp(due_at),
            due_promised=promised,
            plan=[to_message(clock) for clock in plan],
            urgent=event.urgent,
            risk=placement.risk,
            screening_code=event.screening_code,
        )
        referred = self.referrals.of_kind(routed, event.site_id)
        decision = Decision((Emit(routed), referred) if referred else (Emit(routed),))
        return self.watch.completed(None, decision, context)

    def ran_out(self, case: Case, command: ClockRanOut, context: Context) -> Decision:
        """Climb one tier; at the top a supervision order (督办) instead of silence."""
        rules = rules_for(self._rules, case)
        # Lifted out of turn, as a post fell vacant: the owner's own clock is the next one.
        ahead = rules.answering(case.unit_id) if case.tier > case.running else None
        above = ahead or rules.above(case.unit_id)
        fired = {"clock": command.clock, "epoch": command.epoch, "fired_at": timestamp(context.now)}
        if above is None:
            return decided(self.orders.ordered(case, ev.MOVE_REASON_TIMEOUT, context, **fired))
        began = context.start_after(context.at, rules.grace)
        climb = escalation(case, above, ev.MOVE_REASON_TIMEOUT, next_started_at=timestamp(began), **fired)
        if not clock_of(case.plan, max(above.unit.tier, case.running + 1)):
            # The matter's own time is over while a lower tier had it: no clock is left to run there.
            ordered = self.orders.ordered(case, ev.MOVE_REASON_TIMEOUT, context, **fired)
            ordered.assignment.CopyFrom(climb.assignment)
            return decided(climb, ordered)
        return decided(climb)

    def resident_asks_up(self, case: Case, _event: EscalationRequested, context: Context) -> Decision:
        """The resident can always go up one tier; at the top a supervision order answers."""
        above = rules_for(self._rules, case).above(case.unit_id)
        if above is None:
            return decided(self.orders.ordered(case, ev.MOVE_REASON_RESIDENT, context))
        return decided(escalation(case, above, ev.MOVE_REASON_RESIDENT))

    def escalate(self, case: Case, command: EscalateCase, context: Context) -> Decision:
        """The handler lifts it; at the top it asks for a supervision order."""
        refuse_if_moved_on(case, context)
        above = rules_for(self._rules, case).above(case.unit_id)
        if above is None:
            ordered = self.orders.ordered(case, ev.MOVE_REASON_HANDLER, context)
            return decided(ordered, note=command.note)
        return decided(escalation(case, above, ev.MOVE_REASON_HANDLER), note=command.note)

    def give_back(self, case: Case, command: ReturnCase, context: Context) -> Decision:
        """With a reason the superior rules on it; without one it goes to the next tier up at once.

        The top has nobody to return to.
        """
        refuse_if_moved_on(case, context)
        refuse_while_returned(case)
        if command.reason:
            return self.returns.give_back(case, command, context)
        if command.proposed_unit_id:
            raise Invalid([Violation("reason", "required")])
        above = rules_for(self._rules, case).above(case.unit_id)
        if above is None:
            raise nobody_above(case)
        return decided(escalation(case, above, ev.MOVE_REASON_RETURNED), note=command.note)

    def reassign(self, case: Case, command: ReassignCase, _context: Context) -> Decision:
        """To whoever answers for the unit now: its holder, a substitute, a successor, or the next unit up.

        The clocks stay as they are: a vacancy is not the resident's affair.
        """
        placement = rules_for(self._rules, case).answering(case.unit_id)
        if (placement.unit.id, placement.post.holder_ref or "") == (case.unit_id, case.holder_ref):
            return NOTHING
        return decided(reassigned(case, placement, ev.MoveReason.ValueType(command.reason)))

    def accept(self, case: Case, _command: AcceptCase, context: Context) -> Decision:
        """The owner takes it on; its clock runs on."""
        refuse_if_moved_on(case, context)
        return decided(ev.CaseAccepted(case=reference(case), unit_id=case.unit_id))

    def progress(self, case: Case, command: ReportProgress, context: Context) -> Decision:
        """Something was done; a report never moves a clock."""
        refuse_if_moved_on(case, context)
        event = ev.ProgressReported(case=reference(case), unit_id=case.unit_id, progress=command.progress)
        return decided(event, note=command.note)

    def resolve(self, case: Case, command: ResolveCase, context: Context) -> Decision:
        """Settled at the command's business time; entered late, it counts for who owned the case then.

        Raises:
            Invalid: a clause that it cites was not in force that day in the code of the case's village, or a
                part of the plan lacks that the kind needs.
        """
        unit_id, number = case.owner_at(context.at)
        rules = self._rules[case.site_id]
        capable = rules.at(case.submitted_at).capable(case.kind, unit_id)
        event = ev.CaseResolved(
            case=reference(case),
            unit_id=unit_id,
            tier=tier(number),
            outcome=command.outcome,
            overdue=context.at > case.due_at,
            late_entry=context.late,
            clauses=cite(command.clauses, command.known, case, context.at, rules.zone),
            resolved_by=command.by,
            plan=digests(command.plan, required=capable.plan),
        )
        return decided(event, also=(OUTCOMES,), note=command.note, **command.plan.private)

    def withdraw(self, case: Case, _event: WithdrawalRequested, _context: Context) -> Decision:
        """The resident may withdraw whatever the state short of an end."""
        return decided(ev.CaseWithdrawn(case=reference(case), unit_id=case.unit_id), also=(OUTCOMES,))

    def reopen(self, case: Case, _event: ReopeningRequested, context: Context) -> Decision:
        """It goes on one tier up (at the top, there), with fresh clocks by the default rule.

        After an opinion (信访处理意见书) it does not: the way on is a review by the next-higher organ.
        Too late or too often, it is a petition.
        After an opinion (信访处理意见书) it does not: the way on is a review by the next-higher organ. Who
        was only joined with the case of that petition has no opinion of their own.
        """
        if case.outcome in OPINIONS and case.track:
            return declined("reopening")(case, _event, context)
        if refused := self.limits.refusal(case, context):
            return Decision((told(case, "reopening", refused, PETITION),))
        return decided(self.reopened(case, context), also=(OUTCOMES,))

    def reopened(
        self,
        case: Case,
        context: Context,
        reason: ev.MoveReason.ValueType = ev.MOVE_REASON_UNSPECIFIED,
    ) -> ev.CaseReopened:
        """A settled case that goes on; `reason` where it was not that the resident said so."""
        rules = rules_for(self._rules, case)
        placement = rules.above(case.unit_id) or rules.answering(rules.places.top)
        tiers = [unit.tier for unit in rules.chain(placement.unit.id)]
        epoch = max(clock.epoch for clock in case.plan) + 1
        due_at, plan = make_plan(rules, tiers, context.at, None, epoch=epoch, kind=case.kind)
        return ev.CaseReopened(
            case=reference(case),
            assignment=assignment(placement),
            due_at=timestamp(due_at),
            plan=[to_message(clock) for clock in plan],
            reason=reason,
        )


def declined(wish: str) -> Callable[[Case, Any, Context], Decision]:
    """A wish that changes nothing any more is recorded, never poison (chassis rule 10)."""

    def decide(case: Case, _event: Any, _context: Context) -> Decision:
        return decided(ev.WishDeclined(case=reference(case), wish=wish, status=case.status), also=(OUTCOMES,))

    return decide
