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
    """The unit gives it back ("not mine") for a `ReturnReason`; `by` is who says so.

    Without a reason it goes one tier up at once, as it did before there were rulings.
    """

    note: str = ""
    reason: int = 0
    proposed_unit_id: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True)
class RuleOnReturn:
    """The superior rules on a return; `ruling` is a `Ruling`, `unit_id` where it goes, `by` who rules."""

    ruling: int
    unit_id: str = ""
    by: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class TransferCase:
    """The desk or a common superior moves it to another unit; `reason` is a `TransferReason`."""

    unit_id: str
    reason: int
    by: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class OrderSupervision:
    """The desk or a superior orders the owner to act; `why` is an `OrderReason`, `units` those that `by` acts
    for, none for the desk.
    """

    why: int
    by: str
    units: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class AnswerSupervision:
    """The owner answers an order; `result` is a code, `text` stays in the store."""

    order: int
    result: str
    text: str
    by: str


@dataclass(frozen=True, slots=True)
class JudgeAnswer:
    """Whoever ordered accepts the answer, or sends it back."""

    order: int
    accepted: bool
    by: str
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


@dataclass(frozen=True, slots=True)
class RulingRanOut:
    """Nobody ruled on a return in time."""

    happens_by_itself: ClassVar[bool] = True

    clock: str
    epoch: int


@dataclass(frozen=True, slots=True)
class SupervisionRanOut:
    """A supervision order was not answered, or its answer not judged, in time."""

    happens_by_itself: ClassVar[bool] = True

    clock: str
    epoch: int
