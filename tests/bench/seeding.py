"""Closed cases for E4-S: one case that was really closed, copied with ids, numbers, codes and times of its
own into the stores of all services.

A copy differs from its model in nothing else, so indexes grow as they would. Topics are left alone: what is
measured is whether stores full of closed cases slow down the open ones.
"""

import struct
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import bson
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient
from pymongo.errors import BulkWriteError

from fengqiao.intake.v1 import intake_service_pb2 as intake
from services.chassis.clock import monotonic
from services.chassis.record import shard_of
from tests.bench.driver import SITE, STREET, submission
from tests.bench.stage import Stage, Variant, collections, stage
from tests.journeys.clients import House
from tests.waiting import until

CLOCK_MS = 50
BATCH = 250
"""Cases that are written together."""
TELL_S = 10.0
REST_S = 60.0
DUPLICATE_KEY = 11_000
SPREAD_MS = 3 * 365 * 24 * 3_600_000
"""Copies are this much older than their model, at most."""
SIGNS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
PROGRESS = "bench_seeding"
"""The database that says how many are there, and keeps the model."""

Raw = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Fresh:
    """What a copy has of its own: texts, each as long as the model's, and its age."""

    texts: Mapping[str, str]
    older_ms: int

    @classmethod
    def of(cls, number: int, model: Mapping[str, str]) -> "Fresh":
        """The n-th copy's own: the same for the same number, so that a batch can be written again."""
        random = Random(number)
        mark = base36(number)
        texts = {
            "case_id": str(uuid.UUID(int=random.getrandbits(128), version=4)),
            # Neither a number nor a code that intake gives out: those have digits only, and no 0 or 1.
            "request_no": "X" + mark.rjust(len(model["request_no"]) - 1, "0"),
            "tracking_code": "0" + mark.rjust(len(model["tracking_code"]) - 1, "0"),
        }
        return cls(texts, random.randrange(SPREAD_MS))


@dataclass(frozen=True, slots=True)
class Model:
    """One document of the model case, and where in its bytes a copy differs."""

    database: str
    collection: str
    id: str
    data: bytes
    case_id: str
    texts: tuple[tuple[int, str], ...]
    """Offset, and the name of the text that stands there."""
    times: tuple[tuple[int, int], ...]
    """Offset, and the milliseconds that stand there."""
    shard: int | None
    """Offset of the shard of an aggregate."""

    @classmethod
    def of(cls, database: str, collection: str, data: bytes, own: Mapping[str, str]) -> "Model":
        """`own` are the model case's texts, by name."""
        plain = bson.decode(data)
        texts = ((at, name) for name, text in own.items() for at in _offsets(data, text.encode()))
        stamps = {round(time.replace(tzinfo=UTC).timestamp() * 1000) for time in _times(plain)}
        times = ((at, stamp) for stamp in stamps for at in _offsets(data, struct.pack("<q", stamp)))
        shard = data.find(b"\x10shard\x00")
        return cls(
            database,
            collection,
            plain["_id"],
            data,
            own["case_id"],
            tuple(texts),
            tuple(times),
            shard + len(b"\x10shard\x00") if shard >= 0 else None,
        )

    def copy(self, fresh: Fresh) -> RawBSONDocument:
        """The document of another case."""
        data = bytearray(self.data)
        for offset, name in self.texts:
            text = fresh.texts[name].encode()
            data[offset : offset + len(text)] = text
        for offset, milliseconds in self.times:
            struct.pack_into("<q", data, offset, milliseconds - fresh.older_ms)
        if self.shard is not None:
            copied = self.id.replace(self.case_id, fresh.texts["case_id"])
            struct.pack_into("<i", data, self.shard, shard_of(copied))
        return RawBSONDocument(bytes(data))


def base36(number: int) -> str:
    """Digits and letters."""
    head, last = divmod(number, len(SIGNS))
    return (base36(head) if head else "") + SIGNS[last]


def seed(folder: Path, count: int, variant: Variant, say: Callable[[str], None]) -> None:
    """Bring the closed cases in a runtime's folder up to a count; what is there already is not written
    again.

    The store runs without sync on commit meanwhile, whatever the variant says.
    """
    with stage(CLOCK_MS, Variant(variant.parts, sync=False), folder=folder) as place:
        grow(place, count, say)


def grow(place: Stage, count: int, say: Callable[[str], None]) -> int:
    """Bring the closed cases of a running stage up to a count; returns how many were written."""
    with MongoClient[Raw](place.running.mongo_url) as client:
        kept = client[PROGRESS]
        done: int = (kept["progress"].find_one({"_id": "copies"}) or {"count": 0})["count"]
        if done >= count:
            say(f"{done} closed cases are there")
            return 0
        if (own := kept["model"].find_one({"_id": "own"})) is None:
            own = close_one(place, client)
        models = list(_models(client, own["texts"]))
        said, began, first = monotonic(), monotonic(), done
        while done < count:
            numbers = range(done, min(done + BATCH, count))
            for model in models:
                copies = [model.copy(Fresh.of(number, own["texts"])) for number in numbers]
                _insert(client, model, copies)
            done = numbers.stop
            kept["progress"].replace_one({"_id": "copies"}, {"count": done}, upsert=True)
            if monotonic() - said > TELL_S:
                said = monotonic()
                say(f"{done} of {count} closed cases, {(done - first) / (said - began):.0f}/s")
    return count - first


def close_one(place: Stage, client: MongoClient[Raw]) -> Raw:
    """Send one case all its way, and keep it as the model: what is its own, and what the stores hold of it.

    The model is the case as it lies at rest, its outboxes trimmed.
    """
    with House(place.running) as house:
        clerk, leader = house.clerk(SITE), house.leader(STREET, SITE)
        answer = clerk.call(house.intake.SubmitRequest, submission(0))
        leader.until_case(answer.case_id, lambda case: case.HasField("supervised_at"))
        leader.resolve(answer.case_id)
        clerk.until_request(answer.case_id, intake.REQUEST_STATUS_SETTLED)
        clerk.rate(answer.case_id, 5, solved=True)
        clerk.until_request(answer.case_id, intake.REQUEST_STATUS_CLOSED)
    own = {
        "case_id": answer.case_id,
        "request_no": answer.request_no,
        "tracking_code": answer.tracking_code,
    }
    until(lambda: _at_rest(client, own["case_id"]), REST_S, "a closed case with empty outboxes")
    client[PROGRESS]["model"].replace_one({"_id": "own"}, {"texts": own}, upsert=True)
    return {"texts": own}


def _at_rest(client: MongoClient[Raw], case_id: str) -> bool:
    """Nothing waits to be published, and each of its published events is in the timeline."""
    entries = published = 0
    for collection in collections(client):
        for document in _of_the_case(collection.find(), case_id):
            if "waiting_since" in document:
                return False
            entries += collection.name == "timeline"
            published += sum(own["sequence"] for own in document.get("own", ()) if ".events" in own["topic"])
    return entries == published


def _models(client: MongoClient[Raw], own: Mapping[str, str]) -> Iterator[Model]:
    """Every document that any service keeps of the model case."""
    for collection in collections(client):
        # Copies are there from an earlier part of the work: by the ids that a case's documents have.
        mine = {
            "$or": [{"_id": own["case_id"]}, {"case_id": own["case_id"]}, {"state.case_id": own["case_id"]}]
        }
        for document in collection.find(mine):
            yield Model.of(collection.database.name, collection.name, bson.encode(document), own)


def _of_the_case(documents: Iterable[Raw], case_id: str) -> Iterator[Raw]:
    return (document for document in documents if case_id in str(document["_id"]))


def _insert(client: MongoClient[Raw], model: Model, copies: list[RawBSONDocument]) -> None:
    """Those of an interrupted batch that are there already stay."""
    collection: Any = client[model.database][model.collection]
    try:
        collection.insert_many(copies, ordered=False)
    except BulkWriteError as error:
        if {each["code"] for each in error.details["writeErrors"]} != {DUPLICATE_KEY}:
            raise


def _offsets(data: bytes, part: bytes) -> Iterator[int]:
    at = data.find(part)
    while at >= 0:
        yield at
        at = data.find(part, at + len(part))


def _times(value: object) -> Iterator[datetime]:
    if isinstance(value, datetime):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _times(each)
    elif isinstance(value, list):
        for each in value:
            yield from _times(each)
