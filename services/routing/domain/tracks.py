"""The resident asks for mediation or petition handling, from whatever tier and state; one way at a time."""

from collections.abc import Callable, Mapping

from fengqiao.intake.v1 import events_pb2 as intake
from fengqiao.routing.v1 import events_pb2 as ev
from services.chassis.model import Context, Decision, Emit
from services.chassis.protobuf import timestamp
from services.routing.domain import shared
from services.routing.domain.case import OUTCOMES, REFERRED, RESOLVED, WITHDRAWN, Case
from services.routing.domain.placing import rules_for
from services.routing.domain.referrals import OPINIONS, TOPICS
from services.routing.domain.reopening import told
from services.routing.rules import TOP_TIER, Placement, Rules

BY_RESIDENT = "resident"
COMMITTEE_TIER = 3
"""The lowest tier that has a mediation committee; a petition is for the organ at the top alone."""
TRACKS: Mapping[int, tuple[str, ev.Track.ValueType]] = {
    intake.WISHED_TRACK_MEDIATION: ("mediation", ev.TRACK_MEDIATION),
    intake.WISHED_TRACK_PETITION: ("petition", ev.TRACK_PETITION),
}
Reopen = Callable[[Case, Context], ev.CaseReopened]


class Tracks:
    """The decisions, by the rules of each site."""

    def __init__(self, rules: Mapping[str, Rules], reopen: Reopen) -> None:
        """`rules` is keyed by site id; `reopen` is how a settled case goes on."""
        self._rules = rules
        self._reopen = reopen

    def asked(self, case: Case, event: intake.ReferralRequested, context: Context) -> Decision:
        """It is referred by the unit that may: a committee to mediation, the sub-district to petition."""
        wish, track = TRACKS[event.track]
        if refusal := _refusal(case, track):
            return Decision((told(case, wish, *refusal),))
        before: list[Emit] = []
        unit_id = case.unit_id
        if case.status == RESOLVED:
            reopened = self._reopen(case, context)
            unit_id = reopened.assignment.unit_id
            place = self._place(case, unit_id, track)
            reopened.assignment.CopyFrom(shared.assignment(place))
            before = [Emit(reopened, also=(OUTCOMES,))]
        else:
            place = self._place(case, unit_id, track)
            if place.unit.id != case.unit_id:
                before = [Emit(shared.escalation(case, place, ev.MOVE_REASON_RESIDENT))]
        referred = ev.CaseReferred(
            case=shared.reference(case),
            track=track,
            referral=case.referrals + 1,
            kind=case.kind,
            assignment=shared.assignment(place),
            submitted_at=timestamp(case.submitted_at),
            reason=BY_RESIDENT,
        )
        return Decision((*before, Emit(referred, also=(TOPICS[track],))))

    def _place(self, case: Case, unit_id: str, track: int) -> Placement:
        rules = rules_for(self._rules, case)
        lowest = TOP_TIER if track == ev.TRACK_PETITION else COMMITTEE_TIER
        unit = next(each for each in rules.chain(unit_id) if each.tier >= lowest)
        return rules.answering(unit.id)


def _refusal(case: Case, track: int) -> tuple[str, str] | None:
    """Why nothing comes of it, and what is open instead, in codes."""
    if case.status == WITHDRAWN:
        return "withdrawn", "new_request"
    if case.status == REFERRED:
        return "on_a_track", "escalation"
    if case.outcome in OPINIONS:
        return "opinion_given", "review"
    if track == ev.TRACK_MEDIATION and case.refused:
        return "party_refused", "petition"
    return None
