"""The business calendar of a site, and due dates computed on it with the explanation of each step.

Pure: no clock. A calendar answers for one day at a time whether it is worked and why; `due` adds a term to a
start. What a calendar can't know yet (the make-up workdays of a year whose notice is not out) it guesses and
says so: a due date that touches such a year is *provisional* and computed again when `version` changes.
"""

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from functools import lru_cache
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from typing import Any

import holidays
import yaml

from services.chassis.record import to_ms

DATA = Path(__file__).parent / "data"
"""Data files shipped with the chassis: one folder per set, one file per year."""

_ONE_DAY = timedelta(days=1)
_ONE_MS = timedelta(milliseconds=1)
_SATURDAY = 5
_MAX_DAYS = 3_660


class Day(StrEnum):
    """What a day is; the values are the codes of the steps that explain a due date."""

    WORKING = "working_day"
    MAKE_UP = "make_up_workday"
    WEEKEND = "weekend"
    HOLIDAY = "holiday"

    @property
    def works(self) -> bool:
        """Whether work is done on such a day."""
        return self in (Day.WORKING, Day.MAKE_UP)


class Calendar(ABC):
    """Which days are worked. `version` names source and content: it changes when an answer may have."""

    version: str

    @abstractmethod
    def day(self, on: date) -> Day:
        """What the day is; in a year that is not known, the best guess."""

    @abstractmethod
    def is_known(self, year: int) -> bool:
        """Whether the days of the year are settled; if not, due dates that touch it are provisional."""

    def is_working_day(self, on: date) -> bool:
        """Whether the day is worked, make-up workdays (调休) included."""
        return self.day(on).works


def _in_plain_week(on: date) -> Day:
    return Day.WEEKEND if on.weekday() >= _SATURDAY else Day.WORKING


class LibraryCalendar(Calendar):
    """The public holidays of a country or one of its subdivisions, from the `holidays` library.

    Where the state moves workdays by yearly notice (China), only the years up to the last notice that the
    library holds are known; elsewhere all years for which it has rules. Raises ValueError naming the place
    that the library doesn't know.
    """

    def __init__(self, country: str, subdivision: str | None = None) -> None:
        try:
            rules = holidays.country_holidays(country, subdiv=subdivision)
        except NotImplementedError as error:
            msg = f"calendar: {error}"
            raise ValueError(msg) from error
        self.version = "-".join(filter(None, (f"holidays-{version('holidays')}", country, subdivision)))
        noticed = getattr(rules, "special_public_holidays", {}) if rules.has_substituted_holidays else {}
        self._years = range(rules.start_year, max(noticed, default=rules.end_year) + 1)
        self._place = (country, subdivision)

    def is_known(self, year: int) -> bool:
        """Whether the library has rules for the year and, where workdays move, that year's notice."""
        return year in self._years

    def day(self, on: date) -> Day:
        """The library's answer; a statutory guess in a year without notice."""
        year = _library_year(on.year, *self._place)
        if on in year:
            return Day.HOLIDAY
        if not year.is_weekend(on):
            return Day.WORKING
        return Day.MAKE_UP if on in year.weekend_workdays else Day.WEEKEND


@lru_cache(maxsize=256)
def _library_year(year: int, country: str, subdivision: str | None) -> holidays.HolidayBase:
    """One year, complete before anybody sees it: the library's growing by year isn't safe with threads."""
    return holidays.country_holidays(country, subdiv=subdivision, years=year, expand=False)


class FileCalendar(Calendar):
    """Days off and make-up workdays from yearly files of the holiday-cn shape (`<year>.json`).

    A file without days is a year whose notice is not out: not known, like years without a file. There `guess`
    answers, or plain weeks. Raises ValueError naming the file that is not of the shape.
    """

    def __init__(self, folder: Path, guess: Calendar | None = None) -> None:
        digest = hashlib.sha256()
        self._days: dict[date, bool] = {}
        self._years: set[int] = set()
        for path in sorted(folder.glob("[0-9][0-9][0-9][0-9].json")):
            content = path.read_bytes()
            digest.update(content)
            try:
                file = json.loads(content)
                days = {date.fromisoformat(d["date"]): bool(d["isOffDay"]) for d in file["days"]}
                year = int(file["year"])
            except (ValueError, KeyError, TypeError) as error:
                msg = f"calendar: {path.name} is not of the holiday-cn shape: {error!r}"
                raise ValueError(msg) from error
            self._days |= days
            if days:
                self._years.add(year)
        self._guess = guess
        self.version = f"{folder.name}-{digest.hexdigest()[:12]}" + (f"+{guess.version}" if guess else "")

    def is_known(self, year: int) -> bool:
        """Whether the year's file lists any day."""
        return year in self._years

    def day(self, on: date) -> Day:
        """The file's answer, a plain week for the days that it doesn't list, the guess outside its years."""
        off = self._days.get(on)
        if off is None and self._guess and not self.is_known(on.year):
            return self._guess.day(on)
        if off:
            return Day.HOLIDAY
        plain = _in_plain_week(on)
        return Day.MAKE_UP if off is False and not plain.works else plain


class OverlayCalendar(Calendar):
    """A site's own days over another calendar; the overlay wins.

    `known_years` are years that the overlay completes (a notice typed in before the data files have it).
    Raises ValueError naming a day that is both off and worked.
    """

    def __init__(
        self,
        base: Calendar,
        *,
        days_off: Iterable[date] = (),
        days_worked: Iterable[date] = (),
        known_years: Iterable[int] = (),
    ) -> None:
        self._base = base
        self._off, self._worked = frozenset(days_off), frozenset(days_worked)
        self._known = frozenset(known_years)
        if both := self._off & self._worked:
            msg = f"calendar: {min(both)} is both off and worked"
            raise ValueError(msg)
        content = repr([sorted(part) for part in (self._off, self._worked, self._known)])
        self.version = f"{base.version}+overlay-{hashlib.sha256(content.encode()).hexdigest()[:12]}"

    def is_known(self, year: int) -> bool:
        """Whether the overlay completes the year or the calendar beneath knows it."""
        return year in self._known or self._base.is_known(year)

    def day(self, on: date) -> Day:
        """The overlay's answer where it has one."""
        if on in self._off:
            return Day.HOLIDAY
        beneath = self._base.day(on)
        if on in self._worked and not beneath.works:
            return Day.MAKE_UP
        return beneath


def build(
    *,
    country: str | None = None,
    subdivision: str | None = None,
    data: str | None = None,
    overlay: Path | None = None,
) -> Calendar:
    """A calendar from its sources.

    `data` is a folder of yearly files beside this module, or any path; `country` (and `subdivision`) the
    library's rules, which only guess where `data` doesn't know; `overlay` a YAML file with lists `days_off`,
    `days_worked` and `known_years`. Raises ValueError naming what is wrong, OSError for a missing file.
    """
    library = LibraryCalendar(country, subdivision) if country else None
    calendar: Calendar | None = FileCalendar(DATA / data, library) if data else library
    if calendar is None:
        msg = "calendar: neither country nor data is given"
        raise ValueError(msg)
    return OverlayCalendar(calendar, **_read_overlay(overlay)) if overlay else calendar


def calendar_from(settings: Mapping[str, str], folder: Path) -> Calendar:
    """The calendar that a site's settings name by the fields of `build`; an overlay lies in the folder.

    Raises ValueError naming what is wrong, OSError for a missing file.
    """
    if unknown := settings.keys() - {"country", "subdivision", "data", "overlay"}:
        msg = f"calendar: no such field: {', '.join(sorted(unknown))}"
        raise ValueError(msg)
    overlay = settings.get("overlay")
    return build(
        country=settings.get("country"),
        subdivision=settings.get("subdivision"),
        data=settings.get("data"),
        overlay=folder / overlay if overlay else None,
    )


def _read_overlay(path: Path) -> Mapping[str, Any]:
    kinds = {"days_off": date, "days_worked": date, "known_years": int}
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        msg = f"calendar: {path.name} is no YAML"
        raise ValueError(msg) from error
    if not isinstance(content, dict) or content.keys() - kinds:
        msg = f"calendar: {path.name} has fields other than {', '.join(kinds)}"
        raise ValueError(msg)
    for field, values in content.items():
        if not isinstance(values, list) or not all(type(v) is kinds[field] for v in values):
            msg = f"calendar: {path.name}: {field} is not a list of type {kinds[field].__name__}"
            raise ValueError(msg)
    return content


class Unit(StrEnum):
    """What a term counts. 日 without 工作 is calendar days."""

    CALENDAR_DAYS = "calendar_days"
    WORKING_DAYS = "working_days"
    SECONDS = "seconds"
    MILLISECONDS = "milliseconds"
    WORKING_HOURS = "working_hours"
    WORKING_MINUTES = "working_minutes"

    @property
    def worked(self) -> timedelta | None:
        """How much work one of them is, for those that count working hours (`hours`)."""
        return {Unit.WORKING_HOURS: timedelta(hours=1), Unit.WORKING_MINUTES: timedelta(minutes=1)}.get(self)

    @property
    def elapsed(self) -> timedelta | None:
        """How long one of them is, whatever the calendar says; None for days, which are not all as long."""
        return {Unit.SECONDS: timedelta(seconds=1), Unit.MILLISECONDS: _ONE_MS}.get(self)


@dataclass(frozen=True, slots=True)
class Term:
    """A length of time. Days count from the day after the start: the first day is not counted.

    A term of law ends with its last day (`keeps_time` false); a level of service keeps the start's time of
    day, so that five working days from Monday 14:05 are up on the next Monday at 14:05.
    """

    length: int
    unit: Unit
    keeps_time: bool = False

    def __post_init__(self) -> None:
        """Raise ValueError for a term without length, or of more than ten years in days."""
        if self.length < 1 or (self.unit.elapsed is None and self.length > _MAX_DAYS):
            msg = f"term: length {self.length} is not in 1 to {_MAX_DAYS} days"
            raise ValueError(msg)


@dataclass(frozen=True, slots=True)
class Step:
    """Part of the way to a due date: from the day before `first` it moves on by `amount`, because of `code`.

    `code` is a `Day` (worked days count in a working-day term, others are passed over) or a `Unit`; `amount`
    is in days, for `seconds` and `milliseconds` in these. A day on which a calendar-day term ends but nobody
    works is counted first and passed over then. All amounts add up to the way from the start to the rolled
    date.
    """

    code: str
    first: date
    amount: int


@dataclass(frozen=True, slots=True)
class DueDate:
    """When a term is up, in UTC; what is done at that very millisecond is in time.

    `strict` is the plain count and the one to warn on, `rolled` the same moved to the next working day where
    the count ends on a day off. `provisional`: days in years that the calendar doesn't know were looked at.
    """

    strict: datetime
    rolled: datetime
    provisional: bool
    steps: tuple[Step, ...]
    calendar_version: str


def due(term: Term, start: datetime, zone: tzinfo, calendar: Calendar) -> DueDate:
    """When a term is up that begins at `start` (aware) for a site in `zone`.

    A term that ends with the day is up at the last millisecond of that day in the zone. One that keeps its
    time of day reads a time that the zone skips in spring as if summer time had not begun, and one that it
    repeats in autumn as the first of the two. Raises ValueError for a term in working hours: those are a
    unit's (`hours.WorkingTime`).
    """
    if term.unit.worked:
        msg = f"term: {term.unit} need the hours of a unit"
        raise ValueError(msg)
    start = to_ms(start)
    local = start.astimezone(zone)
    if elapsed := term.unit.elapsed:
        end = start + term.length * elapsed
        steps: tuple[Step, ...] = (Step(term.unit, local.date(), term.length),)
        return DueDate(
            strict=end, rolled=end, provisional=False, steps=steps, calendar_version=calendar.version
        )
    looked_at: list[tuple[date, Day]] = []
    if term.unit is Unit.CALENDAR_DAYS:
        strict = rolled = local.date() + timedelta(days=term.length)
        counted = (Step(term.unit, local.date() + _ONE_DAY, term.length),)
        looked_at.append((rolled, calendar.day(rolled)))
        while not looked_at[-1][1].works:
            rolled += _ONE_DAY
            looked_at.append((rolled, calendar.day(rolled)))
        steps = counted + _runs(looked_at[:-1])
    else:
        rolled, left = local.date(), term.length
        while left:
            rolled += _ONE_DAY
            looked_at.append((rolled, calendar.day(rolled)))
            left -= looked_at[-1][1].works
        strict, steps = rolled, _runs(looked_at)
    time_of_day = local.time().replace(fold=0) if term.keeps_time else None
    return DueDate(
        strict=_instant(strict, time_of_day, zone),
        rolled=_instant(rolled, time_of_day, zone),
        provisional=not all(calendar.is_known(year) for year in {on.year for on, _ in looked_at}),
        steps=steps,
        calendar_version=calendar.version,
    )


def _runs(days: Sequence[tuple[date, Day]]) -> tuple[Step, ...]:
    """Consecutive days of one kind as one step."""
    runs = [(kind, [on for on, _ in run]) for kind, run in groupby(days, key=lambda day: day[1])]
    return tuple(Step(kind, run[0], len(run)) for kind, run in runs)


def _instant(on: date, time_of_day: time | None, zone: tzinfo) -> datetime:
    """A time of a day in UTC; without one, the last millisecond before the next day begins."""
    if time_of_day is None:
        return datetime.combine(on + _ONE_DAY, time.min, zone).astimezone(UTC) - _ONE_MS
    return datetime.combine(on, time_of_day, zone).astimezone(UTC)
