"""Everything that is left when all has come to rest: the clients' history, the stores, the topics, the logs.

Read past all services. The checks in `invariants` look at nothing else.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from google.protobuf.message import Message
from kafka import KafkaConsumer, TopicPartition
from pymongo import MongoClient

from deploy.local.mailbox import messages
from deploy.local.runtime import Running
from services.chassis.consumer import Received
from services.chassis.engine import decode
from services.chassis.envelope import Envelope, from_record, header_map
from services.chassis.errors import Poison
from services.chassis.topics import know_generated_types
from tests.faults.history import History

Raw = dict[str, Any]
Collection = tuple[str, str]

PREFIX = "fengqiao_"
OWN = (
    "fengqiao.intake.",
    "fengqiao.routing.",
    "fengqiao.mediation.",
    "fengqiao.petition.",
    "fengqiao.notify.",
)


@dataclass(frozen=True, slots=True)
class Landed:
    """A record as it lies on its topic; `at` is the broker's time (seconds) of its arrival."""

    record: Received
    at: float
    envelope: Envelope | None
    """None where there is none, or one that can't be read."""

    @property
    def where(self) -> "Where":
        """Topic, partition, offset."""
        return self.record.topic, self.record.partition, self.record.offset

    @property
    def ours(self) -> bool:
        """Whether it stands under the key that it speaks of; all others are poison."""
        return self.envelope is not None and self.record.key == self.envelope.subject.encode()


@dataclass(frozen=True, slots=True)
class Event:
    """One event of an aggregate: the first record of its sequence."""

    envelope: Envelope
    message: Message
    landed: Landed

    @property
    def name(self) -> str:
        """`CaseEscalated`."""
        return self.envelope.type.rpartition(".")[2]

    @property
    def at(self) -> float:
        """Its business time, in seconds."""
        return self.envelope.time.timestamp()

    @property
    def recorded(self) -> float:
        """When its commit was made, by the service's clock; seconds."""
        return self.envelope.recorded_at.timestamp()


@dataclass(frozen=True)
class Evidence:
    """What there is. `clock_s` is the length of a tier's clock, `read_at` when the reading began; seconds."""

    history: History
    documents: Mapping[Collection, Mapping[str, Raw]]
    timelines: Mapping[str, Raw]
    topics: Mapping[str, list[Landed]]
    texts: Mapping[str, bytes]
    """Logs and whatever else must hold no personal data, by name."""
    clock_s: float
    read_at: float
    sites: Path
    mails: list[str] = field(default_factory=list)

    def of(self, service: str, collection: str) -> Mapping[str, Raw]:
        """The documents of a collection by id."""
        return self.documents.get((service, collection), {})

    def events(self, topic: str) -> Mapping[str, list[Event]]:
        """The events of each aggregate on a topic, repeats left out, by sequence."""
        return self._events.get(topic, {})

    @cached_property
    def _events(self) -> Mapping[str, Mapping[str, list[Event]]]:
        know_generated_types()
        found: dict[str, dict[str, dict[int, Event]]] = defaultdict(lambda: defaultdict(dict))
        for topic, records in self.topics.items():
            for landed in records:
                if landed.envelope is None or (not topic.startswith(OWN) and not topic.endswith(".replies")):
                    continue
                if topic.endswith(".dead"):
                    continue
                envelope = landed.envelope
                try:
                    event = Event(envelope, decode(envelope.type, envelope.data), landed)
                except Poison:
                    continue
                if landed.ours:
                    found[topic][envelope.subject].setdefault(envelope.sequence, event)
        return {
            topic: {key: [events[n] for n in sorted(events)] for key, events in aggregates.items()}
            for topic, aggregates in found.items()
        }

    def envelopes(self, topic: str) -> Mapping[str, list[Envelope]]:
        """The events of each aggregate on a topic as they lie there, repeats and all."""
        return self._envelopes.get(topic, {})

    @cached_property
    def _envelopes(self) -> Mapping[str, Mapping[str, list[Envelope]]]:
        found: dict[str, dict[str, list[Envelope]]] = defaultdict(lambda: defaultdict(list))
        for topic, records in self.topics.items():
            for landed in records:
                if landed.ours and landed.envelope:
                    found[topic][landed.envelope.subject].append(landed.envelope)
        return found

    @cached_property
    def landed(self) -> Mapping[tuple[str, int, int], Landed]:
        """Every record by where it lies."""
        return {each.where: each for records in self.topics.values() for each in records}

    @cached_property
    def seen(self) -> Mapping[str, float]:
        """When an outsider first saw each event, by its id; seconds."""
        found: dict[str, float] = {}
        for entry in self.history.of("seen"):
            found.setdefault(entry.key, entry.at)
        return found

    def story(self, case_id: str) -> str:
        """What clients and topics say of a case, side by side in time."""
        lines: list[tuple[float, str]] = []
        for e in self.history.of_case(case_id):
            if e.kind != "seen":
                refused = f"{e.more.get('code', '')} {e.more.get('reason', '')}"
                lines.append((e.at, f"client   {e.kind:6} {e.op} key={e.key[:8]} {refused}"))
        for topic in sorted(self._events):
            for event in self.events(topic).get(case_id, []):
                place = f"{event.landed.record.partition}:{event.landed.record.offset}"
                told = f"at={event.at:.3f} recorded={event.recorded:.3f} cause={event.envelope.cause}"
                what = f"{topic} #{event.envelope.sequence} {event.name} {place} {told}"
                lines.append((event.landed.at, f"topic    {what}"))
        for (service, collection), documents in self.documents.items():
            if raw := documents.get(case_id):
                state = raw.get("state") or {}
                own = {own["topic"]: own["sequence"] for own in raw.get("own", ())}
                seen = {seen["topic"]: seen["sequence"] for seen in raw.get("seen", ())}
                left = f"outbox={len(raw.get('outbox', ()))} behind={raw.get('behind')}"
                what = f"{service}.{collection} v{raw.get('version')} {state.get('status')}"
                lines.append((self.read_at, f"store    {what} own={own} seen={seen} {left}"))
        return "\n".join(f"    {at:.3f} {line}" for at, line in sorted(lines))


@dataclass(slots=True)
class Violation:
    """Something that does not hold."""

    invariant: str
    text: str
    case: str = ""


class Tally:
    """Counts what was checked and keeps what failed."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.checks: dict[str, int] = defaultdict(int)
        self.violations: list[Violation] = []

    def check(self, invariant: str, *, holds: bool, text: str | Callable[[], str], case: str = "") -> None:
        """One thing that must hold."""
        self.checks[invariant] += 1
        if not holds:
            self.violations.append(Violation(invariant, text if isinstance(text, str) else text(), case))

    @property
    def count(self) -> int:
        """How many things were looked at."""
        return sum(self.checks.values())


Check = Callable[[Evidence, Tally], None]


def evidence_of(running: Running, sites: Path, history: History, clock_s: float = 0.0) -> Evidence:
    """Read everything: the stores first, so that the topics are not behind them."""
    read_at = time.time()
    documents, timelines = read_documents(running.mongo_url)
    topics = read_topics(running.kafka_bootstrap, poisoned(history))
    logs = sorted((Path(running.data_dir) / "log").glob("*.log"))
    texts = {path.name: path.read_bytes() for path in logs}
    mails = [_message_id(path.read_bytes()) for path in messages(running.mails)]
    return Evidence(history, documents, timelines, topics, texts, clock_s, read_at, sites, mails)


def _message_id(mail: bytes) -> str:
    line = next((line for line in mail.splitlines() if line.lower().startswith(b"message-id:")), b"")
    return line.decode(errors="replace")


def read_documents(mongo_url: str) -> tuple[dict[Collection, dict[str, Raw]], dict[str, Raw]]:
    """Every aggregate's document of every service, and the timelines' entries."""
    documents: dict[Collection, dict[str, Raw]] = {}
    timelines: dict[str, Raw] = {}
    with MongoClient[Raw](mongo_url, tz_aware=True) as client:
        for database in client.list_database_names():
            if not database.startswith(PREFIX):
                continue
            service = database.removeprefix(PREFIX)
            for name in client[database].list_collection_names():
                if "timeline" in name:
                    timelines |= {raw["_id"]: raw for raw in client[database][name].find()}
                    continue
                found = {str(raw["_id"]): raw for raw in client[database][name].find()}
                documents[service, name] = found
    return documents, timelines


Where = tuple[str, int, int]


def poisoned(history: History) -> set[Where]:
    """Where the nemesis put what no service may take for an event."""
    found = set()
    for entry in history.of("nemesis", "poison"):
        topic, partition, offset = entry.more["where"]
        found.add((topic, partition, offset))
    return found


def read_topics(bootstrap: str, poison: Container[Where] = ()) -> dict[str, list[Landed]]:
    """Every record of every topic of the house, in the order of its partition; poison has no envelope."""
    consumer: Any = KafkaConsumer(
        bootstrap_servers=bootstrap,
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=8 * 1024 * 1024,
    )
    try:
        names = sorted(name for name in consumer.topics() if name.startswith("fengqiao."))
        return {name: list(_read_topic(consumer, name, poison)) for name in names}
    finally:
        consumer.close()


def _read_topic(consumer: Any, topic: str, poison: Container[Where]) -> Iterator[Landed]:
    there = [TopicPartition(topic, p) for p in sorted(consumer.partitions_for_topic(topic) or ())]
    consumer.assign(there)
    ends = consumer.end_offsets(there)
    consumer.seek_to_beginning(*there)
    while any(consumer.position(tp) < end for tp, end in ends.items()):
        for records in consumer.poll(timeout_ms=200, max_records=5000).values():
            for r in records:
                received = Received(r.topic, r.partition, r.offset, r.key, r.value, header_map(r.headers))
                envelope = None if (r.topic, r.partition, r.offset) in poison else _envelope(received)
                yield Landed(received, r.timestamp / 1000, envelope)


def _envelope(record: Received) -> Envelope | None:
    try:
        return from_record(record.headers, record.value)
    except Poison:
        return None


def aggregates(evidence: Evidence) -> Iterable[tuple[Collection, str, Raw]]:
    """Every document that commits."""
    for collection, documents in evidence.documents.items():
        for key, raw in documents.items():
            if "commit_id" in raw:
                yield collection, key, raw
