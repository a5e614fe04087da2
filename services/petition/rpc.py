"""gRPC: translate, call one handler. Errors are mapped in the chassis, in one place."""

from typing import Any

import grpc
from google.protobuf.message import Message

from fengqiao.common.v1.common_pb2 import CommandMeta
from fengqiao.petition.v1 import petition_service_pb2 as rpc
from fengqiao.petition.v1.petition_service_pb2_grpc import PetitionServiceServicer
from services.chassis import terms
from services.chassis.auth import Role, Rule
from services.chassis.paging import read_token, write_token
from services.chassis.rpc import principal
from services.petition.handlers import Petitions

SERVICE = "/fengqiao.petition.v1.PetitionService"
ACTORS = frozenset({Role.PETITION_OFFICER, Role.INSPECTOR})
READERS = ACTORS | {Role.SUPERVISOR, Role.DESK, Role.HANDLER}

# Default deny: a method that is not here is refused.
RULES = {
    f"{SERVICE}/RegisterPetition": Rule(ACTORS),
    f"{SERVICE}/RoutePetition": Rule(ACTORS),
    f"{SERVICE}/NotifyReceipt": Rule(ACTORS),
    f"{SERVICE}/AcceptPetition": Rule(ACTORS),
    f"{SERVICE}/ExtendDeadline": Rule(ACTORS),
    # A handler is let in to be told the rule that keeps a committee from it; see `access`.
    f"{SERVICE}/IssueOpinion": Rule(ACTORS | {Role.HANDLER}),
    f"{SERVICE}/DeliverOpinion": Rule(ACTORS),
    f"{SERVICE}/ReplyToPetition": Rule(ACTORS),
    f"{SERVICE}/GetPetition": Rule(READERS | {Role.RESIDENT}),
    f"{SERVICE}/ListPetitions": Rule(READERS),
    f"{SERVICE}/ExplainDeadline": Rule(READERS | {Role.RESIDENT}),
}

DEFAULT_PAGE = 50

Context = grpc.aio.ServicerContext[Any, Any]


class PetitionServicer(PetitionServiceServicer):
    """The RPCs of petitions and accusations."""

    def __init__(self, petitions: Petitions) -> None:
        """`petitions` does the work."""
        self._petitions = petitions

    async def RegisterPetition(
        self, request: rpc.RegisterPetitionRequest, context: Context
    ) -> rpc.RegisterPetitionResponse:
        del context
        petition = await self._command(request.case_id, request.meta, request)
        return rpc.RegisterPetitionResponse(petition=petition)

    async def RoutePetition(
        self, request: rpc.RoutePetitionRequest, context: Context
    ) -> rpc.RoutePetitionResponse:
        del context
        petition = await self._command(request.case_id, request.meta, request)
        return rpc.RoutePetitionResponse(petition=petition)

    async def NotifyReceipt(
        self, request: rpc.NotifyReceiptRequest, context: Context
    ) -> rpc.NotifyReceiptResponse:
        del context
        petition = await self._command(request.case_id, request.meta, request)
        return rpc.NotifyReceiptResponse(petition=petition)

    async def AcceptPetition(
        self, request: rpc.AcceptPetitionRequest, context: Context
    ) -> rpc.AcceptPetitionResponse:
        del context
        petition = await self._command(request.case_id, request.meta, request)
        return rpc.AcceptPetitionResponse(petition=petition)

    async def ExtendDeadline(
        self, request: rpc.ExtendDeadlineRequest, context: Context
    ) -> rpc.ExtendDeadlineResponse:
        del context
        petition = await self._command(request.case_id, request.meta, request)
        return rpc.ExtendDeadlineResponse(petition=petition)

    async def IssueOpinion(
        self, request: rpc.IssueOpinionRequest, context: Context
    ) -> rpc.IssueOpinionResponse:
        del context
        petition = await self._command(request.case_id, request.meta, request)
        return rpc.IssueOpinionResponse(petition=petition)

    async def DeliverOpinion(
        self, request: rpc.DeliverOpinionRequest, context: Context
    ) -> rpc.DeliverOpinionResponse:
        del context
        petition = await self._command(request.case_id, request.meta, request)
        return rpc.DeliverOpinionResponse(petition=petition)

    async def ReplyToPetition(
        self, request: rpc.ReplyToPetitionRequest, context: Context
    ) -> rpc.ReplyToPetitionResponse:
        del context
        petition = await self._command(request.case_id, request.meta, request)
        return rpc.ReplyToPetitionResponse(petition=petition)

    async def GetPetition(self, request: rpc.GetPetitionRequest, context: Context) -> rpc.GetPetitionResponse:
        del context
        return rpc.GetPetitionResponse(petition=await self._petitions.get(principal(), request.case_id))

    async def ListPetitions(
        self, request: rpc.ListPetitionsRequest, context: Context
    ) -> rpc.ListPetitionsResponse:
        del context
        limit = request.page_size or DEFAULT_PAGE
        after = (
            read_token(request.page_token, lambda at, rest: (at, str(rest[0])))
            if request.page_token
            else None
        )
        page = await self._petitions.page(principal(), request, after, limit)
        due_at, last = page[-1] if len(page) == limit else (None, None)
        token = write_token(due_at, last.case_id) if due_at and last else ""
        return rpc.ListPetitionsResponse(petitions=[shown for _, shown in page], next_page_token=token)

    async def ExplainDeadline(
        self, request: rpc.ExplainDeadlineRequest, context: Context
    ) -> rpc.ExplainDeadlineResponse:
        del context
        state = (await self._petitions.one(principal(), request.case_id)).state
        if state is None:
            return rpc.ExplainDeadlineResponse()
        return rpc.ExplainDeadlineResponse(
            clocks=[terms.to_message(clock) for clock in state.clocks],
            running=[state.clock.name] if state.clock else [],
        )

    async def _command(self, case_id: str, meta: CommandMeta, request: Message) -> rpc.Petition:
        return await self._petitions.command(principal(), case_id, meta, request)
