"""What arrives, in which portions, and who gets it: records, batches, added topics, two members."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import pytest
import pytest_asyncio

from services.chassis.clock import WallClock
from services.chassis.consumer import Received, readable
from services.chassis.deadletters import DeadLetters
from services.chassis.envelope import header_map, to_headers
from services.chassis.healer import read_partition
from services.chassis.publisher import Acknowledged, KafkaPythonProducer, Publisher
from tests.integration.chassis.conftest import SHORTEST_SESSION_S
from tests.integration.chassis.faust_lab import Lab, Member
from tests.kit import toy
from tests.kit.timing import START
from tests.parts import Parts
from tests.waiting import until_async

pytestmark = pytest.mark.kafka

BATCH = 20
SHARED = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def reader(broker: str, parts: Parts) -> AsyncIterator[tuple[Lab, Member, str]]:
    """One worker for every test that only sends something and looks how it arrives."""
    lab = Lab(broker, f"reader{id(broker)}", SHORTEST_SESSION_S[parts.broker.genuine])
    topic = lab.topic("read")
    async with lab.member(topic, batch_max=BATCH) as member:
        yield lab, member, topic
    lab.close()


async def arrival(member: Member, topic: str, offset: int) -> Received:
    def there() -> list[Received]:
        return [r for r in member.handled if (r.topic, r.offset) == (topic, offset)]

    return (await until_async(there))[0]


@SHARED
async def test_a_record_without_a_value_arrives_and_is_dead_lettered(reader: tuple[Lab, Member, str]) -> None:
    lab, member, topic = reader
    headers = to_headers(toy.envelope("a", 1, toy.MESSAGES["Open"](name="a"), START))
    [offset] = await lab.send(topic, None, key=b"a", headers=headers)
    record = await arrival(member, topic, offset)
    assert record.value is None
    dead, publisher = (
        lab.topic("dead"),
        Publisher("lab", KafkaPythonProducer(lab.bootstrap, "lab-dead"), Acknowledged()),
    )
    assert await readable([record], DeadLetters(dead, publisher, WallClock())) == []
    await publisher.close()
    [letter] = await asyncio.to_thread(read_partition, lab.bootstrap, dead, 0, 0)
    assert (letter.key, letter.value) == (b"a", b"")
    origin = {
        "dead-topic": topic,
        "dead-partition": "0",
        "dead-offset": str(offset),
        "dead-reason": "null_value",
    }
    assert origin.items() <= letter.headers.items()
    assert header_map(headers).items() <= letter.headers.items()


@SHARED
async def test_a_record_of_900_kb_passes(reader: tuple[Lab, Member, str]) -> None:
    lab, member, topic = reader
    [offset] = await lab.send(topic, b"\x00\xff" * 450_000)
    assert (await arrival(member, topic, offset)).value == b"\x00\xff" * 450_000


@SHARED
async def test_unknown_odd_and_missing_headers_and_keys_are_text_and_never_an_error(
    reader: tuple[Lab, Member, str],
) -> None:
    lab, member, topic = reader
    [offset] = await lab.send(topic, b"1", headers=[("X-New", b"\xff\x00"), ("twice", b"1"), ("twice", b"2")])
    record = await arrival(member, topic, offset)
    assert record.headers["x-new"] == "\ufffd\x00"
    assert record.headers["twice"] in {"1", "2"}
    [offset] = await lab.send(topic, b"2", key=None)
    record = await arrival(member, topic, offset)
    assert (record.key, record.headers) == (None, {})
    [offset] = await lab.send(topic, b"", key=b"")
    record = await arrival(member, topic, offset)
    assert (record.key or b"", record.value) == (b"", b"")


@SHARED
async def test_batches_keep_their_limit_and_the_order_of_a_partition(reader: tuple[Lab, Member, str]) -> None:
    lab, member, topic = reader
    offsets = await lab.send(topic, *(b"%d" % n for n in range(10 * BATCH)))
    await arrival(member, topic, offsets[-1])
    batches = [[r.offset for r in batch if r.topic == topic] for batch in member.batches]
    ours = [[offset for offset in batch if offset >= offsets[0]] for batch in batches]
    assert max(len(batch) for batch in ours) == BATCH, "full batches, and none beyond the limit"
    assert [offset for batch in ours for offset in batch] == offsets, "each once, in order"


@SHARED
async def test_a_topic_added_while_the_worker_runs_is_read_and_committed_without_a_restart(
    reader: tuple[Lab, Member, str],
) -> None:
    lab, member, topic = reader
    added = lab.topic("added")
    [offset] = await lab.send(added, b"before")
    await member.worker.add_source(added, member.receive)
    await arrival(member, added, offset)
    # Naively (an agent started, nothing more) Faust counts no ack of it for 45 seconds.
    [offset] = await lab.send(added, b"after")
    await arrival(member, added, offset)
    end = (await lab.send(topic, b"and the first topic goes on"))[0] + 1

    async def committed() -> Any:
        return (await lab.committed()) == {(topic, 0): end, (added, 0): 2}

    condition: Callable[[], Awaitable[Any]] = committed
    await until_async(condition, timeout=20, what="the added topic's commit")


async def test_two_members_share_the_partitions_and_one_that_leaves_hands_over_without_loss(lab: Lab) -> None:
    topic = lab.topic("shared", 4)
    sent: set[tuple[int, int]] = set()

    async def send(round_: str) -> None:
        for partition in range(4):
            values = [b"%s%d" % (round_.encode(), n) for n in range(5)]
            sent.update((partition, offset) for offset in await lab.send(topic, *values, partition=partition))

    def got(*members: Member) -> set[tuple[int, int]]:
        return {(r.partition, r.offset) for member in members for r in member.handled}

    async with lab.member(topic, partitions=4) as first:
        await until_async(lambda: first.partitions(topic) == {0, 1, 2, 3})
        await send("a")
        await until_async(lambda: got(first) == sent)
        await lab.until_committed(dict.fromkeys(((topic, p) for p in range(4)), 5))
        async with lab.member(topic, partitions=4) as second:
            await until_async(
                lambda: len(first.partitions(topic)) == len(second.partitions(topic)) == 2, timeout=30
            )
            assert first.partitions(topic) | second.partitions(topic) == {0, 1, 2, 3}
            assert sorted(first.worker.shards() + second.worker.shards()) == list(range(64))
            await send("b")
            await until_async(lambda: got(first, second) == sent, timeout=30)
            assert {r.partition for r in second.handled} == second.partitions(topic)
            sending = asyncio.create_task(send("c"))
        await sending
        await until_async(lambda: first.partitions(topic) == {0, 1, 2, 3}, timeout=30)
        await until_async(lambda: got(first, second) == sent, timeout=30, what="what the leaving member left")
        await lab.until_committed(dict.fromkeys(((topic, p) for p in range(4)), 15))
        first.worker._ends = (await asyncio.to_thread(first.worker._bounds.read, first.worker._assignment()))[
            1
        ]
        assert first.worker.lag() == {topic: 0}, "what the other did meanwhile is no lag"


async def test_a_batch_in_flight_across_a_rebalance_loses_nothing(lab: Lab) -> None:
    topic, gate = lab.topic("mid", 2), asyncio.Event()

    async def wait(_batch: Sequence[Received]) -> None:
        await gate.wait()

    async with lab.member(topic, take=wait, batch_max=2, partitions=2) as first:
        for partition in range(2):
            await lab.send(topic, b"1", b"2", b"3", partition=partition)
        await until_async(lambda: first.batches)
        async with lab.member(topic, partitions=2) as second:
            await until_async(
                lambda: len(first.partitions(topic)) == len(second.partitions(topic)) == 1, timeout=30
            )
            gate.set()
            await lab.until_committed({(topic, 0): 3, (topic, 1): 3})
            got = {(r.partition, r.offset) for member in (first, second) for r in member.handled}
            assert got == {(p, n) for p in range(2) for n in range(3)}
