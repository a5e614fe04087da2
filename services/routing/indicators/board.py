"""Indicators read from the store: the cases that were due in a period, by the index that serves queues."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from fengqiao.routing.v1 import analysis_service_pb2 as rpc
from services.chassis.auth import Principal
from services.chassis.errors import Forbidden, Invalid, Violation
from services.chassis.store import converter, infrastructure
from services.routing.directory.lookups import Lookups, day_of
from services.routing.domain import ENDED, UNSETTLED
from services.routing.domain.indicators.indicator import Course, Indicators, by_unit

LONGEST = timedelta(days=92)
JUDGED = {
    f"state.{name}": 1
    for name in (
        "unit_id",
        "status",
        "due_at",
        "resolved_at",
        "track",
        "steps",
        "followup.answers",
    )
}


@dataclass(frozen=True, slots=True)
class Board:
    """How the units of the caller's site did."""

    lookups: Lookups

    async def read(
        self, principal: Principal, request: rpc.GetIndicatorsRequest
    ) -> rpc.GetIndicatorsResponse:
        """A unit and those next below it, in a period.

        Raises:
            Forbidden: not the caller's unit.
            Invalid: no such day, or days the wrong way round or too far apart.
        """
        site_id, base = self.lookups.site_of(principal), self.lookups.base
        if not principal.covers(request.unit_code):
            raise Forbidden("not your unit")
        now = (await base.clocks.look_at(site_id, base.threads)).now
        today = await self.lookups.today(site_id, now)
        since, until = day_of("since", request.since) or today, day_of("until", request.until) or today
        if until < since:
            raise Invalid([Violation("until", "before_the_first_day")])
        if until - since >= LONGEST:
            raise Invalid([Violation("until", "too_far_ahead")])
        begins, ends = self._begins(site_id, since), self._begins(site_id, until + timedelta(days=1))

        def count() -> dict[str, Indicators]:
            return by_unit(self._due(site_id, begins, min(ends, now)), request.unit_code)

        found = await base.threads.run(count)
        return rpc.GetIndicatorsResponse(units=[_told(code, found[code]) for code in sorted(found)])

    def _begins(self, site_id: str, day: date) -> datetime:
        return datetime.combine(day, time.min, self.lookups.zone(site_id)).astimezone(UTC)

    def _due(self, site_id: str, begins: datetime, ends: datetime) -> Iterator[Course]:
        """The cases of a site that were due in a time."""
        collection = self.lookups.base.committer.repository.collection
        for status in (*UNSETTLED, *ENDED):
            # One status at a time: so the store takes the index of a site's queue whole (chassis, queues).
            query = {"site": site_id, "state.status": status, "state.due_at": {"$gte": begins, "$lt": ends}}
            with infrastructure():
                for raw in collection.find(query, JUDGED):
                    yield converter.structure(raw["state"], Course)


def _told(code: str, said: Indicators) -> rpc.UnitIndicators:
    rates: dict[str, Any] = {
        "response_rate": said.response_rate,
        "resolution_rate": said.resolution_rate,
        "satisfaction_rate": said.satisfaction_rate,
    }
    return rpc.UnitIndicators(
        unit_code=code,
        turns=said.turns,
        answered=said.answered,
        due=said.due,
        resolved=said.resolved,
        withdrawn=said.withdrawn,
        on_another_track=said.on_another_track,
        answers=said.answers,
        satisfied=said.satisfied,
        unanswered=said.unanswered,
        **{name: rate for name, rate in rates.items() if rate is not None},
    )
