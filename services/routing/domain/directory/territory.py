"""All units of a site together: who answers for a place on a day, what is missing, how many there are."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from services.routing.domain.directory.days import Days
from services.routing.domain.directory.unit import (
    LEADER,
    NEIGHBOURHOOD,
    TEMPORARY,
    Post,
    Unit,
    parent_of,
)

_NOBODY = Post("")


@dataclass(frozen=True, slots=True)
class Ratio:
    """How many households a neighbour leader of a kind of place may have: a rule, with its name."""

    fewest: int
    most: int
    rule: str


@dataclass(frozen=True, slots=True)
class Gap:
    """A household that nobody answers for, and why: `no_unit`, or `vacant` in that unit."""

    household: str
    reason: str
    code: str = ""


@dataclass(frozen=True, slots=True)
class Breach:
    """A neighbourhood with too few or too many households for its leader."""

    code: str
    households: int
    ratio: Ratio


@dataclass(frozen=True, slots=True)
class Counts:
    """What a site has on a day; a person with two posts is one person."""

    units: Mapping[str, int]
    households: int
    posts: int
    vacant: int
    holders: int


class Territory:
    """A site's units by code, on all days."""

    def __init__(self, units: Iterable[Unit] = ()) -> None:
        """Units with different codes."""
        self.units: dict[str, Unit] = {}
        self._homes: dict[str, list[tuple[Days, str]]] = defaultdict(list)
        self._below: dict[str, list[str]] = defaultdict(list)
        self._temporary: dict[str, Unit] = {}
        for unit in units:
            self.put(unit)

    def put(self, unit: Unit) -> None:
        """Add a unit, or have it as it is now."""
        former = self.units.get(unit.code)
        self.units[unit.code] = unit
        if former is None:
            self._below[parent_of(unit.code)].append(unit.code)
        if unit.kind == TEMPORARY:
            self._temporary[unit.code] = unit
        for household in former.households if former else ():
            homes = self._homes[household.key]
            homes.remove((household.days, unit.code))
        for household in unit.households:
            self._homes[household.key].append((household.days, unit.code))

    def standing(self, code: str, day: date) -> Unit | None:
        """A unit, if it stands on a day."""
        unit = self.units.get(code)
        return unit if unit and day in unit.days else None

    def home(self, household: str, day: date) -> str:
        """The code of the unit that a household is of on a day; empty: of none."""
        return next((code for days, code in self._homes.get(household, ()) if day in days), "")

    def homes_within(self, household: str, days: Days) -> list[str]:
        """The codes of the units that have a household on some of these days."""
        return [code for theirs, code in self._homes.get(household, ()) if theirs.overlaps(days)]

    def chain(self, code: str, day: date) -> Iterator[Unit]:
        """A unit and those above it, as far as they stand on a day."""
        while code:
            if unit := self.standing(code, day):
                yield unit
            code = parent_of(code)

    def below(self, code: str) -> Iterator[Unit]:
        """A unit and all that are or were below it, from the top down."""
        if code in self.units:
            yield self.units[code]
        for child in self._below.get(code, ()):
            yield from self.below(child)

    def standing_longer(self, code: str, on: date) -> str:
        """The code of a unit below one that stands on a day or later; empty: none does."""
        below = (unit.code for unit in self.below(code) if unit.code != code and unit.days.ends_after(on))
        return next(below, "")

    def taking(self, code: str, day: date) -> Unit | None:
        """The unit that takes the cases of a place on a day: a temporary one that covers it, else itself."""
        code = self.successor(code, day)
        for unit in self._temporary.values():
            if day in unit.days and any(_within(code, self.successor(each, day)) for each in unit.covers):
                return unit
        return next(self.chain(code, day), None)

    def successor(self, code: str, day: date) -> str:
        """The unit that took over from a closed one, if that is one and not several; else the code itself."""
        passed: set[str] = set()
        while (unit := self.units.get(code)) and code not in passed:
            if day in unit.days or day < unit.days.since or len(unit.successors) != 1:
                break
            passed.add(code)
            [code] = unit.successors
        return code

    def answering(self, code: str, day: date) -> tuple[Unit, str] | None:
        """The nearest unit at or above a place with somebody at work, and who that is; None: nobody."""
        taking = self.taking(code, day)
        for unit in self.chain(taking.code, day) if taking else ():
            if person_ref := unit.acting_on(day):
                return unit, person_ref
        return None

    def leadership(self, person_ref: str, days: Days, *, but: str = "") -> str:
        """The code of another neighbourhood that somebody leads on some of these days; empty: of none."""
        return next(
            (
                unit.code
                for unit in self.units.values()
                if unit.kind == NEIGHBOURHOOD and unit.code != but
                for tenure in (unit.post(LEADER) or _NOBODY).tenures
                if tenure.person_ref == person_ref and tenure.days.overlaps(days)
            ),
            "",
        )

    def gaps(self, day: date) -> Iterator[Gap]:
        """Households known until a day that have no leader on it."""
        for household, homes in self._homes.items():
            if all(days.since > day for days, _ in homes):
                continue
            code = self.home(household, day)
            if not code:
                yield Gap(household, "no_unit")
            elif not self.units[code].leader_on(day):
                yield Gap(household, "vacant", code)

    def breaches(self, day: date, ratios: Mapping[str, Ratio]) -> Iterator[Breach]:
        """Neighbourhoods outside the ratio of the kind of community or village that they are in."""
        for unit in self.units.values():
            if unit.kind != NEIGHBOURHOOD or day not in unit.days:
                continue
            ratio = next((ratios[u.kind] for u in self.chain(unit.code, day) if u.kind in ratios), None)
            count = sum(1 for _ in unit.households_on(day))
            if ratio and not ratio.fewest <= count <= ratio.most:
                yield Breach(unit.code, count, ratio)

    def counts(self, day: date) -> Counts:
        """How many on a day."""
        standing = [unit for unit in self.units.values() if day in unit.days]
        posts = [post for unit in standing for post in unit.posts]
        holders = {tenure.person_ref for post in posts if (tenure := post.tenure_on(day))}
        return Counts(
            units=Counter(unit.kind for unit in standing),
            households=sum(1 for unit in standing for _ in unit.households_on(day)),
            posts=len(posts),
            vacant=sum(1 for post in posts if not post.tenure_on(day)),
            holders=len(holders),
        )


def _within(code: str, place: str) -> bool:
    return code == place or code.startswith(f"{place}/")
