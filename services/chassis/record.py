"""One aggregate of one service as one document: what a commit replaces whole (chassis rule 1)."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

S = TypeVar("S")

SHARDS = 64


def shard_of(aggregate_id: str) -> int:
    """The shard (0 to 63) that shares out an aggregate's sweeping; stable for ever."""
    return hashlib.sha256(aggregate_id.encode()).digest()[0] % SHARDS


def to_ms(instant: datetime) -> datetime:
    """Cut an aware time to UTC milliseconds, the precision of the store."""
    utc = instant if instant.tzinfo is UTC else instant.astimezone(UTC)
    return utc.replace(microsecond=utc.microsecond // 1000 * 1000)


@dataclass(frozen=True, slots=True)
class Deadline:
    """Something that happens by itself when its time has passed.

    `name` and `epoch` tell one run of a clock from every other of the aggregate; `due_at` is absolute UTC.
    """

    name: str
    epoch: int
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Position:
    """Where an event stands in its topic, and its sequence within its aggregate."""

    sequence: int
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Behind:
    """An aggregate that has not applied everything of one source topic (rule 11).

    `upto` is the highest sequence known to wait; `reason` a code (`gap`, or what poisoned it); `build` the
    build that failed, so that a new one tries again; `offset` the first record known to be skipped.
    """

    reason: str
    upto: int
    partition: int
    offset: int
    build: str


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """An event that its broker may not have acknowledged yet."""

    topic: str
    sequence: int
    type: str
    occurred_at: datetime
    recorded_at: datetime
    data: bytes
    head: bytes
    cause: str


@dataclass(frozen=True, slots=True)
class Answered:
    """A command that was answered: its key, the hash of its body, the answer (rule 19)."""

    key: str
    body_hash: bytes
    answer: bytes
    at: datetime


@dataclass(frozen=True, slots=True)
class Fact:
    """A consumed event that came before its aggregate; it waits on the stub (rule 12)."""

    topic: str
    type: str
    occurred_at: datetime
    recorded_at: datetime
    data: bytes
    cause: str


@dataclass(slots=True)
class Record(Generic[S]):
    """An aggregate in memory. `state` is its public projection (None: a stub), `private` what no event holds.

    `version` counts commits, `revision` public events; `seen` is keyed by source topic, `sequences` and
    `heads`
    by own topic. `last_at` is the business time of the latest thing applied. `retry_at` (wall clock) holds a
    failing firing back. `dirty` says that memory differs from the store.
    """

    id: str
    site: str
    version: int = 0
    commit_id: str = ""
    revision: int = 0
    state: S | None = None
    private: dict[str, Any] = field(default_factory=dict)
    seen: dict[str, Position] = field(default_factory=dict)
    behind: dict[str, Behind] = field(default_factory=dict)
    facts: list[Fact] = field(default_factory=list)
    sequences: dict[str, int] = field(default_factory=dict)
    heads: dict[str, bytes] = field(default_factory=dict)
    outbox: list[OutboxEntry] = field(default_factory=list)
    next_due_at: datetime | None = None
    retry_at: datetime | None = None
    retry_reason: str = ""
    failures: int = 0
    answered: list[Answered] = field(default_factory=list)
    last_at: datetime | None = None
    dirty: bool = False

    def copy(self) -> "Record[S]":
        """A draft that can be changed and thrown away; values inside are immutable."""
        draft: Record[S] = Record(self.id, self.site)
        draft.become(self)
        for name in _CHANGED_IN_PLACE:
            setattr(draft, name, getattr(self, name).copy())
        return draft

    def become(self, other: "Record[S]") -> None:
        """Take over everything of another, which is thrown away."""
        for name in Record.__slots__:
            setattr(self, name, getattr(other, name))

    def drop_acknowledged(self, acknowledged: Mapping[str, int]) -> None:
        """Drop outbox entries up to the given sequence per topic: an acknowledged prefix, nothing else (rule
        8).
        """
        if acknowledged:
            self.outbox = [e for e in self.outbox if e.sequence > acknowledged.get(e.topic, 0)]


_CHANGED_IN_PLACE = ("private", "seen", "behind", "facts", "sequences", "heads", "outbox", "answered")
