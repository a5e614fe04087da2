"""Rosters that would be silent: hours without anybody, a department on call that nobody answers for."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from services.chassis.foundation import Foundation
from services.chassis.kinds import Kind
from services.routing.domain.rosters.department import ON_CALL, Department, Hole
from services.routing.rosters.messages import department_of

PERIOD_S = 60.0
"""Holes are named days before they come."""
SHOWN = 3


@dataclass(frozen=True, slots=True)
class Vigil:
    """Names the holes of the days to come, and who has no answerer today."""

    base: Foundation[Any]
    kind: Kind[Department]

    async def look(self) -> None:
        """One round.

        Raises:
            Infrastructure: the store is away.
        """
        holed, unanswered = list[str](), list[str]()
        moments = await self.base.clocks.look(self.base.threads)
        for record in await self.base.threads.run(self.kind.committer.repository.find, {}):
            department = department_of(record)
            site, now = self.base.sites[record.site], moments[record.site].now
            holes = list(department.holes(now, site.zone, site.calendar))
            if holes and department.mode == ON_CALL:
                unanswered.append(told(department, holes))
            elif holes:
                holed.append(told(department, holes))
        self.base.readiness.name_cases("roster_hole", len(holed), holed[:SHOWN])
        self.base.readiness.name_cases("no_answerer", len(unanswered), unanswered[:SHOWN])


def told(department: Department, holes: Iterable[Hole]) -> str:
    """A department with its first hole, as operators read it."""
    first = min(holes, key=lambda hole: (hole.day, hole.hours.opens))
    hours = f"{first.hours.opens}-{first.hours.closes}"
    return f"{department.site_id}/{department.code} on {first.day} {hours}"
