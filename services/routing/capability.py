"""Who can settle which kind of matter, where and since when. Pure.

A version of the table is in force from a day on. It says for each kind the lowest tier that can settle it,
which units can although their tier can't or can't although it can, and what a department's list keeps at its
tier. An emergency puts rows of its own before it, for an area and a time.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

ANY = "*"


@dataclass(frozen=True, slots=True)
class Capability:
    """A row of the capability table: the lowest tier able to settle a kind, and where it starts if urgent.

    `urgent`: a risk kind, which is always urgent. `track`: the kind is mediated or handled as a petition from
    the start, while the unit that would own it on the ladder (for a mediation: its committee; for a petition:
    the organ) is responsible. Empty: the ladder. `plan`: its settlement needs a plan in three parts (情理法).
    """

    lowest_tier: int
    urgent_tier: int
    urgent: bool = False
    track: str = ""
    plan: bool = False


@dataclass(frozen=True, slots=True)
class Able:
    """A unit, or with `below` also those below it, can settle a kind (or can't), whatever its tier."""

    kind: str
    unit: str
    able: bool
    below: bool = False

    def covers(self, unit_id: str) -> bool:
        """Whether it is about a unit."""
        return unit_id == self.unit or (self.below and within(unit_id, self.unit))


@dataclass(frozen=True, slots=True)
class Listed:
    """What a department may not push down: these kinds stay at a tier or above it."""

    department: str
    tier: int
    kinds: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Version:
    """A version of the table. It is in force from `since` (None: ever) until before `until` (None: for good).

    An emergency's has no `default`: what it doesn't name stays as it is.
    """

    version: str
    rows: Mapping[str, Capability]
    default: Capability | None
    since: date | None = None
    until: date | None = None
    able: tuple[Able, ...] = ()
    listed: tuple[Listed, ...] = ()

    def on(self, day: date) -> bool:
        """Whether it is in force on a day."""
        return (self.since is None or self.since <= day) and (self.until is None or day < self.until)


@dataclass(frozen=True, slots=True)
class Emergency:
    """A profile (预案) that is in force for a unit and those below it.

    `table` is None where the site's files don't have that version of the profile any more.
    """

    name: str
    area: str
    table: Version | None


class Emergencies(Protocol):
    """What was declared at a site, as far as this process knows."""

    def at(self, at: datetime) -> Sequence[Emergency]:
        """The emergencies that are in force at a time."""
        ...


def within(unit_id: str, area: str) -> bool:
    """Whether a unit is an area or lies in it."""
    return unit_id == area or unit_id.startswith(f"{area}/")


def patterns(kind: str) -> tuple[str, str, str]:
    """What rows may call a kind `group.detail`, the most particular name first."""
    return kind, f"{kind.partition('.')[0]}.*", ANY


def row_of(rows: Mapping[str, Capability], default: Capability | None, kind: str) -> Capability | None:
    """The row for a kind: its own, its group's, or the default."""
    own, group, _any = patterns(kind)
    return rows.get(own) or rows.get(group) or default


def able_row(rows: Iterable[Able], kind: str, unit_id: str) -> Able | None:
    """What is said of a unit and a kind, first by the nearest unit, then by the most particular kind."""
    named = patterns(kind)
    about = [row for row in rows if row.kind in named and row.covers(unit_id)]
    return min(about, key=lambda row: (-len(row.unit), row.below, named.index(row.kind)), default=None)


def listing(lists: Iterable[Listed], kind: str) -> Listed | None:
    """The list that keeps a kind highest; None where it is on none."""
    named = patterns(kind)
    holding = [each for each in lists if any(kind in named for kind in each.kinds)]
    return max(holding, key=lambda each: each.tier, default=None)


def in_force(versions: Sequence[Version], day: date) -> tuple[Version, bool]:
    """The version for a day, and whether it really is in force.

    On a day without one the last one before it goes on, else the first: nobody is without an owner because
    somebody forgot a successor.
    """
    found = next((each for each in reversed(versions) if each.on(day)), None)
    if found:
        return found, True
    begun = [each for each in versions if each.since is None or each.since <= day]
    return (begun[-1] if begun else versions[0]), False


def nowhere(kinds: Iterable[str], able: Sequence[Able], top: str) -> list[str]:
    """The kinds that not even the top can settle: whoever has such a matter had nowhere to go."""
    named = {*kinds, *(row.kind for row in able), ANY}
    return sorted(kind for kind in named if (row := able_row(able, kind, top)) and not row.able)


def lapse(versions: Sequence[Version], today: date) -> date | None:
    """The first day from today on without a version in force; None: there is one for good."""
    days = [today, *(each.until for each in versions if each.until and each.until > today)]
    return next(
        (day for day in sorted(days) if versions and not any(each.on(day) for each in versions)), None
    )
