"""The ladder (四级): who owns a case, until when, where it goes next. Pure: no I/O, no clock.

`decisions` says what each message comes to, `folding` what the events change, `table` what is lawful when.
"""

from services.routing.domain.case import (
    ASSIGNED,
    DISPUTES,
    ENDED,
    EVENTS,
    IN_PROGRESS,
    MEDIATION_OUTCOMES,
    OPEN,
    OUTCOMES,
    PETITION_OUTCOMES,
    PETITIONS,
    REFERRED,
    REQUESTS,
    RESOLVED,
    UNSETTLED,
    WITHDRAWN,
    Case,
    Step,
    deadlines,
)
from services.routing.domain.commands import (
    AcceptCase,
    ClockRanOut,
    EscalateCase,
    ReassignCase,
    ReferCase,
    ReportProgress,
    ResolveCase,
    ReturnCase,
    RuleOnReturn,
    TransferCase,
)
from services.routing.domain.decisions import Ladder
from services.routing.domain.folding import evolve
from services.routing.domain.table import consumed, firing, table

__all__ = [
    "ASSIGNED",
    "DISPUTES",
    "ENDED",
    "EVENTS",
    "IN_PROGRESS",
    "MEDIATION_OUTCOMES",
    "OPEN",
    "OUTCOMES",
    "PETITIONS",
    "PETITION_OUTCOMES",
    "REFERRED",
    "REQUESTS",
    "RESOLVED",
    "UNSETTLED",
    "WITHDRAWN",
    "AcceptCase",
    "Case",
    "ClockRanOut",
    "EscalateCase",
    "Ladder",
    "ReassignCase",
    "ReferCase",
    "ReportProgress",
    "ResolveCase",
    "ReturnCase",
    "RuleOnReturn",
    "Step",
    "TransferCase",
    "consumed",
    "deadlines",
    "evolve",
    "firing",
    "table",
]
