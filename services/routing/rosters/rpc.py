"""gRPC of rosters: translate, call one handler. Errors are mapped in the chassis, in one place."""

from collections.abc import AsyncIterator
from typing import Any

import grpc

from fengqiao.routing.v1 import roster_service_pb2 as rpc
from fengqiao.routing.v1.roster_service_pb2_grpc import RosterServiceServicer
from services.chassis.auth import Role, Rule
from services.chassis.paging import read_place, write_place
from services.chassis.protobuf import instant
from services.chassis.rpc import principal
from services.routing.rosters.departments import Departments
from services.routing.rosters.importing import Import
from services.routing.rosters.summonses import Summonses

SERVICE = "/fengqiao.routing.v1.RosterService"
READERS = frozenset({Role.HANDLER, Role.SUPERVISOR, Role.DESK, Role.CLERK, Role.OPERATOR, Role.REPLAY})
ORDERING = frozenset({Role.SUPERVISOR, Role.DESK})
SUMMONING = frozenset({Role.HANDLER, Role.SUPERVISOR, Role.DESK})
"""A case's own handler may summon; whoever is summoned answers as a handler, or tells the desk."""

# Default deny: a method that is not here is refused.
RULES = {
    f"{SERVICE}/EstablishDepartment": Rule(ORDERING),
    f"{SERVICE}/CloseDepartment": Rule(ORDERING),
    f"{SERVICE}/PlanDuty": Rule(ORDERING),
    f"{SERVICE}/CancelDuty": Rule(ORDERING),
    f"{SERVICE}/GetDepartment": Rule(READERS),
    f"{SERVICE}/ListDepartments": Rule(READERS),
    f"{SERVICE}/FindOnDuty": Rule(READERS),
    f"{SERVICE}/SummonDepartment": Rule(SUMMONING),
    f"{SERVICE}/AnswerSummons": Rule(SUMMONING),
    f"{SERVICE}/WithdrawSummons": Rule(SUMMONING),
    f"{SERVICE}/GetSummons": Rule(SUMMONING),
    f"{SERVICE}/ImportDepartments": Rule(ORDERING),
}

DEFAULT_PAGE = 50

Context = grpc.aio.ServicerContext[Any, Any]


class RosterServicer(RosterServiceServicer):
    """Departments, duties, summonses."""

    def __init__(self, departments: Departments, summonses: Summonses) -> None:
        """These do the work."""
        self._departments = departments
        self._summonses = summonses

    async def EstablishDepartment(
        self, request: rpc.EstablishDepartmentRequest, context: Context
    ) -> rpc.EstablishDepartmentResponse:
        """A department begins."""
        del context
        return rpc.EstablishDepartmentResponse(department=await self._order(request))

    async def CloseDepartment(
        self, request: rpc.CloseDepartmentRequest, context: Context
    ) -> rpc.CloseDepartmentResponse:
        """A department ends."""
        del context
        return rpc.CloseDepartmentResponse(department=await self._order(request))

    async def PlanDuty(self, request: rpc.PlanDutyRequest, context: Context) -> rpc.PlanDutyResponse:
        """Somebody is on duty."""
        del context
        return rpc.PlanDutyResponse(department=await self._order(request))

    async def CancelDuty(self, request: rpc.CancelDutyRequest, context: Context) -> rpc.CancelDutyResponse:
        """Somebody is on duty no longer."""
        del context
        return rpc.CancelDutyResponse(department=await self._order(request))

    async def GetDepartment(
        self, request: rpc.GetDepartmentRequest, context: Context
    ) -> rpc.GetDepartmentResponse:
        """A department with its roster."""
        del context
        return rpc.GetDepartmentResponse(department=await self._departments.one(principal(), request.code))

    async def ListDepartments(
        self, request: rpc.ListDepartmentsRequest, context: Context
    ) -> rpc.ListDepartmentsResponse:
        """Departments, by code."""
        del context
        limit = request.page_size or DEFAULT_PAGE
        found = await self._departments.page(principal(), read_place(request.page_token), limit)
        last = found[-1].code if len(found) == limit else ""
        return rpc.ListDepartmentsResponse(departments=found, next_page_token=write_place(last))

    async def FindOnDuty(self, request: rpc.FindOnDutyRequest, context: Context) -> rpc.FindOnDutyResponse:
        """Who is on duty for a kind of matter."""
        del context
        at = instant(request.at) if request.HasField("at") else None
        return rpc.FindOnDutyResponse(on_duty=await self._departments.on_duty(principal(), request.kind, at))

    async def SummonDepartment(
        self, request: rpc.SummonDepartmentRequest, context: Context
    ) -> rpc.SummonDepartmentResponse:
        """Ask a department to come."""
        del context
        summons = await self._summonses.summon(principal(), request.meta, request)
        return rpc.SummonDepartmentResponse(summons=summons)

    async def AnswerSummons(
        self, request: rpc.AnswerSummonsRequest, context: Context
    ) -> rpc.AnswerSummonsResponse:
        """Whoever is asked comes, or can't."""
        del context
        return rpc.AnswerSummonsResponse(summons=await self._command(request))

    async def WithdrawSummons(
        self, request: rpc.WithdrawSummonsRequest, context: Context
    ) -> rpc.WithdrawSummonsResponse:
        """It is not needed any more."""
        del context
        return rpc.WithdrawSummonsResponse(summons=await self._command(request))

    async def GetSummons(self, request: rpc.GetSummonsRequest, context: Context) -> rpc.GetSummonsResponse:
        """A summons."""
        del context
        return rpc.GetSummonsResponse(summons=await self._summonses.one(principal(), request.summons_id))

    async def ImportDepartments(
        self, request: AsyncIterator[rpc.ImportDepartmentsRequest], context: Context
    ) -> rpc.ImportDepartmentsResponse:
        """Take many over, and say of each that was refused why."""
        del context
        work = Import(self._departments, principal())
        async for each in request:
            work.dry_run, work.as_of = each.dry_run, each.as_of
            await work.take(each.department)
        return work.answer

    async def _order(self, request: Any) -> rpc.Department:
        return await self._departments.order(principal(), request.code, request.meta, request)

    async def _command(self, request: Any) -> rpc.Summons:
        return await self._summonses.command(principal(), request.summons_id, request.meta, request)
