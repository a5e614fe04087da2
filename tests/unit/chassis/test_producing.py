"""What kafka-python's producer was taught."""

from types import SimpleNamespace
from typing import Any

import pytest
from kafka.partitioner.default import DefaultPartitioner

from services.chassis import producing
from services.chassis.producing import ASK_AGAIN_S, ByKey, calm

GONE, HERE = "replies of an agency that left", "events"
NOTHING_MORE_S = 9_999_999.99


class Cluster:
    """Knows the leader of one topic."""

    def leader_for_partition(self, topic: str) -> int | None:
        return 1 if topic == HERE else None

    def topics(self) -> set[str]:
        return {HERE}

    def available_partitions_for_topic(self, topic: str) -> set[int]:
        return self.partitions_for_topic(topic)

    def partitions_for_topic(self, _topic: str) -> set[int]:
        return set(range(8))


class Turns:
    """A producer's thread, turn by turn, at a clock that the test moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **waiting: list[str]) -> None:
        self.now = 0.0
        monkeypatch.setattr(producing, "monotonic", lambda: self.now)
        found = {GONE: waiting.get("gone", []), HERE: waiting.get("here", [])}
        # As kafka-python 3.0.12: whatever was ever written to counts, also when nothing waits for it.
        accumulator = SimpleNamespace(
            _batches=found,
            ready=lambda _cluster, now=None: ({1} if found[HERE] else set(), NOTHING_MORE_S, now is None),
        )
        self.producer: Any = SimpleNamespace(_accumulator=accumulator)
        calm(self.producer)

    def turn(self) -> tuple[Any, float, bool]:
        answer: tuple[Any, float, bool] = self.producer._accumulator.ready(Cluster())
        return answer


def test_nobody_asks_for_the_leader_of_a_topic_that_is_gone_and_that_nothing_waits_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    turns = Turns(monkeypatch, here=["a record"])
    assert turns.turn() == ({1}, NOTHING_MORE_S, False)


def test_while_a_record_waits_for_its_leader_it_is_asked_for_now_and_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    turns = Turns(monkeypatch, gone=["a reply"])
    told = []
    for _ in range(30):
        _, next_check_s, asks = turns.turn()
        assert next_check_s == ASK_AGAIN_S, "the thread must not sleep until the record expires"
        told.append(asks)
        turns.now += ASK_AGAIN_S / 10
    assert told.count(True) == 3
    assert told[0]


def test_a_key_has_the_partition_that_every_client_of_kafka_gives_it() -> None:
    mine, theirs = ByKey(), DefaultPartitioner()
    for number in range(200):
        record = ("events", None, b"case-%d" % number, None, b"value", Cluster())
        assert mine.partition(*record) == theirs.partition(*record)
