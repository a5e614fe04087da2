"""What other services say: a case is referred, an accusation is made, the petitioner wishes something."""

from collections.abc import Mapping
from typing import Any

from fengqiao.intake.v1.events_pb2 import AccusationSubmitted, EscalationRequested, WithdrawalRequested
from fengqiao.petition.v1 import events_pb2 as ev
from fengqiao.routing.v1.events_pb2 import CaseReferred, ReferralRecalled
from services.chassis import terms
from services.chassis.model import NOTHING, Context, Decision, Emit, decided
from services.chassis.protobuf import timestamp
from services.petition.domain.petition import NO_REFERRAL, P1, Petition
from services.petition.domain.shared import concluded, reference
from services.petition.rules import REGISTER, Rules

WITHDRAWAL, ESCALATION = "withdrawal", "escalation"


class Arrivals:
    """The decisions, by the rules of each site."""

    def __init__(self, rules: Mapping[str, Rules]) -> None:
        """`rules` is keyed by site id."""
        self._rules = rules

    def refer(self, petition: Petition | None, event: CaseReferred, context: Context) -> Decision:
        """The petition office has it; a later referral of the same case starts anew."""
        rules = self._rules[event.case.site_id]
        owner = event.assignment.unit_id
        return self._receive(
            petition,
            ev.PetitionReference(
                request_no=event.case.request_no,
                site_id=event.case.site_id,
                person_ref=event.case.person_ref,
                unit_id=owner if rules.is_organ(owner) else rules.top,
            ),
            referral=event.referral,
            matter=event.kind,
            context=context,
        )

    def accuse(self, petition: Petition | None, event: AccusationSubmitted, context: Context) -> Decision:
        """The inspectors have it; while the territory's top is accused itself, nobody in it does."""
        rules = self._rules[event.site_id]
        return self._receive(
            petition,
            ev.PetitionReference(
                request_no=event.request_no,
                site_id=event.site_id,
                person_ref=event.person_ref,
                unit_id="" if rules.lies_within(rules.top, event.accused_unit_id) else rules.top,
                accused_unit_id=event.accused_unit_id,
            ),
            referral=NO_REFERRAL,
            matter=event.kind,
            context=context,
        )

    def recall(self, petition: Petition, event: ReferralRecalled, _context: Context) -> Decision:
        """The petitioner's wish, relayed by routing; one about an older referral is too late."""
        if event.referral != petition.referral:
            return NOTHING
        if event.wish == WITHDRAWAL:
            return _withdrawn(petition, WITHDRAWAL)
        return _supervised(petition, ESCALATION)

    def withdraw(self, petition: Petition, event: WithdrawalRequested, _context: Context) -> Decision:
        """The accuser takes it back."""
        return _withdrawn(petition, event.reason)

    def supervise(self, petition: Petition, event: EscalationRequested, _context: Context) -> Decision:
        """The accuser asks that a superior look after it."""
        return _supervised(petition, event.reason)

    def _receive(
        self,
        petition: Petition | None,
        given: ev.PetitionReference,
        *,
        referral: int,
        matter: str,
        context: Context,
    ) -> Decision:
        epoch = petition.epoch(P1) if petition else 1
        clock = self._rules[given.site_id].start(P1, REGISTER, context.at, epoch)
        event = ev.PetitionReceived(
            petition=given,
            referral=referral,
            kind=matter,
            received_at=timestamp(context.at),
            clock=terms.to_message(clock),
        )
        return decided(event, opinion={}, reply="")


def noted(_petition: Petition, _event: Any, _context: Context) -> Decision:
    """What comes too late changes nothing (chassis rule 10)."""
    return NOTHING


def _withdrawn(petition: Petition, reason: str) -> Decision:
    event = ev.PetitionWithdrawn(petition=reference(petition), reason=reason)
    return Decision((Emit(event), *concluded(petition, "withdrawn")))


def _supervised(petition: Petition, reason: str) -> Decision:
    if petition.supervision_asked:
        return NOTHING
    return decided(ev.SupervisionAsked(petition=reference(petition), reason=reason))
