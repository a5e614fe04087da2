"""Faust agents: what intake reads, and what takes it."""

from collections.abc import Mapping

import structlog

from services.chassis.consumer import Collecting
from services.chassis.foundation import Foundation
from services.chassis.site import Site
from services.chassis.worker import Worker
from services.intake.domain import OUTCOMES, Request, requests_topic
from services.intake.inbound import Desk, Inbound
from services.intake.sources import Sources, declared

log = structlog.get_logger()


class Inboxes:
    """Reads the agencies' sources, and notices new ones while the worker runs."""

    def __init__(self, sources: Sources, sites: Mapping[str, Site], desk: Desk) -> None:
        """One per process."""
        self._sources = sources
        self._declared = declared(sites)
        self._desk = desk
        self._read: set[str] = set()
        self._worker: Worker | None = None

    async def register_declared(self) -> None:
        """Put the sources that the sites' settings name on record."""
        for source in self._declared:
            await self._sources.register(source)

    def open(self, worker: Worker) -> None:
        """Read the declared sources from the worker's start on, so that they cost no rebalance."""
        self._worker = worker
        for source in self._declared:
            worker.read(requests_topic(source.name), Inbound(self._desk, source).take)
            self._read.add(source.name)

    async def notice(self) -> None:
        """Begin to read every registered source that isn't read yet."""
        if self._worker is None:
            return
        for source in await self._sources.all():
            if source.name not in self._read:
                await self._worker.add_source(requests_topic(source.name), Inbound(self._desk, source).take)
                self._read.add(source.name)
                log.info("source_read", source=source.name)


def register(
    worker: Worker, base: Foundation[Request], collectors: Mapping[str, Collecting], inboxes: Inboxes
) -> None:
    """Requests follow routing's outcomes, timelines collect every service's events, agencies are let in."""
    worker.read(OUTCOMES, base.deciding.take)
    for topic, collecting in collectors.items():
        worker.read(topic, collecting.take, patient=True)
    inboxes.open(worker)
