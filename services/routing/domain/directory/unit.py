"""A unit of the territory with its households and its posts, on every day since it was established.

Nothing is ever taken out: what is over has a day since when. So each question has a day in it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date

from services.routing.domain.directory.boundaries import Boundary, Rings
from services.routing.domain.directory.days import Days

EVENTS = "fengqiao.routing.directory"

SUB_DISTRICT, COMMUNITY, VILLAGE = "sub_district", "community", "village"
SECTION, NEIGHBOURHOOD, TEMPORARY = "section", "neighbourhood", "temporary"
TIERS = {NEIGHBOURHOOD: 1, TEMPORARY: 1, SECTION: 2, COMMUNITY: 3, VILLAGE: 3, SUB_DISTRICT: 4}
"""The tier of each kind of unit."""

LEADER = "leader"
"""The post of a unit that answers for its cases: 邻长, 片长 …"""

DEPUTY = "deputy"
"""Posts of a unit that are called so, or begin so, have the cases that its leader is recused from."""

HANDLER = "handler"
"""Posts of a unit that are called so, or begin so, share its cases with its leader."""

STANDING, CLOSED = "standing", "closed"
VACANT, HELD, ON_LEAVE = "vacant", "held", "on_leave"


def parent_of(code: str) -> str:
    """The code of the unit above; empty at the top. A unit's code is its place in the tree (ADR 0017)."""
    return code.rpartition("/")[0]


@dataclass(frozen=True, slots=True)
class Household:
    """The key of an address, and the days on which it is the unit's."""

    key: str
    days: Days


@dataclass(frozen=True, slots=True)
class Candidacy:
    """Somebody whom residents proposed; `approved` is None until they are vetted."""

    person_ref: str
    nominated_on: date
    nominators: int
    vetted_on: date | None = None
    approved: bool | None = None


@dataclass(frozen=True, slots=True)
class Selection:
    """How somebody came to a post: proposed by residents, then vetted. Unset where nobody told."""

    nominated_on: date | None = None
    nominators: int = 0
    vetted_on: date | None = None


UNTOLD = Selection()


@dataclass(frozen=True, slots=True)
class Leave:
    """Days off, and who stands in; nobody where `substitute_ref` is empty."""

    days: Days
    substitute_ref: str = ""


@dataclass(frozen=True, slots=True)
class Tenure:
    """Somebody holds a post; the reason says why no longer."""

    person_ref: str
    days: Days
    term_until: date | None = None
    leaves: tuple[Leave, ...] = ()
    reason: str = ""
    selection: Selection = UNTOLD

    def leave_on(self, day: date) -> Leave | None:
        """The leave they are on."""
        return next((leave for leave in self.leaves if day in leave.days), None)


@dataclass(frozen=True, slots=True)
class Post:
    """A post of a unit: its candidates now, and all who ever held it, in order."""

    id: str
    candidates: tuple[Candidacy, ...] = ()
    tenures: tuple[Tenure, ...] = ()

    def tenure_on(self, day: date) -> Tenure | None:
        """Who holds it on a day, at work or on leave."""
        return next((tenure for tenure in self.tenures if day in tenure.days), None)

    def status_on(self, day: date) -> str:
        """`vacant`, `held` or `on_leave`."""
        tenure = self.tenure_on(day)
        if tenure is None:
            return VACANT
        return ON_LEAVE if tenure.leave_on(day) else HELD

    def acting_on(self, day: date) -> str:
        """Who answers on a day: the holder, on leave their substitute; empty: nobody does."""
        tenure = self.tenure_on(day)
        if tenure is None:
            return ""
        leave = tenure.leave_on(day)
        return leave.substitute_ref if leave else tenure.person_ref

    def candidate(self, person_ref: str) -> Candidacy | None:
        """Somebody's candidacy."""
        return next((each for each in self.candidates if each.person_ref == person_ref), None)


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit on all its days; when it is closed, `days` has its last one, `successors` say who took over."""

    code: str
    site_id: str
    kind: str
    days: Days
    posts: tuple[Post, ...]
    households: tuple[Household, ...] = ()
    succeeds: tuple[str, ...] = ()
    successors: tuple[str, ...] = ()
    covers: tuple[str, ...] = ()
    boundaries: tuple[Boundary, ...] = ()

    @property
    def tier(self) -> int:
        """1 (邻里) to 4 (街道)."""
        return TIERS[self.kind]

    def status_on(self, day: date) -> str:
        """`standing` or `closed`."""
        return STANDING if day in self.days else CLOSED

    def rings_on(self, day: date) -> Rings:
        """Where it lies on a day; none: it is not drawn then."""
        return next((each.rings for each in self.boundaries if day in each.days), ())

    def post(self, post_id: str) -> Post | None:
        """One of its posts."""
        return next((post for post in self.posts if post.id == post_id), None)

    def leader_on(self, day: date) -> str:
        """Who holds the leader's post on a day, at work or on leave; empty: nobody."""
        post = self.post(LEADER)
        tenure = post.tenure_on(day) if post else None
        return tenure.person_ref if tenure else ""

    def acting_on(self, day: date) -> str:
        """Who answers for it on a day: the leader, on leave their substitute; empty: nobody."""
        post = self.post(LEADER)
        return post.acting_on(day) if post else ""

    def with_post(self, changed: Post) -> "Unit":
        """The unit with a post as it is now."""
        return replace(self, posts=tuple(changed if post.id == changed.id else post for post in self.posts))

    def households_on(self, day: date) -> Iterator[str]:
        """The keys that are its own on a day."""
        return (household.key for household in self.households if day in household.days)

    def households_after(self, day: date) -> Iterator[Household]:
        """Those that are its own on a day or will be later."""
        return (each for each in self.households if each.days.ends_after(day))

    def until_at_most(self, until: date | None) -> date | None:
        """A last day, or the unit's own where that is earlier."""
        ends = [day for day in (until, self.days.until) if day is not None]
        return min(ends, default=None)
