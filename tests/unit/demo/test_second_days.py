"""The act's own reckoning of dates: the field's golden vectors, and the calendar that the services use."""

from datetime import UTC, date, datetime

import pytest

from services.chassis.calendar import Term, Unit, due
from services.chassis.site import load_site
from services.cli.demo import JILI
from services.cli.demo.second import days
from services.cli.demo.second.scenes import drain, petition


@pytest.mark.parametrize(
    ("start", "length", "strict", "rolled"),
    [
        ("2026-02-03", 15, "2026-02-18", "2026-02-24"),
        ("2026-09-17", 15, "2026-10-02", "2026-10-08"),
        ("2026-08-03", 60, "2026-10-02", "2026-10-08"),
        ("2026-04-01", 30, "2026-05-01", "2026-05-06"),
        ("2026-07-27", 30, "2026-08-26", "2026-08-26"),
    ],
)
def test_a_term_of_law_has_a_strict_and_a_rolled_date(
    start: str, length: int, strict: str, rolled: str
) -> None:
    expected = (date.fromisoformat(strict), date.fromisoformat(rolled))
    assert days.calendar_days(date.fromisoformat(start), length) == expected


@pytest.mark.parametrize(
    ("start", "end"),
    [("2026-02-13", "2026-02-27"), ("2026-09-24", "2026-10-09"), ("2026-04-30", "2026-05-11")],
)
def test_five_working_days_count_make_up_workdays_and_no_holidays(start: str, end: str) -> None:
    begun = datetime.fromisoformat(f"{start}T10:30").replace(tzinfo=days.ZONE)
    assert days.working_days(begun, 5) == datetime.fromisoformat(f"{end}T10:30").replace(tzinfo=days.ZONE)


def test_what_the_scenes_expect_is_what_the_services_calendar_says() -> None:
    site = load_site(JILI / "site")
    for start, length in (
        (petition.ACCEPTED, petition.OPINION_DAYS),
        (petition.ANSWERED, petition.REVIEW_DAYS),
    ):
        found = due(Term(length, Unit.CALENDAR_DAYS), start, site.zone, site.calendar)
        strict, rolled = days.calendar_days(start.date(), length)
        assert (found.strict, found.rolled) == (days.end_of(strict), days.end_of(rolled))
    promised = due(
        Term(drain.PROMISE_DAYS, Unit.WORKING_DAYS, keeps_time=True), drain.OPENS, site.zone, site.calendar
    )
    assert promised.rolled == drain.due(drain.OPENS)


def test_a_day_in_town_begins_eight_hours_before_that_of_utc() -> None:
    assert days.on(datetime(2026, 10, 7, 16, tzinfo=UTC)) == date(2026, 10, 8)
    assert days.end_of(date(2026, 10, 8)) == datetime(2026, 10, 8, 15, 59, 59, 999_000, tzinfo=UTC)
