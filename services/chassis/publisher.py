"""From the outbox to the broker: in order, acknowledged, never given up (rules 7 and 8)."""

import asyncio
import contextlib
import functools
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import structlog
from kafka import KafkaProducer
from kafka.errors import KafkaConnectionError, KafkaError, KafkaTimeoutError

from services.chassis import faults
from services.chassis.clock import monotonic
from services.chassis.envelope import Envelope, Headers, event_id, to_headers
from services.chassis.errors import Infrastructure
from services.chassis.producing import ByKey, calm
from services.chassis.record import OutboxEntry, Record
from services.chassis.threads import Heap, Threads

log = structlog.get_logger()

REMEMBERED_AGGREGATES = 200_000
BLOCK_MS = 5_000
CLOSE_S = 5
REFUSE_S = 2.0
DELIVERY_MS = 30_000
REQUEST_MS = 10_000


class Producer(Protocol):
    """What the publisher needs of a broker client: each call ends when the record is acknowledged."""

    def send(self, topic: str, key: bytes, value: bytes, headers: Headers) -> "asyncio.Future[bool]":
        """Enqueue in order; the future says whether the broker acknowledged."""
        ...

    async def close(self) -> None:
        """Send what is enqueued, then end."""
        ...


@dataclass(frozen=True, slots=True)
class Sending:
    """One record on its way to the client."""

    topic: str
    key: bytes
    value: bytes
    headers: Headers


class KafkaPythonProducer:
    """kafka-python's producer: idempotent, acks=all. Its own thread sends; one thread of ours enqueues, in
    order.
    """

    def __init__(self, bootstrap: str, client_id: str, linger_ms: int = 20) -> None:
        """Connects at the first `send`."""
        self._settings = {"bootstrap_servers": bootstrap, "client_id": client_id, "linger_ms": linger_ms}
        self._threads = Threads(1)
        self._producer: Any = None
        self._refusing_until = 0.0
        self._waiting: Heap[tuple[Sending, asyncio.Future[bool]]] = Heap()
        self._settled: Heap[tuple[asyncio.Future[bool], bool]] = Heap()

    def _client(self) -> Any:
        if self._producer is None:
            made = KafkaProducer(
                **self._settings,
                acks="all",
                partitioner=ByKey(),
                enable_idempotence=True,
                bootstrap_timeout_ms=BLOCK_MS,
                max_block_ms=BLOCK_MS,
                delivery_timeout_ms=DELIVERY_MS,
                request_timeout_ms=REQUEST_MS,
            )
            self._producer = calm(made)
        return self._producer

    def send(self, topic: str, key: bytes, value: bytes, headers: Headers) -> "asyncio.Future[bool]":
        """See `Producer.send`."""
        done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        if self._waiting.add((Sending(topic, key, value, headers), done)):
            self._threads.submit(self._enqueue)
        return done

    def _enqueue(self) -> None:
        """Hand over everything that waits, in order: one thread's turn for many records."""
        for sending, done in self._waiting.take():
            if monotonic() < self._refusing_until:
                self._settle(done, acknowledged=False)
                continue
            try:
                client = self._client()
                sent = client.send(
                    sending.topic, key=sending.key, value=sending.value, headers=sending.headers
                )
            except (KafkaConnectionError, KafkaTimeoutError) as error:
                # Without a broker each record would block the next: let the sweep come back instead.
                log.warning("broker_away", reason=type(error).__name__)
                self._refusing_until = monotonic() + REFUSE_S
                self._settle(done, acknowledged=False)
            except Exception as error:  # noqa: BLE001 - whatever it is, who waits must learn of it
                log.warning("publish_failed", topic=sending.topic, reason=type(error).__name__)
                self._settle(done, acknowledged=False)
            else:
                sent.add_callback(lambda _metadata, done=done: self._settle(done, acknowledged=True))
                sent.add_errback(lambda _error, done=done, client=client: self._failed(done, client))

    def _failed(self, done: "asyncio.Future[bool]", client: Any) -> None:
        """From the client's thread: one record of it expired, or was refused after all."""
        self._settle(done, acknowledged=False)
        with contextlib.suppress(RuntimeError):  # closed meanwhile
            self._threads.submit(functools.partial(self._replace, client))

    def _replace(self, client: Any) -> None:
        """Begin with a new client. kafka-python 3.0.12 gives up its producer id when a record expires that
        had been sent once, never asks for another, and sends nothing any more, for ever.
        """
        if client is self._producer:
            self._producer = None
            faults.producer_replaced()
            _end(client, 0)

    def _settle(self, done: "asyncio.Future[bool]", *, acknowledged: bool) -> None:
        """From whatever thread; the loop is woken once for all that are settled before it looks."""
        if self._settled.add((done, acknowledged)):
            done.get_loop().call_soon_threadsafe(self._tell)

    def _tell(self) -> None:
        for done, acknowledged in self._settled.take():
            if not done.done():
                done.set_result(acknowledged)

    async def close(self) -> None:
        """See `Producer.close`."""
        if self._producer is not None:
            await self._threads.run(_end, self._producer, CLOSE_S)
        self._threads.close()


def _end(client: Any, timeout_s: float) -> None:
    """Close a client; what it still holds is failed, so that nobody waits for it."""
    try:
        client.close(timeout=timeout_s)
    except KafkaError:  # not all was sent in time; then it would go on trying
        client._sender.force_close()  # noqa: SLF001 - it has no other door


class Acknowledged:
    """Up to which sequence the broker has acknowledged, per aggregate and topic, as far as this process
    knows.
    """

    def __init__(self, size: int = REMEMBERED_AGGREGATES) -> None:
        """Forgets the aggregates longest untouched; forgetting only costs duplicates."""
        self._size = size
        self._upto: OrderedDict[str, dict[str, int]] = OrderedDict()

    def of(self, aggregate_id: str) -> Mapping[str, int]:
        """Topic → sequence; empty when nothing is known."""
        return self._upto.get(aggregate_id, {})

    def note(self, aggregate_id: str, topic: str, sequence: int) -> None:
        """Everything of the topic up to the sequence is acknowledged."""
        upto = self._upto.setdefault(aggregate_id, {})
        upto[topic] = max(upto.get(topic, 0), sequence)
        self._upto.move_to_end(aggregate_id)
        while len(self._upto) > self._size:
            self._upto.popitem(last=False)


def acknowledged_prefixes(entries: Sequence[OutboxEntry], results: Sequence[bool]) -> dict[str, int]:
    """Per topic the last sequence such that it and everything before it in the outbox is acknowledged (rule
    8).
    """
    upto: dict[str, int] = {}
    broken: set[str] = set()
    for entry, acknowledged in zip(entries, results, strict=True):
        if not acknowledged:
            broken.add(entry.topic)
        elif entry.topic not in broken:
            upto[entry.topic] = entry.sequence
    return upto


class Publisher:
    """Publishes whole outboxes and remembers what may be trimmed."""

    def __init__(
        self, service: str, producer: Producer, acknowledged: Acknowledged, trim_after_s: float = 0.0
    ) -> None:
        """`service` is the source attribute of the events.

        A document that rests for `trim_after_s` seconds is trimmed; one committed again meanwhile drops
        its acknowledged prefix in that commit, and costs no write of its own.
        """
        self._service = service
        self._producer = producer
        self._acknowledged = acknowledged
        self._trim_after_s = trim_after_s
        self._trimmable: dict[str, tuple[int, float]] = {}
        self._running: set[asyncio.Task[bool]] = set()

    def sibling(self) -> "Publisher":
        """A publisher over the same client for another collection, which trims for itself."""
        return Publisher(self._service, self._producer, self._acknowledged, self._trim_after_s)

    async def publish(self, records: Iterable[Record[Any]]) -> bool:
        """Send each record's whole outbox in order; True when the broker acknowledged all of it.

        What was not acknowledged stays in the outbox, for the sweep.
        """
        sent = [
            (record, record.outbox, [self._send(record, entry) for entry in record.outbox])
            for record in records
        ]
        refused = 0
        for record, entries, futures in sent:
            results = [await future for future in futures]
            for topic, sequence in acknowledged_prefixes(entries, results).items():
                self._acknowledged.note(record.id, topic, sequence)
            if all(results):
                known, _ = self._trimmable.pop(record.id, (0, 0.0))
                self._trimmable[record.id] = max(record.version, known), monotonic()
                if len(self._trimmable) > REMEMBERED_AGGREGATES:  # nobody trims here; another's sweep will
                    del self._trimmable[next(iter(self._trimmable))]
            else:
                refused += len(results) - sum(results)
        if refused:
            faults.not_acknowledged(refused)
        return not refused

    def publish_soon(self, records: Sequence[Record[Any]]) -> None:
        """Publish without waiting: a caller's answer depends on the commit alone."""
        task = asyncio.create_task(self.publish(records))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    def take_trimmable(self) -> dict[str, int]:
        """Id → version of documents whose whole outbox has been acknowledged for a while; taken once."""
        ripe = monotonic() - self._trim_after_s
        taken = {key: version for key, (version, at) in self._trimmable.items() if at <= ripe}
        for key in taken:
            del self._trimmable[key]
        return taken

    def idle(self, record: Record[Any]) -> bool:
        """True when everything in a stored outbox is known to be acknowledged: trim it, do not send it
        again.
        """
        upto = self._acknowledged.of(record.id)
        return all(entry.sequence <= upto.get(entry.topic, 0) for entry in record.outbox)

    def note_idle(self, record: Record[Any]) -> None:
        """Let the next trim empty a stored outbox."""
        self._trimmable[record.id] = record.version, 0.0

    async def report(self, topic: str, key: bytes, value: bytes, headers: Headers) -> None:
        """Send one record that has no outbox (a dead letter) and wait for the broker's word.

        Raises:
            Infrastructure: it was not acknowledged.
        """
        if not await self._producer.send(topic, key, value, headers):
            raise Infrastructure("broker: not acknowledged")

    async def close(self) -> None:
        """Finish what is being published, then end the producer."""
        if self._running:
            await asyncio.wait(self._running, timeout=5)
        await self._producer.close()

    def _send(self, record: Record[Any], entry: OutboxEntry) -> "asyncio.Future[bool]":
        envelope = Envelope(
            id=event_id(self._service, record.id, entry.topic, entry.sequence),
            type=entry.type,
            source=f"/fengqiao/{self._service}",
            subject=record.id,
            site=record.site,
            time=entry.occurred_at,
            recorded_at=entry.recorded_at,
            sequence=entry.sequence,
            head=entry.head,
            cause=entry.cause,
            data=entry.data,
        )
        return self._producer.send(entry.topic, record.id.encode(), entry.data, to_headers(envelope))
