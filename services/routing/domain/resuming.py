"""The end of a pause: plan and due time move by as long as it lasted."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from fengqiao.routing.v1 import clock_events_pb2 as ev
from fengqiao.routing.v1.events_pb2 import WishDeclined
from services.chassis import terms
from services.chassis.model import Context, Decision, Emit, Transition
from services.chassis.protobuf import timestamp
from services.routing.domain import pause_folding, shared
from services.routing.domain.case import Case, Pause
from services.routing.domain.clocks import corrected

PAUSED = "paused"
"""The step of a pause in the explanation of a due time."""


def resuming(cell: Transition[Case, Any]) -> Transition[Case, Any]:
    """A move that ends a pause: the clocks run again first, then it is decided."""

    def decide(case: Case, message: Any, context: Context) -> Decision:
        if case.pause is None:
            return cell.decide(case, message, context)
        event = resumed(case, case.pause, context.at)
        decision = cell.decide(pause_folding.resumed(case, event, context), message, context)
        if all(isinstance(emit.message, WishDeclined) for emit in decision.events):
            return decision
        return replace(decision, events=(Emit(event), *decision.events))

    return replace(cell, decide=decide)


def due_after(case: Case, since: datetime, seconds: int) -> datetime:
    """The matter's due time after a while that does not count; one that was over before stays."""
    return case.due_at + timedelta(seconds=seconds) if case.due_at > since else case.due_at


def resumed(case: Case, pause: Pause, at: datetime, **how: Any) -> ev.ClocksResumed:
    """The clocks run again; `how` says who or what ended the pause."""
    planned = seconds_of(pause.clock.due_at - pause.at)
    # What is entered late may lie before the pause: it then lasted no time.
    seconds = min(planned, max(0, seconds_of(at - pause.at)))
    by = timedelta(seconds=seconds - planned) if pause.due_moved else timedelta()
    before = case.due_at - timedelta(seconds=planned) if pause.due_moved else case.due_at
    return ev.ClocksResumed(
        case=shared.reference(case),
        pause=pause.number,
        assignment=shared.owner(case),
        kind=ev.PauseKind.ValueType(pause.kind),
        seconds=seconds,
        plan=map(terms.to_message, corrected(case.plan, pause.at, planned, seconds, PAUSED)),
        due_at=timestamp(case.due_at + by),
        due_before=timestamp(before),
        **how,
    )


def seconds_of(time: timedelta) -> int:
    """Whole seconds, in which explanations count."""
    return time // timedelta(seconds=1)
