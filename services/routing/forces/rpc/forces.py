"""gRPC of forces: translate, call one handler. Errors are mapped in the chassis, in one place."""

from collections.abc import AsyncIterator
from typing import Any

import grpc

from fengqiao.routing.v1 import force_events_pb2 as ev
from fengqiao.routing.v1 import force_service_pb2 as rpc
from fengqiao.routing.v1.force_service_pb2_grpc import ForceServiceServicer
from services.chassis.auth import Role, Rule
from services.chassis.paging import read_place, write_place
from services.chassis.rpc import principal
from services.routing.directory.lookups import day_of
from services.routing.forces.callouts import CallOuts
from services.routing.forces.importing import ImportForces, in_bulks
from services.routing.forces.ledger import Ledger
from services.routing.forces.persons import Persons
from services.routing.forces.rpc.persons import ORDERING, READERS, THEMSELVES

FORCE = "/fengqiao.routing.v1.ForceService"
CALLING = frozenset({Role.HANDLER, Role.SUPERVISOR, Role.DESK})
ANSWERING = CALLING | {Role.VOLUNTEER}

# Default deny: a method that is not here is refused.
FORCE_RULES = {
    f"{FORCE}/EstablishForce": Rule(ORDERING),
    f"{FORCE}/NameSpeaker": Rule(ORDERING),
    f"{FORCE}/DisbandForce": Rule(ORDERING),
    f"{FORCE}/GetForce": Rule(READERS | {Role.VOLUNTEER}),
    f"{FORCE}/ListForces": Rule(READERS | {Role.VOLUNTEER}),
    f"{FORCE}/SuggestVolunteers": Rule(CALLING),
    f"{FORCE}/CallOutVolunteers": Rule(CALLING),
    f"{FORCE}/AskVolunteers": Rule(CALLING),
    f"{FORCE}/AnswerCallOut": Rule(ANSWERING),
    f"{FORCE}/CheckIn": Rule(ANSWERING),
    f"{FORCE}/CheckOut": Rule(ANSWERING),
    f"{FORCE}/EndCallOut": Rule(CALLING),
    f"{FORCE}/CancelCallOut": Rule(CALLING),
    f"{FORCE}/GetCallOut": Rule(ANSWERING),
    f"{FORCE}/GetLedger": Rule(THEMSELVES),
    f"{FORCE}/ImportForces": Rule(ORDERING, verdict_each=True),
}

DEFAULT_PAGE, SUGGESTED = 50, 20

Context = grpc.aio.ServicerContext[Any, Any]


class ForceServicer(ForceServiceServicer):
    """Teams, associations, call-outs, hours."""

    def __init__(self, people: Persons, call_outs: CallOuts, ledger: Ledger) -> None:
        """These do the work."""
        self._people = people
        self._bodies = people.bodies
        self._call_outs = call_outs
        self._ledger = ledger

    async def EstablishForce(
        self, request: rpc.EstablishForceRequest, context: Context
    ) -> rpc.EstablishForceResponse:
        """A force begins."""
        del context
        return rpc.EstablishForceResponse(force=await self._order(request))

    async def NameSpeaker(self, request: rpc.NameSpeakerRequest, context: Context) -> rpc.NameSpeakerResponse:
        """Another speaks for it."""
        del context
        return rpc.NameSpeakerResponse(force=await self._order(request))

    async def DisbandForce(
        self, request: rpc.DisbandForceRequest, context: Context
    ) -> rpc.DisbandForceResponse:
        """A force ends."""
        del context
        return rpc.DisbandForceResponse(force=await self._order(request))

    async def GetForce(self, request: rpc.GetForceRequest, context: Context) -> rpc.GetForceResponse:
        """A force."""
        del context
        return rpc.GetForceResponse(force=await self._bodies.one(principal(), request.code))

    async def ListForces(self, request: rpc.ListForcesRequest, context: Context) -> rpc.ListForcesResponse:
        """Forces, by code."""
        del context
        limit = request.page_size or DEFAULT_PAGE
        found = await self._bodies.page(principal(), read_place(request.page_token), limit)
        last = found[-1].code if len(found) == limit else ""
        return rpc.ListForcesResponse(forces=found, next_page_token=write_place(last))

    async def SuggestVolunteers(
        self, request: rpc.SuggestVolunteersRequest, context: Context
    ) -> rpc.SuggestVolunteersResponse:
        """Who fits."""
        del context
        found = await self._call_outs.suggest(principal(), request, request.limit or SUGGESTED)
        return rpc.SuggestVolunteersResponse(
            suggestions=[
                ev.AskedVolunteer(
                    person_ref=each.person_ref,
                    reasons=[ev.Reason(code=reason.code, value=reason.value) for reason in each.reasons],
                )
                for each in found
            ]
        )

    async def CallOutVolunteers(
        self, request: rpc.CallOutVolunteersRequest, context: Context
    ) -> rpc.CallOutVolunteersResponse:
        """Call volunteers out."""
        del context
        called = await self._call_outs.call(principal(), request.meta, request)
        return rpc.CallOutVolunteersResponse(call_out=called)

    async def AskVolunteers(
        self, request: rpc.AskVolunteersRequest, context: Context
    ) -> rpc.AskVolunteersResponse:
        """Ask more of them."""
        del context
        return rpc.AskVolunteersResponse(call_out=await self._command(request))

    async def AnswerCallOut(
        self, request: rpc.AnswerCallOutRequest, context: Context
    ) -> rpc.AnswerCallOutResponse:
        """Whoever was asked comes, or can't."""
        del context
        return rpc.AnswerCallOutResponse(call_out=await self._command(request))

    async def CheckIn(self, request: rpc.CheckInRequest, context: Context) -> rpc.CheckInResponse:
        """Somebody is there."""
        del context
        return rpc.CheckInResponse(call_out=await self._command(request))

    async def CheckOut(self, request: rpc.CheckOutRequest, context: Context) -> rpc.CheckOutResponse:
        """Somebody leaves."""
        del context
        return rpc.CheckOutResponse(call_out=await self._command(request))

    async def EndCallOut(self, request: rpc.EndCallOutRequest, context: Context) -> rpc.EndCallOutResponse:
        """It is over."""
        del context
        return rpc.EndCallOutResponse(call_out=await self._command(request))

    async def CancelCallOut(
        self, request: rpc.CancelCallOutRequest, context: Context
    ) -> rpc.CancelCallOutResponse:
        """It does not take place."""
        del context
        return rpc.CancelCallOutResponse(call_out=await self._command(request))

    async def GetCallOut(self, request: rpc.GetCallOutRequest, context: Context) -> rpc.GetCallOutResponse:
        """A call-out."""
        del context
        return rpc.GetCallOutResponse(call_out=await self._call_outs.one(principal(), request.call_out_id))

    async def GetLedger(self, request: rpc.GetLedgerRequest, context: Context) -> rpc.GetLedgerResponse:
        """A volunteer's hours."""
        del context
        since, until = day_of("since", request.since), day_of("until", request.until)
        return await self._ledger.of(principal(), request.person_ref, since, until)

    async def ImportForces(
        self, request: AsyncIterator[rpc.ImportForcesRequest], context: Context
    ) -> rpc.ImportForcesResponse:
        """Take many over, and say of each that was refused why."""
        del context
        work = ImportForces(self._people, self._bodies, principal())
        await in_bulks(request, work.take)
        return work.answer

    async def _order(self, request: Any) -> rpc.Force:
        return await self._bodies.order(principal(), request.meta, request)

    async def _command(self, request: Any) -> rpc.CallOut:
        return await self._call_outs.command(principal(), request.call_out_id, request.meta, request)
