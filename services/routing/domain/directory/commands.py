"""What can be ordered about a unit. `on` is the local day from which on it holds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from services.routing.domain.directory.boundaries import Rings
from services.routing.domain.directory.unit import UNTOLD, Selection


@dataclass(frozen=True, slots=True)
class EstablishUnit:
    """A unit stands from a day on; a temporary one until a day, taking the cases of the units it covers."""

    code: str
    kind: str
    on: date
    until: date | None = None
    posts: tuple[str, ...] = ()
    succeeds: tuple[str, ...] = ()
    covers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CloseUnit:
    """No longer from a day on; `successors` take over. `below` is a unit below that would stand longer."""

    on: date
    successors: tuple[str, ...] = ()
    below: str = ""


@dataclass(frozen=True, slots=True)
class SettleHouseholds:
    """These are the unit's from a day on; `elsewhere`: those that are another unit's then, and whose."""

    keys: tuple[str, ...]
    on: date
    until: date | None = None
    elsewhere: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReleaseHouseholds:
    """These are no longer the unit's from a day on."""

    keys: tuple[str, ...]
    on: date
    to_unit: str = ""


@dataclass(frozen=True, slots=True)
class DrawBoundary:
    """Where the unit lies from a day on; `overlaps` is a unit that lies there already."""

    rings: Rings
    on: date
    decided_by: str
    overlaps: str = ""


@dataclass(frozen=True, slots=True)
class NominateLeader:
    """Residents propose somebody (群众推荐)."""

    post_id: str
    person_ref: str
    on: date
    nominators: int
    decided_by: str


@dataclass(frozen=True, slots=True)
class VetLeader:
    """The organisation looks at them (组织把关); `reason` is a code."""

    post_id: str
    person_ref: str
    on: date
    approved: bool
    decided_by: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class AppointLeader:
    """Who was proposed and approved holds the post; `elsewhere` is a unit that they lead already."""

    post_id: str
    person_ref: str
    on: date
    decided_by: str
    term_until: date | None = None
    elsewhere: str = ""


@dataclass(frozen=True, slots=True)
class CarryPost:
    """Who held a post in a unit that this one succeeds holds it here, without a new nomination."""

    post_id: str
    person_ref: str
    on: date
    carried_from: str
    decided_by: str
    term_until: date | None = None
    selection: Selection = UNTOLD


@dataclass(frozen=True, slots=True)
class GrantLeave:
    """The holder is away from a day on; somebody stands in, or nobody."""

    post_id: str
    on: date
    decided_by: str
    until: date | None = None
    substitute_ref: str = ""


@dataclass(frozen=True, slots=True)
class EndLeave:
    """The holder is back before the leave was over."""

    post_id: str
    on: date
    decided_by: str


@dataclass(frozen=True, slots=True)
class VacatePost:
    """Term over, resigned or dismissed: the post is vacant from a day on."""

    post_id: str
    on: date
    reason: str
    decided_by: str
