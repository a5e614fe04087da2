"""Couriers and riders as light reporters (S9): place and photo in, feedback out, and no case to see."""

from datetime import timedelta
from typing import Any

import grpc
import pytest

from fengqiao.intake.v1 import events_pb2 as ev
from fengqiao.intake.v1 import intake_service_pb2 as rpc
from fengqiao.routing.v1 import events_pb2 as routing
from services.intake.domain import EVENTS, REQUESTS
from services.intake.store import RequestDocument
from tests.integration.intake.conftest import NOW, House, event, meta, violations
from tests.waiting import until_async

COURIER = {"role": "reporter", "sub": "courier-1"}
PHOTO = "photos/2026/03/3f1c7a52-9b64"


def sighting(key: str = "", **changes: Any) -> rpc.ReportSightingRequest:
    body: dict[str, Any] = {
        "site_id": "jili",
        "kind": "drain.blocked",
        "unit_id": "jili/c1/s2",
        "photo_ref": PHOTO,
    }
    return rpc.ReportSightingRequest(meta=meta(key), **body | changes)


async def report(house: House, key: str = "", **changes: Any) -> str:
    answer = await house.call("ReportSighting", sighting(key, **changes), **COURIER)
    number: str = answer.request_no
    return number


async def feedback(house: House, number: str, sub: str = "courier-1") -> tuple[str, str]:
    answer = await house.call("GetFeedback", rpc.GetFeedbackRequest(request_no=number), "reporter", sub=sub)
    assert {field.name for field, _ in answer.ListFields()} == {"feedback", "on"}
    return ev.Feedback.Name(answer.feedback).removeprefix("FEEDBACK_").lower(), answer.on


async def case_of(house: House) -> str:
    """The one case that there is."""
    await until_async(lambda: house.broker.on(EVENTS))
    return house.broker.on(EVENTS)[0].key.decode()


async def test_a_sighting_becomes_a_request_without_a_person(house: House) -> None:
    number = await report(house, point=rpc.SightingPoint(longitude=120.217, latitude=30.214))
    assert number == "JILI-000001"
    case_id = await case_of(house)
    shown = (await house.call("GetRequest", rpc.GetRequestRequest(case_id=case_id))).request
    assert (shown.body.kind, shown.body.unit_id, shown.body.channel) == (
        "drain.blocked",
        "jili/c1/s2",
        "street",
    )
    assert shown.body.person_ref == ""
    assert dict(shown.body.attributes) == {"photo": PHOTO, "point": "120.217000,30.214000"}
    await until_async(lambda: house.broker.types(REQUESTS) == ["RequestSubmitted"])
    assert not [sent for sent in house.broker.sent if PHOTO.encode() in sent.value or b"120." in sent.value]


async def test_a_sighting_reported_twice_is_one(house: House) -> None:
    first = await report(house, "key-of-mine")
    house.clock.move(timedelta(days=3))
    assert await report(house, "key-of-mine") == first
    refused = await house.refusal("ReportSighting", sighting("key-of-mine", kind="noise"), **COURIER)
    assert refused.code is grpc.StatusCode.ALREADY_EXISTS


async def test_a_reporter_asks_what_became_of_it_and_learns_no_more(house: House) -> None:
    number = await report(house)
    case_id = await case_of(house)
    assert await feedback(house, number) == ("received", "2026-03-02")
    house.clock.move(timedelta(days=2))
    accepted = routing.CaseAccepted(unit_id="jili/c1/s2")
    await house.base.collecting(house.timeline.collect).take(
        [event("routing", "fengqiao.routing.events", case_id, 2, accepted, NOW + timedelta(days=1))]
    )
    assert await feedback(house, number) == ("being_handled", "2026-03-03")
    await house.routing_says(case_id, routing.CaseResolved(outcome="repaired"))
    assert await feedback(house, number) == ("done", "2026-03-04")


@pytest.mark.parametrize("end", [routing.CaseResolved(outcome="not_taken_up"), routing.CaseWithdrawn()])
async def test_what_is_not_taken_up_is_said_so(house: House, end: Any) -> None:
    number = await report(house)
    await house.routing_says(await case_of(house), end)
    assert await feedback(house, number) == ("not_taken_up", "2026-03-02")


async def test_a_sighting_of_somebody_elses_and_one_that_is_not_there_are_told_alike(house: House) -> None:
    number = await report(house)
    submitted = (await house.submit()).request_no
    refusals = [
        await house.refusal("GetFeedback", rpc.GetFeedbackRequest(request_no=asked), "reporter", **who)
        for asked, who in (
            (number, {"sub": "courier-2"}),
            (submitted, {"sub": "courier-1"}),
            ("JILI-999999", {"sub": "courier-1"}),
            (number, {"sub": "courier-1", "site": "boston"}),
        )
    ]
    assert {refused.code for refused in refusals} == {grpc.StatusCode.PERMISSION_DENIED}
    assert len({refused.message for refused in refusals}) == 1


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"unit_id": ""}, ("unit_id", "place_required")),
        ({"kind": "accusation.graft"}, ("kind", "not_for_sightings")),
        ({"site_id": "jili", "photo_ref": ""}, ("photo_ref", "string.pattern")),
        ({"photo_ref": "data:image/png;base64,AAAA"}, ("photo_ref", "string.pattern")),
        ({"photo_ref": "https://a.example/p?who=Zhang"}, ("photo_ref", "string.pattern")),
        ({"unit_id": "", "point": rpc.SightingPoint(latitude=91)}, ("point.latitude", "double.gte_lte")),
    ],
    ids=lambda value: "" if isinstance(value, dict) else value[0],
)
async def test_a_sighting_that_lacks_something_is_refused_by_its_field(
    house: House, changes: dict[str, Any], wrong: tuple[str, str]
) -> None:
    refused = await house.refusal("ReportSighting", sighting(**changes), **COURIER)
    assert (refused.code, refused.fields) == (grpc.StatusCode.INVALID_ARGUMENT, violations(wrong))


async def test_a_reporter_enters_no_other_call(house: House) -> None:
    await report(house)
    case_id = await case_of(house)
    [document] = await house.base.threads.run(lambda: list(RequestDocument.objects))
    tracked = rpc.TrackRequestRequest(tracking_code=document.private["tracking_code"])
    for name, request in (
        ("GetRequest", rpc.GetRequestRequest(case_id=case_id)),
        ("TrackRequest", tracked),
        (
            "WithdrawRequest",
            rpc.WithdrawRequestRequest(meta=meta(), case_id=case_id, reason="mine_after_all"),
        ),
    ):
        refused = await house.refusal(name, request, **COURIER)
        assert refused.code is grpc.StatusCode.PERMISSION_DENIED
    refused = await house.refusal("ReportSighting", sighting(), "resident", sub="courier-1")
    assert refused.code is grpc.StatusCode.PERMISSION_DENIED
