"""Queues: what a unit has to do, soonest due first, without a look at what is settled."""

import heapq
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from pymongo.collection import Collection

from services.chassis.store import Raw, infrastructure

BATCH = 200

OF_A_UNIT = ("site", "state.unit_id", "state.status", "state.due_at")
"""The index that serves a unit's own queue."""
OF_A_SITE = ("site", "state.status", "state.due_at")
"""The index that serves the queue of a unit and all below it."""


@dataclass(frozen=True, slots=True)
class Queue:
    """Whose queue, or with no unit all that the sites have; `after` is the (due time, id) of the last page's
    end.
    """

    sites: Sequence[str]
    statuses: Sequence[str]
    unit_id: str
    below: bool = False
    after: tuple[datetime, str] | None = None


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
    return iter(collection.find(query, sort=[("state.due_at", 1), ("_id", 1)], batch_size=BATCH))


def _in_queue(raw: Raw, queue: Queue) -> bool:
    unit_id: str = raw["state"]["unit_id"]
    below = queue.below and unit_id.startswith(f"{queue.unit_id}/")
    return (below or queue.unit_id in {"", unit_id}) and (queue.after is None or _place(raw) > queue.after)


def _place(raw: Raw) -> tuple[datetime, str]:
    return raw["state"]["due_at"], raw["_id"]
