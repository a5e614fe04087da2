"""Early warnings of screening campaigns (S24) by gRPC: a request once, with a number and without a person."""

from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from fengqiao.intake.v1 import events_pb2 as ev
from fengqiao.intake.v1 import intake_service_pb2 as rpc
from services.intake.domain import REQUESTS
from tests.integration.intake.conftest import House, meta, submission
from tests.waiting import until_async

LEADER: dict[str, Any] = {"role": "handler", "sub": "p-s2", "units": ("jili/c1",)}
WARNING: dict[str, Any] = {"channel": "screening", "kind": "gas.safety", "screening_code": "gas-2026-q1"}

ACCUSING: dict[str, Any] = {"kind": "accusation.bribery", "accused_unit_id": "jili/c1"}


async def test_a_risk_is_a_request_with_a_number_and_without_a_person(house: House) -> None:
    answer = await house.call("SubmitRequest", submission(**WARNING), **LEADER)
    assert answer.request_no == "JILI-000001"
    shown = (await house.call("GetRequest", rpc.GetRequestRequest(case_id=answer.case_id))).request
    assert (shown.body.screening_code, shown.body.person_ref) == ("gas-2026-q1", "")
    await until_async(lambda: house.broker.types(REQUESTS) == ["RequestSubmitted"])
    told = ev.RequestSubmitted.FromString(house.broker.on(REQUESTS)[0].value)
    assert (told.screening_code, told.channel, told.person_ref) == ("gas-2026-q1", "screening", "")


@pytest.mark.parametrize(
    ("changes", "who", "wrong"),
    [
        ({"channel": "counter"}, LEADER, "request.channel: not_screening"),
        ({"screening_code": ""}, LEADER, "request.screening_code: required"),
        (ACCUSING, LEADER, "request.kind: not_for_early_warnings"),
        ({}, {"role": "resident", "sub": "p-2"}, "request.screening_code: not_for_this_role"),
    ],
)
async def test_what_is_none_is_refused_with_its_field(
    house: House, changes: dict[str, Any], who: dict[str, Any], wrong: str
) -> None:
    refused = await house.refusal("SubmitRequest", submission(**WARNING | changes), **who)
    assert (refused.code, refused.fields) == (grpc.StatusCode.INVALID_ARGUMENT, [wrong])
    assert not house.broker.on(REQUESTS)


async def test_a_row_of_an_import_is_held_to_the_same(house: House) -> None:
    async def rows() -> AsyncIterator[rpc.ImportRequestsRequest]:
        for row, code in enumerate(("gas-2026-q1", ""), 1):
            given = submission(f"row-{row:05d}", **WARNING | {"screening_code": code})
            yield rpc.ImportRequestsRequest(row=row, submission=given)

    verdicts = (await house.call("ImportRequests", rows())).verdicts
    assert [each.accepted for each in verdicts] == [True, False]


async def test_nobody_withdraws_it(house: House) -> None:
    answer = await house.call("SubmitRequest", submission(**WARNING), **LEADER)
    given = rpc.WithdrawRequestRequest(meta=meta(), case_id=answer.case_id, reason="not_needed")
    refused = await house.refusal("WithdrawRequest", given, role="desk")
    assert (refused.code, refused.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "no_complainant")
