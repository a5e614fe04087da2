"""Very many cases in parts of some thousands: a question that took the store minutes would be given up."""

import itertools
from collections.abc import Iterator

from pymongo.collection import Collection

from services.chassis.store import Raw, infrastructure

PART = 4_000


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
