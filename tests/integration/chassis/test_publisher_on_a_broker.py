"""The publisher over a real broker: order per key, whole outboxes, an honest word on each (rules 7, 8)."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest
from kafka.errors import KafkaTimeoutError

from services.chassis import publisher as publisher_module
from services.chassis.consumer import Received
from services.chassis.envelope import from_record
from services.chassis.errors import Infrastructure
from services.chassis.publisher import Acknowledged, KafkaPythonProducer, Publisher
from services.chassis.record import OutboxEntry, Record
from tests.integration.chassis.faust_lab import Lab
from tests.kit.timing import START
from tests.parts import Parts
from tests.waiting import until_async

pytestmark = pytest.mark.kafka

TOO_LARGE = b"x" * 2_000_000


@pytest.fixture
async def publisher(lab: Lab) -> AsyncIterator[Publisher]:
    made = Publisher("lab", KafkaPythonProducer(lab.bootstrap, "lab"), Acknowledged())
    yield made
    await made.close()


def entry(topic: str, sequence: int, data: bytes = b"") -> OutboxEntry:
    return OutboxEntry(topic, sequence, "kit.v1.Added", START, START, data or b"%d" % sequence, b"\x01", "")


def record(name: str, *entries: OutboxEntry, version: int = 1) -> Record[Any]:
    return Record(id=name, site="site", version=version, outbox=list(entries))


async def there(lab: Lab, topic: str, count: int, partitions: int = 1) -> list[Received]:
    """Everything in a topic, read by a worker: a batch's tail is hidden from who asks Tansu for the end."""
    async with lab.member(topic, partitions=partitions) as member:
        while len(member.handled) < count:  # noqa: ASYNC110 - limited by the test's timeout
            await asyncio.sleep(0.02)
        return member.handled


async def test_outboxes_arrive_whole_in_order_and_under_their_key(lab: Lab, publisher: Publisher) -> None:
    topic = lab.topic("events", 4)
    records = [record(f"case-{n}", *(entry(topic, s) for s in range(1, 11))) for n in range(20)]
    assert await publisher.publish(records)
    assert publisher.take_trimmable() == {r.id: 1 for r in records}
    assert publisher.take_trimmable() == {}
    assert all(publisher.idle(r) for r in records)
    arrived = await there(lab, topic, 200, 4)
    by_key: dict[str, list[Received]] = {}
    for each in arrived:
        by_key.setdefault((each.key or b"").decode(), []).append(each)
    assert set(by_key) == {r.id for r in records}
    for key, events in by_key.items():
        assert len({e.partition for e in events}) == 1, "a key stays in its partition"
        assert all(a.offset < b.offset for a, b in pairwise(events))
        envelopes = [from_record(e.headers, e.value) for e in events]
        assert [(e.subject, e.sequence, e.data) for e in envelopes] == [
            (key, s, b"%d" % s) for s in range(1, 11)
        ]
        assert envelopes[0].id == f"lab/{key}/{topic}/1"


async def test_only_the_acknowledged_prefix_of_each_topic_may_go_and_all_later_ones_come_again(
    lab: Lab, publisher: Publisher
) -> None:
    topic, other = lab.topic("prefix"), lab.topic("other")
    stuck = record("a", entry(topic, 1), entry(topic, 2, TOO_LARGE), entry(topic, 3), entry(other, 1))
    assert not await publisher.publish([stuck, record("b", entry(topic, 1))])
    assert publisher.take_trimmable() == {"b": 1}
    assert not publisher.idle(stuck)
    stuck.drop_acknowledged(publisher._acknowledged.of("a"))
    assert [(e.topic, e.sequence) for e in stuck.outbox] == [(topic, 2), (topic, 3)], (
        "3 went through, and waits for 2"
    )
    stuck.outbox[0] = entry(topic, 2)
    assert await publisher.publish([stuck])
    stuck.drop_acknowledged(publisher._acknowledged.of("a"))
    assert stuck.outbox == []
    sequences = [
        from_record(e.headers, e.value).sequence for e in await there(lab, topic, 5) if e.key == b"a"
    ]
    assert sequences == [1, 3, 2, 3], "consumers apply the next only: 3 is a gap, then a duplicate"


async def test_the_producer_is_idempotent_and_waits_for_all_replicas(lab: Lab) -> None:
    producer = KafkaPythonProducer(lab.bootstrap, "lab")
    assert await producer.send(lab.topic("settings"), b"k", b"v", [])
    config = producer._producer.config
    assert (config["acks"], config["enable_idempotence"]) == (-1, True)
    assert config["delivery_timeout_ms"] == 30_000
    assert config["max_in_flight_requests_per_connection"] <= 5
    await producer.close()


async def test_a_record_that_expires_is_reported_as_not_acknowledged(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Sent:
        """A record on its way, whose time runs out."""

        def add_callback(self, _call: Callable[[object], None]) -> None: ...

        def add_errback(self, call: Callable[[Exception], None]) -> None:
            call(KafkaTimeoutError("expired in the accumulator"))

    class Expiring:
        def send(self, *_args: object, **_kwargs: object) -> Sent:
            return Sent()

        def close(self, timeout: float) -> None: ...

    monkeypatch.setattr(publisher_module, "KafkaProducer", lambda **_settings: Expiring())
    publisher = Publisher("lab", KafkaPythonProducer(lab.bootstrap, "lab"), Acknowledged())
    waiting = record("a", entry("t", 1))
    assert not await publisher.publish([waiting])
    assert not publisher.idle(waiting)
    with pytest.raises(Infrastructure):
        await publisher.report("t", b"k", b"v", [])
    await publisher.close()


async def test_a_broker_that_refuses_to_be_reached_is_reported_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_settings: object) -> None:
        raise KafkaTimeoutError("no broker")

    monkeypatch.setattr(publisher_module, "KafkaProducer", refuse)
    producer = KafkaPythonProducer("127.0.0.1:1", "lab")
    assert await asyncio.gather(*(producer.send("t", b"k", b"v", []) for _ in range(3))) == [False] * 3
    await producer.close()


async def test_after_a_broker_that_stood_still_for_longer_than_a_record_lives_everything_is_sent(
    lab: Lab, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    # kafka-python 3.0.12 sends nothing any more once a record has expired that had been sent once.
    monkeypatch.setattr(publisher_module, "REQUEST_MS", 500)
    monkeypatch.setattr(publisher_module, "DELIVERY_MS", 2_000)
    topic = lab.topic("still")
    publisher = Publisher("lab", KafkaPythonProducer(lab.bootstrap, "lab"), Acknowledged())
    assert await publisher.publish([record("a", entry(topic, 1))])
    with standing_still(parts, "broker"):
        assert not await asyncio.wait_for(publisher.publish([record("a", entry(topic, 2))]), 20)
        # What is sent meanwhile must end as well, one way or the other: the sweep waits for it.
        assert not await asyncio.wait_for(publisher.publish([record("b", entry(topic, 1))]), 20)

    async def sent() -> Any:
        outboxes = [record("a", entry(topic, 2)), record("b", entry(topic, 1))]
        return await asyncio.wait_for(publisher.publish(outboxes), 20)

    await until_async(sent, 30, "the broker's acknowledgement")
    await asyncio.wait_for(publisher.close(), 20)
    assert {each.value for each in await there(lab, topic, 3)} == {b"1", b"2"}


async def test_a_producer_ends_in_time_though_its_broker_stands_still(
    lab: Lab, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher_module, "CLOSE_S", 0.5)
    topic = lab.topic("ends")
    publisher = Publisher("lab", KafkaPythonProducer(lab.bootstrap, "lab"), Acknowledged())
    assert await publisher.publish([record("a", entry(topic, 1))])
    with standing_still(parts, "broker"):
        publisher.publish_soon([record("a", entry(topic, 2))])
        await asyncio.sleep(0)
        await asyncio.wait_for(publisher.close(), 20)


@contextlib.contextmanager
def standing_still(parts: Parts, name: str) -> Iterator[None]:
    """A process of ours gets no more time and keeps its connections."""
    pid = next((status.pid for status in parts.supervisor.statuses() if status.name == name), None)
    if pid is None:
        pytest.skip("the broker is no process of ours")
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
