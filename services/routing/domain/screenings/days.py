"""The days of a round, and the openings at which something of it is told."""

from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta

from fengqiao.routing.v1.screening_events_pb2 import REPEAT_UNIT_MONTHS
from services.chassis.terms import Place
from services.routing.domain.meetings.tasks import opening_after
from services.routing.domain.rosters.department import OFFICE

DAY = timedelta(days=1)


def repeated(first: date, every: int, unit: int, times: int) -> date:
    """The first day after so many repeats; the last day of a month that is too short for it."""
    if unit != REPEAT_UNIT_MONTHS:
        return first + timedelta(weeks=every * times)
    years, month = divmod(first.month - 1 + every * times, 12)
    year, month = first.year + years, month + 1
    return date(year, month, min(first.day, monthrange(year, month)[1]))


def beginning(since: date, now: datetime, place: Place) -> datetime:
    """When those who take part are told: at the opening of the first worked day, never at night."""
    opens = opening_after(since - DAY, place)
    if opens >= now:
        return opens
    local = now.astimezone(place.zone)
    closes = datetime.combine(local.date(), time.fromisoformat(OFFICE.closes), place.zone).astimezone(UTC)
    today = opening_after(local.date() - DAY, place)
    if today <= now < closes:
        return now
    return today if now < today else opening_after(local.date(), place)
