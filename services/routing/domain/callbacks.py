"""Call-back (回访), the resident's answer, closing: by an answer or a lawful end, by nothing else."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from fengqiao.intake.v1.events_pb2 import EscalationRequested, OutcomeRated, WithdrawalRequested
from fengqiao.routing.v1 import events_pb2 as ev
from fengqiao.routing.v1 import followup_events_pb2 as fu
from services.chassis.errors import Forbidden, IllegalTransition, Invalid, Violation
from services.chassis.model import Context, Decision, Emit, Table, decided
from services.routing.domain import reopening, shared
from services.routing.domain.case import OUTCOMES, RESOLVED, WITHDRAWN, Case
from services.routing.domain.commands import CallBackRanOut, RecordCallBack
from services.routing.domain.followup import CALL_BACK_CLOCK, POOR, CallBack, FollowUp
from services.routing.domain.placing import rules_for
from services.routing.domain.referrals import OPINIONS
from services.routing.domain.reviews import Reviews
from services.routing.rules import ATTEMPTS, CALL_BACK, Rules

PETITION, NEW_REQUEST = "petition", "new_request"
Reopen = Callable[[Case, Context], ev.CaseReopened]


class CallBacks:
    """The decisions, by the rules of each site."""

    def __init__(
        self, rules: Mapping[str, Rules], limits: reopening.Limits, reviews: Reviews, reopen: Reopen
    ) -> None:
        """`rules` is keyed by site id; `reopen` is how a case goes on."""
        self._rules = rules
        self._limits = limits
        self._reviews = reviews
        self._reopen = reopen

    def following(self, cells: Table) -> Table:
        """The table in which a call-back follows each settlement, whoever decides on it."""
        return {
            (status, message): replace(cell, decide=self._followed(cell.decide))
            if RESOLVED in cell.to and status != RESOLVED
            else cell
            for (status, message), cell in cells.items()
        }

    def _followed(self, decide: Callable[[Case, Any, Context], Decision]) -> Callable[..., Decision]:
        def then(case: Case, message: Any, context: Context) -> Decision:
            decision = decide(case, message, context)
            for emit in decision.events:
                if isinstance(emit.message, ev.CaseResolved) and self._calls(case, emit.message, context):
                    opened = self._opened(case, emit.message, context)
                    return replace(decision, events=(*decision.events, Emit(opened)))
            return decision

        return then

    def _calls(self, case: Case, event: ev.CaseResolved, context: Context) -> bool:
        """Whether anybody is to be called: not in a replay, nobody unknown, and not after an opinion."""
        on = self._rules[case.site_id].call_backs and not context.replay
        return on and bool(case.person_ref) and event.outcome not in OPINIONS

    def _opened(self, case: Case, event: ev.CaseResolved, context: Context) -> fu.CallBackOpened:
        caller = rules_for(self._rules, case).superior(event.unit_id)
        return fu.CallBackOpened(
            case=event.case,
            unit_id=event.unit_id,
            caller_unit_id=caller.unit.id if caller else "",
            answer_clock=self._clock(case, context),
        )

    def record(self, case: Case, command: RecordCallBack, context: Context) -> Decision:
        """Not reached, or what the resident answered.

        Raises:
            IllegalTransition: nobody is to be called, or it was tried that day already.
            Forbidden: whoever settled it calls.
            Invalid: an answer of nobody, no rating of somebody, or it is older than the settlement.
        """
        pending = _awaited(case)
        if command.by and command.by in {case.settled_by, case.holder_ref}:
            raise Forbidden("whoever settled a case does not call back about it", reason="own_settlement")
        if case.resolved_at and context.at < case.resolved_at:
            raise Invalid([Violation("meta.occurred_at", "before_the_settlement")])
        private = {"call_back_note": command.note}
        if command.reached:
            if not command.rating:
                raise Invalid([Violation("rating", "required")])
            heard = self._heard(case, context, solved=command.solved, rating=command.rating, by=command.by)
            return Decision(heard, private)
        if command.solved or command.rating:
            raise Invalid([Violation("solved" if command.solved else "rating", "not_reached")])
        return Decision(self._missed(case, pending, command, context), private)

    def _missed(
        self, case: Case, pending: CallBack, command: RecordCallBack, context: Context
    ) -> tuple[Emit, ...]:
        rules = self._rules[case.site_id]
        rule, day = rules.moves[ATTEMPTS], context.at.astimezone(rules.zone).date().isoformat()
        if day in pending.attempted:
            raise IllegalTransition(
                "an attempt a day counts: the resident was called that day already",
                reason="called_that_day",
                rule=rule.name,
                state=case.status,
                allowed="RecordCallBack",
            )
        attempts = len(pending.attempted) + 1
        missed = fu.CallBackMissed(
            case=shared.reference(case),
            caller_unit_id=pending.caller_unit_id,
            attempts=attempts,
            on=day,
            called_by=command.by,
        )
        if attempts < rule.limit:
            return (Emit(missed),)
        return (Emit(missed), closing(case, fu.CLOSED_BY_UNREACHABLE))

    def ran_out(self, case: Case, command: CallBackRanOut, context: Context) -> Decision:
        """Asked of the next superior, above the top of the desk, and again and again."""
        pending = _awaited(case)
        caller = pending.caller_unit_id
        above = rules_for(self._rules, case).above(caller) if caller else None
        event = fu.CallBackOverdue(
            case=shared.reference(case),
            unit_id=case.unit_id,
            caller_unit_id=above.unit.id if above else "",
            repeats=pending.repeats + 1,
            clock=command.clock,
            epoch=command.epoch,
            answer_clock=self._clock(case, context),
        )
        return decided(event)

    def rated(self, case: Case, event: OutcomeRated, context: Context) -> Decision:
        """The resident's own answer; that it is not solved is followed by their wish to have it reopened."""
        return Decision(self._heard(case, context, solved=event.solved, rating=event.rating))

    def asks_up(self, case: Case, _event: EscalationRequested, context: Context) -> Decision:
        """Until it is closed the resident can go one tier up, whatever the limits of reopening."""
        if case.followup and case.followup.clock:
            return decided(self._reopen(case, context), also=(OUTCOMES,))
        return Decision((reopening.told(case, "escalation", "", ""),))

    def withdraws(self, case: Case, _event: WithdrawalRequested, _context: Context) -> Decision:
        """Until it is closed the resident can withdraw."""
        if case.followup and case.followup.clock:
            return decided(
                ev.CaseWithdrawn(case=shared.reference(case), unit_id=case.unit_id), also=(OUTCOMES,)
            )
        return Decision((reopening.told(case, "withdrawal", "", ""),))

    def _heard(
        self, case: Case, context: Context, *, solved: bool, rating: int, by: str = ""
    ) -> tuple[Emit, ...]:
        """An answer, and what comes of it: it goes on, is reviewed, or is closed."""
        answered = fu.ResidentAnswered(
            case=shared.reference(case),
            unit_id=case.owner_at(case.resolved_at or context.at)[0],
            solved=solved,
            rating=rating,
            way=fu.ANSWER_WAY_CALL_BACK if by else fu.ANSWER_WAY_RATING,
            called_by=by,
        )
        said: tuple[Emit, ...] = (Emit(answered),)
        if case.outcome in OPINIONS:
            return said
        refused = "" if solved else self._limits.refusal(case, context)
        if not solved and not refused:
            # A rating is followed by the resident's own wish, from intake.
            return (*said, Emit(self._reopen(case, context), also=(OUTCOMES,))) if by else said
        if refused and by:
            said = (*said, reopening.told(case, "reopening", refused, PETITION))
        followup = case.followup or FollowUp()
        if rating <= POOR and not context.replay and not followup.reviewed:
            return said if followup.review else (*said, Emit(self._reviews.opened(case, context)))
        # A resident who rates what is solved has closed the request by it: intake need not hear of it.
        closed = closing(case, fu.CLOSED_BY_ANSWER, told=bool(by) or not solved)
        return said if followup.closed_by else (*said, closed)

    def _clock(self, case: Case, context: Context) -> Any:
        epoch = (case.followup.clocks if case.followup else 0) + 1
        return shared.clock(self._rules[case.site_id], CALL_BACK_CLOCK, CALL_BACK, context, epoch)


def closing(case: Case, by: fu.ClosedBy.ValueType, *, told: bool = True) -> Emit:
    """It is closed; intake is `told` where it does not know it by itself."""
    return Emit(fu.CaseClosed(case=shared.reference(case), closed_by=by), also=(OUTCOMES,) if told else ())


def closed_by(case: Case) -> fu.ClosedBy.ValueType:
    """What closed a case; unspecified while it is open, or an answer may still come."""
    if case.status == WITHDRAWN:
        return fu.CLOSED_BY_WITHDRAWAL
    if case.status != RESOLVED:
        return fu.CLOSED_BY_UNSPECIFIED
    if case.outcome in OPINIONS:
        return fu.CLOSED_BY_OPINION
    if case.followup and (case.followup.clock or case.followup.closed_by):
        return fu.ClosedBy.ValueType(case.followup.closed_by)
    if case.screening_code:
        return fu.CLOSED_BY_RECORDED_END if case.lawful_end else fu.CLOSED_BY_UNSPECIFIED
    return fu.CLOSED_BY_UNSPECIFIED if case.person_ref else fu.CLOSED_BY_ANONYMOUS


def _awaited(case: Case) -> CallBack:
    if case.followup is None or case.followup.call_back is None:
        raise IllegalTransition(
            "nobody is to be called back", reason="no_call_back", state=case.status, allowed=""
        )
    return case.followup.call_back
