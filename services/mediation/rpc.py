"""gRPC: translate, call one handler. Errors are mapped in the chassis, in one place."""

from typing import Any

import grpc
from google.protobuf.message import Message

from fengqiao.common.v1.common_pb2 import CommandMeta
from fengqiao.mediation.v1 import mediation_service_pb2 as rpc
from fengqiao.mediation.v1.mediation_service_pb2_grpc import MediationServiceServicer
from services.chassis import terms
from services.chassis.auth import Role, Rule
from services.chassis.paging import read_token, write_token
from services.chassis.rpc import principal
from services.mediation.access import STAFF
from services.mediation.handlers import Disputes

SERVICE = "/fengqiao.mediation.v1.MediationService"
MEDIATORS = frozenset({Role.MEDIATOR})
VOICES = STAFF | MEDIATORS | {Role.RESIDENT}
READERS = VOICES | {Role.SUPERVISOR}

# Default deny: a method that is not here is refused.
RULES = {
    f"{SERVICE}/OpenMediation": Rule(STAFF),
    f"{SERVICE}/GiveConsent": Rule(VOICES),
    f"{SERVICE}/RefuseMediation": Rule(VOICES),
    f"{SERVICE}/ChooseMediator": Rule(VOICES),
    f"{SERVICE}/ConfirmMediator": Rule(MEDIATORS),
    f"{SERVICE}/ScheduleSession": Rule(MEDIATORS),
    f"{SERVICE}/RecordSession": Rule(MEDIATORS),
    f"{SERVICE}/ExtendTerm": Rule(MEDIATORS),
    f"{SERVICE}/ProposeAgreement": Rule(MEDIATORS),
    f"{SERVICE}/SignAgreement": Rule(VOICES),
    f"{SERVICE}/EndMediation": Rule(MEDIATORS | STAFF),
    f"{SERVICE}/GetMediation": Rule(READERS),
    f"{SERVICE}/ListMediations": Rule(STAFF | {Role.SUPERVISOR}),
    f"{SERVICE}/ExplainDeadline": Rule(READERS),
}

DEFAULT_PAGE = 50

Context = grpc.aio.ServicerContext[Any, Any]


class MediationServicer(MediationServiceServicer):
    """Mediation's RPCs."""

    def __init__(self, disputes: Disputes) -> None:
        """`disputes` does the work."""
        self._disputes = disputes

    async def OpenMediation(
        self, request: rpc.OpenMediationRequest, context: Context
    ) -> rpc.OpenMediationResponse:
        """Name the parties."""
        del context
        return rpc.OpenMediationResponse(
            mediation=await self._command(request.case_id, request.meta, request)
        )

    async def GiveConsent(self, request: rpc.GiveConsentRequest, context: Context) -> rpc.GiveConsentResponse:
        """A party consents."""
        del context
        return rpc.GiveConsentResponse(mediation=await self._command(request.case_id, request.meta, request))

    async def RefuseMediation(
        self, request: rpc.RefuseMediationRequest, context: Context
    ) -> rpc.RefuseMediationResponse:
        """A party refuses, or leaves."""
        del context
        return rpc.RefuseMediationResponse(
            mediation=await self._command(request.case_id, request.meta, request)
        )

    async def ChooseMediator(
        self, request: rpc.ChooseMediatorRequest, context: Context
    ) -> rpc.ChooseMediatorResponse:
        """A party names the mediator it wants."""
        del context
        return rpc.ChooseMediatorResponse(
            mediation=await self._command(request.case_id, request.meta, request)
        )

    async def ConfirmMediator(
        self, request: rpc.ConfirmMediatorRequest, context: Context
    ) -> rpc.ConfirmMediatorResponse:
        """The mediator takes it on, or declines."""
        del context
        return rpc.ConfirmMediatorResponse(
            mediation=await self._command(request.case_id, request.meta, request)
        )

    async def ScheduleSession(
        self, request: rpc.ScheduleSessionRequest, context: Context
    ) -> rpc.ScheduleSessionResponse:
        """A session is fixed."""
        del context
        return rpc.ScheduleSessionResponse(
            mediation=await self._command(request.case_id, request.meta, request)
        )

    async def RecordSession(
        self, request: rpc.RecordSessionRequest, context: Context
    ) -> rpc.RecordSessionResponse:
        """A session took place."""
        del context
        return rpc.RecordSessionResponse(
            mediation=await self._command(request.case_id, request.meta, request)
        )

    async def ExtendTerm(self, request: rpc.ExtendTermRequest, context: Context) -> rpc.ExtendTermResponse:
        """More time."""
        del context
        return rpc.ExtendTermResponse(mediation=await self._command(request.case_id, request.meta, request))

    async def ProposeAgreement(
        self, request: rpc.ProposeAgreementRequest, context: Context
    ) -> rpc.ProposeAgreementResponse:
        """What they agree on."""
        del context
        return rpc.ProposeAgreementResponse(
            mediation=await self._command(request.case_id, request.meta, request)
        )

    async def SignAgreement(
        self, request: rpc.SignAgreementRequest, context: Context
    ) -> rpc.SignAgreementResponse:
        """Somebody signs."""
        del context
        return rpc.SignAgreementResponse(
            mediation=await self._command(request.case_id, request.meta, request)
        )

    async def EndMediation(
        self, request: rpc.EndMediationRequest, context: Context
    ) -> rpc.EndMediationResponse:
        """It is over without an agreement."""
        del context
        return rpc.EndMediationResponse(mediation=await self._command(request.case_id, request.meta, request))

    async def GetMediation(
        self, request: rpc.GetMediationRequest, context: Context
    ) -> rpc.GetMediationResponse:
        """One mediation."""
        del context
        return rpc.GetMediationResponse(mediation=await self._disputes.get(principal(), request.case_id))

    async def ListMediations(
        self, request: rpc.ListMediationsRequest, context: Context
    ) -> rpc.ListMediationsResponse:
        """Open mediations of a unit, soonest due first."""
        del context
        limit = request.page_size or DEFAULT_PAGE
        after = (
            read_token(request.page_token, lambda at, rest: (at, str(rest[0])))
            if request.page_token
            else None
        )
        page = await self._disputes.page(principal(), request, after, limit)
        due_at, last = page[-1] if len(page) == limit else (None, None)
        token = write_token(due_at, last.case_id) if due_at and last else ""
        return rpc.ListMediationsResponse(mediations=[shown for _, shown in page], next_page_token=token)

    async def ExplainDeadline(
        self, request: rpc.ExplainDeadlineRequest, context: Context
    ) -> rpc.ExplainDeadlineResponse:
        """How each due time was found."""
        del context
        dispute = (await self._disputes.one(principal(), request.case_id)).state
        if dispute is None:
            return rpc.ExplainDeadlineResponse()
        return rpc.ExplainDeadlineResponse(
            clocks=[terms.to_message(clock) for clock in dispute.clocks],
            running=dispute.clock.name if dispute.clock else "",
        )

    async def _command(self, case_id: str, meta: CommandMeta, request: Message) -> rpc.Mediation:
        return await self._disputes.command(principal(), case_id, meta, request)
