"""How a service's aggregates stand, by the store's word: what waits, is behind, is due. Each call blocks."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import pymongo

from services.chassis.engine import Moment
from services.chassis.kinds import Kind
from services.chassis.record import SHARDS
from services.chassis.store import WAITING, Repository, due_query, infrastructure

T = TypeVar("T")

STORE_TIMEOUT_S = 3.0
"""The drivers wait half a minute for a store that stands still; who only looks doesn't."""


def soon(look: Callable[[], T]) -> T:
    """What the store says within `STORE_TIMEOUT_S`.

    Raises:
        Infrastructure: it doesn't.
    """
    with infrastructure(), pymongo.timeout(STORE_TIMEOUT_S):
        return look()


@dataclass(frozen=True, slots=True)
class Due:
    """The oldest deadline of a site and a kind that could fire now; `due_at` by the site's clock."""

    aggregate_id: str
    due_at: datetime


def oldest_waiting(kinds: Sequence[Kind[Any]]) -> datetime | None:
    """Since when the oldest event waits that isn't known to be acknowledged; None: none does."""
    found = [_oldest(kind.committer.repository, WAITING, "waiting_since") for kind in kinds]
    return min((raw["waiting_since"] for raw in found if raw), default=None)


def oldest_due(
    kinds: Sequence[Kind[Any]], moments: Mapping[str, Moment], wall: datetime
) -> dict[tuple[str, str], Due]:
    """By site and collection, where there is one; those that rest after a failure are left out."""
    found = {}
    for site, repository, query in _due_queries(kinds, moments, wall):
        if raw := _oldest(repository, query, "next_due_at"):
            found[site, repository.collection.name] = Due(raw["_id"], raw["next_due_at"])
    return found


def count_due(
    kinds: Sequence[Kind[Any]],
    moments: Mapping[str, Moment],
    wall: datetime,
    found: Collection[tuple[str, str]],
) -> int:
    """How many deadlines could fire now, of the sites and collections that `oldest_due` found any of: there
    are many kinds, and mostly nothing is due.
    """
    return sum(
        repository.count(query)
        for site, repository, query in _due_queries(kinds, moments, wall)
        if (site, repository.collection.name) in found
    )


def count(kinds: Sequence[Kind[Any]], query: Mapping[str, Any]) -> int:
    """How many aggregates of all kinds match."""
    return sum(kind.committer.repository.count(query) for kind in kinds)


def _due_queries(
    kinds: Sequence[Kind[Any]], moments: Mapping[str, Moment], wall: datetime
) -> Iterator[tuple[str, Repository[Any], dict[str, Any]]]:
    for kind in kinds:
        if kind.engine.model.fire is not None:
            for site, moment in moments.items():
                yield site, kind.committer.repository, due_query(site, range(SHARDS), moment.now, wall)


def _oldest(repository: Repository[Any], query: Mapping[str, Any], field: str) -> dict[str, Any] | None:
    with infrastructure():
        return next(iter(repository.collection.find(query, {field: 1}).sort(field, 1).limit(1)), None)
