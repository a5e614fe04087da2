"""What a handler can order, and what happens by itself."""

from dataclasses import dataclass, field
from typing import ClassVar

from services.routing.domain.codes.citing import Known
from services.routing.domain.threeparts import NO_PLAN, ThreeParts


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
    """The owner settled it; `outcome` is a code, `clauses` are numbers in the village codes `known`, `plan`
    is in three parts (情理法) where the kind needs it.
    """

    outcome: str
    note: str = ""
    clauses: tuple[str, ...] = ()
    known: Known = field(default_factory=dict)
    by: str = ""
    plan: ThreeParts = NO_PLAN


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
class AskForAssistance:
    """The owner asks a unit or a department to help with a `task`, a code. Of a department: whether it
    `stands`, and `person_ref`, who is on duty there.
    """

    unit_id: str
    department: str
    task: str
    by: str
    note: str = ""
    stands: bool = False
    person_ref: str = ""


@dataclass(frozen=True, slots=True)
class AnswerAssistance:
    """Who was asked answers; `answer` is an `AssistanceAnswer`, `result` a code, `text` is for the store."""

    assistance: int
    answer: int
    result: str
    by: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class EndAssistance:
    """The owner needs an assistance no longer."""

    assistance: int
    by: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class RecuseHandler:
    """Whoever has it has a direct interest; the handler says so, a superior, or the desk as the resident
    wishes.
    """

    by: str
    note: str = ""
    residents_wish: bool = False


@dataclass(frozen=True, slots=True)
class SplitOff:
    """A part is for the courts; `route` is a `CourtRoute`, `reason` a `SplitReason`."""

    route: int
    reason: int
    by: str
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


@dataclass(frozen=True, slots=True)
class AssistanceRanOut:
    """Who was asked to help did not answer, or has not done it, in time."""

    happens_by_itself: ClassVar[bool] = True

    clock: str
    epoch: int


@dataclass(frozen=True, slots=True)
class RecordCallBack:
    """The resident was called back by `by`: not reached, or what they answered, `rating` 1 (poor) to 5."""

    reached: bool
    solved: bool = False
    rating: int = 0
    by: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class CallBackRanOut:
    """Nobody called back in time."""

    happens_by_itself: ClassVar[bool] = True

    clock: str
    epoch: int


@dataclass(frozen=True, slots=True)
class RecordReview:
    """A `ReviewFinding` by who did not handle the case; `units` are those that `by` acts for."""

    number: int
    finding: int
    by: str = ""
    units: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class ReviewRanOut:
    """Nobody reviewed it in time."""

    happens_by_itself: ClassVar[bool] = True

    clock: str
    epoch: int


@dataclass(frozen=True, slots=True)
class ContactRanOut:
    """The owner was not in contact with the resident in time."""

    happens_by_itself: ClassVar[bool] = True

    clock: str
    epoch: int


@dataclass(frozen=True, slots=True)
class WarningCame:
    """A stage of a clock's warnings has come; `clock` is the name of the warning's deadline."""

    happens_by_itself: ClassVar[bool] = True

    clock: str
    epoch: int


@dataclass(frozen=True, slots=True)
class RecomputeDeadlines:
    """The site's calendar knows more than when provisional clocks were reckoned."""

    happens_by_itself: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class RecordEnd:
    """A superior puts the end of an early warning on record; `end` is a `LawfulEnd`."""

    end: int
    by: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class EndRanOut:
    """Nobody put the end of an early warning on record in time."""

    happens_by_itself: ClassVar[bool] = True

    clock: str
    epoch: int


@dataclass(frozen=True, slots=True)
class DelegateCase:
    """Its holder gives it to somebody of the unit until a day, as `2026-03-05`."""

    person_ref: str
    until: str
    by: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class EndDelegation:
    """It goes back before its day."""

    by: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class DelegationRanOut:
    """The last day of a delegation is over."""

    happens_by_itself: ClassVar[bool] = True

    clock: str
    epoch: int
