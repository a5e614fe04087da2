"""Recorded store writes in the fewest commands that keep the order of each document's writes. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

MAX_STATEMENTS = 500
FIELDS = {"insert": "documents", "update": "updates", "delete": "deletes"}
"""The field of a command that holds its statements."""


@dataclass(frozen=True, slots=True)
class Batch:
    """One command: statements of one kind on one collection."""

    kind: str
    statements: tuple[Mapping[str, Any], ...]


@dataclass
class Writes:
    """What one collection was sent."""

    rounds: dict[tuple[int, str], list[Mapping[str, Any]]] = field(default_factory=dict)
    """By round and kind; a document occurs once in a round at most."""
    commands: int = 0
    repeated: int = 0
    """Inserts of what was inserted before: a consumer's batch that was redelivered."""
    _latest: dict[object, int] = field(default_factory=dict)
    _all: int = 0

    def add(self, kind: str, statement: Mapping[str, Any]) -> None:
        """A statement goes into the first round after all earlier ones on its documents."""
        ids = _ids(kind, statement)
        if ids is None:  # on nobody knows which: after everything, before all that follows
            number = self._all = max([self._all, *self._latest.values()]) + 1
        elif kind == "insert" and ids[0] in self._latest:
            self.repeated += 1
            return
        else:
            number = max([self._all, *(self._latest.get(each, 0) for each in ids)]) + 1
            self._latest.update(dict.fromkeys(ids, number))
        self.rounds.setdefault((number, kind), []).append(statement)

    def batches(self) -> Iterator[Batch]:
        """In order, full ones."""
        for (_, kind), statements in sorted(self.rounds.items(), key=lambda item: item[0]):
            for start in range(0, len(statements), MAX_STATEMENTS):
                yield Batch(kind, tuple(statements[start : start + MAX_STATEMENTS]))


def by_collection(commands: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], Writes]:
    """Writes by database and collection. A findAndModify counts as the update that it is."""
    found: dict[tuple[str, str], Writes] = {}
    for each in commands:
        command = each["command"]
        if not command:
            continue  # a read
        kind = each["name"]
        writes = found.setdefault((each["database"], command[kind]), Writes())
        writes.commands += 1
        if kind == "findAndModify":
            update = {"q": command["query"], "u": command["update"], "upsert": command.get("upsert", False)}
            writes.add("update", update)
        else:
            for statement in command[FIELDS[kind]]:
                writes.add(kind, statement)
    return found


def _ids(kind: str, statement: Mapping[str, Any]) -> list[Any] | None:
    """The documents that a statement is about; None when it does not name them."""
    if kind == "insert":
        return [statement["_id"]]
    wanted = statement["q"].get("_id")
    if isinstance(wanted, Mapping):
        return list(wanted["$in"]) if wanted.keys() == {"$in"} else None
    return None if wanted is None else [wanted]
