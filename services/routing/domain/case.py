"""A case on the ladder: its state, its clocks, and what an earlier owner may still say of it."""

from dataclasses import dataclass
from datetime import datetime

from fengqiao.routing.v1.events_pb2 import MOVE_REASON_TIMEOUT
from services.chassis.record import Deadline

EVENTS = "fengqiao.routing.events"
OUTCOMES = "fengqiao.routing.outcomes"
REQUESTS = "fengqiao.intake.requests"

ASSIGNED, IN_PROGRESS, RESOLVED, WITHDRAWN = "assigned", "in_progress", "resolved", "withdrawn"
OPEN = (ASSIGNED, IN_PROGRESS)
ENDED = (RESOLVED, WITHDRAWN)


@dataclass(frozen=True, slots=True)
class Clock:
    """One tier's clock as planned: it ends at `due_at`, by `rule`, for the reasons in `explanation`."""

    tier: int
    epoch: int
    started_at: datetime
    due_at: datetime
    rolled_due_at: datetime
    rule: str
    calendar_version: str
    provisional: bool
    explanation: tuple[tuple[str, str, int], ...]

    @property
    def name(self) -> str:
        """`tier-1` … `tier-4`."""
        return f"tier-{self.tier}"


@dataclass(frozen=True, slots=True)
class Step:
    """One move of the case; `reason` is a `MoveReason`."""

    from_unit_id: str
    to_unit_id: str
    from_tier: int
    to_tier: int
    at: datetime
    reason: int


@dataclass(frozen=True, slots=True)
class Case:
    """A case on the ladder. It always has one owner; `running` names the tier whose clock runs (0: none)."""

    request_no: str
    site_id: str
    person_ref: str
    kind: str
    status: str
    urgent: bool
    start_tier: int
    tier: int
    unit_id: str
    post_id: str
    holder_ref: str
    reasons: tuple[str, ...]
    submitted_at: datetime
    submitted_recorded_at: datetime
    routed_recorded_at: datetime
    due_at: datetime
    due_promised: bool
    plan: tuple[Clock, ...]
    running: int
    steps: tuple[Step, ...] = ()
    supervised_at: datetime | None = None
    resolved_at: datetime | None = None
    outcome: str = ""

    @property
    def clock(self) -> Clock | None:
        """The clock that runs now."""
        return next((c for c in self.plan if c.tier == self.running), None)

    def owner_at(self, at: datetime) -> tuple[str, int]:
        """Unit and tier that owned the case at a time; late entries are checked against it (rule 17).

        At the very instant of a climb by clock it is still the former owner; of any other move, the new one.
        """
        for step in self.steps:
            if at < step.at or (at == step.at and step.reason == MOVE_REASON_TIMEOUT):
                return step.from_unit_id, step.from_tier
        return self.unit_id, self.tier

    def overdue(self, now: datetime) -> bool:
        """Business times compared: settled after the due time, or open past it."""
        return (self.resolved_at or now) > self.due_at if self.status != WITHDRAWN else False


def deadlines(case: Case) -> tuple[Deadline, ...]:
    """The clock that runs, if any."""
    clock = case.clock
    return (Deadline(clock.name, clock.epoch, clock.due_at),) if clock else ()
