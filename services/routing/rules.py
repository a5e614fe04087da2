"""What routing decides by: territory, posts, capability table, default clock. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Protocol
from zoneinfo import ZoneInfo

from services.chassis.calendar import Calendar, Term
from services.chassis.terms import Rule, read_rules

TOP_TIER = 4
MEDIATION, PETITION = "mediation", "petition"
"""Ways that a kind of matter can go instead of the ladder; see `Capability.track`."""
RETURN, RULING = "routing.return", "routing.ruling"
ANSWER, JUDGEMENT, REPORT = "supervision.answer", "supervision.judgement", "supervision.report"
EXTENSION, PAUSE = "routing.extension", "routing.pause."
"""Pauses have a rule for each kind."""
JOIN = "routing.join"
OWN_UNIT, SUPERIOR = "unit", "superior"
"""Who approves what a rule allows: somebody else of the owner's unit, or the lowest unit above it."""
SHIPPED: Mapping[str, Rule] = read_rules(Path(__file__).with_name("rules.yaml"))
"""The rules of moves, by id, where a site says nothing else."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit of the territory; `tier` 1 (邻里) to 4 (街道), `parent` one tier up, None at the top."""

    id: str
    tier: int
    parent: str | None


@dataclass(frozen=True, slots=True)
class Post:
    """The post that answers for a unit; `holder_ref` is None while it is vacant."""

    id: str
    holder_ref: str | None


class Places(Protocol):
    """The units of a site and who answers for each of them, as it is now."""

    @property
    def top(self) -> str:
        """The id of the one unit that has none above it."""
        ...

    def taking(self, place: str) -> Unit:
        """The unit that takes new cases of a place: its own or the nearest above; the top where nobody can
        name the place.
        """
        ...

    def unit(self, unit_id: str) -> Unit:
        """A unit that has cases, or whoever took over from it."""
        ...

    def post(self, unit_id: str) -> Post:
        """The post that answers for a unit."""
        ...


@dataclass(frozen=True, slots=True)
class FixedPlaces:
    """Units and posts that stay as a site's file has them."""

    units: Mapping[str, Unit]
    posts: Mapping[str, Post]
    top: str

    def taking(self, place: str) -> Unit:
        """The unit, or the nearest known one above it by its path."""
        while place and place not in self.units:
            place = place.rpartition("/")[0]
        return self.units[place or self.top]

    def unit(self, unit_id: str) -> Unit:
        """As `taking`: no unit ever ends here."""
        return self.taking(unit_id)

    def post(self, unit_id: str) -> Post:
        """The unit's one post."""
        return self.posts[unit_id]


@dataclass(frozen=True, slots=True)
class Capability:
    """A row of the capability table: the lowest tier able to settle a kind, and where it starts if urgent.

    `track`: the kind is mediated or handled as a petition from the start, while the unit that would own it on
    the ladder (for a mediation: its committee; for a petition: the organ) is responsible. Empty: the ladder.
    """

    lowest_tier: int
    urgent_tier: int
    urgent: bool = False
    track: str = ""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a case is put, and why there, in codes."""

    unit: Unit
    post: Post
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of one site, one version of each.

    `grace` is how late a firing may be and still count as on time (chassis rule 17). With
    `term_per_tier` each tier has the default term for itself, instead of a share of a matter's.
    """

    places: Places
    capability: Mapping[str, Capability]
    default_capability: Capability
    capability_version: str
    default_term: Term
    term_rule: str
    zone: ZoneInfo
    calendar: Calendar
    grace: timedelta
    term_per_tier: bool = False
    by_directory: bool = False
    """Whether `places` only holds until the site's sub-district stands in the directory."""
    leaderless_share: float = 0.05
    """Which part of the households may be without a leader before it is said."""
    moves: Mapping[str, Rule] = field(default_factory=lambda: SHIPPED)
    """How moves are timed and limited, by id."""

    def place(self, kind: str, unit_id: str, *, urgent: bool) -> Placement:
        """The lowest capable tier of the place, one up for each vacant post (小事不出片组 …)."""
        row = self.capable(kind)
        reasons = [f"capability:{self.capability_version}"]
        unit = self.places.taking(unit_id)
        if unit.id != unit_id:
            reasons.append(f"place_known_to:{unit.id}")
        wanted = row.lowest_tier
        if urgent or row.urgent:
            wanted = max(wanted, row.urgent_tier)
            reasons.append("urgent_skip")
        for each in self.chain(unit.id):
            unit = each
            if unit.tier >= wanted:
                break
        reasons.append("lowest_capable_tier")
        return self._staffed(unit, reasons)

    def capable(self, kind: str) -> Capability:
        """The row for a kind `group.detail`: its own, its group's (`group.*`), or every table's default."""
        group = f"{kind.partition('.')[0]}.*"
        return self.capability.get(kind) or self.capability.get(group) or self.default_capability

    def above(self, unit_id: str) -> Placement | None:
        """The next staffed unit up; None at the top."""
        parent = self.places.unit(unit_id).parent
        return self._staffed(self.places.unit(parent), []) if parent else None

    def answering(self, unit_id: str) -> Placement:
        """Who answers now for what a unit has: its post, or the next staffed unit up."""
        return self._staffed(self.places.unit(unit_id), [])

    def superior(self, unit_id: str, other_id: str = "") -> Placement | None:
        """Who answers for the lowest unit above a unit that is at or above another too; None at the top."""
        chain = [unit.id for unit in self.chain(unit_id)][1:]
        common = {unit.id for unit in self.chain(other_id)} if other_id else set(chain)
        found = next((each for each in chain if each in common), None)
        return self.answering(found) if found else None

    def chain(self, unit_id: str) -> Iterator[Unit]:
        """The unit and those above it, up to the top."""
        unit: Unit | None = self.places.unit(unit_id)
        while unit:
            yield unit
            unit = self.places.unit(unit.parent) if unit.parent else None

    def _staffed(self, unit: Unit, reasons: list[str]) -> Placement:
        while (post := self.places.post(unit.id)).holder_ref is None and unit.parent:
            reasons.append(f"vacant:{unit.id}")
            unit = self.places.unit(unit.parent)
        return Placement(unit, post, tuple(reasons))
