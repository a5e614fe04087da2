"""What would be silence is named: each test takes one thing away."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import cast

import pytest

from services.routing.capability import Able, Capability, Emergency, Version, lapse, nowhere
from services.routing.gaps import incapable, unreached
from services.routing.rules import FixedPlaces, Rules, Unit
from tests.unit.routing.ladder import NEIGHBOURS, OTHER_VILLAGE, SECTION, STREET, VILLAGE, rules

TODAY = date(2026, 3, 2)
UNITS = (NEIGHBOURS, SECTION, VILLAGE, OTHER_VILLAGE, STREET)


def version(number: int, since: date | None = None, until: date | None = None) -> Version:
    return Version(str(number), {}, Capability(1, 3), since, until)


def with_units(changed: Mapping[str, Unit]) -> Rules:
    known = rules()
    places = cast("FixedPlaces", known.places)
    return replace(known, places=replace(places, units={**places.units, **changed}))


def test_with_everything_there_nothing_is_named() -> None:
    assert (incapable(rules()), unreached(rules(), UNITS), lapse((), TODAY)) == ([], [], None)
    assert lapse((version(1, until=date(2026, 4, 1)), version(2, date(2026, 4, 1))), TODAY) is None


def test_a_kind_without_a_capable_tier_is_named() -> None:
    barred = replace(rules(), able=(Able("gas.*", STREET, able=False, below=True),))
    assert incapable(barred) == ["gas.*", "gas.leak"]
    assert nowhere(["gas.leak"], barred.able, STREET) == ["gas.*", "gas.leak"]
    table = Version("1", {}, None, able=(Able("drain.*", STREET, able=False),))
    assert incapable(replace(rules(), standing=(Emergency("flood@1", STREET, table),))) == ["drain.*"]
    assert incapable(replace(rules(), standing=(Emergency("flood@1", VILLAGE, table),))) == []


@pytest.mark.parametrize(
    "changed",
    [
        {VILLAGE: Unit(VILLAGE, 3, None)},
        {SECTION: Unit(SECTION, 3, VILLAGE)},
        {VILLAGE: Unit(VILLAGE, 4, STREET)},
    ],
    ids=["nothing above it", "no higher tier above it", "two tops"],
)
def test_a_ladder_that_does_not_reach_the_top_is_named(changed: Mapping[str, Unit]) -> None:
    broken = unreached(with_units(changed), UNITS)
    assert NEIGHBOURS in broken
    assert OTHER_VILLAGE not in broken


def test_a_day_without_a_version_of_the_table_is_named() -> None:
    assert lapse((version(1, date(2026, 3, 3)),), TODAY) == TODAY
    gap = (version(1, until=date(2026, 4, 1)), version(2, date(2026, 5, 1)))
    assert lapse(gap, TODAY) == date(2026, 4, 1)


def test_a_version_that_ends_without_a_successor_is_named() -> None:
    ends = (version(1, until=date(2026, 3, 1)), version(2, date(2026, 3, 1), date(2027, 1, 1)))
    assert lapse(ends, TODAY) == date(2027, 1, 1)
