"""How many cases have ended, by tier and status: counted once, then kept by what changes."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from pymongo.collection import Collection

from services.chassis.store import Raw, infrastructure
from services.routing.domain import ENDED, RESOLVED
from services.routing.domain.attention import Facts
from services.routing.watching.parts import by_id
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


def count(collection: Collection[Raw], sites: Iterable[str], before: datetime) -> dict[str, Tally]:
    """What had ended in each site and has not changed since before a time. Looks at every case: blocks long.

    Raises:
        Infrastructure: the store is away.
    """
    tallies = {site: Tally() for site in sites}
    group = {
        "_id": {
            "site": "$site",
            "tier": "$state.tier",
            "status": "$state.status",
            "settled": {"$lt": ["$updated_at", before]},
        },
        "count": {"$sum": 1},
        "climbs": {"$sum": {"$size": {"$ifNull": ["$state.steps", []]}}},
    }
    for part in by_id(collection):
        with infrastructure():
            rows = list(collection.aggregate([{"$match": part}, {"$group": group}]))
        for row in rows:
            key = row["_id"]
            tally = tallies.get(key["site"])
            if tally and key["settled"] and key.get("status") in ENDED:
                tally.cells[key["tier"], key["status"]] += row["count"]
                tally.climbs += row["climbs"]
    return tallies
