"""The breaker: when too many cases fall behind at once, stop consuming until an operator says go on (rule
13).
"""

import asyncio
from collections import deque

import structlog
from pymongo.collection import Collection

from services.chassis.clock import WallClock, monotonic
from services.chassis.metrics import METRICS
from services.chassis.readiness import Readiness
from services.chassis.store import JOURNALED, MAJORITY, Raw, database, infrastructure
from services.chassis.threads import Threads

log = structlog.get_logger()

LIMIT = 50
WINDOW_S = 60.0


class Flood:
    """Counts newly behind cases in a window; the stop it makes is in the store and survives restarts."""

    def __init__(
        self,
        alias: str,
        threads: Threads,
        readiness: Readiness,
        wall: WallClock,
        limit: int = LIMIT,
        window_s: float = WINDOW_S,
    ) -> None:
        """More than `limit` different aggregates within `window_s` seconds stop the service's consumers."""
        self._alias = alias
        self._threads = threads
        self._readiness = readiness
        self._wall = wall
        self._limit = limit
        self._window_s = window_s
        self._recent: deque[tuple[float, str]] = deque()
        self._open = True
        self._checked = False

    async def count(self, aggregate_id: str) -> None:
        """One more aggregate fell behind for a poisoned event."""
        now = monotonic()
        self._recent.append((now, aggregate_id))
        while self._recent[0][0] < now - self._window_s:
            self._recent.popleft()
        if len({i for _, i in self._recent}) > self._limit:
            self._open = False
            METRICS.floods.inc()
            log.error("flood", aggregates=len(self._recent), window_s=self._window_s)
            await self._threads.run(self._store_stop)

    async def wait_until_open(self) -> None:
        """Return at once, or when an operator has resumed; meanwhile not ready, with the reason."""
        if self._open and self._checked:
            return
        while await self._threads.run(self._stopped):
            self._open = False
            self._readiness.wait("flood", "too many cases fell behind; look at the dead letters, then resume")
            await asyncio.sleep(0.5)
        self._open = self._checked = True
        self._recent.clear()
        self._readiness.clear("flood")

    def resume(self) -> None:
        """Take the stop away, for every worker of the service; blocks for one write."""
        with infrastructure():
            self._stops().delete_one({"_id": "flood"})

    def _stops(self) -> Collection[Raw]:
        return database(self._alias).get_collection(
            "consumer_stops", write_concern=JOURNALED, read_concern=MAJORITY
        )

    def _store_stop(self) -> None:
        with infrastructure():
            self._stops().replace_one({"_id": "flood"}, {"_id": "flood", "at": self._wall.now()}, upsert=True)

    def _stopped(self) -> bool:
        with infrastructure():
            return self._stops().find_one({"_id": "flood"}) is not None
