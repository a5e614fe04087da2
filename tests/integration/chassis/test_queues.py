"""A unit's queue on a real store: whole, in order, page by page, and nothing that is settled or another's."""

import itertools
import random
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from pymongo.collection import Collection

from services.chassis import queues
from services.chassis.queues import OF_A_SITE, OF_A_UNIT, Queue, soonest_due
from tests.kit.timing import START

Raw = dict[str, Any]
OPEN, SETTLED = ("assigned", "accepted"), "resolved"
UNITS = ("gulou", "gulou/north", "gulou/north/1", "gulou/north/2", "gulou/north-east", "gulou/south")
SITES = ("here", "elsewhere")


@pytest.fixture
def cases(collection: Collection[Raw]) -> list[Raw]:
    """Many cases of two sites whose units have the same names; several are due at the same time."""
    dice = random.Random(5)
    for fields in (OF_A_UNIT, OF_A_SITE):
        collection.create_index([(name, 1) for name in fields])
    found = [
        {
            "_id": f"case-{n:03}",
            "site": dice.choice(SITES),
            "state": {
                "unit_id": dice.choice(UNITS),
                "status": dice.choice([*OPEN, SETTLED]),
                "due_at": START + timedelta(hours=dice.randrange(6)),
            },
        }
        for n in range(200)
    ]
    collection.insert_many(found)
    return found


def pages(collection: Collection[Raw], queue: Queue, size: int) -> list[list[str]]:
    """All pages of a queue, as a client turns them."""
    found: list[list[str]] = []
    after: tuple[datetime, str] | None = None
    while raws := soonest_due(collection, replace(queue, after=after), size):
        found.append([raw["_id"] for raw in raws])
        after = raws[-1]["state"]["due_at"], raws[-1]["_id"]
    return found


def expected(cases: list[Raw], units: set[str], sites: tuple[str, ...] = ("here",)) -> list[str]:
    """The open ones of some units, soonest due first, then by id."""
    theirs = [
        case
        for case in cases
        if case["site"] in sites and case["state"]["status"] in OPEN and case["state"]["unit_id"] in units
    ]
    return [case["_id"] for case in sorted(theirs, key=lambda case: (case["state"]["due_at"], case["_id"]))]


@pytest.mark.parametrize("size", [1, 3, 500])
@pytest.mark.parametrize(
    ("unit", "below", "units"),
    [
        ("gulou/north", False, {"gulou/north"}),
        ("gulou/north", True, {"gulou/north", "gulou/north/1", "gulou/north/2"}),
        ("gulou", True, set(UNITS)),
        ("", False, set(UNITS)),
        ("nowhere", True, set()),
    ],
)
def test_every_open_case_of_the_unit_comes_once_soonest_due_first(
    collection: Collection[Raw], cases: list[Raw], unit: str, below: Any, units: set[str], size: int
) -> None:
    found = pages(collection, Queue(["here"], OPEN, unit, below), size)
    assert list(itertools.chain(*found)) == expected(cases, units)
    assert all(len(page) == size for page in found[:-1])


@pytest.mark.parametrize("hours", [-1_000, 0, 3, 1_000])
def test_a_long_queue_is_the_same_when_it_is_read_bit_by_bit(
    collection: Collection[Raw], cases: list[Raw], hours: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queues, "FEW", 5)
    queue = Queue(["here"], OPEN, "gulou", below=True, around=START + timedelta(hours=hours))
    found = pages(collection, queue, 7)
    assert list(itertools.chain(*found)) == expected(cases, set(UNITS))


def test_who_is_of_no_site_is_shown_all_of_them_in_one_order(
    collection: Collection[Raw], cases: list[Raw]
) -> None:
    found = pages(collection, Queue(SITES, OPEN, "gulou", below=True), 7)
    assert list(itertools.chain(*found)) == expected(cases, set(UNITS), SITES)


def test_what_is_not_for_the_caller_does_not_shorten_a_page(
    collection: Collection[Raw], cases: list[Raw]
) -> None:
    queue = Queue(["here"], OPEN, "gulou", below=True)
    found = soonest_due(collection, queue, 5, lambda raw: raw["state"]["unit_id"] != "gulou/south")
    assert [raw["_id"] for raw in found] == expected(cases, set(UNITS) - {"gulou/south"})[:5]
