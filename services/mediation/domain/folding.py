"""How our own events change a dispute: the state is what they say, and nothing else (chassis rule 21)."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from google.protobuf.message import Message

from fengqiao.common.v1.common_pb2 import Clock as ClockMessage
from fengqiao.mediation.v1 import events_pb2 as ev
from services.chassis import terms
from services.chassis.model import Context
from services.chassis.protobuf import instant
from services.mediation.domain.dispute import (
    CHOOSING,
    CONFIRMING,
    CONSENTING,
    ENDED,
    MEDIATING,
    RECEIVED,
    SIGNING,
    Agreement,
    Dispute,
    Session,
    Signature,
)


def evolve(dispute: Dispute | None, event: Message, context: Context) -> Dispute:
    """Fold one of our own events into the dispute."""
    return replace(FOLDS[type(event)](dispute, event, context), stepped_at=context.at)


def _received(dispute: Dispute | None, event: ev.DisputeReceived, context: Context) -> Dispute:
    given = event.mediation
    return Dispute(
        request_no=given.request_no,
        site_id=given.site_id,
        person_ref=given.person_ref,
        unit_id=given.unit_id,
        kind=event.kind,
        number=given.mediation,
        referral=event.referral,
        status=RECEIVED,
        stepped_at=context.at,
        clocks=dispute.clocks if dispute else (),
        earlier_ends=(*dispute.earlier_ends, dispute.end_reason) if dispute else (),
    )


def _opened(dispute: Dispute, event: ev.MediationOpened, _context: Context) -> Dispute:
    parties = tuple(event.mediation.party_refs)
    return replace(dispute, status=CONSENTING, party_refs=parties, dispute_type=event.dispute_type)


def _consented(dispute: Dispute, event: ev.ConsentGiven, _context: Context) -> Dispute:
    return replace(dispute, consented=(*dispute.consented, event.party_ref))


def _choosing(dispute: Dispute, event: ev.ChoiceOpened, _context: Context) -> Dispute:
    return _started(replace(dispute, status=CHOOSING), event.clock)


def _named(dispute: Dispute, event: ev.MediatorNamed, _context: Context) -> Dispute:
    named = {**dict(dispute.named), event.party_ref: event.named_ref}
    return replace(dispute, named=tuple(named.items()))


def _appointed(dispute: Dispute, event: ev.MediatorAppointed, _context: Context) -> Dispute:
    asked = replace(dispute, status=CONFIRMING, mediator_ref=event.mediation.mediator_ref)
    return _started(asked, event.clock)


def _declined(dispute: Dispute, event: ev.MediatorDeclined, _context: Context) -> Dispute:
    asked = (*dispute.asked, event.declined_ref)
    return replace(dispute, mediator_ref="", asked=asked, running=False)


def _confirmed(dispute: Dispute, event: ev.MediatorConfirmed, _context: Context) -> Dispute:
    return _started(replace(dispute, status=MEDIATING), event.clock)


def _scheduled(dispute: Dispute, event: ev.SessionScheduled, _context: Context) -> Dispute:
    session = Session(event.session, instant(event.at), event.manner)
    return replace(dispute, sessions=(*dispute.sessions, session))


def _recorded(dispute: Dispute, event: ev.SessionRecorded, context: Context) -> Dispute:
    sessions = tuple(
        replace(each, attended=tuple(event.attended_refs), recorded_at=context.at)
        if each.number == event.session
        else each
        for each in dispute.sessions
    )
    return replace(dispute, sessions=sessions)


def _extended(dispute: Dispute, event: ev.TermExtended, _context: Context) -> Dispute:
    return _started(dispute, event.clock)


def _proposed(dispute: Dispute, event: ev.AgreementProposed, _context: Context) -> Dispute:
    agreement = Agreement(event.agreement, event.form, event.partial)
    return replace(dispute, status=SIGNING, agreement=agreement)


def _signed(dispute: Dispute, event: ev.AgreementSigned, context: Context) -> Dispute:
    if dispute.agreement is None:
        return dispute
    signature = Signature(event.capacity, event.signer_ref, context.at)
    signatures = (*dispute.agreement.signatures, signature)
    return replace(dispute, agreement=replace(dispute.agreement, signatures=signatures))


def _in_force(dispute: Dispute, _event: ev.AgreementTookEffect, context: Context) -> Dispute:
    if dispute.agreement is None:
        return dispute
    return replace(dispute, agreement=replace(dispute.agreement, in_force_at=context.at))


def _ended(dispute: Dispute, event: ev.MediationEnded, context: Context) -> Dispute:
    return replace(dispute, status=ENDED, end_reason=event.reason, ended_at=context.at, running=False)


FOLDS: Mapping[type[Message], Callable[[Any, Any, Context], Dispute]] = {
    ev.DisputeReceived: _received,
    ev.MediationOpened: _opened,
    ev.ConsentGiven: _consented,
    ev.ChoiceOpened: _choosing,
    ev.MediatorNamed: _named,
    ev.MediatorAppointed: _appointed,
    ev.MediatorDeclined: _declined,
    ev.MediatorConfirmed: _confirmed,
    ev.SessionScheduled: _scheduled,
    ev.SessionRecorded: _recorded,
    ev.TermExtended: _extended,
    ev.AgreementProposed: _proposed,
    ev.AgreementSigned: _signed,
    ev.AgreementTookEffect: _in_force,
    ev.MediationEnded: _ended,
}


def _started(dispute: Dispute, clock: ClockMessage) -> Dispute:
    return replace(dispute, clocks=(*dispute.clocks, terms.from_message(clock)), running=True)
