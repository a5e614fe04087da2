"""Who assists with a case, beside the one owner that leads."""

from dataclasses import dataclass
from datetime import datetime

from services.chassis.terms import Clock

ASSISTANCE = "assistance"
"""Their clocks are called so, and by number: `assistance-1` …"""
ASKED, TAKEN_ON, DECLINED, DONE, ENDED = "asked", "taken_on", "declined", "done", "ended"
ACTIVE = (ASKED, TAKEN_ON)


def clock_name(number: int) -> str:
    """Name of an assistance's clock."""
    return f"{ASSISTANCE}-{number}"


@dataclass(frozen=True, slots=True)
class Assist:
    """A unit or a department that was asked to help, and how that stands.

    `person_ref` is whoever was on duty in the department then. `clock` runs while it is asked or taken on;
    when it has run out, `superior_unit_id` was told, for the `repeats`-th time (empty: the desk).
    """

    number: int
    unit_id: str
    department: str
    person_ref: str
    task: str
    status: str
    asked_by: str
    asked_at: datetime
    clock: Clock | None
    repeats: int = 0
    superior_unit_id: str = ""
    result: str = ""
    answered_by: str = ""

    @property
    def active(self) -> bool:
        """Whether something of it is still to come."""
        return self.status in ACTIVE
