"""What a petition officer or an inspector can order, and what happens by itself.

`rule` is what a refusal cites when a command comes at the wrong time.
"""

from dataclasses import dataclass
from typing import ClassVar

from services.petition import rules


@dataclass(frozen=True, slots=True)
class RegisterPetition:
    """What it is: `kind` is a `PetitionKind`, `branch` 1 to 6 for a claim."""

    rule: ClassVar[str] = rules.MOMENTS

    kind: int
    branch: int = 0
    content_code: str = ""
    petitioners: int = 1
    representative_refs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RoutePetition:
    """Which organ handles it; `manner` is a `RouteManner`."""

    rule: ClassVar[str] = rules.MOMENTS

    manner: int
    unit_id: str = ""


@dataclass(frozen=True, slots=True)
class NotifyReceipt:
    """The written notice was given in a manner, or lawfully waived for a reason."""

    rule: ClassVar[str] = rules.MOMENTS

    manner: str = ""
    waived: str = ""


@dataclass(frozen=True, slots=True)
class AcceptPetition:
    """The organ accepts the matter, or not, for the reason `refused`."""

    rule: ClassVar[str] = rules.MOMENTS

    refused: str = ""


@dataclass(frozen=True, slots=True)
class ExtendDeadline:
    """The organ's head gives more time for the opinion."""

    rule: ClassVar[str] = rules.EXTENSION

    days: int
    reason: str
    approver_ref: str


@dataclass(frozen=True, slots=True)
class IssueOpinion:
    """The four parts of an opinion; `outcome` is an `OpinionOutcome`. The texts stay in the store."""

    rule: ClassVar[str] = rules.OPINION

    claim: str
    facts_and_reasons: str
    outcome: int
    legal_basis: str


@dataclass(frozen=True, slots=True)
class DeliverOpinion:
    """The petitioner has it."""

    rule: ClassVar[str] = rules.OPINION

    manner: str


@dataclass(frozen=True, slots=True)
class ReplyToPetition:
    """A matter that needs no opinion is answered; `outcome` is a code, `note` stays in the store."""

    rule: ClassVar[str] = rules.REPLY

    outcome: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class ClockRanOut:
    """A deadline has passed; `deadline` is its name."""

    happens_by_itself: ClassVar[bool] = True

    deadline: str
    epoch: int
