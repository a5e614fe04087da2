"""Where a case would start is asked without starting one, by the rules that would."""

from datetime import timedelta

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from fengqiao.routing.v1 import directory_events_pb2 as ev
from fengqiao.routing.v1 import routing_service_pb2 as rpc
from services.chassis.protobuf import timestamp
from tests.integration.routing.conftest import NEIGHBOURS, SECTION, TOP, House
from tests.kit.edge import Who


async def route(
    house: House, *, kind: str = "noise.street", unit: str = NEIGHBOURS, urgent: bool = False
) -> rpc.RouteCaseResponse:
    answer: rpc.RouteCaseResponse = await house.call(
        "RouteCase", site_id="jili", kind=kind, unit_id=unit, urgent=urgent, due_at=promised(house)
    )
    return answer


def promised(house: House) -> Timestamp:
    return timestamp(house.clock.now + timedelta(hours=4))


async def test_a_preview_says_what_then_happens_and_does_nothing(house: House) -> None:
    await house.settled()
    seen = await route(house)
    assert house.broker.types("fengqiao.routing.events") == []
    case = await house.case(await house.case_at(NEIGHBOURS))
    assert (seen.assignment.unit_id, seen.assignment.holder_ref) == (case.unit_id, case.holder_ref)
    assert tuple(seen.assignment.reasons) == case.reasons
    assert [clock.name for clock in seen.clocks] == [clock.name for clock in case.plan]


async def test_it_says_why_a_case_would_start_higher(house: House) -> None:
    await house.settled()
    urgent = await route(house, urgent=True)
    assert "urgent_skip" in urgent.assignment.reasons
    assert urgent.assignment.tier > 1
    await house.call("VacatePost", code=NEIGHBOURS, reason=ev.VACANCY_REASON_RESIGNED)
    vacant = await route(house)
    assert vacant.assignment.unit_id == SECTION
    assert f"vacant:{NEIGHBOURS}" in vacant.assignment.reasons
    nowhere = await route(house, unit="elsewhere")
    assert nowhere.assignment.unit_id == TOP


async def test_what_was_promised_is_shared_by_the_tiers_as_it_would_be(house: House) -> None:
    await house.settled()
    seen = await route(house)
    assert seen.due_promised
    assert len(seen.clocks) == 4
    assert seen.due_at == seen.clocks[-1].due_at == promised(house)


async def test_it_says_by_which_version_for_what_day_and_why_in_words(house: House) -> None:
    await house.settled()
    seen = await route(house)
    assert (seen.capability_version, seen.day, seen.emergency) == ("1", "2026-03-02", "")
    assert [each.code for each in seen.why] == list(seen.assignment.reasons)
    due = timestamp(house.clock.now + timedelta(days=200))
    later = await house.call("RouteCase", site_id="jili", kind="noise.street", on="2026-07-01", due_at=due)
    assert later.day == "2026-07-01"
    wrong = await house.refusal("RouteCase", site_id="jili", kind="noise.street", on="2026-02-30")
    assert wrong.fields == ["on: no_such_day"]
    case = (await house.call("GetCase", case_id=await house.case_at(NEIGHBOURS))).case
    assert "能办理此事项的最低层级" in {each.zh for each in case.why}


async def test_nobody_of_another_site_is_told(house: House) -> None:
    stranger = Who("desk", ("other",), "p-other", "other")
    refused = await house.refusal("RouteCase", stranger, site_id="jili", kind="noise.street")
    assert refused.code is grpc.StatusCode.PERMISSION_DENIED
