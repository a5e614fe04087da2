"""How late deadlines fire: measured, logged when it is too much, and the worst of the last minute kept."""

from collections import deque
from collections.abc import Sequence
from datetime import datetime
from typing import TypeVar

import structlog

from services.chassis.clock import monotonic
from services.chassis.engine import Moment
from services.chassis.metrics import METRICS
from services.chassis.model import Model
from services.chassis.record import Record

S = TypeVar("S")

log = structlog.get_logger()

LATE_S = 5.0
"""What an outage is allowed on top of itself; at rest it is a fraction of a second."""
WINDOW_S = 60.0


def owed_at(model: Model[S], record: Record[S], moment: Moment) -> datetime:
    """When a record's next deadline could fire at the earliest."""
    due_at = record.next_due_at or moment.now
    if model.known_since is None or record.state is None:
        return due_at
    return max(due_at, model.known_since(record.state))


class Lateness:
    """Seconds from due time to firing, on the wall clock. Neither a replay clock's jumps are lateness,
    nor that a case came in after its deadline.
    """

    def __init__(self) -> None:
        """One per process, as metrics are."""
        self._batches: deque[tuple[float, float]] = deque()

    def note(self, seconds: Sequence[float]) -> None:
        """A batch was fired, each this late; nothing fired: nothing noted."""
        if not seconds:
            return
        for late in seconds:
            METRICS.lateness_seconds.observe(late)
        worst = max(seconds)
        if worst > LATE_S:
            log.warning("fired_late", count=len(seconds), worst_s=round(worst, 3))
        self._forget()
        self._batches.append((monotonic(), worst))

    def worst(self) -> float:
        """The most of the last minute; 0.0 when nothing fired."""
        self._forget()
        return max((late for _, late in tuple(self._batches)), default=0.0)

    def _forget(self) -> None:
        oldest = monotonic() - WINDOW_S
        while self._batches and self._batches[0][0] < oldest:
            self._batches.popleft()


LATENESS = Lateness()
