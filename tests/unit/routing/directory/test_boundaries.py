"""Where neighbourhoods lie: what a boundary may be, and that a point finds its neighbourhood on any day."""

import random
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.errors import Invalid
from services.routing.domain.directory import boundaries as b
from services.routing.domain.directory import commands as c
from services.routing.domain.directory.boundaries import Point, Ring, Rings
from services.routing.domain.directory.restructuring import merge, move
from services.routing.domain.directory.unit import NEIGHBOURHOOD
from tests.unit.routing.directory.register import (
    A_SECTION,
    NEIGHBOURS,
    OFFICE,
    START,
    Register,
    small,
)

OTHER = f"{A_SECTION}/n2"


def square(west: float, south: float, size: float = 0.01) -> Ring:
    east, north = west + size, south + size
    return ((west, south), (east, south), (east, north), (west, north), (west, south))


HERE: Rings = (square(120.0, 30.0),)
BOW = ((120.0, 30.0), (120.1, 30.1), (120.1, 30.0), (120.0, 30.1), (120.0, 30.0))


def drawn(rings: Rings = HERE, code: str = NEIGHBOURS, **more: Any) -> Register:
    return small().order(code, c.DrawBoundary(rings, START, OFFICE, **more))


@pytest.mark.parametrize(
    ("rings", "wrong"),
    [
        ((BOW,), "crosses_itself"),
        ((HERE[0][:-1],), "not_closed"),
        ((HERE[0][:2] + HERE[0][:1],), "too_few_points"),
        ((square(120.0, 30.0, 5.0),), "too_large"),
        ((HERE[0], square(121.0, 31.0)), "crosses_itself"),
    ],
    ids=["bow", "open", "line", "province", "hole_outside"],
)
def test_a_boundary_that_bounds_no_place_is_refused(rings: Rings, wrong: str) -> None:
    with pytest.raises(Invalid, match=wrong):
        drawn(rings)


def test_only_neighbourhoods_are_drawn() -> None:
    with pytest.raises(Invalid, match="not_a_neighbourhood"):
        drawn(code=A_SECTION)


def test_what_is_anothers_place_is_refused_and_a_common_line_is_not() -> None:
    with pytest.raises(Invalid, match="overlaps:jili/x"):
        drawn(overlaps="jili/x")
    assert b.overlapping(HERE, [("a", (square(120.005, 30.0),))]) == "a"
    assert b.overlapping(HERE, [("a", (square(120.01, 30.0),))]) == ""


def test_a_boundary_holds_from_its_day_on_and_the_days_before_keep_theirs() -> None:
    register = drawn().later(7)
    there: Rings = (square(120.2, 30.0),)
    register.order(NEIGHBOURS, c.DrawBoundary(there, register.today, OFFICE))
    unit = register.units[NEIGHBOURS]
    assert unit.rings_on(START) == unit.rings_on(register.today - timedelta(days=1)) == HERE
    assert unit.rings_on(register.today) == there
    erased = register.order(NEIGHBOURS, c.DrawBoundary((), register.today, OFFICE)).units[NEIGHBOURS]
    assert erased.rings_on(register.today) == ()
    assert erased.rings_on(START) == HERE


def test_a_moved_neighbourhood_takes_its_boundary_along_and_the_old_one_has_none() -> None:
    register, new = drawn(), f"{A_SECTION}/n7"
    register.follow(move(register.territory, NEIGHBOURS, new, START, OFFICE))
    assert register.units[new].rings_on(START) == HERE
    assert register.units[NEIGHBOURS].rings_on(START) == ()


def test_two_neighbourhoods_that_become_one_lie_where_both_lay() -> None:
    register = drawn().establish(OTHER, NEIGHBOURHOOD)
    register.order(OTHER, c.DrawBoundary((square(120.01, 30.0),), START, OFFICE))
    register.follow(merge(register.territory, NEIGHBOURS, OTHER, START, OFFICE))
    both = register.units[OTHER].rings_on(START)
    assert b.covers(both, (120.005, 30.005))
    assert b.covers(both, (120.015, 30.005))
    assert not b.covers(both, (120.025, 30.005))


def test_two_that_lie_apart_do_not_become_one_place() -> None:
    assert b.united([HERE, (square(121.0, 30.0),)]) == ()


coordinates = st.integers(-400, 400).map(lambda n: n / 1000)
points = st.tuples(coordinates, coordinates)


@given(st.integers(0, 10**6), st.lists(points, min_size=1, max_size=20))
def test_a_point_within_a_boundary_is_in_one_of_its_cells(seed: int, places: list[Point]) -> None:
    dice = random.Random(seed)
    rings: Rings = (square(dice.uniform(-0.3, 0.2), dice.uniform(-0.3, 0.2), dice.uniform(0.001, 0.1)),)
    touched = set(b.cells(rings))
    assert touched
    for place in (*places, *rings[0]):
        if b.covers(rings, place):
            assert b.cell(place) in touched


def test_a_unit_with_a_boundary_is_kept_as_it_is() -> None:
    from services.routing.store import dump_unit, load_unit  # noqa: PLC0415 - the store's shape, once

    unit = drawn().units[NEIGHBOURS]
    assert load_unit(dump_unit(unit)) == unit
    assert load_unit({k: v for k, v in dump_unit(unit).items() if k != "boundaries"}) == replace(
        unit, boundaries=()
    )
