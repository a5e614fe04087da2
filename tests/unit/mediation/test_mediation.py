"""人民调解: voluntary from the first to the last, by its clocks, to one of eight ends."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from fengqiao.mediation.v1 import events_pb2 as ev
from services.chassis.errors import CommandError, IllegalTransition, Invalid
from services.mediation import domain
from services.mediation.domain import OUTCOMES
from services.mediation.rules import Mediator
from tests.unit.mediation.dispute import (
    DAUGHTER,
    HE,
    HEXI,
    MOTHER,
    OPENED,
    PENG,
    STRANGER,
    TAN,
    TAOSHU,
    TERM,
    ZHOU,
    Walk,
    rules,
    untimed,
)

ONE_DAY = timedelta(days=1)


# -- consent ---------------------------------------------------------------------------------------------


def test_a_referred_dispute_waits_for_its_parties_to_be_named() -> None:
    walk = Walk().refer()
    assert (walk.state.status, walk.state.unit_id, walk.state.number) == (domain.RECEIVED, HEXI, 1)


def test_a_dispute_has_two_parties_or_more() -> None:
    with pytest.raises(Invalid) as refused:
        Walk().refer().order(domain.OpenMediation((MOTHER,), "01"))
    assert refused.value.details["rule"] == "mediation.parties@1"


def test_nothing_goes_on_before_every_party_has_consented() -> None:
    walk = Walk().opened().consent(MOTHER)
    assert walk.state.status == domain.CONSENTING
    assert walk.consent(DAUGHTER).state.status == domain.CHOOSING


def test_consenting_twice_changes_nothing() -> None:
    walk = Walk().opened().consent(MOTHER).consent(MOTHER)
    assert walk.sent().count("ConsentGiven") == 1


def test_a_refusal_ends_it_and_is_told_to_routing() -> None:
    walk = Walk().opened().consent(MOTHER).order(domain.RefuseMediation(DAUGHTER))
    assert (walk.state.status, walk.state.end_reason) == (domain.ENDED, ev.END_REASON_PARTY_UNWILLING)
    ended = walk.last("MediationEnded")
    assert (ended.by_ref, ended.referral) == (DAUGHTER, 1)
    assert walk.sent(OUTCOMES) == ["MediationEnded"]


@pytest.mark.parametrize("step", ["opened", "consented", "asked", "mediating"])
def test_a_party_can_leave_at_any_time(step: str) -> None:
    walk: Walk = getattr(Walk(), step)()
    walk.order(domain.RefuseMediation(MOTHER))
    assert walk.state.end_reason == ev.END_REASON_PARTY_UNWILLING
    assert walk.record.next_due_at is None


def test_refusing_to_sign_is_counted_apart_from_leaving() -> None:
    walk = Walk().mediating().propose().order(domain.RefuseMediation(MOTHER))
    assert walk.state.end_reason == ev.END_REASON_REFUSED_TO_SIGN


def test_only_a_party_speaks_for_its_side() -> None:
    for command in (domain.GiveConsent(STRANGER, "online"), domain.RefuseMediation(STRANGER)):
        with pytest.raises(Invalid) as refused:
            Walk().opened().order(command)
        assert refused.value.violations[0].field == "party_ref"
        assert refused.value.details["rule"] == "mediation.parties@1"


def test_consent_withdrawn_in_mid_session_ends_it_and_what_follows_is_refused_by_the_rule() -> None:
    walk = Walk().mediating().schedule().order(domain.RefuseMediation(DAUGHTER))
    before = walk.state
    later = (
        domain.RecordSession(1, (MOTHER,), "more"),
        domain.ProposeAgreement(ev.AGREEMENT_FORM_WRITTEN, False, "x", "", "", (TERM,)),  # noqa: FBT003
        domain.SignAgreement(ev.SIGNER_CAPACITY_PARTY, MOTHER, in_person=True),
    )
    for command in later:
        with pytest.raises(IllegalTransition) as refused:
            walk.order(command)
        assert refused.value.details["rule"] == "mediation.voluntary@1"
        assert refused.value.details["state"] == "ended"
    assert walk.state == before


# -- the mediator ----------------------------------------------------------------------------------------


def test_the_mediator_whom_all_parties_name_is_asked() -> None:
    walk = Walk().consented().choose(MOTHER, PENG).choose(DAUGHTER, ZHOU)
    assert walk.state.status == domain.CHOOSING
    walk.choose(MOTHER, ZHOU)
    assert (walk.state.status, walk.state.mediator_ref) == (domain.CONFIRMING, ZHOU)
    assert walk.last("MediatorAppointed").manner == "chosen"


def test_nobody_mediates_who_is_not_on_the_list_or_is_a_party() -> None:
    listed = rules(Mediator(MOTHER, HEXI), Mediator(PENG, HEXI))
    for given, ref in ((rules(), STRANGER), (listed, MOTHER)):
        with pytest.raises(Invalid) as refused:
            Walk(given).consented().choose(DAUGHTER, ref)
        assert refused.value.details["rule"] == "mediation.mediator@1"


def test_who_does_not_choose_in_two_working_days_gets_one_of_their_own_committee() -> None:
    walk = Walk().consented()
    # From Monday 2 March: the end of Wednesday the 4th.
    assert walk.record.next_due_at == datetime(2026, 3, 4, 15, 59, 59, 999000, tzinfo=UTC)
    walk.wait(timedelta(days=3))
    assert (walk.state.mediator_ref, walk.last("MediatorAppointed").manner) == (PENG, "appointed")


def test_an_appointed_mediator_is_no_party_and_of_the_nearest_committee() -> None:
    assert rules().next_mediator(HEXI, [PENG]) == ZHOU
    assert rules().next_mediator(HEXI, [PENG, ZHOU]) == HE
    assert rules().next_mediator(TAOSHU, []) == TAN
    assert rules().next_mediator(HEXI, [PENG, ZHOU, HE]) == TAN
    assert rules().next_mediator(HEXI, [PENG, ZHOU, HE, TAN]) is None


def test_a_mediator_in_a_quarrel_of_their_own_is_passed_over() -> None:
    walk = Walk(rules(Mediator(MOTHER, HEXI), Mediator(PENG, HEXI))).consented()
    walk.wait(timedelta(days=3))
    assert walk.state.mediator_ref == PENG


def test_a_mediator_who_declines_says_why_and_the_next_is_asked() -> None:
    walk = Walk().asked()
    with pytest.raises(Invalid):
        walk.order(domain.ConfirmMediator(accept=False))
    walk.order(domain.ConfirmMediator(accept=False, reason="recusal"))
    assert (walk.state.status, walk.state.mediator_ref) == (domain.CONFIRMING, ZHOU)
    assert walk.last("MediatorDeclined").declined_ref == PENG


def test_a_mediator_who_says_nothing_in_three_working_days_is_followed_by_the_next() -> None:
    walk = Walk().asked()
    assert walk.record.next_due_at == datetime(2026, 3, 5, 15, 59, 59, 999000, tzinfo=UTC)
    walk.wait(timedelta(days=4))
    assert (walk.state.mediator_ref, walk.last("MediatorDeclined").reason) == (ZHOU, "silent")


def test_when_no_mediator_is_left_it_ends_and_the_case_goes_on() -> None:
    walk = Walk(rules(Mediator(PENG, HEXI))).asked()
    walk.order(domain.ConfirmMediator(accept=False, reason="illness"))
    assert (walk.state.status, walk.state.end_reason) == (domain.ENDED, ev.END_REASON_OTHER)
    assert walk.sent(OUTCOMES) == ["MediationEnded"]


def test_a_site_without_mediators_ends_it_when_the_choice_is_over() -> None:
    walk = Walk(rules(Mediator(MOTHER, HEXI))).consented().wait(timedelta(days=3))
    assert walk.state.end_reason == ev.END_REASON_OTHER


# -- the term --------------------------------------------------------------------------------------------


def test_the_term_is_thirty_days_and_rolls_over_a_day_off() -> None:
    walk = Walk().mediating()
    clock = walk.state.clock
    assert clock is not None
    assert (clock.name, clock.rule) == ("term", "mediation.term@1")
    assert clock.due_at.astimezone(walk.rules.site.zone).date().isoformat() == "2026-04-01"


def test_a_site_may_set_another_term_with_a_version_of_its_own() -> None:
    own = [{"id": "mediation.term", "version": 2, "length": 15, "unit": "calendar_days"}]
    clock = Walk(rules(rules=own)).mediating().state.clock
    assert clock is not None
    assert (clock.rule, clock.due_at - OPENED < timedelta(days=16)) == ("mediation.term@2", True)


def test_when_the_term_is_over_so_is_the_mediation() -> None:
    for walk in (Walk().mediating(), Walk().mediating().propose()):
        walk.wait(timedelta(days=40))
        assert walk.state.end_reason == ev.END_REASON_TIME_UP
        assert walk.last("MediationEnded").clock == "term"


def test_the_term_is_longer_only_if_all_parties_agree() -> None:
    walk = Walk().mediating()
    first = walk.state.clock
    with pytest.raises(Invalid) as refused:
        walk.order(domain.ExtendTerm(15, (MOTHER,)))
    assert refused.value.details["rule"] == "mediation.extension@1"
    walk.order(domain.ExtendTerm(15, (DAUGHTER, MOTHER)))
    longer = walk.state.clock
    assert first is not None
    assert longer is not None
    assert (longer.epoch, longer.due_at - first.due_at) == (2, timedelta(days=15))
    assert walk.wait(timedelta(days=40)).state.status == domain.MEDIATING


# -- sessions --------------------------------------------------------------------------------------------


def test_a_session_is_scheduled_held_and_recorded_and_its_words_are_in_no_event() -> None:
    walk = Walk().mediating().schedule().record_session()
    assert walk.state.sessions[0].recorded_at is not None
    assert walk.record.private["session_1_1"]["record"] == "Canary said so."
    assert not any(b"Canary" in entry.data for entry in walk.record.outbox)


def test_a_session_is_recorded_once_when_it_was_scheduled_and_of_who_belongs_there() -> None:
    walk = Walk().mediating()
    wrong: list[Callable[[], Walk]] = [
        walk.record_session,
        lambda: walk.schedule().record_session(STRANGER),
        lambda: walk.record_session().record_session(),
    ]
    for call in wrong:
        with pytest.raises(Invalid) as refused:
            call()
        assert refused.value.details["rule"] == "mediation.session@1"


def test_there_is_no_session_after_the_end() -> None:
    walk = Walk().mediating().order(domain.EndMediation(ev.END_REASON_TOO_FAR_APART))
    with pytest.raises(IllegalTransition) as refused:
        walk.schedule()
    assert refused.value.details["rule"] == "mediation.session@1"


# -- the agreement ---------------------------------------------------------------------------------------


def test_a_written_agreement_is_in_force_when_parties_and_mediator_signed_and_the_committee_sealed() -> None:
    walk = Walk().mediating().propose()
    walk.sign(ev.SIGNER_CAPACITY_PARTY, MOTHER).sign(ev.SIGNER_CAPACITY_PARTY, DAUGHTER)
    walk.sign(ev.SIGNER_CAPACITY_MEDIATOR, PENG)
    assert walk.state.status == domain.SIGNING
    walk.sign(ev.SIGNER_CAPACITY_COMMITTEE, HEXI)
    assert (walk.state.status, walk.state.end_reason) == (domain.ENDED, ev.END_REASON_AGREEMENT)
    assert walk.state.agreement is not None
    assert walk.state.agreement.in_force_at == walk.now
    assert walk.sent()[-2:] == ["AgreementTookEffect", "MediationEnded"]


def test_an_online_agreement_is_in_force_when_all_have_signed_themselves() -> None:
    walk = Walk().mediating().propose(ev.AGREEMENT_FORM_ONLINE)
    with pytest.raises(Invalid) as refused:
        walk.sign(ev.SIGNER_CAPACITY_PARTY, MOTHER, in_person=False)
    assert refused.value.details["rule"] == "mediation.signing@1"
    walk.sign(ev.SIGNER_CAPACITY_PARTY, MOTHER).sign(ev.SIGNER_CAPACITY_PARTY, DAUGHTER)
    walk.sign(ev.SIGNER_CAPACITY_MEDIATOR, PENG)
    assert walk.state.end_reason == ev.END_REASON_AGREEMENT


def test_an_oral_agreement_is_in_force_when_it_is_recorded() -> None:
    walk = Walk().mediating().propose(ev.AGREEMENT_FORM_ORAL, partial=True)
    assert walk.state.end_reason == ev.END_REASON_AGREEMENT
    assert walk.last("AgreementTookEffect").partial


def test_who_is_no_party_signs_nothing() -> None:
    walk = Walk().mediating().propose()
    before = walk.state
    for capacity, ref in (
        (ev.SIGNER_CAPACITY_PARTY, STRANGER),
        (ev.SIGNER_CAPACITY_MEDIATOR, ZHOU),
        (ev.SIGNER_CAPACITY_COMMITTEE, TAOSHU),
        (ev.SIGNER_CAPACITY_PARTY, PENG),
    ):
        with pytest.raises(Invalid) as refused:
            walk.sign(capacity, ref)
        assert refused.value.violations[0].field == "signer_ref"
        assert refused.value.details["rule"] == "mediation.signing@1"
    assert walk.state == before


def test_signing_twice_counts_once() -> None:
    walk = Walk().mediating().propose()
    walk.sign(ev.SIGNER_CAPACITY_PARTY, MOTHER).sign(ev.SIGNER_CAPACITY_PARTY, MOTHER)
    assert walk.sent().count("AgreementSigned") == 1


def test_an_agreement_says_until_when_each_term_is_performed() -> None:
    walk = Walk().mediating()
    with pytest.raises(Invalid) as refused:
        walk.propose(term=untimed())
    assert refused.value.violations[0].field == "content.terms[0].due_at"
    assert refused.value.details["rule"] == "mediation.agreement_content@1"
    assert walk.state.agreement is None


def test_another_proposal_takes_the_place_of_an_unsigned_one_and_its_signatures() -> None:
    walk = Walk().mediating().propose().sign(ev.SIGNER_CAPACITY_PARTY, MOTHER).propose()
    assert walk.state.agreement is not None
    assert (walk.state.agreement.number, walk.state.agreement.signatures) == (2, ())


def test_the_words_of_an_agreement_are_in_no_event() -> None:
    walk = Walk().mediating().propose().signed_by_all()
    assert walk.record.private["agreement_1_1"]["facts"] == "Canary facts"
    assert not any(b"Canary" in entry.data or b"Meals" in entry.data for entry in walk.record.outbox)


# -- ends and what comes back ------------------------------------------------------------------------------


def test_success_and_time_are_not_declared_by_anybody() -> None:
    for reason in (ev.END_REASON_AGREEMENT, ev.END_REASON_TIME_UP, ev.END_REASON_UNSPECIFIED):
        with pytest.raises(Invalid) as refused:
            Walk().mediating().order(domain.EndMediation(reason))
        assert refused.value.details["rule"] == "mediation.ends@1"


def test_a_relayed_withdrawal_ends_it_and_routing_is_told_of_the_wish() -> None:
    walk = Walk().mediating().recall("withdrawal")
    ended = walk.last("MediationEnded")
    assert (ended.reason, ended.wish, ended.referral) == (ev.END_REASON_OTHER, "withdrawal", 1)


def test_who_asks_to_go_up_leaves_the_mediation() -> None:
    walk = Walk().mediating().recall("escalation")
    assert walk.last("MediationEnded").reason == ev.END_REASON_PARTY_UNWILLING


def test_withdrawal_requested_while_mediation_agrees_comes_too_late() -> None:
    walk = Walk().mediating().propose().signed_by_all().recall("withdrawal")
    assert walk.state.end_reason == ev.END_REASON_AGREEMENT
    assert walk.sent(OUTCOMES) == ["MediationEnded"]


def test_a_wish_about_an_older_referral_changes_nothing() -> None:
    walk = Walk().opened().order(domain.RefuseMediation(MOTHER)).refer(referral=2)
    assert walk.recall("withdrawal", referral=1).state.status == domain.RECEIVED


def test_a_later_referral_begins_another_mediation_in_the_same_document() -> None:
    walk = Walk().mediating().order(domain.EndMediation(ev.END_REASON_TOO_FAR_APART)).refer(referral=2)
    state = walk.state
    assert (state.status, state.number, state.referral) == (domain.RECEIVED, 2, 2)
    assert state.earlier_ends == (ev.END_REASON_TOO_FAR_APART,)
    assert state.party_refs == ()


def test_nothing_is_entered_for_a_time_before_what_led_to_it() -> None:
    walk = Walk().mediating().wait(ONE_DAY).schedule()
    with pytest.raises(CommandError):
        walk.order(domain.EndMediation(ev.END_REASON_OTHER), at=walk.now - ONE_DAY)
