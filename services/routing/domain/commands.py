"""What a handler can order, and what happens by itself."""

from dataclasses import dataclass, field
from typing import ClassVar

from services.routing.domain.codes.citing import Known


@dataclass(frozen=True, slots=True)
class AcceptCase:
    """The owner takes it on."""


@dataclass(frozen=True, slots=True)
class ReportProgress:
    """The owner did something; `progress` is a code, `note` stays in the store."""

    progress: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class ResolveCase:
    """The owner settled it; `outcome` is a code, `clauses` are numbers in the village codes `known`."""

    outcome: str
    note: str = ""
    clauses: tuple[str, ...] = ()
    known: Known = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EscalateCase:
    """The handler lifts it one tier."""

    note: str = ""


@dataclass(frozen=True, slots=True)
class ReturnCase:
    """The unit gives it back ("not mine"), one tier up; the resident's clock runs on."""

    note: str = ""


@dataclass(frozen=True, slots=True)
class ReferCase:
    """The top tier hands it to mediation or petition handling; `track` is a `Track`."""

    track: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class ReassignCase:
    """Its owner can't act any more: the post is vacant, its holder on leave or back, the unit closed;
    `reason` is a `MoveReason`.
    """

    happens_by_itself: ClassVar[bool] = True

    reason: int


@dataclass(frozen=True, slots=True)
class ClockRanOut:
    """A tier's time has passed."""

    happens_by_itself: ClassVar[bool] = True

    clock: str
    epoch: int
