"""How likely two requests are about one matter: the parts, and what they come to on a labelled set.

The labelled pairs (`data/duplicates.tsv`) are made up, by the same hand as the scoring: they keep it from
getting worse, and say nothing of any place's real requests. What was chosen was chosen on one half.
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.duplicates.places import levels, nearness
from services.intake.duplicates.scoring import (
    Matter,
    compare,
    likely,
    matter_of,
    references,
    same_reference,
    suggest,
    text_of,
)
from services.intake.duplicates.wording import agreement, features, numbers

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
PAIRS = Path(__file__).parent / "data" / "duplicates.tsv"
README = Path(__file__).parents[3] / "services" / "intake" / "README.md"
STATED = {"tuning": (0.86, 0.96), "held_out": (0.71, 0.99)}
"""Precision and recall as the README states them: at least so much."""
LAMP = Matter("a", "lamp.out", "jili/taoshu/s2/n3", NOW, "桃树巷12号门口路灯不亮")


def pairs() -> list[dict[str, str]]:
    with PAIRS.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def matters(pair: Mapping[str, str]) -> tuple[Matter, Matter]:
    quoted = frozenset({pair["quoted"]} - {""})
    later = NOW + timedelta(days=int(pair["days_apart"]))
    return (
        Matter("a", pair["kind"], pair["unit"], NOW, pair["text"], quoted=quoted),
        Matter("b", pair["other_kind"], pair["other_unit"], later, pair["other_text"], quoted=quoted),
    )


def reasons(one: Matter, other: Matter) -> dict[str, str]:
    return {part.name: part.reason for part in compare(one, other).parts}


def like(matter: Matter, **changes: Any) -> Matter:
    same: dict[str, Any] = {
        "case_id": "b",
        "kind": matter.kind,
        "unit_id": matter.unit_id,
        "submitted_at": matter.submitted_at,
    }
    return Matter(**same | changes)


# -- the labelled set ----------------------------------------------------------------------------------------


def test_the_labelled_set_is_large_and_varied() -> None:
    every = pairs()
    assert len(every) >= 120
    assert len({pair["category"] for pair in every}) >= 12
    labels = [pair["label"] for pair in every]
    assert min(labels.count("same"), labels.count("different")) >= 60


@pytest.mark.parametrize("half", sorted(STATED))
def test_precision_and_recall_are_no_worse_than_the_readme_says(half: str) -> None:
    every = [pair for pair in pairs() if pair["half"] == half]
    suggested = [pair for pair in every if likely(compare(*matters(pair)))]
    right = sum(pair["label"] == "same" for pair in suggested)
    same = sum(pair["label"] == "same" for pair in every)
    precision, recall = STATED[half]
    assert right / len(suggested) >= precision
    assert right / same >= recall
    assert (
        f"| {half} | {len(every)} | {right / len(suggested):.2f} | {right / same:.2f} |"
        in README.read_text(encoding="utf-8")
    )


def test_text_tells_more_than_place_kind_and_time_alone() -> None:
    every = [matters(pair) for pair in pairs() if pair["label"] == "different"]
    wordless = [
        tuple(like(each, case_id=each.case_id, submitted_at=each.submitted_at) for each in two)
        for two in every
    ]
    assert sum(likely(compare(*two)) for two in every) < sum(likely(compare(*two)) for two in wordless)


# -- the parts -----------------------------------------------------------------------------------------------


def test_the_same_matter_said_twice_is_suggested_with_its_reasons() -> None:
    other = like(LAMP, text="12号门口的路灯坏了，晚上不亮", submitted_at=NOW + timedelta(days=2))
    assert likely(compare(LAMP, other))
    assert reasons(LAMP, other) == {
        "place": "same_unit",
        "kind": "same_kind",
        "time": "days_apart_2",
        "text": "words_in_common",
        "details": "same_numbers",
    }


def test_another_house_of_the_same_street_is_another_matter() -> None:
    other = like(LAMP, text="桃树巷38号门口路灯不亮")
    assert reasons(LAMP, other)["details"] == "other_numbers"
    assert not likely(compare(LAMP, other))


def test_the_same_number_of_an_agency_says_it_whatever_else_differs() -> None:
    one = Matter("a", "wage.unpaid", "jili/hexi", NOW, "欠薪", quoted=frozenset({"gd20260001"}))
    other = Matter("b", "road.pothole", "jili/taoshu", NOW + timedelta(days=300), reference="gd20260001")
    assert compare(one, other).score == 1
    assert reasons(one, other)["reference"] == "same_reference"


def test_two_agencies_that_number_alike_say_nothing_by_it() -> None:
    one, other = replace_reference("H-1001"), replace_reference("H-1001")
    assert not same_reference(one, other)


def replace_reference(number: str) -> Matter:
    return matter_of("a", "lamp.out", "jili/taoshu", NOW, {"reference": number})


def test_what_is_quoted_is_found_in_attributes_in_both_languages() -> None:
    assert references("H-1001", {"工单号": " GD2026 0001", "Order_No": "X-9999", "floor": "3333"}) == [
        "gd2026 0001",
        "h-1001",
        "x-9999",
    ]
    assert references("", {"reference": "12"}) == []


def test_an_erased_text_is_no_text_and_the_rest_still_counts() -> None:
    erased = matter_of("b", LAMP.kind, LAMP.unit_id, NOW, {})
    assert "text" not in reasons(LAMP, erased)
    assert likely(compare(LAMP, erased))
    assert not likely(compare(LAMP, replace(erased, text="", submitted_at=NOW - timedelta(days=10))))


@pytest.mark.parametrize("title", ["lamp.out", "Out", "lamp out"])
def test_a_title_that_repeats_the_kind_says_nothing(title: str) -> None:
    assert text_of("lamp.out", title, "") == ""
    assert text_of("lamp.out", "路灯不亮", "晚上") == "路灯不亮\n晚上"


def test_an_address_tells_more_than_a_unit() -> None:
    here = matter_of("a", "lamp.out", "jili/a/b", NOW, private(location="12 Main St"))
    there = matter_of("b", "lamp.out", "jili/a/b", NOW, private(location="40 Main St"))
    same = matter_of("c", "lamp.out", "jili/a/c", NOW, private(location="12  main st"))
    assert reasons(here, there)["place"] == "other_address"
    assert reasons(here, same)["place"] == "same_address"
    assert likely(compare(here, same))
    assert not likely(compare(here, there))


def private(**attributes: str) -> dict[str, Any]:
    return {"attributes": [{"name": name, "value": value} for name, value in attributes.items()]}


@pytest.mark.parametrize(
    ("one", "other", "told"),
    [
        ("j/a/s/n", "j/a/s/n", (1.0, "same_unit")),
        ("j/a/s/n", "j/a", (0.8, "unit_within")),
        ("j/a/s/n", "j/a/s/m", (0.6, "neighbouring_unit")),
        ("j/a/s/n", "j/a/t/n", (0.3, "same_part_of_site")),
        ("j/a/s/n", "j/b/s/n", (0.1, "elsewhere")),
        ("j/a/s/n", "", (0.5, "place_unknown")),
    ],
)
def test_units_are_near_by_what_they_have_in_common(one: str, other: str, told: tuple[float, str]) -> None:
    assert nearness(one, other) == nearness(other, one) == told


def test_a_unit_lies_within_every_unit_above_it_and_the_site() -> None:
    assert levels("jili/a/b") == ["jili/a/b", "jili/a", ""]
    assert levels("jili") == levels("") == [""]


@pytest.mark.parametrize(
    ("text", "counted"),
    [
        ("十二号楼3单元501室", {"栋": {12}, "单元": {3}, "室": {501}}),
        ("桃树巷20号", {"号": {20}}),
        ("二十一栋", {"栋": {21}}),
        ("3月5号开始停水", {}),
        ("in front of No. 18 Hexi Road", {"号": {18}}),
        ("12 Main Street", {"号": {12}}),
        ("１２号", {"号": {12}}),
    ],
)
def test_numbers_are_read_with_what_they_count(text: str, counted: dict[str, set[int]]) -> None:
    assert numbers(text) == counted


def test_a_number_that_only_one_text_names_says_nothing() -> None:
    assert agreement(numbers("3号楼2单元"), numbers("路灯不亮")) is None
    assert agreement(numbers("3号楼2单元"), numbers("3栋")) == (1.0, "same_numbers")
    assert agreement(numbers("3号楼2单元"), numbers("3栋1单元")) == (0.0, "other_numbers")


def test_what_anybody_says_is_no_feature() -> None:
    assert features("您好，请问能不能尽快处理") == frozenset()
    assert features("The lamps are out") == features("lamp out")


TEXTS = st.text(alphabet="路灯不亮桃树巷门口0123号楼栋 abc。，", max_size=40)


@given(TEXTS, TEXTS, st.integers(0, 90))
def test_likeness_is_the_same_both_ways_and_between_0_and_1(one: str, other: str, days: int) -> None:
    first = Matter("a", "lamp.out", "jili/a", NOW, one)
    second = Matter("b", "lamp.out", "jili/a/b", NOW + timedelta(days=days), other)
    there, back = compare(first, second), compare(second, first)
    assert (there.score, there.parts) == (back.score, back.parts)
    assert 0 <= there.score <= 1


@given(st.lists(TEXTS, max_size=8))
def test_suggestions_are_ordered_and_above_the_threshold(texts: Sequence[str]) -> None:
    others = [like(LAMP, case_id=f"c{number}", text=text) for number, text in enumerate(texts)]
    told = suggest(LAMP, others)
    assert [each.score for each in told] == sorted((each.score for each in told), reverse=True)
    assert all(likely(each) for each in told)
