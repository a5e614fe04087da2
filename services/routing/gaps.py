"""What the rules of a site lack, by name: none of it may be found out by a case that goes nowhere."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from services.chassis.foundation import Foundation
from services.routing.capability import lapse, nowhere, within
from services.routing.domain.directory.ground import Ground
from services.routing.emergencies.following import Watch
from services.routing.rules import TOP_TIER, Rules

PERIOD_S = 5.0
SHOWN = 3
AT_ONCE = 500
"""So many units are looked at before others get their turn."""


@dataclass(frozen=True, slots=True)
class Gaps:
    """Names a kind without a capable tier, a ladder that doesn't reach the top, a day without a version of
    the table, a unit of the table that there is not, and an emergency whose profile is gone.
    """

    base: Foundation[Any]
    rules: Mapping[str, Rules]
    watch: Watch
    climbed: dict[str, tuple[tuple[int, date], list[str]]] = field(default_factory=dict)
    """What was found of each site's ladder, and at which version and day of its ground."""

    async def look(self) -> None:
        """One round.

        Raises:
            Infrastructure: the store is away.
        """
        await self.watch.fresh()
        moments = await self.base.clocks.look(self.base.threads)
        capable, unknown, broken, versions, gone = (list[str]() for _ in range(5))
        for site_id, known in self.rules.items():
            now = moments[site_id].now
            rules, today = known.at(now), now.astimezone(known.zone).date()
            capable += [f"{site_id}: {kind}" for kind in incapable(rules)]
            unknown += [f"{site_id}: {code}" for code in unheard_of(rules)]
            if missing := lapse(known.versions, today):
                versions.append(f"{site_id}: none from {missing}")
            gone += [f"{site_id}: {each.name}" for each in rules.standing if each.table is None]
            broken += [f"{site_id}: {code}" for code in await self._broken(site_id, known)]
        readiness = self.base.readiness
        readiness.name_cases("no_capable_tier", len(capable), capable[:SHOWN])
        readiness.name_cases("unknown_unit", len(unknown), unknown[:SHOWN])
        readiness.name_cases("ladder_broken", len(broken), broken[:SHOWN])
        readiness.name_cases("no_rule_version", len(versions), versions[:SHOWN])
        readiness.name_cases("emergency_unknown", len(gone), gone[:SHOWN])

    async def _broken(self, site_id: str, rules: Rules) -> list[str]:
        """Units of the directory from which no ladder leads to the top; files are checked at the start."""
        ground = rules.places
        if not isinstance(ground, Ground) or not ground.theirs:
            return []
        state = (ground.version, ground.day)
        if site_id in self.climbed and self.climbed[site_id][0] == state:
            return self.climbed[site_id][1]
        codes, found = list(ground.territory.units), list[str]()
        for first in range(0, len(codes), AT_ONCE):
            found += unreached(rules, codes[first : first + AT_ONCE])
            await asyncio.sleep(0)
        self.climbed[site_id] = state, found
        return found


def incapable(rules: Rules) -> list[str]:
    """The kinds that nobody can settle by the version in force, or by an emergency at the top."""
    top, found = rules.places.top, set(nowhere(rules.capability, rules.able, rules.places.top))
    for each in rules.standing:
        if each.table and within(top, each.area):
            found.update(nowhere(each.table.rows, each.table.able, top))
    return sorted(found)


def unheard_of(rules: Rules) -> list[str]:
    """Units of the table that there are not, or not any more: what is said of them says nothing."""
    unit = rules.places.unit
    return sorted({row.unit for row in rules.able if unit(row.unit).id != row.unit})


def unreached(rules: Rules, unit_ids: Iterable[str]) -> list[str]:
    """The units among these from which the ladder does not lead up to the top, a higher tier at each step."""
    return [unit_id for unit_id in unit_ids if not _reaches(rules, unit_id)]


def _reaches(rules: Rules, unit_id: str) -> bool:
    tier = 0
    for unit in rules.chain(unit_id):
        if unit.tier <= tier:
            return False
        tier = unit.tier
    return tier == TOP_TIER
