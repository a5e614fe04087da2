"""Fires what is due, republishes what has waited, trims what is acknowledged (rules 8, 16, 18)."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from pymongo.collection import Collection

from services.chassis.clock import Clocks, monotonic
from services.chassis.engine import Moment
from services.chassis.errors import Infrastructure, TooLarge
from services.chassis.kinds import Kind
from services.chassis.lateness import LATENESS, owed_at
from services.chassis.metrics import METRICS
from services.chassis.readiness import Readiness
from services.chassis.store import EPOCH, JOURNALED, MAJORITY, Raw, database, infrastructure, insert_only
from services.chassis.threads import Threads

log = structlog.get_logger()

BATCH = 200
HERD = 500
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


class Sweeper:
    """One service's sweeps. Correctness is in the guarded commit; shards only save work."""

    def __init__(
        self,
        alias: str,
        kinds: Sequence[Kind[Any]],
        clocks: Clocks,
        threads: Threads,
        readiness: Readiness,
        catchup: Catchup,
    ) -> None:
        """`alias` names the service's database connection; every kind of its aggregates is swept."""
        self._alias = alias
        self._kinds = kinds
        self._clocks = clocks
        self._threads = threads
        self._readiness = readiness
        self._catchup = catchup
        self._outbox_at = 0.0
        self._firing = [kind for kind in kinds if kind.engine.model.fire is not None]

    async def run_once(self, shards: Sequence[int]) -> int:
        """One round over some shards; returns how many deadlines' commits it made.

        Raises:
            Infrastructure: the store is away; come back later.
        """
        wall = self._clocks.wall
        await self._threads.run(wall.measure if self._firing else wall.measure_now_and_then, self._alias)
        if monotonic() - self._outbox_at >= OUTBOX_PERIOD_S:
            self._outbox_at = monotonic()
            await self.sweep_outboxes(shards)
            await self.name_failing()
        if fault := self._clocks.wall.fault:
            self._readiness.wait("clock", fault)
            return 0
        self._readiness.clear("clock")
        if not await self._caught_up(shards):
            return 0
        return await self.fire(shards) if self._firing else 0

    async def fire(self, shards: Sequence[int]) -> int:
        """Fire everything due, a batch at a time, until nothing is left or only others' work is."""
        commits = 0
        for site, moment in (await self._clocks.look(self._threads)).items():
            for kind in self._firing:
                while True:
                    made, found = await self._fire_batch(kind, site, moment, shards)
                    commits += made
                    if found < HERD or not made:
                        break
        return commits

    async def _fire_batch(
        self, kind: Kind[Any], site: str, moment: Moment, shards: Sequence[int]
    ) -> tuple[int, int]:
        repository = kind.committer.repository
        records = await self._threads.run(repository.due, site, shards, moment.now, moment.recorded_at, HERD)
        late = []
        for record in records:
            due_at = owed_at(kind.engine.model, record, moment)
            if kind.engine.fire_due(record, moment.now, moment):
                if not moment.replay:
                    late.append((moment.now - due_at).total_seconds())
            elif record.failures:
                log.error(
                    "firing_failed",
                    aggregate_id=record.id,
                    reason=record.retry_reason,
                    failures=record.failures,
                )
        LATENESS.note(late)
        committed = await kind.committer.commit([record for record in records if record.dirty])
        await kind.publisher.publish(record for record in committed.stored if record.outbox)
        if committed.too_large:
            await self._hold_back(kind, committed.too_large, moment)
        return len(committed.stored), len(records)

    async def _hold_back(self, kind: Kind[Any], too_large: Iterable[str], moment: Moment) -> None:
        """A firing that does not fit fails like one that raises."""
        records = list((await kind.committer.get(list(too_large))).values())
        for record in records:
            kind.engine.back_off(record, TooLarge("too_large"), moment)
        await kind.committer.commit([record for record in records if record.dirty])

    async def name_failing(self) -> None:
        """Say which cases' firings fail (rule 18)."""
        query = {"retry_at": {"$gt": EPOCH}}
        count, named = 0, list[str]()
        for kind in self._kinds:
            more, names = await self._threads.run(kind.committer.repository.sample, query)
            count, named = count + more, [*named, *names]
        METRICS.failing.set(count)
        self._readiness.name_cases("firing_failed", count, named)

    async def sweep_outboxes(self, shards: Sequence[int]) -> int:
        """Republish what has waited, trim what is acknowledged; returns how many outboxes were sent again."""
        before = self._clocks.wall.now() - OUTBOX_AGE
        since: list[datetime] = []
        sent = 0
        for committer, publisher in [(kind.committer, kind.publisher) for kind in self._kinds]:
            full = True
            while full:
                if trimmable := publisher.take_trimmable():
                    await self._threads.run(committer.repository.trim, trimmable)
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
