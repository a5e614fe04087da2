"""The ladder (四级): who owns a case, until when, where it goes next. Pure: no I/O, no clock.

Decisions are functions `(case, message, context) -> Decision`; `evolve` folds the events they emit into the case.
`TABLE` says which message is lawful in which status, and is total over the consumed events.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, ClassVar

from google.protobuf.message import Message

from fengqiao.common.v1.common_pb2 import Clock as ClockMessage
from fengqiao.common.v1.common_pb2 import ExplanationStep, Tier
from fengqiao.intake.v1.events_pb2 import (
    EscalationRequested,
    ReopeningRequested,
    RequestSubmitted,
    WithdrawalRequested,
)
from fengqiao.routing.v1 import events_pb2 as ev
from services.chassis.calendar import Step as CalendarStep
from services.chassis.errors import IllegalTransition
from services.chassis.model import (
    Consumed,
    Context,
    Decision,
    Table,
    Transition,
    decided,
    transition,
)
from services.chassis.protobuf import instant, timestamp
from services.chassis.record import Deadline
from services.routing.rules import Placement, Rules

EVENTS = "fengqiao.routing.events"
OUTCOMES = "fengqiao.routing.outcomes"
REQUESTS = "fengqiao.intake.requests"

ASSIGNED, IN_PROGRESS, RESOLVED, WITHDRAWN = "assigned", "in_progress", "resolved", "withdrawn"
OPEN = (ASSIGNED, IN_PROGRESS)
ENDED = (RESOLVED, WITHDRAWN)


# -- state ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Clock:
    """One tier's clock as it was planned: it ends at `due_at`, by `rule`, for the reasons in `explanation`."""

    tier: int
    epoch: int
    started_at: datetime
    due_at: datetime
    rolled_due_at: datetime
    rule: str
    calendar_version: str
    provisional: bool
    explanation: tuple[tuple[str, str, int], ...]

    @property
    def name(self) -> str:
        """`tier-1` … `tier-4`."""
        return f"tier-{self.tier}"


@dataclass(frozen=True, slots=True)
class Step:
    """One move of the case; `reason` is a `MoveReason`."""

    from_unit_id: str
    to_unit_id: str
    from_tier: int
    to_tier: int
    at: datetime
    reason: int


@dataclass(frozen=True, slots=True)
class Case:
    """A case on the ladder. It always has one owner; `running` names the tier whose clock runs (0: none)."""

    request_no: str
    site_id: str
    person_ref: str
    kind: str
    status: str
    urgent: bool
    start_tier: int
    tier: int
    unit_id: str
    post_id: str
    holder_ref: str
    reasons: tuple[str, ...]
    submitted_at: datetime
    submitted_recorded_at: datetime
    routed_recorded_at: datetime
    due_at: datetime
    due_promised: bool
    plan: tuple[Clock, ...]
    running: int
    steps: tuple[Step, ...] = ()
    supervised_at: datetime | None = None
    resolved_at: datetime | None = None
    outcome: str = ""
    rated: bool = False

    @property
    def clock(self) -> Clock | None:
        """The clock that runs now."""
        return next((c for c in self.plan if c.tier == self.running), None)

    def owner_at(self, at: datetime) -> tuple[str, int]:
        """Unit and tier that owned the case at a time: late entries are checked against it (chassis rule 17)."""
        for step in self.steps:
            if at <= step.at:
                return step.from_unit_id, step.from_tier
        return self.unit_id, self.tier

    def overdue(self, now: datetime) -> bool:
        """Business times compared: settled after the due time, or open past it."""
        return (self.resolved_at or now) > self.due_at if self.status != WITHDRAWN else False


def deadlines(case: Case) -> tuple[Deadline, ...]:
    """The clock that runs, if any."""
    clock = case.clock
    return (Deadline(clock.name, clock.epoch, clock.due_at),) if clock else ()


# -- commands ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AcceptCase:
    """The owner takes it on."""


@dataclass(frozen=True, slots=True)
class ReportProgress:
    """The owner did something; `progress` is a code, `note` stays in the store."""

    progress: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class ResolveCase:
    """The owner settled it; `outcome` is a code."""

    outcome: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class EscalateCase:
    """The handler lifts it one tier."""

    note: str = ""


@dataclass(frozen=True, slots=True)
class ReturnCase:
    """"Not mine": the unit gives it back, one tier up; the resident's clock runs on."""

    note: str = ""


@dataclass(frozen=True, slots=True)
class ClockRanOut:
    """A tier's time has passed."""

    happens_by_itself: ClassVar[bool] = True

    clock: str
    epoch: int


# -- decisions -----------------------------------------------------------------------------------------------


class Ladder:
    """The decisions, by the rules of each site."""

    def __init__(self, rules: Mapping[str, Rules]) -> None:
        """`rules` is keyed by site id."""
        self._rules = rules

    def open(self, _case: Case | None, event: RequestSubmitted, context: Context) -> Decision:
        """Start at the lowest capable tier; plan a clock for each tier from there to the top."""
        rules = self._rules[event.site_id]
        placement = rules.place(event.kind, event.unit_id, urgent=event.urgent)
        promised = event.HasField("due_at") and instant(event.due_at) > context.at
        tiers = [unit.tier for unit in rules.chain(placement.unit.id)]
        due_at, plan = make_plan(rules, tiers, context.at, instant(event.due_at) if promised else None, epoch=1)
        return decided(
            ev.CaseRouted(
                case=ev.CaseReference(
                    request_no=event.request_no, site_id=event.site_id, person_ref=event.person_ref
                ),
                kind=event.kind,
                assignment=_assignment(placement),
                submitted_at=timestamp(context.at),
                submitted_recorded_at=timestamp(context.recorded_at),
                due_at=timestamp(due_at),
                due_promised=promised,
                plan=[clock_message(clock) for clock in plan],
                urgent=event.urgent,
            )
        )

    def ran_out(self, case: Case, command: ClockRanOut, context: Context) -> Decision:
        """Climb one tier; at the top a supervision order (督办) instead of silence."""
        above = self._rules[case.site_id].above(case.unit_id)
        fired = {"clock": command.clock, "epoch": command.epoch, "fired_at": timestamp(context.now)}
        if above is None:
            return decided(_supervision(case, ev.MOVE_REASON_TIMEOUT, **fired))
        began = context.start_after(context.at, self._rules[case.site_id].grace)
        return decided(
            _escalation(case, above, ev.MOVE_REASON_TIMEOUT, next_started_at=timestamp(began), **fired)
        )

    def resident_asks_up(self, case: Case, _event: EscalationRequested, _context: Context) -> Decision:
        """The resident can always go up one tier; at the top a supervision order answers."""
        above = self._rules[case.site_id].above(case.unit_id)
        if above is None:
            return decided(_supervision(case, ev.MOVE_REASON_RESIDENT))
        return decided(_escalation(case, above, ev.MOVE_REASON_RESIDENT))

    def escalate(self, case: Case, command: EscalateCase, context: Context) -> Decision:
        """The handler lifts it; at the top it asks for a supervision order."""
        _refuse_if_moved_on(case, context)
        above = self._rules[case.site_id].above(case.unit_id)
        if above is None:
            return decided(_supervision(case, ev.MOVE_REASON_HANDLER), note=command.note)
        return decided(_escalation(case, above, ev.MOVE_REASON_HANDLER), note=command.note)

    def give_back(self, case: Case, command: ReturnCase, context: Context) -> Decision:
        """Back to the next tier up, which rules on it; the top has nobody to return to."""
        _refuse_if_moved_on(case, context)
        above = self._rules[case.site_id].above(case.unit_id)
        if above is None:
            raise IllegalTransition(
                "the top tier has nobody to return a case to", reason="top_of_ladder", state=case.status, allowed=""
            )
        return decided(_escalation(case, above, ev.MOVE_REASON_RETURNED), note=command.note)

    def accept(self, case: Case, _command: AcceptCase, context: Context) -> Decision:
        """The owner takes it on; its clock runs on."""
        _refuse_if_moved_on(case, context)
        return decided(ev.CaseAccepted(case=_reference(case), unit_id=case.unit_id))

    def progress(self, case: Case, command: ReportProgress, context: Context) -> Decision:
        """Something was done; a report never moves a clock."""
        _refuse_if_moved_on(case, context)
        event = ev.ProgressReported(case=_reference(case), unit_id=case.unit_id, progress=command.progress)
        return decided(event, note=command.note)

    def resolve(self, case: Case, command: ResolveCase, context: Context) -> Decision:
        """Settled at the business time of the command; entered late, it counts for who owned the case then."""
        unit_id, tier = case.owner_at(context.at)
        event = ev.CaseResolved(
            case=_reference(case), unit_id=unit_id, tier=_tier(tier), outcome=command.outcome,
            overdue=context.at > case.due_at, late_entry=context.late,
        )
        return decided(event, also=(OUTCOMES,), note=command.note)

    def withdraw(self, case: Case, _event: WithdrawalRequested, _context: Context) -> Decision:
        """The resident may withdraw whatever the state short of an end."""
        return decided(ev.CaseWithdrawn(case=_reference(case), unit_id=case.unit_id), also=(OUTCOMES,))

    def reopen(self, case: Case, _event: ReopeningRequested, context: Context) -> Decision:
        """"Not settled": it goes on one tier up (at the top, there), with fresh clocks by the default rule."""
        rules = self._rules[case.site_id]
        placement = rules.above(case.unit_id) or rules.place(case.kind, rules.top, urgent=False)
        tiers = [unit.tier for unit in rules.chain(placement.unit.id)]
        epoch = max(clock.epoch for clock in case.plan) + 1
        due_at, plan = make_plan(rules, tiers, context.at, None, epoch=epoch)
        event = ev.CaseReopened(
            case=_reference(case), assignment=_assignment(placement), due_at=timestamp(due_at),
            plan=[clock_message(clock) for clock in plan],
        )
        return decided(event, also=(OUTCOMES,))


def declined(wish: str) -> Callable[[Case, Any, Context], Decision]:
    """A wish that changes nothing any more is recorded, never poison (chassis rule 10)."""

    def decide(case: Case, _event: Any, _context: Context) -> Decision:
        return decided(ev.WishDeclined(case=_reference(case), wish=wish, status=case.status), also=(OUTCOMES,))

    return decide


def table(ladder: Ladder) -> Table:
    """What is lawful when, and where it leads."""
    cells: dict[tuple[str, type[Any]], Transition[Case, Any]] = {}
    for status in OPEN:
        cells |= {
            (status, ReportProgress): Transition(ladder.progress, (status,)),
            (status, ResolveCase): Transition(ladder.resolve, (RESOLVED,)),
            (status, EscalateCase): Transition(ladder.escalate, (ASSIGNED, status)),
            (status, ReturnCase): Transition(ladder.give_back, (ASSIGNED,)),
            (status, ClockRanOut): Transition(ladder.ran_out, (ASSIGNED, status)),
            (status, EscalationRequested): Transition(ladder.resident_asks_up, (ASSIGNED, status)),
            (status, WithdrawalRequested): Transition(ladder.withdraw, (WITHDRAWN,)),
            (status, ReopeningRequested): Transition(declined("reopening"), (status,)),
        }
    cells[(ASSIGNED, AcceptCase)] = Transition(ladder.accept, (IN_PROGRESS,))
    for status in ENDED:
        cells |= {
            (status, EscalationRequested): Transition(declined("escalation"), (status,)),
            (status, WithdrawalRequested): Transition(declined("withdrawal"), (status,)),
        }
    cells[(RESOLVED, ReopeningRequested)] = Transition(ladder.reopen, (ASSIGNED,))
    cells[(WITHDRAWN, ReopeningRequested)] = Transition(declined("reopening"), (WITHDRAWN,))
    return cells


def consumed(ladder: Ladder, cells: Table) -> dict[tuple[str, str], Consumed]:
    """How each event that routing obeys is decided on, by topic and type."""

    def obey(case: Case, event: Message, context: Context) -> Decision:
        return transition(cells, case.status, case, event, context)

    wishes = (EscalationRequested, WithdrawalRequested, ReopeningRequested)
    return {
        (REQUESTS, RequestSubmitted.DESCRIPTOR.full_name): Consumed(ladder.open, opens=True),
        **{(REQUESTS, wish.DESCRIPTOR.full_name): Consumed(obey) for wish in wishes},
    }


def firing(cells: Table) -> Callable[[Case, Deadline, Context], Decision]:
    """What happens when a deadline passes."""

    def fire(case: Case, deadline: Deadline, context: Context) -> Decision:
        return transition(cells, case.status, case, ClockRanOut(deadline.name, deadline.epoch), context)

    return fire


# -- clocks --------------------------------------------------------------------------------------------------


def make_plan(
    rules: Rules, tiers: Sequence[int], start: datetime, promised: datetime | None, *, epoch: int
) -> tuple[datetime, tuple[Clock, ...]]:
    """Due time of the matter, and one clock for each tier from the first to the top.

    With n tiers the j-th clock ends at start + j·(due − start)/n, whole seconds rounded down; the n-th is the due
    time itself. The due time is the promised one, else the default rule's.
    """
    if promised is not None:
        due_at, rolled, rule, version, provisional = promised, promised, "promised@1", "", False
        explanation = [("promised", promised.isoformat(), 0)]
    else:
        found = rules.default_due(start)
        due_at, rolled, rule = found.strict, found.rolled, rules.term_rule
        version, provisional = found.calendar_version, found.provisional
        explanation = [_plain(step) for step in found.steps]
    total = due_at - start
    clocks = []
    began = start
    for number, tier in enumerate(tiers, 1):
        last = number == len(tiers)
        share = total * number // len(tiers)
        ends = due_at if last else start + timedelta(seconds=share // timedelta(seconds=1))
        steps = (("start", start.isoformat(), 0), *explanation, ("share_of_term", ends.isoformat(), number))
        clocks.append(Clock(tier, epoch, began, ends, rolled if last else ends, rule, version, provisional, steps))
        began = ends
    return due_at, tuple(clocks)


def _plain(step: CalendarStep) -> tuple[str, str, int]:
    return str(step.code), step.first.isoformat(), step.amount


def shifted(plan: tuple[Clock, ...], ran_out: Clock, start: datetime) -> tuple[Clock, ...]:
    """The plan after a clock that ended: the next begins at `start`, and after an outage every later end moves along."""
    by = start - ran_out.due_at
    if not by:
        return plan
    return tuple(
        replace(
            c, started_at=c.started_at + by, due_at=c.due_at + by, rolled_due_at=c.rolled_due_at + by,
            explanation=(*c.explanation, ("outage", start.isoformat(), by // timedelta(seconds=1))),
        )
        if c.due_at > ran_out.due_at
        else c
        for c in plan
    )


# -- folding -------------------------------------------------------------------------------------------------


def evolve(case: Case | None, event: Message, context: Context) -> Case:
    """Fold one of our own events into the case."""
    return FOLDS[type(event)](case, event, context)


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
        plan=tuple(_clock(message) for message in event.plan),
        running=event.assignment.tier,
    )


def _accepted(case: Case, _event: ev.CaseAccepted, _context: Context) -> Case:
    return replace(case, status=IN_PROGRESS)


def _unchanged(case: Case, _event: Message, _context: Context) -> Case:
    return case


def _escalated(case: Case, event: ev.CaseEscalated, context: Context) -> Case:
    plan = case.plan
    if case.clock and event.HasField("next_started_at"):
        plan = shifted(plan, case.clock, instant(event.next_started_at))
    moved = _moved(case, event.assignment, event.reason, context.at)
    return replace(moved, plan=plan, running=event.assignment.tier)


def _supervised(case: Case, event: ev.SupervisionOrdered, context: Context) -> Case:
    return replace(
        case,
        supervised_at=case.supervised_at or context.at,
        running=0 if event.reason == ev.MOVE_REASON_TIMEOUT else case.running,
    )


def _resolved(case: Case, event: ev.CaseResolved, context: Context) -> Case:
    return replace(case, status=RESOLVED, resolved_at=context.at, outcome=event.outcome, running=0)


def _withdrawn(case: Case, _event: ev.CaseWithdrawn, _context: Context) -> Case:
    return replace(case, status=WITHDRAWN, running=0)


def _reopened(case: Case, event: ev.CaseReopened, context: Context) -> Case:
    return replace(
        _moved(case, event.assignment, ev.MOVE_REASON_REOPENED, context.at),
        resolved_at=None,
        outcome="",
        supervised_at=None,
        due_at=instant(event.due_at),
        due_promised=False,
        plan=tuple(_clock(message) for message in event.plan),
        running=event.assignment.tier,
    )


FOLDS: Mapping[type[Message], Callable[[Any, Any, Context], Case]] = {
    ev.CaseRouted: _routed,
    ev.CaseAccepted: _accepted,
    ev.ProgressReported: _unchanged,
    ev.CaseEscalated: _escalated,
    ev.SupervisionOrdered: _supervised,
    ev.CaseResolved: _resolved,
    ev.CaseWithdrawn: _withdrawn,
    ev.CaseReopened: _reopened,
    ev.WishDeclined: _unchanged,
}


# -- between events and state --------------------------------------------------------------------------------


def _reference(case: Case) -> ev.CaseReference:
    return ev.CaseReference(request_no=case.request_no, site_id=case.site_id, person_ref=case.person_ref)


def _assignment(placement: Placement) -> ev.Assignment:
    return ev.Assignment(
        tier=_tier(placement.unit.tier),
        unit_id=placement.unit.id,
        post_id=placement.post.id,
        holder_ref=placement.post.holder_ref or "",
        reasons=placement.reasons,
    )


def _owner(assignment: ev.Assignment) -> dict[str, Any]:
    return {
        "tier": assignment.tier,
        "unit_id": assignment.unit_id,
        "post_id": assignment.post_id,
        "holder_ref": assignment.holder_ref,
        "reasons": tuple(assignment.reasons),
    }


def _moved(case: Case, assignment: ev.Assignment, reason: int, at: datetime) -> Case:
    step = Step(case.unit_id, assignment.unit_id, case.tier, assignment.tier, at, reason)
    return replace(case, status=ASSIGNED, steps=(*case.steps, step), **_owner(assignment))


def _escalation(case: Case, above: Placement, reason: ev.MoveReason, **fired: Any) -> ev.CaseEscalated:
    return ev.CaseEscalated(
        case=_reference(case), from_tier=_tier(case.tier), from_unit_id=case.unit_id, assignment=_assignment(above),
        reason=reason, **fired,
    )


def _supervision(case: Case, reason: ev.MoveReason, **fired: Any) -> ev.SupervisionOrdered:
    owner = ev.Assignment(
        tier=_tier(case.tier), unit_id=case.unit_id, post_id=case.post_id, holder_ref=case.holder_ref
    )
    return ev.SupervisionOrdered(case=_reference(case), assignment=owner, reason=reason, **fired)


def _refuse_if_moved_on(case: Case, context: Context) -> None:
    """A late entry of a former owner can settle a case, nothing less: the case is with another by now."""
    if case.owner_at(context.at)[0] != case.unit_id:
        raise IllegalTransition(
            f"the case has moved on to {case.unit_id} since then", reason="moved_on", state=case.status,
            allowed="ResolveCase",
        )


def _tier(number: int) -> Tier:
    return Tier.ValueType(number)


def clock_message(clock: Clock) -> ClockMessage:
    return ClockMessage(
        name=clock.name,
        epoch=clock.epoch,
        started_at=timestamp(clock.started_at),
        due_at=timestamp(clock.due_at),
        rolled_due_at=timestamp(clock.rolled_due_at),
        rule=clock.rule,
        calendar_version=clock.calendar_version,
        provisional=clock.provisional,
        explanation=[ExplanationStep(code=code, at=at, amount=amount) for code, at, amount in clock.explanation],
    )


def _clock(message: ClockMessage) -> Clock:
    return Clock(
        tier=int(message.name.removeprefix("tier-")),
        epoch=message.epoch,
        started_at=instant(message.started_at),
        due_at=instant(message.due_at),
        rolled_due_at=instant(message.rolled_due_at),
        rule=message.rule,
        calendar_version=message.calendar_version,
        provisional=message.provisional,
        explanation=tuple((step.code, step.at, step.amount) for step in message.explanation),
    )
