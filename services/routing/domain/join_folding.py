"""How joining and parting change a case."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from fengqiao.routing.v1 import events_pb2 as ev
from services.chassis.model import Context
from services.chassis.protobuf import instant
from services.chassis.terms import from_message
from services.routing.domain.case import JOINED, Case, Joined
from services.routing.domain.clocks import moved
from services.routing.domain.resuming import seconds_of

JOINED_STEP = "joined"
"""The step, in the explanation of a due time, of a time that a case was joined with another."""


def joined(case: Case, event: ev.CaseJoined, context: Context) -> Case:
    """No clock runs; it remembers where it stood."""
    join = Joined(
        lead_case_id=event.lead_case_id,
        lead_request_no=event.lead_request_no,
        reason=event.reason,
        joined_by=event.joined_by,
        at=context.at,
        status=case.status,
        running=case.running,
    )
    return replace(case, status=JOINED, joined=join, running=0, returned=None, order=None, asked=None)


def parted(case: Case, event: ev.CaseParted, _context: Context) -> Case:
    """It stands where it stood, and its clocks go on."""
    if case.joined is None:
        return case
    return replace(
        case,
        status=case.joined.status,
        running=case.joined.running,
        joined=None,
        plan=tuple(map(from_message, event.plan)),
        due_at=instant(event.due_at),
    )


def settled(case: Case, event: ev.CaseResolved, context: Context) -> dict[str, Any]:
    """What else changes when a joined case is settled with what leads its matter."""
    if case.joined is None:
        return {}
    since, seconds = case.joined.at, joined_for(case.joined, context.at)
    return {
        "joined": None,
        "plan": moved(case.plan, since, seconds, JOINED_STEP),
        "due_at": instant(event.joined_due_at),
    }


def joined_for(joined: Joined, until: datetime) -> int:
    """How long it was joined, in seconds."""
    return max(0, seconds_of(until - joined.at))
