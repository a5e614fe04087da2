"""Agencies' sources are data: registering one makes its topics, and workers read it without a restart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.chassis import topics
from services.chassis.clock import WallClock
from services.chassis.errors import Infrastructure, Invalid, KeyReused, Violation
from services.chassis.settings import Settings
from services.chassis.site import Site
from services.chassis.store import MAJORITY, database, infrastructure, insert_only
from services.chassis.threads import Threads


@dataclass(frozen=True, slots=True)
class Source:
    """An agency's system that publishes for one site."""

    name: str
    site: str


def declared(sites: Mapping[str, Site]) -> list[Source]:
    """The sources that the sites' settings name."""
    return [
        Source(str(name), site.id) for site in sites.values() for name in site.profile.get("sources") or ()
    ]


class Sources:
    """The registered sources."""

    def __init__(
        self, settings: Settings, sites: Mapping[str, Site], threads: Threads, wall: WallClock
    ) -> None:
        """`settings` say where broker and store are."""
        self._settings = settings
        self._sites = sites
        self._threads = threads
        self._wall = wall

    async def register(self, source: Source) -> None:
        """Make a source's topics, then put it on record; safe to repeat.

        Raises:
            Invalid: there is no such site.
            KeyReused: the name is another site's.
            Infrastructure: broker or store is away; repeat.
        """
        if source.site not in self._sites:
            raise Invalid([Violation("site_id", "unknown_site")])
        await self._threads.run(self._register, source)

    async def all(self) -> Sequence[Source]:
        """Every registered source of the sites that this process knows, by name."""
        return await self._threads.run(self._all)

    def _register(self, source: Source) -> None:
        if source in self._all():
            return
        # Topics first: who finds the record may read at once.
        topics.create(
            self._settings.kafka_bootstrap, topics.of_source(source.name), self._settings.replication_factor
        )
        document = {"_id": source.name, "site": source.site, "registered_at": self._wall.now()}
        insert_only(database(self._settings.service)["sources"], [document])
        with infrastructure():
            there = database(self._settings.service)["sources"].find_one({"_id": source.name})
        if there is None:
            raise Infrastructure("store: the source was not kept")
        if there["site"] != source.site:
            raise KeyReused("the source is registered for another site")

    def _all(self) -> Sequence[Source]:
        with infrastructure():
            sources = database(self._settings.service).get_collection("sources", read_concern=MAJORITY)
            found = [Source(raw["_id"], raw["site"]) for raw in sources.find().sort("_id", 1)]
        return [source for source in found if source.site in self._sites]
