"""Queues: what a unit has to do, soonest due first, without a look at what is settled."""

import heapq
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pymongo.collection import Collection

from services.chassis.store import Raw, infrastructure

BATCH = 200
FEW = 500
"""A store that sorts all it finds sorts so many at once for a page."""
HOUR, SHORTEST = timedelta(hours=1), timedelta(seconds=1)
DOUBLINGS = 18
"""Two to the power of so many hours are thirty years."""

OF_A_UNIT = ("site", "state.unit_id", "state.status", "state.due_at")
"""The index that serves a unit's own queue."""
OF_A_SITE = ("site", "state.status", "state.due_at")
"""The index that serves the queue of a unit and all below it."""


@dataclass(frozen=True, slots=True)
class Queue:
    """Whose queue, or with no unit all that the sites have; `after` is the (due time, id) of the last page's
    end. `around` is about when most of it is due: where very much is, it is read bit by bit from there.
    """

    sites: Sequence[str]
    statuses: Sequence[str]
    unit_id: str
    below: bool = False
    after: tuple[datetime, str] | None = None
    around: datetime | None = None


def soonest_due(
    collection: Collection[Raw], queue: Queue, limit: int, keep: Callable[[Raw], bool] = lambda _raw: True
) -> list[Raw]:
    """The first documents of a queue, those left out that `keep` is false for. Blocks.

    Raises:
        Infrastructure: the store is away.
    """
    parts = (_part(collection, queue, site, status) for site in queue.sites for status in queue.statuses)
    with infrastructure():
        found = heapq.merge(*parts, key=_place)
        wanted = (raw for raw in found if _in_queue(raw, queue) and keep(raw))
        return list(itertools.islice(wanted, limit))


def _part(collection: Collection[Raw], queue: Queue, site: str, status: str) -> Iterator[Raw]:
    # One status at a time, and no pattern: secantusd-rs takes these indexes for equal fields and one range
    # after them, and looks at every document there is for anything else.
    query: Raw = {"site": site, "state.status": status}
    if queue.unit_id and not queue.below:
        query["state.unit_id"] = queue.unit_id
    if queue.after:
        query["state.due_at"] = {"$gte": queue.after[0]}
    for part in by_due_time(collection, query, queue.around, FEW) if queue.around else [query]:
        yield from collection.find(part, sort=[("state.due_at", 1), ("_id", 1)], batch_size=BATCH)


def _in_queue(raw: Raw, queue: Queue) -> bool:
    unit_id: str = raw["state"]["unit_id"]
    below = queue.below and unit_id.startswith(f"{queue.unit_id}/")
    return (below or queue.unit_id in {"", unit_id}) and (queue.after is None or _place(raw) > queue.after)


def _place(raw: Raw) -> tuple[datetime, str]:
    return raw["state"]["due_at"], raw["_id"]


def by_due_time(collection: Collection[Raw], query: Raw, around: datetime, size: int) -> Iterator[Raw]:
    """Queries for those that match, in order of due time and of so many at most, but for those that are due
    at the same time. Spans are the shorter to begin with the nearer they are to a time.

    A store that reads and sorts all that matches, whatever the limit, so reads little for a page.

    Raises:
        Infrastructure: the store is away.
    """
    if _count(collection, query) <= size:
        yield query
        return
    since: datetime | None = query.get("state.due_at", {}).get("$gte")
    spans = [HOUR * 2**number for number in range(DOUBLINGS)]
    bounds = [*(around - span for span in reversed(spans)), around, *(around + span for span in spans)]
    later = [bound for bound in bounds if since is None or bound > since]
    for low, high in itertools.pairwise((since, *later, None)):
        yield from _split(collection, query, low, high, size)


def _count(collection: Collection[Raw], query: Raw) -> int:
    with infrastructure():
        return collection.count_documents(query)


def _split(
    collection: Collection[Raw], query: Raw, low: datetime | None, high: datetime | None, size: int
) -> Iterator[Raw]:
    limits = {"$gte": low, "$lt": high}
    part = query | {"state.due_at": {word: bound for word, bound in limits.items() if bound is not None}}
    found = _count(collection, part)
    if found <= size or low is None or high is None or high - low <= SHORTEST:
        if found:
            yield part
        return
    middle = low + (high - low) / 2
    yield from _split(collection, query, low, middle, size)
    yield from _split(collection, query, middle, high, size)
