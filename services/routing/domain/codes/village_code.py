"""The code of a village or community on all its days: versions of numbered clauses, none ever deleted.

A clause is known here by its number and the digest of its text; the text stays in the store.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date

from services.routing.domain.directory.days import Days

EVENTS = "fengqiao.routing.village_codes"

IN_FORCE, REPEALED = "in_force", "repealed"


@dataclass(frozen=True, slots=True)
class Clause:
    """A clause of a version."""

    number: str
    digest: str


@dataclass(frozen=True, slots=True)
class Version:
    """What was adopted at once, and the days on which it is in force."""

    number: int
    adopted_on: date
    days: Days
    clauses: tuple[Clause, ...]

    def clause(self, number: str) -> Clause | None:
        """The clause of a number."""
        return next((clause for clause in self.clauses if clause.number == number), None)


@dataclass(frozen=True, slots=True)
class VillageCode:
    """All versions of one unit's code, in the order of their adoption."""

    unit_code: str
    site_id: str
    versions: tuple[Version, ...] = ()

    def in_force_on(self, day: date) -> Version | None:
        """The version that is in force on a day."""
        return next((version for version in self.versions if day in version.days), None)

    def status_on(self, day: date) -> str:
        """`in_force` where some version is on that day or will be later, else `repealed`."""
        return IN_FORCE if any(version.days.ends_after(day) for version in self.versions) else REPEALED

    def beginning_from(self, day: date) -> Version | None:
        """A version that begins on a day or later."""
        later = (each for each in self.versions if each.days.since >= day)
        return next((each for each in later if each.days.ends_after(day)), None)

    def ended(self, on: date) -> "VillageCode":
        """The same with nothing in force from a day on."""
        versions = tuple(replace(each, days=each.days.ended(on)) for each in self.versions)
        return replace(self, versions=versions)


def digest_of(text: str) -> str:
    """What an event says of a clause's text."""
    return hashlib.sha256(text.encode()).hexdigest()


def in_sequence(numbers: Iterable[str]) -> list[tuple[int, ...]]:
    """Numbers as they are ordered: 3.2 comes after 3 and before 12."""
    return [tuple(int(part) for part in number.split(".")) for number in numbers]
