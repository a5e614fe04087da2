"""The directory by its RPCs: kept in a store, told on a topic, asked for by the day."""

import asyncio
from datetime import timedelta
from typing import Any

import grpc
import pytest

from fengqiao.routing.v1 import directory_events_pb2 as ev
from fengqiao.routing.v1 import directory_service_pb2 as rpc
from services.chassis.errors import Contended
from services.routing.directory import claims
from tests.integration.routing.conftest import (
    DESK,
    NEIGHBOURS,
    OTHER_NEIGHBOURS,
    SECTION,
    TOP,
    VILLAGE,
    House,
    meta,
)
from tests.kit.edge import Who
from tests.waiting import until_async

INVALID, DENIED = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.PERMISSION_DENIED
TODAY, TOMORROW, NEXT_WEEK = "2026-03-02", "2026-03-03", "2026-03-09"
TOPIC = "fengqiao.routing.directory"


async def test_who_answers_for_a_household_is_one_question(house: House) -> None:
    await house.settled()
    answer = await house.call("FindHousehold", household="h-1")
    assert answer == rpc.FindHouseholdResponse(
        code=NEIGHBOURS, leader_ref="p-n1", answering_code=NEIGHBOURS, answering_ref="p-n1"
    )


async def test_it_is_answered_for_any_day(house: House) -> None:
    await house.settled()
    leave: dict[str, Any] = {"on": TOMORROW, "until": NEXT_WEEK, "substitute_ref": "p-substitute"}
    await house.call("GrantLeave", code=NEIGHBOURS, **leave)
    await house.call("VacatePost", code=NEIGHBOURS, on=NEXT_WEEK, reason=ev.VACANCY_REASON_RESIGNED)
    answers = {}
    for day in (TODAY, TOMORROW, NEXT_WEEK):
        answer = await house.call("FindHousehold", household="h-1", day=day)
        answers[day] = answer.leader_ref, answer.answering_ref
    assert answers == {
        TODAY: ("p-n1", "p-n1"),
        TOMORROW: ("p-n1", "p-substitute"),
        NEXT_WEEK: ("", "p-s1"),
    }
    unit = (await house.call("GetUnit", code=NEIGHBOURS, day=TOMORROW)).unit
    assert unit.posts[0].status == rpc.POST_STATUS_ON_LEAVE


async def test_each_decision_is_told_with_who_decided(house: House) -> None:
    await house.settled()
    await until_async(lambda: len(house.broker.types(TOPIC)) >= 17, 10, "the events")
    about = [record for record in house.broker.sent if record.headers["ce_type"].endswith("LeaderAppointed")]
    events = [ev.LeaderAppointed.FromString(record.value) for record in about]
    assert [(event.unit.code, event.person_ref, event.decided_by) for event in events] == [
        (TOP, "p-jili", "p-desk"),
        (VILLAGE, "p-hexi", "p-desk"),
        (SECTION, "p-s1", "p-desk"),
        (NEIGHBOURS, "p-n1", "p-desk"),
    ]


async def test_a_retry_is_answered_as_before_and_decides_nothing_twice(house: House) -> None:
    await house.settled()
    orders: list[tuple[str, dict[str, Any]]] = [
        ("EstablishUnit", {"code": OTHER_NEIGHBOURS, "kind": ev.UNIT_KIND_NEIGHBOURHOOD}),
        ("SettleHouseholds", {"code": OTHER_NEIGHBOURS, "households": ["h-8"]}),
    ]
    for name, fields in orders:
        same = meta()
        first = await house.call(name, meta=same, **fields)
        assert await house.call(name, meta=same, **fields) == first
    unit = (await house.call("GetUnit", code=OTHER_NEIGHBOURS)).unit
    assert (unit.households, unit.revision) == (1, 2)


async def test_a_code_is_given_once(house: House) -> None:
    await house.settled()
    refused = await house.refusal("EstablishUnit", code=NEIGHBOURS, kind=ev.UNIT_KIND_NEIGHBOURHOOD)
    assert (refused.code, refused.fields) == (INVALID, ["code: taken"])


async def test_a_key_stands_for_one_order(house: House) -> None:
    await house.settled()
    same = meta()
    await house.call("EstablishUnit", meta=same, code=OTHER_NEIGHBOURS, kind=ev.UNIT_KIND_NEIGHBOURHOOD)
    other: dict[str, Any] = {
        "code": OTHER_NEIGHBOURS,
        "kind": ev.UNIT_KIND_NEIGHBOURHOOD,
        "posts": ["deputy"],
    }
    refused = await house.refusal("EstablishUnit", meta=same, **other)
    assert refused.code is grpc.StatusCode.ALREADY_EXISTS


async def test_a_leaders_term_is_renewed_where_they_lead(house: House) -> None:
    await house.settled()
    await house.call("VacatePost", code=NEIGHBOURS, on=NEXT_WEEK, reason=ev.VACANCY_REASON_TERM_ENDED)
    await house.appoint(NEIGHBOURS, "p-n1", on=NEXT_WEEK)
    assert (await house.call("FindHousehold", household="h-1", day=NEXT_WEEK)).leader_ref == "p-n1"


async def test_a_household_of_another_neighbourhood_is_named(house: House) -> None:
    await house.settled()
    await house.call("EstablishUnit", code=OTHER_NEIGHBOURS, kind=ev.UNIT_KIND_NEIGHBOURHOOD)
    refused = await house.refusal("SettleHouseholds", code=OTHER_NEIGHBOURS, households=["h-9", "h-2"])
    assert refused.fields == [f"households[1]: belongs_to:{NEIGHBOURS}"]
    assert refused.rule == "directory.one_neighbourhood"


async def test_of_two_neighbourhoods_that_want_a_household_at_once_one_gets_it(house: House) -> None:
    await house.settled()
    codes = [f"{SECTION}/n{n}" for n in range(2, 8)]
    for code in codes:
        await house.call("EstablishUnit", code=code, kind=ev.UNIT_KIND_NEIGHBOURHOOD)
    wanting = (
        house.call("SettleHouseholds", code=code, households=["h-7", f"h-{code[-1]}0"]) for code in codes
    )
    ends = await asyncio.gather(*wanting, return_exceptions=True)
    assert sum(not isinstance(end, BaseException) for end in ends) == 1
    units = (await house.call("ListUnits", within=SECTION)).units
    assert sum(unit.households for unit in units) == 4


async def test_a_claim_whose_holder_died_is_void_after_two_minutes(house: House) -> None:
    held = house.claims.held("jili", ["household/h-1"])
    await held.__aenter__()
    with pytest.raises(Contended):
        await house.claims.held("jili", ["household/h-1"]).__aenter__()
    house.clock.move(claims.LIFETIME + timedelta(seconds=1))
    async with house.claims.held("jili", ["household/h-1"]):
        pass


async def test_nobody_leads_two_neighbourhoods(house: House) -> None:
    await house.settled()
    await house.call("EstablishUnit", code=OTHER_NEIGHBOURS, kind=ev.UNIT_KIND_NEIGHBOURHOOD)
    await house.call("NominateLeader", code=OTHER_NEIGHBOURS, person_ref="p-n1", nominators=9)
    await house.call("VetLeader", code=OTHER_NEIGHBOURS, person_ref="p-n1", approved=True)
    refused = await house.refusal("AppointLeader", code=OTHER_NEIGHBOURS, person_ref="p-n1")
    assert refused.fields == [f"person_ref: leads:{NEIGHBOURS}"]


async def test_a_unit_is_not_closed_above_one_that_stands_longer(house: House) -> None:
    await house.settled()
    refused = await house.refusal("CloseUnit", code=SECTION, on=NEXT_WEEK)
    assert refused.fields == [f"on: stands_longer:{NEIGHBOURS}"]
    await house.call("CloseUnit", code=NEIGHBOURS, on=NEXT_WEEK)
    await house.call("CloseUnit", code=SECTION, on=NEXT_WEEK)


async def test_a_unit_needs_a_place_in_the_tree(house: House) -> None:
    await house.settled()
    refused = await house.refusal("EstablishUnit", code="jili/nowhere/s1", kind=ev.UNIT_KIND_SECTION)
    assert refused.fields == ["code: nothing_above"]


async def test_households_without_leader_are_listed_page_by_page(house: House) -> None:
    await house.settled()
    for n in range(2, 5):
        code = f"{SECTION}/n{n}"
        await house.call("EstablishUnit", code=code, kind=ev.UNIT_KIND_NEIGHBOURHOOD)
        await house.call("SettleHouseholds", code=code, households=[f"h-{n}0", f"h-{n}1"])
    await house.call("ReleaseHouseholds", code=NEIGHBOURS, households=["h-2"])
    found, token = [], ""
    while True:
        page = await house.call("ListGaps", within=VILLAGE, page_size=2, page_token=token)
        found += [(gap.household, gap.reason) for gap in page.gaps]
        token = page.next_page_token
        if not token:
            break
    vacant = [(f"h-{n}{m}", "vacant") for n in range(2, 5) for m in (0, 1)]
    assert sorted(found) == sorted([("h-2", "no_unit"), *vacant])


async def test_a_household_that_moved_on_is_no_gap(house: House) -> None:
    await house.settled()
    await house.call("EstablishUnit", code=OTHER_NEIGHBOURS, kind=ev.UNIT_KIND_NEIGHBOURHOOD)
    await house.appoint(OTHER_NEIGHBOURS, "p-2")
    await house.call("ReleaseHouseholds", code=NEIGHBOURS, households=["h-2"], on=TOMORROW)
    await house.call("SettleHouseholds", code=OTHER_NEIGHBOURS, households=["h-2"], on=TOMORROW)
    assert not (await house.call("ListGaps", within=TOP, day=TOMORROW)).gaps
    answer = await house.call("FindHousehold", household="h-2", day=TOMORROW)
    assert answer.code == OTHER_NEIGHBOURS


async def test_units_are_listed_by_place_kind_and_day(house: House) -> None:
    await house.settled()
    await house.call("CloseUnit", code=NEIGHBOURS, on=TOMORROW)
    today = await house.call("ListUnits", within=VILLAGE)
    assert [unit.code for unit in today.units] == [VILLAGE, SECTION, NEIGHBOURS]
    tomorrow = await house.call("ListUnits", within=VILLAGE, day=TOMORROW)
    assert [unit.code for unit in tomorrow.units] == [VILLAGE, SECTION]
    sections = await house.call("ListUnits", within=TOP, kind=ev.UNIT_KIND_SECTION)
    assert [unit.code for unit in sections.units] == [SECTION]


async def test_a_night_market_answers_for_the_households_of_its_place(house: House) -> None:
    await house.settled()
    market = "jili/hexi/market"
    fields: dict[str, Any] = {"kind": ev.UNIT_KIND_TEMPORARY, "until": NEXT_WEEK, "covers": [SECTION]}
    await house.call("EstablishUnit", code=market, **fields)
    await house.appoint(market, "p-market")
    answer = await house.call("FindHousehold", household="h-1")
    assert (answer.code, answer.answering_code, answer.answering_ref) == (NEIGHBOURS, market, "p-market")
    later = await house.call("FindHousehold", household="h-1", day=NEXT_WEEK)
    assert later.answering_code == NEIGHBOURS


@pytest.mark.parametrize(
    ("who", "name", "fields"),
    [
        (
            Who("handler", ("jili",)),
            "NominateLeader",
            {"code": NEIGHBOURS, "person_ref": "p-2", "nominators": 9},
        ),
        (Who("resident", ()), "GetUnit", {"code": NEIGHBOURS}),
        (Who("desk", ("jili/hedong",)), "CloseUnit", {"code": NEIGHBOURS}),
        (Who("handler", ("jili/hedong",)), "FindHousehold", {"household": "h-1"}),
        (Who("handler", ("jili/hedong",)), "GetUnit", {"code": NEIGHBOURS}),
        (Who("desk", (VILLAGE,)), "EstablishUnit", {"code": "jili/hedong", "kind": ev.UNIT_KIND_VILLAGE}),
        (Who("desk", ("*",), site="*"), "GetUnit", {"code": NEIGHBOURS}),
    ],
    ids=str,
)
async def test_who_has_no_right_there_is_refused(
    house: House, who: Who, name: str, fields: dict[str, Any]
) -> None:
    await house.settled()
    assert (await house.refusal(name, who, **fields)).code is DENIED


@pytest.mark.parametrize(
    ("name", "fields", "wrong"),
    [
        ("VacatePost", {"reason": ev.VACANCY_REASON_RESIGNED, "on": "2026-02-30"}, ["on: no_such_day"]),
        ("VacatePost", {"reason": ev.VACANCY_REASON_RESIGNED, "on": "2026-03-01"}, ["on: in_the_past"]),
        (
            "VacatePost",
            {"reason": ev.VACANCY_REASON_RESIGNED, "post_id": "deputy"},
            ["post_id: unknown_post"],
        ),
        ("GrantLeave", {"on": NEXT_WEEK, "until": TODAY}, ["until: not_after_the_first_day"]),
        ("SettleHouseholds", {"households": ["王府街 3 号"]}, ["households[0]: string.pattern"]),
        ("NominateLeader", {"person_ref": "p-2", "nominators": 0}, ["nominators: int32.gte_lte"]),
    ],
)
async def test_a_bad_order_is_refused_with_the_field(
    house: House, name: str, fields: dict[str, Any], wrong: list[str]
) -> None:
    await house.settled()
    refused = await house.refusal(name, code=NEIGHBOURS, **fields)
    assert (refused.code, refused.fields) == (INVALID, wrong)


async def test_nobody_vets_themselves(house: House) -> None:
    await house.settled()
    await house.call("NominateLeader", code=NEIGHBOURS, person_ref=DESK.sub, nominators=9)
    refused = await house.refusal("VetLeader", code=NEIGHBOURS, person_ref=DESK.sub, approved=True)
    assert refused.fields == ["person_ref: decides_on_themselves"]


def ring(west: float, south: float, size: float = 0.01) -> dict[str, Any]:
    places = ((0, 0), (size, 0), (size, size), (0, size), (0, 0))
    return {"points": [{"longitude": west + x, "latitude": south + y} for x, y in places]}


async def test_a_point_finds_its_neighbourhood_and_who_answers_there(house: House) -> None:
    await house.settled()
    drawn = await house.call("DrawBoundary", code=NEIGHBOURS, rings=[ring(120.0, 30.0)])
    assert drawn.unit.code == NEIGHBOURS
    inside = {"longitude": 120.004, "latitude": 30.004}
    found = await house.call("FindPoint", point=inside)
    assert (found.code, found.leader_ref, found.answering_ref) == (NEIGHBOURS, "p-n1", "p-n1")
    everywhere = Who("desk", ("*",), "p-desk")
    nowhere = {"longitude": 121.0, "latitude": 30.0}
    assert not (await house.call("FindPoint", everywhere, point=nowhere)).code
    listed = await house.call("ListBoundaries", within=TOP)
    assert [(unit.code, len(unit.rings[0].points)) for unit in listed.units] == [(NEIGHBOURS, 5)]


async def test_a_point_is_answered_for_by_whoever_acts_there(house: House) -> None:
    await house.settled()
    await house.call("DrawBoundary", code=NEIGHBOURS, rings=[ring(120.0, 30.0)])
    inside = {"longitude": 120.004, "latitude": 30.004}
    await house.call("GrantLeave", code=NEIGHBOURS)
    away = await house.call("FindPoint", point=inside)
    assert (away.leader_ref, away.answering_code, away.answering_ref) == ("p-n1", SECTION, "p-s1")
    market = "jili/hexi/market"
    fields: dict[str, Any] = {"kind": ev.UNIT_KIND_TEMPORARY, "until": NEXT_WEEK, "covers": [SECTION]}
    await house.call("EstablishUnit", code=market, **fields)
    unmanned = await house.call("FindPoint", point=inside)
    assert (unmanned.answering_code, unmanned.answering_ref) == (VILLAGE, "p-hexi"), "above the market"
    await house.appoint(market, "p-market")
    assert (await house.call("FindPoint", point=inside)).answering_ref == "p-market"
    assert (await house.call("FindPoint", point=inside, day=NEXT_WEEK)).answering_code == SECTION


async def test_two_neighbourhoods_do_not_lie_in_one_place(house: House) -> None:
    await house.settled()
    await house.call("EstablishUnit", code=OTHER_NEIGHBOURS, kind=ev.UNIT_KIND_NEIGHBOURHOOD)
    await house.call("DrawBoundary", code=NEIGHBOURS, rings=[ring(120.0, 30.0)])
    refused = await house.refusal("DrawBoundary", code=OTHER_NEIGHBOURS, rings=[ring(120.005, 30.0)])
    assert refused.fields == [f"rings: overlaps:{NEIGHBOURS}"]
    await house.call("DrawBoundary", code=OTHER_NEIGHBOURS, rings=[ring(120.01, 30.0)])
    on_the_line = await house.call("FindPoint", point={"longitude": 120.01, "latitude": 30.005})
    assert on_the_line.code == NEIGHBOURS


async def test_a_place_of_others_is_not_told_from_one_that_is_nowhere(house: House) -> None:
    await house.settled()
    await house.call("DrawBoundary", code=NEIGHBOURS, rings=[ring(120.0, 30.0)])
    stranger = Who("handler", ("jili/hedong",), "p-stranger")
    for longitude in (120.004, 121.0):
        refused = await house.refusal(
            "FindPoint", stranger, point={"longitude": longitude, "latitude": 30.004}
        )
        assert refused.code is grpc.StatusCode.PERMISSION_DENIED
