"""Very many cases are read in parts that leave out nothing and have nothing twice."""

import itertools
import uuid
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, cast

import pytest

from services.routing.watching import parts
from services.routing.watching.parts import by_id


class Sized:
    """A collection that only knows how large it is."""

    def __init__(self, size: int) -> None:
        self._size = size

    def estimated_document_count(self) -> int:
        return self._size


def holds(part: dict[str, Any], case_id: str) -> bool:
    limits = part.get("_id", {})
    return limits.get("$gte", "") <= case_id and ("$lt" not in limits or case_id < limits["$lt"])


@pytest.mark.parametrize(
    ("size", "number"), [(0, 1), (4_000, 1), (4_001, 16), (64_001, 256), (1_000_000, 256)]
)
def test_every_case_is_in_one_part_whose_size_stays_the_same(size: int, number: int) -> None:
    found = list(by_id(cast("Any", Sized(size))))
    assert len(found) == number
    ids = [*(str(uuid.uuid4()) for _ in range(200)), "00000000", "ffffffff-x", "0f", "10"]
    assert all(sum(holds(part, case_id) for part in found) == 1 for case_id in ids)


class Due:
    """A collection of due times."""

    def __init__(self, times: list[datetime]) -> None:
        self._times = times

    def found(self, part: dict[str, Any]) -> list[datetime]:
        limits = part["state.due_at"]
        low, high = limits.get("$gte"), limits.get("$lt")
        return [at for at in self._times if (low is None or low <= at) and (high is None or at < high)]

    def count_documents(self, part: dict[str, Any]) -> int:
        return len(self.found(part))


def test_what_is_open_is_read_in_parts_by_due_time_however_they_lie(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "PART", 50)
    chance, now = Random(1), datetime(2026, 3, 2, tzinfo=UTC)
    same = [now + timedelta(days=3)] * 200
    near = [now + timedelta(hours=chance.uniform(-400, 400)) for _ in range(2_000)]
    far = [now - timedelta(days=50 * 365), now + timedelta(days=60 * 365), now]
    times = [*same, *near, *far]
    due = Due(times)
    found = [due.found(part) for part in parts.by_due_time(cast("Any", due), {"site": "jili"}, now)]
    assert sorted(itertools.chain(*found)) == sorted(times)
    assert sorted(map(len, found))[-2] <= 50, "but for those that are due at the very same time"
    assert all(found)
