"""Emergencies by gRPC on a real store: declared, followed by whoever decides, ended by desk or clock."""

import asyncio
from datetime import timedelta
from typing import Any

import grpc

from fengqiao.routing.v1 import emergency_service_pb2 as rpc
from services.chassis.protobuf import timestamp
from services.chassis.record import SHARDS
from services.chassis.sweeper import Catchup
from services.routing.domain.emergencies.emergency import EVENTS
from services.routing.emergencies.following import Declared, Watch
from tests.integration.routing.conftest import DESK, FLOOD, NEIGHBOURS, SECTION, TOP, VILLAGE, House, meta
from tests.kit.edge import Who

HANDLER = Who("handler", (VILLAGE,), "p-hexi")


def declaring(house: House, **more: Any) -> dict[str, Any]:
    """An emergency of the section for two days."""
    until = timestamp(house.clock.now + timedelta(days=2))
    return {"profile": "flood", "unit_code": SECTION, "until": until, "reason": "flood_warning", **more}


async def declared(house: House, **more: Any) -> rpc.Emergency:
    await house.settled()
    answer = await house.call("DeclareEmergency", **declaring(house, **more))
    emergency: rpc.Emergency = answer.emergency
    return emergency


async def start_of(house: House, unit_id: str = NEIGHBOURS) -> tuple[str, str]:
    """Where noise starts now, and by what emergency."""
    due = timestamp(house.clock.now + timedelta(hours=4))
    seen = await house.call("RouteCase", site_id="jili", kind="noise.street", unit_id=unit_id, due_at=due)
    return seen.assignment.unit_id, seen.emergency


async def fire(house: House) -> None:
    await house.base.sweeper(Catchup()).fire(range(SHARDS))


async def test_an_emergency_places_cases_of_its_area_until_the_desk_ends_it(house: House) -> None:
    there = await declared(house)
    assert (there.profile, there.in_force, there.known) == ("flood@1", True, True)
    assert await start_of(house) == (TOP, "flood@1")
    assert await start_of(house, VILLAGE) == (VILLAGE, "")
    case_id = await house.case_at(NEIGHBOURS)
    house.clock.move(timedelta(hours=1))
    ended = await house.call("EndEmergency", emergency_id=there.emergency_id, reason="water_fell")
    assert (ended.emergency.in_force, ended.emergency.ended_by) == (False, DESK.sub)
    assert await start_of(house) == (NEIGHBOURS, "")
    assert (await house.case(case_id)).unit_id == TOP, "it stays where it was placed"
    assert house.broker.types(EVENTS) == ["EmergencyDeclared", "EmergencyEnded"]


async def test_it_ends_by_itself_and_by_two_sweepers_once(house: House) -> None:
    await declared(house)
    house.clock.move(timedelta(days=2))
    assert await start_of(house) == (NEIGHBOURS, ""), "before anything fired"
    house.clock.move(timedelta(seconds=1))
    await asyncio.gather(fire(house), fire(house))
    assert house.broker.types(EVENTS) == ["EmergencyDeclared", "EmergencyEnded"]
    [listed] = (await house.call("ListEmergencies")).emergencies
    assert listed.ended_at == listed.ends_at
    assert (await house.call("ListEmergencies", standing=True)).emergencies == []


async def test_another_process_follows_what_was_declared_here_and_what_was_ended(house: House) -> None:
    there = await declared(house)
    [kind] = [each for each in house.base.kinds if each.engine.model.topic == EVENTS]
    theirs = Declared({FLOOD.name: FLOOD})
    elsewhere = Watch(house.base, kind, {"jili": theirs})
    await elsewhere.known()
    assert [each.name for each in theirs.at(house.clock.now)] == ["flood@1"]
    house.clock.move(timedelta(hours=1))
    await house.call("EndEmergency", emergency_id=there.emergency_id, reason="water_fell")
    elsewhere.stale()
    await elsewhere.fresh()
    assert theirs.at(house.clock.now) == []
    assert [each.name for each in theirs.at(house.clock.now - timedelta(minutes=1))] == ["flood@1"]


async def test_declared_twice_over_the_same_area_and_time_is_refused_also_at_the_same_moment(
    house: House,
) -> None:
    await house.settled()
    given = declaring(house)
    calls = (house.call("DeclareEmergency", **given) for _ in range(3))
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert sum(not isinstance(each, BaseException) for each in answers) == 1
    assert house.broker.types(EVENTS) == ["EmergencyDeclared"]
    refused = await house.refusal("DeclareEmergency", **{**given, "unit_code": TOP})
    assert (refused.code, refused.fields) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        ["unit_code: emergency_stands_there"],
    )
    assert refused.rule == "flood@1"


async def test_what_is_wrong_is_refused_by_field_and_nothing_is_declared(house: House) -> None:
    await house.settled()
    past = timestamp(house.clock.now - timedelta(hours=1))
    for wrong, fields in (
        ({"profile": "snow"}, ["profile: unknown_profile"]),
        ({"unit_code": "jili/nowhere"}, ["unit_code: unknown_unit"]),
        ({"until": past}, ["until: not_after_the_beginning"]),
        ({"begins_at": past}, ["begins_at: in_the_past"]),
    ):
        assert (await house.refusal("DeclareEmergency", **declaring(house, **wrong))).fields == fields
    assert house.broker.types(EVENTS) == []


async def test_an_order_is_answered_alike_on_every_retry(house: House) -> None:
    await house.settled()
    given = declaring(house, meta=meta())
    first = (await house.call("DeclareEmergency", **given)).emergency
    house.clock.move(timedelta(minutes=5))
    assert (await house.call("DeclareEmergency", **given)).emergency == first
    other = await house.refusal("DeclareEmergency", **{**given, "unit_code": TOP})
    assert other.reason == "idempotency_key_reused"


async def test_nobody_but_the_desk_of_the_area_swaps_its_rules(house: House) -> None:
    there = await declared(house)
    elsewhere = Who("desk", ("jili/hedong",), "p-hedong")
    for who in (HANDLER, elsewhere):
        refused = await house.refusal("DeclareEmergency", who, **declaring(house))
        assert refused.code is grpc.StatusCode.PERMISSION_DENIED
        given: dict[str, Any] = {"emergency_id": there.emergency_id, "reason": "water_fell"}
        assert (await house.refusal("EndEmergency", who, **given)).code is grpc.StatusCode.PERMISSION_DENIED
    assert (await house.call("ListEmergencies", HANDLER)).profiles == ["flood@1"]


async def test_emergencies_are_listed_by_their_beginning_page_by_page(house: House) -> None:
    await declared(house)
    for days in (9, 5):
        begins = house.clock.now + timedelta(days=days)
        times = {"begins_at": timestamp(begins), "until": timestamp(begins + timedelta(days=1))}
        await house.call("DeclareEmergency", **declaring(house, **times))
    first = await house.call("ListEmergencies", page_size=2)
    rest = await house.call("ListEmergencies", page_size=2, page_token=first.next_page_token)
    begun = [each.begins_at.ToDatetime() for page in (first, rest) for each in page.emergencies]
    assert len(begun) == 3
    assert begun == sorted(begun)
