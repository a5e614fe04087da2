"""Working hours: lunch breaks, make-up workdays, starts outside the hours, zones that skip an hour."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.calendar import Calendar, Day, Term, Unit, build, due
from services.chassis.hours import Hours, WorkingTime

SHANGHAI, NEW_YORK = ZoneInfo("Asia/Shanghai"), ZoneInfo("America/New_York")
CHINA = build(data="cn_holidays", country="CN")
OFFICE = Hours.parse(["09:00-12:00", "13:30-17:30"])
AT_WORK = WorkingTime(OFFICE, SHANGHAI, CHINA)
ZERO, MINUTE = timedelta(), timedelta(minutes=1)
MOMENTS = st.datetimes(
    datetime(2026, 1, 1),  # noqa: DTZ001 - Hypothesis wants bounds without a zone and adds it
    datetime(2026, 12, 1),  # noqa: DTZ001 - as above
    timezones=st.just(UTC),
)
LENGTHS = st.integers(1, 60 * 70).map(lambda minutes: minutes * MINUTE)


def local(text: str, zone: ZoneInfo = SHANGHAI) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


@pytest.mark.parametrize(
    ("hours", "start", "end"),
    [
        # A lunch break is not worked.
        (4, "2026-03-02 10:00", "2026-03-02 15:30"),
        # What is up as the break begins does not wait for its end.
        (3, "2026-03-02 09:00", "2026-03-02 12:00"),
        # Before the day begins, in the break, after it ends, on a Sunday: it begins with the next work.
        (1, "2026-03-02 06:15", "2026-03-02 10:00"),
        (1, "2026-03-02 12:20", "2026-03-02 14:30"),
        (1, "2026-03-02 21:00", "2026-03-03 10:00"),
        (1, "2026-03-01 10:00", "2026-03-02 10:00"),
        # Friday evening to Monday.
        (8, "2026-03-06 16:30", "2026-03-09 17:30"),
        # Spring Festival 02-15 to 02-23, with Saturday 02-14 worked for it, and 02-28 as well.
        (7, "2026-02-13 13:30", "2026-02-14 12:00"),
        (14, "2026-02-13 13:30", "2026-02-24 12:00"),
        (7, "2026-02-27 13:30", "2026-02-28 12:00"),
        # The National Day holiday of 2026: 10-01 to 10-07; 10-10 is a Saturday that is worked.
        (10, "2026-09-30 14:30", "2026-10-08 17:30"),
        (17, "2026-10-08 17:30", "2026-10-12 12:00"),
    ],
)
def test_working_hours_count_make_up_workdays_and_pass_over_breaks_nights_and_holidays(
    hours: int, start: str, end: str
) -> None:
    found = AT_WORK.due(Term(hours, Unit.WORKING_HOURS), local(start))
    assert found.strict == found.rolled == local(end)
    assert not found.provisional


def test_the_steps_tell_each_stretch_of_work_the_days_passed_over_and_the_rest() -> None:
    found = AT_WORK.due(Term(14, Unit.WORKING_HOURS), local("2026-02-13 13:30"))
    hours = [(step.code, step.first.isoformat(), step.amount) for step in found.steps]
    assert hours == [
        ("working_hours", "2026-02-13", 4 * 3600),
        ("off_hours", "2026-02-14", 15 * 3600 + 1800),
        ("make_up_hours", "2026-02-14", 3 * 3600),
        ("off_hours", "2026-02-14", 5400),
        ("make_up_hours", "2026-02-14", 4 * 3600),
        ("holiday", "2026-02-15", 9),
        ("off_hours", "2026-02-24", 15 * 3600 + 1800),
        ("working_hours", "2026-02-24", 3 * 3600),
    ]


@given(MOMENTS, LENGTHS)
def test_what_is_worked_until_the_end_is_the_length(start: datetime, length: timedelta) -> None:
    found = AT_WORK.count(length, start)
    assert AT_WORK.worked(start.replace(microsecond=0), found.strict) == length
    assert AT_WORK.after(start.replace(microsecond=0), length) == found.strict
    assert AT_WORK.covers(found.strict)


@given(MOMENTS, LENGTHS, LENGTHS)
def test_more_work_or_a_later_start_never_ends_earlier(
    start: datetime, length: timedelta, more: timedelta
) -> None:
    end = AT_WORK.count(length, start).strict
    assert AT_WORK.count(length + more, start).strict > end
    assert AT_WORK.count(length, start + more).strict >= end


@given(MOMENTS)
def test_an_opening_is_worked_and_nothing_is_before_it(at: datetime) -> None:
    opening = AT_WORK.opening(at)
    assert AT_WORK.covers(opening)
    assert AT_WORK.worked(at, opening) == ZERO
    assert (opening == at) == AT_WORK.covers(at)


@pytest.mark.parametrize(
    ("spans", "start", "minutes", "end"),
    [
        # 2026-03-08, 02:00 to 03:00 does not happen; 2026-11-01, 01:00 to 02:00 happens twice.
        (["00:30-01:30", "04:00-06:00"], "2026-03-08 00:30", 61, "2026-03-08 04:01"),
        (["01:00-04:00"], "2026-03-08 01:00", 90, "2026-03-08 03:30"),
        (["02:15-02:45", "03:10-05:00"], "2026-03-08 01:00", 30, "2026-03-08 03:45"),
        (["00:00-03:00"], "2026-11-01 00:00", 240, "2026-11-01 03:00"),
    ],
)
def test_an_hour_that_the_zone_skips_is_not_worked_and_one_that_it_repeats_is_worked_twice(
    spans: list[str], start: str, minutes: int, end: str
) -> None:
    """Both days are Sundays: a calendar that works on them."""
    working = WorkingTime(Hours.parse(spans), NEW_YORK, EveryDay())
    assert working.count(minutes * MINUTE, local(start, NEW_YORK)).strict == local(end, NEW_YORK)


class EveryDay(Calendar):
    """All days are worked."""

    version = "every-day"

    def day(self, on: date) -> Day:
        del on
        return Day.WORKING

    def is_known(self, year: int) -> bool:
        return year < 2027


class NoDay(EveryDay):
    """No day is."""

    def day(self, on: date) -> Day:
        del on
        return Day.HOLIDAY


def test_where_nobody_ever_works_nothing_is_counted_for_ever() -> None:
    with pytest.raises(ValueError, match="nobody works"):
        WorkingTime(OFFICE, SHANGHAI, NoDay()).opening(local("2026-03-02 10:00"))


def test_a_term_in_hours_that_touches_a_year_without_notice_is_provisional() -> None:
    term = Term(14, Unit.WORKING_HOURS)
    assert AT_WORK.due(term, local("2026-12-31 13:30")).provisional
    assert not AT_WORK.due(term, local("2026-12-30 09:00")).provisional


def test_terms_in_days_are_what_they_are_without_hours() -> None:
    term = Term(5, Unit.WORKING_DAYS, keeps_time=True)
    start = local("2026-02-13 10:00")
    assert AT_WORK.due(term, start) == due(term, start, SHANGHAI, CHINA)


def test_a_term_in_hours_without_the_hours_of_a_unit_is_refused() -> None:
    with pytest.raises(ValueError, match="need the hours of a unit"):
        due(Term(4, Unit.WORKING_HOURS), local("2026-02-13 10:00"), SHANGHAI, CHINA)


@pytest.mark.parametrize(
    "spans",
    [[], ["12:00-09:00"], ["09:00-09:00"], ["13:30-17:30", "09:00-12:00"], ["09:00-12:00", "11:00-17:00"]],
)
def test_hours_that_do_not_follow_each_other_are_refused(spans: list[str]) -> None:
    with pytest.raises(ValueError, match="hours: "):
        Hours.parse(spans)


@pytest.mark.parametrize("span", ["9", "09:00", "morning-noon", "09:00-25:00"])
def test_what_is_no_span_is_named(span: str) -> None:
    with pytest.raises(ValueError, match=f"{span}.* is no span"):
        Hours.parse([span])


def test_an_office_has_its_hours_in_order() -> None:
    assert OFFICE.spans == ((time(9), time(12)), (time(13, 30), time(17, 30)))
