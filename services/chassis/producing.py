"""What kafka-python's producer has to be taught."""

import functools
from typing import Any

from kafka import KafkaProducer
from kafka.partitioner.default import DefaultPartitioner, murmur2

from services.chassis.clock import monotonic

ASK_AGAIN_S = 0.1


@functools.lru_cache(maxsize=65_536)
def _hash(key: bytes) -> int:
    """Kafka's own hash of a key; in Python it costs as much as the rest of sending, and keys come again."""
    return int(murmur2(key)) & 0x7FFFFFFF


class ByKey(DefaultPartitioner):
    """The partition of a key, the same as for every other client of Kafka."""

    def partition(self, topic: Any, key: Any, serialized_key: Any, *others: Any) -> Any:
        """As the client's own, for a record that has a key."""
        _value, _serialized_value, cluster = others
        every = cluster.partitions_for_topic(topic)
        if serialized_key is None or not every:
            return super().partition(topic, key, serialized_key, *others)
        return sorted(every)[_hash(serialized_key) % len(every)]


def calm(producer: KafkaProducer) -> KafkaProducer:
    """Let a producer ask for a partition's leader ten times a second, and only while records wait for it.

    kafka-python 3.0.12 asks in every turn of its thread, without a pause, for every partition that it ever
    wrote to: once an agency's topic is deleted the thread keeps a processor busy until the process ends.
    """
    accumulator: Any = producer._accumulator  # noqa: SLF001 - it has no setting
    ready = accumulator.ready
    asked = float("-inf")

    def ready_calmly(cluster: Any, now: float | None = None) -> tuple[Any, float, bool]:
        nonlocal asked
        nodes, next_check_s, unknown = ready(cluster, now=now)
        if not unknown:
            return nodes, next_check_s, False
        waiting = any(
            batches and cluster.leader_for_partition(partition) in {None, -1}
            for partition, batches in list(accumulator._batches.items())  # noqa: SLF001 - as above
        )
        if not waiting:
            return nodes, next_check_s, False
        ask = monotonic() - asked >= ASK_AGAIN_S
        if ask:
            asked = monotonic()
        return nodes, min(next_check_s, ASK_AGAIN_S), ask

    accumulator.ready = ready_calmly
    return producer
