"""Call-back, review and closing by gRPC on a real store: who may, what is refused, what is kept."""

from datetime import timedelta
from typing import Any

import grpc
import pytest

from fengqiao.intake.v1.events_pb2 import OutcomeRated
from fengqiao.routing.v1 import followup_events_pb2 as fu
from fengqiao.routing.v1 import routing_service_pb2 as rpc
from services.chassis.record import SHARDS
from services.chassis.sweeper import Catchup
from services.routing.domain import EVENTS, OUTCOMES
from tests.integration.routing.conftest import DESK, NEIGHBOURS, SECTION, VILLAGE, House, meta
from tests.kit.edge import Who

HOUR, TICK = timedelta(hours=1), timedelta(seconds=1)
LEADER = Who("handler", (NEIGHBOURS,), "p-n1")
CHIEF = Who("handler", (SECTION,), "p-s1")
HEAD = Who("handler", (VILLAGE,), "p-hexi")
STRANGER = Who("handler", ("jili/hedong",), "p-stranger")


@pytest.fixture
def call_backs() -> bool:
    return True


@pytest.fixture
async def case_id(house: House) -> str:
    """A case that its neighbourhood settled."""
    await house.settled()
    await house.following.fresh()
    case_id = await house.case_at(NEIGHBOURS)
    await house.call("ResolveCase", LEADER, case_id=case_id, outcome="repaired")
    return case_id


async def test_the_superior_calls_back_and_a_content_answer_closes_it(house: House, case_id: str) -> None:
    seen = (await house.call("GetCase", CHIEF, case_id=case_id)).case
    assert (seen.status, seen.call_back.caller_unit_id) == (rpc.CASE_STATUS_RESOLVED, SECTION)
    explained = await house.call("ExplainDeadline", CHIEF, case_id=case_id)
    assert (explained.follow_up.rule, explained.follow_up.due_at) == (
        "routing.callback@1",
        seen.call_back.clock.due_at,
    )
    answer = {"case_id": case_id, "reached": True, "solved": True, "rating": 4, "note": "说修好了"}
    for who in (LEADER, STRANGER):
        assert (
            await house.refusal("RecordCallBack", who, **answer)
        ).code == grpc.StatusCode.PERMISSION_DENIED
    key = meta()
    closed = (await house.call("RecordCallBack", CHIEF, meta=key, **answer)).case
    assert (closed.closed_by, closed.answer.rating) == (fu.CLOSED_BY_ANSWER, 4)
    assert (await house.call("RecordCallBack", CHIEF, meta=key, **answer)).case == closed
    again = await house.refusal("RecordCallBack", CHIEF, **answer)
    # Nothing is asked of anybody any more, so it is the desk's alone.
    assert again.code == grpc.StatusCode.PERMISSION_DENIED
    assert (await house.refusal("RecordCallBack", DESK, **answer)).reason == "no_call_back"
    assert house.broker.types(EVENTS)[-2:] == ["ResidentAnswered", "CaseClosed"]
    assert house.broker.types(OUTCOMES) == ["CaseResolved", "CaseClosed"]
    assert not any("说修好了".encode() in record.value for record in house.broker.sent)


async def test_a_poor_answer_is_reviewed_by_nobody_who_handled_it_and_upheld_it_goes_on(
    house: House, case_id: str
) -> None:
    await house.call("RecordCallBack", DESK, case_id=case_id, reached=True, solved=True, rating=1)
    case = (await house.call("GetCase", HEAD, case_id=case_id)).case
    assert (case.review.number, case.review.reviewer_unit_id) == (1, SECTION)
    upheld = {"case_id": case_id, "number": 1, "finding": fu.REVIEW_FINDING_UPHELD}
    assert (await house.refusal("RecordReview", LEADER, **upheld)).code == grpc.StatusCode.PERMISSION_DENIED
    both = Who("handler", (SECTION, NEIGHBOURS), "p-both")
    assert (await house.refusal("RecordReview", both, **upheld)).reason == "handled_it"
    wrong = await house.refusal("RecordReview", CHIEF, **{**upheld, "number": 2})
    assert (wrong.code, wrong.fields) == (grpc.StatusCode.INVALID_ARGUMENT, ["number: not_the_open_review"])
    case = (await house.call("RecordReview", CHIEF, **upheld)).case
    assert (case.status, case.assignment.unit_id) == (rpc.CASE_STATUS_ASSIGNED, SECTION)
    assert case.HasField("order")
    assert house.broker.types(EVENTS)[-3:] == ["ReviewRecorded", "CaseReopened", "SupervisionOrdered"]


async def test_a_call_back_that_nobody_makes_is_found_by_the_sweep_and_asked_of_the_next(
    house: House, case_id: str
) -> None:
    for caller in (VILLAGE, "jili", ""):
        case = await house.case(case_id)
        assert case.followup is not None
        assert case.followup.call_back is not None
        house.clock.move(case.followup.call_back.clock.due_at - house.clock.now + TICK)
        await house.base.sweeper(Catchup()).fire(range(SHARDS))
        assert (await house.call("GetCase", case_id=case_id)).case.call_back.caller_unit_id == caller
    assert house.broker.types(EVENTS)[-3:] == ["CallBackOverdue"] * 3


async def test_the_satisfaction_rate_is_of_those_who_answered(house: House, case_id: str) -> None:
    other = await house.case_at(NEIGHBOURS)
    await house.call("ResolveCase", LEADER, case_id=other, outcome="repaired")
    await house.call("RecordCallBack", CHIEF, case_id=case_id, reached=True, solved=True, rating=5)
    house.clock.move(4 * HOUR + TICK)
    day = "2026-03-02"
    [unit] = (await house.call("GetIndicators", unit_code=NEIGHBOURS, since=day, until=day)).units
    assert (unit.answers, unit.satisfied, unit.satisfaction_rate, unit.unanswered) == (1, 1, 1.0, 1)


async def test_what_is_asked_of_a_unit_is_listed_soonest_due_first_and_page_by_page(
    house: House, case_id: str
) -> None:
    house.clock.move(timedelta(minutes=1))
    later = await house.case_at(NEIGHBOURS)
    await house.call("ResolveCase", LEADER, case_id=later, outcome="repaired")

    async def listed(who: Who = DESK, unit_id: str = "", **more: Any) -> list[str]:
        answer = await house.call("ListFollowUps", who, unit_id=unit_id, **more)
        return [case.case_id for case in answer.cases]

    assert await listed(CHIEF, SECTION) == [case_id, later]
    first = await house.call("ListFollowUps", CHIEF, unit_id=SECTION, page_size=1)
    assert await listed(CHIEF, SECTION, page_token=first.next_page_token) == [later]
    assert await listed(HEAD, VILLAGE) == []
    assert await listed(HEAD, VILLAGE, include_below=True) == [case_id, later]
    await house.call("RecordCallBack", CHIEF, case_id=case_id, reached=True, solved=True, rating=5)
    assert await listed(CHIEF, SECTION) == [later]
    assert await listed() == []
    for who, unit in ((LEADER, SECTION), (CHIEF, "")):
        refused = await house.refusal("ListFollowUps", who, unit_id=unit)
        assert refused.code == grpc.StatusCode.PERMISSION_DENIED


def test_a_rating_carries_no_words() -> None:
    assert {field.name for field in OutcomeRated.DESCRIPTOR.fields} == {"rating", "solved"}
