"""What can be ordered about a screening campaign, and what happens by itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class PlanScreening:
    """The units of a tier below an area are to look for kinds of matter, once or every so many weeks or
    months; `repeat_unit` is a `RepeatUnit`, `absent` are fields that name nobody who stands.
    """

    code: str
    unit_code: str
    kinds: tuple[str, ...]
    tier: int
    since: date
    until: date
    due_on: date
    planned_by: str
    lead: str = ""
    repeat_every: int = 0
    repeat_unit: int = 0
    absent: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReportScreening:
    """A unit did its part; `findings` are pairs of kind and count, `households` what the directory knows."""

    unit_code: str
    visited: int
    findings: tuple[tuple[str, int], ...]
    reported_by: str
    households: int = 0


@dataclass(frozen=True, slots=True)
class CloseScreening:
    """The round ends, with a reason for each unit that has not reported: its own, or that of all others."""

    closed_by: str
    reasons: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""
    for_good: bool = False


@dataclass(frozen=True, slots=True)
class FirstDayCame:
    """The round begins."""

    happens_by_itself: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class DayPassed:
    """Work begins on a day, and some units have not reported in time."""

    happens_by_itself: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class LastDayPassed:
    """The round is over."""

    happens_by_itself: ClassVar[bool] = True
