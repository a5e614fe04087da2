"""Looks at what no round of a service would name by itself, and tells readiness.

A store that does not answer: the drivers wait half a minute before they say so. Clocks that differ, in a
process that does not sweep. Events that wait unpublished though every call succeeds. Deadlines that are due
and stay unfired, whatever the sweepers say.
"""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog

from services.chassis.clock import monotonic
from services.chassis.errors import Infrastructure
from services.chassis.foundation import Foundation
from services.chassis.metrics import METRICS
from services.chassis.standing import Due, oldest_due, oldest_waiting, soon
from services.chassis.threads import Threads

log = structlog.get_logger()

PERIOD_S = 2.0
OUTBOX_SAID = timedelta(seconds=30)
UNFIRED_SAID_S = 30.0

Dues = Mapping[tuple[str, str], Due]


class Unfired:
    """How long the same deadline has been the oldest that is due: whoever fires it makes another the oldest.

    By this process's own clock from the first look on: neither a replay clock's jump nor the backlog after an
    outage is a sweeper that stands still.
    """

    def __init__(self) -> None:
        """Nothing seen yet."""
        self._since: dict[tuple[str, str], tuple[Due, float]] = {}

    def look(self, oldest: Dues, now: float) -> float:
        """Seconds for which one has been there at every look; `now` is monotonic."""
        before, self._since = self._since, {}
        for where, due in oldest.items():
            seen, since = before.get(where, (due, now))
            self._since[where] = due, since if seen == due else now
        return max((now - since for _, since in self._since.values()), default=0.0)


class Watch:
    """One per process, whatever its role."""

    def __init__(self, base: Foundation[Any]) -> None:
        """Looks at nothing yet."""
        self._base = base
        self._unfired = Unfired()
        # Its own thread: all others may be waiting for the store.
        self._threads = Threads(1)

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            try:
                await self.look()
            except Exception:
                log.exception("look_failed")
            await asyncio.sleep(PERIOD_S)

    async def look(self) -> None:
        """One look. When the store doesn't answer, nothing else is known."""
        try:
            since, due = await self._threads.run(soon, self._read)
        except Infrastructure as error:
            self._base.readiness.wait("store", str(error))
            return
        self._base.readiness.clear("store")
        self._declare("clock", self._base.wall.fault)
        age = self._base.wall.now() - since if since else timedelta(0)
        self._declare("outbox", _told(age), blocks=False)
        seconds = self._unfired.look(due, monotonic())
        METRICS.unfired_seconds.set(seconds)
        stuck = seconds > UNFIRED_SAID_S
        self._declare("unfired", "deadlines are due and nobody fires them" if stuck else "", blocks=False)

    def close(self) -> None:
        """Wait for the last look."""
        self._threads.close()

    def _read(self) -> tuple[datetime | None, Dues]:
        base = self._base
        base.wall.measure(base.alias)
        return oldest_waiting(base.kinds), oldest_due(base.kinds, base.clocks.read(), base.wall.now())

    def _declare(self, code: str, detail: str, *, blocks: bool = True) -> None:
        if detail:
            self._base.readiness.wait(code, detail, blocks=blocks)
        else:
            self._base.readiness.clear(code)


def _told(age: timedelta) -> str:
    return (
        f"the oldest event has waited {int(age.total_seconds())} s for the broker"
        if age > OUTBOX_SAID
        else ""
    )
