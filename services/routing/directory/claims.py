"""Who decides about a thing at this moment: two orders about one household or one person don't cross.

What an order has to know of other units is read before it commits, and no document is common to both. So who
decides claims what it is about until the commit is done. A claim whose holder died is void after a while,
longer than any order takes.
"""

import re
import secrets
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

from pymongo.errors import BulkWriteError

from services.chassis.clock import WallClock
from services.chassis.errors import Contended, Infrastructure
from services.chassis.store import DUPLICATE_KEY, JOURNALED, MAJORITY, Raw, database, infrastructure
from services.chassis.threads import Threads

WHOLE = "whole"
LIFETIME = timedelta(seconds=120)
"""Longer than any order takes: a statement of the store ends after half a minute, a call after a minute."""


class Claims:
    """The claims of one service, in its store."""

    def __init__(self, alias: str, threads: Threads, wall: WallClock) -> None:
        """`alias` names the database connection."""
        self._alias = alias
        self._threads = threads
        self._wall = wall

    @asynccontextmanager
    async def held(self, site_id: str, things: Collection[str]) -> AsyncIterator[None]:
        """Hold the claims on some things while the block runs.

        Raises:
            Contended: another order about one of them is under way.
            Infrastructure: the store is away.
        """
        ids = sorted({f"{site_id}/{thing}" for thing in things})
        async with self._held(ids, lambda: self._is_held(f"{site_id}/{WHOLE}")):
            yield

    @asynccontextmanager
    async def whole(self, site_id: str) -> AsyncIterator[None]:
        """Hold the claim on everything of a site, for what is about thousands of things at once.

        Who claims one thing looks for this claim afterwards, and who claims this one for any other: of two
        that cross, at least one sees the other.

        Raises:
            Contended: an order is under way.
            Infrastructure: the store is away.
        """
        others = {"$regex": f"^{re.escape(site_id)}/", "$ne": f"{site_id}/{WHOLE}"}
        async with self._held([f"{site_id}/{WHOLE}"], lambda: self._is_held(others)):
            yield

    @asynccontextmanager
    async def _held(self, ids: list[str], crossed: Callable[[], str]) -> AsyncIterator[None]:
        holder = secrets.token_hex(8)
        try:
            taken = await self._threads.run(self._take, holder, ids) or await self._threads.run(crossed)
            if taken:
                raise Contended(f"another order about {taken} is under way; try again", retry_after_ms="200")
            yield
        finally:
            # What can't be let go now is void soon; the order is done or not all the same.
            with suppress(Infrastructure):
                await self._threads.run(self._let_go, holder, ids)

    def _is_held(self, id_: str | Raw) -> str:
        """One of these claims that somebody holds now; empty: none."""
        claims = database(self._alias).get_collection("claims", read_concern=MAJORITY)
        with infrastructure():
            found = claims.find_one({"_id": id_, "at": {"$gte": self._wall.now() - LIFETIME}})
        return str(found["_id"]).partition("/")[2] if found else ""

    def _take(self, holder: str, ids: list[str]) -> str:
        """Claim all of them; returns one that another holds."""
        now = self._wall.now()
        claims = database(self._alias)["claims"].with_options(write_concern=JOURNALED)
        documents: list[Raw] = [{"_id": each, "holder": holder, "at": now} for each in ids]
        with infrastructure():
            claims.delete_many({"_id": {"$in": ids}, "at": {"$lt": now - LIFETIME}})
            try:
                if documents:
                    claims.insert_many(documents, ordered=False)
            except BulkWriteError as error:
                errors = error.details.get("writeErrors", ())
                if {each.get("code") for each in errors} != {DUPLICATE_KEY}:
                    raise
                taken: str = ids[errors[0]["index"]]
                return taken.partition("/")[2]
        return ""

    def _let_go(self, holder: str, ids: list[str]) -> None:
        with infrastructure():
            claims = database(self._alias)["claims"].with_options(write_concern=JOURNALED)
            claims.delete_many({"_id": {"$in": ids}, "holder": holder})
