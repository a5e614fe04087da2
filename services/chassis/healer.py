"""Brings an aggregate that is behind up to date from its source topic, which keeps everything (rule 11)."""

import asyncio
from collections.abc import Sequence
from typing import Any, Protocol

import structlog
from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from services.chassis.clock import monotonic
from services.chassis.consumer import Arrived, Received, keyed
from services.chassis.envelope import from_record, header_map
from services.chassis.errors import Infrastructure, Poison
from services.chassis.kinds import Kind, obeying
from services.chassis.metrics import METRICS
from services.chassis.offsets import BROKER_TIMEOUT_MS, exact_ends
from services.chassis.readiness import Readiness
from services.chassis.record import Position, Record
from services.chassis.store import BEHIND
from services.chassis.threads import Threads

log = structlog.get_logger()

POLL_MS = 500
BATCH = 200
LONGEST_REST = 60


class TopicReader(Protocol):
    """Reads a source topic again, outside any group."""

    def read(self, topic: str, partition: int, offset: int, keys: frozenset[str]) -> list[Received]:
        """Records of these keys from an offset up to the end as it is now. Blocks."""
        ...


class KafkaTopicReader:
    """Reads with kafka-python."""

    def __init__(self, bootstrap: str) -> None:
        """One short-lived consumer per reading."""
        self._bootstrap = bootstrap

    def read(self, topic: str, partition: int, offset: int, keys: frozenset[str]) -> list[Received]:
        """See `TopicReader.read`.

        Raises:
            Infrastructure: the broker is away.
        """
        wanted = {key.encode() for key in keys}
        try:
            return [r for r in read_partition(self._bootstrap, topic, partition, offset) if r.key in wanted]
        except KafkaError as error:
            raise Infrastructure(f"broker: {type(error).__name__}") from error


def read_partition(bootstrap: str, topic: str, partition: int, offset: int) -> list[Received]:
    """Every record of a partition from an offset up to the end as it is now.

    Raises:
        KafkaError: the broker is away.
        Infrastructure: it fell silent in the middle.
    """
    found: list[Received] = []
    consumer: Any = KafkaConsumer(
        bootstrap_servers=bootstrap,
        enable_auto_commit=False,
        group_id=None,
        auto_offset_reset="earliest",
        bootstrap_timeout_ms=BROKER_TIMEOUT_MS,
    )
    try:
        there = TopicPartition(topic, partition)
        end = exact_ends(consumer, [there]).get(there, 0)
        consumer.assign([there])
        consumer.seek(there, offset)
        heard_at = monotonic()
        while consumer.position(there) < end:
            polled = consumer.poll(timeout_ms=POLL_MS, max_records=1000)
            if not polled and monotonic() - heard_at > BROKER_TIMEOUT_MS / 1000:
                raise Infrastructure("broker: gives no records")
            heard_at = monotonic() if polled else heard_at
            for records in polled.values():
                found += [
                    Received(topic, partition, r.offset, r.key, r.value, header_map(r.headers))
                    for r in records
                    if r.offset < end
                ]
    finally:
        consumer.close()
    return found


class Healer:
    """Heals gaps at once, poison when asked or under a new build."""

    def __init__(
        self, kinds: Sequence[Kind[Any]], reader: TopicReader, threads: Threads, readiness: Readiness
    ) -> None:
        """Each kind applies what is read as if it had just arrived."""
        self._readiness = readiness
        self._kinds = kinds
        self._reader = reader
        self._threads = threads
        self._round = 0
        # (aggregate, topic) → the round in which it is looked at again, and how many rounds it rested.
        self._resting: dict[tuple[str, str], tuple[int, int]] = {}

    async def run_once(self, shards: Sequence[int]) -> int:
        """Heal what can be healed now; returns how many gaps and marks of other builds are left.

        What can't be healed is looked at less and less often, unless something arrives for it: a gap that
        nothing
        will ever close must not have its topic read every second, nor starve the others.
        """
        self._round += 1
        count, named = 0, list[str]()
        for kind in self._kinds:
            more, names = await self._threads.run(kind.committer.repository.sample, BEHIND)
            count, named = count + more, [*named, *names]
        METRICS.behind.set(count)
        self._readiness.name_cases("behind", count, named)
        if not count:
            for kind in self._kinds:
                kind.deciding.stirred.clear()
            return 0
        return sum([await self._heal_kind(kind, shards) for kind in self._kinds])

    async def _heal_kind(self, kind: Kind[Any], shards: Sequence[int]) -> int:
        stirred, kind.deciding.stirred = kind.deciding.stirred, set()
        repository, build = kind.committer.repository, kind.engine.build
        left = 0
        for record in await self._threads.run(repository.behind, shards, build, BATCH):
            for topic, mark in record.behind.items():
                at, rested = self._resting.get((record.id, topic), (0, 0))
                if mark.reason != "gap" and mark.build == build:
                    continue
                if (self._round < at and record.id not in stirred) or not await self.heal(record.id, topic):
                    left += 1
                    if self._round >= at:
                        rested = min(max(rested * 2, 1), LONGEST_REST)
                        self._resting[record.id, topic] = self._round + rested, rested
                else:
                    self._resting.pop((record.id, topic), None)
        return left

    async def heal(self, aggregate_id: str, topic: str) -> bool:
        """Read the aggregate's events again from where it stopped and apply them in order; True when it is
        healed.
        """
        kind = obeying(self._kinds, topic)
        record = await _get(kind, aggregate_id)
        if kind is None or record is None or topic not in record.behind:
            return True
        mark = record.behind[topic]
        seen = record.seen.get(topic)
        offset = seen.offset + 1 if seen else 0
        read = await self._threads.run(
            self._reader.read, topic, mark.partition, offset, frozenset({aggregate_id})
        )
        await kind.deciding.apply(in_sequence(read, seen.sequence if seen else 0), healing=True)
        after = await _get(kind, aggregate_id)
        healed = after is not None and topic not in after.behind
        METRICS.healed.inc(healed)
        log.info("healed" if healed else "still_behind", aggregate_id=aggregate_id, topic=topic)
        return healed

    async def drop(self, aggregate_id: str, topic: str, sequence: int) -> bool:
        """Give up one event on an operator's word, then heal the rest; False when it is not the next one."""
        kind = obeying(self._kinds, topic)
        while True:
            record = await _get(kind, aggregate_id)
            if kind is None or record is None or topic not in record.behind:
                return False
            seen = record.seen.get(topic)
            if sequence != (seen.sequence if seen else 0) + 1:
                return False
            kind.engine.skip(record, topic, await self._position(record, topic, sequence))
            committed = await kind.committer.commit([record])
            if not committed.lost:
                return await self.heal(aggregate_id, topic)
            await asyncio.sleep(0.01)

    async def _position(self, record: Record[Any], topic: str, sequence: int) -> Position:
        mark, seen = record.behind[topic], record.seen.get(topic)
        offset = seen.offset + 1 if seen else 0
        read = await self._threads.run(
            self._reader.read, topic, mark.partition, offset, frozenset({record.id})
        )
        for event in in_sequence(read, sequence - 1):
            if event.position.sequence == sequence:
                return event.position
        return Position(sequence, mark.partition, seen.offset if seen else -1)


async def _get(kind: Kind[Any] | None, aggregate_id: str) -> Record[Any] | None:
    return (await kind.committer.get([aggregate_id])).get(aggregate_id) if kind else None


def in_sequence(records: Sequence[Received], seen: int) -> list[Arrived]:
    """The readable records in order of sequence, without repeats, up to the first one that is missing."""
    by_sequence: dict[int, Arrived] = {}
    for record in records:
        try:
            event = Arrived(record, from_record(record.headers, record.value))
        except Poison:
            continue
        if not keyed(record, event.envelope):
            continue
        by_sequence.setdefault(event.position.sequence, event)
    found = []
    while (seen := seen + 1) in by_sequence:
        found.append(by_sequence[seen])
    return found
