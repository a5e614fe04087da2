"""Replays recorded Kafka records raw: produced once, consumed by as many groups as each topic has.

`python -m tests.bench.floor.kafka FILE BOOTSTRAP`: prepares, says `ready`, begins at a line of input, ends
with its seconds. The client is librdkafka's, the fastest that Python has.
"""

import sys
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import bson
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]  # it does not say so

from services.chassis.clock import monotonic
from tests.bench.measure import WARM_UP

POLL_S = 0.2
TIMEOUT_S = 30.0
READ_S = 300.0
WARMED = "floor.warmed"
"""A topic of nobody's."""


def save(bootstrap: str, path: Path, cases: int) -> int:
    """Keep every record of the services' topics that so many cases made, and which groups read which topics;
    returns how many.
    """
    admin = AdminClient({"bootstrap.servers": bootstrap})
    topics = {
        name: len(topic.partitions)
        for name, topic in admin.list_topics(timeout=TIMEOUT_S).topics.items()
        if name.startswith("fengqiao.")
    }
    records = list(_read(bootstrap, topics))
    content = {"cases": cases, "topics": topics, "groups": _groups(admin), "records": records}
    # One document would be too large for BSON's own limit of the store, not for the file.
    path.write_bytes(bson.encode(content))
    return len(records)


def _read(bootstrap: str, topics: Mapping[str, int]) -> Iterable[dict[str, Any]]:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "bench-floor-reader"})
    try:
        parts = [TopicPartition(name, p, 0) for name, count in topics.items() for p in range(count)]
        left = sum(consumer.get_watermark_offsets(part, timeout=TIMEOUT_S)[1] for part in parts)
        consumer.assign(parts)
        end = monotonic() + READ_S
        while left > 0:
            if monotonic() > end:
                raise TimeoutError(f"{left} records are missing")
            for message in consumer.consume(1_000, POLL_S):
                if message.error():
                    raise KafkaException(message.error())
                left -= 1
                yield {
                    "topic": message.topic(),
                    "partition": message.partition(),
                    "key": message.key(),
                    "value": message.value(),
                    "headers": [list(header) for header in message.headers() or ()],
                }
    finally:
        consumer.close()


def _groups(admin: AdminClient) -> list[list[str]]:
    """For each group the topics that it has committed offsets of."""
    listed = admin.list_consumer_groups().result(TIMEOUT_S).valid
    names = [group.group_id for group in listed if group.group_id != "bench-floor-reader"]
    found = []
    for name in names:
        [future] = admin.list_consumer_group_offsets([_group(name)]).values()
        offsets = future.result(TIMEOUT_S).topic_partitions
        topics = sorted({part.topic for part in offsets if part.offset >= 0})
        if topics:
            found.append(topics)
    return found


def _group(name: str) -> Any:
    from confluent_kafka import ConsumerGroupTopicPartitions  # noqa: PLC0415 - not in every build's names

    return ConsumerGroupTopicPartitions(name)


def main(path: str, bootstrap: str) -> None:
    """See the module."""
    content = bson.decode(Path(path).read_bytes())
    topics, groups, records = content["topics"], content["groups"], content["records"]
    admin = AdminClient({"bootstrap.servers": bootstrap})
    made = admin.create_topics([NewTopic(name, count) for name, count in {**topics, WARMED: 1}.items()])
    for future in made.values():
        future.result(TIMEOUT_S)
    counts = [sum(record["topic"] in group for record in records) for group in groups]
    warming = WARM_UP * len(records) // content["cases"]
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "enable.idempotence": True,
            "linger.ms": 5,
            "queue.buffering.max.messages": max(len(records), warming) + 1,
        }
    )
    consumers = []
    for number, group in enumerate(groups):
        consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": f"floor-{number}"})
        consumer.assign([TopicPartition(name, p, 0) for name in group for p in range(topics[name])])
        consumers.append(consumer)
    # As in a run: the broker has given the producer its id, and has seen some records before.
    for _ in range(warming):
        producer.produce(WARMED, b"x" * 300)
        producer.poll(0)
    producer.flush(TIMEOUT_S)
    outgoing = [(each, [tuple(header) for header in each["headers"]]) for each in records]
    print("ready", flush=True)  # noqa: T201 - who started us waits for it
    sys.stdin.readline()
    began = monotonic()
    threads = [
        threading.Thread(target=_consume, args=(consumer, count))
        for consumer, count in zip(consumers, counts, strict=True)
    ]
    for thread in threads:
        thread.start()
    for record, headers in outgoing:
        producer.produce(
            record["topic"],
            record["value"],
            record["key"],
            partition=record["partition"],
            headers=headers,
        )
    if left := producer.flush(READ_S):
        raise RuntimeError(f"{left} records were not acknowledged")
    for thread in threads:
        thread.join()
    print(monotonic() - began, flush=True)  # noqa: T201
    for consumer in consumers:
        consumer.close()


def _consume(consumer: Consumer, count: int) -> None:
    while count > 0:
        count -= sum(message.error() is None for message in consumer.consume(1_000, POLL_S))


if __name__ == "__main__":
    main(*sys.argv[1:])
