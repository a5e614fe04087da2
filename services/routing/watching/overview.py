"""What this process knows of all sites' cases while anybody looks on: loaded once, then by what changes.

What is read is bounded by what is open when somebody looks on for the first time, and by what has changed at
each look after it; only how many have ended is counted over all of them, once a day.
"""

import asyncio
import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from services.chassis import memory
from services.chassis.clock import monotonic
from services.chassis.engine import Moment
from services.chassis.errors import Infrastructure
from services.chassis.foundation import Foundation
from services.chassis.queues import by_due_time
from services.chassis.store import Raw, converter, infrastructure
from services.routing.domain import NOT_ENDED, Case
from services.routing.domain.attention import Facts, Glimpse, facts_of, lines, unrouted
from services.routing.rules import Rules
from services.routing.watching import tally
from services.routing.watching.parts import PART
from services.routing.watching.tally import Share, Tally, share_before, share_of
from services.routing.watching.view import View

OVERLAP, LONG_OVERLAP = timedelta(seconds=5), timedelta(seconds=90)
"""Longer than a write takes from the time that it bears until it can be read; as in `directory/following`."""
LONG_EVERY_S = 30.0
COUNTED_FOR_S, STALE_S = 86_400.0, 600.0
AT_ONCE = 500
MANY = 5_000
"""So many cases loaded, and the collector of garbage would stop all calls for a while to look at them."""
SEEN = {"site": 1, "version": 1, "updated_at": 1} | {
    f"state.{name}": 1
    for name in (
        *("request_no", "kind", "status", "tier", "unit_id", "holder_ref", "submitted_at"),
        *("routed_recorded_at", "due_at", "plan.provisional", "supervised_at", "track", "returns"),
        *("steps.at", "steps.reason", "steps.from_tier"),
    )
}
"""Neither what people wrote nor what waits to be published."""
OWNERS = {"site": 1, "state.unit_id": 1, "state.steps.from_unit_id": 1}


@dataclass(frozen=True, slots=True)
class Seen:
    """A case as it was read: its facts, and what of it tells whether it had ended before."""

    case_id: str
    site: str
    version: int
    facts: Facts
    routed_at: datetime
    from_tier: int


@dataclass(frozen=True, slots=True)
class Changed:
    """What changed since a time: ids of a site, with all units that ever had the case."""

    owners: Mapping[str, Sequence[str]]


@dataclass
class Overview:
    """One per process. `fresh` before anything is read of `views`."""

    base: Foundation[Case]
    rules: Mapping[str, Rules]
    views: dict[str, View] = field(default_factory=dict)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    _loading: "asyncio.Task[None] | None" = None
    _looked: float = float("-inf")
    _since: datetime | None = None
    _long_since: datetime | None = None
    _long_at: float = float("-inf")
    _recent: dict[str, tuple[int, Share | None]] = field(default_factory=dict)
    """Of what a long look would find again: version, and what it counts for if it has ended."""
    _ended: dict[str, Tally] = field(default_factory=dict)
    _meanwhile: dict[str, Tally] | None = None
    _counted_at: float = float("-inf")
    _counting: "asyncio.Task[None] | None" = None

    async def fresh(self, within_s: float = 0.0) -> None:
        """See to it that what is known is not older than that; at once: has all that is stored by now.

        Raises:
            Infrastructure: the store is away.
        """
        wanted = monotonic() - within_s
        if self._looked >= wanted:
            return
        async with self._lock:
            if self._looked >= wanted:
                return
            began = monotonic()
            await self._look(began)
            self._looked = began

    async def at_hand(self, site: str) -> View | None:
        """The view of a site as of now; None while it is not loaded, which nobody is kept waiting for.

        Raises:
            Infrastructure: the store is away.
        """
        if not self.views or self._is_stale():
            if self._loading is None or self._loading.done():
                self._loading = asyncio.create_task(self._warm())
            return None
        await self.fresh()
        return self.views.get(site)

    async def ended(self, site: str) -> Tally:
        """How many have ended. The first caller waits until they are counted.

        Raises:
            Infrastructure: the store is away.
        """
        old = monotonic() - self._counted_at > COUNTED_FOR_S
        if old and (self._counting is None or self._counting.done()):
            self._counting = asyncio.create_task(self._count())
        while site not in self._ended:
            if self._counting is None or self._counting.done():
                self._counting = asyncio.create_task(self._count())
            await asyncio.shield(self._counting)
        return self._ended[site]

    async def changed_since(self, site: str, since: datetime) -> Changed:
        """What was stored since a time of the wall clock, whoever stored it."""
        return await self.base.threads.run(self._changed, site, since - OVERLAP)

    async def _warm(self) -> None:
        # Whoever waits for it asks again, and is told what is wrong then.
        with contextlib.suppress(Infrastructure):
            await self.fresh()

    def _is_stale(self) -> bool:
        """Whether so long ago nobody looked on that all that changed since would be too much to read."""
        return monotonic() - self._looked > STALE_S

    # -- looking -------------------------------------------------------------------------------------------

    async def _look(self, began: float) -> None:
        base, now = self.base, self.base.wall.now()
        moments = await base.clocks.look(base.threads)
        if self._since is None or self._long_since is None or self._is_stale():
            self._ended, self._meanwhile, self._counted_at = {}, None, float("-inf")
            views, recent = await base.threads.run(self._load, moments, now - LONG_OVERLAP)
            self.views, self._recent = views, recent
            if sum(len(view.facts) for view in views.values()) >= MANY:
                await base.threads.run(memory.settle)
            self._long_at, self._long_since = began, now - LONG_OVERLAP
        else:
            far = began - self._long_at > LONG_EVERY_S
            since = self._long_since if far else self._since
            again, found = await base.threads.run(self._read, since, dict(self._recent))
            for seen in found:
                self._apply(seen, since)
            if far:
                # What a long look does not find is not found again.
                self._recent = {each: told for each, told in self._recent.items() if each in again}
                self._long_at, self._long_since = began, now - LONG_OVERLAP
            for site, view in self.views.items():
                view.turn(self._lines(site, moments[site]))
        self._since = now - OVERLAP

    def _lines(self, site: str, moment: Moment) -> Any:
        return lines(self.rules[site], moment.now, moment.recorded_at)

    def _apply(self, seen: Seen, since: datetime) -> None:
        view, known = self.views.get(seen.site), self._recent.get(seen.case_id)
        if view is None:
            return
        there = seen.case_id in view.facts
        if seen.facts.status in OPEN_STILL:
            if not there:
                self._goes_on(seen, known, since)
            view.put(seen.case_id, seen.facts, seen.version)
            share = None
        else:
            share = share_of(seen.facts)
            # Neither open nor read lately: either it had ended long ago, or came and ended between two looks.
            if there:
                view.drop(seen.case_id)
                self._add(seen.site, share)
            elif known is None and seen.routed_at >= since:
                self._add(seen.site, share)
        self._recent[seen.case_id] = seen.version, share

    def _goes_on(self, seen: Seen, known: tuple[int, Share | None] | None, since: datetime) -> None:
        """A case that was not open: new, or it had ended and counts so no more."""
        if known and known[1]:
            self._add(seen.site, known[1], -1)
        elif known is None and seen.facts.climbs and seen.routed_at < since:
            self._add(seen.site, share_before(seen.facts, seen.from_tier), -1)

    def _add(self, site: str, share: Share, by: int = 1) -> None:
        for tallies in (self._ended, self._meanwhile or {}):
            if site in tallies:
                tallies[site].add(share, by)

    # -- counting what has ended ---------------------------------------------------------------------------

    async def _count(self) -> None:
        cut = (self._since or self.base.wall.now()) - OVERLAP
        meanwhile = self._meanwhile = {site: Tally() for site in self.views}
        # What ended since then stands in `recent` as the last look saw it, what ends from now on is added.
        window = [(each, share) for each, (_, share) in self._recent.items() if share]
        collection = self.base.committer.repository.collection
        late = await self.base.threads.run(self._written_since, [each for each, _ in window], cut)
        for each, share in window:
            if site := late.get(each):
                meanwhile[site].add(share)
        found = await self.base.threads.run(tally.count, collection, tuple(self.views), cut)
        if self._meanwhile is not meanwhile:
            return  # all was loaded anew meanwhile: whoever asks next counts again
        for site, counted in found.items():
            counted.merge(meanwhile[site])
        self._ended, self._meanwhile, self._counted_at = found, None, monotonic()

    def _written_since(self, ids: Sequence[str], cut: datetime) -> dict[str, str]:
        fields = {"site": 1, "updated_at": 1}
        return {raw["_id"]: raw["site"] for raw in self._find(ids, fields) if raw["updated_at"] >= cut}

    # -- in threads ----------------------------------------------------------------------------------------

    def _load(
        self, moments: Mapping[str, Moment], since: datetime
    ) -> tuple[dict[str, View], dict[str, tuple[int, Share | None]]]:
        """All that is open, and what has ended lately."""
        collection, views = self.base.committer.repository.collection, dict[str, View]()
        recent: dict[str, tuple[int, Share | None]] = {}
        # First: what ends meanwhile was open for it, and is found again.
        _, lately = self._read(since, {})
        for site in self.rules:
            view = views[site] = View(self._lines(site, moments[site]))
            for status in OPEN_STILL:
                # One status at a time, as in the chassis's queues.
                query: Raw = {"site": site, "state.status": status or None}
                parts = by_due_time(collection, query, moments[site].now, PART) if status else [query]
                for part in parts:
                    with infrastructure():
                        for raw in collection.find(part, SEEN):
                            view.put(raw["_id"], self._seen(raw).facts, raw["version"])
            view.turn(view.lines)
        for seen in lately:
            view_of = views.get(seen.site)
            if view_of and seen.case_id not in view_of.facts and seen.facts.status not in OPEN_STILL:
                recent[seen.case_id] = seen.version, share_of(seen.facts)
        return views, recent

    def _read(
        self, since: datetime, known: Mapping[str, tuple[int, Share | None]]
    ) -> tuple[set[str], list[Seen]]:
        """What was written since a time, and of that what is not known in that version."""
        # Not by site as well: a store with an index on it would look at every case of the site.
        with infrastructure():
            versions = {
                raw["_id"]: raw["version"]
                for raw in self.base.committer.repository.collection.find(
                    {"updated_at": {"$gte": since}}, {"version": 1}
                )
            }
        new = [each for each, version in versions.items() if known.get(each, (0, None))[0] != version]
        return set(versions), [self._seen(raw) for raw in self._find(new, SEEN)]

    def _find(self, ids: Sequence[str], fields: Mapping[str, int]) -> Iterable[Raw]:
        collection = self.base.committer.repository.collection
        for start in range(0, len(ids), AT_ONCE):
            with infrastructure():
                yield from collection.find({"_id": {"$in": list(ids[start : start + AT_ONCE])}}, fields)

    def _changed(self, site: str, since: datetime) -> Changed:
        with infrastructure():
            found = self.base.committer.repository.collection.find({"updated_at": {"$gte": since}}, OWNERS)
            return Changed({raw["_id"]: _owners(raw) for raw in found if raw["site"] == site})

    def _seen(self, raw: Raw) -> Seen:
        if not raw.get("state"):
            waits = unrouted(raw["updated_at"])
            # Nobody's yet: the top sees it.
            rules = self.rules.get(raw["site"])
            facts = replace(waits, unit_id=rules.places.top if rules else "")
            return Seen(raw["_id"], raw["site"], raw["version"], facts, raw["updated_at"], 0)
        case = converter.structure(raw["state"], Glimpse)
        tier = case.steps[-1].from_tier if case.steps else 0
        return Seen(raw["_id"], raw["site"], raw["version"], facts_of(case), case.routed_recorded_at, tier)


OPEN_STILL = ("", *NOT_ENDED)
"""What has not ended, and what could not be routed."""


def _owners(raw: Raw) -> tuple[str, ...]:
    state = raw.get("state")
    if not state:
        return ()
    return (state["unit_id"], *(step["from_unit_id"] for step in state.get("steps", ())))
