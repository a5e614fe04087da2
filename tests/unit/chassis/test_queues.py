"""Long queues are read bit by bit."""

import itertools
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, cast

import pytest

from services.chassis.queues import by_due_time


class Due:
    """A collection of due times."""

    def __init__(self, times: list[datetime]) -> None:
        self._times = times

    def found(self, part: dict[str, Any]) -> list[datetime]:
        limits = part.get("state.due_at", {})
        low, high = limits.get("$gte"), limits.get("$lt")
        return [at for at in self._times if (low is None or low <= at) and (high is None or at < high)]

    def count_documents(self, part: dict[str, Any]) -> int:
        return len(self.found(part))


@pytest.mark.parametrize("since", [None, timedelta(days=-2), timedelta(days=3)])
def test_a_long_queue_is_read_in_parts_in_order_however_its_due_times_lie(since: timedelta | None) -> None:
    chance, now = Random(1), datetime(2026, 3, 2, tzinfo=UTC)
    same = [now + timedelta(days=3)] * 200
    near = [now + timedelta(hours=chance.uniform(-400, 400)) for _ in range(2_000)]
    far = [now - timedelta(days=50 * 365), now + timedelta(days=60 * 365), now]
    times = [*same, *near, *far]
    query: dict[str, Any] = {"site": "jili"}
    due = Due(times)
    if since:
        query |= {"state.due_at": {"$gte": now + since}}
    found = [due.found(part) for part in by_due_time(cast("Any", due), query, now, 50)]
    wanted = sorted(at for at in times if since is None or at >= now + since)
    assert list(itertools.chain(*map(sorted, found))) == wanted, "each once, the soonest due first"
    assert sorted(map(len, found))[-2] <= 50, "but for those that are due at the very same time"
    assert all(found)
