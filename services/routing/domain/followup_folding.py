"""How events about what follows a settlement change a case."""

from dataclasses import replace
from typing import Any

from fengqiao.routing.v1 import followup_events_pb2 as fu
from services.chassis.model import Context
from services.chassis.terms import from_message
from services.routing.domain.case import Case
from services.routing.domain.followup import Answer, CallBack, FollowUp, Review


def opened(case: Case, event: fu.CallBackOpened, _context: Context) -> Case:
    """Somebody is to call back."""
    clock = from_message(event.answer_clock)
    return _with(case, call_back=CallBack(event.caller_unit_id, clock), clocks=clock.epoch)


def missed(case: Case, event: fu.CallBackMissed, _context: Context) -> Case:
    """The resident was not reached that day."""
    pending = _of(case).call_back
    if pending is None:
        return case
    return _with(case, call_back=replace(pending, attempted=(*pending.attempted, event.on)))


def overdue(case: Case, event: fu.CallBackOverdue, _context: Context) -> Case:
    """It is another's to call back."""
    pending, clock = _of(case).call_back, from_message(event.answer_clock)
    if pending is None:
        return case
    changed = replace(pending, caller_unit_id=event.caller_unit_id, clock=clock, repeats=event.repeats)
    return _with(case, call_back=changed, clocks=clock.epoch)


def answered(case: Case, event: fu.ResidentAnswered, _context: Context) -> Case:
    """Nobody need call any more; another answer to the same settlement takes the former one's place."""
    answer = Answer(event.unit_id, event.solved, event.rating, event.way, case.settlement)
    others = tuple(each for each in _of(case).answers if each.settlement != case.settlement)
    return _with(case, call_back=None, answers=(*others, answer))


def closed(case: Case, event: fu.CaseClosed, _context: Context) -> Case:
    """Nothing more is awaited."""
    return _with(case, call_back=None, review=None, closed_by=event.closed_by)


def under_review(case: Case, event: fu.ReviewOpened, _context: Context) -> Case:
    """Somebody is to review it."""
    clock = from_message(event.answer_clock)
    review = Review(event.number, event.reviewer_unit_id, clock)
    return _with(case, review=review, reviews=event.number, clocks=clock.epoch, closed_by=0)


def review_overdue(case: Case, event: fu.ReviewOverdue, _context: Context) -> Case:
    """It is another's to review."""
    pending, clock = _of(case).review, from_message(event.answer_clock)
    if pending is None:
        return case
    changed = replace(pending, reviewer_unit_id=event.reviewer_unit_id, clock=clock, repeats=event.repeats)
    return _with(case, review=changed, clocks=clock.epoch)


def reviewed(case: Case, event: fu.ReviewRecorded, _context: Context) -> Case:
    """The review is over; what it comes to is said by the event that follows."""
    return _with(case, review=None, reviewed=event.finding == fu.REVIEW_FINDING_SETTLED_PROPERLY)


def _of(case: Case) -> FollowUp:
    return case.followup or FollowUp()


def _with(case: Case, **changes: Any) -> Case:
    return replace(case, followup=replace(_of(case), **changes))
