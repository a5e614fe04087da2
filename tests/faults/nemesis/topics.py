"""Offsets that are lost, topics that come again, and poison of every kind."""

import os
import random
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.structs import OffsetAndMetadata

from fengqiao.common.v1 import operations_service_pb2 as operations
from tests.faults import agency
from tests.faults.nemesis.scene import Fault, Run, Scene
from tests.journeys.clients import House
from tests.waiting import until

DOMAIN = (
    "fengqiao.intake.requests",
    "fengqiao.intake.events",
    "fengqiao.routing.events",
    "fengqiao.routing.outcomes",
)
GROUPS = ("intake", "routing", "notify")
EMPTY_S = 40.0
"""Whoever was killed is in the group until its session ends."""
TOO_BIG = 5 * 1024 * 1024
DEEP = 3000
BUGGY = 12
"""So few that they are no flood."""
BATCH = 50


@contextmanager
def _producer(scene: Scene) -> Iterator[Any]:
    producer: Any = KafkaProducer(
        bootstrap_servers=scene.stage.running.kafka_bootstrap,
        acks="all",
        max_request_size=TOO_BIG + 4096,
    )
    try:
        yield producer
    finally:
        producer.close(timeout=10)


@contextmanager
def _consumer(scene: Scene, *topics: str) -> Iterator[Any]:
    consumer: Any = KafkaConsumer(
        bootstrap_servers=scene.stage.running.kafka_bootstrap, group_id=None, enable_auto_commit=False
    )
    try:
        there = [TopicPartition(t, p) for t in topics for p in consumer.partitions_for_topic(t) or ()]
        consumer.assign(there)
        yield consumer
    finally:
        consumer.close()


def _forgetting(change: Callable[[Any, str], None]) -> Run:
    """A service is stopped, its group's offsets are changed, it comes back."""

    def run(scene: Scene) -> None:
        while scene.wait(scene.chance.uniform(2, 4)):
            service = scene.chance.choice(GROUPS)
            group = f"fengqiao-{service}"
            with scene.stopped(service):
                admin: Any = KafkaAdminClient(bootstrap_servers=scene.stage.running.kafka_bootstrap)
                try:
                    until(partial(_empty, admin, group), EMPTY_S, f"{group} empty")
                    change(admin, group)
                finally:
                    admin.close()
            scene.wait(5)

    return run


def _empty(admin: Any, group: str) -> bool:
    return not admin.describe_groups([group])[group]["members"]


def _delete(admin: Any, group: str) -> None:
    told = admin.delete_groups([group])
    if told[group] != "OK":
        raise RuntimeError(f"{group} was not deleted: {told}")


def _reset(admin: Any, group: str) -> None:
    offsets = admin.list_group_offsets(group)[group]
    told = admin.alter_group_offsets(group, {tp: OffsetAndMetadata(0, "", -1) for tp in offsets})
    if wrong := {error.__name__ for error in told.values()} - {"NoError"}:
        raise RuntimeError(f"offsets of {group} were not reset: {wrong}")


def topics_replayed(scene: Scene) -> None:
    """Everything on the domain topics is published once more, from the beginning, in its order."""
    scene.wait(5)
    for topic in DOMAIN:
        with _consumer(scene, topic) as consumer, _producer(scene) as producer:
            there = consumer.assignment()
            ends = consumer.end_offsets(list(there))
            consumer.seek_to_beginning(*there)
            while any(consumer.position(tp) < end for tp, end in ends.items()):
                for tp, records in consumer.poll(timeout_ms=200).items():
                    for r in records:
                        if r.offset < ends[tp]:
                            producer.send(topic, r.value, key=r.key, headers=r.headers, partition=r.partition)
            producer.flush()
    scene.last()


def duplicates(scene: Scene) -> None:
    """A tenth of what appears on the domain topics and of the agency's appears again."""
    topics = (*DOMAIN, agency.REQUESTS)
    with _consumer(scene, *topics) as consumer, _producer(scene) as producer:
        consumer.seek_to_end()
        copied: set[tuple[str, int, int]] = set()
        while scene.wait(0.05):
            for tp, records in consumer.poll(timeout_ms=100).items():
                for r in records:
                    if (tp.topic, r.partition, r.offset) in copied or scene.chance.random() > 0.1:
                        continue
                    sent = producer.send(
                        tp.topic, r.value, key=r.key, headers=r.headers, partition=r.partition
                    ).get(30)
                    copied.add((tp.topic, sent.partition, sent.offset))


# -- poison --------------------------------------------------------------------------------------------------


def _headers(**other: str | None) -> list[tuple[str, bytes]]:
    """Headers of an event that nobody sent; `other` replaces some, None takes one away."""
    subject = str(uuid.uuid4())
    pairs: dict[str, str | None] = {
        "ce_specversion": "1.0",
        "ce_id": f"intake/{subject}/x/1",
        "ce_type": "fengqiao.intake.v1.RequestWithdrawn",
        "ce_source": "/fengqiao/intake",
        "ce_subject": subject,
        "ce_time": "2026-01-01T00:00:00.000Z",
        "ce_sequence": "1",
        "ce_site": "faults",
        **other,
    }
    return [(name, value.encode()) for name, value in pairs.items() if value is not None]


Record = tuple[bytes | None, bytes | None, list[tuple[str, bytes]]]
"""Key, value, headers."""


def of_a_domain_topic(chance: random.Random) -> tuple[str, Record]:
    """Something that no service may take for an event."""
    key = str(uuid.uuid4()).encode()
    kinds: dict[str, Record] = {
        "bad bytes": (key, os.urandom(300), []),
        "null value": (key, None, _headers()),
        "no headers": (key, b"{}", []),
        "unknown version": (key, b"", _headers(ce_specversion="2.0")),
        "no key": (None, b"", _headers()),
        "key of another": (key, b"", _headers()),
        "no id": (key, b"", _headers(ce_id=None)),
        "bad time": (key, b"", _headers(ce_time="soon")),
        "bad sequence": (key, b"", _headers(ce_sequence="minus one")),
        "5 MB": (key, b"\xff" * TOO_BIG, []),
    }
    what = chance.choice(list(kinds))
    return what, kinds[what]


def of_an_agency(chance: random.Random) -> tuple[str, Record]:
    """Something that an agency should not have sent."""
    key = str(uuid.uuid4()).encode()
    sound = agency.inbound(chance).SerializeToString()
    json = [
        ("ce_specversion", b"1.0"),
        ("ce_type", agency.TYPE.encode()),
        ("content-type", b"application/json"),
    ]
    sent = agency.headers(key.decode())
    kinds: dict[str, Record] = {
        "bad bytes": (key, b"\xff" + os.urandom(200), sent),
        "null value": (key, None, sent),
        "no CloudEvent": (key, sound, []),
        "unknown type": (key, sound, [(n, v) if n != "ce_type" else (n, b"x.y.Z") for n, v in sent]),
        "unknown version": (key, sound, [(n, v) if n != "ce_specversion" else (n, b"9") for n, v in sent]),
        "deep nesting": (key, b'{"a":' * DEEP + b"1" + b"}" * DEEP, json),
        "half JSON": (key, b'{"reference": ', json),
        "5 MB": (key, b"\xff" * TOO_BIG, sent),
    }
    what = chance.choice(list(kinds))
    return what, kinds[what]


def poison(scene: Scene) -> None:
    """Poison of every kind on inbound and domain topics, all the time."""
    with _producer(scene) as producer:
        while scene.wait(scene.chance.uniform(0.1, 0.6)):
            if scene.chance.random() < 0.5:
                topic, (what, (key, value, headers)) = agency.REQUESTS, of_an_agency(scene.chance)
            else:
                topic, (what, (key, value, headers)) = (
                    scene.chance.choice(DOMAIN),
                    of_a_domain_topic(scene.chance),
                )
            sent = producer.send(topic, value, key=key, headers=headers).get(30)
            scene.note("poison", what=what, where=[topic, sent.partition, sent.offset])


def handler_bug(scene: Scene) -> None:
    """A handler raises on some cases; then it is mended, and an operator has the letters tried again."""
    scene.stage.bug.touch()
    cases = scene.herd(BUGGY, kind="bug.one")
    for case in cases:
        scene.note("bug", case=case)
    scene.wait(5)
    scene.stage.bug.unlink()
    with House(scene.stage.running) as house:
        for case in cases:
            request = operations.ReplayDeadLetterRequest(aggregate_id=case, source_topic=DOMAIN[0])
            answer = house.operator().call(house.operations["routing"].ReplayDeadLetter, request)
            if not answer.healed:
                raise RuntimeError(f"{case} is not healed: {answer.reason}")
    scene.last()


FAULTS = (
    Fault(
        "offsets_deleted",
        "a consumer group deleted, again and again",
        _forgetting(_delete),
        25,
        mixed=False,
        genuine_broker=True,
    ),
    Fault(
        "offsets_reset",
        "a consumer group's offsets set to 0, again and again",
        _forgetting(_reset),
        25,
        mixed=False,
        genuine_broker=True,
    ),
    Fault(
        "topics_replayed", "the whole of the domain topics published again", topics_replayed, 20, mixed=False
    ),
    Fault("duplicates", "a tenth of all records twice", duplicates, 20),
    Fault("poison", "poison of every kind on inbound and domain topics", poison, 20),
    Fault(
        "handler_bug",
        "a handler raises on some cases; mended, their letters are replayed",
        handler_bug,
        12,
        {"bug": True},
        mixed=False,
    ),
)
