"""The ladder (四级): who owns a case, until when, where it goes next. Pure: no I/O, no clock.

`decisions` says what each message comes to, `folding` what the events change, `table` what is lawful when.
"""

from services.routing.domain.case import (
    ASSIGNED,
    ENDED,
    EVENTS,
    IN_PROGRESS,
    OPEN,
    OUTCOMES,
    REQUESTS,
    RESOLVED,
    WITHDRAWN,
    Case,
    Clock,
    Step,
    deadlines,
)
from services.routing.domain.commands import (
    AcceptCase,
    ClockRanOut,
    EscalateCase,
    ReportProgress,
    ResolveCase,
    ReturnCase,
)
from services.routing.domain.decisions import Ladder
from services.routing.domain.folding import evolve
from services.routing.domain.table import consumed, firing, table

__all__ = [
    "ASSIGNED",
    "ENDED",
    "EVENTS",
    "IN_PROGRESS",
    "OPEN",
    "OUTCOMES",
    "REQUESTS",
    "RESOLVED",
    "WITHDRAWN",
    "AcceptCase",
    "Case",
    "Clock",
    "ClockRanOut",
    "EscalateCase",
    "Ladder",
    "ReportProgress",
    "ResolveCase",
    "ReturnCase",
    "Step",
    "consumed",
    "deadlines",
    "evolve",
    "firing",
    "table",
]
