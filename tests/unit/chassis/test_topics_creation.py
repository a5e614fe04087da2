"""Topics are made as their contracts say, when they are missing and not otherwise."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from kafka.errors import KafkaConnectionError, TopicAlreadyExistsError

from services.chassis import topics
from services.chassis.errors import Infrastructure
from services.chassis.topics import DAY_MS, Topic


@dataclass
class Admin:
    """A broker's administration that remembers what it was asked."""

    there: set[str] = field(default_factory=set)
    made: dict[str, Any] = field(default_factory=dict)
    raced: set[str] = field(default_factory=set)
    closed: int = 0

    def describe_topics(self) -> list[dict[str, str]]:
        return [{"name": name} for name in self.there]

    def create_topics(self, wanted: Sequence[Any]) -> None:
        for topic in wanted:
            if topic.name in self.raced:
                raise TopicAlreadyExistsError
            self.made[topic.name] = topic

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def admin(monkeypatch: pytest.MonkeyPatch) -> Admin:
    one = Admin()
    monkeypatch.setattr(topics, "KafkaAdminClient", lambda **_settings: one)
    return one


def contract(**changes: Any) -> Topic:
    types = frozenset({"toy.v1.Opened"})
    return replace(Topic("toy.events", "d", "toy", ("toy",), ("toy",), "k", 3, -1, types), **changes)


def test_only_missing_topics_are_made_as_their_contracts_say(admin: Admin) -> None:
    admin.there = {"toy.old"}
    wanted = [contract(), contract(name="toy.old"), contract(name="toy.short", retention_ms=DAY_MS)]
    assert topics.create("broker", wanted, 3) == ["toy.events", "toy.short"]
    made = admin.made["toy.events"]
    assert (made.num_partitions, made.replication_factor) == (3, 3)
    assert made.topic_configs == {"retention.ms": "-1", "cleanup.policy": "delete"}
    assert admin.made["toy.short"].topic_configs["retention.ms"] == str(DAY_MS)
    assert admin.closed == 1


def test_another_who_makes_the_same_topic_is_no_trouble(admin: Admin) -> None:
    admin.raced = {"toy.events"}
    topics.create("broker", [contract(), contract(name="toy.other")])
    assert "toy.other" in admin.made


def test_all_topics_are_the_houses_and_those_of_the_sources(admin: Admin) -> None:
    topics.create_all("broker", sources=["hotline"])
    fixed = {topic.name for topic in topics.load() if not topic.per_source}
    assert admin.made.keys() == fixed | {topic.name for topic in topics.of_source("hotline")}
    assert not any("{" in name for name in admin.made)


def test_without_a_broker_it_is_infrastructure(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(**_settings: Any) -> Any:
        raise KafkaConnectionError

    monkeypatch.setattr(topics, "KafkaAdminClient", away)
    with pytest.raises(Infrastructure, match="KafkaConnectionError"):
        topics.create("broker", [contract()])
