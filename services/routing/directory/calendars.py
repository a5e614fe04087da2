"""A calendar that knows more came with this process: provisional due times are reckoned again.

And a file of clocks that is older than open cases know it is named: somebody put back what was replaced.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from services.chassis.foundation import Foundation
from services.chassis.model import Table
from services.chassis.store import Raw, infrastructure
from services.routing.clocking import RESOLUTION, Profile
from services.routing.domain import OPEN, Case, RecomputeDeadlines
from services.routing.domain.recomputing import reckoned
from services.routing.moves import by_itself
from services.routing.rules import Rules
from services.routing.store import load

log = structlog.get_logger()

PERIOD_S = 600.0
"""At the start, and again for what a process of a former calendar opened meanwhile."""
BATCH = 200
LOOKED_AT = {
    f"state.{clock}.provisional": 1 for clock in ("plan", "contact", "returned.clock", "order.clock")
} | {"state.plan.rule": 1}


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
        told, failing, stale = 0, list[str](), list[str]()
        for site_id, site in self.base.sites.items():
            if site.replay or site_id not in self.rules:
                continue
            found, newest = await self.base.threads.run(self._provisional, site_id)
            profile = self.rules[site_id].clocks
            if profile and newest > profile.version:
                stale.append(f"{site_id}/clocks.yaml: version {profile.version}, open cases go by {newest}")
            for first in range(0, len(found), BATCH):
                batch = found[first : first + BATCH]
                for case_id in await self.base.threads.run(self._changed, site_id, batch):
                    if await self._recompute(case_id):
                        told += 1
                    else:
                        failing.append(case_id)
        self.base.readiness.name_cases("not_recomputed", len(failing), failing[:3])
        self.base.readiness.name_cases("stale_clocks", len(stale), stale)
        return told

    def _provisional(self, site_id: str) -> tuple[list[str], int]:
        """The open cases of which a clock touches a year that was not known, and the newest version of the
        site's clocks that an open case goes by.
        """
        collection, profile = self.base.committer.repository.collection, self.rules[site_id].clocks
        found, newest = list[str](), 0
        with infrastructure():
            for status in OPEN:
                # Asked for as the standing sweep does: no more of a case than is looked at.
                for raw in collection.find({"site": site_id, "state.status": status}, LOOKED_AT):
                    if _is_provisional(raw["state"]):
                        found.append(raw["_id"])
                    if profile:
                        newest = max(newest, _version(raw["state"], profile))
        return found, newest

    def _changed(self, site_id: str, case_ids: list[str]) -> list[str]:
        """Those that are due at another time now; one write each, and none for the others."""
        collection = self.base.committer.repository.collection
        with infrastructure():
            found = list(collection.find({"_id": {"$in": case_ids}}, {"state": 1}))
        return [raw["_id"] for raw in found if self._differs(site_id, raw)]

    def _differs(self, site_id: str, raw: Raw) -> bool:
        try:
            return bool(reckoned(load(raw["state"]), self.rules[site_id]))
        except ValueError:
            return True  # the command says why

    async def _recompute(self, case_id: str) -> bool:
        refused = await by_itself.done(self.base, self.cells, case_id, RecomputeDeadlines(), "calendar")
        if refused:
            log.info("not_recomputed", case_id=case_id, reason=refused.reason or type(refused).__name__)
        return refused is None


def _is_provisional(state: Raw) -> bool:
    """Whether the few fields of a case that were asked for say so."""
    clocks = [*state.get("plan", ()), state.get("contact")]
    clocks += [(state.get(name) or {}).get("clock") for name in ("returned", "order")]
    return any(clock and clock.get("provisional") for clock in clocks)


def _version(state: Raw, profile: Profile) -> int:
    """The version of a profile by which a case's plan was made; 0: not by that one."""
    name = profile.rule(RESOLUTION).partition("@")[0]
    rules = (clock["rule"].partition("@") for clock in state.get("plan", ()))
    return max((int(version) for rule, _, version in rules if rule == name), default=0)
