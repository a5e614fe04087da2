"""When a term is up, reckoned anew: by another source of holidays than the site's, and by other code."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import holidays

ZONE = ZoneInfo("Asia/Shanghai")
ONE_DAY = timedelta(days=1)


def at(month: int, day: int, hour: int, minute: int = 0) -> datetime:
    """A moment of 2026 by the town's clock."""
    return datetime(2026, month, day, hour, minute, tzinfo=ZONE)


def calendar_days(start: date, days: int) -> tuple[date, date]:
    """The last day of a term in calendar days (the first day is not counted), strict and rolled: when nobody
    works on the last day, the term ends with the next working day.
    """
    strict = start + days * ONE_DAY
    return strict, next(day for day in _from(strict) if _works(day))


def working_days(start: datetime, days: int) -> datetime:
    """So many working days later, at the same time of day."""
    later = (day for day in _from(start.date() + ONE_DAY) if _works(day))
    last = [next(later) for _ in range(days)][-1]
    return datetime.combine(last, start.timetz())


def end_of(day: date) -> datetime:
    """The last millisecond of a day in town."""
    return datetime.combine(day + ONE_DAY, time.min, ZONE) - timedelta(milliseconds=1)


def on(instant: datetime) -> date:
    """The day that a moment lies in, in town."""
    return instant.astimezone(ZONE).date()


def _from(day: date) -> Iterator[date]:
    while True:
        yield day
        day += ONE_DAY


def _works(day: date) -> bool:
    return _china(day.year).is_working_day(day)


@cache
def _china(year: int) -> holidays.HolidayBase:
    return holidays.country_holidays("CN", years=year, expand=False)
