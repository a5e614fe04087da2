"""Requests counted as they come in, by day, place and kind; a read of them costs by days, not by cases.

A document counts one partition's requests of a site's day. It goes with the offset up to which it counts,
so that a batch that comes again counts nothing twice; a request that was published again is a case already.
"""

from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from pymongo.errors import DuplicateKeyError

from fengqiao.intake.v1.events_pb2 import RequestSubmitted
from services.chassis.consumer import Received, patiently
from services.chassis.envelope import Envelope, from_record
from services.chassis.errors import Poison
from services.chassis.foundation import Foundation
from services.chassis.store import JOURNALED, Raw, database, infrastructure
from services.routing.domain.hotspots.hotspot import Count
from services.routing.screenings.risks import Risks, risk_of

SUBMITTED = RequestSubmitted.DESCRIPTOR.full_name
KEPT = 64
"""As many documents as a worker writes to by turns are kept in mind."""

Place = tuple[str, str]
Tally = Counter[Place]


@dataclass(slots=True)
class Page:
    """What a document counts, and up to which offset; none: it is not there yet."""

    upto: int | None = None
    tally: Tally = field(default_factory=Counter)


@dataclass(slots=True)
class Fresh:
    """What a batch adds to a document."""

    requests: list[tuple[int, Place]] = field(default_factory=list)

    def beyond(self, upto: int | None) -> Tally:
        """What of it stands after an offset."""
        return Counter(place for offset, place in self.requests if upto is None or offset > upto)

    @property
    def last(self) -> int:
        """Its last offset."""
        return max(offset for offset, _ in self.requests)


class Arrivals:
    """Counts requests by what routing consumes of intake."""

    def __init__(self, base: Foundation[Any], risks: Risks | None = None) -> None:
        """One per process; `risks` keeps what screening campaigns found."""
        self._base = base
        self._risks = risks or Risks(base)
        self._pages: OrderedDict[str, Page] = OrderedDict()

    async def count(self, batch: Sequence[Received]) -> None:
        """Count the requests of a batch, durably, before anything is decided on them."""
        if opened := [*_opened(batch)]:
            await patiently(
                self._base.readiness, "arrivals", lambda: self._base.threads.run(self._count, opened)
            )

    async def between(self, site_id: str, since: date, until: date) -> list[Count]:
        """The counts of some days of a site."""
        days = {"$gte": since.isoformat(), "$lte": until.isoformat()}
        raws = await self._base.threads.run(self._read, {"site": site_id, "day": days})
        return [
            Count(date.fromisoformat(raw["day"]), unit, kind, number)
            for raw in raws
            for unit, kind, number in raw["counts"]
        ]

    async def known_since(self, site_id: str, since: date, counts: Iterable[Count]) -> date:
        """The first counted day of a site, where it is not before one from which on the counts are known."""
        earlier = {"site": site_id, "day": {"$lt": since.isoformat()}}
        if await self._base.threads.run(self._read, earlier, 1):
            return since
        return min((each.day for each in counts), default=date.max)

    def _read(self, query: Mapping[str, Any], limit: int = 0) -> list[Raw]:
        with infrastructure():
            return list(database(self._base.alias)["arrivals"].find(query, limit=limit))

    def _count(self, opened: Sequence[tuple[Received, Envelope]]) -> None:
        first = {envelope.subject: (record, envelope) for record, envelope in reversed(opened)}
        ids = list(first)
        with infrastructure():
            known = self._base.committer.repository.collection.find({"_id": {"$in": ids}}, {"_id": 1})
            cases = {raw["_id"] for raw in known}
        added, risks = dict[str, Fresh](), list[Raw]()
        for id_, (record, envelope) in first.items():
            site = self._base.sites.get(envelope.site)
            if site is None or id_ in cases:
                continue
            request = RequestSubmitted.FromString(envelope.data)
            if request.screening_code:
                risks.append(risk_of(envelope, request))
            day = envelope.time.astimezone(site.zone).date().isoformat()
            fresh = added.setdefault(f"{site.id}/{day}/{record.partition}", Fresh())
            fresh.requests.append((record.offset, (request.unit_id, request.kind)))
        self._risks.keep(risks)
        for id_, fresh in added.items():
            while not self._add(id_, fresh):
                self._pages.pop(id_, None)

    def _add(self, id_: str, fresh: Fresh) -> bool:
        """Add to a document; false: another worker wrote it meanwhile."""
        page = self._pages.get(id_) or self._load(id_)
        tally = fresh.beyond(page.upto)
        if not tally:
            return True
        site, day, _ = id_.rsplit("/", 2)
        changed = Page(fresh.last, page.tally.copy())
        changed.tally.update(tally)
        counts = [(unit, kind, number) for (unit, kind), number in changed.tally.items()]
        document: Raw = {"_id": id_, "site": site, "day": day, "upto": changed.upto, "counts": counts}
        collection = database(self._base.alias)["arrivals"].with_options(write_concern=JOURNALED)
        with infrastructure():
            if page.upto is None:
                try:
                    collection.insert_one(document)
                except DuplicateKeyError:
                    return False
            elif not collection.replace_one({"_id": id_, "upto": page.upto}, document).matched_count:
                return False
        self._pages[id_] = changed
        self._pages.move_to_end(id_)
        while len(self._pages) > KEPT:
            self._pages.popitem(last=False)
        return True

    def _load(self, id_: str) -> Page:
        with infrastructure():
            raw = database(self._base.alias)["arrivals"].find_one({"_id": id_})
        if raw is None:
            return Page()
        return Page(raw["upto"], Counter({(unit, kind): number for unit, kind, number in raw["counts"]}))


def _opened(batch: Iterable[Received]) -> Iterable[tuple[Received, Envelope]]:
    for record in batch:
        try:
            envelope = from_record(record.headers, record.value)
        except Poison:
            continue
        if envelope.type == SUBMITTED and record.key == envelope.subject.encode():
            yield record, envelope
