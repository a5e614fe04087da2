"""Parts of several decisions and events about units."""

from collections.abc import Iterable
from datetime import date
from zoneinfo import ZoneInfo

from fengqiao.routing.v1 import directory_events_pb2 as ev
from services.chassis.errors import Invalid, Violation
from services.chassis.model import Context
from services.routing.domain.directory.boundaries import Rings
from services.routing.domain.directory.days import Days, days_of
from services.routing.domain.directory.unit import Unit


def reference(unit: Unit) -> ev.UnitReference:
    """The unit as its events name it."""
    return ev.UnitReference(site_id=unit.site_id, code=unit.code)


def to_days(days: Days) -> ev.Days:
    """Days as events have them."""
    return ev.Days(since=days.since.isoformat(), until=written(days.until))


def written(day: date | None) -> str:
    """A day as events have it; empty for none."""
    return day.isoformat() if day else ""


def from_days(message: ev.Days) -> Days:
    """The days that a message carries."""
    return days_of(message.since, message.until)


def to_rings(rings: Rings) -> list[ev.Ring]:
    """Rings as events have them."""
    return [ev.Ring(points=[ev.Point(longitude=x, latitude=y) for x, y in ring]) for ring in rings]


def from_rings(rings: Iterable[ev.Ring]) -> Rings:
    """The rings that a message carries."""
    return tuple(tuple((point.longitude, point.latitude) for point in ring.points) for ring in rings)


def in_order(since: date, until: date | None) -> None:
    """Refuse days the wrong way round."""
    if until is not None and until <= since:
        raise invalid("until", "not_after_the_first_day")


def refuse_the_past(on: date, context: Context, zone: ZoneInfo) -> None:
    """Refuse a day that is over at the site when the order is given."""
    if on < context.at.astimezone(zone).date():
        raise invalid("on", "in_the_past")


def invalid(field: str, reason: str) -> Invalid:
    """One field is wrong."""
    return Invalid([Violation(field, reason)])
