"""Requests of one matter, by gRPC on a real store: suggested, linked, kept apart, joined; for whom it is there."""

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import uuid4

import bson
import grpc
import pymongo.monitoring
import pytest
from pymongo import MongoClient

from fengqiao.intake.v1 import intake_service_pb2 as rpc
from fengqiao.routing.v1 import events_pb2 as routing
from services.chassis.protobuf import timestamp
from services.chassis.store import MAJORITY, database
from services.intake.domain import EVENTS
from services.intake.duplicates.backfill import backfill
from services.intake.duplicates.candidates import BOUND, Candidates
from services.intake.duplicates.places import levels
from tests.integration.intake.conftest import NOW, House, meta, submission, violations
from tests.integration.intake.test_accusations import accuse
from tests.integration.intake.test_contacts import PUT
from tests.integration.intake.test_timelines import ROUTING, collect, event, received
from tests.waiting import until_async

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
    answer = await house.call("SuggestDuplicates", rpc.SuggestDuplicatesRequest(case_id=case_id, **fields), **who)
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
        await house.call("PutContact", PUT(), "resident", sub=name)


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
    new = await lamp(house, kind="wage.unpaid", unit_id="jili/c9", title="欠薪", attributes={"order_no": "gd2026-0001"})
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
    assert (await house.refusal("SuggestDuplicates", asked, **HANDLER)).code is grpc.StatusCode.PERMISSION_DENIED


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
        {"_id": erased}, {"$unset": {"private.title": "", "private.description": "", "private.attributes": ""}}
    )
    answer = await house.call("SuggestDuplicates", rpc.SuggestDuplicatesRequest(case_id=case_id), **DESK)
    [told] = answer.suggestions
    assert (told.request.case_id, told.title) == (erased, "")
    assert [part.reason for part in told.parts] == ["same_unit", "same_kind", "days_apart_1"]


async def test_what_was_withdrawn_is_not_suggested(house: House) -> None:
    first, case_id = await lamp(house), await lamp(house)
    await house.routing_says(first, routing.CaseWithdrawn())
    assert await suggested(house, case_id) == []


# -- bounded -------------------------------------------------------------------------------------------------


class Reads(pymongo.monitoring.CommandListener):
    """Counts the documents that the store gave out."""

    def __init__(self) -> None:
        self.documents = 0

    def started(self, event: pymongo.monitoring.CommandStartedEvent) -> None:
        """Nothing to count yet."""

    def succeeded(self, event: pymongo.monitoring.CommandSucceededEvent) -> None:
        cursor = event.reply.get("cursor", {})
        self.documents += len(cursor.get("firstBatch", ())) + len(cursor.get("nextBatch", ()))

    def failed(self, event: pymongo.monitoring.CommandFailedEvent) -> None:
        """Nothing was given out."""


def many(house: House, like: str, count: int, **changes: Any) -> None:
    """Store copies of a request, a minute before each other."""
    collection = house.base.committer.repository.collection
    one = bson.encode(collection.find_one({"_id": like}) or {})
    copies = []
    for number in range(1, count + 1):
        copy = bson.decode(one, bson.CodecOptions(tz_aware=True))
        copy["_id"] = str(uuid4())
        copy["private"]["tracking_code"] = f"COPY{uuid4().hex[:8].upper()}"
        copy["state"]["submitted_at"] -= timedelta(minutes=number)
        copy["state"] |= changes
        copies.append(copy)
    for start in range(0, count, 1000):
        collection.insert_many(copies[start : start + 1000])


async def test_of_ten_thousand_at_one_place_the_nearest_are_compared_and_the_index_bounds_what_is_read(
    house: House, store: str
) -> None:
    case_id = await lamp(house)
    many(house, case_id, 10_000)
    answer = await house.call("SuggestDuplicates", rpc.SuggestDuplicatesRequest(case_id=case_id, limit=50), **DESK)
    assert (answer.compared, answer.truncated) == (BOUND, True)
    oldest = min(each.submitted_at.ToDatetime() for each in answer.suggestions)
    assert oldest >= (NOW - timedelta(minutes=BOUND)).replace(tzinfo=None)
    record = await house.base.committer.get_one(case_id)
    assert record is not None
    reads = Reads()
    repository = house.base.committer.repository
    with MongoClient(store, event_listeners=[reads], tz_aware=True) as client:
        listened = client[database(house.base.alias).name][repository.collection.name]
        listened = listened.with_options(read_concern=MAJORITY)
        candidates = Candidates(repository)
        ids = [each for key in levels(LAMP["unit_id"]) for each in near_of(candidates, listened, key)]
    assert len(ids) <= 4 * (BOUND + 2)
    assert reads.documents <= 4 * (BOUND + 2)
    plan = plan_of(repository.collection)
    assert plan.get("totalDocsExamined", 0) <= BOUND + 2, plan
