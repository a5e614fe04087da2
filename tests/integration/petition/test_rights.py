"""Who may do what: the petitioner, the organ, the committee; and of an accusation, nobody accused."""

from dataclasses import replace
from typing import Any

import grpc
import pytest

from fengqiao.petition.v1 import petition_service_pb2 as rpc
from services.petition.rpc import RULES
from tests.integration.petition.conftest import (
    ACCUSER,
    HEXI,
    INSPECTOR,
    NOBODY,
    OFFICER,
    PETITIONER,
    STREET,
    TAOSHU,
    House,
    ordering,
)
from tests.kit.edge import Who
from tests.waiting import until_async

DENIED = grpc.StatusCode.PERMISSION_DENIED
ABOUT_ONE = sorted(method.rpartition("/")[2] for method in RULES if not method.endswith("/ListPetitions"))
READS = ["GetPetition", "ExplainDeadline"]
ACCUSED = [
    Who("inspector", (HEXI,)),
    Who("inspector", (f"{HEXI}/s1",)),
    Who("inspector", (TAOSHU, f"{HEXI}/s1")),
    Who("inspector", ()),
    Who("inspector", ("*",), site="other"),
]


async def accusations_of(house: House, who: Who, **fields: Any) -> list[str]:
    request = rpc.ListPetitionsRequest(unit_id=STREET, restricted=True, **fields)
    answer = await house.call("ListPetitions", request, who)
    return [petition.case_id for petition in answer.petitions]


# -- ordinary petitions --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "who",
    [
        OFFICER,
        Who("petition_officer", ("*",)),
        Who("handler", (STREET,)),
        Who("supervisor", ()),
        Who("desk", ("*",)),
        PETITIONER,
    ],
    ids=str,
)
async def test_who_has_to_do_with_a_petition_reads_it(house: House, who: Who) -> None:
    case_id = await house.refer()
    petition = await house.get(case_id, who)
    assert (petition.case_id, petition.reference.unit_id) == (case_id, STREET)
    explained = await house.call("ExplainDeadline", rpc.ExplainDeadlineRequest(case_id=case_id), who)
    assert [clock.name for clock in explained.clocks] == list(explained.running) == ["p1"]


@pytest.mark.parametrize(
    "who",
    [
        Who("petition_officer", (HEXI,)),
        Who("petition_officer", ("*",), site="other"),
        Who("handler", (HEXI,)),
        Who("supervisor", ("*",), site="other"),
        Who("resident", (), "p-other"),
        Who("resident", (), "p-1", site="other"),
        INSPECTOR,
    ],
    ids=str,
)
@pytest.mark.parametrize("method", READS)
async def test_others_are_told_the_same_of_it_as_of_what_does_not_exist(
    house: House, who: Who, method: str
) -> None:
    case_id = await house.refer()
    refusal = await house.refusal(method, ordering(method, case_id, who), who)
    assert refusal == await house.refusal(method, ordering(method, NOBODY, who), who)
    assert refusal.code is DENIED


async def test_a_representative_reads_a_joint_petition(house: House) -> None:
    case_id = await house.refer()
    request = ordering("RegisterPetition", case_id)
    request.petitioners = 9
    request.representative_refs.extend(["p-7", "p-8"])
    await house.call("RegisterPetition", request)
    assert (await house.get(case_id, replace(PETITIONER, sub="p-7"))).petitioners == 9


async def test_the_opinion_is_the_organs_and_after_delivery_the_petitioners(house: House) -> None:
    case_id = await house.accepted(await house.refer())
    answer = await house.call("IssueOpinion", ordering("IssueOpinion", case_id))
    assert answer.petition.opinion.legal_basis == "Canary 32"
    assert not (await house.get(case_id, PETITIONER)).HasField("opinion")
    await house.call("DeliverOpinion", ordering("DeliverOpinion", case_id))
    assert (await house.get(case_id, PETITIONER)).opinion.claim == "Canary claims"
    for who in (Who("handler", (STREET,)), Who("supervisor"), Who("desk")):
        assert not (await house.get(case_id, who)).HasField("opinion")
    await until_async(lambda: house.broker.types("fengqiao.petition.outcomes") == ["PetitionConcluded"])
    assert not [sent for sent in house.broker.sent if b"Canary" in sent.value]


@pytest.mark.parametrize(
    "who",
    [Who("handler", (HEXI,)), Who("petition_officer", (HEXI, f"{HEXI}/s1")), Who("handler", (TAOSHU,))],
    ids=str,
)
async def test_a_committee_issues_no_opinion_and_is_told_the_rule(house: House, who: Who) -> None:
    case_id = await house.accepted(await house.refer())
    refusal = await house.refusal("IssueOpinion", ordering("IssueOpinion", case_id), who)
    assert (refusal.code, refusal.rule) == (DENIED, "petition.opinion_organ@1")
    assert refusal == await house.refusal("IssueOpinion", ordering("IssueOpinion", NOBODY), who)


async def test_a_handler_of_the_organ_issues_no_opinion_either(house: House) -> None:
    case_id = await house.accepted(await house.refer())
    refusal = await house.refusal("IssueOpinion", ordering("IssueOpinion", case_id), Who("handler"))
    assert refusal.code is DENIED


async def test_an_organs_open_petitions_are_paged_soonest_due_first(house: House) -> None:
    case_ids = [await house.refer() for _ in range(5)]
    ended = await house.accepted(await house.refer())
    await house.call("IssueOpinion", ordering("IssueOpinion", ended))
    await house.call("DeliverOpinion", ordering("DeliverOpinion", ended))
    await house.accuse()
    found, token = [], ""
    while True:
        request = rpc.ListPetitionsRequest(unit_id=STREET, page_size=2, page_token=token)
        answer = await house.call("ListPetitions", request)
        found += [petition.case_id for petition in answer.petitions]
        token = answer.next_page_token
        if not token:
            break
    assert found == sorted(case_ids)


@pytest.mark.parametrize(
    ("who", "restricted"),
    [
        (Who("petition_officer", (HEXI,)), False),
        (Who("handler", (HEXI,)), False),
        (INSPECTOR, False),
        (OFFICER, True),
        (Who("desk", ("*",)), True),
        (Who("inspector", ()), True),
    ],
    ids=str,
)
async def test_a_list_is_for_whom_it_is_for(house: House, who: Who, *, restricted: bool) -> None:
    request = rpc.ListPetitionsRequest(unit_id=STREET, restricted=restricted)
    assert (await house.refusal("ListPetitions", request, who)).code is DENIED


# -- accusations ---------------------------------------------------------------------------------------------


async def test_an_inspector_takes_an_accusation_to_its_reply(house: House) -> None:
    case_id = await house.accepted(await house.accuse(), INSPECTOR)
    answer = await house.call("ReplyToPetition", ordering("ReplyToPetition", case_id), INSPECTOR)
    assert answer.petition.status == rpc.PETITION_STATUS_REPLIED
    assert answer.petition.reference.accused_unit_id == HEXI
    await until_async(lambda: house.broker.types("fengqiao.petition.restricted")[-1:] == ["PetitionReplied"])
    assert {sent.topic for sent in house.broker.sent} == {"fengqiao.petition.restricted"}


async def test_the_accuser_reads_their_accusation_and_not_whom_it_names(house: House) -> None:
    case_id = await house.accuse()
    petition = await house.get(case_id, ACCUSER)
    assert (petition.case_id, petition.reference.accused_unit_id) == (case_id, "")
    explained = await house.call("ExplainDeadline", rpc.ExplainDeadlineRequest(case_id=case_id), ACCUSER)
    assert list(explained.running) == ["p1"]


@pytest.mark.parametrize("method", ABOUT_ONE)
@pytest.mark.parametrize("who", ACCUSED, ids=str)
async def test_an_inspector_of_the_accused_unit_is_told_nothing(house: House, who: Who, method: str) -> None:
    case_id = await house.accuse()
    refusal = await house.refusal(method, ordering(method, case_id, who), who)
    assert refusal == await house.refusal(method, ordering(method, NOBODY, who), who)
    assert (refusal.code, refusal.rule) == (DENIED, "")


@pytest.mark.parametrize("method", ABOUT_ONE)
@pytest.mark.parametrize(
    "who",
    [
        OFFICER,
        Who("petition_officer", ("*",)),
        Who("handler", (HEXI,)),
        Who("handler", ("*",)),
        Who("supervisor", ("*",)),
        Who("desk", ("*",)),
        Who("clerk", ("*",)),
        Who("operator", ("*",)),
        Who("service", ("*",), site="*"),
        Who("replay", ("*",)),
        Who("resident", (), "p-other"),
        Who("resident", (), HEXI),
    ],
    ids=str,
)
async def test_nobody_else_is_told_that_an_accusation_is_there(house: House, who: Who, method: str) -> None:
    case_id = await house.accuse()
    refusal = await house.refusal(method, ordering(method, case_id, who), who)
    assert refusal == await house.refusal(method, ordering(method, NOBODY, who), who)
    assert refusal.code is DENIED


async def test_a_list_of_accusations_leaves_out_those_against_the_callers_own_unit(house: House) -> None:
    against_hexi, against_taoshu = await house.accuse(HEXI), await house.accuse(TAOSHU)
    both = sorted([against_hexi, against_taoshu])
    assert await accusations_of(house, INSPECTOR) == both
    assert await accusations_of(house, Who("inspector", (STREET,))) == both
    assert await accusations_of(house, Who("inspector", (HEXI,))) == [against_taoshu]
    assert await accusations_of(house, Who("inspector", (f"{HEXI}/s1",))) == [against_taoshu]
    assert await accusations_of(house, Who("inspector", ("*",), site="other")) == []


async def test_an_accusation_against_the_top_is_found_in_the_list_of_the_whole_site(house: House) -> None:
    case_id = await house.accuse(STREET)
    assert await accusations_of(house, INSPECTOR) == []
    assert await accusations_of(house, INSPECTOR, include_below=True) == [case_id]
    for units in ((STREET,), (HEXI,)):
        assert await accusations_of(house, Who("inspector", units), include_below=True) == []


async def test_the_two_kinds_are_in_collections_of_their_own(house: House) -> None:
    petition, accusation = await house.refer(), await house.accuse()
    assert list(await house.base.committer.get([petition, accusation])) == [petition]
    assert list(await house.restricted.committer.get([petition, accusation])) == [accusation]
