"""Topics as `protos/topics/*.yaml` declares them: the contract that creation, consumption and docs are made
from.

`python -m services.chassis.topics create` makes those that are missing.
"""

import functools
import importlib
import pkgutil
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml
from kafka import KafkaAdminClient
from kafka.admin import NewTopic
from kafka.errors import KafkaError, TopicAlreadyExistsError

from services.chassis.errors import Infrastructure
from services.chassis.settings import BrokerSettings

SOURCE = "{source}"
DAY_MS = 24 * 3600 * 1000


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic's contract. `retention_ms` is -1 for ever; `types` None: anything (dead letters)."""

    name: str
    description: str
    owner: str
    producers: tuple[str, ...]
    consumers: tuple[str, ...]
    key: str
    partitions: int
    retention_ms: int
    types: frozenset[str] | None

    @property
    def per_source(self) -> bool:
        """True for the pattern of an agency's topics."""
        return SOURCE in self.name


def folder() -> Path:
    """Where the contracts are: beside the code in a wheel, in `protos/` in a checkout."""
    packaged = Path(__file__).parent / "data" / "topics"
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / "protos" / "topics"


@functools.cache
def load() -> tuple[Topic, ...]:
    """Every contract, by name."""
    return tuple(sorted((_read(path) for path in folder().glob("*.yaml")), key=lambda topic: topic.name))


def _read(path: Path) -> Topic:
    raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    return Topic(
        name=raw["topic"],
        description=raw["description"],
        owner=raw["owner"],
        producers=tuple(raw["producers"]),
        consumers=tuple(raw["consumers"]),
        key=raw["key"],
        partitions=int(raw["partitions"]),
        retention_ms=_retention_ms(str(raw["retention"])),
        types=None if raw["types"] == "any" else frozenset(raw["types"]),
    )


def _retention_ms(text: str) -> int:
    """`forever` or `<n> days`; a slip must not keep for ever what has to go, nor let go what has to stay.

    Raises:
        ValueError: it is neither.
    """
    if text == "forever":
        return -1
    number, _, unit = text.partition(" ")
    if unit != "days" or int(number) < 1:
        raise ValueError(f"retention: {text}")
    return int(number) * DAY_MS


@functools.cache
def declared_types(topic: str) -> frozenset[str]:
    """Full names of the event types that a topic's contract names; empty for a topic that has none."""
    know_generated_types()
    found = next((t for t in load() if t.name == topic), None)
    return found.types or frozenset() if found else frozenset()


@functools.cache
def know_generated_types() -> None:
    """Import every generated module, so that the default descriptor pool knows its types."""
    import fengqiao  # noqa: PLC0415 - only here, and only for its path

    for module in pkgutil.walk_packages(fengqiao.__path__, "fengqiao."):
        if module.name.endswith("_pb2"):
            importlib.import_module(module.name)


def of_source(source: str) -> tuple[Topic, ...]:
    """The topics of one agency's source."""
    return tuple(replace(t, name=t.name.replace(SOURCE, source)) for t in load() if t.per_source)


def create(bootstrap: str, topics: Iterable[Topic], replication_factor: int = 1) -> list[str]:
    """Make the topics that are missing; returns their names. Blocks.

    Raises:
        Infrastructure: the broker is away.
    """
    wanted = list(topics)
    try:
        admin: Any = KafkaAdminClient(bootstrap_servers=bootstrap, client_id="fengqiao-topics")
        try:
            there = {found["name"] for found in admin.describe_topics()}
            missing = [topic for topic in wanted if topic.name not in there]
            for topic in missing:
                _create_one(admin, topic, replication_factor)
        finally:
            admin.close()
    except KafkaError as error:
        raise Infrastructure(f"broker: {type(error).__name__}") from error
    return [topic.name for topic in missing]


def _create_one(admin: Any, topic: Topic, replication_factor: int) -> None:
    configs = {"retention.ms": str(topic.retention_ms), "cleanup.policy": "delete"}
    try:
        admin.create_topics(
            [NewTopic(topic.name, topic.partitions, replication_factor, topic_configs=configs)]
        )
    except TopicAlreadyExistsError:
        return


def create_all(bootstrap: str, replication_factor: int = 1, sources: Sequence[str] = ()) -> list[str]:
    """Make every topic of the house, and those of the given sources."""
    own = [topic for topic in load() if not topic.per_source]
    return create(bootstrap, [*own, *(t for s in sources for t in of_source(s))], replication_factor)


def main() -> None:
    """`create` from the command line; the environment says where and how many replicas."""
    if sys.argv[1:2] != ["create"]:
        sys.exit("usage: python -m services.chassis.topics create [SOURCE …]")
    settings = BrokerSettings()
    made = create_all(settings.kafka_bootstrap, settings.replication_factor, sys.argv[2:])
    sys.stdout.write(f"{len(made)} topics made\n")


if __name__ == "__main__":
    main()
