"""Which requests are compared with one: found by index, and never more than a bound. Methods block."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pymongo.collection import Collection

from services.chassis.record import Record
from services.chassis.store import Raw, Repository, infrastructure
from services.intake.duplicates.places import key_of

BOUND = 200
"""So many are compared at most, by place, kind and time."""
QUOTING = 20
"""So many at most that name the same number of an agency, whenever they came in."""


@dataclass(frozen=True, slots=True)
class Found:
    """The requests to compare with; `truncated`: there were more within the window, farther off."""

    records: Sequence[Record[Any]]
    truncated: bool


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
            fresh = [each for each in self._at(key, at, window) if each not in taken and each != case_id]
            room = self._bound - len(taken)
            taken |= dict.fromkeys(fresh[:room])
            if len(fresh) > room:
                return taken, True
        return taken, False

    def _at(self, key: str, at: datetime, window: timedelta) -> list[str]:
        """Ids under a key, the nearest in time first: one more than the bound where there are as many."""
        # One more than the bound, and the request itself.
        most = self._bound + 2
        sides = (({"$gte": at - window, "$lte": at}, -1), ({"$gt": at, "$lte": at + window}, 1))
        raws = [
            raw
            for when, direction in sides
            for raw in self._collection.find(
                {"state.near": key, "state.submitted_at": when}, {"_id": 1, "state.submitted_at": 1}
            )
            .sort("state.submitted_at", direction)
            .limit(most)
        ]
        raws.sort(key=lambda raw: abs(raw["state"]["submitted_at"] - at))
        return [raw["_id"] for raw in raws]

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
