"""Tiny measurements, so that the harness can't rot. What they measure is nobody's figure."""

from pathlib import Path

from deploy.local.parts import Choice
from tests.bench import herd, report
from tests.bench.floor import measure as floor
from tests.bench.measure import Workload, measure
from tests.bench.stage import Variant

WHEELS = Variant(Choice.EMBEDDED)


def test_twenty_cases_run_through_all_services_and_are_closed() -> None:
    run = measure(Workload("smoke", 20, 50), WHEELS, print)
    assert run.cases == 20
    assert run.lateness.early == 0
    assert {"intake", "routing", "notify", "broker", "store", "driver"} <= run.used.keys()
    # Each commit of a case is a version of its document: routed, fired, resolved at the least.
    assert run.written["routing.cases, commits"] >= 3
    assert run.written["intake.timeline"] >= 8
    assert "cases/s" in report.told(run)


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
