"""The business calendar: the golden vectors of the field, and what holds for every term."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.calendar import (
    DATA,
    Calendar,
    Day,
    DueDate,
    FileCalendar,
    LibraryCalendar,
    OverlayCalendar,
    Step,
    Term,
    Unit,
    build,
    calendar_from,
    due,
)

SHANGHAI = ZoneInfo("Asia/Shanghai")
NEW_YORK = ZoneInfo("America/New_York")
CHINA = build(data="cn_holidays", country="CN")
BOSTON = build(country="US", subdivision="MA")
FAR = date(2027, 1, 1)

days = st.dates(date(2019, 1, 1), date(2026, 10, 31))
lengths = st.integers(1, 90)
units = st.sampled_from([Unit.CALENDAR_DAYS, Unit.WORKING_DAYS])
instants = st.datetimes(
    datetime(2019, 1, 1),  # noqa: DTZ001 - Hypothesis wants bounds without a zone and adds it
    datetime(2028, 1, 1),  # noqa: DTZ001 - as above
    timezones=st.just(UTC),
)


def in_china(length: int, unit: Unit, start: str) -> DueDate:
    return due(Term(length, unit), datetime.fromisoformat(f"{start}T10:30:00+08:00"), SHANGHAI, CHINA)


def day_in_china(instant: datetime) -> str:
    return instant.astimezone(SHANGHAI).date().isoformat()


@pytest.mark.parametrize(
    ("length", "start", "strict", "rolled"),
    [
        (15, "2026-02-03", "2026-02-18", "2026-02-24"),
        (15, "2026-09-17", "2026-10-02", "2026-10-08"),
        (60, "2026-08-03", "2026-10-02", "2026-10-08"),
        (30, "2026-04-01", "2026-05-01", "2026-05-06"),
    ],
)
def test_calendar_days_end_on_the_strict_date_and_roll_over_a_holiday(
    length: int, start: str, strict: str, rolled: str
) -> None:
    result = in_china(length, Unit.CALENDAR_DAYS, start)
    assert (day_in_china(result.strict), day_in_china(result.rolled)) == (strict, rolled)
    assert not result.provisional


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-02-13", "2026-02-27"),
        ("2026-09-24", "2026-10-09"),
        ("2026-04-30", "2026-05-11"),
        ("2025-09-30", "2025-10-14"),
    ],
)
def test_five_working_days_count_make_up_workdays_and_pass_over_holidays(start: str, end: str) -> None:
    result = in_china(5, Unit.WORKING_DAYS, start)
    assert day_in_china(result.strict) == day_in_china(result.rolled) == end
    assert not result.provisional


@pytest.mark.parametrize("unit", [Unit.CALENDAR_DAYS, Unit.WORKING_DAYS])
def test_a_due_date_in_a_year_without_notice_is_provisional(unit: Unit) -> None:
    assert in_china(5, unit, "2026-12-30").provisional


def test_a_provisional_due_date_guesses_the_statutory_holidays() -> None:
    result = in_china(5, Unit.WORKING_DAYS, "2026-12-30")
    assert Step(Day.HOLIDAY, FAR, 1) in result.steps
    assert day_in_china(result.rolled) == "2027-01-07"


def test_without_a_guess_a_year_without_notice_is_plain_weeks() -> None:
    calendar = FileCalendar(DATA / "cn_holidays")
    assert calendar.day(FAR) is Day.WORKING
    assert calendar.day(date(2027, 1, 2)) is Day.WEEKEND


def test_the_steps_explain_a_holiday_and_a_make_up_workday() -> None:
    assert in_china(5, Unit.WORKING_DAYS, "2026-02-13").steps == (
        Step("make_up_workday", date(2026, 2, 14), 1),
        Step("holiday", date(2026, 2, 15), 9),
        Step("working_day", date(2026, 2, 24), 4),
    )
    assert in_china(15, Unit.CALENDAR_DAYS, "2026-02-03").steps == (
        Step("calendar_days", date(2026, 2, 4), 15),
        Step("holiday", date(2026, 2, 18), 6),
    )


@pytest.mark.parametrize("year", [2025, 2026])
def test_the_files_and_the_library_agree_on_every_working_day(year: int) -> None:
    library = LibraryCalendar("CN")
    for number in range(365):
        on = date(year, 1, 1) + timedelta(number)
        assert library.is_working_day(on) == CHINA.is_working_day(on), on


@pytest.mark.parametrize("year", range(2018, 2029))
def test_a_year_is_known_if_its_file_lists_days(year: int) -> None:
    assert CHINA.is_known(year) == (2019 <= year <= 2026)


def test_the_library_knows_china_up_to_its_last_notice_and_boston_for_a_lifetime() -> None:
    china = LibraryCalendar("CN")
    assert china.is_known(2026)
    assert not china.is_known(2027)
    assert china.day(date(2026, 2, 14)) is Day.MAKE_UP
    assert BOSTON.is_known(2060)


@pytest.mark.parametrize("day", [date(2011, 7, 4), date(2011, 4, 18), date(2011, 12, 26)])
def test_boston_rests_on_the_holidays_of_its_state(day: date) -> None:
    assert BOSTON.day(day) is Day.HOLIDAY


def test_a_term_of_law_ends_with_the_last_millisecond_of_its_day() -> None:
    end = in_china(15, Unit.CALENDAR_DAYS, "2026-02-03").strict
    assert end == datetime(2026, 2, 18, 15, 59, 59, 999_000, tzinfo=UTC)


def test_a_service_level_keeps_the_time_of_day_across_summer_time() -> None:
    term = Term(5, Unit.WORKING_DAYS, keeps_time=True)
    start = datetime(2011, 11, 1, 14, 5, 7, 123_456, tzinfo=NEW_YORK)
    assert due(term, start, NEW_YORK, BOSTON).rolled == datetime(2011, 11, 8, 19, 5, 7, 123_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2011-03-12T02:30:00-05:00", "2011-03-13T03:30:00-04:00"),
        ("2011-11-05T01:30:00-04:00", "2011-11-06T01:30:00-04:00"),
    ],
)
def test_a_time_that_the_zone_skips_moves_on_and_one_that_it_repeats_is_the_first(
    start: str, end: str
) -> None:
    term = Term(1, Unit.CALENDAR_DAYS, keeps_time=True)
    assert due(term, datetime.fromisoformat(start), NEW_YORK, BOSTON).strict == datetime.fromisoformat(end)


def test_a_day_whose_midnight_the_zone_skips_still_ends_once() -> None:
    beirut = ZoneInfo("Asia/Beirut")
    start = datetime(2022, 3, 25, 12, tzinfo=beirut)
    end = due(Term(1, Unit.CALENDAR_DAYS), start, beirut, BOSTON).strict
    assert end.astimezone(beirut).isoformat() == "2022-03-26T23:59:59.999000+02:00"


def test_seconds_are_elapsed_time_whatever_the_calendar_says() -> None:
    start = datetime(2026, 10, 1, tzinfo=UTC)
    result = due(Term(90, Unit.SECONDS), start, SHANGHAI, CHINA)
    assert result.strict == result.rolled == start + timedelta(seconds=90)
    assert result.steps == (Step("seconds", date(2026, 10, 1), 90),)


def test_milliseconds_are_elapsed_time_as_well() -> None:
    start = datetime(2026, 10, 1, tzinfo=UTC)
    result = due(Term(50, Unit.MILLISECONDS), start, SHANGHAI, CHINA)
    assert result.strict == result.rolled == start + timedelta(milliseconds=50)
    assert result.steps == (Step("milliseconds", date(2026, 10, 1), 50),)


@pytest.mark.parametrize("length", [0, -1, 4_000])
def test_a_term_without_length_or_beyond_ten_years_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="length"):
        Term(length, Unit.WORKING_DAYS)


@given(days, lengths, units)
def test_the_steps_add_up_to_the_due_date(start: date, length: int, unit: Unit) -> None:
    result = in_china(length, unit, start.isoformat())
    assert day_in_china(result.rolled) == (start + timedelta(sum(s.amount for s in result.steps))).isoformat()


@given(days, lengths)
def test_a_working_day_term_counts_its_length_and_ends_on_a_working_day(start: date, length: int) -> None:
    result = in_china(length, Unit.WORKING_DAYS, start.isoformat())
    assert sum(s.amount for s in result.steps if Day(s.code).works) == length
    assert CHINA.is_working_day(result.rolled.astimezone(SHANGHAI).date())


@given(days, lengths)
def test_a_calendar_day_term_is_the_plain_count_rolled_to_a_working_day(start: date, length: int) -> None:
    result = in_china(length, Unit.CALENDAR_DAYS, start.isoformat())
    assert day_in_china(result.strict) == (start + timedelta(length)).isoformat()
    assert CHINA.is_working_day(result.rolled.astimezone(SHANGHAI).date())
    assert (result.rolled == result.strict) == CHINA.is_working_day(start + timedelta(length))


@given(instants, instants, lengths, lengths, units)
def test_a_later_start_or_a_longer_term_is_never_due_earlier(
    a: datetime, b: datetime, short: int, long: int, unit: Unit
) -> None:
    (first, last), (short, long) = sorted((a, b)), sorted((short, long))
    early = due(Term(short, unit), first, NEW_YORK, CHINA)
    for length, start in ((short, last), (long, first)):
        late = due(Term(length, unit), start, NEW_YORK, CHINA)
        assert early.strict <= late.strict
        assert early.rolled <= late.rolled


@given(st.dates(date(2026, 6, 1), date(2027, 6, 1)), lengths, units)
def test_a_due_date_is_provisional_if_and_only_if_it_looks_at_an_unknown_year(
    start: date, length: int, unit: Unit
) -> None:
    result = in_china(length, unit, start.isoformat())
    assert result.provisional == (result.rolled.astimezone(SHANGHAI).date() >= FAR)


@given(st.sets(days), st.sets(days), days)
def test_the_overlay_wins_and_all_other_days_stay(off: set[date], worked: set[date], other: date) -> None:
    overlay = OverlayCalendar(CHINA, days_off=off - worked, days_worked=worked)
    assert not any(overlay.is_working_day(on) for on in off - worked)
    assert all(overlay.is_working_day(on) for on in worked)
    if other not in off | worked:
        assert overlay.day(other) is CHINA.day(other)


def test_an_overlay_file_completes_a_year_and_changes_the_version(tmp_path: Path) -> None:
    path = tmp_path / "overlay.yaml"
    lines = ("days_off: [2027-01-04]", "days_worked: [2027-01-02]", "known_years: [2027]")
    path.write_text("\n".join(lines), encoding="utf-8")
    calendar = build(data="cn_holidays", country="CN", overlay=path)
    assert calendar.day(date(2027, 1, 2)) is Day.MAKE_UP
    assert calendar.day(date(2027, 1, 4)) is Day.HOLIDAY
    assert calendar.is_known(2027)
    assert calendar.version != CHINA.version


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("days_off: 2027-01-04", "days_off"),
        ("days_off: [soon]", "days_off"),
        ("known_years: [2027-01-01]", "known_years"),
        ("closed: []", "fields"),
        ("days_off: [2027-01-04]\ndays_worked: [2027-01-04]", "2027-01-04"),
        ("days_off: [", "no YAML"),
    ],
)
def test_a_wrong_overlay_names_what_is_wrong(tmp_path: Path, text: str, named: str) -> None:
    path = tmp_path / "overlay.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=named):
        build(country="CN", overlay=path)


def test_a_file_of_another_shape_is_named(tmp_path: Path) -> None:
    (tmp_path / "2030.json").write_text('{"year": 2030, "days": [{"date": "soon"}]}', encoding="utf-8")
    with pytest.raises(ValueError, match=r"2030\.json"):
        FileCalendar(tmp_path)


@pytest.mark.parametrize(("country", "subdivision"), [("XX", None), ("US", "QQ"), (None, None)])
def test_a_place_that_nobody_knows_is_named(country: str | None, subdivision: str | None) -> None:
    with pytest.raises(ValueError, match="calendar"):
        build(country=country, subdivision=subdivision)


def test_a_sites_settings_name_its_calendar_and_an_overlay_in_its_folder(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("days_off: [2011-07-05]", encoding="utf-8")
    settings = {"country": "US", "subdivision": "MA", "overlay": "mine.yaml"}
    assert calendar_from(settings, tmp_path).day(date(2011, 7, 5)) is Day.HOLIDAY
    with pytest.raises(ValueError, match="state"):
        calendar_from({"country": "US", "state": "MA"}, tmp_path)


def test_files_of_one_content_have_one_version() -> None:
    again: Calendar = build(data="cn_holidays", country="CN")
    assert again.version == CHINA.version != build(data="cn_holidays").version
