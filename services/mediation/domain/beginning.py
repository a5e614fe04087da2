"""How a mediation begins: referred, opened, consented to, given a mediator; and the wishes routing relays."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from fengqiao.mediation.v1 import events_pb2 as ev
from fengqiao.routing.v1.events_pb2 import CaseReferred, ReferralRecalled
from services.chassis import terms
from services.chassis.errors import Invalid, Violation
from services.chassis.model import NOTHING, Context, Decision, Emit, decided
from services.chassis.protobuf import timestamp
from services.mediation import rules as r
from services.mediation.domain import commands as c
from services.mediation.domain.dispute import (
    CHOOSE_CLOCK,
    CONFIRM_CLOCK,
    TERM_CLOCK,
    Dispute,
)
from services.mediation.domain.shared import ended, reference
from services.mediation.rules import Rules

GRACE = timedelta(hours=1)
ESCALATION = "escalation"
CHOSEN, APPOINTED, NEXT_IN_TURN, SILENT = "chosen", "appointed", "next_in_turn", "silent"
FEWEST_PARTIES = 2


class Beginning:
    """The decisions up to the mediator's word, by the rules of each site."""

    def __init__(self, rules: Mapping[str, Rules]) -> None:
        """`rules` is keyed by site id."""
        self._rules = rules

    def rules_of(self, dispute: Dispute) -> Rules:
        """The rules of a dispute's site."""
        return self._rules[dispute.site_id]

    def refer(self, dispute: Dispute | None, event: CaseReferred, _context: Context) -> Decision:
        """The committee has it; a later referral of the same case begins another mediation."""
        received = ev.DisputeReceived(
            mediation=ev.MediationReference(
                request_no=event.case.request_no,
                site_id=event.case.site_id,
                person_ref=event.case.person_ref,
                mediation=dispute.number + 1 if dispute else 1,
                unit_id=event.assignment.unit_id,
            ),
            referral=event.referral,
            kind=event.kind,
        )
        return decided(received)

    def recall(self, dispute: Dispute, event: ReferralRecalled, _context: Context) -> Decision:
        """The resident's wish, relayed by routing, ends it; one about an older referral is too late."""
        if event.referral != dispute.referral:
            return NOTHING
        leaving = event.wish == ESCALATION
        reason = ev.END_REASON_PARTY_UNWILLING if leaving else ev.END_REASON_OTHER
        return Decision((ended(dispute, reason, by_ref=dispute.person_ref, wish=event.wish),))

    def open(self, dispute: Dispute, command: c.OpenMediation, context: Context) -> Decision:
        """Name the parties; each is asked for consent."""
        self.in_order(dispute, context)
        if len(set(command.party_refs)) < FEWEST_PARTIES:
            rule = self.rules_of(dispute).name(r.PARTIES)
            raise Invalid([Violation("party_refs", "fewer_than_two_parties")], rule=rule)
        opened = reference(dispute, party_refs=command.party_refs)
        return decided(ev.MediationOpened(mediation=opened, dispute_type=command.dispute_type))

    def consent(self, dispute: Dispute, command: c.GiveConsent, context: Context) -> Decision:
        """A party consents; when all have, they choose a mediator."""
        self.in_order(dispute, context)
        self.check_party(dispute, command.party_ref)
        if command.party_ref in dispute.consented:
            return NOTHING
        given = ev.ConsentGiven(
            mediation=reference(dispute), party_ref=command.party_ref, manner=command.manner
        )
        if {*dispute.consented, command.party_ref} != set(dispute.party_refs):
            return decided(given)
        clock = self.rules_of(dispute).start(CHOOSE_CLOCK, r.CHOOSE, context.at, dispute.epoch(CHOOSE_CLOCK))
        return decided(given, ev.ChoiceOpened(mediation=reference(dispute), clock=terms.to_message(clock)))

    def refuse(self, dispute: Dispute, command: c.RefuseMediation, context: Context) -> Decision:
        """A party does not want it, or no longer: lawful at any time."""
        self.in_order(dispute, context)
        self.check_party(dispute, command.party_ref)
        end = ended(dispute, ev.END_REASON_PARTY_UNWILLING, by_ref=command.party_ref)
        return Decision((end,), {"note": command.note})

    def choose(self, dispute: Dispute, command: c.ChooseMediator, context: Context) -> Decision:
        """A party names a mediator; the one whom all name is asked."""
        self.in_order(dispute, context)
        self.check_party(dispute, command.party_ref)
        rules, ref = self.rules_of(dispute), command.mediator_ref
        if not rules.is_listed(ref) or ref in {*dispute.party_refs, *dispute.asked}:
            raise Invalid([Violation("mediator_ref", "not_to_be_had")], rule=rules.name(r.MEDIATOR))
        named = ev.MediatorNamed(mediation=reference(dispute), party_ref=command.party_ref, named_ref=ref)
        wanted = {**dict(dispute.named), command.party_ref: ref}
        if {wanted.get(party) for party in dispute.party_refs} != {ref}:
            return decided(named)
        return Decision((Emit(named), self._ask(dispute, ref, CHOSEN, context)))

    def confirm(self, dispute: Dispute, command: c.ConfirmMediator, context: Context) -> Decision:
        """The mediator takes it on, and the term runs; or declines, and the next one is asked."""
        self.in_order(dispute, context)
        rules = self.rules_of(dispute)
        if command.accept:
            clock = rules.start(TERM_CLOCK, r.TERM, context.at, dispute.epoch(TERM_CLOCK))
            return decided(ev.MediatorConfirmed(mediation=reference(dispute), clock=terms.to_message(clock)))
        if not command.reason:
            raise Invalid([Violation("reason", "required_to_decline")], rule=rules.name(r.CONFIRM))
        return self._pass_on(dispute, command.reason, context)

    def nobody_chosen(self, dispute: Dispute, command: c.ClockRanOut, context: Context) -> Decision:
        """The parties did not choose together in time: one is appointed."""
        found = self._appointed(dispute, APPOINTED, context)
        return Decision((found or _for_want_of_a_mediator(dispute, command, context),))

    def silent(self, dispute: Dispute, _command: c.ClockRanOut, context: Context) -> Decision:
        """The mediator said nothing in time: the next one is asked."""
        return self._pass_on(dispute, SILENT, context)

    def in_order(self, dispute: Dispute, context: Context) -> None:
        """Nothing is entered for a time before what led to it.

        Raises:
            Invalid: it would be.
        """
        if context.at < dispute.stepped_at:
            raise Invalid([Violation("meta.occurred_at", "before_the_last_step")])

    def check_party(self, dispute: Dispute, ref: str, field: str = "party_ref") -> None:
        """Only a party speaks for its side.

        Raises:
            Invalid: it is none.
        """
        if ref not in dispute.party_refs:
            raise Invalid([Violation(field, "no_party")], rule=self.rules_of(dispute).name(r.PARTIES))

    def _pass_on(self, dispute: Dispute, reason: str, context: Context) -> Decision:
        declined = ev.MediatorDeclined(
            mediation=reference(dispute, mediator_ref=""),
            declined_ref=dispute.mediator_ref,
            reason=reason,
        )
        found = self._appointed(dispute, NEXT_IN_TURN, context)
        return Decision((Emit(declined), found or ended(dispute, ev.END_REASON_OTHER)))

    def _appointed(self, dispute: Dispute, manner: str, context: Context) -> Emit | None:
        asked = (*dispute.party_refs, *dispute.asked, dispute.mediator_ref)
        ref = self.rules_of(dispute).next_mediator(dispute.unit_id, asked)
        return self._ask(dispute, ref, manner, context) if ref else None

    def _ask(self, dispute: Dispute, ref: str, manner: str, context: Context) -> Emit:
        began = context.start_after(context.at, GRACE)
        clock = self.rules_of(dispute).start(CONFIRM_CLOCK, r.CONFIRM, began, dispute.epoch(CONFIRM_CLOCK))
        asked = reference(dispute, mediator_ref=ref)
        return Emit(ev.MediatorAppointed(mediation=asked, manner=manner, clock=terms.to_message(clock)))


def noted(_dispute: Dispute, _event: Any, _context: Context) -> Decision:
    """What comes too late changes nothing (chassis rule 10)."""
    return NOTHING


def _for_want_of_a_mediator(dispute: Dispute, command: c.ClockRanOut, context: Context) -> Emit:
    return ended(
        dispute,
        ev.END_REASON_OTHER,
        clock=command.clock,
        epoch=command.epoch,
        fired_at=timestamp(context.now),
    )
