"""Toys on the real store: a foundation whose broker is in memory, and whose clock a test shifts."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

from mongoengine.connection import disconnect
from pymongo import MongoClient

from services.chassis import clock, store
from services.chassis.commands import Creation, Order
from services.chassis.foundation import Foundation, lay
from services.chassis.settings import Settings
from services.chassis.site import Site
from tests.kit import toy
from tests.kit.broker import FakeBroker, FakeProducer, FakeReader

ALIAS = "kitstore"


class KeptToy(store.AggregateDocument):
    """Where toys are kept."""

    meta = {"db_alias": ALIAS, "collection": "toys"}  # noqa: RUF012 - mongoengine reads a plain class attribute


class Wall:
    """A process's clock that a test shifts."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def __call__(self) -> datetime:
        return clock.process_time() + self.ahead


def site(name: str, *, replay: bool) -> Site:
    return Site(name, ZoneInfo("UTC"), cast("Any", None), replay, "en", Path())


@asynccontextmanager
async def kept(
    store_url: str, database_prefix: str, wall: Wall, broker: FakeBroker | None = None
) -> AsyncIterator[Foundation[toy.Toy]]:
    """A service's foundation on the real store and a broker in memory."""
    KeptToy._collection = None
    broker = broker or FakeBroker()
    settings = Settings(
        service=ALIAS, environment="development", MONGO_URL=store_url, database_prefix=database_prefix
    )
    made = lay(
        settings,
        toy.model(),
        KeptToy,
        producer=FakeProducer(broker),
        reader=FakeReader(broker),
        wall=clock.WallClock(wall),
        sites={s.id: s for s in (site(toy.SITE, replay=False), site("past", replay=True))},
    )
    yield made
    made.threads._pool.shutdown()
    disconnect(ALIAS)
    KeptToy._collection = None
    with MongoClient[dict[str, object]](store_url) as client:
        client.drop_database(settings.database)


async def begin(base: Foundation[toy.Toy], name: str) -> None:
    order = Order("creation", name.encode())
    await base.commands.create(Creation(name, toy.SITE, order, lambda _context: toy.open_toy(name)))
