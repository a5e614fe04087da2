"""The store in memory, below the chassis's own `Repository`, and faults over it or over a real one.

The fake sits where the driver is, so that the guarded commit under test is the real code; one behaviour suite
is run over both (tests/integration/chassis/test_repository.py): the fake answers as a store does.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import bson
from bson.codec_options import CodecOptions
from pymongo import InsertOne, ReplaceOne, UpdateMany
from pymongo.errors import AutoReconnect, BulkWriteError, NetworkTimeout

from services.chassis.model import Model
from services.chassis.store import DUPLICATE_KEY, AggregateDocument, Repository

AWARE: CodecOptions[dict[str, Any]] = CodecOptions(tz_aware=True)

Operation = InsertOne[Any] | ReplaceOne[Any] | UpdateMany


class Cursor:
    """What `find` gives."""

    def __init__(self, found: list[dict[str, Any]]) -> None:
        self._found = found

    def sort(self, name: str, direction: int) -> "Cursor":
        """By one field."""
        self._found.sort(key=lambda raw: raw[name], reverse=direction < 0)
        return self

    def limit(self, size: int) -> "Cursor":
        """The first few; 0: all."""
        self._found = self._found[:size] if size else self._found
        return self

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self._found)


class MemoryCollection:
    """As much of a collection as the chassis uses; documents are kept as bytes, as a store keeps them."""

    def __init__(self) -> None:
        self.documents: dict[Any, bytes] = {}
        self._decoded: dict[Any, tuple[bytes, dict[str, Any]]] = {}

    def raw(self, document_id: Any) -> dict[str, Any] | None:
        """One document, decoded; not to be changed."""
        data = self.documents.get(document_id)
        if data is None:
            return None
        known = self._decoded.get(document_id)
        if known is None or known[0] is not data:
            known = self._decoded[document_id] = data, bson.decode(data, AWARE)
        return known[1]

    def find(self, query: Mapping[str, Any], _projection: Mapping[str, int] | None = None) -> Cursor:
        """Documents that match."""
        wanted = query.get("_id", {})
        ids = wanted["$in"] if isinstance(wanted, Mapping) and "$in" in wanted else list(self.documents)
        every = (self.raw(document_id) for document_id in dict.fromkeys(ids))
        return Cursor([raw for raw in every if raw is not None and matches(raw, query)])

    def count_documents(self, query: Mapping[str, Any]) -> int:
        """How many match."""
        return len(list(self.find(query)))

    def bulk_write(self, operations: Sequence[Operation], *, ordered: bool) -> Any:
        """Unordered: one that fails stops no other."""
        assert not ordered
        inserted = matched = 0
        errors = []
        for index, operation in enumerate(operations):
            if isinstance(operation, InsertOne):
                if not self._insert(operation._doc):
                    errors.append({"index": index, "code": DUPLICATE_KEY})
                else:
                    inserted += 1
            else:
                matched += self._change(operation)
        if errors:
            raise BulkWriteError({"writeErrors": errors, "nInserted": inserted, "nMatched": matched})
        return SimpleNamespace(inserted_count=inserted, matched_count=matched)

    def _insert(self, document: Any) -> bool:
        data: bytes = document.raw
        document_id = bson.decode(data)["_id"]
        if document_id in self.documents:
            return False
        self.documents[document_id] = data
        return True

    def _change(self, operation: ReplaceOne[Any] | UpdateMany) -> int:
        guard = operation._filter
        if isinstance(operation, ReplaceOne):
            return self._replace(guard, operation._doc)
        return sum(
            self._update({"_id": document_id, "version": guard["version"]}, operation._doc)
            for document_id in guard["_id"]["$in"]
        )

    def _replace(self, guard: Mapping[str, Any], document: Any) -> int:
        if self._guarded(guard) is None:
            return 0
        self.documents[guard["_id"]] = document.raw
        return 1

    def _update(self, guard: Mapping[str, Any], change: Any) -> int:
        there = self._guarded(guard)
        if there is None:
            return 0
        changed = {**there, **change.get("$set", {})}
        for name in change.get("$unset", {}):
            changed.pop(name, None)
        self.documents[guard["_id"]] = bson.encode(changed)
        return 1

    def _guarded(self, guard: Mapping[str, Any]) -> Mapping[str, Any] | None:
        there = self.raw(guard["_id"])
        return there if there is not None and there["version"] == guard["version"] else None


def matches(raw: Mapping[str, Any], query: Mapping[str, Any]) -> bool:
    """Whether a document matches; the operators that the chassis uses, no more."""
    for name, wanted in query.items():
        if name == "$or":
            if not any(matches(raw, each) for each in wanted):
                return False
        elif not any(_compare(value, wanted) for value in _values(raw, name)):
            return False
    return True


_ABSENT = object()


def _values(raw: Mapping[str, Any], name: str) -> Iterable[Any]:
    head, _, rest = name.partition(".")
    value = raw.get(head, _ABSENT)
    if rest and isinstance(value, list):
        return [v for each in value for v in _values(each, rest)]
    if rest and isinstance(value, Mapping):
        return _values(value, rest)
    return [value]


def _compare(value: Any, wanted: Any) -> bool:
    if not isinstance(wanted, Mapping):
        return bool(value == wanted)
    for operator, operand in wanted.items():
        if operator == "$exists":
            good = (value is not _ABSENT) is operand
        elif operator == "$in":
            good = value in operand
        elif operator == "$not":
            good = not _compare(value, operand)
        elif operator == "$ne":
            good = value != operand
        elif operator == "$elemMatch":
            good = isinstance(value, list) and any(matches(each, operand) for each in value)
        elif value is _ABSENT or value is None:
            good = False
        else:
            good = {"$lt": value < operand, "$lte": value <= operand, "$gt": value > operand}[operator]
        if not good:
            return False
    return True


@dataclass
class Faults:
    """What happens to the next bulk writes, one entry each: a name, or a call to make just before.

    `executed`: it was done, the caller sees a lost connection. `lost`: nothing was done, the caller sees a
    timeout. `half`: the first half was done, then the connection broke. `unknown`: it was done, and the
    re-read fails, too. `blind` makes that many next reads fail.
    """

    writes: deque[str | Callable[[], None]] = field(default_factory=deque)
    blind: int = 0


class FaultyCollection:
    """A collection, real or in memory, whose calls go through the faults."""

    def __init__(self, inner: Any, faults: Faults) -> None:
        self._inner = inner
        self._faults = faults

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def find(self, *args: Any, **kwargs: Any) -> Any:
        """Perhaps not."""
        if self._faults.blind:
            self._faults.blind -= 1
            raise NetworkTimeout("the store did not answer")
        return self._inner.find(*args, **kwargs)

    def bulk_write(self, operations: Sequence[Operation], *, ordered: bool) -> Any:
        """Perhaps executed, perhaps known."""
        fault = self._faults.writes.popleft() if self._faults.writes else ""
        if callable(fault):
            fault()
            return self._inner.bulk_write(operations, ordered=ordered)
        if fault == "lost":
            raise NetworkTimeout("nothing was written, and nobody can say so")
        if fault == "half":
            self._inner.bulk_write(operations[: (len(operations) + 1) // 2], ordered=ordered)
            raise AutoReconnect("the connection broke in the middle")
        try:
            result = self._inner.bulk_write(operations, ordered=ordered)
        except BulkWriteError:
            if fault not in {"executed", "unknown"}:
                raise
        if fault in {"executed", "unknown"}:
            self._faults.blind += fault == "unknown"
            raise AutoReconnect("it was written, and nobody can say so")
        return result


class FakeRepository(Repository[Any]):
    """`Repository` over a collection in memory; several may share one, as processes share a store."""

    def __init__(
        self,
        memory: MemoryCollection,
        model: Model[Any],
        acknowledged: Callable[[str], Mapping[str, int]] = lambda _id: {},
        faults: Faults | None = None,
    ) -> None:
        super().__init__(AggregateDocument, model, acknowledged)
        self.memory = memory
        self.faults = faults or Faults()

    @property
    def collection(self) -> Any:
        """In memory, through the faults."""
        return FaultyCollection(self.memory, self.faults)


class FaultyRepository(Repository[Any]):
    """`Repository` over the real store, through the same faults."""

    def __init__(self, document: type[AggregateDocument], model: Model[Any], faults: Faults) -> None:
        super().__init__(document, model)
        self.faults = faults

    @property
    def collection(self) -> Any:
        """The real one."""
        return FaultyCollection(super().collection, self.faults)
