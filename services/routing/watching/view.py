"""The unsettled cases of one site in memory, and which of them want attention now."""

import heapq
import itertools
from bisect import bisect_left, bisect_right, insort
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime

from services.routing.domain import JOINED, NOT_ENDED
from services.routing.domain.attention import UNROUTED, Facts, Lines, attention

LOOKS_KEPT = 600
SLACK = 1_000
CROSSINGS = (("due_at", "now"), ("due_at", "soon_until"), ("assigned_at", "accepted_since"))
"""Which time of a case crosses which line."""

Cell = tuple[int, str]
"""Tier and status."""
Place = tuple[datetime, str]
"""Due time and id: where a case stands in a queue."""
Scope = tuple[str, bool, frozenset[str]]
"""A unit, whether those below it count, and the kinds that are asked for; no kind: all of them."""


class View:
    """Changed by `put`, `drop` and `turn`, a look at a time; costs what has changed, whatever there is."""

    def __init__(self, lines: Lines) -> None:
        """Nothing yet."""
        self.lines = lines
        self.facts: dict[str, Facts] = {}
        self.wanting: dict[str, tuple[str, ...]] = {}
        """Why a case wants attention, of those that do."""
        self.cells: Counter[Cell] = Counter()
        self.supervised = 0
        self.climbs = 0
        self.number = 0
        """Another one after each look that changed what wants attention."""
        self._unrouted: set[str] = set()
        self._touched: set[str] = set()
        self._heaps: list[list[tuple[object, str]]] = [[] for _ in CROSSINGS]
        self._log: deque[tuple[int, frozenset[str]]] = deque(maxlen=LOOKS_KEPT)
        self._lists: dict[Scope, tuple[list[str], Counter[str]]] = {}
        self._words: dict[str, str] = {}
        self._queues: dict[str, list[Place]] = {}
        self._versions: dict[str, int] = {}

    @property
    def unrouted(self) -> int:
        """How many cases wait to be routed."""
        return len(self._unrouted)

    def put(self, case_id: str, facts: Facts, version: int = 0) -> None:
        """A case that is not settled, as it is now, in a version of its document."""
        self._forget(case_id)
        # Thousands of cases are of one unit and one kind.
        unit_id, kind, status = (
            self._words.setdefault(word, word) for word in (facts.unit_id, facts.kind, facts.status)
        )
        self.facts[case_id] = facts = replace(facts, unit_id=unit_id, kind=kind, status=status)
        self._versions[case_id] = version
        self._count(facts, 1)
        if facts.status == UNROUTED:
            self._unrouted.add(case_id)
        else:
            self._await(case_id, facts)
        # What is joined is seen to with the case that leads the matter.
        if facts.status not in {UNROUTED, JOINED}:
            insort(self._queues.setdefault(unit_id, []), (facts.due_at, case_id))
        self._touched.add(case_id)

    def drop(self, case_id: str) -> None:
        """It is settled."""
        self._forget(case_id)
        self._touched.add(case_id)

    def turn(self, lines: Lines) -> None:
        """It is so late: tell what wants attention now. A look ends with it."""
        back = lines.now < self.lines.now
        self.lines = lines
        if back:
            self._touched.update(self.facts)
            self._begin_heaps()
        for heap, (_, line) in zip(self._heaps, CROSSINGS, strict=True):
            while heap and heap[0][0] < getattr(lines, line):
                self._touched.add(heapq.heappop(heap)[1])
        if sum(map(len, self._heaps)) > len(CROSSINGS) * len(self.facts) * 2 + SLACK:
            self._begin_heaps()
        changed = {each for each in self._touched | self._unrouted if self._judge(each)}
        self._touched.clear()
        if changed:
            self.number += 1
            self._log.append((self.number, frozenset(changed)))
            self._lists.clear()

    def since(self, number: int) -> set[str] | None:
        """What of attention changed after a look; None where that is too long ago to be known."""
        if number >= self.number:
            return set()
        if not self._log or self._log[0][0] > number + 1:
            return None
        return {each for at, ids in self._log if at > number for each in ids}

    def version(self, case_id: str) -> int:
        """In which version of its document a case is known; 0 where it isn't."""
        return self._versions.get(case_id, 0)

    def queue(self, unit_id: str, after: Place | None, limit: int, *, below: bool) -> list[str]:
        """The cases of a unit, and perhaps of those below it, soonest due first, after a place."""
        units = [unit_id] if unit_id in self._queues else []
        if below:
            units += [each for each in self._queues if each.startswith(f"{unit_id}/")]
        merged = heapq.merge(*(_from(self._queues[each], after) for each in units))
        return [case_id for _, case_id in itertools.islice(merged, limit)]

    def listed(self, scope: Scope) -> tuple[list[str], Counter[str]]:
        """What of a scope wants attention, soonest due first, and how many for each reason; not to be
        changed.
        """
        if (known := self._lists.get(scope)) is None:
            found = [(self.facts[each].due_at, each) for each in self.wanting if self.shows(scope, each)]
            ids = [each for _, each in sorted(found)]
            known = self._lists[scope] = ids, Counter(why for each in ids for why in self.wanting[each])
        return known

    def shows(self, scope: Scope, case_id: str) -> bool:
        """Whether a case is on the list of a scope."""
        why = self.wanting.get(case_id)
        if not why:
            return False
        _, _, kinds = scope
        return covers(scope, self.facts[case_id].unit_id) and (not kinds or not kinds.isdisjoint(why))

    def differing(self, lines: Lines, facts: Mapping[str, Facts]) -> set[str]:
        """What of some cases is not on the list as it was by former lines."""
        return {each for each, case in facts.items() if attention(case, lines) != attention(case, self.lines)}

    def _judge(self, case_id: str) -> bool:
        """Whether something changed that is shown of it."""
        facts, before = self.facts.get(case_id), self.wanting.pop(case_id, ())
        now = attention(facts, self.lines) if facts else ()
        if now:
            self.wanting[case_id] = now
        return bool(before or now) and (before != now or case_id in self._touched)

    def _forget(self, case_id: str) -> None:
        if facts := self.facts.pop(case_id, None):
            self._count(facts, -1)
            self._versions.pop(case_id, None)
            self._unrouted.discard(case_id)
            if facts.status in {UNROUTED, JOINED}:
                return
            queue, place = self._queues[facts.unit_id], (facts.due_at, case_id)
            del queue[bisect_left(queue, place)]

    def _count(self, facts: Facts, by: int) -> None:
        if facts.status in NOT_ENDED:
            self.cells[facts.tier, facts.status] += by
            self.climbs += by * facts.climbs
            self.supervised += by * facts.supervised

    def _await(self, case_id: str, facts: Facts) -> None:
        for heap, (time, line) in zip(self._heaps, CROSSINGS, strict=True):
            if (at := getattr(facts, time)) >= getattr(self.lines, line):
                heapq.heappush(heap, (at, case_id))

    def _begin_heaps(self) -> None:
        for heap in self._heaps:
            heap.clear()
        for case_id, facts in self.facts.items():
            if facts.status != UNROUTED:
                self._await(case_id, facts)


def _from(queue: list[Place], after: Place | None) -> Iterator[Place]:
    return itertools.islice(queue, bisect_right(queue, after) if after else 0, None)


def covers(scope: Scope, unit_id: str) -> bool:
    """Whether a unit is in a scope."""
    wanted, below, _ = scope
    return unit_id == wanted or (below and unit_id.startswith(f"{wanted}/"))
