"""The one way a document is read and committed (chassis rules 1 to 4, 8)."""

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

import bson
from bson.raw_bson import RawBSONDocument
from cattrs.preconf.bson import make_converter
from mongoengine import DateTimeField, DictField, Document, IntField, ListField, StringField
from mongoengine.connection import get_db
from pymongo import InsertOne, ReadPreference, ReplaceOne, UpdateMany, WriteConcern
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import (
    BulkWriteError,
    ConnectionFailure,
    DuplicateKeyError,
    ExecutionTimeout,
    PyMongoError,
)
from pymongo.read_concern import ReadConcern

from services.chassis import faults
from services.chassis.errors import Infrastructure, TooLarge
from services.chassis.model import Model
from services.chassis.record import Answered, Behind, Fact, OutboxEntry, Position, Record, shard_of

S = TypeVar("S")

Raw = dict[str, Any]
MAX_DOCUMENT_BYTES = 12 * 1024 * 1024
MARK_BYTES = 1024 * 1024
MAX_TRIM = 100
JOURNALED = WriteConcern(w="majority", j=True)
MAJORITY = ReadConcern("majority")
AWAY = (ConnectionFailure, ExecutionTimeout)

converter = make_converter()
converter.register_structure_hook(bytes, lambda value, _type: bytes(value))
converter.register_unstructure_hook(bytes, lambda value: value)


class AggregateDocument(Document):
    """The schema and the indexes of an aggregate; services add indexes on `state`."""

    id = StringField(primary_key=True)
    site = StringField(required=True)
    shard = IntField(required=True)
    version = IntField(required=True)
    commit_id = StringField(required=True)
    revision = IntField(required=True)
    last_at = DateTimeField()
    state = DictField()
    private = DictField()
    seen = ListField(DictField())
    behind = ListField(DictField())
    behind_since = DateTimeField()
    facts = ListField(DictField())
    own = ListField(DictField())
    outbox = ListField(DictField())
    waiting_since = DateTimeField()
    next_due_at = DateTimeField()
    retry_at = DateTimeField()
    retry_reason = StringField()
    failures = IntField()
    answered = ListField(DictField())
    updated_at = DateTimeField(required=True)

    meta = {  # noqa: RUF012 - mongoengine reads a plain class attribute
        "abstract": True,
        "auto_create_index": False,
        "indexes": [
            {"fields": ["next_due_at"], "sparse": True},
            {"fields": ["waiting_since"], "sparse": True},
            {"fields": ["behind_since"], "sparse": True},
            {"fields": ["retry_at"], "sparse": True},
            {"fields": ["updated_at"]},
        ],
    }


@contextmanager
def infrastructure() -> Iterator[None]:
    """Turn the store's absence into `Infrastructure`; other store errors stay what they are."""
    try:
        yield
    except AWAY as error:
        raise Infrastructure(f"store: {faults.store_failed(error)}") from error


def database(alias: str) -> Database[Raw]:
    """The service's database, for the chassis's own small collections."""
    found: Database[Raw] = get_db(alias)
    return found


def dump(record: Record[S], dump_state: Callable[[S], Raw], now: datetime) -> RawBSONDocument:
    """The record as the document that replaces the stored one.

    Raises:
        TooLarge: it would come near the store's limit.
    """
    plain: Raw = {
        "_id": record.id,
        "site": record.site,
        "shard": shard_of(record.id),
        "version": record.version,
        "commit_id": record.commit_id,
        "revision": record.revision,
        "state": dump_state(record.state) if record.state is not None else None,
        "private": record.private,
        "seen": [{"topic": t, **converter.unstructure(p)} for t, p in record.seen.items()],
        "behind": [{"topic": t, **converter.unstructure(b)} for t, b in record.behind.items()],
        "facts": [converter.unstructure(f) for f in record.facts],
        "own": [{"topic": t, "sequence": n, "head": record.heads[t]} for t, n in record.sequences.items()],
        "outbox": [converter.unstructure(e) for e in record.outbox],
        "answered": [converter.unstructure(a) for a in record.answered],
        "last_at": record.last_at,
        "updated_at": now,
    }
    # Absent rather than null, so that sparse indexes hold only what a sweep looks for.
    if record.next_due_at is not None:
        plain["next_due_at"] = record.next_due_at
    if record.outbox:
        plain["waiting_since"] = record.outbox[0].recorded_at
    if record.behind:
        plain["behind_since"] = now
    if record.retry_at is not None:
        plain |= {
            "retry_at": record.retry_at,
            "retry_reason": record.retry_reason,
            "failures": record.failures,
        }
    encoded = bson.encode(plain)
    # A mark that says why nothing goes on must fit where nothing else does.
    limit = MAX_DOCUMENT_BYTES + (MARK_BYTES if record.behind or record.retry_at else 0)
    if len(encoded) > limit:
        raise TooLarge(f"document of {len(encoded)} bytes; at most {limit}")
    return RawBSONDocument(encoded)


def load(raw: Mapping[str, Any], load_state: Callable[[Mapping[str, Any]], S]) -> Record[S]:
    """The record of a stored document."""
    return Record(
        id=raw["_id"],
        site=raw["site"],
        version=raw["version"],
        commit_id=raw["commit_id"],
        revision=raw["revision"],
        state=load_state(raw["state"]) if raw["state"] is not None else None,
        private=dict(raw["private"]),
        seen={s["topic"]: converter.structure(s, Position) for s in raw["seen"]},
        behind={b["topic"]: converter.structure(b, Behind) for b in raw["behind"]},
        facts=[converter.structure(f, Fact) for f in raw["facts"]],
        sequences={o["topic"]: o["sequence"] for o in raw["own"]},
        heads={o["topic"]: bytes(o["head"]) for o in raw["own"]},
        outbox=[converter.structure(e, OutboxEntry) for e in raw["outbox"]],
        next_due_at=raw.get("next_due_at"),
        retry_at=raw.get("retry_at"),
        retry_reason=raw.get("retry_reason", ""),
        failures=raw.get("failures", 0),
        answered=[converter.structure(a, Answered) for a in raw["answered"]],
        last_at=raw.get("last_at"),
    )


@dataclass(frozen=True, slots=True)
class Committed(Generic[S]):
    """What a commit came to: the records that are stored now, and the ids of those that lost the race.

    `too_large` are the ids of those that would have exceeded the limit: they were left out, their neighbours
    were not.
    """

    stored: list[Record[S]]
    lost: set[str]
    too_large: set[str] = field(default_factory=set)


class Repository(Generic[S]):
    """Aggregates of one model in one collection. Methods block: call them in the store's threads."""

    def __init__(
        self,
        document: type[AggregateDocument],
        model: Model[S],
        acknowledged: Callable[[str], Mapping[str, int]] = lambda _id: {},
    ) -> None:
        """`acknowledged(id)` gives, per own topic, the sequence up to which the broker has acknowledged."""
        self.document = document
        self.model = model
        self._acknowledged = acknowledged

    @property
    def collection(self) -> Collection[Raw]:
        """The raw collection, journaled majority writes and majority reads from the primary."""
        raw: Collection[Raw] = self.document._get_collection()
        return raw.with_options(
            write_concern=JOURNALED, read_concern=MAJORITY, read_preference=ReadPreference.PRIMARY
        )

    def fresh(self, aggregate_id: str, site: str) -> Record[S]:
        """A record that is not stored yet."""
        return Record(id=aggregate_id, site=site)

    def get(self, ids: Iterable[str]) -> dict[str, Record[S]]:
        """The stored records of these ids, in one query."""
        return self._find({"_id": {"$in": list(ids)}})

    def find(self, query: Mapping[str, Any], *, sort: str | None = None, limit: int = 0) -> list[Record[S]]:
        """Stored records that match, sorted ascending by a field."""
        return list(self._find(query, sort=sort, limit=limit).values())

    def count(self, query: Mapping[str, Any]) -> int:
        """How many documents match."""
        with infrastructure():
            return self.collection.count_documents(query)

    def sample(self, query: Mapping[str, Any], size: int = 3) -> tuple[int, list[str]]:
        """How many documents match, and the ids of a few of them."""
        with infrastructure():
            ids = [raw["_id"] for raw in self.collection.find(query, {"_id": 1}).limit(size)]
            # Mostly there are none, and this is asked every second.
            return len(ids) if len(ids) < size else self.collection.count_documents(query), ids

    def size(self) -> int:
        """How many documents there are, by the collection's own books."""
        with infrastructure():
            return self.collection.estimated_document_count()

    def due(
        self, site: str, shards: Sequence[int], before: datetime, wall: datetime, limit: int
    ) -> list[Record[S]]:
        """Records of a site with a deadline due strictly before a time, earliest first, failing ones left
        out.
        """
        return self.find(due_query(site, shards, before, wall), sort="next_due_at", limit=limit)

    def waiting(self, shards: Sequence[int], before: datetime, limit: int) -> list[Record[S]]:
        """Records whose outbox has waited since before a time."""
        query = {"waiting_since": {"$lt": before}, "shard": {"$in": list(shards)}}
        return self.find(query, sort="waiting_since", limit=limit)

    def behind(self, shards: Sequence[int], build: str, limit: int) -> list[Record[S]]:
        """Records that are behind a source topic by a gap, or by what another build could not apply; up to a
        limit of each.
        """
        marked = {**BEHIND, "shard": {"$in": list(shards)}}
        # Two queries: with `$or` SecantusDB looks at every document there is.
        found: dict[str, Record[S]] = {}
        for why in ({"behind.reason": "gap"}, {"behind": {"$elemMatch": {"build": {"$ne": build}}}}):
            found |= self._find({**marked, **why}, sort="behind_since", limit=limit)
        return list(found.values())

    def commit(self, records: Sequence[Record[S]], now: datetime) -> Committed[S]:
        """Insert or replace each record, guarded by its version, in one unordered bulk (rule 2).

        On any shortfall or unknown outcome the `commit_id` in the store decides.

        Raises:
            Infrastructure: the store is away; nothing is known of the outcome, so reload and decide again.
        """
        operations: list[InsertOne[Any] | ReplaceOne[Any]] = []
        too_large: set[str] = set()
        for record in records:
            record.drop_acknowledged(self._acknowledged(record.id))
            record.version += 1
            record.commit_id = secrets.token_hex(12)
            try:
                document = dump(record, self.model.dump, now)
            except TooLarge:
                too_large.add(record.id)
                continue
            if record.version == 1:
                operations.append(InsertOne(document))
            else:
                operations.append(ReplaceOne({"_id": record.id, "version": record.version - 1}, document))
        if not operations:
            return Committed([], set(), too_large)
        records = [record for record in records if record.id not in too_large]
        try:
            result = self.collection.bulk_write(operations, ordered=False)
            if result.inserted_count + result.matched_count == len(records):
                return self._settled(records, set(), too_large)
        except BulkWriteError as error:
            codes = {e.get("code") for e in error.details.get("writeErrors", ())}
            if codes - {DUPLICATE_KEY} and not error.details.get("writeConcernErrors"):
                raise
            faults.commit_unsure(error, len(records))
        except PyMongoError as error:
            if not isinstance(error, AWAY):
                raise
            faults.commit_unsure(error, len(records))
        return self._settled(records, self._lost(records), too_large)

    def trim(self, published: Mapping[str, int]) -> int:
        """Empty the outbox of idle documents, id → version whose whole outbox is acknowledged; `version`
        stays.
        """
        if not published:
            return 0
        same: dict[int, list[str]] = {}
        for aggregate_id, version in published.items():
            same.setdefault(version, []).append(aggregate_id)
        # One statement for all of one version: each is guarded all the same, and a statement is what costs.
        operations = [
            UpdateMany(
                {"_id": {"$in": ids[start : start + MAX_TRIM]}, "version": version},
                {"$set": {"outbox": []}, "$unset": {"waiting_since": ""}},
            )
            for version, ids in same.items()
            for start in range(0, len(ids), MAX_TRIM)
        ]
        with infrastructure():
            return self.collection.bulk_write(operations, ordered=False).matched_count

    def _find(
        self, query: Mapping[str, Any], *, sort: str | None = None, limit: int = 0
    ) -> dict[str, Record[S]]:
        with infrastructure():
            cursor = self.collection.find(query)
            if sort:
                cursor = cursor.sort(sort, 1)
            return {raw["_id"]: load(raw, self.model.load) for raw in cursor.limit(limit)}

    def _lost(self, records: Sequence[Record[S]]) -> set[str]:
        ids = [record.id for record in records]
        with infrastructure():
            found = self.collection.find({"_id": {"$in": ids}}, {"commit_id": 1})
            there = {raw["_id"]: raw["commit_id"] for raw in found}
        return {record.id for record in records if there.get(record.id) != record.commit_id}

    def _settled(self, records: Sequence[Record[S]], lost: set[str], too_large: set[str]) -> Committed[S]:
        stored = [record for record in records if record.id not in lost]
        for record in stored:
            record.dirty = False
        return Committed(stored, lost, too_large)


def due_query(site: str, shards: Sequence[int], before: datetime, wall: datetime) -> Raw:
    """The query for deadlines due strictly before `before`; a literal time, since `$$NOW` fires early on
    some stores.
    """
    return {
        # Is this site; said plainly, secantusd-rs takes another index and looks at every settled case.
        "site": {"$not": {"$ne": site}},
        "next_due_at": {"$lt": before},
        "shard": {"$in": list(shards)},
        # Absent, or over. Not by `$or`: with it SecantusDB looks at every document there is.
        "retry_at": {"$not": {"$gt": wall}},
    }


def insert_only(collection: Collection[Raw], documents: Sequence[Raw]) -> int:
    """Insert what only collects; documents that are there already stay as they are (rule 4). Returns how
    many were new.

    Raises:
        Infrastructure: the store is away; repeat.
    """
    if not documents:
        return 0
    with infrastructure():
        try:
            result = collection.with_options(write_concern=JOURNALED).insert_many(documents, ordered=False)
        except BulkWriteError as error:
            errors = error.details.get("writeErrors", ())
            if error.details.get("writeConcernErrors"):
                raise Infrastructure("store: not known to be durable") from error
            if {e.get("code") for e in errors} - {DUPLICATE_KEY}:
                raise
            return len(documents) - len(errors)
        return len(result.inserted_ids)


class Blocks:
    """Numbers without gaps in order of taking, but for what a crash leaves: taken from the store a block at
    a time.
    """

    def __init__(self, alias: str, size: int = 200) -> None:
        """`size` numbers are reserved per write."""
        self._alias = alias
        self._size = size

    def reserve(self, name: str) -> range:
        """The next numbers of a named sequence, from 1: nobody else gets them.

        Raises:
            Infrastructure: the store is away.
        """
        counters = database(self._alias)["counters"].with_options(write_concern=JOURNALED)
        while True:
            with infrastructure():
                found = counters.find_one({"_id": name})
                start = found["next"] if found else 1
                after = {"_id": name, "next": start + self._size}
                try:
                    if found is None:
                        counters.insert_one(after)
                        return range(start, start + self._size)
                    if counters.replace_one({"_id": name, "next": start}, after).matched_count:
                        return range(start, start + self._size)
                except DuplicateKeyError:
                    continue


DUPLICATE_KEY = 11000
EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
# The queries for what is behind some source topic, and for outboxes that aren't known to be acknowledged.
BEHIND: Mapping[str, Any] = {"behind_since": {"$gt": EPOCH}}
WAITING: Mapping[str, Any] = {"waiting_since": {"$gt": EPOCH}}
