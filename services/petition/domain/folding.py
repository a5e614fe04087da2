"""How our own events change a petition: the state is what they say, and nothing else (chassis rule 21)."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from google.protobuf.message import Message

from fengqiao.common.v1.common_pb2 import Clock as ClockMessage
from fengqiao.petition.v1 import events_pb2 as ev
from services.chassis import terms
from services.chassis.model import Context
from services.chassis.protobuf import instant
from services.petition.domain.petition import (
    ACCEPTED,
    FINAL,
    NOT_ACCEPTED,
    NOTIFIED,
    OPINION_DELIVERED,
    OPINION_ISSUED,
    RECEIVED,
    REGISTERED,
    REPLIED,
    ROUTED,
    WITHDRAWN,
    Petition,
)


def evolve(petition: Petition | None, event: Message, context: Context) -> Petition:
    """Fold one of our own events into the petition."""
    return FOLDS[type(event)](petition, event, context)


def _received(petition: Petition | None, event: ev.PetitionReceived, context: Context) -> Petition:
    given = event.petition
    return Petition(
        request_no=given.request_no,
        site_id=given.site_id,
        person_ref=given.person_ref,
        unit_id=given.unit_id,
        office=given.unit_id,
        accused_unit_id=given.accused_unit_id,
        referral=event.referral,
        matter=event.kind,
        status=RECEIVED,
        received_at=instant(event.received_at),
        stepped_at=context.at,
        clocks=(*(petition.clocks if petition else ()), terms.from_message(event.clock)),
    )


def _registered(petition: Petition, event: ev.PetitionRegistered, context: Context) -> Petition:
    return replace(
        petition,
        status=REGISTERED,
        stepped_at=context.at,
        kind=event.kind,
        branch=event.branch,
        content_code=event.content_code,
        petitioners=event.petitioners,
        representative_refs=tuple(event.representative_refs),
    )


def _routed(petition: Petition, event: ev.PetitionRouted, context: Context) -> Petition:
    done = replace(_done(petition, context.at), status=ROUTED, unit_id=event.petition.unit_id)
    return _started(done, event.clock)


def _notified(petition: Petition, _event: ev.ReceiptNotified, context: Context) -> Petition:
    return replace(_done(petition, context.at), status=NOTIFIED, notified_at=context.at)


def _waived(petition: Petition, _event: ev.ReceiptNoticeWaived, context: Context) -> Petition:
    return replace(_done(petition, context.at), status=NOTIFIED)


def _accepted(petition: Petition, event: ev.PetitionAccepted, context: Context) -> Petition:
    accepted = replace(petition, status=ACCEPTED, stepped_at=context.at, accepted_at=context.at)
    return _started(accepted, event.clock) if event.HasField("clock") else accepted


def _extended(petition: Petition, event: ev.DeadlineExtended, context: Context) -> Petition:
    return _started(_done(petition, context.at), event.clock)


def _issued(petition: Petition, event: ev.OpinionIssued, context: Context) -> Petition:
    done = _done(petition, context.at)
    return replace(done, status=OPINION_ISSUED, issued_at=context.at, outcome=event.outcome)


def _delivered(petition: Petition, event: ev.OpinionDelivered, context: Context) -> Petition:
    delivered = replace(petition, status=OPINION_DELIVERED, stepped_at=context.at, delivered_at=context.at)
    return _started(delivered, event.clock)


def _ended(status: str) -> Callable[[Petition, Any, Context], Petition]:
    def fold(petition: Petition, _event: Any, context: Context) -> Petition:
        return replace(petition, status=status, stepped_at=context.at, running=False)

    return fold


def _warned(petition: Petition, _event: ev.DutyWarned, _context: Context) -> Petition:
    return replace(petition, warned=True)


def _overdue(petition: Petition, event: ev.DutyOverdue, _context: Context) -> Petition:
    return replace(petition, overdue=(*petition.overdue, event.clock))


def _supervised(petition: Petition, _event: ev.SupervisionAsked, _context: Context) -> Petition:
    return replace(petition, supervision_asked=True)


FOLDS: Mapping[type[Message], Callable[[Any, Any, Context], Petition]] = {
    ev.PetitionReceived: _received,
    ev.PetitionRegistered: _registered,
    ev.PetitionRouted: _routed,
    ev.ReceiptNotified: _notified,
    ev.ReceiptNoticeWaived: _waived,
    ev.PetitionAccepted: _accepted,
    ev.PetitionNotAccepted: _ended(NOT_ACCEPTED),
    ev.DeadlineExtended: _extended,
    ev.OpinionIssued: _issued,
    ev.OpinionDelivered: _delivered,
    ev.OpinionBecameFinal: _ended(FINAL),
    ev.PetitionReplied: _ended(REPLIED),
    ev.PetitionWithdrawn: _ended(WITHDRAWN),
    ev.DutyWarned: _warned,
    ev.DutyOverdue: _overdue,
    ev.SupervisionAsked: _supervised,
}


def _done(petition: Petition, at: datetime) -> Petition:
    """The duty whose clock runs is done; entered late, it counts for when it was done (chassis rule 17)."""
    clock = petition.clocks[-1]
    in_time = at <= clock.rolled_due_at
    overdue = tuple(name for name in petition.overdue if not (in_time and name == clock.name))
    return replace(petition, stepped_at=at, running=False, overdue=overdue)


def _started(petition: Petition, clock: ClockMessage) -> Petition:
    clocks = (*petition.clocks, terms.from_message(clock))
    return replace(petition, clocks=clocks, running=True, warned=False)
