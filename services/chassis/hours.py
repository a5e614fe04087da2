"""Working hours of a unit on a calendar: terms that count them, and where in them a moment lies. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import groupby

from services.chassis.calendar import Calendar, Day, DueDate, Step, Term, due

WORKING_HOURS, MAKE_UP_HOURS, OFF_HOURS = "working_hours", "make_up_hours", "off_hours"
"""Codes of steps that count seconds: worked on a working day, on a make-up workday, not worked at all."""

_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)
_MAX_DAYS = 3_660


@dataclass(frozen=True, slots=True)
class Hours:
    """When work is done on a worked day, in the zone's time; what lies between two spans is a break."""

    spans: tuple[tuple[time, time], ...]

    def __post_init__(self) -> None:
        """Raise ValueError unless there is a span, each ends after it begins, and they follow each other."""
        edges = [edge for span in self.spans for edge in span]
        if not edges or any(a >= b for a, b in self.spans) or edges != sorted(edges):
            msg = f"hours: {', '.join(f'{a:%H:%M}-{b:%H:%M}' for a, b in self.spans) or 'none'}"
            raise ValueError(msg)

    @classmethod
    def parse(cls, spans: Iterable[str]) -> "Hours":
        """From texts such as `09:00-12:00`.

        Raises:
            TypeError: they are no list.
            ValueError: one is no span of a day, or they are out of order.
        """
        if not isinstance(spans, list):
            msg = "hours: no list of spans such as 09:00-12:00"
            raise TypeError(msg)
        found = []
        for each in spans:
            begin, _, end = str(each).partition("-")
            try:
                found.append((time.fromisoformat(begin.strip()), time.fromisoformat(end.strip())))
            except ValueError as error:
                msg = f"hours: {each!r} is no span such as 09:00-12:00"
                raise ValueError(msg) from error
        return cls(tuple(found))


@dataclass(frozen=True, slots=True)
class WorkingTime:
    """The working hours on a calendar in a zone. A moment at which work ends is still in it."""

    hours: Hours
    zone: tzinfo
    calendar: Calendar

    def due(self, term: Term, start: datetime) -> DueDate:
        """As `calendar.due`; a term in working hours or minutes is up when so much has been worked."""
        length = term.unit.worked
        if length is None:
            return due(term, start, self.zone, self.calendar)
        return self.count(term.length * length, start)

    def count(self, length: timedelta, start: datetime) -> DueDate:
        """When so much has been worked, from the whole second of a start on.

        Its steps are of whole days not worked, or of seconds (the codes above), and add up to the end.

        Raises:
            ValueError: nobody works for ten years.
        """
        at, left, steps = start.astimezone(UTC).replace(microsecond=0), length, list[Step]()
        years = set[int]()
        for begin, end, day in self._spans(at, years):
            opens = max(begin, at)
            steps += self._passed(at, opens)
            taken = min(left, end - opens)
            code = MAKE_UP_HOURS if day is Day.MAKE_UP else WORKING_HOURS
            steps.append(Step(code, opens.astimezone(self.zone).date(), taken // _SECOND))
            at, left = opens + taken, left - taken
            if not left:
                break
        provisional = not all(self.calendar.is_known(year) for year in years)
        return DueDate(at, at, provisional, tuple(steps), self.calendar.version)

    def worked(self, begin: datetime, end: datetime) -> timedelta:
        """How much is worked between two moments."""
        total = timedelta()
        for opens, closes, _ in self._spans(begin, set()) if begin < end else ():
            if opens >= end:
                break
            total += min(closes, end) - max(opens, begin)
        return total

    def after(self, begin: datetime, worked: timedelta) -> datetime:
        """The first moment at which so much has been worked since another one."""
        at = begin
        for opens, closes, _ in self._spans(begin, set()):
            at = max(opens, begin)
            if worked <= closes - at:
                break
            worked -= closes - at
        return at + worked

    def opening(self, at: datetime) -> datetime:
        """The moment itself in working time, else when work begins next."""
        return at if self.covers(at) else self.after(at, timedelta())

    def covers(self, at: datetime) -> bool:
        """Whether it is working time."""
        on = at.astimezone(self.zone).date()
        return any(opens <= at <= closes for opens, closes in self._on(on))

    def _spans(self, begin: datetime, years: set[int]) -> Iterator[tuple[datetime, datetime, Day]]:
        """The spans that end after a moment, and what day they are of; notes the years that it looks at."""
        first = begin.astimezone(self.zone).date()
        for number in range(_MAX_DAYS):
            on = first + number * _DAY
            years.add(on.year)
            for opens, closes in self._on(on):
                if closes > begin:
                    yield opens, closes, self.calendar.day(on)
        msg = "hours: nobody works for ten years"
        raise ValueError(msg)

    def _on(self, on: date) -> Iterator[tuple[datetime, datetime]]:
        """The spans of a day, none of them empty, each after the other also where the zone skips an hour."""
        if not self.calendar.is_working_day(on):
            return
        last = datetime.combine(on, time.min, self.zone).astimezone(UTC)
        for begin, end in self.hours.spans:
            opens, closes = (datetime.combine(on, t, self.zone).astimezone(UTC) for t in (begin, end))
            opens = max(opens, last)
            if closes > opens:
                yield opens, closes
                last = closes

    def _passed(self, at: datetime, opens: datetime) -> list[Step]:
        """The steps from one moment to the next opening: days that are not worked, then the rest."""
        first = at.astimezone(self.zone).date() + _DAY
        number = max((opens.astimezone(self.zone).date() - first).days, 0)
        days = [first + n * _DAY for n in range(number)]
        runs = [(kind, list(run)) for kind, run in groupby(days, self.calendar.day)]
        rest = (opens - days_on(at, number, self.zone)) // _SECOND
        off = [Step(OFF_HOURS, opens.astimezone(self.zone).date(), rest)] if rest else []
        return [*(Step(kind, run[0], len(run)) for kind, run in runs), *off]


def days_on(at: datetime, days: int, zone: tzinfo) -> datetime:
    """The same time of day so many days later, in UTC; the first of two where the zone repeats it."""
    if not days:
        return at
    local = at.astimezone(zone)
    there = datetime.combine(local.date() + days * _DAY, local.time().replace(fold=0), zone)
    return there.astimezone(UTC)
