"""The small sub-district with clocks by kind and tier."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from services.chassis.calendar import Term, Unit
from services.chassis.hours import Hours
from services.routing.clocking import Profile, Row
from services.routing.rules import Rules
from tests.unit.routing.ladder import Walk, rules

HOUR, DAY, SHORT = timedelta(hours=1), timedelta(days=1), timedelta(seconds=1)
SHANGHAI = ZoneInfo("Asia/Shanghai")
OFFICE = Hours.parse(["09:00-12:00", "13:30-17:30"])
EVENING = Hours.parse(["18:00-21:00"])
FOUR_HOURS = Term(4, Unit.WORKING_HOURS)
DAYS = {tier: Term(n, Unit.WORKING_DAYS, keeps_time=True) for tier, n in ((1, 1), (2, 2), (3, 3), (4, 4))}


def profile(**changes: Any) -> Profile:
    """Contact within four working hours, warnings at a half and two working hours before the end; drains are
    to be settled within as many working days as their tier has the number.
    """
    rows = {
        ("*", 0): Row(first_contact=FOUR_HOURS, warnings=(0.5, 2 * HOUR)),
        **{("drain.*", tier): Row(resolution=term) for tier, term in DAYS.items()},
    }
    return replace(Profile("jili.clocks", 3, {0: OFFICE}, rows), **changes)


def clocked(**changes: Any) -> Rules:
    """The sub-district's rules with that profile."""
    return replace(rules(), clocks=profile(**changes))


def walk(**changes: Any) -> Walk:
    """A case to come in that sub-district, on a Monday at nine."""
    return Walk(clocked(**changes))


def at(text: str) -> datetime:
    """A moment of March 2026 in town: day, hour, minute."""
    day, clock = text.split()
    return datetime.fromisoformat(f"2026-03-{day} {clock}").replace(tzinfo=SHANGHAI).astimezone(UTC)


def until(walk: Walk, moment: str) -> Walk:
    """Time passes until then, and a sweep comes by just after each moment that something is due."""
    while walk.record.next_due_at and walk.record.next_due_at < at(moment):
        walk.wait(walk.record.next_due_at + SHORT - walk.now)
    return walk.wait(at(moment) - walk.now)
