"""Indicators by gRPC on a real store: of the cases that were due in a period, and of no other."""

from dataclasses import fields
from datetime import timedelta

import grpc

from fengqiao.routing.v1 import analysis_service_pb2 as rpc
from services.chassis.record import SHARDS
from services.chassis.sweeper import Catchup
from services.routing.domain.indicators.indicator import Course, Indicators, by_unit
from tests.integration.routing.conftest import NEIGHBOURS, SECTION, TOP, VILLAGE, House
from tests.kit.edge import Who

LEADER = Who("handler", (NEIGHBOURS,), "p-n1")
STRANGER = Who("supervisor", ("jili/hedong",), "p-stranger")
DAY = "2026-03-02"


async def read(
    house: House, unit: str = TOP, since: str = DAY, until: str = DAY
) -> dict[str, rpc.UnitIndicators]:
    answer = await house.call("GetIndicators", unit_code=unit, since=since, until=until)
    return {each.unit_code: each for each in answer.units}


async def worked(house: House) -> list[str]:
    """Two cases of a neighbourhood, due after four hours: one that it resolves, one that nobody looks at."""
    await house.settled()
    await house.following.fresh()
    ids = [await house.case_at(NEIGHBOURS) for _ in range(2)]
    await house.call("ResolveCase", LEADER, case_id=ids[0], outcome="repaired")
    for _ in range(4):
        house.clock.move(timedelta(hours=1, seconds=1))
        await house.base.sweeper(Catchup()).fire(range(SHARDS))
    return ids


async def test_who_acted_and_who_let_the_clock_run_out(house: House) -> None:
    await worked(house)
    neighbours = (await read(house, NEIGHBOURS))[NEIGHBOURS]
    assert (neighbours.turns, neighbours.answered, neighbours.response_rate) == (2, 1, 0.5)
    assert (neighbours.due, neighbours.resolved, neighbours.resolution_rate) == (1, 1, 1.0)
    found = await read(house)
    assert set(found) == {TOP, VILLAGE}
    assert (found[TOP].turns, found[TOP].answered, found[TOP].due, found[TOP].resolved) == (5, 1, 2, 1)
    assert (await read(house, SECTION))[SECTION].due == 1


async def test_what_the_read_tells_is_what_the_cases_say(house: House) -> None:
    courses = [Course.of(await house.case(case_id)) for case_id in await worked(house)]
    for unit in (TOP, VILLAGE, SECTION, NEIGHBOURS):
        expected = by_unit(courses, unit)
        found = await read(house, unit)
        assert set(found) == set(expected)
        for code, each in expected.items():
            told = found[code]
            names = [part.name for part in fields(Indicators)]
            assert {name: getattr(told, name) for name in names} == {
                name: getattr(each, name) for name in names
            }


async def test_what_was_not_due_in_the_period_is_not_counted(house: House) -> None:
    await worked(house)
    for since, until in (("2026-03-03", "2026-03-31"), ("2026-02-01", "2026-03-01")):
        [nothing] = (await read(house, TOP, since, until)).values()
        assert (nothing.turns, nothing.HasField("response_rate"), nothing.HasField("resolution_rate")) == (
            0,
            False,
            False,
        )


async def test_what_is_due_later_today_is_not_judged_yet(house: House) -> None:
    await house.settled()
    await house.following.fresh()
    await house.case_at(NEIGHBOURS)
    assert (await read(house))[TOP].due == 0


async def test_a_period_that_is_none_is_refused_by_its_field(house: House) -> None:
    for until, wrong in (
        ("2026-03-01", "until: before_the_first_day"),
        ("2026-06-02", "until: too_far_ahead"),
        ("2026-02-30", "until: no_such_day"),
    ):
        refused = await house.refusal("GetIndicators", unit_code=TOP, since=DAY, until=until)
        assert refused.fields == [wrong]
    refused = await house.refusal("GetIndicators", STRANGER, unit_code=TOP, since=DAY, until=DAY)
    assert refused.code is grpc.StatusCode.PERMISSION_DENIED
