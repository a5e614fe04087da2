"""What the ladder asks about places: the directory on one day, or the site's file as long as it has none.

A site is the directory's as soon as a sub-district stands in it that somebody was ever appointed to.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date

from services.routing.domain.directory.territory import Territory
from services.routing.domain.directory.unit import DEPUTY, HANDLER, LEADER, SUB_DISTRICT, Unit, parent_of
from services.routing.domain.directory.unit import Post as HeldPost
from services.routing.domain.sharing import least_loaded
from services.routing.rules import Places, Post
from services.routing.rules import Unit as Place

VACANCY, LEAVE, UNIT_CLOSED = "vacancy", "leave", "unit_closed"


class Ground:
    """The places of one site; `turn` and `put` keep it as the store has it. Satisfies `rules.Places`."""

    def __init__(self, fixed: Places) -> None:
        """`fixed` answers until the directory does."""
        self.territory = Territory()
        self.day = date.min
        self.version = 0
        """Another one each time that a unit has changed."""
        self._fixed = fixed
        self._tops: set[str] = set()
        self._top = ""
        self._idle: set[str] = set()
        self.shared: set[str] = set()
        """Units whose cases several posts share."""
        self.loads: Mapping[str, Mapping[str, int]] = {}
        """How many open cases each holder of such a unit has, as it was looked at last."""

    @property
    def theirs(self) -> bool:
        """Whether the directory answers."""
        return bool(self._top)

    @property
    def top(self) -> str:
        """The sub-district; the first one by code where there are several."""
        return self._top or self._fixed.top

    @property
    def idle(self) -> list[str]:
        """Units that ever were and have nobody at work today; none while the file answers."""
        return sorted(self._idle) if self._top else []

    def turn(self, day: date) -> bool:
        """It is this day; returns whether it was another before."""
        if day == self.day:
            return False
        self.day = day
        self._look(self.territory.units.values())
        return True

    def put(self, units: Sequence[Unit]) -> None:
        """Units as they are now."""
        self.version += bool(units)
        for unit in units:
            self.territory.put(unit)
        self._look(units)

    def _look(self, units: Iterable[Unit]) -> None:
        for unit in units:
            if unit.kind == SUB_DISTRICT:
                self._tops.add(unit.code)
            handled = any(post.id.startswith(HANDLER) for post in unit.posts)
            (self.shared.add if handled else self.shared.discard)(unit.code)
            works = self.day in unit.days and unit.acting_on(self.day)
            (self._idle.discard if works else self._idle.add)(unit.code)
        tops = (self.territory.units[code] for code in sorted(self._tops))
        self._top = next((unit.code for unit in tops if _begun(unit, self.day)), "")

    def taking(self, place: str) -> Place:
        """A temporary unit that covers the place, the place itself, or the nearest standing one above it."""
        if not self._top:
            return self._fixed.taking(place)
        return self._place(self.territory.taking(place, self.day))

    def unit(self, unit_id: str) -> Place:
        """The unit while it stands, then its one successor, or the nearest standing one above it."""
        if not self._top:
            return self._fixed.unit(unit_id)
        code = self.territory.successor(unit_id, self.day)
        return self._place(next(self.territory.chain(code, self.day), None))

    def post(self, unit_id: str) -> Post:
        """The leader's post, held by whoever acts today; where several share, that with the least to do."""
        if not self._top:
            return self._fixed.post(unit_id)
        if sharing := self.sharing(unit_id):
            return least_loaded(sharing, self.loads.get(unit_id, {}))
        unit = self.territory.units.get(unit_id)
        return Post(f"{LEADER}:{unit_id}", (unit.acting_on(self.day) if unit else "") or None)

    def below(self, unit_id: str) -> Iterator[Place]:
        """The units that stand today."""
        if not self._top:
            return self._fixed.below(unit_id)
        return (self._place(unit) for unit in self.territory.below(unit_id) if self.day in unit.days)

    def sharing(self, unit_id: str) -> Sequence[Post]:
        """Its leader and handlers that are at work today; none where it has no handlers."""
        unit = self.territory.units.get(unit_id) if self._top and unit_id in self.shared else None
        posts = (
            [each for each in unit.posts if each.id == LEADER or each.id.startswith(HANDLER)] if unit else ()
        )
        acting = ((post.id, post.acting_on(self.day)) for post in posts)
        return [Post(f"{id_}:{unit_id}", person) for id_, person in acting if person]

    def members(self, unit_id: str) -> Sequence[Post]:
        """Its posts beside the leader's whose holders are at work today, by the posts' names."""
        if not self._top:
            return self._fixed.members(unit_id)
        unit = self.territory.units.get(unit_id)
        posts = sorted(unit.posts, key=lambda post: post.id) if unit else ()
        acting = ((post.id, post.acting_on(self.day)) for post in posts if post.id != LEADER)
        return [Post(f"{id_}:{unit_id}", person) for id_, person in acting if person]

    def others(self, unit_id: str) -> Sequence[Post]:
        """Its deputies at work today, by their posts' names."""
        if not self._top:
            return self._fixed.others(unit_id)
        return [post for post in self.members(unit_id) if post.id.startswith(DEPUTY)]

    def reason(self, unit_id: str, holder_ref: str) -> str:
        """Why somebody no longer answers for a unit: `unit_closed`, `leave` (theirs, or the holder is back)
        or `vacancy`.
        """
        unit = self.territory.units.get(unit_id)
        if unit is None or self.day not in unit.days:
            return UNIT_CLOSED
        if any(_on_leave(post, holder_ref, self.day) for post in unit.posts):
            return LEAVE
        post = unit.post(LEADER)
        tenure = post.tenure_on(self.day) if post else None
        if tenure is None:
            return VACANCY
        stood_in = any(leave.substitute_ref == holder_ref for leave in tenure.leaves)
        return LEAVE if tenure.leave_on(self.day) or stood_in else VACANCY

    def _place(self, unit: Unit | None) -> Place:
        found = unit or self.territory.units[self._top]
        return Place(found.code, found.tier, None if found.kind == SUB_DISTRICT else parent_of(found.code))


def _begun(unit: Unit, day: date) -> bool:
    post = unit.post(LEADER)
    return day in unit.days and post is not None and any(t.days.since <= day for t in post.tenures)


def _on_leave(post: HeldPost, person_ref: str, day: date) -> bool:
    """Whether somebody holds a post and is on leave."""
    tenure = post.tenure_on(day)
    return tenure is not None and tenure.person_ref == person_ref and tenure.leave_on(day) is not None
