"""Bad input as a client is told of it: the code, the field, the rule; and answers that stay the same."""

from typing import Any

import grpc
import pytest

from fengqiao.petition.v1 import petition_service_pb2 as rpc
from tests.integration.petition.conftest import House, ordering
from tests.waiting import until_async

INVALID = grpc.StatusCode.INVALID_ARGUMENT
FAILED = grpc.StatusCode.FAILED_PRECONDITION


async def test_acceptance_before_registration_is_told_state_way_and_rule(house: House) -> None:
    case_id = await house.refer()
    refusal = await house.refusal("AcceptPetition", ordering("AcceptPetition", case_id))
    assert (refusal.code, refusal.reason, refusal.rule) == (
        FAILED,
        "illegal_transition",
        "petition.moments@1",
    )
    assert refusal.message == "AcceptPetition is not allowed in received; allowed: RegisterPetition"


async def test_an_opinion_without_legal_basis_names_field_and_rule(house: House) -> None:
    case_id = await house.accepted(await house.refer())
    request = ordering("IssueOpinion", case_id)
    request.opinion.legal_basis = " "
    refusal = await house.refusal("IssueOpinion", request)
    assert (refusal.code, refusal.rule) == (INVALID, "petition.opinion_content@1")
    assert refusal.fields == ["opinion.legal_basis: required"]


async def test_an_extension_past_its_cap_and_a_second_one_name_the_rule(house: House) -> None:
    case_id = await house.accepted(await house.refer())
    request = ordering("ExtendDeadline", case_id)
    request.days = 31
    refusal = await house.refusal("ExtendDeadline", request)
    assert (refusal.code, refusal.rule, refusal.fields) == (
        INVALID,
        "petition.extension@1",
        ["days: not_in_1_to_30"],
    )
    answer = await house.call("ExtendDeadline", ordering("ExtendDeadline", case_id))
    assert [(clock.name, clock.epoch) for clock in answer.petition.clocks] == [("p4", 2)]
    again = await house.refusal("ExtendDeadline", ordering("ExtendDeadline", case_id))
    assert (again.code, again.reason, again.rule) == (FAILED, "extended_before", "petition.extension@1")


async def test_six_representatives_are_one_too_many(house: House) -> None:
    request = ordering("RegisterPetition", await house.refer())
    request.petitioners = 20
    request.representative_refs.extend(f"p-{n}" for n in range(6))
    refusal = await house.refusal("RegisterPetition", request)
    assert (refusal.code, refusal.rule) == (INVALID, "petition.representatives@1")
    assert refusal.fields == ["representative_refs: more_than_5"]


@pytest.mark.parametrize(
    ("method", "field", "value"),
    [
        ("RegisterPetition", "kind", 0),
        ("RegisterPetition", "branch", 7),
        ("RegisterPetition", "content_code", "Not A Code"),
        ("RegisterPetition", "petitioners", -1),
        ("RegisterPetition", "case_id", "17"),
        ("RoutePetition", "unit_id", "A B"),
        ("NotifyReceipt", "waived", "too_busy"),
        ("ExtendDeadline", "days", 0),
        ("ExtendDeadline", "approver_ref", ""),
        ("DeliverOpinion", "manner", ""),
        ("ReplyToPetition", "note", "x" * 10_001),
    ],
)
async def test_what_breaks_the_contract_names_its_field(
    house: House, method: str, field: str, value: Any
) -> None:
    request = ordering(method, await house.refer())
    setattr(request, field, value)
    refusal = await house.refusal(method, request)
    assert refusal.code is INVALID
    assert [found.partition(":")[0] for found in refusal.fields] == [field]


async def test_the_same_order_twice_is_answered_the_same_and_happens_once(house: House) -> None:
    case_id = await house.refer()
    request = ordering("RegisterPetition", case_id)
    first = await house.call("RegisterPetition", request)
    assert await house.call("RegisterPetition", request) == first
    await until_async(lambda: len(house.broker.types("fengqiao.petition.events")) == 2)
    assert house.broker.types("fengqiao.petition.events") == ["PetitionReceived", "PetitionRegistered"]


async def test_the_whole_way_as_a_client_sees_it(house: House) -> None:
    case_id = await house.accepted(await house.refer())
    await house.call("IssueOpinion", ordering("IssueOpinion", case_id))
    answer = await house.call("DeliverOpinion", ordering("DeliverOpinion", case_id))
    petition = answer.petition
    assert petition.status == rpc.PETITION_STATUS_OPINION_DELIVERED
    assert [clock.name for clock in petition.clocks] == ["p6"]
    for moment in ("received_at", "notified_at", "accepted_at", "issued_at", "delivered_at"):
        assert petition.HasField(moment)
    explained = await house.call("ExplainDeadline", rpc.ExplainDeadlineRequest(case_id=case_id))
    assert [clock.name for clock in explained.clocks] == ["p1", "p2", "p4", "p6"]
