"""Faust's way from the broker to an agent, batch by batch, and from an agent's commit to the broker.

Faust moves each record through two tasks, three coroutines and a turn of the event loop or more, which costs
more than what most consumers do with it. Here a record that nothing holds up is put into its agent's queue at
once, and `noack_take` empties the queue at once. Whatever holds it up (a rebalance, a full queue, a changed
subscription) sends it Faust's own way. What is dropped, tracked and acknowledged is as with Faust.
"""

import asyncio
import functools
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from typing import Any

from faust import Event, Stream
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, EventT
from mode.utils.times import Seconds, want_seconds

from services.chassis.clock import monotonic

YIELD_EVERY = 100


class BatchStream(Stream[Any]):
    """A stream whose `noack_take` takes what lies in the queue."""

    async def noack_take(self, max_: int, within: Seconds) -> AsyncGenerator[Sequence[Any], None]:
        """Batches of events that are not acknowledged; the first one of a quiet time comes at once.

        Two batches are `within` seconds apart at least, so that they grow with the load.
        """
        channel: Any = self.channel
        queue, pause = channel.queue, want_seconds(within)
        self._finalized = True
        await self.maybe_start()
        taken_at = float("-inf")
        while not self.should_stop:
            try:
                events = [await queue.get()]
            except StopAsyncIteration:  # Faust throws it into the queue of a stream that it stops
                return
            early = pause - (monotonic() - taken_at)
            if early > 0:
                await asyncio.sleep(early)
            while len(events) < max_ and not queue.empty():
                events.append(queue.get_nowait())
            taken_at = monotonic()
            if current := self._current(events):
                yield current

    async def ack(self, event: EventT[Any]) -> bool:
        """Acknowledge one event; no sensor asks when."""
        return event.ack()

    def _current(self, events: Sequence[Any]) -> list[Any]:
        """Those of the present assignment, noted as under way; older ones come again to whoever has them."""
        app = self.app
        if not app.flow_control.is_active():
            return []
        generation, acking = app.consumer_generation_id, app.topics.acking_topics
        current = []
        for event in events:
            message = event.message
            if message.generation_id == generation:
                if message.topic in acking and not message.tracked:
                    message.tracked = True
                    app.consumer.unacked.add(message)
                current.append(event)
        # By this Faust sees that the streams go on.
        inbound, now = app.monitor.stream_inbound_time, monotonic()
        for tp in {event.message.tp for event in current}:
            inbound[tp] = now
        return current


class BatchConsumer(driver.Consumer):
    """A consumer that hands records on without a task for each, and believes of commits what the broker says.

    Faust notes a commit that was refused, because the group had given the member up meanwhile, like one that
    was made. Where the broker knows of no other it keeps the note, reads everything again, and commits
    nothing until it comes to something new: a group that waits to have caught up waits for ever.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        self._pressure: dict[TP, tuple[Callable[[], None], Callable[[], None]]] = {}
        self._known: dict[TP, int | None] = {}

    async def perform_seek(self) -> None:
        """Go on where the group's commits stand, whatever was believed of them."""
        await super().perform_seek()
        self._known = {tp: self._read_offset[tp] for tp in self.assignment()}
        self._committed_offset.update(self._known)

    async def _commit_offsets(self, offsets: Mapping[TP, int], start_new_transaction: bool = True) -> bool:  # noqa: FBT001, FBT002 - as Faust calls it
        done = await super()._commit_offsets(offsets, start_new_transaction=start_new_transaction)
        if done:
            self._known.update(offsets)
        else:
            self._committed_offset.update({tp: self._known.get(tp) for tp in offsets})
        return done

    async def _drain_messages(self, fetcher: Any) -> None:
        try:
            while not (self.should_stop or fetcher.should_stop):
                records = self.getmany(timeout=1.0)
                await asyncio.sleep(0)
                await self._hand_on(records)
        except self.consumer_stopped_errors:
            if not self.app.should_stop:
                raise

    async def _hand_on(self, records: AsyncIterator[tuple[TP, Any]]) -> None:
        handed = 0
        async for tp, message in records:
            handed += 1
            if handed % YIELD_EVERY == 0:
                await asyncio.sleep(0)
            offset, read = message.offset, self._read_offset[tp]
            if read is not None and offset < read:
                continue
            if read and offset - read > 1 and self.app.topics.acks_enabled_for(message.topic):
                # Offsets that nobody will acknowledge: a transaction's marker, what was compacted away.
                await self._add_gap(tp, read + 1, offset)
            if self._commit_every is not None and self._n_acked >= self._commit_every:
                self._n_acked = 0
                await self.commit()
            if not self._put(tp, message):
                await self.wait_first(self.callback(message), self.suspend_flow.wait())
            self._read_offset[tp] = offset

    def _put(self, tp: TP, message: Any) -> bool:
        """Put a record into its agent's queue; False when something holds it up."""
        app = self.app
        topics: Any = app.topics  # its types leave out the half
        if (
            self.suspend_flow.is_set()
            or not app.flow_control.is_active()
            or topics._tp_to_callback_lock.locked()  # noqa: SLF001 - the subscription is changing
        ):
            return False
        channels = topics._tp_index.get(tp, ())  # noqa: SLF001 - as above
        if len(channels) != 1:
            return False
        [channel] = channels
        queue = channel.queue
        if queue.full():
            return False
        message.incref(1)
        high, drop = self._pressures(tp)
        queue.put_nowait_enhanced(
            Event(app, message.key, message.value, None, message),
            on_pressure_high=high,
            on_pressure_drop=drop,
        )
        return True

    def _pressures(self, tp: TP) -> tuple[Callable[[], None], Callable[[], None]]:
        """What a queue calls when it fills and when it has emptied; the same each time, as it counts them."""
        if tp not in self._pressure:
            known = TP(*tp)  # what the fetcher gives looks like one, and Faust asks
            self._pressure[tp] = (
                functools.partial(self.on_buffer_full, known),
                functools.partial(self.on_buffer_drop, known),
            )
        return self._pressure[tp]


class BatchTransport(driver.Transport):
    """Apache Kafka through aiokafka, with the consumer above."""

    Consumer = BatchConsumer
