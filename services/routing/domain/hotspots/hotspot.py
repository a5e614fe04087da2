"""What stands out among counts by day, place and kind. Places and kinds alone: it knows no person."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from services.routing.domain.directory.unit import parent_of
from services.routing.domain.hotspots.testing import adjusted, chance

FALSE_ALARMS = 0.05
"""Where nothing has changed, the chance that a look names anything."""
LEAST = 5
"""Fewer in the window never stand out, however rare they were before."""
COMPARED_WINDOWS = 8
LEAST_WINDOWS = 4
"""So many windows before the one looked at are compared with it, and so many have to be known."""
ALL_KINDS = ""


@dataclass(frozen=True, slots=True)
class Count:
    """So many requests of a kind came in on a day, the place known as this unit."""

    day: date
    unit_code: str
    kind: str
    number: int


@dataclass(frozen=True, slots=True)
class Span:
    """The window, and what it is compared with: both by first day, `until` is the window's last one."""

    compared_since: date
    since: date
    until: date

    @classmethod
    def ending(cls, until: date, days: int, known_since: date) -> "Span":
        """A window of some days, compared with as much before it as is known, in whole windows."""
        since = until - timedelta(days=days - 1)
        windows = min(COMPARED_WINDOWS, max(0, (since - known_since).days // days))
        return cls(since - timedelta(days=windows * days), since, until)

    @property
    def windows(self) -> int:
        """How many windows it is compared with."""
        return (self.since - self.compared_since).days // ((self.until - self.since).days + 1)

    @property
    def is_known_enough(self) -> bool:
        """Whether there is enough to compare with."""
        return self.windows >= LEAST_WINDOWS


@dataclass(frozen=True, slots=True)
class Hotspot:
    """A place where more of a kind came in than before, and how likely that is by chance."""

    unit_code: str
    kind: str
    count: int
    expected: float
    p_value: float
    adjusted: float


@dataclass(frozen=True, slots=True)
class Findings:
    """What stands out, and among how many pairs of place and kind."""

    hotspots: tuple[Hotspot, ...]
    tested: int


def find(counts: Iterable[Count], span: Span, below: str) -> Findings:
    """What stands out at a unit or below it, least likely by chance first."""
    if not span.is_known_enough:
        return Findings((), 0)
    now, total = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for each in counts:
        if not span.compared_since <= each.day <= span.until:
            continue
        for pair in _pairs(each, below):
            total[pair] += each.number
            if each.day >= span.since:
                now[pair] += each.number
    share = 1 / (span.windows + 1)
    # How many came in altogether says nothing of when: leaving out by that alone lets no false alarm in.
    tested = sorted(pair for pair, number in total.items() if number >= LEAST)
    chances = [chance(now[pair], total[pair], share) for pair in tested]
    found = [
        Hotspot(*pair, now[pair], (total[pair] - now[pair]) / span.windows, p_value, each)
        for pair, p_value, each in zip(tested, chances, adjusted(chances), strict=True)
        if each <= FALSE_ALARMS and now[pair] >= LEAST
    ]
    return Findings(tuple(sorted(_smallest(found), key=lambda each: each.p_value)), len(tested))


def _pairs(count: Count, below: str) -> Iterator[tuple[str, str]]:
    code = count.unit_code
    while code == below or code.startswith(f"{below}/"):
        yield code, count.kind
        yield code, ALL_KINDS
        code = parent_of(code)


def _smallest(found: Iterable[Hotspot]) -> list[Hotspot]:
    """Without those that hold no more than one of their kinds, or a place below, that stands out."""
    spots = list(found)
    return [
        each
        for each in spots
        if not any(
            other.count == each.count
            and other is not each
            and each.kind in {other.kind, ALL_KINDS}
            and (other.unit_code == each.unit_code or other.unit_code.startswith(f"{each.unit_code}/"))
            for other in spots
        )
    ]
