"""Three brokers from the jars: one may go, and a client may be led through doors."""

from functools import partial
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from deploy.local.cluster import MavenCluster
from deploy.local.ports import LOOPBACK
from deploy.local.supervisor import Supervisor
from tests.waiting import until

pytestmark = [pytest.mark.broker, pytest.mark.timeout(240)]

TOPIC = "t"
PATIENCE_S = 60.0


def everything(bootstrap: str, count: int) -> set[bytes]:
    """What the topic holds, once it is so much."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "onlooker"})
    consumer.assign([TopicPartition(TOPIC, partition, 0) for partition in range(3)])
    found: set[bytes] = set()

    def read() -> bool:
        found.update(message.value() or b"" for message in consumer.consume(100, 0.5) if not message.error())
        return len(found) >= count

    try:
        until(read, PATIENCE_S, f"{count} records")
        return found
    finally:
        consumer.close()


def acknowledged(producer: Producer, value: bytes) -> bytes:
    """Send a record; the broker has it, and a second one, when this returns."""
    told: list[object] = []
    producer.produce(TOPIC, value, key=value, on_delivery=lambda error, _message: told.append(error))
    assert producer.flush(PATIENCE_S) == 0
    assert told == [None]
    return value


def _restarts(supervisor: Supervisor, name: str) -> int:
    return supervisor.status(name).restarts


def test_what_three_brokers_acknowledged_outlives_one_of_them(tmp_path: Path) -> None:
    cluster = MavenCluster(doors=("SIDE",))
    if lacking := cluster.lacks():
        pytest.skip(f"needs {lacking}")
    cluster.prepare(print)
    with Supervisor() as supervisor:
        bootstrap = cluster.start(supervisor, tmp_path)
        admin = AdminClient({"bootstrap.servers": bootstrap})
        for made in admin.create_topics([NewTopic(TOPIC, 3, replication_factor=3)]).values():
            made.result(PATIENCE_S)
        producer = Producer({"bootstrap.servers": bootstrap, "acks": "all", "enable.idempotence": True})
        kept = {acknowledged(producer, b"before/%d" % number) for number in range(6)}
        # Each of them leads one of the three partitions.
        victim = cluster.names[0]
        supervisor.kill(victim)
        kept |= {acknowledged(producer, b"after/%d" % number) for number in range(6)}
        until(partial(_restarts, supervisor, victim), PATIENCE_S, "a restart")
        assert everything(bootstrap, len(kept)) == kept
    # A door tells of its own addresses: who comes through it stays behind what stands there.
    assert len(cluster.through("SIDE").split(",")) == 3
    assert not set(cluster.through("SIDE").split(",")) & set(bootstrap.split(","))
    assert cluster.through("SIDE").startswith(LOOPBACK)
