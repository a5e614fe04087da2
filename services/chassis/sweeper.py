"""Fires what is due, republishes what has waited, trims what is acknowledged (rules 8, 16, 18)."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

import structlog
from pymongo.collection import Collection

from services.chassis.clock import Clocks, monotonic
from services.chassis.committer import Committer
from services.chassis.engine import Engine, Moment
from services.chassis.errors import Infrastructure, TooLarge
from services.chassis.metrics import METRICS
from services.chassis.publisher import Publisher
from services.chassis.readiness import Readiness
from services.chassis.side import Side
from services.chassis.store import EPOCH, JOURNALED, MAJORITY, Raw, database, infrastructure, insert_only
from services.chassis.threads import Threads

log = structlog.get_logger()

S = TypeVar("S")

BATCH = 200
OUTBOX_PERIOD_S = 1.0
OUTBOX_AGE = timedelta(seconds=4)
CATCH_UP_LIMIT = timedelta(minutes=5)


@dataclass(slots=True)
class Catchup:
    """Whether the group has consumed all that was there when this worker got its shards (rule 16).

    `behind()` says whether committed offsets are still short of the ends read then; None: nothing to wait
    for.
    """

    behind: Callable[[], bool] | None = None


class Sweeper(Generic[S]):
    """One service's sweeps. Correctness is in the guarded commit; shards only save work."""

    def __init__(  # noqa: PLR0913, PLR0917 - the parts it is wired of
        self,
        alias: str,
        engine: Engine[S],
        committer: Committer[S],
        publisher: Publisher,
        clocks: Clocks,
        threads: Threads,
        readiness: Readiness,
        catchup: Catchup,
        sides: Sequence[Side[Any]] = (),
    ) -> None:
        """`alias` names the service's database connection; the outboxes of `sides` are swept with
        the first.
        """
        self._alias = alias
        self._engine = engine
        self._committer = committer
        self._publisher = publisher
        self._clocks = clocks
        self._threads = threads
        self._readiness = readiness
        self._catchup = catchup
        self._outboxes = [(committer, publisher), *((side.committer, side.publisher) for side in sides)]
        self._outbox_at = 0.0

    async def run_once(self, shards: Sequence[int]) -> int:
        """One round over some shards; returns how many deadlines' commits it made.

        Raises:
            Infrastructure: the store is away; come back later.
        """
        await self._threads.run(self._clocks.wall.measure, self._alias)
        if monotonic() - self._outbox_at >= OUTBOX_PERIOD_S:
            self._outbox_at = monotonic()
            await self.sweep_outboxes(shards)
            await self.name_failing()
        if self._clocks.wall.skewed:
            skew_ms = int(self._clocks.wall.skew / timedelta(milliseconds=1))
            self._readiness.wait("clock", f"store and process clocks differ by {skew_ms} ms; nothing fires")
            return 0
        self._readiness.clear("clock")
        if not await self._caught_up(shards):
            return 0
        return await self.fire(shards)

    async def fire(self, shards: Sequence[int]) -> int:
        """Fire everything due, a batch at a time, until nothing is left or only others' work is."""
        commits = 0
        for site, moment in (await self._threads.run(self._clocks.read)).items():
            while True:
                made, found = await self._fire_batch(site, moment, shards)
                commits += made
                if found < BATCH or not made:
                    break
        return commits

    async def _fire_batch(self, site: str, moment: Moment, shards: Sequence[int]) -> tuple[int, int]:
        repository = self._committer.repository
        records = await self._threads.run(repository.due, site, shards, moment.now, moment.recorded_at, BATCH)
        for record in records:
            due_at = record.next_due_at or moment.now
            if self._engine.fire_due(record, moment.now, moment):
                if not moment.replay:
                    METRICS.lateness_seconds.observe((moment.now - due_at).total_seconds())
            elif record.failures:
                log.error(
                    "firing_failed",
                    aggregate_id=record.id,
                    reason=record.retry_reason,
                    failures=record.failures,
                )
        committed = await self._committer.commit([record for record in records if record.dirty])
        await self._publisher.publish(record for record in committed.stored if record.outbox)
        if committed.too_large:
            await self._hold_back(committed.too_large, moment)
        return len(committed.stored), len(records)

    async def _hold_back(self, too_large: Iterable[str], moment: Moment) -> None:
        """A firing that does not fit fails like one that raises."""
        records = list((await self._committer.get(list(too_large))).values())
        for record in records:
            self._engine.back_off(record, TooLarge("too_large"), moment)
        await self._committer.commit([record for record in records if record.dirty])

    async def name_failing(self) -> None:
        """Say which cases' firings fail (rule 18)."""
        query = {"retry_at": {"$gt": EPOCH}}
        count, named = await self._threads.run(self._committer.repository.sample, query)
        self._readiness.name_cases("firing_failed", count, named)

    async def sweep_outboxes(self, shards: Sequence[int]) -> int:
        """Republish what has waited, trim what is acknowledged; returns how many outboxes were sent again."""
        before = self._clocks.wall.now() - OUTBOX_AGE
        since: list[datetime] = []
        sent = 0
        for committer, publisher in self._outboxes:
            full = True
            while full:
                await self._threads.run(committer.repository.trim, publisher.take_trimmable())
                waiting = await self._threads.run(committer.repository.waiting, shards, before, BATCH)
                since += [record.outbox[0].recorded_at for record in waiting if record.outbox]
                again = []
                for record in waiting:
                    if publisher.idle(record):
                        publisher.note_idle(record)
                    else:
                        again.append(record)
                # After an outage there are many: go on while the broker takes them.
                full = await publisher.publish(again) and len(waiting) == BATCH
                sent += len(again)
        METRICS.outbox_waiting.set(len(since))
        METRICS.outbox_age_seconds.set((self._clocks.wall.now() - min(since)).total_seconds() if since else 0)
        return sent

    async def _caught_up(self, shards: Sequence[int]) -> bool:
        behind = self._catchup.behind
        if behind is None:
            return True
        if await self._threads.run(behind):
            since = await self._threads.run(self._waiting_since, shards)
            if self._clocks.wall.now() - since < CATCH_UP_LIMIT:
                self._readiness.wait("catch_up", "deadlines wait until what had been published is consumed")
                return False
            log.error("catch_up_abandoned", shards=len(shards))
            METRICS.catch_up_abandoned.inc()
        if self._catchup.behind is not behind:
            return False  # a rebalance meanwhile: other shards, other ends
        self._catchup.behind = None
        await self._threads.run(self._wait_over, shards)
        self._readiness.clear("catch_up")
        return True

    def _waiting_since(self, shards: Sequence[int]) -> datetime:
        """When the first of these shards began to wait: kept in the store, or rebalances would prolong it
        for ever.
        """
        now = self._clocks.wall.now()
        with infrastructure():
            there: dict[int, datetime] = {
                raw["_id"]: raw["since"] for raw in self._waits().find({"_id": {"$in": list(shards)}})
            }
        insert_only(self._waits(), [{"_id": shard, "since": now} for shard in shards if shard not in there])
        return min([*there.values(), now])

    def _wait_over(self, shards: Sequence[int]) -> None:
        with infrastructure():
            self._waits().delete_many({"_id": {"$in": list(shards)}})

    def _waits(self) -> Collection[Raw]:
        return database(self._alias).get_collection(
            "catch_up", write_concern=JOURNALED, read_concern=MAJORITY
        )


async def forever(
    readiness: Readiness, what: str, pause_s: float, once: Callable[[], Awaitable[object]]
) -> None:
    """Repeat a round until cancelled; the store's absence is declared and waited for, a bug is logged and
    survived.
    """
    while True:
        try:
            await once()
            readiness.clear(what)
        except Infrastructure as error:
            readiness.wait(what, str(error))
        except Exception as error:
            log.exception("round_failed", what=what)
            readiness.wait(what, f"failed: {type(error).__name__}")
        await asyncio.sleep(pause_s)
