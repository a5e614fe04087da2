"""How our own events change a case: the state is what they say, and nothing else (chassis rule 21)."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from google.protobuf.message import Message

from fengqiao.routing.v1 import clock_events_pb2 as clock_ev
from fengqiao.routing.v1 import events_pb2 as ev
from fengqiao.routing.v1 import followup_events_pb2 as fu
from fengqiao.routing.v1 import handling_events_pb2 as hv
from services.chassis.model import Context
from services.chassis.protobuf import instant
from services.chassis.terms import from_message
from services.routing.domain import (
    assist_folding,
    clock_folding,
    delegation,
    early_warnings,
    followup_folding,
    join_folding,
    order_folding,
    pause_folding,
    splitting,
)
from services.routing.domain.case import (
    ASSIGNED,
    IN_PROGRESS,
    REFERRED,
    RESOLVED,
    WITHDRAWN,
    Case,
    Citation,
    Delegation,
    Return,
    Ruled,
    Step,
)
from services.routing.domain.clocks import clock_of, shifted
from services.routing.domain.followup import over
from services.routing.domain.referrals import REFUSED


def evolve(case: Case | None, event: Message, context: Context) -> Case:
    """Fold one of our own events into the case."""
    return clock_folding.contact(case, FOLDS[type(event)](case, event, context), event)


def _routed(_case: Case | None, event: ev.CaseRouted, context: Context) -> Case:
    return Case(
        request_no=event.case.request_no,
        site_id=event.case.site_id,
        person_ref=event.case.person_ref,
        kind=event.kind,
        status=ASSIGNED,
        urgent=event.urgent,
        start_tier=event.assignment.tier,
        **_owner(event.assignment),
        submitted_at=instant(event.submitted_at),
        submitted_recorded_at=instant(event.submitted_recorded_at),
        routed_recorded_at=context.recorded_at,
        due_at=instant(event.due_at),
        due_promised=event.due_promised,
        plan=tuple(from_message(message) for message in event.plan),
        running=event.assignment.tier,
        screening_code=event.screening_code,
    )


def _accepted(case: Case, _event: ev.CaseAccepted, _context: Context) -> Case:
    # Who takes it on takes back that it was not theirs.
    return replace(case, status=IN_PROGRESS, returned=None)


def _unchanged(case: Case, _event: Message, _context: Context) -> Case:
    return case


def _escalated(case: Case, event: ev.CaseEscalated, context: Context) -> Case:
    plan, clock = case.plan, case.clock
    if event.plan:
        plan = tuple(from_message(message) for message in event.plan)
    elif clock and event.HasField("next_started_at"):
        plan = shifted(plan, clock, instant(event.next_started_at))
    if event.reason == ev.MOVE_REASON_TIMEOUT:
        # Never the one that ran out, where a case was moved below the tier whose clock ran.
        running = clock_of(plan, max(event.assignment.tier, case.running + 1))
    else:
        running = clock_of(plan, event.assignment.tier, context.at)
    if event.assignment.unit_id == case.unit_id:
        return replace(case, plan=plan, running=running, returned=None, asked=None)
    return _moved(case, event.assignment, event.reason, context.at, plan=plan, running=running)


def _reassigned(case: Case, event: ev.CaseReassigned, context: Context) -> Case:
    moved = _moved(case, event.assignment, event.reason, context.at)
    if event.assignment.unit_id == case.unit_id:
        return replace(moved, steps=case.steps, returned=case.returned, asked=case.asked)
    if event.reason in {ev.MOVE_REASON_RULING, ev.MOVE_REASON_TRANSFER}:
        return replace(moved, running=clock_of(case.plan, event.assignment.tier, context.at))
    return moved


def _recused(case: Case, event: hv.HandlerRecused, _context: Context) -> Case:
    return replace(case, recused=(*case.recused, event.recused_ref))


def _returned(case: Case, event: ev.CaseReturned, context: Context) -> Case:
    pending = Return(
        number=event.number,
        reason=event.reason,
        proposed_unit_id=event.proposed_unit_id,
        superior_unit_id=event.superior_unit_id,
        returned_by=event.returned_by,
        at=context.at,
        clock=from_message(event.clock),
    )
    return replace(case, returned=pending, returns=event.number, asked=None)


def _ruled(case: Case, event: ev.ReturnRuled, _context: Context) -> Case:
    stays = event.to_unit_id == event.unit_id
    proposed = case.returned.proposed_unit_id if case.returned else ""
    other = (proposed or event.superior_unit_id) if stays else event.to_unit_id
    ruled = Ruled(unit_id=event.unit_id, other_id=other, stays=stays)
    return replace(case, returned=None, rulings=(*case.rulings, ruled))


def _resolved(case: Case, event: ev.CaseResolved, context: Context) -> Case:
    clauses = tuple(Citation(each.unit_code, each.version, each.number) for each in event.clauses)
    return replace(
        case,
        status=RESOLVED,
        resolved_at=context.at,
        outcome=event.outcome,
        clauses=clauses,
        three_parts=(event.plan.feeling, event.plan.reason, event.plan.law) if event.HasField("plan") else (),
        running=0,
        returned=None,
        order=None,
        settled_by=event.resolved_by,
        asked=None,
        **join_folding.settled(case, event, context),
    )


def _withdrawn(case: Case, _event: ev.CaseWithdrawn, _context: Context) -> Case:
    ended = replace(case, status=WITHDRAWN, running=0, returned=None, order=None, asked=None, joined=None)
    return replace(ended, followup=over(case.followup))


def _reopened(case: Case, event: ev.CaseReopened, context: Context) -> Case:
    back = _restarted(case, event, event.reason or ev.MOVE_REASON_REOPENED, context)
    return replace(back, track=0, recall="", followup=over(case.followup))


def _referred(case: Case, event: ev.CaseReferred, _context: Context) -> Case:
    return replace(
        case,
        status=REFERRED,
        track=event.track,
        referrals=event.referral,
        recall="",
        running=0,
        returned=None,
        order=None,
        asked=None,
    )


def _recalled(case: Case, event: ev.ReferralRecalled, _context: Context) -> Case:
    return replace(case, recall=event.wish)


def _taken_back(case: Case, event: ev.CaseTakenBack, context: Context) -> Case:
    refused = case.refused or event.conclusion == REFUSED
    back = replace(_restarted(case, event, event.reason, context), track=0, recall="", refused=refused)
    # At the top it stays with its owner: no move.
    return replace(back, steps=case.steps) if event.assignment.unit_id == case.unit_id else back


def _restarted(case: Case, event: ev.CaseReopened | ev.CaseTakenBack, reason: int, context: Context) -> Case:
    return _moved(
        case,
        event.assignment,
        reason,
        context.at,
        resolved_at=None,
        outcome="",
        clauses=(),
        three_parts=(),
        supervised_at=None,
        order=None,
        due_at=instant(event.due_at),
        due_promised=False,
        plan=tuple(from_message(message) for message in event.plan),
        running=event.assignment.tier,
        pauses=(),
        extended=0,
        ending=None,
        lawful_end=0,
    )


FOLDS: Mapping[type[Message], Callable[[Any, Any, Context], Case]] = {
    ev.CaseRouted: _routed,
    ev.CaseAccepted: _accepted,
    ev.ProgressReported: _unchanged,
    ev.CaseEscalated: _escalated,
    ev.CaseReassigned: _reassigned,
    ev.CaseReturned: _returned,
    ev.ReturnRuled: _ruled,
    ev.SupervisionOrdered: order_folding.supervised,
    ev.SupervisionAnswered: order_folding.answered,
    ev.AnswerAccepted: order_folding.accepted,
    ev.AnswerSentBack: order_folding.sent_back,
    ev.SupervisionRepeated: order_folding.repeated,
    ev.CaseResolved: _resolved,
    ev.CaseWithdrawn: _withdrawn,
    ev.CaseReopened: _reopened,
    ev.WishDeclined: _unchanged,
    ev.CaseReferred: _referred,
    ev.ReferralRecalled: _recalled,
    ev.CaseTakenBack: _taken_back,
    hv.PartSplitOff: splitting.folded,
    hv.CaseDelegated: delegation.begun,
    hv.DelegationEnded: delegation.ended,
    hv.HandlerRecused: _recused,
    hv.AssistanceAsked: assist_folding.asked,
    hv.AssistanceAnswered: assist_folding.answered,
    hv.AssistanceOverdue: assist_folding.overdue,
    hv.AssistanceEnded: assist_folding.ended,
    fu.CallBackOpened: followup_folding.opened,
    fu.CallBackMissed: followup_folding.missed,
    fu.CallBackOverdue: followup_folding.overdue,
    fu.ResidentAnswered: followup_folding.answered,
    fu.CaseClosed: followup_folding.closed,
    fu.ReviewOpened: followup_folding.under_review,
    fu.ReviewOverdue: followup_folding.review_overdue,
    fu.ReviewRecorded: followup_folding.reviewed,
    clock_ev.DeadlineNeared: clock_folding.neared,
    clock_ev.WarningPutOff: clock_folding.put_off,
    clock_ev.FirstContactMissed: clock_folding.missed,
    clock_ev.DeadlineRecomputed: clock_folding.recomputed,
    clock_ev.PauseAsked: pause_folding.asked,
    clock_ev.ExtensionAsked: pause_folding.asked,
    clock_ev.ClocksPaused: pause_folding.paused,
    clock_ev.ClocksResumed: pause_folding.resumed,
    clock_ev.DueTimeExtended: pause_folding.extended,
    clock_ev.TimeRefused: pause_folding.refused,
    **early_warnings.FOLDS,
    ev.CaseJoined: join_folding.joined,
    ev.CaseParted: join_folding.parted,
}


def _owner(assignment: ev.Assignment) -> dict[str, Any]:
    return {
        "tier": assignment.tier,
        "unit_id": assignment.unit_id,
        "post_id": assignment.post_id,
        "holder_ref": assignment.holder_ref,
        "reasons": tuple(assignment.reasons),
    }


def _moved(case: Case, assignment: ev.Assignment, reason: int, at: datetime, **changes: Any) -> Case:
    step = Step(case.unit_id, assignment.unit_id, case.tier, assignment.tier, at, reason)
    owner = _owner(assignment)
    if assignment.unit_id == case.unit_id:
        # Why the unit has it is as it was, whoever acts for it now.
        owner["reasons"] = owner["reasons"] or case.reasons
    return replace(
        case,
        status=ASSIGNED,
        steps=(*case.steps, step),
        returned=None,
        asked=None,
        delegation=_kept(case, assignment),
        **owner,
        **changes,
    )


def _kept(case: Case, assignment: ev.Assignment) -> Delegation | None:
    """The delegation, as long as who has it by it has it."""
    kept = case.delegation
    whose = (assignment.unit_id, assignment.holder_ref)
    return kept if kept and whose == (kept.unit_id, kept.to_ref) else None
