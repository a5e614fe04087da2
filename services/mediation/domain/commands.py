"""What parties, mediator and committee can order, and what happens by itself.

`rule` is what a refusal cites when a command comes at the wrong time.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from services.mediation import rules


@dataclass(frozen=True, slots=True)
class OpenMediation:
    """Name the parties and the type of dispute."""

    rule: ClassVar[str] = rules.PARTIES

    party_refs: tuple[str, ...]
    dispute_type: str


@dataclass(frozen=True, slots=True)
class GiveConsent:
    """A party consents; `manner` is a code."""

    rule: ClassVar[str] = rules.VOLUNTARY

    party_ref: str
    manner: str


@dataclass(frozen=True, slots=True)
class RefuseMediation:
    """A party refuses, or leaves; the note stays in the store."""

    rule: ClassVar[str] = rules.VOLUNTARY

    party_ref: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class ChooseMediator:
    """A party names the mediator that it wants."""

    rule: ClassVar[str] = rules.CHOOSE

    party_ref: str
    mediator_ref: str


@dataclass(frozen=True, slots=True)
class ConfirmMediator:
    """The mediator takes it on, or declines for a reason (a code)."""

    rule: ClassVar[str] = rules.CONFIRM

    accept: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ScheduleSession:
    """A session is fixed."""

    rule: ClassVar[str] = rules.SESSION

    at: datetime
    manner: str


@dataclass(frozen=True, slots=True)
class RecordSession:
    """A session took place; the texts stay in the store."""

    rule: ClassVar[str] = rules.SESSION

    session: int
    attended_refs: tuple[str, ...]
    record: str
    undisputed_facts: str = ""


@dataclass(frozen=True, slots=True)
class ExtendTerm:
    """More days, if all parties agree."""

    rule: ClassVar[str] = rules.EXTENSION

    days: int
    agreed_refs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Term:
    """What a party has to do under an agreement, how, and until when (None: nobody said)."""

    text: str
    party_ref: str
    manner: str
    due_at: datetime | None


@dataclass(frozen=True, slots=True)
class ProposeAgreement:
    """What the parties agree on; `form` is an `AgreementForm`."""

    rule: ClassVar[str] = rules.SIGNING

    form: int
    partial: bool
    facts: str
    disputed_points: str
    responsibilities: str
    terms: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class SignAgreement:
    """Somebody signs; `capacity` is a `SignerCapacity`, `in_person` says that they do it themselves."""

    rule: ClassVar[str] = rules.SIGNING

    capacity: int
    signer_ref: str
    in_person: bool


@dataclass(frozen=True, slots=True)
class EndMediation:
    """End it without an agreement; `reason` is an `EndReason`."""

    rule: ClassVar[str] = rules.ENDS

    reason: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class ClockRanOut:
    """A clock's time has passed."""

    happens_by_itself: ClassVar[bool] = True
    rule: ClassVar[str] = rules.TERM

    clock: str
    epoch: int
