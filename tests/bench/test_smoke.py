"""Tiny measurements, so that the harness can't rot. What they measure is nobody's figure."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from deploy.local.parts import Choice
from tests.bench import herd, report
from tests.bench.floor import measure as floor
from tests.bench.measure import Workload, measure_on
from tests.bench.seeding import PROGRESS, grow
from tests.bench.stage import Stage, Variant, stage

WHEELS = Variant(Choice.EMBEDDED)
CLOCK_MS = 50


@pytest.fixture(scope="module")
def place() -> Iterator[Stage]:
    with stage(CLOCK_MS, WHEELS) as laid:
        yield laid


def test_twenty_cases_run_through_all_services_and_are_closed(place: Stage) -> None:
    run = measure_on(place, Workload("smoke", 20, CLOCK_MS), print)
    assert run.cases == 20
    assert run.lateness.early == 0
    assert {"intake", "routing", "notify", "broker", "store", "driver"} <= run.used.keys()
    # Each commit of a case is a version of its document: routed, fired, resolved at the least.
    assert run.written["routing.cases, commits"] >= 3
    assert run.written["intake.timeline"] >= 8
    assert "cases/s" in report.told(run)


def test_copies_of_a_really_closed_case_fill_the_stores_and_what_is_there_is_not_written_again(
    place: Stage,
) -> None:
    with MongoClient[dict[str, Any]](place.running.mongo_url) as client:
        cases, timeline = client["fengqiao_routing"]["cases"], client["fengqiao_intake"]["timeline"]
        requests, closed = client["fengqiao_intake"]["requests"], {"state.status": "closed"}
        resolved = {"state.status": "resolved", "next_due_at": {"$exists": False}}
        before, told = cases.count_documents(resolved), timeline.count_documents({})
        assert requests.count_documents(closed) == 0
        assert grow(place, 10, print) == 10
        model = client[PROGRESS]["model"].find_one({"_id": "own"})
        assert model is not None
        entries = timeline.count_documents({"case_id": model["texts"]["case_id"]})
        assert grow(place, 25, print) == 15
        assert grow(place, 25, print) == 0
        assert cases.count_documents(resolved) == before + 26
        assert requests.count_documents(closed) == 26
        assert entries > 0
        assert timeline.count_documents({}) == told + 26 * entries


def test_a_small_herd_fires_within_its_second_and_submissions_go_on() -> None:
    run = herd.measure(40, 10, 15, WHEELS, print)
    assert run.lateness.early == 0
    assert len(run.late_ms) == 100
    assert run.drained_s >= 0.9
    assert run.submissions > 0


def test_what_a_run_wrote_and_published_is_recorded_and_replayed(tmp_path: Path) -> None:
    floor.record(20, WHEELS, tmp_path, print)
    run = floor.measure(WHEELS, tmp_path, print)
    assert run.cases == 20
    # Each case: a request, its timeline, its notices, what routing commits; and what trims outboxes.
    assert run.per_case["statements"] >= 18
    assert run.per_case["records"] >= 10
    assert run.per_case["reads"] > 0
    assert set(run.took_s) == {"store client", "kafka client", "gRPC client"}
