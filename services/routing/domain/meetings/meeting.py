"""A joint meeting: whom it brings together, what it takes up, and the tasks that it leaves behind."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime

from services.chassis.record import Deadline
from services.chassis.terms import Clock

EVENTS = "fengqiao.routing.meetings"

CALLED, HELD, CLOSED, CANCELLED = "called", "held", "closed", "cancelled"
STATUSES = (CALLED, HELD, CLOSED, CANCELLED)

OPEN, DONE, LEFT_OPEN = "open", "done", "left_open"
TASK_STATUSES = (OPEN, DONE, LEFT_OPEN)

MEETING = "meeting"
"""The clock that tells of a meeting without minutes; a task's is `task/<id>`."""
OF_A_TASK = "task/"


@dataclass(frozen=True, slots=True)
class Item:
    """What is taken up: a case, or a kind of matter at a place; `minutes` are digests, the last one holds."""

    id: str
    case_id: str
    request_no: str
    kind: str
    unit_code: str
    lead: str
    assisting: tuple[str, ...]
    minutes: tuple[str, ...] = ()

    @property
    def matter(self) -> tuple[str, ...]:
        """What it is about; a meeting takes nothing up twice."""
        return (self.case_id,) if self.case_id else (self.kind, self.unit_code)


@dataclass(frozen=True, slots=True)
class Task:
    """What a unit is to do until the end of a day; `told` counts how often it was told to be overdue."""

    id: str
    item_id: str
    unit_code: str
    due_on: date
    digest: str
    clock: Clock
    told_at: datetime
    told: int = 0
    status: str = OPEN
    outcome: str = ""

    def overdue(self, now: datetime) -> bool:
        """Whether its day is over; what is left open for a reason is not overdue."""
        return self.status == OPEN and now > self.clock.due_at

    @property
    def deadline(self) -> Deadline:
        """When it is told of next."""
        return Deadline(f"{OF_A_TASK}{self.id}", self.told + 1, self.told_at)


@dataclass(frozen=True, slots=True)
class Meeting:
    """A meeting. `place` sorts the meetings of a site by day."""

    site_id: str
    unit_code: str
    on: date
    place: str
    status: str
    units: tuple[str, ...]
    departments: tuple[str, ...]
    missed_at: datetime
    known_since: datetime
    missed: int = 0
    items: tuple[Item, ...] = ()
    tasks: tuple[Task, ...] = ()
    reason: str = ""

    def item(self, item_id: str) -> Item | None:
        """One of its items."""
        return next((item for item in self.items if item.id == item_id), None)

    def task(self, task_id: str) -> Task | None:
        """One of its tasks."""
        return next((task for task in self.tasks if task.id == task_id), None)

    def with_item(self, changed: Item) -> "Meeting":
        """With an item as it is now."""
        return replace(self, items=tuple(changed if each.id == changed.id else each for each in self.items))

    def with_task(self, changed: Task) -> "Meeting":
        """With a task as it is now."""
        return replace(self, tasks=tuple(changed if each.id == changed.id else each for each in self.tasks))


def deadlines(meeting: Meeting) -> Iterable[Deadline]:
    """A meeting that is not held is told of, and each task that is open; nothing once it is over."""
    if meeting.status == CALLED:
        return [Deadline(MEETING, meeting.missed + 1, meeting.missed_at)]
    if meeting.status == HELD:
        return [task.deadline for task in meeting.tasks if task.status == OPEN]
    return []
