"""A summons (按需入驻): somebody of a department is asked to come to a case, then the next, until one does.

Nobody left to ask is an end of its own, which the desk is told of: a summons is never silent.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, ClassVar

from google.protobuf.message import Message

from fengqiao.routing.v1 import roster_events_pb2 as ev
from services.chassis.calendar import Term, Unit
from services.chassis.errors import Forbidden
from services.chassis.model import Context, Decision, Table, Transition, decided, transition
from services.chassis.record import Deadline
from services.chassis.terms import Clock, Place, from_message, start_term, to_message

EVENTS = "fengqiao.routing.summonses"

WAITING, ANSWERED, UNANSWERED, WITHDRAWN = "waiting", "answered", "unanswered", "withdrawn"
STATUSES = (WAITING, ANSWERED, UNANSWERED, WITHDRAWN)

CLOCK = "answer"
RULE = "summons.answer@1"
"""How long each has is the department's own setting."""
GRACE = timedelta(seconds=5)
"""As late as a firing may be and the next one's time begins when it was due (chassis rule 17)."""


@dataclass(frozen=True, slots=True)
class Summons:
    """Who is asked now, who comes after them, and how it stands."""

    site_id: str
    department: str
    case_id: str
    request_no: str
    unit_id: str
    kind: str
    status: str
    person_ref: str
    asked: int
    next_refs: tuple[str, ...]
    clock: Clock | None
    summoned_by: str
    known_since: datetime


@dataclass(frozen=True, slots=True)
class SummonDepartment:
    """Ask those on duty, in this order, each for so long."""

    department: str
    case_id: str
    request_no: str
    unit_id: str
    kind: str
    refs: tuple[str, ...]
    answer_within_s: int
    summoned_by: str


@dataclass(frozen=True, slots=True)
class AnswerSummons:
    """Somebody comes, or can't."""

    person_ref: str
    accept: bool


@dataclass(frozen=True, slots=True)
class WithdrawSummons:
    """It is not needed any more."""

    withdrawn_by: str


@dataclass(frozen=True, slots=True)
class AnswerRanOut:
    """The time of whoever is asked is over."""

    happens_by_itself: ClassVar[bool] = True


def summon(command: SummonDepartment, context: Context, place: Place) -> Decision:
    """Ask the first; with nobody on duty it ends at once, and the desk is told."""
    reference = ev.SummonsReference(
        site_id=context.site,
        department=command.department,
        case_id=command.case_id,
        request_no=command.request_no,
        unit_id=command.unit_id,
    )
    if not command.refs:
        return decided(
            ev.SummonsUnanswered(summons=reference, summoned_by=command.summoned_by, kind=command.kind)
        )
    first, *others = command.refs
    length = Term(command.answer_within_s, Unit.SECONDS)
    return decided(
        ev.AnswererSummoned(
            summons=reference,
            person_ref=first,
            number=1,
            reason=ev.SUMMONS_REASON_FIRST,
            clock=to_message(start_term(CLOCK, RULE, length, context.at, place)),
            next_refs=others,
            summoned_by=command.summoned_by,
            kind=command.kind,
        )
    )


def table(places: Mapping[str, Place]) -> Table:
    """What is lawful for a summons in each status, with the zones and calendars of the sites."""

    def answer(summons: Summons, command: AnswerSummons, context: Context) -> Decision:
        if command.person_ref != summons.person_ref:
            raise Forbidden("somebody else is asked")
        if command.accept:
            return decided(ev.SummonsAnswered(summons=reference(summons), person_ref=command.person_ref))
        return _next(summons, ev.SUMMONS_REASON_DECLINED, context.at, places)

    def ran_out(summons: Summons, _command: AnswerRanOut, context: Context) -> Decision:
        began = context.start_after(context.at, GRACE)
        return _next(summons, ev.SUMMONS_REASON_NO_ANSWER, began, places)

    def withdraw(summons: Summons, command: WithdrawSummons, _context: Context) -> Decision:
        return decided(
            ev.SummonsWithdrawn(
                summons=reference(summons), withdrawn_by=command.withdrawn_by, person_ref=summons.person_ref
            )
        )

    return {
        (WAITING, AnswerSummons): Transition(answer, (ANSWERED, WAITING, UNANSWERED)),
        (WAITING, AnswerRanOut): Transition(ran_out, (WAITING, UNANSWERED)),
        (WAITING, WithdrawSummons): Transition(withdraw, (WITHDRAWN,)),
    }


def firing(cells: Table) -> Callable[[Summons, Deadline, Context], Decision]:
    """What happens when the time for an answer is over."""

    def fire(summons: Summons, _deadline: Deadline, context: Context) -> Decision:
        return transition(cells, summons.status, summons, AnswerRanOut(), context)

    return fire


def deadlines(summons: Summons) -> Iterable[Deadline]:
    """The time for an answer, while one is waited for."""
    return [summons.clock.deadline] if summons.clock and summons.status == WAITING else []


def reference(summons: Summons) -> ev.SummonsReference:
    """The summons as its events name it."""
    return ev.SummonsReference(
        site_id=summons.site_id,
        department=summons.department,
        case_id=summons.case_id,
        request_no=summons.request_no,
        unit_id=summons.unit_id,
    )


def _next(
    summons: Summons, reason: ev.SummonsReason.ValueType, began: datetime, places: Mapping[str, Place]
) -> Decision:
    if not summons.next_refs or summons.clock is None:
        return decided(ev.SummonsUnanswered(summons=reference(summons), asked=summons.asked))
    first, *others = summons.next_refs
    length = Term(round((summons.clock.due_at - summons.clock.started_at).total_seconds()), Unit.SECONDS)
    clock = start_term(CLOCK, RULE, length, began, places[summons.site_id], epoch=summons.clock.epoch + 1)
    return decided(
        ev.AnswererSummoned(
            summons=reference(summons),
            person_ref=first,
            number=summons.asked + 1,
            reason=reason,
            clock=to_message(clock),
            next_refs=others,
        )
    )


# -- folding -------------------------------------------------------------------------------------------------


def evolve(summons: Summons | None, event: Message, context: Context) -> Summons:
    """The summons after one of its events."""
    if summons is None:
        return _begun(event, context)
    return FOLDS[type(event)](summons, event)


def _begun(event: Any, context: Context) -> Summons:
    about = event.summons
    fresh = Summons(
        site_id=about.site_id,
        department=about.department,
        case_id=about.case_id,
        request_no=about.request_no,
        unit_id=about.unit_id,
        kind=event.kind,
        status=UNANSWERED,
        person_ref="",
        asked=0,
        next_refs=(),
        clock=None,
        summoned_by=event.summoned_by,
        known_since=context.recorded_at,
    )
    return FOLDS[type(event)](fresh, event)


def _asked(summons: Summons, event: ev.AnswererSummoned) -> Summons:
    return replace(
        summons,
        status=WAITING,
        person_ref=event.person_ref,
        asked=event.number,
        next_refs=tuple(event.next_refs),
        clock=from_message(event.clock),
    )


def _ended(status: str) -> Callable[[Summons, Any], Summons]:
    return lambda summons, _event: replace(summons, status=status)


FOLDS: Mapping[type[Message], Callable[[Summons, Any], Summons]] = {
    ev.AnswererSummoned: _asked,
    ev.SummonsAnswered: _ended(ANSWERED),
    ev.SummonsUnanswered: _ended(UNANSWERED),
    ev.SummonsWithdrawn: _ended(WITHDRAWN),
}
