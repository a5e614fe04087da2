"""What would be silence: units nobody works for, households nobody answers for. Said, not waited for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from services.chassis.clock import monotonic
from services.chassis.foundation import Foundation
from services.chassis.kinds import Kind
from services.chassis.store import Raw, infrastructure
from services.routing.directory.following import Following
from services.routing.domain.directory.ground import Ground
from services.routing.domain.directory.ladders import cut_off, unsupervised
from services.routing.domain.directory.unit import NEIGHBOURHOOD, Unit
from services.routing.rules import Rules
from services.routing.store import unit_id

PERIOD_S = 5.0
SHOWN = 3
COUNTED_FOR_S = 600.0
"""For so long a number of all households may say that all is well: counting those of a county takes the store
seconds. Whatever is said to be wrong is counted anew if anything changed.
"""


@dataclass(frozen=True, slots=True)
class Count:
    """How many households a site had, when that was counted, and at which version and day of its ground."""

    at: float
    state: tuple[int, date]
    total: int


@dataclass(frozen=True, slots=True)
class Silence:
    """Names what the directory of each site lacks today; sites that go by a file are checked at the start."""

    base: Foundation[Any]
    units: Kind[Unit]
    following: Following
    rules: Mapping[str, Rules]
    counted: dict[str, Count] = field(default_factory=dict)
    climbed: dict[str, tuple[tuple[int, date], list[str], list[str]]] = field(default_factory=dict)
    """What was found of each site's ladders, at which version and day of its ground."""

    async def look(self) -> None:
        """One round.

        Raises:
            Infrastructure: the store is away.
        """
        await self.following.fresh()
        unstaffed, leaderless = list[str](), list[str]()
        await self._ladders()
        for site_id, ground in self.following.grounds.items():
            if not ground.theirs:
                continue
            units = ground.territory.units
            standing = [code for code in ground.idle if ground.day in units[code].days]
            unstaffed += standing
            if told := await self._leaderless(site_id, ground, vacant(standing, ground)):
                leaderless.append(told)
        self.base.readiness.name_cases("unstaffed", len(unstaffed), unstaffed[:SHOWN])
        if leaderless:
            self.base.readiness.wait("leaderless", "; ".join(leaderless), blocks=False)
        else:
            self.base.readiness.clear("leaderless")

    async def _ladders(self) -> None:
        """Names the units whose ladder does not reach a top, and those above whom nobody is at work."""
        lost, alone = list[str](), list[str]()
        for site_id, ground in self.following.grounds.items():
            state = ground.version, ground.day
            if self.climbed.get(site_id, (None, [], []))[0] != state:
                # A county's units take a while to go through.
                units = list(ground.territory.units.values())
                found = await self.base.threads.run(cut_off, units, ground.day)
                above = await self.base.threads.run(unsupervised, units, set(ground.idle), ground.day)
                self.climbed[site_id] = state, found, above
            lost += self.climbed[site_id][1]
            alone += self.climbed[site_id][2]
        self.base.readiness.name_cases("ladder", len(lost), lost[:SHOWN])
        self.base.readiness.name_cases("no_superior", len(alone), alone[:SHOWN])

    async def _leaderless(self, site_id: str, ground: Ground, codes: Sequence[str]) -> str:
        """How many households have no leader, where that is more than the site's rule allows."""
        if not codes:
            return ""
        ids = [unit_id(site_id, code) for code in codes]
        lacking = await self.base.threads.run(self._households, {"_id": {"$in": ids}}, ground.day)
        if not lacking:
            return ""
        share = self.rules[site_id].leaderless_share
        total = await self._total(site_id, ground, lacking / share if share else float("inf"))
        return f"{site_id}: {lacking} of {total} households" if lacking > total * share else ""

    async def _total(self, site_id: str, ground: Ground, enough: float) -> int:
        """How many households a site has; minutes old where that many are enough."""
        known, state = self.counted.get(site_id), (ground.version, ground.day)
        recent = known is not None and monotonic() - known.at < COUNTED_FOR_S
        if known and (known.state == state or (recent and known.total >= enough)):
            return known.total
        of_site = {"site": site_id, "state.kind": NEIGHBOURHOOD}
        total = await self.base.threads.run(self._households, of_site, ground.day)
        self.counted[site_id] = Count(monotonic(), state, total)
        return total

    def _households(self, query: Raw, day: date) -> int:
        """How many the units that match have on a day."""
        on = day.isoformat()
        begun = {"$lte": ["$$this.days.since", on]}
        lasts = {"$or": [{"$eq": ["$$this.days.until", None]}, {"$gt": ["$$this.days.until", on]}]}
        theirs = {"$filter": {"input": "$state.households", "as": "this", "cond": {"$and": [begun, lasts]}}}
        group = {"_id": None, "count": {"$sum": {"$size": theirs}}}
        with infrastructure():
            rows = list(
                self.units.committer.repository.collection.aggregate([{"$match": query}, {"$group": group}])
            )
        return int(rows[0]["count"]) if rows else 0


def vacant(codes: Sequence[str], ground: Ground) -> list[str]:
    """Those neighbourhoods among these units whose leader's post nobody holds; on leave it is held."""
    units = ground.territory.units
    return [
        code for code in codes if units[code].kind == NEIGHBOURHOOD and not units[code].leader_on(ground.day)
    ]
