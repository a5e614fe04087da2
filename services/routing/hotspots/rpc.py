"""gRPC of analysis: translate, call one handler. Errors are mapped in the chassis, in one place."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import grpc

from fengqiao.routing.v1 import analysis_service_pb2 as rpc
from fengqiao.routing.v1.analysis_service_pb2_grpc import AnalysisServiceServicer
from services.chassis.auth import Principal, Role, Rule
from services.chassis.errors import Forbidden
from services.chassis.rpc import principal
from services.routing.directory.lookups import Lookups, day_of
from services.routing.domain.hotspots.hotspot import COMPARED_WINDOWS, FALSE_ALARMS, Span, find
from services.routing.hotspots.arrivals import Arrivals
from services.routing.indicators.board import Board

SERVICE = "/fengqiao.routing.v1.AnalysisService"

# Default deny: a method that is not here is refused.
READERS = frozenset({Role.HANDLER, Role.SUPERVISOR, Role.DESK})
RULES = {f"{SERVICE}/ListHotspots": Rule(READERS), f"{SERVICE}/GetIndicators": Rule(READERS)}

DEFAULT_WINDOW = 7

Context = grpc.aio.ServicerContext[Any, Any]


@dataclass(frozen=True, slots=True)
class Hotspots:
    """What stands out among the requests of the caller's site."""

    lookups: Lookups
    arrivals: Arrivals

    async def look(self, principal: Principal, request: rpc.ListHotspotsRequest) -> rpc.ListHotspotsResponse:
        """What stands out at a unit and below it.

        Raises:
            Forbidden: not the caller's unit.
        """
        site_id = self.lookups.site_of(principal)
        if not principal.covers(request.unit_code):
            raise Forbidden("not your unit")
        until = day_of("day", request.day) or await self.lookups.today(site_id)
        days = request.window_days or DEFAULT_WINDOW
        farthest = until - timedelta(days=days * (COMPARED_WINDOWS + 1) - 1)
        counts = await self.arrivals.between(site_id, farthest, until)
        span = Span.ending(until, days, await self.arrivals.known_since(site_id, farthest, counts))
        findings = await self.lookups.base.threads.run(find, counts, span, request.unit_code)
        return rpc.ListHotspotsResponse(
            hotspots=[
                rpc.Hotspot(
                    unit_code=each.unit_code,
                    kind=each.kind,
                    count=each.count,
                    expected=each.expected,
                    p_value=each.p_value,
                    adjusted=each.adjusted,
                )
                for each in findings.hotspots
            ],
            since=span.since.isoformat(),
            until=span.until.isoformat(),
            compared_since=span.compared_since.isoformat(),
            tested=findings.tested,
            false_alarm_rate=FALSE_ALARMS,
            too_little_known=not span.is_known_enough,
        )


class AnalysisServicer(AnalysisServiceServicer):
    """Places and kinds, never persons."""

    def __init__(self, hotspots: Hotspots, board: Board) -> None:
        """These do the work."""
        self._hotspots = hotspots
        self._board = board

    async def ListHotspots(
        self, request: rpc.ListHotspotsRequest, context: Context
    ) -> rpc.ListHotspotsResponse:
        """What stands out."""
        del context
        return await self._hotspots.look(principal(), request)

    async def GetIndicators(
        self, request: rpc.GetIndicatorsRequest, context: Context
    ) -> rpc.GetIndicatorsResponse:
        """How units did."""
        del context
        return await self._board.read(principal(), request)
