"""gRPC of village codes: translate, call one handler. Errors are mapped in the chassis, in one place."""

from typing import Any

import grpc

from fengqiao.routing.v1 import code_service_pb2 as rpc
from fengqiao.routing.v1.code_service_pb2_grpc import VillageCodeServiceServicer
from services.chassis.auth import Role, Rule
from services.chassis.paging import read_place, write_place
from services.chassis.rpc import principal
from services.routing.codes.village_codes import VillageCodes

SERVICE = "/fengqiao.routing.v1.VillageCodeService"
READERS = frozenset(
    {
        Role.RESIDENT,
        Role.HANDLER,
        Role.MEDIATOR,
        Role.SUPERVISOR,
        Role.DESK,
        Role.CLERK,
        Role.OPERATOR,
        Role.REPLAY,
    }
)
"""A code is public in its site: whoever is bound by it, and whoever settles by it."""
ORDERING = frozenset({Role.SUPERVISOR, Role.DESK})
"""Who enters what the assembly decided."""

# Default deny: a method that is not here is refused.
RULES = {
    f"{SERVICE}/AdoptVillageCode": Rule(ORDERING),
    f"{SERVICE}/RepealVillageCode": Rule(ORDERING),
    f"{SERVICE}/GetVillageCode": Rule(READERS),
    f"{SERVICE}/ListVillageCodes": Rule(READERS),
    f"{SERVICE}/GetClause": Rule(READERS),
}

DEFAULT_PAGE = 50

Context = grpc.aio.ServicerContext[Any, Any]


class VillageCodeServicer(VillageCodeServiceServicer):
    """Versions of village codes, and their clauses."""

    def __init__(self, codes: VillageCodes) -> None:
        """`codes` does the work."""
        self._codes = codes

    async def AdoptVillageCode(
        self, request: rpc.AdoptVillageCodeRequest, context: Context
    ) -> rpc.AdoptVillageCodeResponse:
        """The assembly adopted a version."""
        del context
        village_code = await self._codes.order(principal(), request.meta, request)
        return rpc.AdoptVillageCodeResponse(village_code=village_code)

    async def RepealVillageCode(
        self, request: rpc.RepealVillageCodeRequest, context: Context
    ) -> rpc.RepealVillageCodeResponse:
        """Nothing is in force from a day on."""
        del context
        village_code = await self._codes.order(principal(), request.meta, request)
        return rpc.RepealVillageCodeResponse(village_code=village_code)

    async def GetVillageCode(
        self, request: rpc.GetVillageCodeRequest, context: Context
    ) -> rpc.GetVillageCodeResponse:
        """A code as it is in force on a day."""
        del context
        return await self._codes.in_force(principal(), request.unit_code, request.day)

    async def ListVillageCodes(
        self, request: rpc.ListVillageCodesRequest, context: Context
    ) -> rpc.ListVillageCodesResponse:
        """Village codes, by unit."""
        del context
        limit = request.page_size or DEFAULT_PAGE
        found = await self._codes.page(principal(), read_place(request.page_token), limit)
        last = found[-1].unit_code if len(found) == limit else ""
        return rpc.ListVillageCodesResponse(village_codes=found, next_page_token=write_place(last))

    async def GetClause(self, request: rpc.GetClauseRequest, context: Context) -> rpc.GetClauseResponse:
        """One clause as it is in force on a day."""
        del context
        return await self._codes.clause(principal(), request.unit_code, request.number, request.day)
