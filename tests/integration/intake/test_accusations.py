"""Accusations by gRPC and from agencies, on a real store: where they go, and for whom they are there."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import bson
import grpc
import pytest
from google.protobuf.message import Message
from structlog.testing import capture_logs

from fengqiao.intake.v1 import events_pb2 as ev
from fengqiao.intake.v1 import intake_service_pb2 as rpc
from fengqiao.notify.v1.events_pb2 import NoticeDelivered
from fengqiao.petition.v1 import events_pb2 as petition
from services.chassis.protobuf import timestamp
from services.chassis.store import database
from services.chassis.sweeper import Catchup
from services.intake import timeline
from services.intake.accusations import RESTRICTED
from services.intake.domain import EVENTS, REQUESTS, case_id_of
from tests.integration.intake.conftest import NOW, House, Refusal, event, meta, submission, violations
from tests.integration.intake.test_agencies import REPLIES, inbound, offsets, replies
from tests.integration.intake.test_timelines import received, types
from tests.waiting import until_async

NOBODY = "00000000-0000-5000-8000-000000000000"
ACCUSED = "jili/hexi"
ACCUSER = {"role": "resident", "sub": "p-accuser"}
INSPECTOR: dict[str, Any] = {"role": "inspector", "sub": "inspector-1", "units": ["jili"]}
REFERENCE = petition.PetitionReference(
    request_no="JILI-000001", site_id="jili", person_ref="p-accuser", unit_id="jili", accused_unit_id=ACCUSED
)


def accusation(key: str = "", **changes: Any) -> rpc.SubmitRequestRequest:
    given = {"kind": "accusation.misconduct", "accused_unit_id": ACCUSED, "person_ref": "p-accuser"}
    return submission(key, **given | changes)


async def accuse(house: House, **changes: Any) -> rpc.SubmitRequestResponse:
    answer: rpc.SubmitRequestResponse = await house.call("SubmitRequest", accusation(**changes), **ACCUSER)
    return answer


async def petition_says(house: House, case_id: str, *events: Message, start: int = 1) -> None:
    """Deliver petition's restricted events, and what intake itself has said, as if from their topics."""
    topic = timeline.RESTRICTED_TOPICS[1]
    told = [
        event("petition", topic, case_id, sequence, said, house.clock.now)
        for sequence, said in enumerate(events, start)
    ]
    own = [received(sent, number) for number, sent in enumerate(house.broker.on(RESTRICTED))]
    await house.base.collecting(house.books.restricted.collect).take([*own, *told])


async def read(house: House, case_id: str, **who: Any) -> rpc.Request:
    response = await house.call("GetRequest", rpc.GetRequestRequest(case_id=case_id), **who)
    request: rpc.Request = response.request
    return request


async def watch(house: House, case_id: str, role: str, sub: str, units: list[str]) -> list[Any]:
    token = house.token(role, sub, "jili", units)
    request = rpc.WatchTimelineRequest(case_id=case_id)
    return [response async for response in house.stub.WatchTimeline(request, metadata=token, timeout=20)]


def kept(house: House, collection: str) -> int:
    return database(house.base.alias)[collection].count_documents({})


# -- where they go -------------------------------------------------------------------------------------------


async def test_a_submitted_accusation_is_in_its_own_book_and_on_its_own_topic_alone(house: House) -> None:
    answer = await accuse(house)
    assert (answer.request_no, answer.revision) == ("JILI-000001", 1)
    await until_async(lambda: house.broker.types(RESTRICTED) == ["AccusationSubmitted"])
    assert {sent.topic for sent in house.broker.sent} == {RESTRICTED}
    assert (kept(house, "accusations"), kept(house, "requests")) == (1, 0)


async def test_an_imported_accusation_goes_the_same_way_and_its_neighbours_go_theirs(house: House) -> None:
    sent = [
        submission(),
        accusation(person_ref=""),
        accusation(person_ref="", accused_unit_id=""),
        submission(),
    ]

    async def rows() -> AsyncIterator[rpc.ImportRequestsRequest]:
        for row, each in enumerate(sent, 1):
            yield rpc.ImportRequestsRequest(row=row, submission=each)

    verdicts = (await house.call("ImportRequests", rows())).verdicts
    assert [verdict.accepted for verdict in verdicts] == [True, True, False, True]
    [wrong] = verdicts[2].violations
    assert (wrong.field, wrong.reason) == ("request.accused_unit_id", "required")
    await until_async(lambda: len(house.broker.on(EVENTS)) == 2 and len(house.broker.on(RESTRICTED)) == 1)
    assert (kept(house, "accusations"), kept(house, "requests")) == (1, 2)
    assert house.broker.on(RESTRICTED)[0].key == verdicts[1].case_id.encode()


async def test_an_agencys_accusation_goes_the_same_way_and_its_reply_names_the_case(house: House) -> None:
    sent = inbound("101", 5, kind="accusation", accused_unit_id=ACCUSED)
    for _ in range(2):
        await house.inbound().take([sent, inbound("102", 6)])
    told = await replies(house, 2)
    assert offsets(told) == {5: "SubmissionAccepted", 6: "SubmissionAccepted"}
    await until_async(lambda: house.broker.on(RESTRICTED))
    case_id = case_id_of("hotline", "101").encode()
    assert {sent.topic for sent in house.broker.sent if sent.key == case_id} == {RESTRICTED, REPLIES}
    assert (kept(house, "accusations"), kept(house, "requests")) == (1, 1)


async def test_a_crash_after_the_commit_loses_no_event_of_an_accusation(house: House) -> None:
    house.broker.away = True
    await accuse(house)
    house.broker.away = False
    house.clock.move(timedelta(seconds=10))
    await house.base.sweeper(Catchup()).sweep_outboxes(range(64))
    await until_async(lambda: house.broker.types(RESTRICTED) == ["AccusationSubmitted"])


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"accused_unit_id": ""}, "required"),
        ({"accused_unit_id": "jili/hexi/"}, "not_a_unit"),
        ({"kind": "noise"}, "only_for_accusations"),
    ],
)
async def test_a_wrong_unit_is_told_by_field(house: House, changes: dict[str, str], reason: str) -> None:
    refusal = await house.refusal("SubmitRequest", accusation(**changes), **ACCUSER)
    assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT
    assert refusal.fields == violations(("request.accused_unit_id", reason))
    assert (kept(house, "accusations"), kept(house, "requests")) == (0, 0)


async def test_an_agency_is_told_what_is_wrong_with_the_unit(house: House) -> None:
    wrong = [inbound("101", 1, kind="accusation"), inbound("102", 2, accused_unit_id=ACCUSED)]
    await house.inbound().take(wrong)
    told = await replies(house, 2)
    assert offsets(told) == {1: "SubmissionRejected,required", 2: "SubmissionRejected,only_for_accusations"}
    found = {v.field for sent in told for v in ev.SubmissionRejected.FromString(sent.value).violations}
    assert found == {"accused_unit_id"}


# -- names for ever ------------------------------------------------------------------------------------------


async def test_the_same_key_finds_the_same_accusation(house: House) -> None:
    first = await house.call("SubmitRequest", accusation("key-of-mine"), **ACCUSER)
    house.clock.move(timedelta(days=30))
    assert await house.call("SubmitRequest", accusation("key-of-mine"), **ACCUSER) == first
    refusal = await house.refusal("SubmitRequest", accusation("key-of-mine", title="Else"), **ACCUSER)
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.ALREADY_EXISTS, "idempotency_key_reused")


@pytest.mark.parametrize("first", ["accusation", "request"])
async def test_a_key_of_the_one_book_is_refused_in_the_other(house: House, first: str) -> None:
    sent = [accusation("key-of-mine"), submission("key-of-mine")]
    one, other = sent if first == "accusation" else reversed(sent)
    await house.call("SubmitRequest", one, **ACCUSER)
    refusal = await house.refusal("SubmitRequest", other, **ACCUSER)
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.ALREADY_EXISTS, "idempotency_key_reused")
    assert kept(house, "accusations") + kept(house, "requests") == 1


async def test_a_reference_of_the_one_book_is_rejected_in_the_other(house: House) -> None:
    secret = {"kind": "accusation", "accused_unit_id": ACCUSED}
    await house.inbound().take([inbound("101", 1, **secret), inbound("102", 2)])
    await house.inbound().take([inbound("101", 3), inbound("102", 4, **secret)])
    await house.inbound().take([inbound("103", 5), inbound("103", 6, **secret)])
    assert offsets(await replies(house, 6)) == {
        1: "SubmissionAccepted",
        2: "SubmissionAccepted",
        3: "SubmissionRejected,reference_reused",
        4: "SubmissionRejected,reference_reused",
        5: "SubmissionAccepted",
        6: "SubmissionRejected,reference_reused",
    }
    assert (kept(house, "accusations"), kept(house, "requests")) == (1, 2)


# -- who reaches them ----------------------------------------------------------------------------------------


async def test_who_reaches_an_accusation_reads_it_and_an_agency_not_whom_it_is_about(house: House) -> None:
    sent = accusation(urgent=True)
    case_id = (await house.call("SubmitRequest", sent, **ACCUSER)).case_id
    for who in (ACCUSER, INSPECTOR):
        seen = await read(house, case_id, **who)
        assert seen.body == sent.request
        assert (seen.status, seen.submitted_at) == (rpc.REQUEST_STATUS_SUBMITTED, timestamp(NOW))
    await house.inbound().take(
        [inbound("101", 5, kind="accusation", accused_unit_id=ACCUSED, unit_id="jili")]
    )
    agencys = case_id_of("hotline", "101")
    seen = await read(house, agencys, role="agency", sub="hotline")
    assert (seen.source, seen.reference, seen.body.unit_id) == ("hotline", "101", "jili")
    assert seen.body.accused_unit_id == ""
    assert (await read(house, agencys, **INSPECTOR)).body.accused_unit_id == ACCUSED


OTHERS: list[tuple[str, dict[str, Any]]] = [
    ("clerk", {}),
    ("desk", {}),
    ("supervisor", {}),
    ("service", {"sub": "notify", "site": "*"}),
    ("replay", {"site": "*"}),
    ("handler", {"sub": "leader-hexi", "units": [ACCUSED]}),
    ("handler", {"sub": "leader-jili", "units": ["jili"]}),
    ("handler", {"sub": "p-accuser", "units": ["*"]}),
    ("resident", {"sub": "p-other"}),
    ("agency", {"sub": "desk-of-another"}),
    ("inspector", {"sub": "inspector-2", "units": [ACCUSED]}),
    ("inspector", {"sub": "inspector-3", "units": ["jili", f"{ACCUSED}/s1"]}),
    ("inspector", {"sub": "inspector-4", "units": ["boston"], "site": "boston"}),
    ("inspector", {"sub": "inspector-5"}),
]

CALLS: dict[str, Callable[[str], Message]] = {
    "GetRequest": lambda case_id: rpc.GetRequestRequest(case_id=case_id),
    "WithdrawRequest": lambda case_id: rpc.WithdrawRequestRequest(meta=meta(), case_id=case_id, reason="x_x"),
    "RequestEscalation": lambda case_id: rpc.RequestEscalationRequest(
        meta=meta(expected_revision=7), case_id=case_id, reason="x_x"
    ),
    "RateOutcome": lambda case_id: rpc.RateOutcomeRequest(
        meta=meta(), case_id=case_id, rating=5, solved=True
    ),
    "ReopenRequest": lambda case_id: rpc.ReopenRequestRequest(
        meta=meta(occurred_at=timestamp(NOW + timedelta(days=1))), case_id=case_id, reason="x_x"
    ),
}


async def refused_watching(house: House, case_id: str, role: str, who: dict[str, Any]) -> tuple[Any, Any]:
    token = house.token(role, who.get("sub", "clerk-1"), who.get("site", "jili"), who.get("units", []))
    request = rpc.WatchTimelineRequest(case_id=case_id)
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await house.stub.WatchTimeline(request, metadata=token, timeout=20).read()
    return error.value.code(), error.value.details()


@pytest.mark.parametrize(("role", "who"), OTHERS, ids=str)
async def test_to_everybody_else_an_accusation_is_not_there(
    house: House, role: str, who: dict[str, Any]
) -> None:
    case_id = (await accuse(house)).case_id
    expected = (
        grpc.StatusCode.NOT_FOUND if role in {"clerk", "desk", "supervisor", "service", "replay"} else None
    )
    for name, order in CALLS.items():
        there: Refusal = await house.refusal(name, order(case_id), role, **who)
        assert there == await house.refusal(name, order(NOBODY), role, **who), name
        if name == "GetRequest":
            assert there.code is (expected or grpc.StatusCode.PERMISSION_DENIED)
    assert await refused_watching(house, case_id, role, who) == await refused_watching(
        house, NOBODY, role, who
    )


async def test_whoever_took_an_accusation_in_at_the_counter_does_not_see_it_again(house: House) -> None:
    sent = accusation(person_ref="")
    case_id = (await house.call("SubmitRequest", sent)).case_id
    refusal = await house.refusal("GetRequest", rpc.GetRequestRequest(case_id=case_id))
    assert refusal.code is grpc.StatusCode.NOT_FOUND
    assert (await read(house, case_id, **INSPECTOR)).body == sent.request


async def test_an_inspector_reaches_no_ordinary_request(house: House) -> None:
    case_id = (await house.submit()).case_id
    for name in ("GetRequest", "WithdrawRequest", "RequestEscalation"):
        who = {**INSPECTOR, "units": ["*"]}
        there = await house.refusal(name, CALLS[name](case_id), **who)
        assert there == await house.refusal(name, CALLS[name](NOBODY), **who)


# -- what is asked, and where they stand ---------------------------------------------------------------------


@pytest.mark.parametrize("who", [ACCUSER, INSPECTOR], ids=lambda who: who["role"])
async def test_an_accusers_wishes_are_told_on_the_restricted_topic_alone_and_once(
    house: House, who: dict[str, Any]
) -> None:
    case_id = (await accuse(house)).case_id
    escalation = rpc.RequestEscalationRequest(meta=meta(), case_id=case_id, reason="too_slow")
    withdrawal = rpc.WithdrawRequestRequest(meta=meta(), case_id=case_id, reason="mistake")
    for _ in range(2):
        assert (await house.call("RequestEscalation", escalation, **who)).revision == 2
        assert (await house.call("WithdrawRequest", withdrawal, **who)).revision == 3
    wanted = ["AccusationSubmitted", "EscalationRequested", "WithdrawalRequested"]
    await until_async(lambda: house.broker.types(RESTRICTED) == wanted)
    assert {sent.topic for sent in house.broker.sent} == {RESTRICTED}


@pytest.mark.parametrize("name", ["RateOutcome", "ReopenRequest"])
async def test_an_accuser_is_told_why_an_accusation_is_neither_rated_nor_reopened(
    house: House, name: str
) -> None:
    order: Any = CALLS[name]((await accuse(house)).case_id)
    order.meta.CopyFrom(meta())
    refusal = await house.refusal(name, order, **ACCUSER)
    assert refusal.code is grpc.StatusCode.FAILED_PRECONDITION
    assert "not for accusations" in refusal.message
    assert "EscalateRequest, WithdrawRequest" in refusal.message


@pytest.mark.parametrize(
    ("end", "status"),
    [
        (petition.PetitionReplied(petition=REFERENCE), rpc.REQUEST_STATUS_SETTLED),
        (petition.PetitionNotAccepted(petition=REFERENCE), rpc.REQUEST_STATUS_SETTLED),
        (petition.OpinionDelivered(petition=REFERENCE), rpc.REQUEST_STATUS_SETTLED),
        (petition.PetitionWithdrawn(petition=REFERENCE), rpc.REQUEST_STATUS_WITHDRAWN),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_the_status_is_read_off_the_restricted_timeline(
    house: House, end: Message, status: rpc.RequestStatus.ValueType
) -> None:
    answer = await accuse(house)
    track = rpc.TrackRequestRequest(tracking_code=answer.tracking_code)
    await petition_says(house, answer.case_id, petition.PetitionReceived(petition=REFERENCE))
    assert (await read(house, answer.case_id, **ACCUSER)).status == rpc.REQUEST_STATUS_SUBMITTED
    for _ in range(2):
        await petition_says(house, answer.case_id, end, start=2)
        assert (await read(house, answer.case_id, **INSPECTOR)).status == status
        assert (await house.call("TrackRequest", track)).status == status


async def test_whoever_has_the_code_sees_states_and_times_and_no_unit(house: House) -> None:
    answer = await accuse(house)
    await until_async(lambda: house.broker.on(RESTRICTED))
    routed = petition.PetitionRouted(petition=REFERENCE, from_unit_id="jili/taoshu")
    await petition_says(house, answer.case_id, petition.PetitionReceived(petition=REFERENCE), routed)
    request = rpc.TrackRequestRequest(tracking_code=answer.tracking_code)
    tracked = await house.call("TrackRequest", request, "resident", sub="p-anybody")
    assert tracked.request_no == answer.request_no
    told = [entry.type.rsplit(".", 1)[-1] for entry in tracked.entries]
    assert sorted(told) == ["AccusationSubmitted", "PetitionReceived", "PetitionRouted"]
    for word in ("jili/", "unitId", "UnitId", "p-accuser", "Canary"):
        assert word not in str(tracked)


@pytest.mark.parametrize("who", [ACCUSER, INSPECTOR], ids=lambda who: who["role"])
async def test_its_timeline_is_watched_without_whom_it_is_about(house: House, who: dict[str, Any]) -> None:
    case_id = (await accuse(house)).case_id
    await until_async(lambda: house.broker.on(RESTRICTED))
    await petition_says(house, case_id, petition.PetitionReceived(petition=REFERENCE))
    notice = NoticeDelivered(case_id=case_id, channel="email", recipient_ref="p-accuser")
    told = event("notify", timeline.RESTRICTED_TOPICS[2], "notice-1", 1, notice, NOW + timedelta(minutes=1))
    await house.base.collecting(house.books.restricted.collect).take([told])
    seen = await watch(house, case_id, who["role"], who["sub"], who.get("units", []))
    assert sorted(types(seen)) == ["AccusationSubmitted", "NoticeDelivered", "PetitionReceived"]
    assert ACCUSED not in str(seen)
    assert "p-accuser" not in str(seen)


# -- nowhere else --------------------------------------------------------------------------------------------


async def test_nothing_of_an_accusation_is_anywhere_else(house: House) -> None:
    with capture_logs() as logs:
        answer = await accuse(house)
        order = rpc.WithdrawRequestRequest(meta=meta(), case_id=answer.case_id, reason="mistake")
        await house.call("WithdrawRequest", order, **ACCUSER)
        await house.refusal("GetRequest", rpc.GetRequestRequest(case_id=answer.case_id))
        said = petition.PetitionReceived(petition=REFERENCE)
        sound = event("petition", timeline.RESTRICTED_TOPICS[1], answer.case_id, 9, said, NOW)
        broken = replace(sound, value=(sound.value or b"") + b"\xff")
        await house.base.collecting(house.books.restricted.collect).take([broken])
        await until_async(lambda: len(house.broker.on(RESTRICTED)) == 2)
        await petition_says(house, answer.case_id, petition.PetitionWithdrawn(petition=REFERENCE))
    assert [line["event"] for line in logs] == ["poison"]
    assert house.broker.on(EVENTS) == house.broker.on(REQUESTS) == []
    for sent in house.broker.sent:
        told = sent.value + repr(sent.headers).encode()
        assert b"Canary" not in told
        assert answer.tracking_code.encode() not in told
    stored = database(house.base.alias)
    traces = [answer.case_id.encode(), answer.request_no.encode(), b"Canary"]
    found = {
        name
        for name in stored.list_collection_names()
        if any(trace in bson.encode(raw) for raw in stored[name].find() for trace in traces)
    }
    assert found == {"accusations", "restricted_timeline"}
    for word in (answer.request_no, answer.tracking_code, ACCUSED, "Canary", "p-accuser"):
        assert word not in str(logs)
