"""Where a case would start, and why; by the very rules that start one, and nothing is done."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any

from fengqiao.intake.v1.events_pb2 import RequestSubmitted
from fengqiao.routing.v1 import routing_service_pb2 as rpc
from fengqiao.routing.v1.events_pb2 import TRACK_UNSPECIFIED, CaseReferred
from services.chassis.auth import Principal
from services.chassis.errors import Forbidden, Invalid, Violation
from services.chassis.foundation import Foundation
from services.chassis.model import Context
from services.routing.directory.lookups import day_of
from services.routing.domain import Ladder
from services.routing.reasons import in_words

NOON = time(12)


@dataclass(frozen=True, slots=True)
class Preview:
    """Asks the ladder without a case."""

    base: Foundation[Any]
    ladder: Ladder
    fresh: Callable[[], Awaitable[None]]
    """Sees to it that what the directory says is known."""

    async def route(self, principal: Principal, request: rpc.RouteCaseRequest) -> rpc.RouteCaseResponse:
        """Owner, reasons and clocks of a case that came in now, or on a day.

        Raises:
            Forbidden: another site's.
            Invalid: there is no such site, or no such day.
        """
        if not principal.at(request.site_id):
            raise Forbidden("not your site")
        if request.site_id not in self.base.sites:
            raise Invalid([Violation("site_id", "unknown_site")])
        await self.fresh()
        moment = await self.base.clocks.look_at(request.site_id, self.base.threads)
        zone = self.base.sites[request.site_id].zone
        on = day_of("on", request.on)
        at = datetime.combine(on, NOON, zone).astimezone(UTC) if on else moment.now
        submitted = RequestSubmitted(
            site_id=request.site_id, kind=request.kind, unit_id=request.unit_id, urgent=request.urgent
        )
        if request.HasField("due_at"):
            submitted.due_at.CopyFrom(request.due_at)
        context = Context("", request.site_id, at, at, moment.recorded_at, replay=moment.replay)
        messages: list[Any] = [emit.message for emit in self.ladder.open(None, submitted, context).events]
        [routed, *others] = messages
        return rpc.RouteCaseResponse(
            assignment=routed.assignment,
            due_at=routed.due_at,
            due_promised=routed.due_promised,
            clocks=routed.plan,
            track=next((each.track for each in others if isinstance(each, CaseReferred)), TRACK_UNSPECIFIED),
            capability_version=_named("capability", routed.assignment.reasons),
            day=at.astimezone(zone).date().isoformat(),
            emergency=_named("emergency", routed.assignment.reasons),
            why=in_words(routed.assignment.reasons),
            risk=routed.risk,
        )


def _named(code: str, reasons: Iterable[str]) -> str:
    """What a reason names; empty where it is none of these."""
    return next((each.partition(":")[2] for each in reasons if each.startswith(f"{code}:")), "")
