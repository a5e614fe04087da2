"""The standing sweep on a real store: no open case stays with somebody who can't act, whatever raced."""

import asyncio

import pytest

from fengqiao.routing.v1 import directory_events_pb2 as ev
from services.chassis import memory
from services.routing.directory import following
from services.routing.domain import EVENTS
from tests.integration.routing.conftest import NEIGHBOURS, SECTION, House


async def vacate(house: House, code: str) -> None:
    await house.call("VacatePost", code=code, reason=ev.VACANCY_REASON_RESIGNED)


async def test_an_assignment_that_raced_with_a_vacancy_is_found(house: House) -> None:
    await house.settled()
    await house.following.fresh()
    await vacate(house, NEIGHBOURS)
    # This process has not looked since: it routes by what it knew.
    case_id = await house.case_at(NEIGHBOURS)
    assert (await house.case(case_id)).holder_ref == "p-n1"
    assert await house.standing.sweep() == 1
    case = await house.case(case_id)
    assert (case.unit_id, case.holder_ref) == (SECTION, "p-s1")
    assert house.broker.types(EVENTS) == ["CaseRouted", "CaseReassigned"]


async def test_a_case_that_raced_and_was_stored_after_the_sweep_is_found_by_a_later_one(house: House) -> None:
    await house.settled()
    await house.following.fresh()
    await vacate(house, NEIGHBOURS)
    raced = house.case_at(NEIGHBOURS)
    case_id = await raced
    await house.following.fresh()
    house.following.changed["jili"].clear()
    assert await house.standing.sweep() == 1, "nothing has changed, and the post is still vacant"
    assert (await house.case(case_id)).unit_id == SECTION


async def test_two_sweepers_move_a_case_once(house: House) -> None:
    await house.settled()
    await house.following.fresh()
    case_id = await house.case_at(NEIGHBOURS)
    await vacate(house, NEIGHBOURS)
    await asyncio.gather(house.standing.sweep(), house.standing.sweep())
    assert house.broker.types(EVENTS) == ["CaseRouted", "CaseReassigned"]
    assert (await house.case(case_id)).unit_id == SECTION


async def test_with_everybody_at_work_a_sweep_touches_nothing(house: House) -> None:
    await house.settled()
    await house.following.fresh()
    await house.case_at(NEIGHBOURS)
    assert [await house.standing.sweep() for _ in range(2)] == [0, 0]


async def test_what_was_loaded_once_is_no_work_for_the_collector_of_garbage(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    settled = list[bool]()
    monkeypatch.setattr(following, "MANY", 2)
    monkeypatch.setattr(memory, "settle", lambda: settled.append(True))
    await house.settled()
    await house.following.fresh()
    for _ in range(2):
        house.following.stale()
        await house.following.fresh()
    assert settled == [True]
