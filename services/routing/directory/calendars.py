"""A calendar that knows more came with this process: provisional due times are reckoned again."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from uuid import uuid4

import structlog

from services.chassis.commands import Order
from services.chassis.errors import CommandError
from services.chassis.foundation import Foundation
from services.chassis.model import Context, Decision, Table, transition
from services.chassis.store import Raw, infrastructure
from services.routing.domain import OPEN, Case, RecomputeDeadlines
from services.routing.domain.recomputing import reckoned
from services.routing.rules import Rules
from services.routing.store import load

log = structlog.get_logger()

PERIOD_S = 600.0
"""At the start, and again for what a process of a former calendar opened meanwhile."""
BATCH = 200
PROVISIONAL = [
    {f"state.{clock}.provisional": True} for clock in ("plan", "contact", "returned.clock", "order.clock")
]


@dataclass(slots=True)
class Calendars:
    """Looks at open cases by the index of queues: neither what is settled nor a replay costs anything."""

    base: Foundation[Case]
    cells: Table
    rules: Mapping[str, Rules]

    async def look(self) -> int:
        """One round over all sites; returns how many cases it told new due times.

        Raises:
            Infrastructure: the store is away.
        """
        told, failing = 0, list[str]()
        for site_id, site in self.base.sites.items():
            if site.replay or site_id not in self.rules:
                continue
            for status in OPEN:
                after = ""
                while found := await self.base.threads.run(self._provisional, site_id, status, after):
                    after = found[-1]["_id"]
                    for raw in self._changed(site_id, found):
                        if await self._recompute(raw["_id"]):
                            told += 1
                        else:
                            failing.append(raw["_id"])
        self.base.readiness.name_cases("not_recomputed", len(failing), failing[:3])
        return told

    def _provisional(self, site_id: str, status: str, after: str) -> list[Raw]:
        """A batch of the open cases of which a clock touches a year that was not known."""
        query: Raw = {"site": site_id, "state.status": status, "$or": PROVISIONAL, "_id": {"$gt": after}}
        collection = self.base.committer.repository.collection
        with infrastructure():
            return list(collection.find(query, {"state": 1}).sort("_id", 1).limit(BATCH))

    def _changed(self, site_id: str, found: list[Raw]) -> Iterator[Raw]:
        """Those that are due at another time now; one write each, and none for the others."""
        for raw in found:
            try:
                if reckoned(load(raw["state"]), self.rules[site_id]):
                    yield raw
            except ValueError:
                yield raw  # the command says why

    async def _recompute(self, case_id: str) -> bool:
        def decide(case: Case, context: Context) -> Decision:
            return transition(self.cells, case.status, case, RecomputeDeadlines(), context)

        try:
            order = Order(f"calendar/{uuid4()}", b"")
            await self.base.commands.execute(case_id, order, decide, authorize=lambda _case, _at: None)
        except CommandError as error:
            # Settled meanwhile, or others kept changing it: the next round looks again.
            log.info("not_recomputed", case_id=case_id, reason=error.reason or type(error).__name__)
            return False
        return True
