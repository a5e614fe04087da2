"""What can be ordered about a joint meeting; `absent` are fields that name nobody who stands."""

from dataclasses import dataclass
from datetime import date
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class CallMeeting:
    """A meeting is to be held on a day."""

    unit_code: str
    on: date
    units: tuple[str, ...]
    departments: tuple[str, ...]
    called_by: str
    absent: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PutOnAgenda:
    """It takes up a case, or a kind at a place."""

    item_id: str
    case_id: str
    request_no: str
    kind: str
    unit_code: str
    lead: str
    assisting: tuple[str, ...]
    added_by: str
    absent: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RecordMinutes:
    """What was said and agreed about an item."""

    item_id: str
    text: str
    recorded_by: str


@dataclass(frozen=True, slots=True)
class AssignTask:
    """A unit is to do something until the end of a day."""

    task_id: str
    item_id: str
    unit_code: str
    due_on: date
    text: str
    assigned_by: str
    absent: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FinishTask:
    """It is done."""

    task_id: str
    outcome: str
    reported_by: str


@dataclass(frozen=True, slots=True)
class LeaveOpen:
    """It stays open for a reason."""

    task_id: str
    reason: str
    decided_by: str


@dataclass(frozen=True, slots=True)
class CloseMeeting:
    """All is in the minutes, and nothing is open without a reason."""

    closed_by: str


@dataclass(frozen=True, slots=True)
class CancelMeeting:
    """It is not held."""

    reason: str
    cancelled_by: str


@dataclass(frozen=True, slots=True)
class DayPassed:
    """Its day is over, and nothing is in the minutes."""

    happens_by_itself: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class TaskRanOut:
    """A task's day is over."""

    task_id: str

    happens_by_itself: ClassVar[bool] = True
