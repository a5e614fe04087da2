"""What this process knows of the emergencies of its sites, at most a second old: a decision asks no store."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from services.chassis.clock import monotonic
from services.chassis.consumer import patiently
from services.chassis.foundation import Foundation
from services.chassis.kinds import Kind
from services.chassis.store import EPOCH, MAJORITY, infrastructure
from services.routing.capability import Emergency
from services.routing.capabilityfile import Profile
from services.routing.domain.emergencies.emergency import Declaration

PERIOD_S, SELDOM_S = 1.0, 30.0
"""How old it may be where a site has profiles; where none has, nothing can be declared."""
OVERLAP = timedelta(seconds=90)
"""Longer than any write takes from the time that it bears until it can be read; the emergencies of so short a
time are few.
"""


class Declared:
    """The emergencies of one site. Satisfies `capability.Emergencies`."""

    def __init__(self, profiles: Mapping[str, Profile] | None = None) -> None:
        """`profiles` are those of the site's files, by name."""
        self.profiles = profiles or {}
        self._known: dict[str, Declaration] = {}

    def put(self, emergency_id: str, emergency: Declaration) -> None:
        """An emergency as it is now; one that has ended still places what was asked for before."""
        self._known[emergency_id] = emergency

    def at(self, at: datetime) -> Sequence[Emergency]:
        """Those in force at a time, with the rules that they put before the table."""
        if not self._known:
            return ()
        return [
            Emergency(each.name, each.unit_code, self._table(each.name))
            for each in self._known.values()
            if each.in_force(at)
        ]

    def latest(self, profile: str) -> int:
        """The latest version of a profile; 0: there is none."""
        return max((each.number for each in self.profiles.values() if each.id == profile), default=0)

    def _table(self, name: str) -> Any:
        profile = self.profiles.get(name)
        return profile.table if profile else None


class Watch:
    """Keeps what is declared at a service's sites as its store has it."""

    def __init__(
        self, base: Foundation[Any], kind: Kind[Declaration], declared: Mapping[str, Declared]
    ) -> None:
        """`declared` by site."""
        self.declared = declared
        self._base, self._kind = base, kind
        self._lock = asyncio.Lock()
        self._read_at, self._stale, self._since = float("-inf"), True, EPOCH
        self._period = PERIOD_S if any(each.profiles for each in declared.values()) else SELDOM_S

    def stale(self) -> None:
        """Something was ordered here: whatever is decided from now on knows of it."""
        self._stale = True

    async def fresh(self) -> None:
        """See to it that what is known is at most a second old, and has all that was ordered in this process.

        Raises:
            Infrastructure: the store is away.
        """
        if self._is_fresh():
            return
        async with self._lock:
            if self._is_fresh():
                return
            self._stale, began, now = False, monotonic(), self._base.wall.now()
            try:
                found = await self._base.threads.run(self._read)
            except BaseException:
                self._stale = True
                raise
            for site_id, emergency_id, emergency in found:
                self.declared[site_id].put(emergency_id, emergency)
            self._read_at, self._since = began, now - OVERLAP

    async def known(self) -> None:
        """As `fresh`; waits, and says so, until the store is there."""
        if not self._is_fresh():
            await patiently(self._base.readiness, "consumer", self.fresh)

    def _is_fresh(self) -> bool:
        return not self.declared or (not self._stale and monotonic() - self._read_at < self._period)

    def _read(self) -> list[tuple[str, str, Declaration]]:
        """What was written since the last look."""
        repository = self._kind.committer.repository
        collection = repository.collection.with_options(read_concern=MAJORITY)
        load = self._kind.engine.model.load
        with infrastructure():
            raws = collection.find({"updated_at": {"$gte": self._since}}, {"site": 1, "state": 1})
            return [
                (raw["site"], raw["_id"], load(raw["state"]))
                for raw in raws
                if raw.get("state") and raw["site"] in self.declared
            ]
