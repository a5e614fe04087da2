"""诉前调解: a quarrel to its agreement, and every lawful way out of it."""

from datetime import timedelta
from functools import partial

import pytest

from fengqiao.common.v1.common_pb2 import TIER_SUB_DISTRICT
from fengqiao.intake.v1 import intake_service_pb2 as intake
from fengqiao.mediation.v1 import events_pb2 as events
from fengqiao.mediation.v1 import mediation_service_pb2 as rpc
from fengqiao.routing.v1 import events_pb2 as moves
from fengqiao.routing.v1 import routing_service_pb2 as routing
from services.chassis.protobuf import instant
from tests.journeys.clients import COMMUNITY, NEIGHBOURS, STREET, House, refusal
from tests.journeys.mediating import Dispute
from tests.waiting import until


def test_a_quarrel_is_mediated_both_consent_the_agreement_is_signed_and_the_case_is_settled(
    house: House,
) -> None:
    dispute = Dispute(house)
    case = dispute.leader.case(dispute.case_id)
    assert (case.status, case.track) == (routing.CASE_STATUS_REFERRED, moves.TRACK_MEDIATION)
    assert case.assignment.unit_id == COMMUNITY
    mediation = dispute.agreed().get()
    assert mediation.status == rpc.MEDIATION_STATUS_ENDED
    assert mediation.end_reason == events.END_REASON_AGREEMENT
    assert mediation.agreement.HasField("in_force_at")
    assert len(mediation.agreement.signatures) == 4
    asker = dispute.parties[0]
    asker.until_request(dispute.case_id, intake.REQUEST_STATUS_SETTLED)
    asker.rate(dispute.case_id, 5, solved=True)
    asker.until_request(dispute.case_id, intake.REQUEST_STATUS_CLOSED)
    asker.until_told(
        dispute.case_id, "CaseReferred", "MediationOpened", "AgreementTookEffect", "CaseResolved"
    )


def test_no_mediation_against_a_partys_refusal_and_the_case_goes_on_one_tier_up(house: House) -> None:
    dispute = Dispute(house)
    dispute.open()
    dispute.consent(dispute.parties[0])
    ended = dispute.refuse(dispute.parties[1])
    assert ended.end_reason == events.END_REASON_PARTY_UNWILLING
    assert set(ended.other_ways) >= {"arbitration", "litigation"}
    case = dispute.parties[0].until_owned_by(dispute.case_id, STREET)
    assert (case.status, case.assignment.tier) == (routing.CASE_STATUS_ASSIGNED, TIER_SUB_DISTRICT)
    assert case.steps[-1].reason == moves.MOVE_REASON_REFERRAL_ENDED
    assert case.HasField("clock_due_at")
    request = routing.ReferCaseRequest(
        meta=dispute.leader.meta(), case_id=dispute.case_id, track=moves.TRACK_MEDIATION
    )
    again = refusal(lambda: house.leader(STREET).call(house.routing.ReferCase, request))
    assert again.facts["rule"].startswith("mediation.voluntary")


def test_a_party_can_leave_at_any_time_and_refusals_are_counted_apart_from_successes(house: House) -> None:
    for step in ("consented", "mediating"):
        dispute: Dispute = getattr(Dispute(house), step)()
        ended = dispute.refuse(dispute.parties[1])
        assert ended.end_reason == events.END_REASON_PARTY_UNWILLING
    signing = Dispute(house).mediating()
    signing.propose()
    assert signing.refuse(signing.parties[0]).end_reason == events.END_REASON_REFUSED_TO_SIGN


def test_the_resident_can_ask_to_go_one_tier_up_out_of_a_mediation(house: House) -> None:
    dispute = Dispute(house).mediating()
    dispute.parties[0].ask_up(dispute.case_id)
    case = dispute.parties[0].until_owned_by(dispute.case_id, STREET)
    assert case.steps[-1].reason == moves.MOVE_REASON_RESIDENT
    assert dispute.until(rpc.MEDIATION_STATUS_ENDED).end_reason == events.END_REASON_PARTY_UNWILLING


def test_a_withdrawal_ends_the_mediation_and_then_the_case(house: House) -> None:
    dispute = Dispute(house).mediating()
    dispute.parties[0].withdraw(dispute.case_id)
    dispute.parties[0].until_request(dispute.case_id, intake.REQUEST_STATUS_WITHDRAWN)
    assert dispute.until(rpc.MEDIATION_STATUS_ENDED).end_reason != events.END_REASON_AGREEMENT


def test_a_mediator_who_declines_is_followed_by_the_next(house: House) -> None:
    dispute = Dispute(house).consented()
    for party in dispute.parties:
        dispute.choose(party)
    after = dispute.confirm(accept=False, reason="recusal")
    assert after.reference.mediator_ref not in {"", "mediator-peng"}
    assert after.status == rpc.MEDIATION_STATUS_CONFIRMING


def test_the_top_tier_refers_what_it_can_not_settle_to_mediation(house: House) -> None:
    resident, street = house.resident(), house.leader(STREET)
    case_id = resident.submit(unit_id=STREET).case_id
    resident.until_case(case_id)
    request = routing.ReferCaseRequest(meta=street.meta(), case_id=case_id, track=moves.TRACK_MEDIATION)
    assert street.call(house.routing.ReferCase, request).case.status == routing.CASE_STATUS_REFERRED

    def mediation() -> rpc.Mediation:
        return street.call(house.mediation.GetMediation, rpc.GetMediationRequest(case_id=case_id)).mediation

    assert until(mediation, 30, "the mediation").status == rpc.MEDIATION_STATUS_RECEIVED


def test_the_term_of_mediation_is_thirty_days_and_longer_only_if_all_agree(house: House) -> None:
    dispute = Dispute(house).mediating()
    clock = dispute.get().clock
    assert (instant(clock.due_at).date() - instant(clock.started_at).date()).days in {30, 31}
    mediator = dispute.mediator

    def extend(refs: list[str]) -> rpc.Mediation:
        request = rpc.ExtendTermRequest(
            meta=mediator.meta(), case_id=dispute.case_id, days=15, agreed_refs=refs
        )
        return mediator.call(house.mediation.ExtendTerm, request).mediation

    assert refusal(lambda: extend(dispute.refs[:1])).code.name in {"INVALID_ARGUMENT", "FAILED_PRECONDITION"}
    longer = extend(dispute.refs).clock
    assert instant(longer.due_at) - instant(clock.due_at) == timedelta(days=15)


def test_everybody_is_told_what_they_are_owed(house: House) -> None:
    dispute = Dispute(house).agreed()
    both = dispute.parties

    def told() -> bool:
        wanted = {"mediation_opened", "agreement_in_force"}
        return all(wanted <= {sent.template for sent in party.deliveries(dispute.case_id)} for party in both)

    until(told, 30, "notices to both parties")


def test_what_was_said_in_a_session_is_for_parties_and_mediator_alone(house: House) -> None:
    dispute = Dispute(house).mediating()
    dispute.schedule()
    dispute.record("She said that the soup was cold.")
    assert dispute.get(dispute.parties[1]).sessions[0].record
    assert not dispute.get(house.desk()).sessions[0].record
    for stranger in (house.resident(), house.leader(NEIGHBOURS), house.mediator("mediator-he")):
        assert refusal(partial(dispute.get, stranger)).code.name == "PERMISSION_DENIED"


# -- bad input -------------------------------------------------------------------------------------------


def stranger_signs(dispute: Dispute) -> object:
    dispute.propose()
    stranger = dispute.house.resident()
    return dispute.sign(dispute.leader, ref=stranger.subject)


def session_after_the_end(dispute: Dispute) -> object:
    dispute.end(events.END_REASON_TOO_FAR_APART)
    return dispute.schedule()


def consent_withdrawn_in_mid_session(dispute: Dispute) -> object:
    dispute.schedule()
    dispute.refuse(dispute.parties[0])
    return dispute.record()


def agreement_without_a_term(dispute: Dispute) -> object:
    return dispute.propose(without_term=True)


@pytest.mark.parametrize(
    ("wrong", "code", "field"),
    [
        (stranger_signs, "INVALID_ARGUMENT", "signer_ref"),
        (session_after_the_end, "FAILED_PRECONDITION", ""),
        (consent_withdrawn_in_mid_session, "FAILED_PRECONDITION", ""),
        (agreement_without_a_term, "INVALID_ARGUMENT", "content.terms[0].due_at"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_breaks_a_rule_is_refused_by_its_name_and_changes_nothing(
    house: House, wrong: object, code: str, field: str
) -> None:
    dispute = Dispute(house).mediating()
    refused = refusal(lambda: wrong(dispute))  # type: ignore[operator] # one of the functions above
    assert refused.code.name == code
    assert refused.facts["rule"].startswith("mediation.")
    assert not field or field in refused.fields
    sessions, agreement = dispute.get().sessions, dispute.get().agreement
    assert not agreement.HasField("in_force_at")
    assert not any(session.HasField("recorded_at") for session in sessions)
