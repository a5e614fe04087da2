"""A year without a calendar is never silent: which sites don't know this year, or the next one soon."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from services.chassis.foundation import Foundation
from services.chassis.site import Site

PERIOD_S = 60.0
AHEAD = timedelta(days=31)
"""How long before it begins the next year has to be known; the State Council's notice comes in autumn."""


def unknown_years(site: Site, today: date) -> Iterator[int]:
    """Years that its calendar does not settle, though they are here or near."""
    return (year for year in sorted({today.year, (today + AHEAD).year}) if not site.calendar.is_known(year))


@dataclass(frozen=True, slots=True)
class Almanac:
    """Names the years that calendars lack. Due dates that touch one are provisional until it comes."""

    base: Foundation[Any]

    async def look(self) -> None:
        """One round, by each site's own clock.

        Raises:
            Infrastructure: the store is away.
        """
        sites: Mapping[str, Site] = self.base.sites
        moments = await self.base.clocks.look(self.base.threads)
        lacking = [
            f"{site.id} {year}"
            for site in sites.values()
            for year in unknown_years(site, moments[site.id].now.astimezone(site.zone).date())
        ]
        self.base.readiness.name_cases("calendar", len(lacking), lacking)
