"""From the outbox to the broker: in order, acknowledged, never given up (rules 7 and 8)."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import structlog
from kafka import KafkaProducer
from kafka.errors import KafkaConnectionError, KafkaTimeoutError

from services.chassis.clock import monotonic
from services.chassis.envelope import Envelope, Headers, event_id, to_headers
from services.chassis.errors import Infrastructure
from services.chassis.record import OutboxEntry, Record
from services.chassis.threads import Threads

log = structlog.get_logger()

REMEMBERED_AGGREGATES = 200_000
BLOCK_MS = 5_000
REFUSE_S = 2.0


class Producer(Protocol):
    """What the publisher needs of a broker client: each call ends when the record is acknowledged."""

    def send(self, topic: str, key: bytes, value: bytes, headers: Headers) -> "asyncio.Future[bool]":
        """Enqueue in order; the future says whether the broker acknowledged."""
        ...

    async def close(self) -> None:
        """Send what is enqueued, then end."""
        ...


class KafkaPythonProducer:
    """kafka-python's producer: idempotent, acks=all. Its own thread sends; one thread of ours enqueues, in
    order.
    """

    def __init__(self, bootstrap: str, client_id: str, linger_ms: int = 5) -> None:
        """Connects at the first `send`."""
        self._settings = {"bootstrap_servers": bootstrap, "client_id": client_id, "linger_ms": linger_ms}
        self._threads = Threads(1)
        self._producer: Any = None
        self._refusing_until = 0.0

    def _client(self) -> Any:
        if self._producer is None:
            self._producer = KafkaProducer(
                **self._settings,
                acks="all",
                enable_idempotence=True,
                bootstrap_timeout_ms=BLOCK_MS,
                max_block_ms=BLOCK_MS,
                delivery_timeout_ms=30_000,
                request_timeout_ms=10_000,
            )
        return self._producer

    def send(self, topic: str, key: bytes, value: bytes, headers: Headers) -> "asyncio.Future[bool]":
        """See `Producer.send`."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[bool] = loop.create_future()

        def settle(acknowledged: bool) -> None:  # noqa: FBT001 - a callback's one value
            if not done.done():
                done.set_result(acknowledged)

        def enqueue() -> None:
            if monotonic() < self._refusing_until:
                loop.call_soon_threadsafe(settle, False)  # noqa: FBT003 - as above
                return
            try:
                sent = self._client().send(topic, key=key, value=value, headers=headers)
            except (KafkaConnectionError, KafkaTimeoutError) as error:
                # Without a broker each record would block the next: let the sweep come back instead.
                log.warning("broker_away", reason=type(error).__name__)
                self._refusing_until = monotonic() + REFUSE_S
                loop.call_soon_threadsafe(settle, False)  # noqa: FBT003 - as above
                return
            except Exception as error:  # noqa: BLE001 - whatever it is, who waits must learn of it
                log.warning("publish_failed", topic=topic, reason=type(error).__name__)
                loop.call_soon_threadsafe(settle, False)  # noqa: FBT003 - as above
                return
            sent.add_callback(lambda _metadata: loop.call_soon_threadsafe(settle, True))  # noqa: FBT003
            sent.add_errback(lambda _error: loop.call_soon_threadsafe(settle, False))  # noqa: FBT003

        self._threads.submit(enqueue)
        return done

    async def close(self) -> None:
        """See `Producer.close`."""
        if self._producer is not None:
            await self._threads.run(self._producer.close, timeout=5)
        self._threads.close()


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
        self._running: set[asyncio.Task[None]] = set()

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
        complete = True
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
                complete = False
        return complete

    def publish_soon(self, records: Sequence[Record[Any]]) -> None:
        """Publish without waiting: a caller's answer depends on the commit alone."""
        task = asyncio.create_task(self._publish_quietly(records))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _publish_quietly(self, records: Sequence[Record[Any]]) -> None:
        if not await self.publish(records):
            log.warning("publish_incomplete", aggregates=len(records))

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
