"""Very many cases in parts of some thousands: a question that took the store minutes would be given up."""

import itertools
from collections.abc import Iterator
from datetime import datetime, timedelta

from pymongo.collection import Collection

from services.chassis.store import Raw, infrastructure

PART = 4_000
HOUR, SHORTEST = timedelta(hours=1), timedelta(seconds=1)
DOUBLINGS = 18
"""Two to the power of so many hours are thirty years."""


def by_id(collection: Collection[Raw]) -> Iterator[Raw]:
    """Queries for all cases, by their ids, which are hexadecimal and random."""
    with infrastructure():
        size = collection.estimated_document_count()
    digits = 0
    while size > PART * 16**digits:
        digits += 1
    bounds = [f"{number:0{digits}x}" for number in range(1, 16**digits)]
    for low, high in itertools.pairwise((None, *bounds, None)):
        limits = {"$gte": low, "$lt": high}
        yield {"_id": {word: bound for word, bound in limits.items() if bound is not None}} if bounds else {}


def by_due_time(collection: Collection[Raw], query: Raw, now: datetime) -> Iterator[Raw]:
    """Queries for those that match, by due time: the nearer to now, the shorter the span to begin with.

    The store takes the index of queues for equal fields and one range after them.
    """
    around = [HOUR * 2**number for number in range(DOUBLINGS)]
    bounds = [*(now - span for span in reversed(around)), now, *(now + span for span in around)]
    for low, high in itertools.pairwise((None, *bounds, None)):
        yield from _split(collection, query, low, high)


def _split(
    collection: Collection[Raw], query: Raw, low: datetime | None, high: datetime | None
) -> Iterator[Raw]:
    limits = {"$gte": low, "$lt": high}
    part = query | {"state.due_at": {word: bound for word, bound in limits.items() if bound is not None}}
    with infrastructure():
        size = collection.count_documents(part)
    if size <= PART or low is None or high is None or high - low <= SHORTEST:
        if size:
            yield part
        return
    middle = low + (high - low) / 2
    yield from _split(collection, query, low, middle)
    yield from _split(collection, query, middle, high)
