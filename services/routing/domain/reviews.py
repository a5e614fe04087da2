"""Reviews of settlements that residents call poor, by somebody who did not handle the case."""

from collections.abc import Callable, Mapping
from typing import Any

from fengqiao.routing.v1 import events_pb2 as ev
from fengqiao.routing.v1 import followup_events_pb2 as fu
from services.chassis.errors import Forbidden, IllegalTransition, Invalid, Violation
from services.chassis.model import Context, Decision, Emit, decided
from services.routing.domain import shared
from services.routing.domain.case import OUTCOMES, Case
from services.routing.domain.commands import RecordReview, ReviewRanOut
from services.routing.domain.followup import REVIEW_CLOCK, Review
from services.routing.domain.placing import rules_for
from services.routing.domain.supervision import Orders
from services.routing.rules import REVIEW, Rules

Reopen = Callable[[Case, Context, ev.MoveReason.ValueType], ev.CaseReopened]


class Reviews:
    """The decisions, by the rules of each site."""

    def __init__(self, rules: Mapping[str, Rules], orders: Orders, reopen: Reopen) -> None:
        """`rules` is keyed by site id; `reopen` is how a case goes on, under one of `orders`."""
        self._rules = rules
        self._orders = orders
        self._reopen = reopen

    def opened(self, case: Case, context: Context) -> fu.ReviewOpened:
        """It is asked of the lowest unit above that never had the case, else of the desk."""
        rules, had = rules_for(self._rules, case), handlers(case)
        above = [rules.answering(unit.id).unit.id for unit in rules.chain(case.unit_id)][1:]
        return fu.ReviewOpened(
            case=shared.reference(case),
            number=(case.followup.reviews if case.followup else 0) + 1,
            unit_id=_settler(case),
            reviewer_unit_id=next((each for each in above if each not in had), ""),
            answer_clock=self._clock(case, context),
        )

    def record(self, case: Case, command: RecordReview, context: Context) -> Decision:
        """Upheld it goes on, one tier up and under a supervision order; otherwise it is closed.

        Raises:
            IllegalTransition: no review is to be made.
            Forbidden: somebody reviews who handled or settled the case.
            Invalid: it is another review, or older than the settlement.
        """
        review = _awaited(case)
        if command.number != review.number:
            raise Invalid([Violation("number", "not_the_open_review")])
        if case.resolved_at and context.at < case.resolved_at:
            raise Invalid([Violation("meta.occurred_at", "before_the_settlement")])
        self._refuse_handlers(case, command)
        recorded = fu.ReviewRecorded(
            case=shared.reference(case),
            number=review.number,
            unit_id=_settler(case),
            reviewer_unit_id=review.reviewer_unit_id,
            finding=fu.ReviewFinding.ValueType(command.finding),
            reviewed_by=command.by,
        )
        private = {"review_note": command.note}
        if command.finding != fu.REVIEW_FINDING_UPHELD:
            closed = fu.CaseClosed(case=shared.reference(case), closed_by=fu.CLOSED_BY_ANSWER)
            return Decision((Emit(recorded), Emit(closed, also=(OUTCOMES,))), private)
        reopened = self._reopen(case, context, ev.MOVE_REASON_REVIEW)
        ordered = self._orders.ordered(case, ev.MOVE_REASON_REVIEW, context)
        ordered.assignment.CopyFrom(reopened.assignment)
        if review.reviewer_unit_id and reopened.assignment.unit_id.startswith(f"{review.reviewer_unit_id}/"):
            ordered.orderer_unit_id = review.reviewer_unit_id
        return Decision((Emit(recorded), Emit(reopened, also=(OUTCOMES,)), Emit(ordered)), private)

    def ran_out(self, case: Case, command: ReviewRanOut, context: Context) -> Decision:
        """Asked of the next superior, above the top of the desk, and again and again."""
        review = _awaited(case)
        above = (
            rules_for(self._rules, case).above(review.reviewer_unit_id) if review.reviewer_unit_id else None
        )
        event = fu.ReviewOverdue(
            case=shared.reference(case),
            number=review.number,
            unit_id=_settler(case),
            reviewer_unit_id=above.unit.id if above else "",
            repeats=review.repeats + 1,
            clock=command.clock,
            epoch=command.epoch,
            answer_clock=self._clock(case, context),
        )
        return decided(event)

    def _refuse_handlers(self, case: Case, command: RecordReview) -> None:
        """Neither whoever settled it, nor who acts for a unit that had it, nor who holds its post."""
        had, places = handlers(case), self._rules[case.site_id].places
        persons = {case.settled_by, case.holder_ref, *(places.post(each).holder_ref for each in had)}
        if command.by in persons or had & set(command.units):
            raise Forbidden("nobody who handled a case reviews its settlement", reason="handled_it")

    def _clock(self, case: Case, context: Context) -> Any:
        epoch = (case.followup.clocks if case.followup else 0) + 1
        return shared.clock(self._rules[case.site_id], REVIEW_CLOCK, REVIEW, context, epoch)


def handlers(case: Case) -> set[str]:
    """The units that have or had the case."""
    return {case.unit_id, *(step.from_unit_id for step in case.steps)}


def _settler(case: Case) -> str:
    return case.owner_at(case.resolved_at)[0] if case.resolved_at else case.unit_id


def _awaited(case: Case) -> Review:
    if case.followup is None or case.followup.review is None:
        raise IllegalTransition("no review is to be made", reason="no_review", state=case.status, allowed="")
    return case.followup.review
