"""Requests from submission to close, by gRPC, on a real store; and every kind of bad input."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import grpc
import pytest

from fengqiao.intake.v1 import events_pb2 as events
from fengqiao.intake.v1 import intake_service_pb2 as rpc
from fengqiao.routing.v1 import events_pb2 as routing
from services.chassis import indexes
from services.chassis.clock import process_time
from services.chassis.protobuf import timestamp
from services.intake.domain import EVENTS, REQUESTS
from tests.integration.intake.conftest import NOW, House, meta, submission, violations
from tests.waiting import until_async

NOBODY = "00000000-0000-5000-8000-000000000000"


async def test_a_submitted_request_has_a_number_a_code_and_an_event_for_routing(house: House) -> None:
    answer = await house.submit()
    assert answer.request_no == "JILI-000001"
    assert re.fullmatch("[A-Z2-9]{12}", answer.tracking_code)
    assert answer.revision == 1
    await until_async(lambda: house.broker.types(REQUESTS) == ["RequestSubmitted"])
    assert house.broker.types(EVENTS) == ["RequestSubmitted"]
    assert house.broker.on(REQUESTS)[0].key == answer.case_id.encode()


async def test_numbers_count_for_each_site(house: House) -> None:
    for number in (1, 2):
        assert (await house.submit()).request_no == f"JILI-{number:06d}"
    answer = await house.call("SubmitRequest", submission(site_id="boston", unit_id=""), site="boston")
    assert answer.request_no == "BOSTON-000001"


async def test_the_same_key_finds_the_same_request_for_ever(house: House) -> None:
    first = await house.call("SubmitRequest", submission("key-of-mine"))
    house.clock.move(timedelta(days=30))
    assert await house.call("SubmitRequest", submission("key-of-mine")) == first


async def test_the_same_key_with_another_body_is_refused(house: House) -> None:
    await house.call("SubmitRequest", submission("key-of-mine"))
    refusal = await house.refusal("SubmitRequest", submission("key-of-mine", title="Something else"))
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.ALREADY_EXISTS, "idempotency_key_reused")


async def test_two_callers_with_the_same_key_have_two_requests(house: House) -> None:
    one = await house.call("SubmitRequest", submission("key-of-mine"))
    other = await house.call("SubmitRequest", submission("key-of-mine"), sub="clerk-2")
    assert one.case_id != other.case_id


async def test_a_request_is_read_back_whole(house: House) -> None:
    due_at = timestamp(NOW + timedelta(days=5))
    sent = submission(due_at=due_at, urgent=True)
    answer = await house.call("SubmitRequest", sent)
    read = (await house.call("GetRequest", rpc.GetRequestRequest(case_id=answer.case_id))).request
    assert read.body == sent.request
    assert (read.status, read.revision) == (rpc.REQUEST_STATUS_SUBMITTED, 1)
    assert read.submitted_at == timestamp(NOW)


async def test_no_word_of_a_request_is_on_any_topic(house: House) -> None:
    answer = await house.submit()
    await house.routing_says(answer.case_id, routing.CaseResolved())
    rating = rpc.RateOutcomeRequest(
        meta=meta(), case_id=answer.case_id, rating=1, solved=False, comment="Canary still loud"
    )
    await house.call("RateOutcome", rating)
    await until_async(lambda: "ReopeningRequested" in house.broker.types(REQUESTS))
    for record in house.broker.sent:
        told = record.value + repr(record.headers).encode()
        assert b"Canary" not in told
        assert answer.tracking_code.encode() not in told


async def test_a_settled_request_is_closed_by_the_residents_answer(house: House) -> None:
    answer = await house.submit()
    await house.routing_says(answer.case_id, routing.CaseResolved())
    rating = rpc.RateOutcomeRequest(meta=meta(), case_id=answer.case_id, rating=5, solved=True)
    rated = await house.call("RateOutcome", rating)
    assert await house.call("RateOutcome", rating) == rated
    read = (await house.call("GetRequest", rpc.GetRequestRequest(case_id=answer.case_id))).request
    assert (read.status, read.rating) == (rpc.REQUEST_STATUS_CLOSED, 5)
    await until_async(lambda: house.broker.types(EVENTS)[-1] == "RequestClosed")


# -- bad input -----------------------------------------------------------------------------------------------


async def test_every_wrong_field_is_named(house: House) -> None:
    wrong = submission(kind="NOISE!", title="", channel="Counter")
    wrong.meta.idempotency_key = "short"
    refusal = await house.refusal("SubmitRequest", wrong)
    assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT
    assert {field.split(":")[0] for field in refusal.fields} == {
        "meta.idempotency_key",
        "request.kind",
        "request.title",
        "request.channel",
    }


@pytest.mark.parametrize(
    ("changes", "violation"),
    [
        ({"site_id": "nowhere", "unit_id": ""}, ("request.site_id", "unknown_site")),
        ({"person_ref": "p-nobody"}, ("request.person_ref", "unknown_person")),
    ],
)
async def test_what_the_house_does_not_know_is_named(
    house: House, changes: dict[str, Any], violation: tuple[str, str]
) -> None:
    refusal = await house.refusal("SubmitRequest", submission(**changes), site="*")
    assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT
    assert refusal.fields == violations(violation)


async def test_a_resident_promises_no_due_time(house: House) -> None:
    sent = submission(due_at=timestamp(NOW + timedelta(days=1)))
    refusal = await house.refusal("SubmitRequest", sent, "resident", sub="p-1")
    assert refusal.fields == violations(("request.due_at", "not_for_this_role"))


async def test_what_is_yet_to_happen_cannot_be_submitted(house: House) -> None:
    sent = submission()
    sent.meta.occurred_at.CopyFrom(timestamp(process_time() + timedelta(minutes=1)))
    refusal = await house.refusal("SubmitRequest", sent)
    assert refusal.fields == violations(("meta.occurred_at", "later_than_now"))


async def test_what_only_a_clock_of_ours_calls_too_early_is_to_be_tried_again(house: House) -> None:
    sent = submission()
    sent.meta.occurred_at.CopyFrom(timestamp(NOW + timedelta(minutes=1)))  # past, says the store's clock
    refusal = await house.refusal("SubmitRequest", sent)
    assert refusal.code is grpc.StatusCode.UNAVAILABLE


async def test_an_unknown_request_is_not_found_by_those_who_may_see_all(house: House) -> None:
    refusal = await house.refusal("GetRequest", rpc.GetRequestRequest(case_id=NOBODY))
    assert refusal.code is grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize(
    ("role", "who"),
    [
        ("resident", {"sub": "p-somebody-else"}),
        ("handler", {"sub": "leader-1", "units": ["jili/c2"]}),
        ("agency", {"sub": "hotline"}),
        ("clerk", {"site": "boston"}),
    ],
)
async def test_out_of_reach_sounds_just_like_not_there(house: House, role: str, who: dict[str, Any]) -> None:
    answer = await house.submit()
    there = await house.refusal("GetRequest", rpc.GetRequestRequest(case_id=answer.case_id), role, **who)
    missing = await house.refusal("GetRequest", rpc.GetRequestRequest(case_id=NOBODY), role, **who)
    assert there == missing
    assert there.code in {grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.NOT_FOUND}


@pytest.mark.parametrize("units", [["jili"], ["jili/c1"], ["jili/c1/s2"]])
async def test_a_handler_reads_what_lies_in_their_units(house: House, units: list[str]) -> None:
    answer = await house.submit()
    request = rpc.GetRequestRequest(case_id=answer.case_id)
    assert (await house.call("GetRequest", request, "handler", sub="leader-1", units=units)).request


async def test_a_resident_reads_and_withdraws_their_own_request(house: House) -> None:
    mine = {"role": "resident", "sub": "p-mine"}
    answer = await house.call("SubmitRequest", submission(person_ref="p-mine"), **mine)
    assert (await house.call("GetRequest", rpc.GetRequestRequest(case_id=answer.case_id), **mine)).request
    wish = rpc.WithdrawRequestRequest(meta=meta(), case_id=answer.case_id, reason="moved_away")
    assert (await house.call("WithdrawRequest", wish, **mine)).revision == 2
    refusal = await house.refusal("WithdrawRequest", wish, "resident", sub="p-other")
    assert refusal.code is grpc.StatusCode.PERMISSION_DENIED


async def test_a_resident_submits_in_nobody_elses_name(house: House) -> None:
    refusal = await house.refusal("SubmitRequest", submission(person_ref="p-other"), "resident", sub="p-mine")
    assert refusal.code is grpc.StatusCode.PERMISSION_DENIED


async def test_a_handler_does_not_speak_for_the_resident(house: House) -> None:
    answer = await house.submit()
    wish = rpc.WithdrawRequestRequest(meta=meta(), case_id=answer.case_id, reason="moved_away")
    refusal = await house.refusal("WithdrawRequest", wish, "handler", sub="leader-1", units=["jili"])
    assert refusal.code is grpc.StatusCode.PERMISSION_DENIED


async def test_nobody_calls_without_a_token(house: House) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await house.stub.SubmitRequest(submission(), timeout=10)
    assert error.value.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_an_unlawful_command_is_told_the_state_and_what_is_allowed(house: House) -> None:
    answer = await house.submit()
    rating = rpc.RateOutcomeRequest(meta=meta(), case_id=answer.case_id, rating=5, solved=True)
    refusal = await house.refusal("RateOutcome", rating)
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "illegal_transition")
    assert "submitted" in refusal.message
    assert "WithdrawRequest" in refusal.message


async def test_a_stale_revision_is_refused(house: House) -> None:
    answer = await house.submit()
    await house.routing_says(answer.case_id, routing.CaseResolved())
    wish = rpc.RequestEscalationRequest(
        meta=meta(expected_revision=1), case_id=answer.case_id, reason="no_answer"
    )
    refusal = await house.refusal("RequestEscalation", wish)
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.ABORTED, "stale_revision")


async def test_the_resident_asks_for_a_petition_whatever_the_state_short_of_a_withdrawal(
    house: House,
) -> None:
    answer = await house.submit()
    asked: dict[str, Any] = {"case_id": answer.case_id, "reason": "resident_asked"}

    def wish() -> rpc.RequestReferralRequest:
        return rpc.RequestReferralRequest(meta=meta(), track=events.WISHED_TRACK_PETITION, **asked)

    before = (await house.call("RequestReferral", wish())).revision
    await house.routing_says(answer.case_id, routing.CaseResolved())
    assert (await house.call("RequestReferral", wish())).revision > before
    nowhere = rpc.RequestReferralRequest(meta=meta(), **asked)
    assert (await house.refusal("RequestReferral", nowhere)).code is grpc.StatusCode.INVALID_ARGUMENT
    await house.routing_says(answer.case_id, routing.CaseWithdrawn(), start=2)
    refusal = await house.refusal("RequestReferral", wish())
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "illegal_transition")
    await until_async(lambda: house.broker.types(REQUESTS).count("ReferralRequested") == 2)


async def test_each_row_of_an_import_has_its_verdict(house: House) -> None:
    rows = [
        rpc.ImportRequestsRequest(row=1, submission=submission("row-00001")),
        rpc.ImportRequestsRequest(row=2, submission=submission("row-00002", kind="NOISE!")),
        rpc.ImportRequestsRequest(row=3),
        rpc.ImportRequestsRequest(row=4, submission=submission("row-00001")),
        rpc.ImportRequestsRequest(row=5, submission=submission("row-00001", title="Other")),
        rpc.ImportRequestsRequest(row=6, submission=submission("row-00006", site_id="boston", unit_id="")),
        rpc.ImportRequestsRequest(row=7, submission=submission("row-00007")),
    ]

    async def stream() -> AsyncIterator[rpc.ImportRequestsRequest]:
        for row in rows:
            yield row

    verdicts = (await house.call("ImportRequests", stream())).verdicts
    assert [(v.row, v.accepted) for v in verdicts] == [
        (1, True),
        (2, False),
        (3, False),
        (4, True),
        (5, False),
        (6, False),
        (7, True),
    ]
    assert verdicts[0].case_id == verdicts[3].case_id
    assert [(x.field, x.reason) for v in verdicts for x in v.violations] == [
        ("request.kind", "string.pattern"),
        ("submission", "required"),
        ("", "idempotency_key_reused"),
        ("", "permission_denied"),
    ]


async def test_a_long_import_comes_in_as_bulks(house: House) -> None:
    async def stream() -> AsyncIterator[rpc.ImportRequestsRequest]:
        for row in range(1, 451):
            yield rpc.ImportRequestsRequest(row=row, submission=submission(f"row-{row:05d}"))

    verdicts = (await house.call("ImportRequests", stream())).verdicts
    assert all(v.accepted for v in verdicts)
    assert len({v.request_no for v in verdicts}) == 450


async def test_a_decision_that_comes_before_its_request_waits_and_is_not_lost(house: House) -> None:
    await house.routing_says(NOBODY, routing.CaseResolved())
    wish = rpc.WithdrawRequestRequest(meta=meta(), case_id=NOBODY, reason="moved_away")
    refusal = await house.refusal("WithdrawRequest", wish)
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "not_yet_routed")


async def test_the_store_has_every_index_that_intake_declares(house: House) -> None:
    assert indexes.missing_indexes(house.base.documents) == []
