"""Who decides about a thing at this moment: two orders about one household or one person don't cross.

What an order has to know of other units is read before it commits, and no document is common to both. So who
decides claims what it is about until the commit is done. A claim whose holder died is void after a while,
longer than any order takes.
"""

import secrets
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

from pymongo.errors import BulkWriteError

from services.chassis.clock import WallClock
from services.chassis.errors import Contended, Infrastructure
from services.chassis.store import DUPLICATE_KEY, JOURNALED, Raw, database, infrastructure
from services.chassis.threads import Threads

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
        holder, ids = secrets.token_hex(8), sorted({f"{site_id}/{thing}" for thing in things})
        try:
            if taken := await self._threads.run(self._take, holder, ids):
                raise Contended(f"another order about {taken} is under way; try again", retry_after_ms="200")
            yield
        finally:
            # What can't be let go now is void soon; the order is done or not all the same.
            with suppress(Infrastructure):
                await self._threads.run(self._let_go, holder, ids)

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
