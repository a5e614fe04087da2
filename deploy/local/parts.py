"""Which broker and which store a runtime uses: what this machine has, what each part lacks, and which one is
taken.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from deploy.local.broker import DockerKafka, GivenBroker, MavenKafka, WheelBroker
from deploy.local.errors import PartMissing
from deploy.local.store import DockerMongo, GivenStore, PathStore, WheelStore
from deploy.local.supervisor import Supervisor


class Choice(StrEnum):
    """What `--parts` takes."""

    WHEELS = "wheels"
    """Quick, the same everywhere; KAFKA_BOOTSTRAP and MONGO_URL go first."""
    EMBEDDED = "embedded"
    """The wheels, even where KAFKA_BOOTSTRAP or MONGO_URL is set."""
    BEST = "best"
    """KAFKA_BOOTSTRAP and MONGO_URL, else Docker, else programs of this machine, else the wheels."""
    DOCKER = "docker"
    """Docker, nothing else."""
    PROGRAMS = "programs"
    """As best, but for Docker: processes of this machine, whose CPU and memory can be read."""


class Kind(StrEnum):
    """What a part is there for."""

    BROKER = "broker"
    STORE = "store"


class Part(Protocol):
    """A broker or a store that this machine may have."""

    @property
    def name(self) -> str:
        """What it is, for people."""
        ...

    @property
    def durable(self) -> bool:
        """Whether it keeps what it acknowledged when it is restarted."""
        ...

    @property
    def genuine(self) -> bool:
        """Whether it is Apache Kafka or MongoDB itself, or the operator says so."""
        ...

    @property
    def ours(self) -> bool:
        """Whether the runtime starts it and owns its data."""
        ...

    def lacks(self) -> str | None:
        """What is missing on this machine, None when nothing is; quick, changes nothing."""
        ...

    def prepare(self, say: Callable[[str], None]) -> None:
        """Fetch what is fetched once. Raises PartMissing when it is not to be had."""
        ...

    def start(self, supervisor: Supervisor, folder: Path) -> str:
        """Start it with its data and log below `folder`, wait until it answers; returns the address for
        clients.

        Raises RuntimeFailed.
        """
        ...


@dataclass(frozen=True, slots=True)
class Found:
    """A part that was taken, and why those before it were not."""

    part: Part
    passed_over: tuple[str, ...] = ()


def brokers(environment: Mapping[str, str] = os.environ) -> dict[str, Part]:
    """Every broker known, best first, by the word that doctor prints."""
    parts: dict[str, Part] = {
        "docker": DockerKafka(),
        "maven": MavenKafka(),
        "wheel": WheelBroker(),
    }
    bootstrap = environment.get("KAFKA_BOOTSTRAP")
    return {"KAFKA_BOOTSTRAP": GivenBroker(bootstrap), **parts} if bootstrap else parts


def stores(environment: Mapping[str, str] = os.environ, *, sync_on_commit: bool = True) -> dict[str, Part]:
    """Every store known, best first. `sync_on_commit` makes SecantusDB's journaled writes reach the disk."""
    parts: dict[str, Part] = {
        "docker": DockerMongo(),
        "mongod": PathStore("mongod"),
        "secantusd-rs": PathStore("secantusd-rs", sync_on_commit=sync_on_commit),
        "wheel": WheelStore(sync_on_commit=sync_on_commit),
    }
    url = environment.get("MONGO_URL")
    return {"MONGO_URL": GivenStore(url), **parts} if url else parts


def wanted(choice: Choice, parts: Mapping[str, Part]) -> list[Part]:
    """The parts that a choice allows, the preferred one first."""
    given = [part for word, part in parts.items() if not part.ours]
    match choice:
        case Choice.WHEELS:
            return given or [parts["wheel"]]
        case Choice.EMBEDDED:
            return [parts["wheel"]]
        case Choice.BEST:
            return given or list(parts.values())
        case Choice.DOCKER:
            return [parts["docker"]]
        case Choice.PROGRAMS:
            return given or [part for word, part in parts.items() if word != "docker"]


def take(kind: Kind, candidates: Sequence[Part], say: Callable[[str], None]) -> Found:
    """The first part that lacks nothing and can be prepared. Raises PartMissing that says what each lacks."""
    reasons: list[str] = []
    for part in candidates:
        lacking = part.lacks()
        if lacking is None:
            try:
                part.prepare(say)
            except PartMissing as missing:
                lacking = str(missing)
            else:
                return Found(part, tuple(reasons))
        reasons.append(f"{part.name}: {lacking}")
    raise PartMissing(f"no {kind} to be had:\n" + "\n".join(f"  {reason}" for reason in reasons))
