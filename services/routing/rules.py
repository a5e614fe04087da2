"""What routing decides by: territory, posts, capability table, default clock. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol
from zoneinfo import ZoneInfo

from services.chassis.calendar import Calendar, Term
from services.chassis.terms import Rule, read_rules
from services.routing import capability as table
from services.routing.clocking import Profile

TOP_TIER = 4
MEDIATION, PETITION = "mediation", "petition"
"""Ways that a kind of matter can go instead of the ladder; see `Capability.track`."""
Capability = table.Capability
"""A row of the capability table."""
RETURN, RULING = "routing.return", "routing.ruling"
END = "routing.end"
ANSWER, JUDGEMENT, REPORT = "supervision.answer", "supervision.judgement", "supervision.report"
SOON, ACCEPTANCE = "attention.soon", "attention.acceptance"
DELEGATION = "routing.delegation"
SPLIT_OFF = "routing.split_off"
ASSISTANCE_ANSWER, ASSISTANCE_WORK = "routing.assistance", "routing.assistance.work"
CALL_BACK, ATTEMPTS = "routing.callback", "routing.callback.attempts"
REOPENING, REVIEW = "routing.reopening", "routing.review"
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
    """The post that answers for a unit; `holder_ref` is None while nobody can, `empty` is a code for why."""

    id: str
    holder_ref: str | None
    empty: str = "vacant"


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

    def below(self, unit_id: str) -> Iterator[Unit]:
        """A unit and those below it that stand."""
        ...

    def sharing(self, unit_id: str) -> Sequence[Post]:
        """The posts of a unit that share its cases, held by somebody at work; none where it has but one."""
        ...

    def members(self, unit_id: str) -> Sequence[Post]:
        """All posts of a unit beside the one that answers that are held by somebody at work now."""
        ...

    def others(self, unit_id: str) -> Sequence[Post]:
        """Posts of a unit, held now, that can have a case which the one that answers may not."""
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

    def below(self, unit_id: str) -> Iterator[Unit]:
        """By who is above whom."""
        for unit in self.units.values():
            above: Unit | None = unit
            while above and above.id != unit_id:
                above = self.units[above.parent] if above.parent else None
            if above:
                yield unit

    def sharing(self, _unit_id: str) -> Sequence[Post]:
        """None: a unit has one post here."""
        return ()

    def members(self, _unit_id: str) -> Sequence[Post]:
        """None: a unit has one post here."""
        return ()

    def others(self, _unit_id: str) -> Sequence[Post]:
        """None: a unit has one post here."""
        return ()


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a case is put, and why there, in codes; `risk`: its kind is always urgent there."""

    unit: Unit
    post: Post
    reasons: tuple[str, ...]
    risk: bool = False


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
    call_backs: bool = False
    """Whether residents are called back about what is settled (回访)."""

    versions: tuple[table.Version, ...] = ()
    """All versions of the capability table, oldest first, where there are several; see `at`."""
    able: tuple[table.Able, ...] = ()
    listed: tuple[table.Listed, ...] = ()
    """Of the version that `capability` is of."""
    lapsed: bool = False
    """No version is in force: the last one goes on."""
    emergencies: table.Emergencies | None = None
    """What was declared, as `places` is who answers: as it is now."""
    standing: Sequence[table.Emergency] = ()
    """The emergencies in force; see `at`."""

    def at(self, at: datetime) -> "Rules":
        """The rules that decide about what was asked for at a time: that day's version, the emergencies of
        that moment.
        """
        standing = self.emergencies.at(at) if self.emergencies else ()
        if not self.versions:
            return replace(self, standing=standing) if standing else self
        found, really = table.in_force(self.versions, at.astimezone(self.zone).date())
        return replace(
            self,
            capability=found.rows,
            default_capability=found.default or self.default_capability,
            capability_version=found.version,
            able=found.able,
            listed=found.listed,
            lapsed=not really,
            standing=standing,
        )

    clocks: Profile | None = None
    """Clocks by kind and tier, where the site says more than a default term."""

    def place(self, kind: str, unit_id: str, *, urgent: bool) -> Placement:
        """The lowest capable tier of the place, one up for each vacant post (小事不出片组 …)."""
        reasons = [f"capability:{self.capability_version}"]
        if self.lapsed:
            reasons.append("no_version_in_force")
        unit = self.places.taking(unit_id)
        if unit.id != unit_id:
            reasons.append(f"place_known_to:{unit.id}")
        if emergency := self.emergency(unit.id):
            reasons.append(f"{'emergency' if emergency.table else 'emergency_unknown'}:{emergency.name}")
        row, wanted = self.capable(kind, unit.id), 0
        if urgent or row.urgent:
            wanted = row.urgent_tier
            reasons.append("urgent_skip")
        if listed := table.listing(self.listed, kind):
            wanted = max(wanted, listed.tier)
            reasons.append(f"department_list:{listed.department}")
        said = self._said_of(kind, unit.id)
        for each in self.chain(unit.id):
            unit = each
            about = table.able_row(said, kind, unit.id) if said else None
            if unit.tier >= wanted and about and about.able != (unit.tier >= row.lowest_tier):
                reasons.append(f"{'unit_able' if about.able else 'unit_unable'}:{unit.id}")
            if unit.tier >= wanted and (about.able if about else unit.tier >= row.lowest_tier):
                break
        reasons.append("lowest_capable_tier")
        return self._staffed(unit, reasons, risk=row.urgent)

    def capable(self, kind: str, unit_id: str = "") -> Capability:
        """The row for a kind `group.detail` in a place: its own, its group's (`group.*`), or every table's
        default.

        An emergency's rows come first, but for what has a way of its own: no petition waits for the weather.
        """
        row = table.row_of(self.capability, self.default_capability, kind) or self.default_capability
        emergency = self.emergency(unit_id)
        if row.track or not emergency or not emergency.table:
            return row
        return table.row_of(emergency.table.rows, emergency.table.default, kind) or row

    def emergency(self, unit_id: str) -> table.Emergency | None:
        """The emergency in force where a unit is; never two."""
        return next((each for each in self.standing if table.within(unit_id, each.area)), None)

    def kept_up(self, kind: str, made_at: datetime, tier: int) -> table.Listed | None:
        """The department's list that a unit of a tier is too low for; None where it may have the case.

        By the version that placed the case: a change affects new cases only.
        """
        listed = table.listing(self.at(made_at).listed, kind)
        return listed if listed and tier < listed.tier else None

    def _said_of(self, kind: str, unit_id: str) -> tuple[table.Able, ...]:
        """What is said of single units where an emergency may have its say; see `capable`."""
        emergency = self.emergency(unit_id)
        own = table.row_of(self.capability, self.default_capability, kind)
        if not emergency or not emergency.table or (own and own.track):
            return self.able
        theirs = emergency.table
        return theirs.able if table.row_of(theirs.rows, theirs.default, kind) else theirs.able + self.able

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

    def _staffed(self, unit: Unit, reasons: list[str], *, risk: bool = False) -> Placement:
        while (post := self.places.post(unit.id)).holder_ref is None and unit.parent:
            reasons.append(f"{post.empty}:{unit.id}")
            unit = self.places.unit(unit.parent)
        return Placement(unit, post, tuple(reasons), risk)
