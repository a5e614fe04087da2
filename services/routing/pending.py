"""Call-backs and reviews that are asked of a unit, soonest due first, without a look at any other case."""

import heapq
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from pymongo.collection import Collection

from services.chassis.store import Raw, infrastructure
from services.routing.domain import Case

DESK = "*"
"""Of whom is asked what is no unit's."""
ASKED_OF = "state.followup.asked_of"
"""Found by a sparse index: only cases of which something is asked have it."""


def asked_of(case: Case) -> str:
    """Who is to call back or to review, as the document keeps it; empty where nobody is."""
    if case.followup is None or case.followup.clock is None:
        return ""
    if case.followup.call_back:
        return case.followup.call_back.caller_unit_id or DESK
    return (case.followup.review.reviewer_unit_id if case.followup.review else "") or DESK


@dataclass(frozen=True, slots=True)
class Asked:
    """Of whom (without a unit: of the desk); `after` is the (due time, id) of the last page's end."""

    site: str
    unit_id: str
    below: bool = False
    after: tuple[datetime, str] | None = None


def pending(
    collection: Collection[Raw], asked: Asked, limit: int, reaches: Callable[[str], bool]
) -> list[Raw]:
    """The first documents of what is asked, of cases of units within the caller's reach. Blocks.

    Raises:
        Infrastructure: the store is away.
    """
    wanted: list[object] = [asked.unit_id or DESK]
    if asked.unit_id and asked.below:
        # What begins with `unit/`: the sign after the slash is a nought.
        wanted.append({"$gte": f"{asked.unit_id}/", "$lt": f"{asked.unit_id}0"})
    with infrastructure():
        found = heapq.merge(*(_part(collection, each, asked.after) for each in wanted), key=_place)
        ours = (
            raw
            for raw in found
            if raw["site"] == asked.site
            and reaches(raw["state"]["unit_id"])
            and (asked.after is None or _place(raw) > asked.after)
        )
        return list(itertools.islice(ours, limit))


def _part(collection: Collection[Raw], of: object, after: tuple[datetime, str] | None) -> Iterator[Raw]:
    query: Raw = {ASKED_OF: of}
    if after:
        query["next_due_at"] = {"$gte": after[0]}
    return iter(collection.find(query, sort=[("next_due_at", 1), ("_id", 1)]))


def _place(raw: Raw) -> tuple[datetime, str]:
    return raw["next_due_at"], raw["_id"]
