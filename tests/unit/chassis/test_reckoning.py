"""Each clock's steps add up to its end, strict and rolled; and a clock can be reckoned again from them."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.calendar import Calendar, OverlayCalendar, Term, Unit, build
from services.chassis.hours import Hours, WorkingTime
from services.chassis.reckoning import again, reached, share
from services.chassis.terms import END_OF_DAY, Clock, start_term

SHANGHAI = ZoneInfo("Asia/Shanghai")
CHINA = build(data="cn_holidays", country="CN")
NOTICE = OverlayCalendar(
    CHINA,
    days_off=[date(2027, 1, day) for day in (1, 2, 3, 4)],
    days_worked=[date(2027, 1, 9)],
    known_years=[2027],
)
"""What a notice for 2027 may say."""
OFFICE = Hours.parse(["09:00-12:00", "13:30-17:30"])
MOMENTS = st.datetimes(
    datetime(2019, 1, 1),  # noqa: DTZ001 - Hypothesis wants bounds without a zone and adds it
    datetime(2027, 6, 1),  # noqa: DTZ001 - as above
    timezones=st.just(UTC),
).map(lambda at: at.replace(microsecond=at.microsecond // 1000 * 1000))
TERMS = st.builds(Term, st.integers(1, 90), st.sampled_from(Unit), keeps_time=st.booleans())
SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class Town:
    """Where the clocks run."""

    calendar: Calendar = CHINA
    zone: ZoneInfo = SHANGHAI

    @property
    def office(self) -> WorkingTime:
        return WorkingTime(OFFICE, self.zone, self.calendar)


def clock_of(term: Term, at: datetime, town: Town = Town()) -> Clock:
    return start_term("tier-1", "test@1", term, at, town, working=town.office)


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(hour=10, tzinfo=SHANGHAI)


def last_of(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI) + timedelta(days=1, milliseconds=-1)


@pytest.mark.parametrize(
    ("days", "start", "strict", "rolled"),
    [
        (15, "2026-02-03", "2026-02-18", "2026-02-24"),
        (15, "2026-09-17", "2026-10-02", "2026-10-08"),
        (60, "2026-08-03", "2026-10-02", "2026-10-08"),
        (30, "2026-04-01", "2026-05-01", "2026-05-06"),
    ],
)
def test_the_steps_of_a_term_of_law_add_up_to_the_strict_date_and_then_to_the_rolled_one(
    days: int, start: str, strict: str, rolled: str
) -> None:
    clock = clock_of(Term(days, Unit.CALENDAR_DAYS), day(start))
    assert (clock.due_at, clock.rolled_due_at) == (last_of(strict), last_of(rolled))
    until = reached(clock, SHANGHAI, 1)
    codes = [code for code, _, _ in clock.explanation]
    assert until[codes.index(END_OF_DAY)] == last_of(strict)
    assert until[-1] == last_of(rolled)


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-02-13", "2026-02-27"),
        ("2026-09-24", "2026-10-09"),
        ("2026-04-30", "2026-05-11"),
        ("2025-09-30", "2025-10-14"),
    ],
)
def test_the_steps_of_five_working_days_add_up_to_their_end(start: str, end: str) -> None:
    clock = clock_of(Term(5, Unit.WORKING_DAYS), day(start))
    assert clock.due_at == clock.rolled_due_at == reached(clock, SHANGHAI, 1)[-1] == last_of(end)
    worked = sum(
        amount for code, _, amount in clock.explanation if code in {"working_day", "make_up_workday"}
    )
    assert worked == 5
    assert not clock.provisional
    assert clock_of(Term(5, Unit.WORKING_DAYS), day("2026-12-30")).provisional


@given(TERMS, MOMENTS)
def test_the_steps_of_every_clock_add_up_to_its_end(term: Term, at: datetime) -> None:
    clock = clock_of(term, at)
    assert reached(clock, SHANGHAI, 1)[-1] == clock.rolled_due_at


@given(TERMS, MOMENTS, st.integers(1, 4), st.data())
def test_the_steps_of_a_share_add_up_to_its_end(
    term: Term, at: datetime, clocks: int, data: st.DataObject
) -> None:
    whole = clock_of(term, at)
    number = data.draw(st.integers(1, clocks))
    began = datetime.fromisoformat(whole.explanation[0][1])
    ends = share(began, whole.due_at, number, clocks)
    rolled = whole.rolled_due_at if number == clocks else ends
    steps = (*whole.explanation, ("share_of_term", ends.isoformat(), number))
    clock = replace(whole, due_at=ends, rolled_due_at=rolled, explanation=steps)
    assert reached(clock, SHANGHAI, clocks)[-1] == rolled
    assert again(clock, Town(), clocks, working=Town().office) == clock


@given(TERMS, MOMENTS, st.lists(st.integers(1, 10**6), max_size=3))
def test_pauses_and_extensions_add_up_as_well(term: Term, at: datetime, pauses: list[int]) -> None:
    clock = clock_of(term, at)
    by = sum(pauses) * SECOND
    steps = (*clock.explanation, *(("pause", at.isoformat(), seconds) for seconds in pauses))
    paused = replace(
        clock, due_at=clock.due_at + by, rolled_due_at=clock.rolled_due_at + by, explanation=steps
    )
    assert reached(paused, SHANGHAI, 1)[-1] == paused.rolled_due_at
    assert again(paused, Town(), 1, working=Town().office) == paused


@given(TERMS, MOMENTS)
def test_reckoned_again_on_the_same_calendar_a_clock_is_the_same(term: Term, at: datetime) -> None:
    clock = clock_of(term, at)
    assert again(clock, Town(), 1, working=Town().office) == clock


@given(TERMS, MOMENTS)
def test_reckoned_again_on_another_calendar_it_is_what_the_rule_says_there(term: Term, at: datetime) -> None:
    noticed = Town(NOTICE)
    now = again(clock_of(term, at), noticed, 1, working=noticed.office)
    assert now == clock_of(term, at, noticed)
    assert reached(now, SHANGHAI, 1)[-1] == now.rolled_due_at


def test_what_was_promised_stays_as_it_was_promised() -> None:
    steps = (("start", day("2026-12-30").isoformat(), 0), ("promised", day("2027-01-05").isoformat(), 0))
    promised = replace(
        clock_of(Term(5, Unit.WORKING_DAYS), day("2026-12-30")),
        due_at=day("2027-01-05"),
        rolled_due_at=day("2027-01-05"),
        explanation=steps,
    )
    assert again(promised, Town(NOTICE), 1) == promised
    assert reached(promised, SHANGHAI, 1)[-1] == promised.due_at


def test_working_hours_are_not_reckoned_without_the_hours() -> None:
    with pytest.raises(ValueError, match="hours"):
        again(clock_of(Term(4, Unit.WORKING_HOURS), day("2026-12-30")), Town(NOTICE), 1)
