"""What can be ordered about cases of one matter, and what follows by itself."""

from dataclasses import dataclass
from typing import ClassVar

from services.routing.domain.case import Citation


@dataclass(frozen=True, slots=True)
class Lead:
    """What is known of a case that leads a matter, or is to."""

    case_id: str
    request_no: str
    site_id: str
    unit_id: str
    status: str
    outcome: str = ""
    clauses: tuple[Citation, ...] = ()
    followers: int = 0


@dataclass(frozen=True, slots=True)
class JoinCase:
    """The case joins another of the same matter; `reason` is a `JoinReason`, `lead` what is known of that,
    `leads` how many cases this one leads itself.
    """

    lead_case_id: str
    reason: int
    by: str = ""
    note: str = ""
    lead: Lead | None = None
    leads: int = 0


@dataclass(frozen=True, slots=True)
class PartCase:
    """It is to stand by itself again; `reason` is a `PartReason`."""

    reason: int
    by: str = ""
    note: str = ""
    lead: Lead | None = None


@dataclass(frozen=True, slots=True)
class FollowLead:
    """What leads the matter has ended, or leads no more."""

    happens_by_itself: ClassVar[bool] = True

    lead: Lead
