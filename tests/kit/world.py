"""Processes of one service over one broker and one store; each can be crashed between any two steps."""

import asyncio
import functools
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ParamSpec, TypeVar, cast
from zoneinfo import ZoneInfo

from services.chassis.calendar import Calendar
from services.chassis.clock import Clocks, WallClock
from services.chassis.commands import Commands, Creation, Order
from services.chassis.committer import Committer
from services.chassis.consumer import Arrived, Deciding
from services.chassis.deadletters import DeadLetters
from services.chassis.engine import Engine, Moment
from services.chassis.envelope import from_record
from services.chassis.flood import Flood
from services.chassis.healer import Healer
from services.chassis.kinds import Kind
from services.chassis.model import Context, Decision
from services.chassis.publisher import Acknowledged, Publisher
from services.chassis.readiness import Readiness
from services.chassis.record import SHARDS, Record
from services.chassis.site import Site
from services.chassis.sweeper import Catchup, Sweeper
from services.chassis.threads import Threads
from tests.kit import toy
from tests.kit.broker import FakeBroker, FakeProducer, FakeReader, Fate
from tests.kit.storage import FakeRepository, Faults, MemoryCollection
from tests.kit.timing import ManualClock

P = ParamSpec("P")
T = TypeVar("T")

ALL = range(SHARDS)
STEPS = ("commit", "publish", "trim", "ack")
CRASH_POINTS = tuple(f"{when} {step}" for step in STEPS for when in ("before", "after"))
"""Where a process can die: around each effect that outlives it."""


class Threadless(Threads):
    """Runs calls in the loop, each between two steps that may wait or never end."""

    def __init__(self, step: Callable[[str], Awaitable[None]]) -> None:
        self._step = step

    async def run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """See `Threads.run`."""
        name = getattr(call, "__name__", "call")
        await self._step(f"before {name}")
        result = functools.partial(call, *args, **kwargs)()
        await self._step(f"after {name}")
        return result

    def close(self) -> None:
        """Nothing runs."""


class FakeClocks(Clocks):
    """Sites without a store: `replay` holds where each replay clock stands."""

    def __init__(self, sites: dict[str, Site], wall: WallClock, replay: dict[str, datetime]) -> None:
        super().__init__("nowhere", sites, wall)
        self._replay = replay

    def read(self) -> dict[str, Moment]:
        """See `Clocks.read`."""
        now, latest = self.wall.span()
        return {
            site.id: Moment(self._replay[site.id], now, replay=True)
            if site.replay
            else Moment(now, now, latest=latest)
            for site in self._sites.values()
        }


class FakeFlood(Flood):
    """The breaker with its stop in a set that outlives processes."""

    def __init__(self, stops: set[str], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._set = stops

    def resume(self) -> None:
        """See `Flood.resume`."""
        self._set.clear()

    def _store_stop(self) -> None:
        self._set.add("flood")

    def _stopped(self) -> bool:
        return bool(self._set)


@dataclass
class World:
    """What outlives a process: store, topics, committed offsets, stops, replay clocks, bugs in the code."""

    broker: FakeBroker = field(default_factory=FakeBroker)
    memory: MemoryCollection = field(default_factory=MemoryCollection)
    quirks: toy.Quirks = field(default_factory=toy.Quirks)
    offsets: dict[str, int] = field(default_factory=dict)
    stops: set[str] = field(default_factory=set)
    replay: dict[str, datetime] = field(default_factory=dict)
    clock: ManualClock = field(default_factory=ManualClock)
    processes: list["Process"] = field(default_factory=list)
    pause: Callable[[], float] | None = None
    fate: Callable[[str, bytes, dict[str, str]], Fate] | None = None

    def process(
        self, build: str = "1", *, clock: ManualClock | None = None, flood_limit: int = 50
    ) -> "Process":
        """Start one."""
        return Process(self, build, clock or self.clock, flood_limit)

    def source(self, aggregate_id: str, *messages: Any, at: datetime | None = None, first: int = 1) -> None:
        """The upstream publishes: the next events of one aggregate, in order."""
        for sequence, message in enumerate(messages, first):
            self.broker.put(
                toy.received(toy.envelope(aggregate_id, sequence, message, at or self.clock()), 0)
            )

    def stored(self, aggregate_id: str) -> Record[toy.Toy]:
        """What the store holds."""
        return FakeRepository(self.memory, toy.model()).get([aggregate_id])[aggregate_id]

    def own(self, aggregate_id: str, topic: str = toy.EVENTS) -> list[int]:
        """Sequences of the aggregate's events on an own topic, as written."""
        return self.broker.sequences(topic, aggregate_id)

    def arrived(self, *topics: str) -> list[Arrived]:
        """Everything on own topics, ready to fold."""
        return [Arrived(r, from_record(r.headers, r.value)) for t in topics for r in self.broker.records(t)]


class Process:
    """One process of the service, from start to crash; `crash_at` names the point at which it dies, once."""

    def __init__(self, world: World, build: str, clock: ManualClock, flood_limit: int) -> None:
        self.world = world
        self.dead = asyncio.Event()
        self.never = asyncio.Event()
        world.processes.append(self)
        self.crash_at: str | None = None
        self.threads = Threadless(self.step)
        self.readiness = Readiness()
        self.wall = WallClock(clock)
        site = Site(
            toy.SITE, ZoneInfo("UTC"), cast("Calendar", None), bool(world.replay), "en", cast("Any", None)
        )
        self.clocks = FakeClocks({site.id: site}, self.wall, world.replay)
        self.acknowledged = Acknowledged()
        self.faults = Faults()
        model = toy.model(world.quirks)
        self.engine = Engine(model, build)
        self.repository = FakeRepository(world.memory, model, self.acknowledged.of, self.faults)
        self.committer: Committer[toy.Toy] = Committer(self.repository, self.threads, self.wall)
        self.producer = FakeProducer(world.broker, world.fate, self.step)
        self.publisher = Publisher("toy", self.producer, self.acknowledged)
        self.reader = FakeReader(world.broker)
        self.letters = DeadLetters("toy.dead", self.publisher, self.wall)
        self.flood = FakeFlood(world.stops, "nowhere", self.threads, self.readiness, self.wall, flood_limit)
        self.deciding = Deciding(
            self.engine,
            self.committer,
            self.publisher,
            self.clocks,
            self.letters,
            self.flood,
            self.readiness,
            self.threads,
            toy.declared,
        )
        self.commands = Commands(self.engine, self.committer, self.publisher, self.clocks, self.threads)
        kinds = [Kind(self.engine, self.committer, self.publisher, self.commands, self.deciding)]
        self.healer = Healer(kinds, self.reader, self.threads, self.readiness)
        self.sweeper = Sweeper("nowhere", kinds, self.clocks, self.threads, self.readiness, Catchup())

    # -- dying -----------------------------------------------------------------------------------------------

    async def step(self, name: str) -> None:
        """A point between two steps: the process may wait here, or die."""
        if name == self.crash_at:
            self.crash_at = None
            self.dead.set()
        if self.dead.is_set():
            await self.never.wait()
        pause = self.world.pause() if self.world.pause else 0.0
        if pause:
            await asyncio.sleep(pause)
        if self.dead.is_set():
            await self.never.wait()

    async def survives(self, doing: Awaitable[object]) -> bool:
        """Do something; False when the process died over it."""
        task = asyncio.ensure_future(doing)
        dying = asyncio.ensure_future(self.dead.wait())
        await asyncio.wait({task, dying}, return_when=asyncio.FIRST_COMPLETED)
        dying.cancel()
        if task.done():
            task.result()
            return not self.dead.is_set()
        task.cancel()
        return False

    # -- what a worker does ----------------------------------------------------------------------------------

    async def consume(self, topic: str = toy.SOURCE, size: int = 100) -> int:
        """Take the next batch from the committed offset, then commit it; returns how many there were."""
        at = self.world.offsets.get(topic, 0)
        batch = self.world.broker.records(topic)[at : at + size]
        if batch:
            await self.deciding.take(batch)
            await self.step("before ack")
            self.world.offsets[topic] = batch[-1].offset + 1
            await self.step("after ack")
        return len(batch)

    async def heal(self) -> int:
        """One round of the healer."""
        return await self.healer.run_once(ALL)

    async def sweep(self) -> None:
        """One round of the sweeper, without what only a real store can tell it."""
        await self.sweeper.sweep_outboxes(ALL)
        await self.sweeper.fire(ALL)
        await self.sweeper.name_failing()

    async def rest(self) -> None:
        """Everything there is to do, until outboxes are trimmed and only deadlines to come are left."""
        while await self.consume():
            pass
        for _ in range(20):
            await self.heal()
            await self.sweep()
            await asyncio.sleep(2.1)
            waiting = self.repository.count({"waiting_since": {"$exists": True}})
            if not waiting and not self.repository.behind(ALL, self.engine.build, 1):
                return
        raise AssertionError("it does not come to rest")

    # -- what a client does ----------------------------------------------------------------------------------

    async def create(self, aggregate_id: str, name: str = "made", key: str = "creation") -> Record[toy.Toy]:
        """Begin an aggregate by command."""
        order = Order(key, name.encode())
        return await self.commands.create(
            Creation(aggregate_id, toy.SITE, order, lambda _context: toy.open_toy(name))
        )

    async def add(
        self,
        aggregate_id: str,
        amount: int,
        key: str,
        *,
        padding: str = "",
        body: bytes | None = None,
        occurred_at: datetime | None = None,
        revision: int | None = None,
    ) -> bytes:
        """Add by command; the answer is the total."""

        def decide(state: toy.Toy, _context: Context) -> Decision:
            return toy.add(state, amount, padding)

        order = Order(key, body if body is not None else str(amount).encode(), revision, occurred_at)
        return await self.commands.execute(
            aggregate_id, order, decide, authorize=lambda _state, _at: None, answer=total_of
        )


def total_of(record: Record[toy.Toy]) -> bytes:
    """The total as an answer."""
    assert record.state is not None
    return str(record.state.total).encode()


async def until_dead_or_done(process: Process, todo: Sequence[Callable[[], Awaitable[object]]]) -> bool:
    """Do one thing after the other; False when the process died over one of them."""
    for each in todo:
        if not await process.survives(each()):
            return False
    return True


M = toy.MESSAGES
MINUTE = timedelta(minutes=1)
