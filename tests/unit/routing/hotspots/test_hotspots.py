"""Hotspots: what stands out is found, what is chance is not, and how often it is mistaken is measured."""

import math
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.routing.domain.hotspots.hotspot import (
    ALL_KINDS,
    FALSE_ALARMS,
    LEAST,
    Count,
    Findings,
    Span,
    find,
)
from services.routing.domain.hotspots.testing import adjusted, chance

UNTIL = date(2026, 3, 2)
SPAN = Span.ending(UNTIL, 7, date(2025, 1, 1))
DAYS = [SPAN.compared_since + timedelta(days=n) for n in range((UNTIL - SPAN.compared_since).days + 1)]
PLACES = [f"jili/v{v}/s{s}/n{n}" for v in range(4) for s in range(2) for n in range(2)]
KINDS = ["noise.street", "light.out", "waste.dumped", "water.leak", "parking"]

Request = tuple[date, str, str]


def counted(requests: Iterable[Request]) -> list[Count]:
    return [Count(*request, number) for request, number in Counter(requests).items()]


def looked_at(requests: Iterable[Request], below: str = "jili", span: Span = SPAN) -> Findings:
    return find(counted(requests), span, below)


def made_up(source: random.Random) -> list[Request]:
    """Made-up requests of nine weeks: places and kinds differ a hundredfold in how many they have."""
    pairs = [(place, kind) for place in PLACES for kind in KINDS]
    weights = [math.exp(source.uniform(-3, 1.6)) for _ in pairs]
    return [
        (source.choice(DAYS), *pair) for pair in source.choices(pairs, weights, k=source.randint(300, 1500))
    ]


def shuffled(requests: Sequence[Request], source: random.Random) -> list[Request]:
    """The same requests on other days: whatever stood out does so no more."""
    days = [day for day, _, _ in requests]
    source.shuffle(days)
    return [(day, place, kind) for day, (_, place, kind) in zip(days, requests, strict=True)]


def cluster(size: int, place: str = PLACES[0], kind: str = KINDS[0]) -> list[Request]:
    return [(SPAN.since + timedelta(days=n % 7), place, kind) for n in range(size)]


def test_on_shuffled_requests_no_more_looks_name_anything_than_the_rate_that_is_stated() -> None:
    """400 looks; with a true rate of 5 % more than 33 mistaken ones would have a chance of under 1 %."""
    source = random.Random(20260302)
    mistaken = sum(bool(looked_at(shuffled(made_up(source), source)).hotspots) for _ in range(400))
    assert mistaken <= 33
    assert FALSE_ALARMS == 0.05


def test_a_cluster_is_found_among_them_and_the_smallest_place_that_holds_it_is_named() -> None:
    source = random.Random(20260303)
    found = 0
    for _ in range(100):
        findings = looked_at([*shuffled(made_up(source), source), *cluster(25, "jili/v9/s1/n1", "smell")])
        found += ("jili/v9/s1/n1", "smell") in {(each.unit_code, each.kind) for each in findings.hotspots}
        assert ("jili/v9", "smell") not in {(each.unit_code, each.kind) for each in findings.hotspots}
    assert found == 100


def test_a_cluster_is_told_with_what_was_to_be_expected() -> None:
    before = [(SPAN.compared_since + timedelta(days=7 * n), PLACES[0], KINDS[0]) for n in range(8)]
    [spot] = looked_at([*before, *cluster(20)]).hotspots
    assert (spot.unit_code, spot.kind, spot.count, spot.expected) == (PLACES[0], KINDS[0], 20, 1.0)
    assert spot.p_value <= spot.adjusted <= FALSE_ALARMS


def test_what_is_spread_over_a_section_is_found_at_the_section() -> None:
    spread = [*cluster(6, "jili/v1/s1/n1"), *cluster(6, "jili/v1/s1/n2"), *cluster(6, "jili/v1/s1/n3")]
    steady = [(day, place, kind) for day in DAYS for place in PLACES[8:10] for kind in KINDS[1:]]
    assert "jili/v1/s1" in {each.unit_code for each in looked_at([*steady, *spread]).hotspots}


def test_all_kinds_together_stand_out_where_no_single_one_does() -> None:
    mixed = [request for n in range(6) for request in cluster(4, PLACES[0], f"kind{n}")]
    assert {(each.unit_code, each.kind) for each in looked_at(mixed).hotspots} == {(PLACES[0], ALL_KINDS)}


def test_few_never_stand_out_however_rare_they_were() -> None:
    assert looked_at(cluster(LEAST - 1)).hotspots == ()
    assert looked_at(cluster(LEAST)).hotspots


def test_nothing_is_tested_before_enough_is_known_to_compare_with() -> None:
    little = Span.ending(UNTIL, 7, UNTIL - timedelta(days=7 + 27 - 1))
    assert (little.windows, little.is_known_enough) == (3, False)
    assert looked_at(cluster(50), span=little) == Findings((), 0)
    assert Span.ending(UNTIL, 7, UNTIL - timedelta(days=7 + 28 - 1)).is_known_enough
    assert not Span.ending(UNTIL, 7, date.max).is_known_enough


def test_only_what_is_at_the_unit_or_below_it_is_looked_at() -> None:
    requests = [*cluster(20, "jili/v1/s1/n1"), *cluster(20, "jili/v10/s1/n1")]
    assert {each.unit_code for each in looked_at(requests, "jili/v1").hotspots} == {"jili/v1/s1/n1"}


def test_a_hotspot_names_places_and_kinds_and_no_person() -> None:
    assert set(Count.__dataclass_fields__) == {"day", "unit_code", "kind", "number"}


@pytest.mark.parametrize(
    ("count", "total", "share", "expected"),
    [(1, 9, 1 / 9, 1.0), (9, 9, 1 / 9, (1 / 9) ** 9), (2, 2, 0.25, 0.0625), (3, 4, 0.5, 5 / 16)],
)
def test_the_chance_is_the_tail_of_a_binomial(count: int, total: int, share: float, expected: float) -> None:
    assert chance(count, total, share) == pytest.approx(expected)


@given(st.integers(1, 60).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total))))
def test_a_chance_is_exact_or_one(drawn: tuple[int, int]) -> None:
    count, total = drawn
    share = 1 / 9
    exact = sum(math.comb(total, n) * share**n * (1 - share) ** (total - n) for n in range(count, total + 1))
    assert chance(count, total, share) == pytest.approx(1.0 if count <= total * share else exact)


@given(st.lists(st.floats(0, 1), max_size=30))
def test_adjusting_keeps_the_order_and_makes_nothing_likelier_to_be_told(chances: list[float]) -> None:
    after = adjusted(chances)
    assert all(before <= each <= 1 for before, each in zip(chances, after, strict=True))
    order = sorted(range(len(chances)), key=chances.__getitem__)
    assert [after[n] for n in order] == sorted(after)


def test_adjusting_is_by_benjamini_and_hochberg() -> None:
    assert adjusted([0.01, 0.04, 0.03, 0.5]) == pytest.approx([0.04, 0.16 / 3, 0.16 / 3, 0.5])
