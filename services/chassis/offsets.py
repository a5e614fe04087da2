"""What partitions hold and what a group has committed, by the broker's own word. Each call blocks."""

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from faust.types import TP
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from services.chassis.clock import monotonic
from services.chassis.errors import Infrastructure

BROKER_TIMEOUT_MS = 5_000


class Bounds:
    """What partitions hold, by the broker's own word: the fetcher that may have stalled is not asked.

    Blocking, one thread only. Each call raises Infrastructure when the broker is away.
    """

    def __init__(self, bootstrap: str) -> None:
        """Connects when first asked."""
        self._bootstrap = bootstrap
        self._open: Any = None

    def read(self, tps: Iterable[TP]) -> tuple[dict[TP, int], dict[TP, int]]:
        """The first offset of each partition, and the next one to be written."""
        there = [TopicPartition(*tp) for tp in tps]
        if not there:
            return {}, {}
        with self._client() as client:
            first = client.beginning_offsets(there, timeout_ms=BROKER_TIMEOUT_MS)
            ends = client.end_offsets(there, timeout_ms=BROKER_TIMEOUT_MS)
        return {TP(*tp): n for tp, n in first.items()}, {TP(*tp): n for tp, n in ends.items()}

    def partitions(self, topics: Iterable[str]) -> list[TP]:
        """Of those topics that there are."""
        with self._client() as client:
            return [
                TP(topic, partition)
                for topic in sorted(topics)
                for partition in sorted(client.partitions_for_topic(topic) or ())
            ]

    def holds(self, tp: TP, offset: int) -> bool:
        """Whether there is any record from an offset on; what transactions leave behind is none."""
        there = TopicPartition(*tp)
        until = monotonic() + BROKER_TIMEOUT_MS / 1000
        with self._client() as client:
            client.assign([there])
            client.seek(there, offset)
            while monotonic() < until:
                if client.poll(timeout_ms=500, max_records=1):
                    return True
                highwater = client.highwater(there)
                if (
                    highwater is not None
                    and client.position(there, timeout_ms=BROKER_TIMEOUT_MS) >= highwater
                ):
                    return False
        raise Infrastructure("broker: gives no records")

    def close(self) -> None:
        """Disconnect."""
        if self._open is not None:
            self._open.close()
            self._open = None

    @contextlib.contextmanager
    def _client(self) -> Iterator[Any]:
        try:
            if self._open is None:
                self._open = KafkaConsumer(
                    bootstrap_servers=self._bootstrap,
                    group_id=None,
                    enable_auto_commit=False,
                    bootstrap_timeout_ms=BROKER_TIMEOUT_MS,
                )
            yield self._open
        except KafkaError as error:
            self.close()
            raise Infrastructure(f"broker: {type(error).__name__}") from error


class CommittedShort:
    """Whether a group's committed offsets are short of the ends that its topics had at the first call."""

    def __init__(self, bootstrap: str, group: str, topics: Sequence[str]) -> None:
        """Blocking; call it in a thread."""
        self._bootstrap = bootstrap
        self._group = group
        self._topics = topics
        self._ends: dict[TopicPartition, int] | None = None

    def __call__(self) -> bool:
        """True while there is something left to consume.

        Raises:
            Infrastructure: the broker is away.
        """
        try:
            if self._ends is None:
                self._ends = self._read_ends()
            if not self._ends:
                return False
            committed = self.committed()
            return any(committed.get(tp, 0) < end for tp, end in self._ends.items())
        except KafkaError as error:
            raise Infrastructure(f"broker: {type(error).__name__}") from error

    def _read_ends(self) -> dict[TopicPartition, int]:
        consumer: Any = KafkaConsumer(
            bootstrap_servers=self._bootstrap, group_id=None, enable_auto_commit=False
        )
        try:
            there = [
                TopicPartition(topic, partition)
                for topic in self._topics
                for partition in consumer.partitions_for_topic(topic) or ()
            ]
            return exact_ends(consumer, there) if there else {}
        finally:
            consumer.close()

    def committed(self) -> dict[TopicPartition, int]:
        """What the group has committed; raises KafkaError."""
        admin: Any = KafkaAdminClient(bootstrap_servers=self._bootstrap)
        try:
            offsets = admin.list_group_offsets(self._group).get(self._group, {})
            return {tp: found.offset for tp, found in offsets.items()}
        finally:
            admin.close()


def exact_ends(consumer: Any, there: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
    """The ends of the partitions that hold anything; the consumer is left assigned to them.

    Tansu answers with one after the first record of the last batch; what comes with records is right.
    """
    first = consumer.beginning_offsets(there, timeout_ms=BROKER_TIMEOUT_MS)
    ends = consumer.end_offsets(there, timeout_ms=BROKER_TIMEOUT_MS)
    full = {tp: end for tp, end in ends.items() if end > first[tp]}
    consumer.assign(list(full))
    for tp, end in full.items():
        consumer.seek(tp, end - 1)
    until = monotonic() + BROKER_TIMEOUT_MS / 1000
    while any(consumer.highwater(tp) is None for tp in full):
        if monotonic() > until:
            raise Infrastructure("broker: gives no records")
        consumer.poll(timeout_ms=100)
    return {tp: max(end, consumer.highwater(tp)) for tp, end in full.items()}


@dataclass(frozen=True, slots=True)
class Offsets:
    """What the broker says of a group and of some topics."""

    lag: dict[str, int]
    """Records not yet acknowledged by the group, by topic."""
    sizes: dict[str, int]
    """Records that the topics hold which were asked about."""


class Backlog:
    """What a whole group has left to do: a process knows of its own partitions only.

    Blocking, one thread only. Each call raises Infrastructure when the broker is away.
    """

    def __init__(self, bootstrap: str, group: str, topics: Sequence[str]) -> None:
        """`topics`: read by the group, whether or not it has committed anything there."""
        self._bounds = Bounds(bootstrap)
        self._short = CommittedShort(bootstrap, group, topics)
        self._topics = topics

    def read(self, sized: Sequence[str]) -> Offsets:
        """Now; `sized` are the topics whose size is wanted."""
        try:
            committed = self._short.committed()
        except KafkaError as error:
            raise Infrastructure(f"broker: {type(error).__name__}") from error
        consumed = {*self._topics, *(tp.topic for tp in committed)}
        tps = self._bounds.partitions({*consumed, *sized})
        first, ends = self._bounds.read(tps)
        lag, sizes = dict.fromkeys(sorted(consumed), 0), dict.fromkeys(sized, 0)
        for tp in tps:
            if tp.topic in lag:
                handled = max(committed.get(TopicPartition(*tp), 0), first[tp])
                lag[tp.topic] += max(ends[tp] - handled, 0)
            if tp.topic in sizes:
                sizes[tp.topic] += ends[tp] - first[tp]
        return Offsets(lag, sizes)

    def close(self) -> None:
        """Disconnect."""
        self._bounds.close()
