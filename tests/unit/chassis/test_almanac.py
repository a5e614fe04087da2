"""A year without a calendar is named, not guessed in silence."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from services.chassis.almanac import unknown_years
from services.chassis.calendar import Calendar, Day
from services.chassis.site import Site


@dataclass
class Known(Calendar):
    """A calendar that knows some years."""

    years: frozenset[int]
    version: str = "made-up"

    def day(self, on: date) -> Day:
        del on
        return Day.WORKING

    def is_known(self, year: int) -> bool:
        return year in self.years


@pytest.mark.parametrize(
    ("today", "known", "lacking"),
    [
        (date(2026, 6, 1), {2026}, []),
        (date(2026, 6, 1), {2025}, [2026]),
        (date(2026, 11, 30), {2026}, []),
        (date(2026, 12, 1), {2026}, [2027]),
        (date(2026, 12, 1), {2026, 2027}, []),
        (date(2026, 12, 1), {2025}, [2026, 2027]),
    ],
)
def test_a_year_that_is_here_or_near_and_not_known_is_named(
    today: date, known: set[int], lacking: list[int]
) -> None:
    site = Site("jili", ZoneInfo("Asia/Shanghai"), Known(frozenset(known)), False, "zh-CN", Path())  # noqa: FBT003
    assert list(unknown_years(site, today)) == lacking
