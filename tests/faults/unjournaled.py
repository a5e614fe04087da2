"""What a store forgets when it is killed: what nobody asked it to journal in the last 100 ms.

`secantusd-rs` syncs every write, whatever it is asked, and what a killed process gave to the kernel stays.
So that a service which does not ask is found out all the same, the wire to its store plays mongod here: it
notes how documents were before each write that is not to be journaled, and undoes the latest of them when the
store is killed, before anybody is let in again.
"""

import asyncio
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import bson
from pymongo import AsyncMongoClient

from services.chassis.clock import monotonic

JOURNAL_EVERY_S = 0.1
"""mongod's storage.journal.commitIntervalMs, whose default this is."""

HEADER = struct.Struct("<iiii")
SIZE = struct.Struct("<i")
OP_MSG = 2013
CHECKSUM_FLAG = 1
STATEMENTS = {"insert": "documents", "update": "updates", "delete": "deletes"}

Raw = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Before:
    """How a document was, `None` for not there, before a write that nobody asked to have journaled."""

    at: float
    database: str
    collection: str
    id: Any
    document: Raw | None


class Unjournaled:
    """What the store would forget if it were killed now. Lives on the proxy's loop."""

    def __init__(self, mongo_url: str) -> None:
        """Of the store that listens there."""
        self._url = mongo_url
        self._writes = asyncio.Lock()
        self._noted: list[Before] = []
        self._killed = False
        self.forgotten = 0
        """How many documents it has put back so far."""

    async def note(self, command: Mapping[str, Any] | None) -> bool:
        """Note how things were before a command is passed on; True: say `answered` or `given_up` after it."""
        name = next((name for name in STATEMENTS if name in command), None) if command else None
        if command is None or name is None:
            return False
        await self._writes.acquire()
        self._journaled()
        if (command.get("writeConcern") or {}).get("j"):
            return True
        async with AsyncMongoClient[Raw](self._url) as client:
            collection = client[command["$db"]][command[name]]
            for statement in command[STATEMENTS[name]]:
                found = {"_id": statement["_id"]} if name == "insert" else statement["q"]
                there = await collection.find({"_id": found["_id"]} if "_id" in found else found).to_list()
                before: Sequence[Raw | None] = there
                if not there and "_id" in found:
                    before = [None]
                for document in before:
                    of = document["_id"] if document else found["_id"]
                    self._noted.append(Before(monotonic(), command["$db"], command[name], of, document))
        return True

    def answered(self, command: Mapping[str, Any] | None) -> None:
        """A write was answered. One that was journaled took all before it to the disk."""
        if command and (command.get("writeConcern") or {}).get("j") and not self._killed:
            self._noted.clear()
        self._writes.release()

    def given_up(self) -> None:
        """A write will not be answered any more."""
        self._writes.release()

    def killed(self) -> None:
        """The store was killed."""
        self._journaled()
        self._killed = True

    async def forget(self) -> None:
        """Undo what a killed store would not know any more; before the first who comes is let in."""
        if not self._killed:
            return
        async with self._writes:
            async with AsyncMongoClient[Raw](
                self._url, journal=True, serverSelectionTimeoutMS=1000
            ) as client:
                while self._noted:
                    before = self._noted[-1]
                    collection = client[before.database][before.collection]
                    if before.document is None:
                        await collection.delete_one({"_id": before.id})
                    else:
                        await collection.replace_one({"_id": before.id}, before.document, upsert=True)
                    self._noted.pop()
                    self.forgotten += 1
            self._killed = False

    def _journaled(self) -> None:
        if not self._killed:
            oldest = monotonic() - JOURNAL_EVERY_S
            self._noted = [before for before in self._noted if before.at >= oldest]


def command_of(message: bytes) -> Raw | None:
    """The command in a message of MongoDB's wire protocol; None when it has none that writes."""
    _, _, _, opcode = HEADER.unpack_from(message)
    if opcode != OP_MSG:
        return None
    (flags,) = SIZE.unpack_from(message, HEADER.size)
    end = len(message) - (4 if flags & CHECKSUM_FLAG else 0)
    at, found = HEADER.size + 4, Raw()
    while at < end:
        kind, at = message[at], at + 1
        (size,) = SIZE.unpack_from(message, at)
        if kind == 0:
            found |= bson.decode(message[at : at + size])
        else:
            name_ends = message.index(b"\0", at + 4)
            found[message[at + 4 : name_ends].decode()] = _documents(message[name_ends + 1 : at + size])
        at += size
    return found


async def message_from(reader: asyncio.StreamReader) -> bytes:
    """One whole message. Raises IncompleteReadError at the end."""
    size = await reader.readexactly(SIZE.size)
    return size + await reader.readexactly(SIZE.unpack(size)[0] - SIZE.size)


def _documents(raw: bytes) -> Sequence[Raw]:
    return bson.decode_all(raw)
