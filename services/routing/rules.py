"""What routing decides by, as values: territory, posts, capability table, default clock. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo

from services.chassis.calendar import Calendar, Term

TOP_TIER = 4
MEDIATION, PETITION = "mediation", "petition"
"""Ways that a kind of matter can go instead of the ladder; see `Capability.track`."""


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

    units: Mapping[str, Unit]
    posts: Mapping[str, Post]
    capability: Mapping[str, Capability]
    default_capability: Capability
    capability_version: str
    default_term: Term
    term_rule: str
    zone: ZoneInfo
    calendar: Calendar
    grace: timedelta
    top: str
    term_per_tier: bool = False

    def place(self, kind: str, unit_id: str, *, urgent: bool) -> Placement:
        """The lowest capable tier of the place, one up for each vacant post (小事不出片组 …)."""
        row = self.capable(kind)
        reasons = [f"capability:{self.capability_version}"]
        unit = self._known(unit_id)
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
        parent = self._known(unit_id).parent
        return self._staffed(self.units[parent], []) if parent else None

    def chain(self, unit_id: str) -> Iterator[Unit]:
        """The unit and those above it, up to the top."""
        unit: Unit | None = self._known(unit_id)
        while unit:
            yield unit
            unit = self.units[unit.parent] if unit.parent else None

    def _staffed(self, unit: Unit, reasons: list[str]) -> Placement:
        while self.posts[unit.id].holder_ref is None and unit.parent:
            reasons.append(f"vacant:{unit.id}")
            unit = self.units[unit.parent]
        return Placement(unit, self.posts[unit.id], tuple(reasons))

    def _known(self, unit_id: str) -> Unit:
        """The unit, or the nearest known one above it by its path; the top for a place nobody can name."""
        path = unit_id
        while path and path not in self.units:
            path = path.rpartition("/")[0]
        return self.units[path or self.top]
