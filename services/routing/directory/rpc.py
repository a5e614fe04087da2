"""gRPC of the directory: translate, call one handler. Errors are mapped in the chassis, in one place."""

from collections.abc import AsyncIterator
from typing import Any

import grpc

from fengqiao.routing.v1 import directory_events_pb2 as ev
from fengqiao.routing.v1 import directory_service_pb2 as rpc
from fengqiao.routing.v1.directory_service_pb2_grpc import DirectoryServiceServicer
from services.chassis.auth import Role, Rule
from services.chassis.paging import read_place, write_place
from services.chassis.rpc import principal
from services.routing.directory.caseload import Caseload
from services.routing.directory.lookups import Lookups, Page
from services.routing.directory.messages import to_imported
from services.routing.directory.orders import Orders
from services.routing.directory.restructurings import Restructurings
from services.routing.domain.directory.decisions import PREFIX

SERVICE = "/fengqiao.routing.v1.DirectoryService"
READERS = frozenset({Role.HANDLER, Role.SUPERVISOR, Role.DESK, Role.CLERK, Role.OPERATOR, Role.REPLAY})
ORDERING = frozenset({Role.SUPERVISOR, Role.DESK})
"""Who decides about units and posts: never their holders by themselves."""

LOOKING_UP = frozenset({Role.HANDLER, Role.SUPERVISOR, Role.DESK})

# Default deny: a method that is not here is refused.
RULES = {
    f"{SERVICE}/EstablishUnit": Rule(ORDERING),
    f"{SERVICE}/CloseUnit": Rule(ORDERING),
    f"{SERVICE}/SettleHouseholds": Rule(ORDERING),
    f"{SERVICE}/ReleaseHouseholds": Rule(ORDERING),
    f"{SERVICE}/DrawBoundary": Rule(ORDERING),
    f"{SERVICE}/NominateLeader": Rule(ORDERING),
    f"{SERVICE}/VetLeader": Rule(ORDERING),
    f"{SERVICE}/AppointLeader": Rule(ORDERING),
    f"{SERVICE}/GrantLeave": Rule(ORDERING),
    f"{SERVICE}/EndLeave": Rule(ORDERING),
    f"{SERVICE}/VacatePost": Rule(ORDERING),
    f"{SERVICE}/ImportUnits": Rule(ORDERING),
    f"{SERVICE}/ExportUnits": Rule(ORDERING),
    f"{SERVICE}/MoveUnit": Rule(ORDERING),
    f"{SERVICE}/MergeUnit": Rule(ORDERING),
    f"{SERVICE}/SplitUnit": Rule(ORDERING),
    f"{SERVICE}/GetRestructuring": Rule(READERS),
    f"{SERVICE}/GetUnit": Rule(READERS),
    f"{SERVICE}/ListUnits": Rule(READERS),
    f"{SERVICE}/FindHousehold": Rule(READERS),
    f"{SERVICE}/FindPoint": Rule(READERS),
    f"{SERVICE}/ListBoundaries": Rule(READERS),
    f"{SERVICE}/ListGaps": Rule(READERS),
    f"{SERVICE}/LookUpCases": Rule(LOOKING_UP),
    # Who looks up is not who looks after it.
    f"{SERVICE}/ListLookUps": Rule(frozenset({Role.SUPERVISOR})),
}

DEFAULT_PAGE = 50
IMPORT_BATCH = 200

Context = grpc.aio.ServicerContext[Any, Any]


class DirectoryServicer(DirectoryServiceServicer):
    """Units, households, leaders."""

    def __init__(self, orders: Orders, restructurings: Restructurings, caseload: Caseload) -> None:
        """`orders` and its look-ups do the work, for several units at once `restructurings`; `caseload` looks
        up whose cases there are.
        """
        self._caseload = caseload
        self._orders = orders
        self._restructurings = restructurings
        self._lookups: Lookups = orders.lookups

    async def EstablishUnit(
        self, request: rpc.EstablishUnitRequest, context: Context
    ) -> rpc.EstablishUnitResponse:
        """A unit begins."""
        del context
        return rpc.EstablishUnitResponse(unit=await self._order(request))

    async def CloseUnit(self, request: rpc.CloseUnitRequest, context: Context) -> rpc.CloseUnitResponse:
        """A unit ends."""
        del context
        return rpc.CloseUnitResponse(unit=await self._order(request))

    async def SettleHouseholds(
        self, request: rpc.SettleHouseholdsRequest, context: Context
    ) -> rpc.SettleHouseholdsResponse:
        """Households become a neighbourhood's."""
        del context
        return rpc.SettleHouseholdsResponse(unit=await self._order(request))

    async def ReleaseHouseholds(
        self, request: rpc.ReleaseHouseholdsRequest, context: Context
    ) -> rpc.ReleaseHouseholdsResponse:
        """They are its own no longer."""
        del context
        return rpc.ReleaseHouseholdsResponse(unit=await self._order(request))

    async def DrawBoundary(
        self, request: rpc.DrawBoundaryRequest, context: Context
    ) -> rpc.DrawBoundaryResponse:
        """Where a neighbourhood lies."""
        del context
        return rpc.DrawBoundaryResponse(unit=await self._order(request))

    async def NominateLeader(
        self, request: rpc.NominateLeaderRequest, context: Context
    ) -> rpc.NominateLeaderResponse:
        """Residents propose somebody."""
        del context
        return rpc.NominateLeaderResponse(unit=await self._order(request))

    async def VetLeader(self, request: rpc.VetLeaderRequest, context: Context) -> rpc.VetLeaderResponse:
        """Somebody else looks at them."""
        del context
        return rpc.VetLeaderResponse(unit=await self._order(request))

    async def AppointLeader(
        self, request: rpc.AppointLeaderRequest, context: Context
    ) -> rpc.AppointLeaderResponse:
        """Who was approved holds the post."""
        del context
        return rpc.AppointLeaderResponse(unit=await self._order(request))

    async def GrantLeave(self, request: rpc.GrantLeaveRequest, context: Context) -> rpc.GrantLeaveResponse:
        """The holder is away."""
        del context
        return rpc.GrantLeaveResponse(unit=await self._order(request))

    async def EndLeave(self, request: rpc.EndLeaveRequest, context: Context) -> rpc.EndLeaveResponse:
        """Back before the leave was over."""
        del context
        return rpc.EndLeaveResponse(unit=await self._order(request))

    async def VacatePost(self, request: rpc.VacatePostRequest, context: Context) -> rpc.VacatePostResponse:
        """The post is vacant."""
        del context
        return rpc.VacatePostResponse(unit=await self._order(request))

    async def ImportUnits(
        self, request: AsyncIterator[rpc.ImportUnitsRequest], context: Context
    ) -> rpc.ImportUnitsResponse:
        """Take many over, and say of each that was refused why."""
        del context
        work = self._orders.importing(principal())
        units: list[rpc.ImportedUnit] = []
        try:
            async for each in request:
                work.dry_run, work.as_of = each.dry_run, each.as_of
                units.append(each.unit)
                if len(units) == IMPORT_BATCH:
                    await work.take(units)
                    units = []
            await work.take(units)
        finally:
            self._orders.done()
        return work.answer

    async def ExportUnits(self, request: rpc.ExportUnitsRequest, context: Context) -> rpc.ExportUnitsResponse:
        """Tell many as an import takes them."""
        del context
        told, last, day = await self._lookups.told(principal(), page_of(request))
        return rpc.ExportUnitsResponse(
            units=map(to_imported, told), next_page_token=write_place(last), day=day.isoformat()
        )

    async def MoveUnit(self, request: rpc.MoveUnitRequest, context: Context) -> rpc.MoveUnitResponse:
        """A unit goes elsewhere in the tree."""
        del context
        return rpc.MoveUnitResponse(restructuring=await self._restructure(request))

    async def MergeUnit(self, request: rpc.MergeUnitRequest, context: Context) -> rpc.MergeUnitResponse:
        """A neighbourhood goes to another one."""
        del context
        return rpc.MergeUnitResponse(restructuring=await self._restructure(request))

    async def SplitUnit(self, request: rpc.SplitUnitRequest, context: Context) -> rpc.SplitUnitResponse:
        """A neighbourhood becomes several."""
        del context
        return rpc.SplitUnitResponse(restructuring=await self._restructure(request))

    async def GetRestructuring(
        self, request: rpc.GetRestructuringRequest, context: Context
    ) -> rpc.GetRestructuringResponse:
        """How far it has come."""
        del context
        found = await self._restructurings.one(principal(), request.restructuring_id)
        return rpc.GetRestructuringResponse(restructuring=found)

    async def GetUnit(self, request: rpc.GetUnitRequest, context: Context) -> rpc.GetUnitResponse:
        """A unit on a day."""
        del context
        unit = await self._lookups.unit(principal(), request.code, request.day)
        return rpc.GetUnitResponse(unit=unit)

    async def ListUnits(self, request: rpc.ListUnitsRequest, context: Context) -> rpc.ListUnitsResponse:
        """Units at or below a place, by code."""
        del context
        kind = ev.UnitKind.Name(request.kind).removeprefix(PREFIX).lower() if request.kind else ""
        units, last = await self._lookups.units_within(principal(), page_of(request), kind)
        return rpc.ListUnitsResponse(units=units, next_page_token=write_place(last))

    async def FindHousehold(
        self, request: rpc.FindHouseholdRequest, context: Context
    ) -> rpc.FindHouseholdResponse:
        """Whose a household is, and who answers for it."""
        del context
        return await self._lookups.household(principal(), request.household, request.day)

    async def FindPoint(self, request: rpc.FindPointRequest, context: Context) -> rpc.FindPointResponse:
        """The neighbourhood that a point lies in."""
        del context
        point = request.point.longitude, request.point.latitude
        return await self._lookups.point(principal(), point, request.day)

    async def ListBoundaries(
        self, request: rpc.ListBoundariesRequest, context: Context
    ) -> rpc.ListBoundariesResponse:
        """Where neighbourhoods lie."""
        del context
        units, last = await self._lookups.boundaries(principal(), page_of(request))
        return rpc.ListBoundariesResponse(units=units, next_page_token=write_place(last))

    async def ListGaps(self, request: rpc.ListGapsRequest, context: Context) -> rpc.ListGapsResponse:
        """Households without leader."""
        del context
        gaps, last = await self._lookups.gaps(principal(), page_of(request))
        response = rpc.ListGapsResponse(next_page_token=write_place(last))
        for gap in gaps:
            response.gaps.add(household=gap.household, reason=gap.reason, code=gap.code)
        return response

    async def LookUpCases(self, request: rpc.LookUpCasesRequest, context: Context) -> rpc.LookUpCasesResponse:
        """A leader's units, households and cases."""
        del context
        return await self._caseload.look_up(principal(), request, request.page_size or DEFAULT_PAGE)

    async def ListLookUps(self, request: rpc.ListLookUpsRequest, context: Context) -> rpc.ListLookUpsResponse:
        """Who looked up whom."""
        del context
        return await self._caseload.looked_up(principal(), request, request.page_size or DEFAULT_PAGE)

    async def _restructure(self, request: Any) -> rpc.Restructuring:
        return await self._restructurings.order(principal(), request.code, request.meta, request)

    async def _order(self, request: Any) -> rpc.Unit:
        return await self._orders.order(principal(), request.code, request.meta, request)


def page_of(
    request: rpc.ListUnitsRequest | rpc.ListGapsRequest | rpc.ListBoundariesRequest | rpc.ExportUnitsRequest,
) -> Page:
    """The part of a list that a request wants."""
    after = read_place(request.page_token)
    return Page(request.within, request.day, after, request.page_size or DEFAULT_PAGE)
