"""Requests of one matter, by gRPC on a real store: suggested, linked, kept apart, joined, and to whom."""

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import grpc
import pytest

from fengqiao.intake.v1 import intake_service_pb2 as rpc
from fengqiao.routing.v1 import events_pb2 as routing
from services.chassis.protobuf import timestamp
from services.intake.domain import EVENTS
from services.intake.duplicates.backfill import backfill
from tests.integration.intake.conftest import NOW, House, event, meta, submission, violations
from tests.integration.intake.test_accusations import accuse
from tests.integration.intake.test_contacts import putting
from tests.integration.intake.test_timelines import ROUTING, collect, received
from tests.waiting import until_async

MOST_QUERIES = 20
NOBODY = "00000000-0000-5000-8000-000000000000"
LAMP = {"kind": "lamp.out", "unit_id": "jili/c1/s2/n3", "attributes": {}, "title": "12号门口路灯不亮"}
HANDLER: dict[str, Any] = {"role": "handler", "sub": "h-1", "units": ["jili/c1/s2"]}
DESK: dict[str, Any] = {"role": "desk", "sub": "desk-1"}
LINK, REJECT = rpc.LinkRequestsRequest, rpc.RejectDuplicateRequest


async def lamp(house: House, **changes: Any) -> str:
    days = changes.pop("days", 0)
    sent = submission(**LAMP | {"description": ""} | changes)
    sent.meta.occurred_at.CopyFrom(timestamp(NOW - timedelta(days=days)))
    answer = await house.call("SubmitRequest", sent)
    return str(answer.case_id)


async def suggested(house: House, case_id: str, **fields: Any) -> list[str]:
    who = fields.pop("who", DESK)
    answer = await house.call(
        "SuggestDuplicates", rpc.SuggestDuplicatesRequest(case_id=case_id, **fields), **who
    )
    return [each.request.case_id for each in answer.suggestions]


async def say(house: House, what: Any, one: str, other: str, **who: Any) -> int:
    request = what(meta=meta(), case_id=one, other_case_id=other)
    answer = await house.call("LinkRequests" if what is LINK else "RejectDuplicate", request, **who or DESK)
    return int(answer.revision)


async def read(house: House, case_id: str, **who: Any) -> rpc.Request:
    answer = await house.call("GetRequest", rpc.GetRequestRequest(case_id=case_id), **who or DESK)
    request: rpc.Request = answer.request
    return request


async def watch(house: House, case_id: str, role: str, sub: str, units: Sequence[str] = ()) -> list[Any]:
    token = house.token(role, sub, "jili", units)
    request = rpc.WatchTimelineRequest(case_id=case_id)
    return [seen.entry async for seen in house.stub.WatchTimeline(request, metadata=token, timeout=20)]


def name_of(entry: Any) -> str:
    return str(entry.type.rsplit(".", 1)[-1])


async def persons(house: House, *names: str) -> None:
    for name in names:
        await house.call("PutContact", putting(), "resident", sub=name)


# -- suggested -----------------------------------------------------------------------------------------------


async def test_the_same_matter_is_suggested_with_its_parts(house: House) -> None:
    first = await lamp(house, days=2)
    await lamp(house, title="38号门口路灯不亮")
    await lamp(house, kind="noise", title="12号门口半夜施工")
    second = await lamp(house, title="路灯坏了", description="12号门口的路灯不亮，天黑看不见")
    asked = rpc.SuggestDuplicatesRequest(case_id=second)
    answer = await house.call("SuggestDuplicates", asked, **HANDLER)
    [told] = answer.suggestions
    assert (told.request.case_id, told.request.request_no) == (first, "JILI-000001")
    assert (told.title, told.kind, told.unit_id) == (LAMP["title"], "lamp.out", LAMP["unit_id"])
    assert [part.reason for part in told.parts] == [
        "same_unit",
        "same_kind",
        "days_apart_2",
        "words_in_common",
        "same_numbers",
    ]
    assert (answer.compared, answer.truncated) == (2, False)
    assert await suggested(house, first, who=HANDLER) == [second]


async def test_what_came_in_outside_the_window_is_not_compared(house: House) -> None:
    await lamp(house, days=40)
    case_id = await lamp(house)
    for days, compared in ((0, 0), (45, 1)):
        asked = rpc.SuggestDuplicatesRequest(case_id=case_id, window_days=days)
        assert (await house.call("SuggestDuplicates", asked, **DESK)).compared == compared


async def test_the_same_agencys_number_is_found_whenever_and_wherever_it_was(house: House) -> None:
    old = await lamp(house, days=300, attributes={"工单号": "GD2026-0001"})
    new = await lamp(
        house, kind="wage.unpaid", unit_id="jili/c9", title="欠薪", attributes={"order_no": "gd2026-0001"}
    )
    assert await suggested(house, new) == [old]
    assert await suggested(house, old) == [new]


async def test_a_handler_is_suggested_requests_of_their_units_alone(house: House) -> None:
    mine = await lamp(house)
    theirs = await lamp(house, unit_id="jili/c1/s3/n1")
    unknown = await lamp(house, unit_id="jili/c1")
    case_id = await lamp(house)
    assert await suggested(house, case_id, who=HANDLER) == [mine]
    assert set(await suggested(house, case_id)) == {mine, theirs, unknown}
    asked = rpc.SuggestDuplicatesRequest(case_id=theirs)
    assert (
        await house.refusal("SuggestDuplicates", asked, **HANDLER)
    ).code is grpc.StatusCode.PERMISSION_DENIED


async def test_another_agencys_number_leads_nobody_out_of_their_reach(house: House) -> None:
    theirs = await lamp(house, unit_id="jili/c9", attributes={"order_no": "GD2026-0001"})
    mine = await lamp(house, attributes={"order_no": "GD2026-0001"})
    assert await suggested(house, mine, who=HANDLER) == []
    assert await suggested(house, mine) == [theirs]


@pytest.mark.parametrize("role", ["resident", "agency", "inspector", "reporter", "volunteer", "operator"])
async def test_nobody_outside_the_house_is_suggested_anything(house: House, role: str) -> None:
    case_id = await lamp(house)
    other = await lamp(house)
    for name, request in (
        ("SuggestDuplicates", rpc.SuggestDuplicatesRequest(case_id=case_id)),
        ("LinkRequests", LINK(meta=meta(), case_id=case_id, other_case_id=other)),
        ("RejectDuplicate", REJECT(meta=meta(), case_id=case_id, other_case_id=other)),
    ):
        refusal = await house.refusal(name, request, role, sub="p-1")
        assert refusal.code is grpc.StatusCode.PERMISSION_DENIED


async def test_an_accusation_is_never_a_candidate_and_has_none(house: House) -> None:
    await persons(house, "p-accuser")
    same = {"title": LAMP["title"], "unit_id": LAMP["unit_id"], "attributes": {"order_no": "GD2026-0001"}}
    hidden = (await accuse(house, **same)).case_id
    case_id = await lamp(house, attributes={"order_no": "GD2026-0001"})
    assert await suggested(house, case_id) == []
    for one, other in ((hidden, case_id), (case_id, hidden)):
        for name, request in (
            ("LinkRequests", LINK(meta=meta(), case_id=one, other_case_id=other)),
            ("RejectDuplicate", REJECT(meta=meta(), case_id=one, other_case_id=other)),
        ):
            there = await house.refusal(name, request, **DESK)
            request.ClearField("meta")
            nowhere = type(request)(
                meta=meta(),
                case_id=one.replace(hidden, NOBODY),
                other_case_id=other.replace(hidden, NOBODY),
            )
            assert there == await house.refusal(name, nowhere, **DESK)
    asked = rpc.SuggestDuplicatesRequest
    there = await house.refusal("SuggestDuplicates", asked(case_id=hidden), **DESK)
    assert there == await house.refusal("SuggestDuplicates", asked(case_id=NOBODY), **DESK)


async def test_what_is_erased_is_compared_without_its_text(house: House) -> None:
    erased, case_id = await lamp(house, days=1), await lamp(house)
    house.base.committer.repository.collection.update_one(
        {"_id": erased},
        {"$unset": {"private.title": "", "private.description": "", "private.attributes": ""}},
    )
    answer = await house.call("SuggestDuplicates", rpc.SuggestDuplicatesRequest(case_id=case_id), **DESK)
    [told] = answer.suggestions
    assert (told.request.case_id, told.title) == (erased, "")
    assert [part.reason for part in told.parts] == ["same_unit", "same_kind", "days_apart_1"]


async def test_what_was_withdrawn_is_not_suggested(house: House) -> None:
    first, case_id = await lamp(house), await lamp(house)
    await house.routing_says(first, routing.CaseWithdrawn())
    assert await suggested(house, case_id) == []


# -- of an older release -------------------------------------------------------------------------------------


async def test_requests_of_a_release_that_knew_no_duplicates_are_found_after_migration(house: House) -> None:
    old = await lamp(house, days=1, attributes={"order_no": "GD2026-0001"})
    case_id = await lamp(house, attributes={"order_no": "GD2026-0001"})
    repository = house.base.committer.repository
    repository.collection.update_one({"_id": old}, {"$unset": {"state.near": "", "private.references": ""}})
    assert await suggested(house, case_id) == []
    assert [backfill(repository), backfill(repository)] == [1, 0]
    assert await suggested(house, case_id) == [old]


# -- linked, kept apart --------------------------------------------------------------------------------------


async def test_a_link_is_shown_with_both_and_its_event_names_no_text(house: House) -> None:
    first, second = await lamp(house, days=1), await lamp(house)
    request = LINK(meta=meta("key-of-mine"), case_id=first, other_case_id=second)
    answers = [await house.call("LinkRequests", request, **DESK) for _ in range(2)]
    assert answers == [rpc.LinkRequestsResponse(revision=2)] * 2
    assert [each.case_id for each in (await read(house, first)).links] == [second]
    assert [each.request_no for each in (await read(house, second)).links] == ["JILI-000001"]
    await until_async(lambda: house.broker.types(EVENTS)[-1] == "RequestsLinked")
    assert house.broker.on(EVENTS)[-1].key == second.encode()


async def test_no_word_of_a_request_is_on_a_topic_when_two_are_linked(house: House) -> None:
    first, second = await lamp(house, title="Canary 路灯"), await lamp(house, title="Canary 路灯不亮")
    assert await suggested(house, first) == [second]
    await say(house, LINK, first, second)
    await say(house, REJECT, first, second)
    await until_async(lambda: house.broker.types(EVENTS)[-1] == "DuplicateRejected")
    for record in house.broker.sent:
        assert b"Canary" not in record.value + repr(record.headers).encode()


async def test_what_was_rejected_is_not_suggested_again_from_either_side(house: House) -> None:
    first, second = await lamp(house), await lamp(house)
    assert (await suggested(house, first), await suggested(house, second)) == ([second], [first])
    await say(house, REJECT, first, second, **HANDLER)
    assert (await suggested(house, first), await suggested(house, second)) == ([], [])
    assert not (await read(house, first)).links


async def test_what_is_linked_or_joined_is_not_suggested(house: House) -> None:
    lead, linked, one, other = [await lamp(house) for _ in range(4)]
    await say(house, LINK, lead, linked)
    for follower in (one, other):
        await house.routing_says(follower, routing.CaseJoined(lead_case_id=lead))
    assert await suggested(house, lead) == []
    assert await suggested(house, one) == [linked]
    assert set(await suggested(house, linked)) == {one, other}


@pytest.mark.parametrize("what", [LINK, REJECT])
async def test_what_cannot_be_said_of_two_requests_is_refused_by_its_field(house: House, what: Any) -> None:
    name = "LinkRequests" if what is LINK else "RejectDuplicate"
    one = await lamp(house)
    refusal = await house.refusal(name, what(meta=meta(), case_id=one, other_case_id=one), **DESK)
    assert refusal.fields == violations(("other_case_id", "same_request"))
    missing = await house.refusal(name, what(meta=meta(), case_id=one, other_case_id=NOBODY), **DESK)
    assert missing.code is grpc.StatusCode.NOT_FOUND
    theirs = await lamp(house, unit_id="jili/c1/s3")
    for pair in ((one, theirs), (theirs, one), (one, NOBODY)):
        request = what(meta=meta(), case_id=pair[0], other_case_id=pair[1])
        refusal = await house.refusal(name, request, **HANDLER)
        assert refusal.code is grpc.StatusCode.PERMISSION_DENIED
    stale = what(meta=meta(expected_revision=7), case_id=one, other_case_id=theirs)
    assert (await house.refusal(name, stale, **DESK)).reason == "stale_revision"
    assert not (await read(house, one)).links


# -- joined, parted ------------------------------------------------------------------------------------------


async def joined(house: House) -> tuple[str, str]:
    """The leading request and the one that follows it, each of a resident of its own."""
    await persons(house, "p-lead", "p-follower")
    lead, follower = await lamp(house, person_ref="p-lead"), await lamp(house, person_ref="p-follower")
    fact = routing.CaseJoined(
        case=routing.CaseReference(request_no="JILI-000002", site_id="jili", person_ref="p-follower"),
        lead_case_id=lead,
        lead_request_no="JILI-000001",
        joined_by="desk-secret",
        reason=routing.JOIN_REASON_SAME_MATTER,
    )
    await house.routing_says(follower, fact)
    await collect(house, event("routing", ROUTING, follower, 1, fact, NOW))
    await until_async(lambda: house.broker.types(EVENTS)[-1] == "RequestJoined")
    own = [received(sent, number) for number, sent in enumerate(house.broker.on(EVENTS))]
    await collect(house, *own)
    return lead, follower


async def test_a_joined_request_names_its_lead_and_the_lead_its_followers_to_who_sees_both(
    house: House,
) -> None:
    lead, follower = await joined(house)
    told = await read(house, follower)
    assert (told.joined, told.joined_to.case_id, told.joined_to.request_no) == (True, lead, "JILI-000001")
    leading = await read(house, lead)
    assert (leading.joined, [each.case_id for each in leading.followers]) == (False, [follower])
    await house.routing_says(follower, routing.CaseParted(lead_case_id=lead), start=2)
    told = await read(house, follower)
    assert (told.joined, told.HasField("joined_to"), list((await read(house, lead)).followers)) == (
        False,
        False,
        [],
    )


async def test_both_timelines_show_a_joining_to_the_house(house: House) -> None:
    lead, follower = await joined(house)
    seen = await watch(house, follower, "desk", "desk-1")
    assert {name_of(entry) for entry in seen} == {"RequestSubmitted", "CaseJoined", "RequestJoined"}
    seen = await watch(house, lead, "desk", "desk-1")
    [entry] = [each for each in seen if name_of(each) == "CaseJoined"]
    assert json.loads(entry.data_json)["case"]["requestNo"] == "JILI-000002"
    assert "secret" not in entry.data_json
    assert "p-follower" not in entry.data_json


async def test_a_resident_learns_that_it_is_joined_and_not_with_what(house: House) -> None:
    lead, follower = await joined(house)
    for own, other, sub in ((follower, lead, "p-follower"), (lead, follower, "p-lead")):
        number = "JILI-000001" if other == lead else "JILI-000002"
        told = await read(house, own, role="resident", sub=sub)
        assert told.joined is (own == follower)
        entries = await watch(house, own, "resident", sub)
        assert "CaseJoined" in {name_of(entry) for entry in entries}
        shown = repr(told) + "".join(entry.data_json for entry in entries)
        for secret in (other, number, "desk-secret"):
            assert secret not in shown


async def test_a_resident_of_both_is_told_both_numbers(house: House) -> None:
    await persons(house, "p-1")
    lead, follower = [await lamp(house, person_ref="p-1") for _ in range(2)]
    await house.routing_says(follower, routing.CaseJoined(lead_case_id=lead))
    told = await read(house, follower, role="resident", sub="p-1")
    assert told.joined_to.request_no == "JILI-000001"
    leading = await read(house, lead, role="resident", sub="p-1")
    assert [each.request_no for each in leading.followers] == ["JILI-000002"]


async def test_the_code_tells_that_it_is_joined_and_not_with_what(house: House) -> None:
    lead, follower = await joined(house)
    repository = house.base.committer.repository
    for own, other in ((follower, lead), (lead, follower)):
        code = repository.get([own])[own].private["tracking_code"]
        tracked = await house.call("TrackRequest", rpc.TrackRequestRequest(tracking_code=code), "resident")
        assert tracked.joined is (own == follower)
        assert "CaseJoined" in {name_of(entry) for entry in tracked.entries}
        shown = "".join(entry.data_json for entry in tracked.entries)
        assert other not in shown
        assert ("JILI-000001" if other == lead else "JILI-000002") not in shown


async def test_links_are_told_to_a_resident_only_of_their_own(house: House) -> None:
    await persons(house, "p-1")
    mine, theirs = await lamp(house, person_ref="p-1"), await lamp(house)
    await say(house, LINK, mine, theirs)
    assert [each.case_id for each in (await read(house, mine)).links] == [theirs]
    assert not (await read(house, mine, role="resident", sub="p-1")).links
