"""How a case's first contact, warnings and recomputed clocks change it."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from google.protobuf.message import Message

from fengqiao.routing.v1 import clock_events_pb2 as clock_ev
from fengqiao.routing.v1 import events_pb2 as ev
from fengqiao.routing.v1 import handling_events_pb2 as hv
from services.chassis.model import Context
from services.chassis.protobuf import instant, instant_or_none
from services.chassis.terms import Clock, from_message
from services.routing.domain.case import RULING_CLOCK, Case, Warned

ENDS_CONTACT = frozenset(
    {
        ev.CaseAccepted,
        ev.ProgressReported,
        ev.SupervisionAnswered,
        ev.CaseResolved,
        ev.CaseWithdrawn,
        ev.CaseReferred,
        ev.CaseJoined,
        clock_ev.ClocksPaused,
        clock_ev.PauseAsked,
        clock_ev.ExtensionAsked,
        hv.AssistanceAsked,
        hv.PartSplitOff,
    }
)
"""What the owner did about the matter, or what leaves it nothing to do."""
BEGINS_CONTACT = frozenset(
    {
        ev.CaseRouted,
        ev.CaseEscalated,
        ev.CaseReassigned,
        ev.CaseReopened,
        ev.CaseTakenBack,
        ev.CaseParted,
        ev.ReturnRuled,
    }
)


def contact(before: Case | None, case: Case, event: Message) -> Case:
    """The clock of the first contact after an event: begun, stopped, as it was; a former owner's is over."""
    kind = type(event)
    if kind in BEGINS_CONTACT:
        holds: Any = event if isinstance(event, ev.ReturnRuled) else getattr(event, "assignment", None)
        if holds.HasField("first_contact"):
            clock = from_message(holds.first_contact)
            return replace(case, contact=clock, contacts=clock.epoch)
        moved = before is not None and before.unit_id != case.unit_id
        return replace(case, contact=None) if case.contact and moved else case
    return replace(case, contact=None) if case.contact and kind in ENDS_CONTACT else case


def missed(case: Case, _event: clock_ev.FirstContactMissed, _context: Context) -> Case:
    """It was told."""
    return replace(case, contact=None)


def neared(case: Case, event: clock_ev.DeadlineNeared, _context: Context) -> Case:
    """That stage is never told again."""
    return _came(case, event, None)


def put_off(case: Case, event: clock_ev.WarningPutOff, _context: Context) -> Case:
    """It is told later, or no more."""
    return _came(case, event, instant_or_none(event.until) if event.HasField("until") else None)


def _came(
    case: Case, event: clock_ev.DeadlineNeared | clock_ev.WarningPutOff, until: datetime | None
) -> Case:
    came = Warned(event.clock, event.epoch, event.stage, until)
    others = [each for each in case.warned if replace(each, until=until) != came]
    return replace(case, warned=(*others, came))


def recomputed(case: Case, event: clock_ev.DeadlineRecomputed, _context: Context) -> Case:
    """Its clocks end when they end by the calendar that came."""
    clocks = {clock.name: from_message(clock) for clock in event.clocks}

    def now(clock: Clock | None) -> Clock | None:
        return clocks.get(clock.name, clock) if clock else None

    returned, order = case.returned, case.order
    return replace(
        case,
        due_at=instant(event.due_at),
        plan=tuple(clocks.get(clock.name, clock) for clock in case.plan),
        contact=now(case.contact),
        returned=returned and replace(returned, clock=clocks.get(RULING_CLOCK, returned.clock)),
        order=order and replace(order, clock=now(order.clock)),
    )
