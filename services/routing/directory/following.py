"""What this process knows of the directory: every unit without its households, at most a second old.

A decision on the ladder asks no store. What another process ordered within that second is found by the
standing sweep (`standing`).
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from services.chassis import memory
from services.chassis.clock import monotonic
from services.chassis.consumer import patiently
from services.chassis.foundation import Foundation
from services.chassis.kinds import Kind
from services.chassis.store import EPOCH, MAJORITY, infrastructure
from services.routing.domain.case import OPEN
from services.routing.domain.directory.ground import Ground
from services.routing.domain.directory.unit import Unit
from services.routing.store import WHO_ANSWERS, load_unit

PERIOD_S = 1.0
OVERLAP, LONG_OVERLAP = timedelta(seconds=5), timedelta(seconds=90)
"""Longer than a write takes from the time that it bears until it can be read, by any process's clock: than
nearly any, and than any that the store does not give up.
"""
LONG_EVERY_S = 30.0
LOADS_S = 0.1
"""So old may be what is known of how much each holder has to do."""
MANY = 5_000
"""So many units loaded, and the collector of garbage would stop all calls for 10 ms to look at them."""
FIELDS = {"site": 1, "version": 1, **WHO_ANSWERS}


class Following:
    """Keeps the grounds of a service's sites as its store has them."""

    def __init__(self, base: Foundation[Any], units: Kind[Unit], grounds: Mapping[str, Ground]) -> None:
        """`grounds` of the sites whose ladder asks the directory, by id."""
        self.grounds = grounds
        self.changed: dict[str, set[str]] = {site: set() for site in grounds}
        """Units by site that the standing sweep has not looked at since they changed."""
        self._base = base
        self._units = units
        self._lock = asyncio.Lock()
        self._read_at, self._stale = float("-inf"), True
        self._since, self._long_since, self._long_at = EPOCH, EPOCH, float("-inf")
        self._versions: dict[str, int] = {}
        self._loaded = 0
        self._weighed_at = float("-inf")

    def stale(self) -> None:
        """Something was ordered here: whatever is decided from now on knows of it."""
        self._stale, self._weighed_at = True, float("-inf")

    async def fresh(self) -> None:
        """See to it that what is known is at most a second old, and has all that was ordered in this process.

        Raises:
            Infrastructure: the store is away.
        """
        await self._units_fresh()
        if self._shared_and_old():
            self._weighed_at = monotonic()
            shared = {site: frozenset(ground.shared) for site, ground in self.grounds.items()}
            for site_id, loads in (await self._base.threads.run(self._weigh, shared)).items():
                self.grounds[site_id].loads = loads

    def _shared_and_old(self) -> bool:
        """Whether there are units whose cases several share, and what is known of their loads is old."""
        shared = any(ground.shared for ground in self.grounds.values())
        return shared and monotonic() - self._weighed_at > LOADS_S

    async def _units_fresh(self) -> None:
        if self._is_fresh():
            return
        async with self._lock:
            if self._is_fresh():
                return
            self._stale, began, now = False, monotonic(), self._base.wall.now()
            far = began - self._long_at > LONG_EVERY_S
            try:
                await self._refresh(self._long_since if far else self._since)
            except BaseException:
                self._stale = True
                raise
            self._read_at, self._since = began, now - OVERLAP
            if far:
                self._long_at, self._long_since = began, now - LONG_OVERLAP

    def _is_fresh(self) -> bool:
        return not self.grounds or (not self._stale and monotonic() - self._read_at < PERIOD_S)

    async def _refresh(self, since: datetime) -> None:
        found = await self._base.threads.run(self._read, since)
        for site_id, units in found.items():
            self.grounds[site_id].put(units)
            self.changed[site_id].update(unit.code for unit in units)
        self._loaded += sum(map(len, found.values()))
        if self._loaded >= MANY and not found:
            # An import is over, or the service has started: a county's units stay.
            self._loaded = 0
            await self._base.threads.run(memory.settle)
        moments = await self._base.clocks.look(self._base.threads)
        for site_id, ground in self.grounds.items():
            zone = self._base.sites[site_id].zone
            if ground.turn(moments[site_id].now.astimezone(zone).date()):
                self.changed[site_id].update(ground.territory.units)

    async def known(self) -> None:
        """As `fresh`; waits, and says so, until the store is there."""
        if not self._is_fresh() or self._shared_and_old():
            await patiently(self._base.readiness, "consumer", self.fresh)

    def _weigh(self, shared: Mapping[str, Collection[str]]) -> Mapping[str, Mapping[str, Mapping[str, int]]]:
        """How many open cases each holder has, of units whose cases several share; by site and unit."""
        collection = self._base.committer.repository.collection

        def weigh(site_id: str, unit: str) -> Mapping[str, int]:
            # One status at a time, by the index that serves a unit's queue.
            queries = [{"site": site_id, "state.unit_id": unit, "state.status": each} for each in OPEN]
            found = (raw for query in queries for raw in collection.find(query, {"state.holder_ref": 1}))
            return Counter(raw["state"]["holder_ref"] for raw in found)

        with infrastructure():
            return {site: {unit: weigh(site, unit) for unit in units} for site, units in shared.items()}

    def _read(self, since: datetime) -> Mapping[str, Sequence[Unit]]:
        """What was written since a time and is not known in that version, by site."""
        collection = self._units.committer.repository.collection.with_options(read_concern=MAJORITY)
        # Not by site as well: a store with an index on it would look at every unit of the site.
        query = {"updated_at": {"$gte": since}}
        found, former = defaultdict[str, list[Unit]](list), self._versions
        # What a long look does not find is not found again.
        versions = {} if since == self._long_since else dict(former)
        with infrastructure():
            for raw in collection.find(query, FIELDS):
                if since > EPOCH:
                    versions[raw["_id"]] = raw["version"]
                new = former.get(raw["_id"]) != raw["version"] and raw.get("state")
                if new and raw["site"] in self.grounds:
                    found[raw["site"]].append(load_unit(raw["state"]))
        self._versions = versions
        return found
