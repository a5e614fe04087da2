"""What leaves the ladder and comes back: mediation, petition handling, the resident's wishes meanwhile."""

from datetime import timedelta

import pytest

from fengqiao.intake.v1.events_pb2 import EscalationRequested, ReopeningRequested, WithdrawalRequested
from fengqiao.mediation.v1 import events_pb2 as mediation
from fengqiao.routing.v1 import events_pb2 as ev
from services.chassis.errors import IllegalTransition
from services.routing import domain
from services.routing.domain import DISPUTES, EVENTS, OUTCOMES, PETITIONS
from tests.unit.routing.ladder import NEIGHBOURS, STREET, VILLAGE, Walk

UP, BACK, AGAIN = (
    EscalationRequested(reason="too_slow"),
    WithdrawalRequested(reason="settled"),
    ReopeningRequested(reason="not_solved"),
)


def quarrel() -> Walk:
    return Walk().submit(kind="dispute.kin")


def at_the_top() -> Walk:
    return Walk().submit(unit_id=STREET)


def test_a_quarrel_goes_to_mediation_at_once_and_its_community_stays_responsible() -> None:
    walk = quarrel()
    assert (walk.case.status, walk.case.track, walk.case.unit_id) == ("referred", ev.TRACK_MEDIATION, VILLAGE)
    assert walk.events == ["CaseRouted", "CaseReferred"]
    assert (walk.sent(DISPUTES), walk.sent(PETITIONS)) == (["CaseReferred"], [])


def test_a_petition_goes_to_the_sub_district_which_alone_may_answer_it() -> None:
    walk = Walk().submit(kind="petition.claim")
    assert (walk.case.status, walk.case.track, walk.case.unit_id) == ("referred", ev.TRACK_PETITION, STREET)
    assert (walk.sent(DISPUTES), walk.sent(PETITIONS)) == ([], ["CaseReferred"])


def test_while_a_case_is_referred_no_clock_of_the_ladder_runs_and_it_is_not_overdue() -> None:
    walk = quarrel().wait(timedelta(days=60))
    assert walk.record.next_due_at is None
    assert not walk.case.overdue(walk.now)
    assert walk.case.steps == ()


def test_while_a_case_is_referred_no_handler_decides_about_it() -> None:
    walk = quarrel()
    for command in (domain.AcceptCase(), domain.ResolveCase("done"), domain.EscalateCase("x")):
        with pytest.raises(IllegalTransition):
            walk.order(command)


def test_an_agreement_resolves_the_case() -> None:
    walk = quarrel().mediated(mediation.END_REASON_AGREEMENT)
    assert (walk.case.status, walk.case.outcome) == ("resolved", "mediation_agreement")
    assert walk.sent(OUTCOMES) == ["CaseResolved"]


def test_after_a_refusal_the_case_goes_on_one_tier_up_with_fresh_clocks() -> None:
    walk = quarrel().wait(timedelta(days=3)).mediated(mediation.END_REASON_PARTY_UNWILLING)
    assert (walk.case.status, walk.case.unit_id, walk.case.track) == ("assigned", STREET, 0)
    assert walk.case.steps[-1].reason == ev.MOVE_REASON_REFERRAL_ENDED
    assert {clock.epoch for clock in walk.case.plan} == {2}
    assert walk.case.due_at > walk.now


def test_nobody_is_referred_to_mediation_again_after_a_party_refused() -> None:
    walk = quarrel().mediated(mediation.END_REASON_PARTY_UNWILLING)
    with pytest.raises(IllegalTransition) as refused:
        walk.order(domain.ReferCase(ev.TRACK_MEDIATION))
    assert refused.value.details["rule"] == "mediation.voluntary@1"
    assert walk.order(domain.ReferCase(ev.TRACK_PETITION)).case.track == ev.TRACK_PETITION


def test_the_top_tier_refers_what_it_can_not_settle() -> None:
    walk = at_the_top().order(domain.ReferCase(ev.TRACK_MEDIATION))
    assert (walk.case.status, walk.case.referrals) == ("referred", 1)
    assert walk.sent(DISPUTES) == ["CaseReferred"]


def test_below_the_top_nobody_refers_a_case() -> None:
    with pytest.raises(IllegalTransition) as refused:
        Walk().submit(unit_id=NEIGHBOURS).order(domain.ReferCase(ev.TRACK_MEDIATION))
    assert refused.value.reason == "not_the_top_tier"


def test_at_the_top_a_case_that_comes_back_stays_there_with_fresh_clocks() -> None:
    walk = (
        at_the_top().order(domain.ReferCase(ev.TRACK_MEDIATION)).mediated(mediation.END_REASON_TOO_FAR_APART)
    )
    assert (walk.case.status, walk.case.unit_id, walk.case.steps) == ("assigned", STREET, ())
    assert walk.record.next_due_at is not None


def test_a_withdrawal_is_relayed_and_done_when_mediation_has_ended() -> None:
    walk = quarrel().hear(BACK)
    assert (walk.case.status, walk.case.recall) == ("referred", "withdrawal")
    assert walk.sent(DISPUTES) == ["CaseReferred", "ReferralRecalled"]
    walk.mediated(mediation.END_REASON_OTHER, wish="withdrawal")
    assert walk.case.status == "withdrawn"


def test_withdrawal_requested_while_mediation_agrees_ends_as_mediation_decided() -> None:
    walk = quarrel().hear(BACK).mediated(mediation.END_REASON_AGREEMENT)
    assert walk.case.status == "resolved"
    assert walk.sent(OUTCOMES) == ["CaseResolved", "WishDeclined"]


def test_withdrawal_requested_while_a_party_leaves_is_done() -> None:
    walk = quarrel().hear(BACK).mediated(mediation.END_REASON_PARTY_UNWILLING)
    assert walk.case.status == "withdrawn"


def test_the_resident_can_leave_mediation_for_the_next_tier_up() -> None:
    walk = quarrel().hear(UP)
    assert walk.sent(DISPUTES) == ["CaseReferred", "ReferralRecalled"]
    walk.mediated(mediation.END_REASON_PARTY_UNWILLING, wish="escalation")
    assert (walk.case.status, walk.case.unit_id) == ("assigned", STREET)
    assert walk.case.steps[-1].reason == ev.MOVE_REASON_RESIDENT


def test_leaving_mediation_at_the_top_is_answered_by_a_supervision_order() -> None:
    walk = at_the_top().order(domain.ReferCase(ev.TRACK_MEDIATION)).hear(UP)
    walk.mediated(mediation.END_REASON_PARTY_UNWILLING, wish="escalation")
    assert walk.case.supervised_at is not None
    assert walk.events[-2:] == ["CaseTakenBack", "SupervisionOrdered"]


def test_who_asks_to_go_up_during_a_petition_gets_a_supervision_order_and_the_organ_hears_of_it() -> None:
    walk = Walk().submit(kind="petition.claim").hear(UP)
    assert walk.events[-2:] == ["ReferralRecalled", "SupervisionOrdered"]
    assert walk.sent(PETITIONS) == ["CaseReferred", "ReferralRecalled"]
    assert walk.answered("supported").case.status == "resolved"


def test_the_same_wish_again_changes_nothing_and_a_withdrawal_outweighs_a_wish_to_go_up() -> None:
    walk = quarrel().hear(UP).hear(UP)
    assert walk.sent(DISPUTES).count("ReferralRecalled") == 1
    walk.hear(BACK).hear(UP)
    assert walk.case.recall == "withdrawal"
    assert walk.events[-1] == "WishDeclined"


def test_what_answers_an_older_referral_is_ignored() -> None:
    walk = at_the_top().order(domain.ReferCase(ev.TRACK_MEDIATION)).mediated(mediation.END_REASON_TIME_UP)
    walk.order(domain.ReferCase(ev.TRACK_MEDIATION))
    assert walk.mediated(mediation.END_REASON_AGREEMENT, referral=1).case.status == "referred"


def test_an_end_that_comes_when_nothing_is_referred_is_ignored() -> None:
    walk = Walk().submit()
    before = len(walk.sent(EVENTS))
    walk.mediated(mediation.END_REASON_AGREEMENT, referral=0).answered("supported", referral=0)
    assert (walk.case.status, len(walk.sent(EVENTS))) == ("assigned", before)


def test_after_an_opinion_the_way_on_is_a_review_and_not_the_ladder() -> None:
    walk = Walk().submit(kind="petition.claim").answered("not_supported").hear(AGAIN)
    assert (walk.case.status, walk.events[-1]) == ("resolved", "WishDeclined")


def test_a_petition_that_was_only_replied_to_can_be_reopened() -> None:
    walk = Walk().submit(kind="petition.suggestion").answered("replied").hear(AGAIN)
    assert (walk.case.status, walk.case.track) == ("assigned", 0)


def test_an_agreement_that_does_not_hold_can_be_reopened_on_the_ladder() -> None:
    walk = quarrel().mediated(mediation.END_REASON_AGREEMENT).hear(AGAIN)
    assert (walk.case.status, walk.case.unit_id, walk.case.track) == ("assigned", STREET, 0)
