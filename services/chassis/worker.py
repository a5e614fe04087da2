"""Faust, held to what it does well: group membership, fetching, offsets. Every pitfall it has is fenced here.

Agents read raw bytes in batches that acknowledge nothing by themselves (`noack_take`), one at a time
(`concurrency=1`); a batch is acknowledged when its effects are durable, and by nothing else. What still fails
ends the process with the offset uncommitted, so that the batch comes again.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, cast

import faust
import structlog
from faust.types import TP
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from services.chassis.clock import monotonic
from services.chassis.consumer import Received
from services.chassis.envelope import header_map
from services.chassis.errors import Infrastructure
from services.chassis.metrics import METRICS
from services.chassis.readiness import Readiness
from services.chassis.record import SHARDS
from services.chassis.settings import Settings
from services.chassis.sweeper import Catchup

log = structlog.get_logger()

Take = Callable[[Sequence[Received]], Awaitable[None]]
STALL_S = 60.0
WATCH_PERIOD_S = 2.0
# Reasons that explain a standstill: an outage must not become a restart loop.
DECLARED_WAITS = frozenset({"consumer", "flood", "broker"})


class Worker:
    """One member of a service's consumer group."""

    def __init__(self, settings: Settings, readiness: Readiness, lead_topic: str, decides_on: Sequence[str]) -> None:
        """`lead_topic`'s partitions share out the shards; `decides_on` are the topics a sweeper must catch up with."""
        self._settings = settings
        self._readiness = readiness
        self._lead_topic = lead_topic
        self._decides_on = tuple(decides_on)
        self._bootstrap = settings.kafka_bootstrap
        self._positions: dict[TP, int] = {}
        self._progress_at = monotonic()
        self.catchup = Catchup()
        self.failed: asyncio.Event = asyncio.Event()
        self.app = faust.App(
            settings.group,
            broker=f"kafka://{settings.kafka_bootstrap}",
            store="memory://",
            datadir=tempfile.mkdtemp(prefix="fengqiao-faust-"),
            value_serializer="raw",
            key_serializer="raw",
            web_enabled=False,
            topic_disable_leader=True,
            topic_allow_declare=False,
            worker_redirect_stdouts=False,
            consumer_auto_offset_reset="earliest",
            broker_session_timeout=settings.session_timeout_s,
            broker_heartbeat_interval=settings.heartbeat_interval_s,
            broker_request_timeout=settings.session_timeout_s * 2 + 10,
            broker_commit_interval=settings.commit_interval_ms / 1000,
            broker_max_poll_records=settings.batch_max,
            stream_buffer_maxsize=settings.batch_max * 2,
            stream_wait_empty=False,
        )
        self.app.on_partitions_assigned.connect(self._on_assigned)

    # -- agents ----------------------------------------------------------------------------------------------

    def agent(self, topic: str) -> Callable[[Callable[[Any], Awaitable[None]]], Any]:
        """Make a coroutine `(stream) -> None` the agent of a topic."""
        channel = self.app.topic(topic, key_serializer="raw", value_serializer="raw", allow_empty=True)
        return cast("Callable[[Callable[[Any], Awaitable[None]]], Any]", self.app.agent(channel, concurrency=1, name=f"{topic}-agent"))

    async def drain(self, stream: Any, take: Take) -> None:
        """Give batch after batch to `take`, and acknowledge each when it has returned."""
        async for events in self._batches(stream):
            batch = [
                Received(
                    e.message.topic, e.message.partition, e.message.offset, e.message.key, e.message.value,
                    header_map(e.message.headers),
                )
                for e in events
            ]
            try:
                await take(batch)
            except asyncio.CancelledError:
                raise
            except BaseException:
                log.exception("consumer_failed", topic=batch[0].topic, partition=batch[0].partition)
                self.failed.set()
                # Returning would let Faust restart the agent and commit over the hole.
                await asyncio.Event().wait()
            for event in events:
                await stream.ack(event)
                self._positions[TP(event.message.topic, event.message.partition)] = event.message.offset + 1
            self._progress_at = monotonic()

    async def add_source(self, topic: str, take: Take) -> None:
        """Begin to read a topic that was made while the worker runs."""

        async def read(stream: Any) -> None:
            await self.drain(stream, take)

        agent = self.agent(topic)(read)
        if self.app.started:
            await agent.start()
            await self.app.consumer.subscribe({str(name) for t in self.app.topics for name in t.topics})

    def _batches(self, stream: Any) -> AsyncIterator[Sequence[Any]]:
        return cast(
            "AsyncIterator[Sequence[Any]]",
            stream.noack_take(self._settings.batch_max, within=self._settings.linger_ms / 1000),
        )

    # -- life ------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Join the group and begin."""
        self.app.finalize()
        await self.app.start()

    async def stop(self) -> None:
        """Finish, commit what is acknowledged, leave the group."""
        await self.app.stop()

    def shards(self) -> list[int]:
        """The shards that fall to this worker: those of the lead topic's partitions that it holds."""
        if not self.app.started:
            return []
        mine = {tp.partition for tp in self.app.consumer.assignment() if tp.topic == self._lead_topic}
        total = max(self._settings.partitions, 1)
        return [shard for shard in range(SHARDS) if shard % total in mine]

    def lag(self) -> dict[str, int]:
        """Records fetched or known to wait and not yet handled, by topic."""
        lag: dict[str, int] = {}
        for tp in self.app.consumer.assignment() if self.app.started else ():
            end = self.app.consumer.highwater(tp)
            if end:
                lag[tp.topic] = lag.get(tp.topic, 0) + max(end - self._positions.get(tp, self._start(tp)), 0)
        return lag

    async def watch(self) -> None:
        """Measure lag; end the process when there is lag and no progress and no declared reason for it."""
        while True:
            await asyncio.sleep(WATCH_PERIOD_S)
            lag = self.lag()
            for topic, records in lag.items():
                METRICS.lag.labels(topic).set(records)
            waiting = DECLARED_WAITS & {reason.code for reason in self._readiness.reasons}
            if not any(lag.values()) or waiting:
                self._progress_at = monotonic()
            elif monotonic() - self._progress_at > STALL_S:
                log.error("consumer_stalled", lag=sum(lag.values()))
                self.failed.set()

    def _start(self, tp: TP) -> int:
        return int(self.app.consumer._committed_offset.get(tp) or 0)  # noqa: SLF001 - Faust offers no reading of it

    async def _on_assigned(self, _sender: Any, assigned: set[TP], **_kwargs: Any) -> None:
        log.info("partitions_assigned", partitions=len(assigned))
        self._progress_at = monotonic()
        self.catchup.behind = CommittedShort(self._bootstrap, self._settings.group, self._decides_on)


class CommittedShort:
    """Whether a group's committed offsets are still short of the ends that its topics had at the first call."""

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
            short = {tp for tp, end in self._ends.items() if end > 0}
            if not short:
                return False
            committed = self._read_committed()
            return any(committed.get(tp, 0) < self._ends[tp] for tp in short)
        except KafkaError as error:
            raise Infrastructure(f"broker: {type(error).__name__}") from error

    def _read_ends(self) -> dict[TopicPartition, int]:
        consumer: Any = KafkaConsumer(bootstrap_servers=self._bootstrap, group_id=None)
        try:
            there = [
                TopicPartition(topic, partition)
                for topic in self._topics
                for partition in consumer.partitions_for_topic(topic) or ()
            ]
            return dict(consumer.end_offsets(there)) if there else {}
        finally:
            consumer.close()

    def _read_committed(self) -> dict[TopicPartition, int]:
        admin: Any = KafkaAdminClient(bootstrap_servers=self._bootstrap)
        try:
            offsets = admin.list_group_offsets(self._group).get(self._group, {})
            return {tp: found.offset for tp, found in offsets.items()}
        finally:
            admin.close()
