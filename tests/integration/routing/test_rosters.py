"""Rosters and summonses by gRPC on a real store: who is on duty, who is asked next, and what is named."""

import asyncio
from datetime import timedelta
from typing import Any

import grpc
import pytest

from fengqiao.routing.v1 import roster_events_pb2 as ev
from fengqiao.routing.v1 import roster_service_pb2 as rpc
from services.chassis.record import SHARDS
from services.chassis.sweeper import Catchup
from tests.integration.routing.conftest import DESK, NEIGHBOURS, House, meta
from tests.kit.edge import Who

ROSTERS, SUMMONSES = "fengqiao.routing.rosters", "fengqiao.routing.summonses"
FIRE = "fire-rescue"
LEADER = Who("handler", (NEIGHBOURS,), "p-n1")
STRANGER = Who("handler", ("jili/hedong",), "p-stranger")
QUARTER = timedelta(minutes=15)


def officer(name: str) -> Who:
    """Somebody of a department, who has no unit of the territory."""
    return Who("handler", (), name)


async def establish(house: House, code: str = FIRE, mode: Any = ev.ROSTER_MODE_ON_CALL, **more: Any) -> Any:
    given = {"kinds": ["fire_hazard"], **more}
    answer = await house.call("EstablishDepartment", code=code, mode=mode, **given)
    return answer.department


async def plan(house: House, person: str, code: str = FIRE, **more: Any) -> Any:
    answer = await house.call("PlanDuty", code=code, duty_id=f"d-{person}", person_ref=person, **more)
    return answer.department


async def summoned(house: House, *answerers: str) -> rpc.Summons:
    """A case of the settled village, and the fire brigade summoned to it by its leader."""
    await house.settled()
    await house.following.fresh()
    await establish(house)
    for each in answerers:
        await plan(house, each)
    case_id = await house.case_at(NEIGHBOURS)
    answer = await house.call("SummonDepartment", LEADER, department=FIRE, case_id=case_id)
    summons: rpc.Summons = answer.summons
    return summons


async def fire(house: House) -> None:
    await house.base.sweeper(Catchup()).fire(range(SHARDS))


async def on_duty(house: House, **more: Any) -> dict[str, list[str]]:
    answer = await house.call("FindOnDuty", kind="fire_hazard", **more)
    return {each.department: list(each.person_refs) for each in answer.on_duty}


async def test_who_is_on_duty_for_a_kind_is_one_call_over_all_departments(house: House) -> None:
    await establish(house)
    await establish(house, "police", ev.ROSTER_MODE_RESIDENT, desk="w2")
    await establish(house, "works", ev.ROSTER_MODE_ROTATING, kinds=["pothole"])
    await plan(house, "p-1")
    await plan(house, "p-2", "police")
    assert await on_duty(house) == {FIRE: ["p-1"], "police": ["p-2"]}
    house.clock.move(timedelta(hours=1))  # 18:00 in Shanghai
    assert await on_duty(house) == {FIRE: ["p-1"], "police": []}


async def test_an_order_is_answered_alike_on_every_retry(house: House) -> None:
    key = meta()
    first = await house.call("EstablishDepartment", meta=key, code=FIRE, mode=1, kinds=["x"], desk="w1")
    house.clock.move(timedelta(days=1))
    again = await house.call("EstablishDepartment", meta=key, code=FIRE, mode=1, kinds=["x"], desk="w1")
    assert again.department.revision == first.department.revision
    assert house.broker.types(ROSTERS).count("DepartmentEstablished") == 1
    refused = await house.refusal("EstablishDepartment", code=FIRE, mode=1, kinds=["x"], desk="w3")
    assert (refused.code, refused.fields) == (grpc.StatusCode.INVALID_ARGUMENT, ["code: taken"])


async def test_two_resident_departments_do_not_sit_at_one_desk(house: House) -> None:
    resident = ev.ROSTER_MODE_RESIDENT
    both = await asyncio.gather(
        *(establish(house, code, resident, desk="w1") for code in ("police", "works")),
        return_exceptions=True,
    )
    assert sum(isinstance(each, grpc.aio.AioRpcError) for each in both) == 1
    seated = next(each for each in both if not isinstance(each, BaseException))
    await house.call("CloseDepartment", code=seated.code)
    assert (await establish(house, "other", resident, desk="w1")).desk == "w1"


async def test_whoever_is_asked_comes_and_the_case_stays_where_it_is(house: House) -> None:
    summons = await summoned(house, "p-1", "p-2")
    assert (summons.status, summons.person_ref) == (rpc.SUMMONS_STATUS_WAITING, "p-1")
    before = await house.case(summons.case_id)
    answer = await house.call(
        "AnswerSummons", officer("p-1"), summons_id=summons.summons_id, person_ref="p-1", accept=True
    )
    assert answer.summons.status == rpc.SUMMONS_STATUS_ANSWERED
    assert await house.case(summons.case_id) == before


async def test_when_nobody_answers_each_is_asked_in_turn_and_then_the_desk_is_told(house: House) -> None:
    summons = await summoned(house, "p-1", "p-2")
    house.clock.move(QUARTER)
    await fire(house)
    shown = await house.call("GetSummons", LEADER, summons_id=summons.summons_id)
    assert (shown.summons.status, shown.summons.person_ref) == (rpc.SUMMONS_STATUS_WAITING, "p-1")
    house.clock.move(timedelta(seconds=1))
    await fire(house)
    shown = await house.call("GetSummons", LEADER, summons_id=summons.summons_id)
    assert (shown.summons.person_ref, shown.summons.asked) == ("p-2", 2)
    house.clock.move(QUARTER)
    await fire(house)
    await fire(house)
    shown = await house.call("GetSummons", LEADER, summons_id=summons.summons_id)
    assert shown.summons.status == rpc.SUMMONS_STATUS_UNANSWERED
    assert house.broker.types(SUMMONSES) == ["AnswererSummoned", "AnswererSummoned", "SummonsUnanswered"]


async def test_two_sweepers_ask_the_next_once(house: House) -> None:
    await summoned(house, "p-1", "p-2", "p-3")
    house.clock.move(QUARTER + timedelta(seconds=1))
    await asyncio.gather(fire(house), fire(house))
    assert house.broker.types(SUMMONSES).count("AnswererSummoned") == 2


async def test_a_summons_of_a_department_without_anybody_on_duty_is_unanswered_at_once(house: House) -> None:
    summons = await summoned(house)
    assert (summons.status, summons.asked) == (rpc.SUMMONS_STATUS_UNANSWERED, 0)


async def test_a_summons_asked_for_twice_is_one(house: House) -> None:
    summons = await summoned(house, "p-1")
    key = meta()
    given = {"department": FIRE, "case_id": summons.case_id}
    first = await house.call("SummonDepartment", LEADER, meta=key, **given)
    again = await house.call("SummonDepartment", LEADER, meta=key, **given)
    assert first.summons.summons_id == again.summons.summons_id != summons.summons_id


async def test_who_is_not_asked_cannot_answer_and_a_stranger_learns_nothing(house: House) -> None:
    summons = await summoned(house, "p-1", "p-2")
    mine = {"summons_id": summons.summons_id, "accept": True}
    for who, ref in ((officer("p-2"), "p-2"), (officer("p-2"), "p-1"), (STRANGER, "p-1")):
        refused = await house.refusal("AnswerSummons", who, person_ref=ref, **mine)
        assert refused.code is grpc.StatusCode.PERMISSION_DENIED
    for who in (STRANGER, officer("p-2")):
        refused = await house.refusal("GetSummons", who, summons_id=summons.summons_id)
        assert refused.code is grpc.StatusCode.PERMISSION_DENIED
    shown = await house.call("GetSummons", officer("p-1"), summons_id=summons.summons_id)
    assert shown.summons.department == FIRE
    refused = await house.refusal("SummonDepartment", STRANGER, department=FIRE, case_id=summons.case_id)
    assert refused.code is grpc.StatusCode.PERMISSION_DENIED


async def test_the_desk_may_answer_for_whoever_told_it(house: House) -> None:
    summons = await summoned(house, "p-1", "p-2")
    answer = await house.call(
        "AnswerSummons", DESK, summons_id=summons.summons_id, person_ref="p-1", accept=False
    )
    assert (answer.summons.person_ref, answer.summons.asked) == ("p-2", 2)


async def test_whoever_summoned_may_withdraw_it_and_nobody_else_of_the_unit_below(house: House) -> None:
    summons = await summoned(house, "p-1")
    refused = await house.refusal("WithdrawSummons", officer("p-1"), summons_id=summons.summons_id)
    assert refused.code is grpc.StatusCode.PERMISSION_DENIED
    answer = await house.call("WithdrawSummons", LEADER, summons_id=summons.summons_id)
    assert answer.summons.status == rpc.SUMMONS_STATUS_WITHDRAWN
    again = await house.refusal("WithdrawSummons", LEADER, summons_id=summons.summons_id)
    assert again.code is grpc.StatusCode.FAILED_PRECONDITION


@pytest.mark.parametrize("count", [3])
async def test_departments_are_listed_by_code_page_by_page(house: House, count: int) -> None:
    for n in range(count):
        await establish(house, f"d{n}")
    first = await house.call("ListDepartments", page_size=2)
    rest = await house.call("ListDepartments", page_size=2, page_token=first.next_page_token)
    codes = [each.code for page in (first, rest) for each in page.departments]
    assert codes == [f"d{n}" for n in range(count)]
    assert not rest.next_page_token


# -- what stops silence --------------------------------------------------------------------------------------


async def named(house: House) -> dict[str, str]:
    await house.vigil.look()
    assert house.base.readiness.ready, "what is missing in a roster stops nothing else"
    return {reason.code: reason.detail for reason in house.base.readiness.reasons}


async def test_a_roster_with_a_hole_is_named_with_its_day_and_hours(house: House) -> None:
    await establish(house, "works", ev.ROSTER_MODE_ROTATING)
    await plan(house, "p-1", "works")
    assert await named(house) == {}
    await house.call("CancelDuty", code="works", duty_id="d-p-1", on="2026-03-04")
    assert await named(house) == {"roster_hole": "1: jili/works on 2026-03-04 08:30-17:30"}
    [first, *_] = (await house.call("GetDepartment", code="works")).department.holes
    assert (first.day, first.hours.opens) == ("2026-03-04", "08:30")


async def test_a_department_on_call_without_an_answerer_is_named(house: House) -> None:
    await establish(house)
    assert await named(house) == {"no_answerer": "1: jili/fire-rescue on 2026-03-02 17:00-24:00"}
    await plan(house, "p-1")
    assert await named(house) == {}
