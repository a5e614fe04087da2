"""gRPC of emergencies: translate, call one handler. Errors are mapped in the chassis, in one place."""

from typing import Any

import grpc

from fengqiao.routing.v1 import emergency_service_pb2 as rpc
from fengqiao.routing.v1.emergency_service_pb2_grpc import EmergencyServiceServicer
from services.chassis.auth import Role, Rule
from services.chassis.paging import read_place, write_place
from services.chassis.rpc import principal
from services.routing.emergencies.emergencies import Emergencies

SERVICE = "/fengqiao.routing.v1.EmergencyService"

# Default deny: a method that is not here is refused. Nobody but the desk swaps the rules of an area.
RULES = {
    f"{SERVICE}/DeclareEmergency": Rule(frozenset({Role.DESK})),
    f"{SERVICE}/EndEmergency": Rule(frozenset({Role.DESK})),
    f"{SERVICE}/ListEmergencies": Rule(frozenset({Role.HANDLER, Role.SUPERVISOR, Role.DESK})),
}

DEFAULT_PAGE = 50

Context = grpc.aio.ServicerContext[Any, Any]


class EmergencyServicer(EmergencyServiceServicer):
    """Another set of rules for an area and a time, and back."""

    def __init__(self, emergencies: Emergencies) -> None:
        """`emergencies` does the work."""
        self._emergencies = emergencies

    async def DeclareEmergency(
        self, request: rpc.DeclareEmergencyRequest, context: Context
    ) -> rpc.DeclareEmergencyResponse:
        """A profile is put before the table."""
        del context
        declared = await self._emergencies.declare(principal(), request.meta, request)
        return rpc.DeclareEmergencyResponse(emergency=declared)

    async def EndEmergency(
        self, request: rpc.EndEmergencyRequest, context: Context
    ) -> rpc.EndEmergencyResponse:
        """Back to the usual rules."""
        del context
        ended = await self._emergencies.end(principal(), request.meta, request)
        return rpc.EndEmergencyResponse(emergency=ended)

    async def ListEmergencies(
        self, request: rpc.ListEmergenciesRequest, context: Context
    ) -> rpc.ListEmergenciesResponse:
        """By their beginning."""
        del context
        after, limit = read_place(request.page_token), request.page_size or DEFAULT_PAGE
        found, last, profiles = await self._emergencies.page(
            principal(), after, limit, standing=request.standing
        )
        return rpc.ListEmergenciesResponse(
            emergencies=found, next_page_token=write_place(last), profiles=profiles
        )
