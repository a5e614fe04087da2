"""A made-up directory of the size of a real one: places and opaque persons that do not exist. Pure.

Sizes are those of the field: 15 sub-centres, 3,618 neighbour leaders and some 47,000 households in a
sub-district, 84,200 leaders and a million households in a county of 23 of them. With volunteers come the
departments and teams of a sub-district (`populace`).
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from services.cli.sheets import populace
from services.cli.sheets.table import HOUSEHOLDS, POSTS, UNITS, Row

COMMUNITIES, VILLAGES, LEADERS = 7, 8, 3_618
SUB_DISTRICTS, LEADERS_OF_COUNTY = 23, 84_200
IN_SECTION = 15
IN_COMMUNITY, IN_VILLAGE = (9, 17), (9, 17)
"""Households of a neighbourhood, fewest and most: 13 on average."""
VOLUNTEERS = 15_731
VACANT_SHARE = 0.01
TERM = timedelta(days=3 * 365)
AGE = timedelta(days=900)
FIRST, SECOND = (
    "qing bai hong jin yin shi mu he tang long feng yun shan shui hua song zhu mei lan xi".split(),  # noqa: SIM905 - names, read as such
    "qiao yuan ling gang wan tang pu xi ping men po chong he shan cun fang jing an le tai".split(),  # noqa: SIM905 - as above
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be made up."""

    top: str
    leaders: int
    seed: int
    on: date
    """The day on which all of it stands."""
    volunteers: int = 0
    """With none there are neither departments nor teams."""


def sub_district(wanted: Wanted) -> Iterator[Row]:
    """One sub-district: its units with their posts and households, then whoever else is there."""
    yield from _numbered(_Made(wanted).rows())


def county(seed: int, on: date, volunteers: int = 0) -> Iterator[Row]:
    """All sub-districts of a county, one after the other; so many volunteers in each."""
    chance = random.Random(f"county/{seed}")
    names = _names(chance, SUB_DISTRICTS)
    share, rest = divmod(LEADERS_OF_COUNTY, SUB_DISTRICTS)
    made = [
        _Made(Wanted(name, share + (number < rest), seed, on, volunteers))
        for number, name in enumerate(names)
    ]
    yield from _numbered(row for each in made for row in each.rows())


class _Made:
    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._chance = random.Random(f"{wanted.top}/{wanted.seed}")
        self._since = wanted.on - AGE

    def rows(self) -> Iterator[Row]:
        """All of it."""
        if not self._wanted.volunteers:
            yield from self._territory()
            return
        led = list[tuple[str, str]]()
        for row in self._territory():
            yield row
            if row.sheet == POSTS:
                led.append((row.cells["unit"], row.cells.get("person", "")))
        wanted = self._wanted
        # Chances of its own: the territory of a seed is the same with and without.
        chance = random.Random(f"{wanted.top}/{wanted.seed}/populace")
        there = populace.Populace(wanted.top, led, self._since, wanted.on, chance)
        yield from there.rows(wanted.volunteers)

    def _territory(self) -> Iterator[Row]:
        neighbourhoods = list[tuple[str, tuple[int, int]]]()
        yield from self._unit(self._wanted.top, "sub_district")
        yield from self._post(self._wanted.top, self._person())
        names = _names(self._chance, COMMUNITIES + VILLAGES)
        share, rest = divmod(self._wanted.leaders, len(names))
        for number, name in enumerate(names):
            is_village = number >= COMMUNITIES
            code, leaders = f"{self._wanted.top}/{name}", share + (number < rest)
            yield from self._unit(code, "village" if is_village else "community")
            yield from self._post(code, self._person())
            for nth in range(leaders):
                section = f"{code}/s{nth // IN_SECTION + 1:02d}"
                if nth % IN_SECTION == 0:
                    yield from self._unit(section, "section")
                    yield from self._post(section, self._person())
                sizes = IN_VILLAGE if is_village else IN_COMMUNITY
                neighbourhoods.append((f"{section}/n{nth % IN_SECTION + 1:02d}", sizes))
        number = 0
        for code, sizes in neighbourhoods:
            yield from self._unit(code, "neighbourhood")
            vacant = self._chance.random() < VACANT_SHARE
            yield from self._post(code, "" if vacant else self._person())
            for _ in range(self._chance.randint(*sizes)):
                number += 1
                key = f"{self._wanted.top}-{number:06d}"
                yield Row(HOUSEHOLDS, 0, {"unit": code, "household": key})

    def _unit(self, code: str, kind: str) -> Iterator[Row]:
        yield Row(UNITS, 0, {"code": code, "kind": kind, "since": self._since.isoformat()})

    def _post(self, code: str, person: str) -> Iterator[Row]:
        if not person:
            yield Row(POSTS, 0, {"unit": code, "post": "leader"})
            return
        nominated = self._since + timedelta(days=self._chance.randint(0, 400))
        vetted = nominated + timedelta(days=self._chance.randint(3, 20))
        appointed = vetted + timedelta(days=self._chance.randint(1, 10))
        cells = {
            "unit": code,
            "post": "leader",
            "person": person,
            "nominated_on": nominated.isoformat(),
            "nominators": str(self._chance.randint(5, 15)),
            "vetted_on": vetted.isoformat(),
            "appointed_on": appointed.isoformat(),
            "term_until": (appointed + TERM).isoformat(),
        }
        yield Row(POSTS, 0, cells)

    def _person(self) -> str:
        return f"p-{self._chance.getrandbits(64):016x}"


def _names(chance: random.Random, count: int) -> Sequence[str]:
    """Names of places, no two alike."""
    return chance.sample([first + second for first in FIRST for second in SECOND if first != second], count)


def _numbered(rows: Iterator[Row]) -> Iterator[Row]:
    """Each row with the number that it has in the file of its sheet."""
    numbers: dict[str, int] = {}
    for row in rows:
        number = numbers[row.sheet] = numbers.get(row.sheet, 1) + 1
        yield Row(row.sheet, number, row.cells)
