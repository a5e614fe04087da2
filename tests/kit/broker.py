"""Topics in memory, one partition each, and the two ends of the chassis that touch a broker."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import Enum

from services.chassis.consumer import Received
from services.chassis.envelope import Envelope, Headers, from_record, header_map
from services.chassis.errors import Infrastructure


class Fate(Enum):
    """What becomes of one record that was sent."""

    DELIVERED = "written and acknowledged"
    EXPIRED = "never written, refused after its time"
    UNSURE = "written, its acknowledgement lost"


@dataclass
class FakeBroker:
    """Keeps every record for ever; `away` refuses everything."""

    topics: dict[str, list[Received]] = field(default_factory=dict)
    away: bool = False

    def append(self, topic: str, key: bytes, value: bytes | None, headers: dict[str, str]) -> int:
        """Write one record; returns its offset."""
        log = self.topics.setdefault(topic, [])
        log.append(Received(topic, 0, len(log), key, value, headers))
        return len(log) - 1

    def put(self, record: Received) -> int:
        """Write a record made elsewhere, at the end of its topic."""
        return self.append(record.topic, record.key or b"", record.value, record.headers)

    def records(self, topic: str) -> list[Received]:
        """Everything in a topic, in order."""
        return self.topics.get(topic, [])

    def events(self, topic: str, aggregate_id: str) -> list[Envelope]:
        """An aggregate's events in a topic as they stand there, repeats and all."""
        key = aggregate_id.encode()
        return [from_record(r.headers, r.value) for r in self.records(topic) if r.key == key]

    def sequences(self, topic: str, aggregate_id: str) -> list[int]:
        """Sequences in order of writing."""
        return [event.sequence for event in self.events(topic, aggregate_id)]


async def _nothing(_step: str) -> None:
    """No crash, no delay."""


class FakeProducer:
    """`chassis.publisher.Producer`: in order, each record with a fate of its own.

    `fate(topic, key, headers)` decides; `hold()` lets records wait until `release()`: acknowledged late, or
    a producer that pauses. `step(name)` is awaited before and after each write: crash and delay live there.
    """

    def __init__(
        self,
        broker: FakeBroker,
        fate: Callable[[str, bytes, dict[str, str]], Fate] | None = None,
        step: Callable[[str], Awaitable[None]] = _nothing,
    ) -> None:
        self._broker = broker
        self.fate = fate or (lambda _topic, _key, _headers: Fate.DELIVERED)
        self._step = step
        self._queue: asyncio.Queue[tuple[str, bytes, bytes, Headers, asyncio.Future[bool]]] = asyncio.Queue()
        self._open = asyncio.Event()
        self._open.set()
        self._sender: asyncio.Task[None] | None = None
        self.closed = False

    def hold(self) -> None:
        """Send nothing for now."""
        self._open.clear()

    def release(self) -> None:
        """Send what waited, in order."""
        self._open.set()

    def send(self, topic: str, key: bytes, value: bytes, headers: Headers) -> "asyncio.Future[bool]":
        """See `Producer.send`."""
        done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._queue.put_nowait((topic, key, value, headers, done))
        if self._sender is None or self._sender.done():
            self._sender = asyncio.create_task(self._send_all())
        return done

    async def close(self) -> None:
        """See `Producer.close`."""
        self.closed = True
        if self._sender is not None:
            await self._sender

    async def _send_all(self) -> None:
        while not self._queue.empty():
            await self._open.wait()
            topic, key, value, headers, done = self._queue.get_nowait()
            named = header_map(headers)
            fate = Fate.EXPIRED if self._broker.away else self.fate(topic, key, named)
            await self._step("before publish")
            if fate is not Fate.EXPIRED:
                self._broker.append(topic, key, value, named)
            await self._step("after publish")
            if not done.done():
                done.set_result(fate is Fate.DELIVERED)


class FakeReader:
    """`chassis.healer.TopicReader` over the same topics."""

    def __init__(self, broker: FakeBroker) -> None:
        self._broker = broker
        self.readings = 0

    def read(self, topic: str, partition: int, offset: int, keys: frozenset[str]) -> list[Received]:
        """See `TopicReader.read`."""
        if self._broker.away:
            raise Infrastructure("broker: away")
        self.readings += 1
        wanted = {key.encode() for key in keys}
        return [r for r in self._broker.records(topic) if r.offset >= offset and r.key in wanted]
