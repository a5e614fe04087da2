"""What every service stands on, wired once: store, clock, engine, publisher, consumers, sweeps."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from mongoengine import Document, connect
from mongoengine.connection import disconnect

from services.chassis.anchors import Anchors, read_key
from services.chassis.clock import Clocks, WallClock
from services.chassis.commands import Commands
from services.chassis.committer import Committer
from services.chassis.consumer import Arrived, Collecting, Deciding
from services.chassis.deadletters import DeadLetters
from services.chassis.engine import Engine
from services.chassis.flood import Flood
from services.chassis.healer import Healer, KafkaTopicReader, TopicReader
from services.chassis.model import Model
from services.chassis.publisher import Acknowledged, KafkaPythonProducer, Producer, Publisher
from services.chassis.readiness import Readiness
from services.chassis.settings import Settings
from services.chassis.side import Side
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
    """The parts of one service; tests lay one with a producer and a clock of their own."""

    settings: Settings
    sites: dict[str, Site]
    model: Model[S]
    documents: tuple[type[Document], ...]
    readiness: Readiness
    threads: Threads
    wall: WallClock
    clocks: Clocks
    engine: Engine[S]
    acknowledged: Acknowledged
    committer: Committer[S]
    publisher: Publisher
    commands: Commands[S]
    letters: DeadLetters
    flood: Flood
    deciding: Deciding[S]
    reader: TopicReader
    healer: Healer[S]
    sides: list[Side[Any]] = field(default_factory=list)

    @property
    def alias(self) -> str:
        """Name of the database connection: the service's."""
        return self.settings.service

    def collecting(self, collect: Callable[[Sequence[Arrived]], Awaitable[None]]) -> Collecting:
        """A consumer that only inserts."""
        return Collecting(collect, self.letters, self.flood, self.readiness, declared_types)

    def side(self, model: Model[T], document: type[AggregateDocument]) -> Side[T]:
        """Further aggregates in a collection of their own; their outboxes are swept with the first. See
        `lay`.
        """
        committer = Committer(Repository(document, model, self.acknowledged.of), self.threads, self.wall)
        publisher = self.publisher.sibling()
        engine = Engine(model, self.settings.build)
        made = Side(committer, publisher, Commands(engine, committer, publisher, self.clocks, self.threads))
        self.sides.append(made)
        return made

    async def trim(self) -> None:
        """Empty the outboxes that the broker has acknowledged, where no sweeper does it."""
        for committer, publisher in (
            (self.committer, self.publisher),
            *((s.committer, s.publisher) for s in self.sides),
        ):
            await self.threads.run(committer.repository.trim, publisher.take_trimmable())

    def sweeper(self, catchup: Catchup) -> Sweeper[S]:
        """The sweeper of a worker process."""
        return Sweeper(
            self.alias,
            self.engine,
            self.committer,
            self.publisher,
            self.clocks,
            self.threads,
            self.readiness,
            catchup,
            self.sides,
        )

    def anchors(self) -> Anchors | None:
        """The signer of audit heads; None without a key."""
        path = self.settings.audit_key_file
        return Anchors(self.alias, self.committer.repository, read_key(path)) if path else None

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
    publisher = Publisher(settings.service, producer, acknowledged, TRIM_AFTER_S)
    reader = reader or KafkaTopicReader(settings.kafka_bootstrap)
    letters = DeadLetters(f"fengqiao.{settings.service}.dead", publisher, wall)
    flood = Flood(settings.service, threads, readiness, wall)
    deciding = Deciding(
        engine, committer, publisher, clocks, letters, flood, readiness, threads, declared_types
    )
    return Foundation(
        settings=settings,
        sites=sites,
        model=model,
        documents=(document, *documents),
        readiness=readiness,
        threads=threads,
        wall=wall,
        clocks=clocks,
        engine=engine,
        acknowledged=acknowledged,
        committer=committer,
        publisher=publisher,
        commands=Commands(engine, committer, publisher, clocks, threads),
        letters=letters,
        flood=flood,
        deciding=deciding,
        reader=reader,
        healer=Healer(deciding, reader, threads, readiness),
    )
