"""Rows become units, each with its posts and households; what can't be is named with its row."""

from datetime import date

import pytest

from fengqiao.routing.v1.directory_events_pb2 import UnitKind
from services.cli.sheets import synthetic
from services.cli.sheets.grouping import gather
from services.cli.sheets.table import Row, Wrong

CODE, OTHER = "songxi/hexi/s1/n1", "songxi/hexi/s1/n2"
LEADER = {"post": "leader", "person": "p-1", "appointed_on": "2026-02-01"}


def unit(number: int, code: str, kind: str = "邻里", **cells: str) -> Row:
    return Row("units", number, {"code": code, "kind": kind, "since": "2026-01-01", **cells})


def household(number: int, code: str, key: str, **cells: str) -> Row:
    return Row("households", number, {"unit": code, "household": key, **cells})


def post(number: int, code: str, **cells: str) -> Row:
    return Row("posts", number, {"unit": code, **LEADER, **cells})


def test_a_unit_has_its_posts_and_households_whatever_the_order_of_rows() -> None:
    sheets = gather([household(2, CODE, "h-1"), post(2, CODE), unit(2, CODE), household(3, CODE, "h-2")])
    message = sheets.units[CODE].message()
    assert sheets.wrong == []
    assert [(sorted(group.keys), group.since) for group in message.households] == [
        (["h-1", "h-2"], "2026-01-01")
    ]
    assert [post.person_ref for post in message.posts] == ["p-1"]


def test_units_above_come_first() -> None:
    sheets = gather([unit(2, "a/b/c"), unit(3, "a", "街道"), unit(4, "a/b", "村")])
    assert [each.unit.code for each in sheets.in_order()] == ["a", "a/b", "a/b/c"]


@pytest.mark.parametrize(
    ("rows", "wrong"),
    [
        ([unit(2, CODE), unit(3, CODE)], Wrong("units", 3, "code", "twice:row 2")),
        (
            [unit(2, CODE, parent="songxi/hedong")],
            Wrong("units", 2, "parent", "not_its_place:songxi/hexi/s1"),
        ),
        ([unit(2, CODE, "居委会")], Wrong("units", 2, "kind", "unknown_kind")),
        ([household(2, CODE, "h-1")], Wrong("households", 2, "unit", "no_such_unit")),
        (
            [unit(2, CODE), unit(3, OTHER), household(2, CODE, "h-1"), household(3, OTHER, "h-1")],
            Wrong("households", 3, "household", f"belongs_to:{CODE}"),
        ),
        (
            [unit(2, CODE), household(2, CODE, "h-1"), household(3, CODE, "h-1")],
            Wrong("households", 3, "household", "named_twice"),
        ),
        (
            [unit(2, CODE), unit(3, OTHER), post(2, CODE), post(3, OTHER)],
            Wrong("posts", 3, "person", f"leads:{CODE}"),
        ),
        ([unit(2, CODE), post(2, CODE, nominators="many")], Wrong("posts", 2, "nominators", "no_number")),
    ],
)
def test_what_is_wrong_is_named_with_its_row(rows: list[Row], wrong: Wrong) -> None:
    assert gather(rows).wrong == [wrong]


def test_a_household_may_move_from_one_unit_to_another() -> None:
    moved = [
        household(2, CODE, "h-1", until="2026-06-01"),
        household(3, OTHER, "h-1", since="2026-06-01"),
    ]
    assert gather([unit(2, CODE), unit(3, OTHER), *moved]).wrong == []


def test_a_refused_field_leads_back_to_its_row() -> None:
    gathered = gather([unit(7, CODE), post(4, CODE), household(8, CODE, "h-1"), household(9, CODE, "h-2")])
    place = gathered.units[CODE].place
    assert place("kind") == ("units", 7, "kind")
    assert place("posts[0].vetted_on") == ("posts", 4, "vetted_on")
    assert place("posts[0].person_ref") == ("posts", 4, "person")
    assert place("households[0].keys[1]") == ("households", 9, "household")
    assert place("households[0].until") == ("households", 8, "until")


def test_a_made_up_sub_district_has_the_size_of_a_real_one_and_nothing_wrong() -> None:
    wanted = synthetic.Wanted("songxi", synthetic.LEADERS, seed=1, on=date(2026, 3, 2))
    sheets = gather(synthetic.sub_district(wanted))
    kinds = [each.unit.kind for each in sheets.units.values()]
    assert sheets.wrong == []
    counted = [
        kinds.count(kind)
        for kind in (
            UnitKind.UNIT_KIND_COMMUNITY,
            UnitKind.UNIT_KIND_VILLAGE,
            UnitKind.UNIT_KIND_NEIGHBOURHOOD,
        )
    ]
    assert counted == [7, 8, 3_618]
    households = sum(len(keys) for each in sheets.units.values() for keys, _ in each.households.values())
    assert 45_000 < households < 49_000


def test_the_same_seed_makes_the_same_directory() -> None:
    wanted = synthetic.Wanted("songxi", 60, seed=1, on=date(2026, 3, 2))
    assert list(synthetic.sub_district(wanted)) == list(synthetic.sub_district(wanted))
    other = synthetic.Wanted("songxi", 60, seed=2, on=date(2026, 3, 2))
    assert list(synthetic.sub_district(wanted)) != list(synthetic.sub_district(other))
