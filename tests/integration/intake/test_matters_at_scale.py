"""Ten thousand requests of one kind at one place: what is compared, and what is read for it."""

from datetime import UTC, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import bson
import pymongo.monitoring
import pytest
from pymongo import MongoClient

from fengqiao.intake.v1 import intake_service_pb2 as rpc
from services.intake.duplicates.candidates import BOUND, ENOUGH, SPANS, Candidates
from services.intake.duplicates.places import levels
from tests.integration.intake.conftest import NOW, House
from tests.integration.intake.test_matters import DESK, LAMP, lamp

MOST_QUERIES = 20


class Reads(pymongo.monitoring.CommandListener):
    """Keeps what was looked for, and counts what the store gave out."""

    def __init__(self) -> None:
        self.filters: list[dict[str, Any]] = []
        self.given = 0

    def started(self, event: pymongo.monitoring.CommandStartedEvent) -> None:
        """Keep what is looked for."""
        if "find" in event.command:
            self.filters.append(dict(event.command["filter"]))

    def succeeded(self, event: pymongo.monitoring.CommandSucceededEvent) -> None:
        """Count what was given out."""
        cursor = event.reply.get("cursor", {})
        self.given += len(cursor.get("firstBatch", ())) + len(cursor.get("nextBatch", ()))

    def failed(self, event: pymongo.monitoring.CommandFailedEvent) -> None:
        """Nothing was given out."""


def many(house: House, like: str, count: int, *, whole: bool) -> None:
    """Store copies of a request, a minute before each other; or of each what it is found by alone."""
    collection = house.base.committer.repository.collection
    one = bson.encode(collection.find_one({"_id": like}) or {})
    copies = []
    for number in range(1, count + 1):
        copy: Any = bson.decode(one, bson.CodecOptions(tz_aware=True))
        copy["_id"] = str(uuid4())
        copy["private"]["tracking_code"] = f"COPY{uuid4().hex[:8].upper()}"
        copy["state"]["submitted_at"] -= timedelta(minutes=number)
        found_by = {name: copy["state"][name] for name in ("near", "submitted_at")}
        copies.append(copy if whole else {"_id": copy["_id"], "state": found_by})
    for start in range(0, count, 1000):
        collection.insert_many(copies[start : start + 1000])


async def test_of_too_many_the_nearest_are_compared_and_it_is_said(house: House) -> None:
    case_id = await lamp(house)
    many(house, case_id, BOUND + 100, whole=True)
    asked = rpc.SuggestDuplicatesRequest(case_id=case_id, limit=50)
    answer = await house.call("SuggestDuplicates", asked, **DESK)
    assert answer.truncated
    assert BOUND * ENOUGH <= answer.compared <= BOUND
    oldest = min(each.submitted_at.ToDatetime(UTC) for each in answer.suggestions)
    assert oldest >= NOW - timedelta(minutes=BOUND)


@pytest.mark.timeout(400)
async def test_of_ten_thousand_at_one_place_the_nearest_are_compared_and_the_index_bounds_what_is_read(
    house: House, store: str
) -> None:
    case_id = await lamp(house)
    many(house, case_id, 10_000, whole=False)
    repository, reads = house.base.committer.repository, Reads()
    record = repository.get([case_id])[case_id]
    client: MongoClient[Any]
    with MongoClient(store, event_listeners=[reads], tz_aware=True) as client:
        listened: Any = client[repository.collection.database.name][repository.collection.name]
        listening: Any = SimpleNamespace(collection=listened, get=lambda ids: dict.fromkeys(ids, record))
        found = Candidates(listening).find(record, levels(str(LAMP["unit_id"])), timedelta(days=30))
    assert found.truncated
    assert BOUND * ENOUGH <= len(found.records) <= BOUND
    plans = [repository.collection.find(query).explain() for query in reads.filters]
    assert all("IXSCAN" in stages(plan["queryPlanner"]["winningPlan"]) for plan in plans)
    # None of the 10,000 is read but those within the narrowest span, which a store may read whole.
    examined = max(plan["executionStats"]["totalDocsExamined"] for plan in plans)
    assert examined <= SPANS[0] / timedelta(minutes=1) + 1
    assert reads.given <= len(plans) * (BOUND + 2)
    assert len(plans) <= MOST_QUERIES
    # Dropped full, as after every test, secantusd-rs takes minutes for it.
    repository.collection.delete_many({})


def stages(plan: dict[str, Any]) -> set[str]:
    """Every stage of a plan."""
    return {plan["stage"], *(stages(plan["inputStage"]) if "inputStage" in plan else ())}
