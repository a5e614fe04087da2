"""The oracle: the arithmetic of the tiers' clocks, and that it sees what a report has wrong."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.cli.demo import boston_site
from services.cli.demo.oracle import clock_ends, default_until, expect, mismatches
from services.cli.demo.report import Climb, ReportRow
from services.cli.demo.rows import Row, Verdict

OPENED = datetime(2011, 7, 1, 5, 32, 33, tzinfo=UTC)
TARGET = OPENED + timedelta(seconds=10)
UNTIL = OPENED + timedelta(days=30)
ROW = Row(
    line=1,
    external_id="101",
    opened_at=OPENED,
    target_at=TARGET,
    closed_at=OPENED + timedelta(days=1),
    ontime=False,
    kind="sanitation.schedule_a_bulk_item_pickup",
    unit="boston/d07/w17/p1714",
)
SITE = boston_site()

spans = st.timedeltas(timedelta(milliseconds=1), timedelta(days=400))
tiers = st.integers(1, 4)


def after(seconds: float) -> datetime:
    return OPENED + timedelta(seconds=seconds)


def report_of(row: Row) -> ReportRow:
    """What a system without fault would report."""
    assert row.opened_at
    expected = expect(row, SITE.start_tier(row.kind, row.unit), SITE.default_due(row.opened_at), UNTIL)
    return ReportRow(
        external_id=row.external_id,
        verdict="accepted",
        request_no="2011-000001",
        start_tier=expected.start_tier,
        due_at=expected.due_at,
        steps=expected.climbs,
        overdue=expected.overdue,
        supervised_at=expected.supervised_at,
        resolved_at=expected.resolved_at,
        status="resolved" if row.closed_at else "open",
    )


def test_each_tier_has_its_share_of_the_term_in_whole_seconds_and_the_top_ends_at_the_target() -> None:
    assert clock_ends(OPENED, TARGET, 4) == (after(2), after(5), after(7), TARGET)
    assert clock_ends(OPENED, TARGET, 3) == (after(3), after(6), TARGET)
    assert clock_ends(OPENED, TARGET, 1) == (TARGET,)


@given(spans, tiers)
def test_clocks_end_in_order_within_a_second_of_their_share(span: timedelta, count: int) -> None:
    ends = clock_ends(OPENED, OPENED + span, count)
    assert len(ends) == count
    assert list(ends) == sorted(ends)
    assert ends[-1] == OPENED + span
    for j, end in enumerate(ends[:-1], start=1):
        assert (end - OPENED).total_seconds().is_integer()
        assert timedelta(0) <= OPENED + span * j / count - end < timedelta(seconds=1, microseconds=1)


@given(spans, st.integers(1, 4), st.timedeltas(timedelta(0), timedelta(days=800)))
def test_a_case_climbs_only_before_its_close_and_is_overdue_only_after_its_target(
    span: timedelta, start_tier: int, open_for: timedelta
) -> None:
    row = replace(ROW, target_at=OPENED + span, closed_at=OPENED + open_for)
    expected = expect(row, start_tier, UNTIL, UNTIL)
    assert all(climb.at < OPENED + open_for for climb in expected.climbs)
    assert [climb.from_tier for climb in expected.climbs] == list(
        range(start_tier, start_tier + len(expected.climbs))
    )
    assert expected.overdue == (open_for > span) == (expected.supervised_at == row.target_at)
    if expected.overdue:
        assert len(expected.climbs) == 4 - start_tier


def test_at_the_same_instant_the_close_wins() -> None:
    at_a_clock, at_the_target = (replace(ROW, closed_at=at) for at in (after(5), TARGET))
    assert expect(at_a_clock, 1, UNTIL, UNTIL).climbs == (Climb(1, 2, after(2)),)
    assert expect(at_the_target, 1, UNTIL, UNTIL).overdue is False
    assert expect(at_the_target, 1, UNTIL, UNTIL).supervised_at is None


def test_an_open_case_is_overdue_if_its_target_is_before_the_end_of_the_replay() -> None:
    row = replace(ROW, closed_at=None)
    assert expect(row, 1, UNTIL, TARGET).overdue is False
    assert expect(row, 1, UNTIL, TARGET + timedelta(milliseconds=1)).overdue is True


def test_a_case_without_target_has_the_default_term_and_is_never_called_overdue() -> None:
    row = replace(ROW, target_at=None, closed_at=None)
    expected = expect(row, 4, SITE.default_due(OPENED), UNTIL)
    assert expected.due_at == datetime(2011, 7, 11, 5, 32, 33, tzinfo=UTC), "4 July is a holiday"
    assert expected.supervised_at == expected.due_at
    assert expected.overdue is None


def test_the_replay_ends_with_the_latest_opening_or_close_of_what_was_accepted() -> None:
    late = replace(ROW, verdict=Verdict.REJECTED, closed_at=UNTIL)
    assert default_until([ROW, late]) == ROW.closed_at
    assert default_until([late]) is None


@pytest.mark.parametrize(
    "row",
    [
        ROW,
        replace(ROW, closed_at=None, ontime=None),
        replace(ROW, target_at=None),
        replace(ROW, closed_at=after(3), ontime=True),
    ],
)
def test_a_faultless_report_has_no_mismatch(row: Row) -> None:
    assert mismatches(row, report_of(row), SITE, UNTIL) == []


GOOD = report_of(ROW)


@pytest.mark.parametrize(
    ("actual", "named"),
    [
        (replace(GOOD, external_id="102"), "external_id"),
        (replace(GOOD, verdict="rejected"), "verdict"),
        (replace(GOOD, request_no=None), "request_no"),
        (replace(GOOD, start_tier=2), "start_tier"),
        (replace(GOOD, due_at=after(11)), "due_at"),
        (replace(GOOD, steps=GOOD.steps[:-1]), "steps"),
        (replace(GOOD, steps=(replace(GOOD.steps[0], reason="handler"), *GOOD.steps[1:])), "steps"),
        (replace(GOOD, steps=(*GOOD.steps, Climb(4, 4, UNTIL))), "climbed after its close"),
        (replace(GOOD, overdue=False), "overdue by the city's flag"),
        (replace(GOOD, overdue=None), "overdue"),
        (replace(GOOD, supervised_at=None), "supervised_at"),
        (replace(GOOD, resolved_at=None), "resolved_at"),
        (replace(GOOD, status="open"), "status"),
    ],
)
def test_each_wrong_field_is_named(actual: ReportRow, named: str) -> None:
    assert any(named in words for words in mismatches(ROW, actual, SITE, UNTIL))


def test_the_citys_own_flag_is_believed_against_our_arithmetic() -> None:
    row = replace(ROW, ontime=True)
    assert any("flag" in words for words in mismatches(row, report_of(row), SITE, UNTIL))


def test_of_a_rejected_row_only_the_verdict_is_compared() -> None:
    row = replace(ROW, verdict=Verdict.REJECTED, opened_at=None)
    assert mismatches(row, ReportRow("101", "rejected", "open_dt: blank"), SITE, UNTIL) == []
