"""Progress against lag (pitfall 6), and what a sweeper waits for: commits past the ends (rule 16)."""

import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from faust.types import TP
from kafka import KafkaAdminClient, KafkaProducer, TopicPartition
from kafka.errors import KafkaTimeoutError

from services.chassis import offsets
from services.chassis import worker as worker_module
from services.chassis.consumer import Received
from services.chassis.errors import Infrastructure
from services.chassis.metrics import METRICS
from services.chassis.offsets import Backlog, Bounds, CommittedShort, Offsets
from tests.integration.chassis.faust_lab import Lab, Member
from tests.parts import Parts
from tests.waiting import until_async

pytestmark = pytest.mark.kafka

STALL_S = 0.4


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_module, "STALL_S", STALL_S)
    monkeypatch.setattr(worker_module, "WATCH_PERIOD_S", 0.05)


@asynccontextmanager
async def watched(member: Member) -> AsyncIterator[None]:
    watch = asyncio.create_task(member.worker.watch())
    try:
        yield
    finally:
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)


async def rounds(member: Member) -> None:
    """As many rounds of the watchdog as would have ended an idle worker twice."""
    await asyncio.sleep(2 * STALL_S + 0.2)


async def test_lag_is_measured_and_a_hanging_batch_ends_the_worker_unless_a_wait_is_declared(
    lab: Lab,
) -> None:
    topic, gate = lab.topic("hang"), asyncio.Event()

    async def hang(_batch: Sequence[Received]) -> None:
        await gate.wait()

    async with lab.member(topic, take=hang, batch_max=2) as member:
        member.readiness.wait("consumer", "the store is away")
        async with watched(member):
            await lab.send(topic, b"1", b"2", b"3", b"4", b"5")
            await until_async(lambda: member.worker.lag() == {topic: 5})
            await until_async(lambda: METRICS.lag.labels(topic)._value.get() == 5)
            await rounds(member)
            assert not member.worker.failed.is_set(), "an outage must not become a restart loop"
            member.readiness.clear("consumer")
            await asyncio.wait_for(member.worker.failed.wait(), 5)
    assert await lab.committed() == {}


async def test_one_record_that_hangs_is_a_stall(lab: Lab) -> None:
    topic = lab.topic("one")

    async def hang(_batch: Sequence[Received]) -> None:
        await asyncio.Event().wait()

    async with lab.member(topic, take=hang) as member, watched(member):
        await rounds(member)
        assert not member.worker.failed.is_set(), "nothing to do is no stall"
        await lab.send(topic, b"1")
        await asyncio.wait_for(member.worker.failed.wait(), 5)


async def test_a_consumer_that_stands_still_is_named_long_before_its_process_ends(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic, gate = lab.topic("named"), asyncio.Event()
    monkeypatch.setattr(worker_module, "STALL_S", 60.0)
    monkeypatch.setattr(worker_module, "STALL_SAID_S", 0.2)

    async def hang(_batch: Sequence[Received]) -> None:
        await gate.wait()

    async with lab.member(topic, take=hang) as member, watched(member):
        await lab.send(topic, b"1")
        await until_async(lambda: not member.readiness.ready)
        [reason] = member.readiness.reasons
        assert (reason.code, reason.detail) == (
            "stalled",
            f"nothing is handled though records wait on {topic}/0",
        )
        assert METRICS.stalled_seconds._value.get() > 0.2
        gate.set()
        await until_async(lambda: member.readiness.ready)
        await until_async(lambda: METRICS.stalled_seconds._value.get() == 0)
        assert not member.worker.failed.is_set()


async def test_while_the_store_is_away_a_standstill_is_no_stall(lab: Lab) -> None:
    topic, gate = lab.topic("store"), asyncio.Event()

    async def hang(_batch: Sequence[Received]) -> None:
        await gate.wait()

    async with lab.member(topic, take=hang) as member:
        member.readiness.wait("store", "store: NetworkTimeout")
        async with watched(member):
            await lab.send(topic, b"1")
            await until_async(lambda: member.worker.lag() == {topic: 1})
            await rounds(member)
            assert [r.code for r in member.readiness.reasons] == ["store"]
            assert not member.worker.failed.is_set()
            gate.set()


async def test_a_backlog_is_the_groups_whoever_asks_and_counts_what_was_never_committed(lab: Lab) -> None:
    topic, other, dead = lab.topic("whole", 2), lab.topic("other"), lab.topic("dead")
    for value in (b"1", b"2"):
        await lab.send(topic, value, partition=0)
    await lab.send(topic, b"3", partition=1)
    await lab.send(dead, b"x")
    backlog = Backlog(lab.bootstrap, lab.group, [topic, other, "nowhere"])

    async def lag() -> Any:
        return (await asyncio.to_thread(backlog.read, [dead])).lag

    assert await asyncio.to_thread(backlog.read, [dead]) == Offsets(
        {topic: 3, other: 0, "nowhere": 0}, {dead: 1}
    )
    async with lab.member(topic):
        await lab.until_committed({(topic, 0): 2, (topic, 1): 1})
    assert await lag() == {topic: 0, other: 0, "nowhere": 0}
    await lab.send(topic, b"4", partition=1)
    assert await lag() == {topic: 1, other: 0, "nowhere": 0}
    await asyncio.to_thread(backlog.close)


async def test_a_fetcher_that_fell_silent_can_not_hide_its_lag(lab: Lab) -> None:
    topic = lab.topic("silent")
    async with lab.member(topic) as member:
        await lab.send(topic, b"1")
        await until_async(lambda: member.values == [b"1"])
        consumer = member.worker.app.consumer
        consumer.pause_partitions(consumer.assignment())
        async with watched(member):
            await lab.send(topic, b"2")
            await asyncio.wait_for(member.worker.failed.wait(), 10)
    assert member.values == [b"1"]


async def test_a_worker_whose_faust_crashed_ends(lab: Lab) -> None:
    topic = lab.topic("crash")
    async with lab.member(topic) as member, watched(member):
        await member.worker.app.crash(RuntimeError("a callback of Faust's own raised"))
        await asyncio.wait_for(member.worker.failed.wait(), 5)


@pytest.mark.broker  # the wheel breaks the connection when records are to be deleted
async def test_expired_records_are_no_lag(lab: Lab) -> None:
    topic = lab.topic("expired")
    await lab.send(topic, b"1", b"2", b"3")
    admin = KafkaAdminClient(bootstrap_servers=lab.bootstrap)
    admin.delete_records({TopicPartition(topic, 0): 3})
    admin.close()
    async with lab.member(topic) as member, watched(member):
        await until_async(lambda: member.worker._ends)
        await rounds(member)
        assert not member.worker.failed.is_set()
        assert member.worker.lag() == {topic: 0}
    assert member.handled == []


@pytest.mark.broker
async def test_the_marker_of_a_transaction_is_no_lag(lab: Lab) -> None:
    topic = lab.topic("marker")
    producer = KafkaProducer(bootstrap_servers=lab.bootstrap, transactional_id=f"lab-{lab.suffix}")
    producer.init_transactions()
    producer.begin_transaction()
    producer.send(topic, b"1")
    producer.commit_transaction()
    producer.close()
    async with lab.member(topic) as member, watched(member):
        await until_async(lambda: member.worker._ends.get(TP(topic, 0)) == 2)
        await until_async(lambda: member.worker.lag() == {topic: 0})
        await rounds(member)
        assert not member.worker.failed.is_set()
    assert member.values == [b"1"]


async def test_offsets_survive_the_group_and_leave_no_lag(lab: Lab) -> None:
    topic = lab.topic("again")
    await lab.send(topic, b"1", b"2")
    async with lab.member(topic):
        await lab.until_committed({(topic, 0): 2})
    assert await lab.committed() == {(topic, 0): 2}
    async with lab.member(topic) as again, watched(again):
        await until_async(lambda: again.worker._ends)
        await rounds(again)
        assert again.worker.lag() == {topic: 0}
        assert not again.worker.failed.is_set()
        await lab.send(topic, b"3")
        await lab.until_committed({(topic, 0): 3})
    assert again.values == [b"3"]


def test_bounds_say_what_a_partition_holds(lab: Lab) -> None:
    topic = lab.topic("bounds", 2)
    lab._send(topic, [b"1"], 1, b"k", None)
    lab._send(topic, [b"2"], 1, b"k", None)
    bounds = Bounds(lab.bootstrap)
    empty, full = TP(topic, 0), TP(topic, 1)
    assert bounds.read([]) == ({}, {})
    assert bounds.read([empty, full]) == ({empty: 0, full: 0}, {empty: 0, full: 2})
    assert [bounds.holds(empty, 0), bounds.holds(full, 1), bounds.holds(full, 2)] == [False, True, False]
    bounds.close()


def test_the_ends_that_a_catch_up_waits_for_count_the_whole_last_batch(lab: Lab, parts: Parts) -> None:
    topic = lab.topic("ends")
    lab._send(topic, [b"1", b"2", b"3"], 0, b"k", None)
    # Tansu 0.6.0 names the first record of the last batch; who believes it stops before the end.
    bounds = Bounds(lab.bootstrap)
    _, ends = bounds.read([TP(topic, 0)])
    bounds.close()
    assert ends == {TP(topic, 0): 3 if parts.broker.genuine else 1}
    assert CommittedShort(lab.bootstrap, lab.group, [topic])._read_ends() == {TopicPartition(topic, 0): 3}


def test_a_broker_that_is_away_is_infrastructure_and_the_next_question_connects_anew(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_settings: object) -> None:
        raise KafkaTimeoutError("no broker")

    tp, bounds = TP(lab.topic("back"), 0), Bounds(lab.bootstrap)
    with monkeypatch.context() as away:
        away.setattr(offsets, "KafkaConsumer", refuse)
        with pytest.raises(Infrastructure, match="broker"):
            bounds.read([tp])
        with pytest.raises(Infrastructure, match="broker"):
            CommittedShort(lab.bootstrap, lab.group, [tp.topic])()
    assert bounds.read([tp]) == ({tp: 0}, {tp: 0})
    bounds.close()


async def test_a_broker_that_goes_away_is_declared_and_the_watchdog_waits(lab: Lab) -> None:
    topic = lab.topic("away")
    async with lab.member(topic) as member, watched(member):
        await until_async(lambda: member.worker._ends)

        def refuse(_tps: object) -> None:
            raise Infrastructure("broker: KafkaTimeoutError")

        there, member.worker._bounds.read = member.worker._bounds.read, refuse  # type: ignore[method-assign,assignment]  # the fault
        await until_async(lambda: [r.code for r in member.readiness.reasons] == ["broker"])
        await rounds(member)
        assert not member.worker.failed.is_set()
        member.worker._bounds.read = there  # type: ignore[method-assign]  # as above
        await until_async(lambda: member.readiness.ready)


async def test_a_group_is_caught_up_exactly_when_its_commits_pass_the_ends_first_seen(lab: Lab) -> None:
    topic, empty, gates = lab.topic("short", 2), lab.topic("empty"), asyncio.Queue[None]()

    async def wait(_batch: Sequence[Received]) -> None:
        await gates.get()

    await lab.send(topic, b"1", b"2")
    await lab.send(topic, b"3", partition=1)
    short = CommittedShort(lab.bootstrap, lab.group, [topic, empty])
    assert await asyncio.to_thread(short), "three records, nothing committed"
    assert not await asyncio.to_thread(CommittedShort(lab.bootstrap, lab.group, [empty]))
    async with lab.member(topic, take=wait, batch_max=1) as member:
        for count in (1, 2):
            gates.put_nowait(None)
            await until_async(functools.partial(_has, member, count))
            await _until_committed(lab, count)
            assert await asyncio.to_thread(short), f"{count} of 3 committed"
        # What comes later is not waited for.
        await lab.send(topic, b"4", b"5")
        gates.put_nowait(None)
        await until_async(lambda: len(member.handled) == 3)
        await _until_committed(lab, 3)
        done = {(r.partition, r.offset) for r in member.handled} == {(0, 0), (0, 1), (1, 0)}
        assert await asyncio.to_thread(short) is not done
        for _ in range(2):
            gates.put_nowait(None)
        await _until_committed(lab, 5)
        assert not await asyncio.to_thread(short)
        assert member.worker.catchup.behind is not None, "each assignment begins a catch-up"


def _has(member: Member, count: int) -> bool:
    return len(member.handled) == count


async def _until_committed(lab: Lab, records: int) -> None:
    async def there() -> Any:
        return sum((await lab.committed()).values()) == records

    condition: Callable[[], Awaitable[Any]] = there
    await until_async(condition, what=f"{records} records to be committed")
