"""A checker that never failed proves nothing: each kind of damage is found, and named."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from pymongo import MongoClient

from tests.faults.conftest import Ground
from tests.faults.conservation import broken
from tests.journeys.clients import NEIGHBOURS

Raw = dict[str, Any]

DAMAGES: dict[str, tuple[str, str, dict[str, Any], str]] = {
    "a case lost": ("routing", "cases", {}, "not in both services"),
    "a request lost": ("intake", "requests", {}, "accepted, and no request"),
    "a timeline entry lost": ("intake", "timeline", {}, "not in the timeline"),
    "a state without its event": ("routing", "cases", {"state.tier": 4}, "rebuilt otherwise in state"),
    "a sequence too far": ("routing", "cases", {"own.0.sequence": 9}, "not 1 to 9"),
    "an audit head of somebody else": ("routing", "cases", {"own.0.head": b"x" * 32}, "audit chain breaks"),
    "an event unheard": ("routing", "cases", {"seen.0.sequence": 0}, "has seen 0 of 1"),
    "an outbox left": ("intake", "requests", {"waiting_since": 1}, "an outbox or a mark is left"),
    "a notice without an end": (
        "notify",
        "notices",
        {"state.deliveries.0.status": "pending"},
        "still pending",
    ),
}


@contextmanager
def damaged(ground: Ground, service: str, collection: str, found: Raw, changes: Raw) -> Iterator[None]:
    """One document changed, or gone where there are no changes; put back as it was afterwards."""
    with MongoClient[Raw](ground.runtime.running.mongo_url, tz_aware=True) as client:
        there = client[f"fengqiao_{service}"][collection]
        raw = there.find_one(found)
        assert raw is not None
        if changes:
            there.update_one({"_id": raw["_id"]}, {"$set": changes})
        else:
            there.delete_one({"_id": raw["_id"]})
        try:
            yield
        finally:
            there.replace_one({"_id": raw["_id"]}, raw, upsert=True)


@pytest.fixture(scope="module")
def case_id(ground: Ground) -> str:
    """A case that has come to its end, and its notices with it: nothing of it moves any more."""
    resident = ground.house.resident()
    answer = resident.submit()
    ground.history.accepted.add(answer.request_no)
    resident.until_case(answer.case_id)
    ground.house.leader(NEIGHBOURS).resolve(answer.case_id)
    ground.until_conserved()
    return answer.case_id


@pytest.mark.parametrize("what", DAMAGES)
def test_damage_is_found_and_named(ground: Ground, case_id: str, what: str) -> None:
    service, collection, changes, told = DAMAGES[what]
    key = {"requests": "_id", "cases": "_id", "timeline": "case_id", "notices": "state.case_id"}[collection]
    sites = ground.runtime.options.sites
    with damaged(ground, service, collection, {key: case_id}, changes):
        assert any(told in line for line in broken(ground.house, sites, ground.history))
    assert broken(ground.house, sites, ground.history) == []
