"""Suggestions by place, kind and time alone, on four months of a quarter of a real city's precincts.

Truth is what the city's staff wrote when they closed a request: "duplicate of existing case", at times with
its number. That is less than all duplicates: precision is a lower bound. Recall is over those with a number.
"""

import csv
import gzip
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest

from services.intake.duplicates.places import group_of
from services.intake.duplicates.scoring import Comparison, Matter, suggest

FILE = Path(__file__).parent / "data" / "city_duplicates.csv.gz"
README = Path(__file__).parents[3] / "services" / "intake" / "README.md"
START = datetime(2011, 7, 1, tzinfo=UTC)
STATED = {"address": (0.24, 0.79), "precinct": (0.07, 0.90)}


def rows() -> list[dict[str, str]]:
    with gzip.open(FILE, "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@cache
def suggestions(by: str) -> tuple[Mapping[int, list[Comparison]], Mapping[int, int]]:
    """For each line of the file what earlier ones are suggested, and what the city says that it repeats."""
    said = {n: int(row["duplicate_of"]) for n, row in enumerate(rows(), 1) if row["duplicate_of"]}
    earlier: defaultdict[tuple[str, str], dict[str, Matter]] = defaultdict(dict)
    told = {}
    for number, row in enumerate(rows(), 1):
        precinct = row["precinct"]
        unit = f"boston/w{precinct[:2]}/p{precinct}" if precinct else ""
        at = START + timedelta(minutes=int(row["minute"]))
        address = row["address"] if by == "address" else ""
        matter = Matter(str(number), row["kind"], unit, at, address=address)
        places = [(group_of(matter.kind), place) for place in (unit, address) if place]
        others = {id_: other for place in places for id_, other in earlier[place].items()}
        told[number] = suggest(matter, within(others.values(), at))[:10]
        for place in places:
            earlier[place][matter.case_id] = matter
    return told, said


def within(matters: Iterable[Matter], at: datetime) -> list[Matter]:
    return [each for each in matters if at - each.submitted_at <= timedelta(days=30)]


@pytest.mark.parametrize("by", sorted(STATED))
def test_what_the_city_closed_as_a_duplicate_is_suggested(by: str) -> None:
    told, said = suggestions(by)
    named = [(number, of) for number, of in said.items() if 0 < of < number]
    found = sum(str(of) in {each.case_id for each in told[number]} for number, of in named)
    suggested = [number for number, each in told.items() if each]
    right = sum(number in said for number in suggested)
    precision, recall = STATED[by]
    assert right / len(suggested) >= precision
    assert found / len(named) >= recall
    figures = f"{len(named)} | {found / len(named):.2f} | {len(suggested)} | {right / len(suggested):.2f}"
    assert f"| {by} | {figures} |" in README.read_text(encoding="utf-8"), figures
