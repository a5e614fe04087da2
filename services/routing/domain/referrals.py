"""Handing a case to mediation or petition handling, and taking it back; one way at a time.

While a case is referred, whoever has it decides how it ends. The resident's wishes are relayed there, and
what comes back settles them.
"""

from collections.abc import Mapping
from typing import Any

from google.protobuf.message import Message

from fengqiao.intake.v1.events_pb2 import EscalationRequested, WithdrawalRequested
from fengqiao.mediation.v1.events_pb2 import EndReason, MediationEnded
from fengqiao.petition.v1.events_pb2 import PetitionConcluded
from fengqiao.routing.v1 import events_pb2 as ev
from services.chassis.errors import IllegalTransition
from services.chassis.model import NOTHING, Context, Decision, Emit, decided
from services.chassis.protobuf import instant, timestamp
from services.chassis.terms import to_message
from services.routing.domain import shared
from services.routing.domain.case import DISPUTES, OUTCOMES, PETITIONS, Case
from services.routing.domain.clocks import make_plan
from services.routing.domain.commands import ReferCase
from services.routing.domain.placing import rules_for
from services.routing.domain.supervision import Orders
from services.routing.rules import MEDIATION, PETITION, Rules

BY_KIND, BY_TOP_TIER = "kind", "top_tier"
WITHDRAWAL, ESCALATION = "withdrawal", "escalation"

TRACKS: Mapping[str, ev.Track.ValueType] = {MEDIATION: ev.TRACK_MEDIATION, PETITION: ev.TRACK_PETITION}
TOPICS: Mapping[int, str] = {ev.TRACK_MEDIATION: DISPUTES, ev.TRACK_PETITION: PETITIONS}

SETTLED = frozenset({"agreement", "withdrawn_after_settling"})
OPINIONS = frozenset({"petition_supported", "petition_explained", "petition_not_supported"})
"""Outcomes after which a review (复查) is the way on, not the ladder."""
REFUSED = "party_unwilling"
WITHDRAWN_THERE = "withdrawn"
VOLUNTARY = "mediation.voluntary@1"


class Referrals:
    """The decisions, by the rules of each site."""

    def __init__(self, rules: Mapping[str, Rules], orders: Orders) -> None:
        """`rules` is keyed by site id; `orders` begin where a resident's wish finds nobody higher."""
        self._rules = rules
        self._orders = orders

    def of_kind(self, routed: ev.CaseRouted, site_id: str) -> Emit | None:
        """The referral that follows at once from a kind of matter; None for the ladder's own kinds, and where
        a petition would have no petitioner.
        """
        rules = self._rules[site_id].at(instant(routed.submitted_at))
        track = TRACKS.get(rules.capable(routed.kind).track)
        if track is None or (routed.screening_code and track == ev.TRACK_PETITION):
            return None
        event = ev.CaseReferred(
            case=routed.case,
            track=track,
            referral=1,
            kind=routed.kind,
            assignment=routed.assignment,
            submitted_at=routed.submitted_at,
            reason=BY_KIND,
        )
        return Emit(event, also=(TOPICS[track],))

    def refer(self, case: Case, command: ReferCase, context: Context) -> Decision:
        """The top tier, having nowhere higher to go, hands the case over."""
        shared.refuse_if_moved_on(case, context)
        if self._rules[case.site_id].above(case.unit_id) is not None:
            raise IllegalTransition(
                "only the top tier refers a case; below it, escalate",
                reason="not_the_top_tier",
                state=case.status,
                allowed="EscalateCase",
            )
        if command.track == ev.TRACK_MEDIATION and case.refused:
            raise IllegalTransition(
                "a party refused mediation: nobody may be mediated against their will",
                reason="party_refused",
                rule=VOLUNTARY,
                state=case.status,
                allowed="",
            )
        if command.track == ev.TRACK_PETITION and case.screening_code:
            raise IllegalTransition(
                "an early warning has no petitioner", reason="no_complainant", state=case.status, allowed=""
            )
        event = ev.CaseReferred(
            case=shared.reference(case),
            track=ev.Track.ValueType(command.track),
            referral=case.referrals + 1,
            kind=case.kind,
            assignment=shared.owner(case),
            submitted_at=timestamp(case.submitted_at),
            reason=BY_TOP_TIER,
        )
        return Decision((Emit(event, also=(TOPICS[command.track],)),), {"note": command.note})

    def resident_withdraws(self, case: Case, _event: WithdrawalRequested, _context: Context) -> Decision:
        """Relayed: whoever has the case ends it."""
        return NOTHING if case.recall == WITHDRAWAL else _relay(case, WITHDRAWAL)

    def resident_asks_up(self, case: Case, _event: EscalationRequested, _context: Context) -> Decision:
        """Leaving mediation is always lawful; a petition has no tier above, so a superior looks after it."""
        if case.recall:
            return _decline(case, ESCALATION) if case.recall == WITHDRAWAL else NOTHING
        if case.track == ev.TRACK_MEDIATION:
            return _relay(case, ESCALATION)
        relayed = _relay(case, ESCALATION)
        supervised = Emit(shared.supervision(case, ev.MOVE_REASON_RESIDENT))
        return Decision((*relayed.events, supervised))

    def mediation_ended(self, case: Case, event: MediationEnded, context: Context) -> Decision:
        """An agreement settles it; after any other end it goes on up, or the resident's wish is done."""
        if case.track != ev.TRACK_MEDIATION or event.referral != case.referrals:
            return NOTHING
        conclusion = EndReason.Name(event.reason).removeprefix("END_REASON_").lower()
        if conclusion in SETTLED:
            return _settled(case, f"mediation_{conclusion}")
        if WITHDRAWAL in {case.recall, event.wish}:
            return _withdrawn(case)
        return self._taken_back(case, conclusion, context)

    def petition_concluded(self, case: Case, event: PetitionConcluded, _context: Context) -> Decision:
        """Whatever the organ answered ends the case; so does the petitioner's withdrawal."""
        if case.track != ev.TRACK_PETITION or event.referral != case.referrals:
            return NOTHING
        if event.conclusion == WITHDRAWN_THERE:
            return _withdrawn(case)
        return _settled(case, f"petition_{event.conclusion}")

    def _taken_back(self, case: Case, conclusion: str, context: Context) -> Decision:
        """On the ladder again, one tier up (at the top, there), with fresh clocks."""
        rules = rules_for(self._rules, case)
        above = rules.above(case.unit_id)
        placement = above or rules.answering(rules.places.top)
        wished = case.recall == ESCALATION
        epoch = max(clock.epoch for clock in case.plan) + 1
        tiers = [unit.tier for unit in rules.chain(placement.unit.id)]
        due_at, plan = make_plan(rules, tiers, context.at, None, epoch=epoch, kind=case.kind)
        events: list[Message] = [
            ev.CaseTakenBack(
                case=shared.reference(case),
                track=ev.Track.ValueType(case.track),
                referral=case.referrals,
                conclusion=conclusion,
                assignment=shared.assignment(placement),
                plan=[to_message(clock) for clock in plan],
                due_at=timestamp(due_at),
                reason=ev.MOVE_REASON_RESIDENT if wished else ev.MOVE_REASON_REFERRAL_ENDED,
            )
        ]
        if wished and above is None:
            events.append(self._orders.ordered(case, ev.MOVE_REASON_RESIDENT, context))
        return decided(*events)


def noted(_case: Case, _event: Any, _context: Context) -> Decision:
    """An end that comes when the case is on no such way any more changes nothing (chassis rule 10)."""
    return NOTHING


def _relay(case: Case, wish: str) -> Decision:
    event = ev.ReferralRecalled(
        case=shared.reference(case),
        track=ev.Track.ValueType(case.track),
        referral=case.referrals,
        wish=wish,
    )
    return decided(event, also=(TOPICS[case.track],))


def _settled(case: Case, outcome: str) -> Decision:
    """Settled there; a wish that was relayed came too late, and the resident is told so."""
    event = ev.CaseResolved(
        case=shared.reference(case), unit_id=case.unit_id, tier=shared.tier(case.tier), outcome=outcome
    )
    late = _decline(case, case.recall).events if case.recall else ()
    return Decision((Emit(event, also=(OUTCOMES,)), *late))


def _withdrawn(case: Case) -> Decision:
    event = ev.CaseWithdrawn(case=shared.reference(case), unit_id=case.unit_id)
    return decided(event, also=(OUTCOMES,))


def _decline(case: Case, wish: str) -> Decision:
    event = ev.WishDeclined(case=shared.reference(case), wish=wish, status=case.status)
    return decided(event, also=(OUTCOMES,))
