"""The arithmetic of the measurements, and that their tables say what was measured."""

import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.driver import BODY_BYTES, submission
from tests.bench.figures import Lateness, Run, Spread, Used, percentile, slope
from tests.bench.processes import Meter, usage
from tests.bench.stage import site_of

BUSY = """
import sys, time
while time.process_time() < 0.3: pass
print(flush=True)
sys.stdin.read()
"""


def run(rate: float, workload: str = "E4-T") -> Run:
    return Run(
        workload=workload,
        parts="embedded",
        broker="a broker",
        store="a store",
        durability="journaled",
        cases=20,
        clock_ms=50,
        load_before=0.5,
        rate=rate,
        rate_settled=rate,
        submit_p50_ms=1,
        submit_p99_ms=2,
        close_p50_ms=3,
        close_p99_ms=4,
        lateness=Lateness.of([1.0]),
        used={"intake": Used(2.5, 100), "store": Used(1.5, 50)},
        written={"routing.cases": 1.0},
        repeated_calls=0,
    )


def test_a_percentile_is_a_value_that_was_measured() -> None:
    values = [float(n) for n in range(100, 0, -1)]
    assert percentile(values, 0.5) == 50
    assert percentile(values, 0.99) == 99
    assert percentile(values, 1) == 100
    assert percentile([7.0], 0.01) == 7
    assert math.isnan(percentile([], 0.5))


def test_several_runs_are_told_by_their_median_and_their_ends() -> None:
    assert Spread.of([3, 1, 10]) == Spread(3, 1, 10)


def test_a_firing_before_its_due_time_is_early_and_one_at_it_is_not() -> None:
    assert Lateness.of([-1, 0, 5, 30]) == Lateness(0, 30, 30, 1)


def test_a_run_sums_the_processor_time_of_its_processes() -> None:
    assert run(100).cpu_ms_per_case == 4


def test_a_body_is_700_bytes_with_ten_attributes_and_every_request_has_a_key_of_its_own() -> None:
    made = [submission(number) for number in range(2)]
    assert [request.request.ByteSize() for request in made] == [BODY_BYTES, BODY_BYTES]
    assert len(made[0].request.attributes) == 10
    assert made[0].meta.idempotency_key != made[1].meta.idempotency_key


def test_the_site_of_a_run_has_its_clocks(tmp_path: Path) -> None:
    assert "length: 2000" in (site_of(2_000, tmp_path) / "bench" / "site.yaml").read_text(encoding="utf-8")


def test_a_process_is_found_with_what_it_used_and_a_gone_one_is_left_out() -> None:
    found = usage({"me": os.getpid(), "nobody": 2**22 + 1})
    assert found.keys() == {"me"}
    assert found["me"].cpu_s > 0
    assert found["me"].peak_mb > 1


def test_growth_is_the_slope_of_the_points() -> None:
    assert slope([(0, 10), (60, 11), (120, 12)]) == pytest.approx(1 / 60)
    assert math.isnan(slope([(1, 1), (1, 2)]))


def test_a_process_that_came_back_counts_with_both_its_lives() -> None:
    with _busy() as first:
        meter = Meter({"one": first.pid})
        _once_busy(first, meter)
        [before] = meter.used().values()
        assert before.cpu_s >= 0.15
    with _busy() as second:
        _once_busy(second, meter)
        [both] = meter.used().values()
        assert both.cpu_s >= before.cpu_s + 0.15


def _busy() -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", BUSY], stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def _once_busy(process: "subprocess.Popen[bytes]", meter: Meter) -> None:
    """Look once it has used what it was to use; it ends when its input does."""
    assert process.stdout
    process.stdout.readline()
    meter.look({"one": process.pid})
