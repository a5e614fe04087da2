"""Faust, held to what it does well: group membership, fetching, offsets. Every pitfall it has is fenced here.

Agents read raw bytes in batches that acknowledge nothing by themselves (`noack_take`), one at a time
(`concurrency=1`); a batch is acknowledged when its effects are durable, and by nothing else. What still fails
ends the process with the offset uncommitted, so that the batch comes again.
"""

import asyncio
import contextlib
import shutil
import tempfile
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import faust
import structlog
from faust.types import TP

from services.chassis import memory
from services.chassis.batching import BatchStream, BatchTransport
from services.chassis.clock import monotonic
from services.chassis.consumer import Received
from services.chassis.envelope import header_map
from services.chassis.errors import Infrastructure
from services.chassis.metrics import METRICS
from services.chassis.offsets import Bounds, CommittedShort
from services.chassis.readiness import Readiness
from services.chassis.record import SHARDS
from services.chassis.settings import Settings
from services.chassis.sweeper import Catchup
from services.chassis.threads import Threads

log = structlog.get_logger()

Take = Callable[[Sequence[Received]], Awaitable[None]]
STALL_S = 60.0
STALL_SAID_S = 15.0
WATCH_PERIOD_S = 2.0
IN_FLIGHT_GRACE_S = 10.0
STOP_GRACE_S = 20.0
SUBSCRIBE_PERIOD_S = 0.1
# Reasons that explain a standstill: an outage must not become a restart loop.
DECLARED_WAITS = frozenset({"consumer", "flood", "broker", "store"})


class Worker:
    """One member of a service's consumer group."""

    def __init__(
        self, settings: Settings, readiness: Readiness, lead_topic: str, decides_on: Sequence[str]
    ) -> None:
        """`lead_topic`'s partitions share out the shards; `decides_on`: what a sweeper must catch up with."""
        self._settings = settings
        self._readiness = readiness
        self._lead_topic = lead_topic
        self._decides_on = tuple(decides_on)
        self._bootstrap = settings.kafka_bootstrap
        self._bounds = Bounds(settings.kafka_bootstrap)
        # One thread: a Kafka client belongs to one.
        self._watching = Threads(1)
        self._first: dict[TP, int] = {}
        self._ends: dict[TP, int] = {}
        self._positions: dict[TP, int] = {}
        self._progress_at = monotonic()
        self._joined = self._stopping = False
        self._in_flight = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self.catchup = Catchup()
        self.failed: asyncio.Event = asyncio.Event()
        folder = tempfile.mkdtemp(prefix="fengqiao-faust-")  # it wants one and keeps nothing in it
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        faust_app: Any = faust.App  # its types know less than its documentation
        self.app = faust_app(
            settings.group,
            broker=f"kafka://{settings.kafka_bootstrap}",
            store="memory://",
            datadir=folder,
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
            Stream=BatchStream,
        )
        self.app.transport = BatchTransport(self.app.conf.broker_consumer, self.app)
        self.app.on_partitions_assigned.connect(self._on_assigned)
        # Faust would subscribe to an added topic 45 s late.
        self.app.topics._resubscribe_sleep_lock_seconds = 0  # noqa: SLF001 - it has no setting

    def read(self, topic: str, take: Take, *, patient: bool = False) -> None:
        """Let `take` have every batch of a topic; before the worker starts.

        With `patient` nobody waits for what is made of them, so that batches may grow.
        """

        @self.agent(topic)
        async def read(stream: Any) -> None:
            await self.drain(stream, take, patient=patient)

    # -- agents ----------------------------------------------------------------------------------------------

    def agent(self, topic: str) -> Callable[[Callable[[Any], Awaitable[None]]], Any]:
        """Make a coroutine `(stream) -> None` the agent of a topic."""
        channel = self.app.topic(topic, key_serializer="raw", value_serializer="raw", allow_empty=True)
        agent: Callable[[Callable[[Any], Awaitable[None]]], Any] = self.app.agent(
            channel, concurrency=1, name=f"{topic}-agent"
        )
        return agent

    async def drain(self, stream: Any, take: Take, *, patient: bool = False) -> None:
        """Give batch after batch to `take`, and acknowledge each when it has returned; never returns."""
        try:
            async for events in self._batches(stream, patient=patient):
                await self._handle(stream, events, take)
        except Exception:
            log.exception("consumer_failed")
        finally:
            if not self._stopping:
                self.failed.set()
        # Returning would let Faust restart the agent and commit over the hole.
        await asyncio.Event().wait()

    async def _handle(self, stream: Any, events: Sequence[Any], take: Take) -> None:
        if self._stopping or self.failed.is_set():
            await asyncio.Event().wait()
        self._in_flight += 1
        self._idle.clear()
        try:
            await take([_received(event.message) for event in events])
            for event in events:
                await stream.ack(event)
                self._positions[event.message.tp] = event.message.offset + 1
            self._progress_at = monotonic()
        finally:
            self._in_flight -= 1
            if not self._in_flight:
                self._idle.set()

    async def add_source(self, topic: str, take: Take) -> None:
        """Begin to read a topic that was made while the worker runs."""

        async def read(stream: Any) -> None:
            await self.drain(stream, take)

        agent = self.agent(topic)(read)
        if self._joined:
            await agent.start()
            # Faust forgets a change that comes during a rebalance; until it has subscribed, no ack counts.
            while not (self._stopping or self.app.topics.acks_enabled_for(topic)):
                if self.app.topics._subscription_changed is not None:  # noqa: SLF001 - it has no other door
                    self.app.topics._subscription_changed.set()  # noqa: SLF001 - as above
                await asyncio.sleep(SUBSCRIBE_PERIOD_S)

    def _batches(self, stream: Any, *, patient: bool) -> AsyncIterator[Sequence[Any]]:
        # `noack_take` puts back what it finds here: from its end on, events would be acknowledged unhandled.
        stream.enable_acks = False
        linger_ms = self._settings.collect_linger_ms if patient else self._settings.linger_ms
        batches: AsyncIterator[Sequence[Any]] = stream.noack_take(
            self._settings.batch_max, within=linger_ms / 1000
        )
        return batches

    # -- life ------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Join the group and begin."""
        self.app.finalize()
        await self.app.start()
        memory.settle()
        self._joined = True

    async def stop(self) -> None:
        """Finish the batches in flight, commit what is acknowledged, leave the group."""
        self._stopping = True
        if not self.failed.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._idle.wait(), IN_FLIGHT_GRACE_S)
        try:
            await asyncio.wait_for(self.app.stop(), STOP_GRACE_S)
        except TimeoutError:
            log.exception("consumer_stop_timed_out")
        await self._watching.run(self._bounds.close)
        self._watching.close()

    def shards(self) -> list[int]:
        """The shards that fall to this worker: those of the lead topic's partitions that it holds."""
        mine = {tp.partition for tp in self._assignment() if tp.topic == self._lead_topic}
        total = max(self._settings.partitions, 1)
        return [shard for shard in range(SHARDS) if shard % total in mine]

    def lag(self) -> dict[str, int]:
        """Records known to wait and not yet handled, by topic."""
        lag: dict[str, int] = {}
        for tp, records in self._waiting().items():
            lag[tp.topic] = lag.get(tp.topic, 0) + records
        return lag

    async def watch(self) -> None:
        """Measure lag; end the process when there is lag and no progress and no declared reason for it."""
        while True:
            await asyncio.sleep(WATCH_PERIOD_S)
            try:
                await self._measure()
                self._readiness.clear("broker")
            except Infrastructure as error:
                self._readiness.wait("broker", str(error))
            except Exception:
                log.exception("watch_failed")
            if self.app.crashed:
                log.error("consumer_crashed", reason=type(self.app.crash_reason).__name__)
                self.failed.set()

    async def _measure(self) -> None:
        tps = sorted(self._assignment())
        self._first, self._ends = await self._watching.run(self._bounds.read, tps)
        waiting = self._waiting()
        for topic, records in self.lag().items():
            METRICS.lag.labels(topic).set(records)
        declared = DECLARED_WAITS & {reason.code for reason in self._readiness.reasons}
        left = [tp for tp, records in waiting.items() if records]
        if not left or declared:
            self._progress_at = monotonic()
        stalled_s = monotonic() - self._progress_at
        self._tell_stalled(stalled_s, left)
        if stalled_s > STALL_S:
            for tp in left:
                if await self._watching.run(self._bounds.holds, tp, self._handled(tp)):
                    log.error("consumer_stalled", topic=tp.topic, partition=tp.partition, lag=waiting[tp])
                    self.failed.set()
                    return
                # Only a transaction's marker, say: nothing that could be handled.
                self._positions[tp] = self._handled(tp) + waiting[tp]

    def _tell_stalled(self, stalled_s: float, waiting: Sequence[TP]) -> None:
        METRICS.stalled_seconds.set(stalled_s if waiting else 0.0)
        if waiting and stalled_s > STALL_SAID_S:
            where = ", ".join(f"{tp.topic}/{tp.partition}" for tp in waiting[:3])
            self._readiness.wait("stalled", f"nothing is handled though records wait on {where}")
        else:
            self._readiness.clear("stalled")

    def _assignment(self) -> frozenset[TP]:
        return frozenset(self.app.consumer.assignment()) if self._joined else frozenset()

    def _waiting(self) -> dict[TP, int]:
        waiting = {}
        for tp in self._assignment():
            end = max(self._ends.get(tp, 0), self.app.consumer.highwater(tp) or 0)
            waiting[tp] = max(end - self._handled(tp), 0)
        return waiting

    def _handled(self, tp: TP) -> int:
        """The offset before which nothing is left: acknowledged here, committed by whoever, or expired."""
        committed = self.app.consumer._committed_offset.get(tp)  # noqa: SLF001 - Faust offers no reading of it
        return max(self._positions.get(tp, 0), committed or 0, self._first.get(tp, 0))

    async def _on_assigned(self, _sender: Any, assigned: set[TP], **_kwargs: Any) -> None:
        METRICS.rebalances.inc()
        log.info("partitions_assigned", partitions=len(assigned))
        # What others did meanwhile is in the committed offsets.
        self._positions.clear()
        self._progress_at = monotonic()
        self.catchup.behind = CommittedShort(self._bootstrap, self._settings.group, self._decides_on)


def _received(message: Any) -> Received:
    headers = header_map(message.headers)
    return Received(message.topic, message.partition, message.offset, message.key, message.value, headers)
