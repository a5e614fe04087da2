"""Units are taken over from another register whole or not at all, each refusal with its field."""

from typing import Any

import pytest

from fengqiao.routing.v1 import directory_service_pb2 as rpc
from fengqiao.routing.v1.directory_events_pb2 import ImportedHouseholds, ImportedPost, UnitKind
from services.chassis.errors import Contended
from services.routing.domain.directory.unit import EVENTS
from tests.integration.routing.conftest import KINDS, NEIGHBOURS, OTHER_NEIGHBOURS, SECTION, TOP, House
from tests.kit.edge import Who

SINCE = "2024-01-01"
LED: dict[str, Any] = {
    "nominated_on": "2024-02-01",
    "nominators": 9,
    "vetted_on": "2024-02-10",
    "appointed_on": "2024-02-20",
}


def unit(code: str, *households: str, person: str = "", **post: Any) -> rpc.ImportedUnit:
    """A unit, led by somebody where a person is named."""
    made = rpc.ImportedUnit(code=code, kind=KINDS.get(code, UnitKind.UNIT_KIND_NEIGHBOURHOOD), since=SINCE)
    if person:
        made.posts.append(ImportedPost(post_id="leader", person_ref=person, **(LED | post)))
    if households:
        made.households.append(ImportedHouseholds(keys=households))
    return made


def village() -> list[rpc.ImportedUnit]:
    """From the sub-district down to a neighbourhood of two households, everybody led."""
    above = [unit(code, person=f"p-{code.rpartition('/')[2]}") for code in KINDS if code != NEIGHBOURS]
    return [*above, unit(NEIGHBOURS, "h-1", "h-2", person="p-n1")]


def refusals(answer: rpc.ImportUnitsResponse) -> list[tuple[str, str, str]]:
    return [(each.code, each.field, each.reason) for each in answer.refused]


async def test_a_whole_village_is_taken_over_with_one_event_for_each_unit(house: House) -> None:
    answer = await house.take_over(*village())
    assert (answer.created, answer.unchanged, refusals(answer)) == (4, 0, [])
    assert house.broker.types(EVENTS) == ["UnitImported"] * 4
    found = await house.call("FindHousehold", household="h-1")
    assert (found.code, found.leader_ref, found.answering_ref) == (NEIGHBOURS, "p-n1", "p-n1")


async def test_what_was_true_before_the_import_can_be_asked_for(house: House) -> None:
    await house.take_over(*village())
    assert (await house.call("FindHousehold", household="h-1", day="2024-02-19")).leader_ref == ""
    assert (await house.call("FindHousehold", household="h-1", day="2024-02-20")).leader_ref == "p-n1"


async def test_an_import_repeated_changes_nothing(house: House) -> None:
    await house.take_over(*village())
    answer = await house.take_over(*village())
    assert (answer.created, answer.unchanged, refusals(answer)) == (0, 4, [])
    assert len(house.broker.types(EVENTS)) == 4


async def test_a_dry_run_says_the_same_and_keeps_nothing(house: House) -> None:
    answer = await house.take_over(*village(), dry_run=True)
    assert (answer.created, refusals(answer)) == (4, [])
    assert house.broker.types(EVENTS) == []
    await house.refusal("GetUnit", code=NEIGHBOURS)


async def test_a_unit_that_is_there_and_different_is_refused(house: House) -> None:
    await house.take_over(*village())
    answer = await house.take_over(unit(NEIGHBOURS, "h-1", person="p-n1"))
    assert refusals(answer) == [(NEIGHBOURS, "code", "differs_from_what_is_there")]


async def test_what_orders_made_is_seen(house: House) -> None:
    await house.settled()
    day = house.clock.now.date().isoformat()
    days = {"nominated_on": day, "vetted_on": day, "appointed_on": day}
    other = unit(OTHER_NEIGHBOURS, "h-1", person="p-n1", **days)
    other.since = day
    answer = await house.take_over(other)
    assert refusals(answer) == [
        (OTHER_NEIGHBOURS, "posts[0].person_ref", f"leads:{NEIGHBOURS}"),
        (OTHER_NEIGHBOURS, "households[0].keys[0]", f"belongs_to:{NEIGHBOURS}"),
    ]


async def test_one_refused_unit_stops_no_other_but_those_below_it(house: House) -> None:
    units = village()
    units[2].since = "2024-13-01"
    answer = await house.take_over(*units)
    assert answer.created == 2
    assert refusals(answer) == [(SECTION, "since", "no_such_day"), (NEIGHBOURS, "code", "nothing_above")]


@pytest.mark.parametrize(
    ("changed", "field", "reason"),
    [
        (unit("jili/hexi/s1/N 1"), "code", "no_code"),
        (unit("jili/hexi/s9/n1"), "code", "nothing_above"),
        (rpc.ImportedUnit(code=OTHER_NEIGHBOURS, since=SINCE), "kind", "required"),
        (unit(OTHER_NEIGHBOURS, person="p-9", nominated_on=""), "posts[0].nominated_on", "not_nominated"),
        (unit(OTHER_NEIGHBOURS, person="p-9", nominators=0), "posts[0].nominated_on", "not_nominated"),
        (unit(OTHER_NEIGHBOURS, person="p-9", vetted_on=""), "posts[0].vetted_on", "not_vetted"),
        (
            unit(OTHER_NEIGHBOURS, person="p-9", vetted_on="2024-01-20"),
            "posts[0].vetted_on",
            "before_the_nomination",
        ),
        (
            unit(OTHER_NEIGHBOURS, person="p-9", appointed_on="2024-02-05"),
            "posts[0].appointed_on",
            "before_nomination_or_vetting",
        ),
        (
            unit(OTHER_NEIGHBOURS, person="p-9", term_until="2024-02-20"),
            "posts[0].term_until",
            "not_after_the_first_day",
        ),
        (unit(OTHER_NEIGHBOURS, person="p-n1"), "posts[0].person_ref", f"leads:{NEIGHBOURS}"),
        (unit(OTHER_NEIGHBOURS, "h-2"), "households[0].keys[0]", f"belongs_to:{NEIGHBOURS}"),
        (unit(OTHER_NEIGHBOURS, "h-7", "h-7"), "households[0].keys[1]", "named_twice"),
        (unit(OTHER_NEIGHBOURS, "No 7"), "households[0].keys[0]", "no_key"),
    ],
)
async def test_what_is_wrong_is_named_and_in_a_dry_run_as_well(
    house: House, changed: rpc.ImportedUnit, field: str, reason: str
) -> None:
    expected = [(changed.code, field, reason)]
    assert refusals(await house.take_over(*village(), changed, dry_run=True)) == expected
    assert refusals(await house.take_over(*village(), changed)) == expected


async def test_nobody_imports_into_units_that_are_not_theirs(house: House) -> None:
    supervisor = Who("supervisor", ("jili/hedong",), "p-supervisor")
    answer = await house.take_over(*village(), who=supervisor)
    assert {reason for _, _, reason in refusals(answer)} == {"not_your_unit"}
    assert answer.created == 0


async def test_the_ladder_of_this_process_knows_at_once(house: House) -> None:
    await house.take_over(*village())
    await house.following.fresh()
    assert house.following.grounds["jili"].theirs
    case = await house.case(await house.case_at(NEIGHBOURS))
    assert (case.unit_id, case.holder_ref) == (NEIGHBOURS, "p-n1")
    assert case.site_id == TOP


async def test_while_an_order_is_under_way_nothing_of_its_site_is_taken_over_and_the_other_way_round(
    house: House,
) -> None:
    async with house.claims.held("jili", ["household/h-1"]):
        with pytest.raises(Contended):
            await house.claims.whole("jili").__aenter__()
        async with house.claims.whole("jili-and-more"):
            pass
    async with house.claims.whole("jili"):
        with pytest.raises(Contended):
            await house.claims.held("jili", ["household/h-1"]).__aenter__()
        with pytest.raises(Contended):
            await house.claims.whole("jili").__aenter__()
    async with house.claims.whole("jili"), house.claims.held("jili-and-more", ["household/h-1"]):
        pass
