"""gRPC of screening campaigns: translate, call one handler. Errors are mapped in the chassis."""

from typing import Any

import grpc

from fengqiao.routing.v1 import screening_service_pb2 as rpc
from fengqiao.routing.v1.screening_service_pb2_grpc import ScreeningServiceServicer
from services.chassis.auth import Role, Rule
from services.chassis.paging import read_place, write_place
from services.chassis.rpc import principal
from services.routing.screenings.screenings import Screenings

SERVICE = "/fengqiao.routing.v1.ScreeningService"
READERS = frozenset({Role.HANDLER, Role.SUPERVISOR, Role.DESK})
ORDERING = frozenset({Role.SUPERVISOR, Role.DESK})

# Default deny: a method that is not here is refused.
RULES = {
    f"{SERVICE}/PlanScreening": Rule(ORDERING),
    # The unit that has a part in it says what it did.
    f"{SERVICE}/ReportScreening": Rule(ORDERING | {Role.HANDLER}),
    f"{SERVICE}/CloseScreening": Rule(ORDERING),
    f"{SERVICE}/GetScreening": Rule(READERS),
    f"{SERVICE}/ListScreenings": Rule(READERS),
}

DEFAULT_PAGE = 50

Context = grpc.aio.ServicerContext[Any, Any]


class ScreeningServicer(ScreeningServiceServicer):
    """Plan, report, close."""

    def __init__(self, screenings: Screenings) -> None:
        """`screenings` does the work."""
        self._screenings = screenings

    async def PlanScreening(
        self, request: rpc.PlanScreeningRequest, context: Context
    ) -> rpc.PlanScreeningResponse:
        """A campaign is to be held."""
        del context
        return rpc.PlanScreeningResponse(screening=await self._screenings.plan(principal(), request))

    async def ReportScreening(
        self, request: rpc.ReportScreeningRequest, context: Context
    ) -> rpc.ReportScreeningResponse:
        """A unit did its part."""
        del context
        return rpc.ReportScreeningResponse(screening=await self._screenings.report(principal(), request))

    async def CloseScreening(
        self, request: rpc.CloseScreeningRequest, context: Context
    ) -> rpc.CloseScreeningResponse:
        """The round ends."""
        del context
        return rpc.CloseScreeningResponse(screening=await self._screenings.close(principal(), request))

    async def GetScreening(
        self, request: rpc.GetScreeningRequest, context: Context
    ) -> rpc.GetScreeningResponse:
        """A campaign."""
        del context
        return rpc.GetScreeningResponse(screening=await self._screenings.one(principal(), request.code))

    async def ListScreenings(
        self, request: rpc.ListScreeningsRequest, context: Context
    ) -> rpc.ListScreeningsResponse:
        """Campaigns, by code."""
        del context
        after, limit = read_place(request.page_token), request.page_size or DEFAULT_PAGE
        screenings, last = await self._screenings.page(principal(), after, limit)
        return rpc.ListScreeningsResponse(screenings=screenings, next_page_token=write_place(last))
