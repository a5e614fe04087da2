"""Which requests are compared with one: found by index, and never more than a bound. Methods block."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pymongo.collection import Collection

from services.chassis.record import Record
from services.chassis.store import Raw, Repository, infrastructure
from services.intake.duplicates.places import key_of

BOUND = 200
"""So many are compared at most, by place, kind and time."""
SPANS = (timedelta(hours=6), timedelta(days=2), timedelta(days=8))
ENOUGH = 0.75
SHORTEST = timedelta(minutes=1)
"""Spans looked at before the whole window; how full is full enough; how close two spans are the same."""
QUOTING = 20
"""So many at most that name the same number of an agency, whenever they came in."""


@dataclass(frozen=True, slots=True)
class Found:
    """The requests to compare with; `truncated`: there were more within the window, farther off."""

    records: Sequence[Record[Any]]
    truncated: bool


def spans(window: timedelta) -> list[timedelta]:
    """What is looked at one after the other, up to the window."""
    return [*(span for span in SPANS if span < window), window]


class Candidates:
    """Looks requests up near another by group of kinds, place and time, and by number."""

    def __init__(self, repository: Repository[Any], bound: int = BOUND) -> None:
        """One per process."""
        self._repository = repository
        self._bound = bound

    def find(self, record: Record[Any], places: Sequence[str], window: timedelta) -> Found:
        """Those near a request, the nearest places first and within a place the nearest in time; not itself.

        Raises:
            Infrastructure: the store is away.
        """
        state: Any = record.state
        keys = [key_of(state.site_id, state.kind, place) for place in places]
        with infrastructure():
            ids, truncated = self._near(record.id, keys, state.submitted_at, window)
            ids |= self._quoting(record)
        found = self._repository.get(ids)
        return Found([found[each] for each in ids if each in found], truncated)

    def following(self, case_id: str, limit: int) -> list[Record[Any]]:
        """Requests that are joined to one."""
        return self._repository.find({"state.joined_to": case_id}, limit=limit)

    def linking(self, case_id: str, limit: int) -> list[Record[Any]]:
        """Requests that keep a link with one."""
        return self._repository.find({"state.links": case_id}, limit=limit)

    def _near(
        self, case_id: str, keys: Sequence[str], at: datetime, window: timedelta
    ) -> tuple[dict[str, None], bool]:
        taken: dict[str, None] = {}
        for key in keys:
            ids, truncated = self._at(key, at, window, {case_id, *taken})
            taken |= dict.fromkeys(ids)
            if truncated:
                return taken, True
        return taken, False

    def _at(
        self, key: str, at: datetime, window: timedelta, known: AbstractSet[str]
    ) -> tuple[list[str], bool]:
        """New ids under a key as far as there is room, the nearest in time first; whether there are more.

        From the narrowest of some spans of time outwards: a store may read all of a range for its first few.
        """
        room = self._bound + 1 - len(known)
        narrow, fits, over = timedelta(0), list[str](), list[str]()
        for wide in spans(window):
            ids = self._within(key, at, wide, known, room)
            if len(ids) > room:
                over = ids
                break
            narrow, fits = wide, ids
        else:
            return fits, False
        # Between a span that fits and one that does not.
        while len(fits) < room * ENOUGH and wide - narrow > SHORTEST:
            middle = narrow + (wide - narrow) / 2
            ids = self._within(key, at, middle, known, room)
            if len(ids) > room:
                wide, over = middle, ids
            else:
                narrow, fits = middle, ids
        return fits or over[:room], True

    def _within(
        self, key: str, at: datetime, span: timedelta, known: AbstractSet[str], room: int
    ) -> list[str]:
        """New ids under a key within a span of time, at most one more than there is room for."""
        query = {"state.near": key, "state.submitted_at": {"$gte": at - span, "$lte": at + span}}
        found = self._collection.find(query, {"_id": 1, "state.submitted_at": 1})
        raws = [raw for raw in found.limit(room + len(known) + 1) if raw["_id"] not in known]
        raws.sort(key=lambda raw: abs(raw["state"]["submitted_at"] - at))
        return [raw["_id"] for raw in raws[: room + 1]]

    def _quoting(self, record: Record[Any]) -> dict[str, None]:
        numbers = record.private.get("references")
        if not numbers:
            return {}
        raws = self._collection.find({"private.references": {"$in": list(numbers)}}, {"_id": 1})
        # One more, the request itself.
        return {raw["_id"]: None for raw in raws.limit(QUOTING + 1) if raw["_id"] != record.id}

    @property
    def _collection(self) -> Collection[Raw]:
        return self._repository.collection
