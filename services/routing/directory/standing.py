"""The standing sweep over open cases whose owner no longer acts: a post fell vacant, somebody is on leave or
back, a unit was closed. It looks at what is, not at what happened, so that no assignment that raced escapes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import structlog

from fengqiao.routing.v1.events_pb2 import (
    MOVE_REASON_LEAVE,
    MOVE_REASON_UNIT_CLOSED,
    MOVE_REASON_VACANCY,
)
from services.chassis.clock import monotonic
from services.chassis.foundation import Foundation
from services.chassis.model import Table
from services.chassis.store import Raw, infrastructure
from services.routing.directory.following import Following
from services.routing.domain import OPEN, Case, ReassignCase
from services.routing.domain.directory.ground import LEAVE, UNIT_CLOSED, VACANCY
from services.routing.domain.placing import placed
from services.routing.moves import by_itself
from services.routing.rules import Rules

log = structlog.get_logger()

PERIOD_S = 1.0
EVERYTHING_S = 60.0
UNITS_AT_ONCE = 30
REASONS = {
    VACANCY: MOVE_REASON_VACANCY,
    LEAVE: MOVE_REASON_LEAVE,
    UNIT_CLOSED: MOVE_REASON_UNIT_CLOSED,
}


@dataclass(slots=True)
class Standing:
    """Moves the cases of those who can't act, clocks unchanged, on the same day."""

    base: Foundation[Case]
    cells: Table
    following: Following
    rules: Mapping[str, Rules]
    everything_at: float = field(default=float("-inf"))

    async def sweep(self) -> int:
        """One round; returns how many cases it moved.

        Units that changed and units without anybody are looked at each time, all open cases once a minute.

        Raises:
            Infrastructure: the store is away.
        """
        await self.following.fresh()
        everything = monotonic() - self.everything_at > EVERYTHING_S
        moved, nobodys = 0, list[str]()
        for site_id, ground in self.following.grounds.items():
            looked = set(self.following.changed[site_id])
            if ground.theirs:
                wanted = None if everything else looked.union(ground.idle)
                for raw in await self.base.threads.run(self._open, site_id, wanted):
                    by = raw["state"].get("delegation") or {"unit_id": "", "to_ref": ""}
                    stand_in = (by["unit_id"], by["to_ref"])
                    held = (raw["state"]["unit_id"], raw["state"]["holder_ref"])
                    rules = placed(self.rules[site_id], raw["state"].get("recused") or (), stand_in, held)
                    placement = rules.answering(raw["state"]["unit_id"])
                    if not placement.post.holder_ref:
                        nobodys.append(raw["_id"])
                    if self._owns(raw, placement.unit.id, placement.post.holder_ref):
                        continue
                    moved += await self._move(site_id, raw)
            self.following.changed[site_id] -= looked
        if everything:
            self.everything_at = monotonic()
        self.base.readiness.name_cases("nobody_answers", len(nobodys), nobodys[:3])
        return moved

    def _open(self, site_id: str, units: Iterable[str] | None) -> list[Raw]:
        """Open cases of some units, or of all."""
        query: Raw = {"site": site_id, "state.status": {"$in": list(OPEN)}}
        fields = {"state.unit_id": 1, "state.holder_ref": 1, "state.recused": 1}
        fields |= {f"state.delegation.{name}": 1 for name in ("unit_id", "to_ref")}
        collection = self.base.committer.repository.collection
        wanted = None if units is None else set(units)
        with infrastructure():
            if wanted is None or len(wanted) > UNITS_AT_ONCE:
                found = collection.find(query, fields)
                return [raw for raw in found if wanted is None or raw["state"]["unit_id"] in wanted]
            # One at a time: asked for several units, secantusd-rs looks at every case there is.
            return [
                raw for unit in wanted for raw in collection.find(query | {"state.unit_id": unit}, fields)
            ]

    def _owns(self, raw: Raw, unit_id: str, holder_ref: str | None) -> bool:
        return (raw["state"]["unit_id"], raw["state"]["holder_ref"]) == (unit_id, holder_ref or "")

    async def _move(self, site_id: str, raw: Raw) -> bool:
        ground = self.following.grounds[site_id]
        why = ground.reason(raw["state"]["unit_id"], raw["state"]["holder_ref"])
        command = ReassignCase(REASONS[why])
        refused = await by_itself.done(self.base, self.cells, raw["_id"], command, "standing")
        if refused:
            log.info("not_reassigned", case_id=raw["_id"], reason=type(refused).__name__)
        return refused is None
