"""Group commit: what many tasks commit at the same moment goes to the store as one bulk."""

import asyncio
from collections.abc import Sequence
from typing import Generic, TypeVar

from services.chassis import faults
from services.chassis.clock import WallClock
from services.chassis.metrics import METRICS
from services.chassis.record import Record
from services.chassis.store import Committed, Repository
from services.chassis.threads import Threads

S = TypeVar("S")

MAX_BULK = 500
# Where several wait at once they may wait a little more: their number grows, and a bulk is what costs.
GATHER_S = 0.005


class Committer(Generic[S]):
    """Commits records through one repository; every caller learns of its own records alone."""

    def __init__(self, repository: Repository[S], threads: Threads, wall: WallClock) -> None:
        """One per repository and process."""
        self.repository = repository
        self._threads = threads
        self._wall = wall
        self._queue: list[tuple[Sequence[Record[S]], asyncio.Future[Committed[S]]]] = []
        self._running: asyncio.Task[None] | None = None
        self._wanted: list[tuple[str, asyncio.Future[Record[S] | None]]] = []
        self._reading: asyncio.Task[None] | None = None

    async def get(self, ids: Sequence[str]) -> dict[str, Record[S]]:
        """Stored records of these ids."""
        return await self._threads.run(self.repository.get, ids)

    async def get_one(self, aggregate_id: str) -> Record[S] | None:
        """The stored record of an id; waits while such a read is under way, then shares the next one."""
        found: asyncio.Future[Record[S] | None] = asyncio.get_running_loop().create_future()
        self._wanted.append((aggregate_id, found))
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read())
        return await found

    async def _read(self) -> None:
        while self._wanted:
            taken, self._wanted = self._wanted[:MAX_BULK], self._wanted[MAX_BULK:]
            try:
                records = await self._threads.run(self.repository.get, sorted({i for i, _ in taken}))
            except Exception as error:  # noqa: BLE001 - handed to those who wait
                for _, found in taken:
                    if not found.done():
                        found.set_exception(error)
                continue
            for aggregate_id, found in taken:
                if not found.done():
                    record = records.get(aggregate_id)
                    # Whoever gets a record changes it: to each one of their own.
                    found.set_result(record.copy() if record else None)
            if len(taken) > 1:
                await asyncio.sleep(GATHER_S)

    async def commit(self, records: Sequence[Record[S]]) -> Committed[S]:
        """See `Repository.commit`; waits while a bulk is under way, then shares the next one."""
        if not records:
            return Committed([], set())
        done: asyncio.Future[Committed[S]] = asyncio.get_running_loop().create_future()
        self._queue.append((records, done))
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._drain())
        return await done

    async def _drain(self) -> None:
        while self._queue:
            taken = [self._queue.pop(0)]
            size = len(taken[0][0])
            # An aggregate at most once in a bulk: its second writer must see the first one's outcome.
            ids = {record.id for record in taken[0][0]}
            while self._queue and size + len(self._queue[0][0]) <= MAX_BULK:
                if any(record.id in ids for record in self._queue[0][0]):
                    break
                taken.append(self._queue.pop(0))
                size += len(taken[-1][0])
                ids.update(record.id for record in taken[-1][0])
            await self._commit(taken)
            if len(taken) > 1:
                await asyncio.sleep(GATHER_S)

    async def _commit(self, taken: list[tuple[Sequence[Record[S]], "asyncio.Future[Committed[S]]"]]) -> None:
        everything = [record for records, _ in taken for record in records]
        try:
            with METRICS.commit_seconds.time():
                committed = await self._threads.run(self.repository.commit, everything, self._wall.now())
        except Exception as error:  # noqa: BLE001 - handed to those who wait
            for _, done in taken:
                if not done.done():
                    done.set_exception(error)
            return
        faults.race_lost(len(committed.lost))
        for records, done in taken:
            if not done.done():
                ids = {record.id for record in records}
                mine = [record for record in committed.stored if record.id in ids]
                done.set_result(Committed(mine, ids & committed.lost, ids & committed.too_large))
