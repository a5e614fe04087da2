"""How events about pauses and extensions change a case: its plan and due time are what they say."""

from dataclasses import replace

from fengqiao.routing.v1 import clock_events_pb2 as ev
from services.chassis.model import Context
from services.chassis.protobuf import instant
from services.chassis.terms import from_message
from services.routing.domain.case import Asked, Case, Pause


def asked(case: Case, event: ev.PauseAsked | ev.ExtensionAsked, context: Context) -> Case:
    """It waits for its approver."""
    waiting = Asked(
        number=event.ask,
        kind=event.kind if isinstance(event, ev.PauseAsked) else 0,
        length=event.length,
        rule=event.rule,
        approver_unit_id=event.approver_unit_id,
        asked_by=event.asked_by,
        at=context.at,
    )
    return replace(case, asked=waiting, asks=event.ask)


def paused(case: Case, event: ev.ClocksPaused, context: Context) -> Case:
    """No tier's clock runs until it ends."""
    pause = Pause(
        number=event.pause,
        kind=event.kind,
        at=context.at,
        clock=from_message(event.clock),
        due_moved=event.due_at.ToNanoseconds() != event.due_before.ToNanoseconds(),
    )
    return replace(
        _moved(case, event),
        pause=pause,
        pauses=(*case.pauses, event.kind),
        pause_clocks=event.pause,
        asked=None,
    )


def resumed(case: Case, event: ev.ClocksResumed, _context: Context) -> Case:
    """They run again."""
    return replace(_moved(case, event), pause=None)


def extended(case: Case, event: ev.DueTimeExtended, _context: Context) -> Case:
    """They end later."""
    return replace(_moved(case, event), extended=case.extended + event.length, asked=None)


def refused(case: Case, _event: ev.TimeRefused, _context: Context) -> Case:
    """Nothing waits for an approver any more."""
    return replace(case, asked=None)


def _moved(case: Case, event: ev.ClocksPaused | ev.ClocksResumed | ev.DueTimeExtended) -> Case:
    return replace(case, plan=tuple(map(from_message, event.plan)), due_at=instant(event.due_at))
