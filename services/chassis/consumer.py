"""From a batch of records to durable effects; the caller acknowledges when `take` returns (rules 10
to 13).
"""

import asyncio
import functools
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

import structlog

from services.chassis import faults
from services.chassis.clock import Clocks
from services.chassis.committer import Committer
from services.chassis.deadletters import DeadLetters
from services.chassis.engine import Engine, Moment, Verdict
from services.chassis.envelope import Envelope, from_record
from services.chassis.errors import Infrastructure, Poison
from services.chassis.flood import Flood
from services.chassis.metrics import METRICS
from services.chassis.publisher import Publisher
from services.chassis.readiness import Readiness
from services.chassis.record import Position, Record
from services.chassis.store import Committed
from services.chassis.threads import Threads

log = structlog.get_logger()

S = TypeVar("S")
T = TypeVar("T")

ATTEMPTS = 3
FIRST_WAIT_S = 0.1
LONGEST_WAIT_S = 5.0


@dataclass(frozen=True, slots=True)
class Received:
    """One record as the broker gave it; header names are lower case."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class Arrived:
    """A record whose envelope could be read."""

    record: Received
    envelope: Envelope

    @property
    def position(self) -> Position:
        """Where it stands."""
        return Position(self.envelope.sequence, self.record.partition, self.record.offset)


async def patiently(readiness: Readiness, what: str, call: Callable[[], Awaitable[T]]) -> T:
    """Repeat a call until broker and store are there; the wait is declared, so the watchdog pauses (rule
    13).
    """
    pause = FIRST_WAIT_S
    while True:
        try:
            result = await call()
        except Infrastructure as error:
            readiness.wait(what, str(error))
            await asyncio.sleep(pause * (0.5 + random.random()))
            pause = min(pause * 2, LONGEST_WAIT_S)
        else:
            readiness.clear(what)
            return result


def keyed(record: Received, envelope: Envelope) -> bool:
    """Whether a record stands under the key that it speaks of."""
    return bool(record.key) and record.key == envelope.subject.encode()


async def readable(batch: Sequence[Received], letters: DeadLetters) -> list[Arrived]:
    """The records that have an envelope and a key; each other one is reported alone (rule 11)."""
    found = []
    for record in batch:
        try:
            envelope = from_record(record.headers, record.value)
            if not keyed(record, envelope):
                raise Poison("key_is_not_the_subject")
        except Poison as poison:
            await letters.report(record, poison.reason)
            continue
        found.append(Arrived(record, envelope))
    return found


class Deciding(Generic[S]):
    """Consumes a topic on which this service decides: one aggregate per key, next sequence only."""

    def __init__(  # noqa: PLR0913, PLR0917 - the parts it is wired of
        self,
        engine: Engine[S],
        committer: Committer[S],
        publisher: Publisher,
        clocks: Clocks,
        letters: DeadLetters,
        flood: Flood,
        readiness: Readiness,
        threads: Threads,
        declared: Callable[[str], frozenset[str]],
    ) -> None:
        """`declared(topic)` gives the event types that the topic's contract names."""
        self.engine = engine
        self.committer = committer
        self.publisher = publisher
        self.letters = letters
        self._clocks = clocks
        self._flood = flood
        self._readiness = readiness
        self._threads = threads
        self._declared = declared
        # Aggregates behind for which something arrived, perhaps what they lack: the healer looks at once.
        self.stirred: set[str] = set()
        self._dropped = Counter[str]()

    async def take(self, batch: Sequence[Received]) -> None:
        """Make a batch's effects durable: decide in memory, one bulk of guarded writes, publish."""
        await patiently(self._readiness, "consumer", self._flood.wait_until_open)
        METRICS.batch_size.observe(len(batch))
        with METRICS.batch_seconds.time():
            arrived = await patiently(self._readiness, "consumer", lambda: readable(batch, self.letters))
            await self.apply(arrived)
        dropped, self._dropped = self._dropped, Counter()
        faults.duplicates_dropped(dropped)

    async def apply(self, arrived: Sequence[Arrived], *, healing: bool = False) -> None:
        """Apply events, again and again until every one is stored, a duplicate, or marked as waiting."""
        pending: dict[str, list[Arrived]] = {}
        for event in arrived:
            pending.setdefault(event.envelope.subject, []).append(event)
        oversize: set[str] = set()
        while pending:
            done = await patiently(
                self._readiness,
                "consumer",
                functools.partial(self._round, pending, oversize, healing=healing),
            )
            for aggregate_id in done.too_large:
                if len(pending[aggregate_id]) > 1:
                    # One of them is too much; alone, each of the others may still fit.
                    for event in pending[aggregate_id]:
                        await self.apply([event], healing=healing)
                else:
                    oversize.add(aggregate_id)
            pending = {
                i: e for i, e in pending.items() if i in done.lost or (i in done.too_large and i in oversize)
            }
            if pending:
                await asyncio.sleep(random.random() * 0.05)

    async def _round(
        self, pending: dict[str, list[Arrived]], oversize: set[str], *, healing: bool
    ) -> Committed[S]:
        records = await self.committer.get(list(pending))
        moments = await self._clocks.look(self._threads)
        drafts: list[Record[S]] = []
        for aggregate_id, events in pending.items():
            site = events[0].envelope.site
            draft = records.get(aggregate_id) or Record(id=aggregate_id, site=site)
            moment = moments.get(draft.site)
            for event in events:
                await self._one(draft, event, moment, oversize=aggregate_id in oversize, healing=healing)
            if draft.dirty:
                drafts.append(draft)
        committed = await self.committer.commit(drafts)
        await self.publisher.publish(record for record in committed.stored if record.outbox)
        return committed

    async def _one(
        self, draft: Record[S], event: Arrived, moment: Moment | None, *, oversize: bool, healing: bool
    ) -> None:
        topic = event.record.topic
        try:
            if moment is None:
                raise Poison("unknown_site")
            if oversize and _is_next(draft, topic, event.position):
                raise Poison("too_large")
            verdict = self._attempt(draft, event, moment, healing=healing)
        except Exception as error:  # noqa: BLE001 - whatever a decision raises is poison for its case alone
            reason = error.reason if isinstance(error, Poison) else f"raised:{type(error).__name__}"
            log.warning("poison", topic=topic, event_id=event.envelope.id, reason=reason)
            newly = topic not in draft.behind
            # The letter first: a crash in between repeats the report rather than losing it.
            await self.letters.report(event.record, reason, aggregate_id=draft.id)
            if not newly:
                draft.behind[topic] = replace(draft.behind[topic], reason=reason, build=self.engine.build)
                draft.dirty = True
            self.engine.mark_behind(draft, topic, event.position, reason)
            if newly:
                await self._flood.count(draft.id)
            return
        if verdict is Verdict.DUPLICATE:
            self._dropped[topic] += 1
        if verdict is Verdict.SKIPPED:
            self.stirred.add(draft.id)
        if verdict is Verdict.GAP:
            METRICS.gaps.labels(topic).inc()
            log.warning("gap", topic=topic, event_id=event.envelope.id)

    def _attempt(self, draft: Record[S], event: Arrived, moment: Moment, *, healing: bool) -> Verdict:
        topic, position = event.record.topic, event.position
        for attempt in range(1, ATTEMPTS + 1):
            try:
                if event.envelope.type not in self._declared(topic) and _is_next(draft, topic, position):
                    raise Poison("undeclared_type")
                return self.engine.consume(draft, event.envelope, topic, position, moment, healing=healing)
            except Poison:
                raise
            except Exception:
                if attempt == ATTEMPTS:
                    raise
        raise AssertionError("unreachable")


class Collecting:
    """Consumes a topic that this service only collects from: every effect is an insert with an id of its own
    (rule 4).
    """

    def __init__(
        self,
        collect: Callable[[Sequence[Arrived]], Awaitable[None]],
        letters: DeadLetters,
        flood: Flood,
        readiness: Readiness,
        declared: Callable[[str], frozenset[str]],
    ) -> None:
        """`collect(events)` must be safe to repeat."""
        self._collect = collect
        self.letters = letters
        self._flood = flood
        self._readiness = readiness
        self._declared = declared

    async def take(self, batch: Sequence[Received]) -> None:
        """Insert what the batch says; an event that can't be collected is reported and its
        neighbours go on.
        """
        await patiently(self._readiness, "consumer", self._flood.wait_until_open)
        METRICS.batch_size.observe(len(batch))
        with METRICS.batch_seconds.time():
            await patiently(self._readiness, "consumer", lambda: self._take(batch))

    async def _take(self, batch: Sequence[Received]) -> None:
        arrived = []
        for event in await readable(batch, self.letters):
            if event.envelope.type in self._declared(event.record.topic):
                arrived.append(event)
            else:
                await self.letters.report(
                    event.record, "undeclared_type", aggregate_id=event.envelope.subject
                )
        try:
            await self._collect(arrived)
        except Infrastructure:
            raise
        except Exception:  # noqa: BLE001 - find the one that raises, so that the others go on
            for event in arrived:
                await self._alone(event)

    async def _alone(self, event: Arrived) -> None:
        try:
            await self._collect([event])
        except Infrastructure:
            raise
        except Exception as error:  # noqa: BLE001 - reported with its reason
            reason = error.reason if isinstance(error, Poison) else f"raised:{type(error).__name__}"
            log.warning("poison", topic=event.record.topic, event_id=event.envelope.id, reason=reason)
            await self.letters.report(event.record, reason, aggregate_id=event.envelope.subject)
            await self._flood.count(event.envelope.subject)


def _is_next(draft: Record[S], topic: str, position: Position) -> bool:
    seen = draft.seen[topic].sequence if topic in draft.seen else 0
    return position.sequence == seen + 1
