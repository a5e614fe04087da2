"""What every service stands on, wired once: store, clock, engine, publisher, consumers, sweeps."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from mongoengine import Document, connect
from mongoengine.connection import disconnect

from services.chassis import mishaps
from services.chassis.anchors import Anchors, read_key
from services.chassis.clock import Clocks, WallClock
from services.chassis.commands import Commands
from services.chassis.committer import Committer
from services.chassis.consumer import Arrived, Collecting, Deciding
from services.chassis.deadletters import DeadLetters
from services.chassis.engine import Engine
from services.chassis.flood import Flood
from services.chassis.healer import Healer, KafkaTopicReader, TopicReader
from services.chassis.kinds import Kind
from services.chassis.model import Model
from services.chassis.publisher import Acknowledged, KafkaPythonProducer, Producer, Publisher
from services.chassis.readiness import Readiness
from services.chassis.settings import Settings
from services.chassis.site import Site, load_sites
from services.chassis.store import AggregateDocument, Repository
from services.chassis.sweeper import Catchup, Sweeper
from services.chassis.threads import Threads
from services.chassis.topics import declared_types

S = TypeVar("S")

# Shorter than the age at which a sweep takes an outbox for unpublished.
TRIM_AFTER_S = 2.5
T = TypeVar("T")


@dataclass
class Foundation(Generic[S]):
    """The parts of one service; tests lay one with a producer and a clock of their own.

    `kinds` are its kinds of aggregates, the first one its main kind; see `side`.
    """

    settings: Settings
    sites: dict[str, Site]
    documents: tuple[type[Document], ...]
    readiness: Readiness
    threads: Threads
    wall: WallClock
    clocks: Clocks
    acknowledged: Acknowledged
    letters: DeadLetters
    flood: Flood
    reader: TopicReader
    first: Kind[S]
    kinds: list[Kind[Any]]
    healer: Healer

    @property
    def alias(self) -> str:
        """Name of the database connection: the service's."""
        return self.settings.service

    @property
    def model(self) -> Model[S]:
        """The main kind's."""
        return self.first.engine.model

    @property
    def engine(self) -> Engine[S]:
        """The main kind's."""
        return self.first.engine

    @property
    def committer(self) -> Committer[S]:
        """The main kind's."""
        return self.first.committer

    @property
    def publisher(self) -> Publisher:
        """The main kind's."""
        return self.first.publisher

    @property
    def commands(self) -> Commands[S]:
        """The main kind's."""
        return self.first.commands

    @property
    def deciding(self) -> Deciding[S]:
        """The main kind's consumer."""
        return self.first.deciding

    def collecting(self, collect: Callable[[Sequence[Arrived]], Awaitable[None]]) -> Collecting:
        """A consumer that only inserts."""
        return Collecting(collect, self.letters, self.flood, self.readiness, declared_types)

    def side(self, model: Model[T], document: type[AggregateDocument]) -> Kind[T]:
        """A further kind of aggregate, with a collection and topics of its own; see `lay`."""
        committer = Committer(Repository(document, model, self.acknowledged.of), self.threads, self.wall)
        publisher = self.publisher.sibling()
        engine = Engine(model, self.settings.build)
        made = Kind(
            engine,
            committer,
            publisher,
            Commands(engine, committer, publisher, self.clocks, self.threads),
            Deciding(
                engine,
                committer,
                publisher,
                self.clocks,
                self.letters,
                self.flood,
                self.readiness,
                self.threads,
                declared_types,
            ),
        )
        self.kinds.append(made)
        return made

    async def trim(self) -> None:
        """Empty the outboxes that the broker has acknowledged, where no sweeper does it."""
        for kind in self.kinds:
            await self.threads.run(kind.committer.repository.trim, kind.publisher.take_trimmable())

    def sweeper(self, catchup: Catchup) -> Sweeper:
        """The sweeper of a worker process."""
        return Sweeper(self.alias, self.kinds, self.clocks, self.threads, self.readiness, catchup)

    def anchors(self) -> Anchors | None:
        """The signer of audit heads; None without a key."""
        path = self.settings.audit_key_file
        repositories = [kind.committer.repository for kind in self.kinds]
        return Anchors(self.alias, repositories, read_key(path)) if path else None

    async def close(self) -> None:
        """Publish what is under way, then let go of broker and store."""
        await self.publisher.close()
        self.threads.close()
        disconnect(self.alias)


def lay(
    settings: Settings,
    model: Model[S],
    document: type[AggregateDocument],
    *,
    documents: Sequence[type[Document]] = (),
    producer: Producer | None = None,
    wall: WallClock | None = None,
    reader: TopicReader | None = None,
    sites: dict[str, Site] | None = None,
) -> Foundation[S]:
    """Wire a service's parts; call it inside the running event loop, once per process (`connect` is not
    fork-safe).

    `document` keeps the aggregates; `documents` are the service's other collections.

    Raises:
        SiteError: a site can't be used.
    """
    sites = load_sites(settings.sites, production=settings.production) if sites is None else sites
    connect(
        db=settings.database,
        host=settings.mongo_url,
        alias=settings.service,
        tz_aware=True,
        uuidRepresentation="standard",
        retryWrites=False,
        serverSelectionTimeoutMS=3_000,
        connectTimeoutMS=3_000,
        socketTimeoutMS=30_000,
        appname=f"fengqiao-{settings.service}",
    )
    readiness = Readiness()
    threads = Threads(settings.threads)
    wall = wall or WallClock()
    clocks = Clocks(settings.service, sites, wall)
    engine = Engine(model, settings.build)
    acknowledged = Acknowledged()
    committer = Committer(Repository(document, model, acknowledged.of), threads, wall)
    producer = producer or KafkaPythonProducer(settings.kafka_bootstrap, f"fengqiao-{settings.service}")
    if settings.mishaps:
        producer = mishaps.install(settings.mishaps, producer)
    publisher = Publisher(settings.service, producer, acknowledged, TRIM_AFTER_S)
    reader = reader or KafkaTopicReader(settings.kafka_bootstrap)
    letters = DeadLetters(f"fengqiao.{settings.service}.dead", publisher, wall)
    flood = Flood(settings.service, threads, readiness, wall)
    deciding = Deciding(
        engine, committer, publisher, clocks, letters, flood, readiness, threads, declared_types
    )
    first = Kind(
        engine,
        committer,
        publisher,
        Commands(engine, committer, publisher, clocks, threads),
        deciding,
    )
    kinds: list[Kind[Any]] = [first]
    return Foundation(
        settings=settings,
        sites=sites,
        documents=(document, *documents),
        readiness=readiness,
        threads=threads,
        wall=wall,
        clocks=clocks,
        acknowledged=acknowledged,
        letters=letters,
        flood=flood,
        reader=reader,
        first=first,
        kinds=kinds,
        healer=Healer(kinds, reader, threads, readiness),
    )
