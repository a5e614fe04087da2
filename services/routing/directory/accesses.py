"""Who looked up whom, as what, why and when (ADR 0026): insert-only, and read by whoever supervises."""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from bson import ObjectId
from pymongo.collection import Collection

from fengqiao.routing.v1 import directory_service_pb2 as rpc
from services.chassis.auth import Principal
from services.chassis.clock import WallClock
from services.chassis.protobuf import timestamp
from services.chassis.store import JOURNALED, MAJORITY, Raw, database, infrastructure, insert_only
from services.chassis.threads import Threads

Place = tuple[datetime, str]
"""Time and id of the last record of a page."""
WINDOWS = (*(timedelta(hours=8**n) for n in range(5)), None)
"""How far back is looked for a page, until it is full: an hour to half a year, then everything. secantusd-rs
takes an index for what a range matches, never for an order: without a range it sorts all that there is.
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whose records, and from where on."""

    site_id: str
    by: str
    leader_ref: str
    after: Place | None
    limit: int


class Accesses:
    """The records of one service's look-ups, in its store."""

    def __init__(self, alias: str, threads: Threads, wall: WallClock) -> None:
        """`alias` names the database connection."""
        self._alias = alias
        self._threads = threads
        self._wall = wall

    async def record(self, entry: Raw) -> None:
        """Put a look-up on record: durable when this returns.

        Raises:
            Infrastructure: the store is away; nothing may be answered.
        """
        full = {"_id": ObjectId(), "at": self._wall.now(), **entry}
        await self._threads.run(insert_only, self._records, [full])

    async def page(self, wanted: Wanted) -> list[Raw]:
        """The newest records after a place."""
        return await self._threads.run(self._page, wanted)

    def _page(self, wanted: Wanted) -> list[Raw]:
        query: Raw = {"site": wanted.site_id}
        # One of the two, for which there is an index; the other is looked for among what that finds.
        if wanted.leader_ref:
            query["leaders"] = wanted.leader_ref
        elif wanted.by:
            query["by"] = wanted.by
        until = {"$lte": wanted.after[0]} if wanted.after else {}
        latest = wanted.after[0] if wanted.after else self._wall.now()
        page = list[Raw]()
        for window in WINDOWS:
            since = {"$gt": latest - window} if window else {}
            ranged = query | ({"at": since | until} if since or until else {})
            with infrastructure():
                found = self._records.find(ranged, sort=[("at", -1), ("_id", -1)], batch_size=wanted.limit)
                page = list(itertools.islice(_after(found, wanted.after), wanted.limit))
            if len(page) == wanted.limit:
                break
        return page

    @property
    def _records(self) -> Collection[Raw]:
        return database(self._alias).get_collection(
            "look_ups", write_concern=JOURNALED, read_concern=MAJORITY
        )


def place_of(raw: Raw) -> Place:
    """Where a record stands in the list."""
    return raw["at"], str(raw["_id"])


def may_supervise(principal: Principal, raw: Raw) -> bool:
    """Whether a look-up came to a unit of the caller's, or came to none and was made for one of theirs."""
    return any(principal.covers(code) for code in raw["reach"])


def to_message(principal: Principal, raw: Raw) -> rpc.LookUp:
    """A record as its supervisor sees it: of the units those that are theirs."""
    return rpc.LookUp(
        look_up_id=str(raw["_id"]),
        at=timestamp(raw["at"]),
        by=raw["by"],
        role=raw["role"],
        purpose=raw["purpose"],
        day=raw["day"],
        scope=rpc.CaseScope.ValueType(raw["scope"]),
        units=[code for code in raw["units"] if principal.covers(code)],
        leader_refs=raw["leaders"],
        allowed=raw["allowed"],
        **raw["asked"],
    )


def _after(found: Iterable[Raw], place: Place | None) -> Iterable[Raw]:
    return found if place is None else (raw for raw in found if place_of(raw) < place)
