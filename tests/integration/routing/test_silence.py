"""What the directory lacks is said by name: each test takes away one thing."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from fengqiao.routing.v1 import directory_events_pb2 as ev
from services.chassis.almanac import Almanac
from services.chassis.record import SHARDS
from services.chassis.sweeper import Catchup
from services.chassis.watch import Watch
from tests.integration.routing.conftest import NEIGHBOURS, OTHER_NEIGHBOURS, SECTION, TOP, VILLAGE, House


async def said(house: House) -> dict[str, str]:
    """What is said to be missing now; none of it keeps the service from being ready."""
    await house.standing.sweep()
    await house.silence.look()
    assert house.base.readiness.ready
    return {reason.code: reason.detail for reason in house.base.readiness.reasons}


async def vacate(house: House, code: str) -> None:
    await house.call("VacatePost", code=code, reason=ev.VACANCY_REASON_RESIGNED)


async def test_with_everybody_there_nothing_is_said(house: House) -> None:
    await house.settled()
    assert await said(house) == {}


async def test_a_site_whose_directory_is_empty_goes_by_its_file_and_nothing_is_said(house: House) -> None:
    assert await said(house) == {}


async def test_a_unit_without_anybody_at_work_is_named(house: House) -> None:
    await (await house.settled()).call("GrantLeave", code=SECTION)
    assert await said(house) == {"unstaffed": f"1: {SECTION}"}
    await house.call("EndLeave", code=SECTION)
    assert await said(house) == {}


async def test_households_without_a_leader_are_counted_when_they_are_more_than_the_rule_allows(
    house: House,
) -> None:
    await house.settled()
    await house.call("EstablishUnit", code=OTHER_NEIGHBOURS, kind=ev.UNIT_KIND_NEIGHBOURHOOD)
    await house.appoint(OTHER_NEIGHBOURS, "p-other")
    many = [f"h-{n}" for n in range(10, 48)]
    await house.call("SettleHouseholds", code=OTHER_NEIGHBOURS, households=many)
    await vacate(house, NEIGHBOURS)
    assert set(await said(house)) == {"unstaffed"}, "2 of 40 are 5 %"
    await house.call("SettleHouseholds", code=NEIGHBOURS, households=["h-3"])
    assert (await said(house))["leaderless"] == "jili: 3 of 41 households"


async def test_a_household_that_has_left_or_is_yet_to_come_does_not_count(house: House) -> None:
    await house.settled()
    await vacate(house, NEIGHBOURS)
    assert (await said(house))["leaderless"] == "jili: 2 of 2 households"
    tomorrow = (house.clock.now + timedelta(days=1)).date().isoformat()
    await house.call("SettleHouseholds", code=NEIGHBOURS, households=["h-3"], on=tomorrow)
    await house.call("ReleaseHouseholds", code=NEIGHBOURS, households=["h-1"])
    assert (await said(house))["leaderless"] == "jili: 1 of 1 households"


async def test_open_cases_that_nobody_answers_for_are_named(house: House) -> None:
    await house.settled()
    await house.following.fresh()
    case = await house.case_at(TOP)
    assert await said(house) == {}
    await vacate(house, TOP)
    assert await said(house) == {
        "unstaffed": f"1: {TOP}",
        "no_superior": f"1: {VILLAGE}",
        "nobody_answers": f"1: {case}",
    }


async def test_units_above_whom_nobody_is_at_work_have_no_superior_for_an_order(house: House) -> None:
    await house.settled()
    await vacate(house, TOP)
    assert (await said(house))["no_superior"] == f"1: {VILLAGE}"
    await vacate(house, VILLAGE)
    assert (await said(house))["no_superior"] == f"2: {VILLAGE}, {SECTION}"
    await house.appoint(TOP, "p-new")
    assert "no_superior" not in await said(house)


async def test_units_whose_sub_district_does_not_stand_have_a_ladder_that_leads_nowhere(
    house: House,
) -> None:
    await house.settled()
    assert "ladder" not in await said(house)
    ground = house.following.grounds["jili"]
    top = ground.territory.units[TOP]
    ground.put([replace(top, days=replace(top.days, until=ground.day))])
    assert (await said(house))["ladder"] == f"3: {VILLAGE}, {SECTION}, {NEIGHBOURS}"
    ground.put([top])
    assert "ladder" not in await said(house)


async def test_cases_that_are_due_while_no_sweeper_fires_are_named(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.chassis.watch.UNFIRED_SAID_S", 0.0)
    await house.settled()
    await house.following.fresh()
    await house.case_at(NEIGHBOURS)
    watch = Watch(house.base)
    try:
        house.clock.move(timedelta(hours=2))
        monkeypatch.setattr(house.base.wall, "measure", lambda _alias: None)  # the test's own clock
        await watch.look()
        await watch.look()
        assert "unfired" in {reason.code for reason in house.base.readiness.reasons}
        await house.base.sweeper(Catchup()).fire(range(SHARDS))
        await watch.look()
        assert "unfired" not in {reason.code for reason in house.base.readiness.reasons}
    finally:
        await asyncio.to_thread(watch.close)


async def test_next_years_calendar_is_missed_before_the_year_begins(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(house.base.wall, "measure", lambda _alias: None)
    almanac = Almanac(house.base)
    await almanac.look()
    assert house.base.readiness.reasons == []
    house.clock.move(datetime(2026, 12, 20, tzinfo=UTC) - house.clock.now)
    await almanac.look()
    [reason] = house.base.readiness.reasons
    assert (reason.code, reason.detail) == ("calendar", "2: jili 2027, lishi 2027")
