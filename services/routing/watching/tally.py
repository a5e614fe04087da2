"""How many cases have ended, by tier and status: counted once, then kept by what changes."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from pymongo.collection import Collection

from services.chassis.store import Raw, infrastructure
from services.routing.domain import ENDED, RESOLVED
from services.routing.domain.attention import Facts
from services.routing.watching.view import Cell


@dataclass(frozen=True, slots=True)
class Share:
    """What a case that has ended counts for."""

    cell: Cell
    climbs: int


@dataclass(slots=True)
class Tally:
    """The counts of one site, or what is to be added to them."""

    cells: Counter[Cell] = field(default_factory=Counter)
    climbs: int = 0

    def add(self, share: Share, by: int = 1) -> None:
        """One case more, or one less."""
        self.cells[share.cell] += by
        self.climbs += by * share.climbs

    def merge(self, other: "Tally") -> None:
        """All that another has."""
        self.cells.update(other.cells)
        self.climbs += other.climbs


def share_of(facts: Facts) -> Share:
    """Of a case that has ended."""
    return Share((facts.tier, facts.status), facts.climbs)


def share_before(facts: Facts, from_tier: int) -> Share:
    """What a case that goes on had counted for: only what was resolved does, and it is one step further."""
    return Share((from_tier or facts.tier, RESOLVED), max(facts.climbs - 1, 0))


def count(collection: Collection[Raw], site: str, before: datetime) -> Tally:
    """What had ended in a site and has not changed since before a time. Looks at each of them: blocks long.

    Raises:
        Infrastructure: the store is away.
    """
    tally = Tally()
    for status in ENDED:
        # One status at a time, and the time not in the query: so the store takes the index of a site's queue.
        group = {
            "_id": {"tier": "$state.tier", "settled": {"$lt": ["$updated_at", before]}},
            "count": {"$sum": 1},
            "climbs": {"$sum": {"$size": {"$ifNull": ["$state.steps", []]}}},
        }
        with infrastructure():
            rows: Iterable[Raw] = list(
                collection.aggregate([{"$match": {"site": site, "state.status": status}}, {"$group": group}])
            )
        for row in rows:
            if row["_id"]["settled"]:
                tally.cells[row["_id"]["tier"], status] += row["count"]
                tally.climbs += row["climbs"]
    return tally
