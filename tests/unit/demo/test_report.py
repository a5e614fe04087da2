"""The report's lines and the summary's figures."""

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.cli.demo.report import Climb, ReportRow, percentile, stamp, summarise, write

AT = datetime(2011, 7, 1, 5, 32, 33, tzinfo=UTC)
CLIMBED = ReportRow(
    external_id="101",
    verdict="accepted",
    request_no="2011-000001",
    start_tier=1,
    due_at=AT,
    steps=(Climb(1, 2, AT),),
    overdue=True,
    supervised_at=AT,
    resolved_at=AT,
    status="resolved",
)
REJECTED = ReportRow("102", "rejected", "open_dt: blank")


def test_a_line_has_every_field_and_times_in_utc(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    write(path, [CLIMBED, REJECTED])
    climbed, rejected = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    assert climbed == {
        "external_id": "101",
        "verdict": "accepted",
        "reason": "",
        "request_no": "2011-000001",
        "start_tier": 1,
        "due_at": "2011-07-01T05:32:33Z",
        "steps": [{"from": 1, "to": 2, "at": "2011-07-01T05:32:33Z", "reason": "timeout"}],
        "overdue": True,
        "supervised_at": "2011-07-01T05:32:33Z",
        "resolved_at": "2011-07-01T05:32:33Z",
        "status": "resolved",
    }
    assert list(rejected) == list(climbed)
    assert (rejected["reason"], rejected["steps"], rejected["due_at"]) == ("open_dt: blank", [], None)


@pytest.mark.parametrize(
    ("instant", "text"),
    [
        (AT.astimezone(timezone(timedelta(hours=8))), "2011-07-01T05:32:33Z"),
        (AT + timedelta(milliseconds=7), "2011-07-01T05:32:33.007Z"),
        (None, None),
    ],
)
def test_milliseconds_are_written_only_where_there_are_any(
    instant: datetime | None, text: str | None
) -> None:
    assert stamp(instant) == text


def test_the_summary_counts_cases_by_the_tier_that_has_them_last() -> None:
    on_time = ReportRow("103", "accepted", start_tier=4, overdue=False, status="open")
    summary = summarise([CLIMBED, REJECTED, on_time], mismatched=1)
    assert (summary.rows, summary.compared, summary.mismatched) == (3, 3, 1)
    assert summary.verdicts == {"accepted": 2, "rejected": 1}
    assert summary.starts == {1: 1, 4: 1}
    assert summary.ends == {(2, "resolved"): 1, (4, "open"): 1}
    assert (summary.climbs, summary.supervised) == (1, 1)
    assert (summary.on_time, summary.overdue, summary.without_target) == (1, 1, 0)


def test_a_percentile_is_one_of_the_values() -> None:
    values = [float(n) for n in range(100, 0, -1)]
    assert [percentile(values, p) for p in (0, 50, 99, 100)] == [1, 50, 99, 100]
    assert percentile([], 50) is None


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0, 100))
def test_a_percentile_is_not_exceeded_by_that_share(values: list[float], percent: float) -> None:
    found = percentile(values, percent)
    assert found in values
    assert sum(v <= found for v in values) >= len(values) * percent / 100 - 1e-9
