"""A department with its roster, on all its days: who is on duty at a moment, and when nobody is."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from services.chassis.calendar import Calendar, Day
from services.routing.domain.directory.days import Days

EVENTS = "fengqiao.routing.rosters"

RESIDENT, ROTATING, ON_CALL = "resident", "rotating", "on_call"
STANDING, CLOSED = "standing", "closed"

MIDNIGHT = "24:00"
LOOK_AHEAD = 7
"""Days whose holes are named before they come."""


@dataclass(frozen=True, slots=True)
class Hours:
    """From one local time to another of the same day, as 08:30; text, which sorts as they do."""

    opens: str
    closes: str

    def __contains__(self, at: str) -> bool:
        """Whether a time is within them; the last minute's end is not."""
        return self.opens <= at < self.closes

    def overlaps(self, other: "Hours") -> bool:
        """Whether they have some time in common."""
        return max(self.opens, other.opens) < min(self.closes, other.closes)


WHOLE_DAY = Hours("00:00", MIDNIGHT)
OFFICE = Hours("08:30", "17:30")


@dataclass(frozen=True, slots=True)
class Duty:
    """Somebody's turn; without `weekdays` on each day that counts for the mode."""

    id: str
    person_ref: str
    days: Days
    weekdays: tuple[int, ...]
    hours: Hours

    def may_meet(self, other: "Duty") -> bool:
        """Whether both may be on duty at one time."""
        apart = self.weekdays and other.weekdays and not set(self.weekdays) & set(other.weekdays)
        return self.days.overlaps(other.days) and self.hours.overlaps(other.hours) and not apart


@dataclass(frozen=True, slots=True)
class Hole:
    """Hours of a day on which nobody is on duty."""

    day: date
    hours: Hours


@dataclass(frozen=True, slots=True)
class Department:
    """One of the departments that the centre calls on; duties stand in the order of their being asked."""

    code: str
    site_id: str
    mode: str
    kinds: tuple[str, ...]
    hours: Hours
    desk: str
    answer_within_s: int
    days: Days
    duties: tuple[Duty, ...] = ()

    def status_on(self, day: date) -> str:
        """`standing` or `closed`."""
        return STANDING if day in self.days else CLOSED

    def duty(self, duty_id: str) -> Duty | None:
        """One of its duties."""
        return next((duty for duty in self.duties if duty.id == duty_id), None)

    def with_duty(self, changed: Duty) -> "Department":
        """With a duty as it is now; a new one comes last."""
        if self.duty(changed.id) is None:
            return replace(self, duties=(*self.duties, changed))
        return replace(self, duties=tuple(changed if each.id == changed.id else each for each in self.duties))

    def is_there(self, day: date, calendar: Calendar) -> bool:
        """Whether somebody has to be on duty on a day: a worked one, or any where the mode is on call."""
        return day in self.days and (self.mode == ON_CALL or calendar.is_working_day(day))

    def on_duty(self, at: datetime, zone: ZoneInfo, calendar: Calendar) -> list[str]:
        """Who is on duty at a moment, whoever is asked first in front; each once."""
        local = at.astimezone(zone)
        now = f"{local:%H:%M}"
        turns = self._turns(local.date(), calendar)
        return list(dict.fromkeys(duty.person_ref for duty in turns if now in duty.hours))

    def holes(self, at: datetime, zone: ZoneInfo, calendar: Calendar) -> Iterator[Hole]:
        """When nobody is on duty, from a moment on and for the days after it."""
        local = at.astimezone(zone)
        for ahead in range(LOOK_AHEAD):
            day = local.date() + timedelta(days=ahead)
            if not self.is_there(day, calendar):
                continue
            begins = max(self.hours.opens, f"{local:%H:%M}" if not ahead else "")
            for hours in uncovered(Hours(begins, self.hours.closes), self._turns(day, calendar)):
                yield Hole(day, hours)

    def _turns(self, day: date, calendar: Calendar) -> list[Duty]:
        if day not in self.days:
            return []
        return [duty for duty in self.duties if day in duty.days and self._counts(duty, day, calendar)]

    def _counts(self, duty: Duty, day: date, calendar: Calendar) -> bool:
        if not duty.weekdays:
            return self.mode == ON_CALL or calendar.is_working_day(day)
        # Who takes turns by weekday is off on a public holiday; who is on call is not.
        off = self.mode != ON_CALL and calendar.day(day) is Day.HOLIDAY
        return day.isoweekday() in duty.weekdays and not off


def uncovered(hours: Hours, duties: Sequence[Duty]) -> Iterator[Hours]:
    """The parts of some hours in which none of these is on duty."""
    begins = hours.opens
    for turn in sorted((duty.hours for duty in duties), key=lambda each: each.opens):
        if begins < min(turn.opens, hours.closes):
            yield Hours(begins, min(turn.opens, hours.closes))
        begins = max(begins, turn.closes)
    if begins < hours.closes:
        yield Hours(begins, hours.closes)


def is_time(text: str) -> bool:
    """Whether it is a time of day, as 08:30; 24:00 is the day's end."""
    if text == MIDNIGHT:
        return True
    try:
        return f"{time.fromisoformat(text):%H:%M}" == text
    except ValueError:
        return False
