"""Which requests are compared: the nearest place first, within it the nearest in time, up to a bound."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.duplicates.candidates import ENOUGH, SHORTEST, Candidates
from services.intake.duplicates.places import levels, near

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
HERE, BESIDE, ELSEWHERE = "jili/a/s2/n3", "jili/a/s2/n4", "jili/b/s1"
WINDOW = timedelta(days=30)


class Shelf:
    """A collection with as many requests as it is given; keeps how many it was asked for."""

    def __init__(self, requests: Sequence[tuple[str, timedelta]]) -> None:
        self.raws: list[dict[str, Any]] = [
            {"_id": f"r{n}", "state": {"near": near("jili", "lamp.out", unit), "submitted_at": NOW + after}}
            for n, (unit, after) in enumerate(requests)
        ]
        self.asked: list[int] = []

    def find(self, query: Mapping[str, Any], _projection: object = None) -> "Shelf":
        when = query["state.submitted_at"]
        self.found = [
            raw
            for raw in self.raws
            if query["state.near"] in raw["state"]["near"]
            and when["$gte"] <= raw["state"]["submitted_at"] <= when["$lte"]
        ]
        return self

    def limit(self, most: int) -> list[dict[str, Any]]:
        self.asked.append(most)
        return self.found[:most]


def found(shelf: Shelf, bound: int) -> tuple[list[str], bool]:
    repository: Any = SimpleNamespace(
        collection=shelf, get=lambda ids: {each: SimpleNamespace(id=each) for each in ids}
    )
    state = SimpleNamespace(site_id="jili", kind="lamp.out", unit_id=HERE, submitted_at=NOW)
    record: Any = SimpleNamespace(id="r0", state=state, private={})
    told = Candidates(repository, bound).find(record, levels(HERE), WINDOW)
    return [each.id for each in told.records], told.truncated


def minutes(*numbers: float) -> list[timedelta]:
    return [timedelta(minutes=number) for number in numbers]


def test_the_nearest_place_goes_before_the_nearest_time() -> None:
    here, beside = timedelta(days=29), timedelta(minutes=1)
    shelf = Shelf([(HERE, timedelta(0)), (ELSEWHERE, beside), (BESIDE, beside), (HERE, here)])
    assert found(shelf, 3) == (["r3", "r2", "r1"], False)
    assert found(shelf, 2) == (["r3", "r2"], True)
    assert found(shelf, 1) == (["r3"], True)


def test_an_old_one_is_found_however_many_newer_ones_there_are_elsewhere() -> None:
    newer = [(ELSEWHERE, timedelta(minutes=number)) for number in range(1, 400)]
    shelf = Shelf([(HERE, timedelta(0)), *newer, (HERE, -timedelta(days=28))])
    ids, truncated = found(shelf, 50)
    assert ids[0] == "r400"
    assert truncated


def test_of_too_many_at_one_moment_as_many_as_there_is_room_for_are_taken() -> None:
    shelf = Shelf([(HERE, timedelta(0))] * 100)
    ids, truncated = found(shelf, 20)
    assert (len(ids), truncated) == (20, True)


def test_what_is_outside_the_window_or_of_another_group_is_not_looked_at() -> None:
    shelf = Shelf([(HERE, timedelta(0)), (HERE, WINDOW + timedelta(minutes=1)), (HERE, -WINDOW)])
    assert found(shelf, 20) == (["r2"], False)
    shelf.raws[2]["state"]["near"] = near("jili", "road.pothole", HERE)
    assert found(shelf, 20) == ([], False)


@given(st.lists(st.integers(-60 * 24 * 40, 60 * 24 * 40), max_size=120), st.integers(1, 40))
def test_nothing_farther_is_taken_before_something_nearer(offsets: list[int], bound: int) -> None:
    shelf = Shelf([(HERE, timedelta(0)), *((HERE, each) for each in minutes(*offsets))])
    ids, truncated = found(shelf, bound)
    distances = {raw["_id"]: abs(raw["state"]["submitted_at"] - NOW) for raw in shelf.raws[1:]}
    inside = {id_: distance for id_, distance in distances.items() if distance <= WINDOW}
    assert truncated == (len(inside) > bound)
    assert len(ids) == len(set(ids)) <= bound
    assert ids == sorted(ids, key=lambda each: distances[each])
    if not truncated:
        assert set(ids) == inside.keys()
        return
    assert ids
    # Within a minute they are as near as each other.
    nearest = sorted(inside.values())[: len(ids)]
    assert max(distances[each] for each in ids) <= nearest[-1] + SHORTEST
    assert all(most <= bound + 2 for most in shelf.asked)


@pytest.mark.parametrize("count", [200, 1_000])
def test_the_room_is_well_filled_when_they_come_evenly(count: int) -> None:
    shelf = Shelf([(HERE, timedelta(0)), *((HERE, each) for each in minutes(*range(1, count)))])
    ids, _ = found(shelf, 100)
    assert len(ids) >= 100 * ENOUGH
