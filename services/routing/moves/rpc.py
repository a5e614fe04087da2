"""gRPC: the calls about a case's clocks, and about cases of one matter."""

from typing import Any

import grpc
from google.protobuf.message import Message

from fengqiao.common.v1.common_pb2 import CommandMeta
from fengqiao.routing.v1 import routing_service_pb2 as rpc
from services.chassis.rpc import principal
from services.routing.moves.joining import Joining

CLOCK_CALLS = ("AskForPause", "AskForExtension", "GrantTime", "RefuseTime", "ResumeCase")
MATTER_CALLS = ("JoinCase", "PartCase")

Context = grpc.aio.ServicerContext[Any, Any]


class MatterCalls:
    """What of the ladder's RPCs joins and parts cases."""

    _joining: Joining

    async def JoinCase(self, request: rpc.JoinCaseRequest, context: Context) -> rpc.JoinCaseResponse:
        """It joins another of the same matter."""
        del context
        return rpc.JoinCaseResponse(case=await self._joining.join(principal(), request))

    async def PartCase(self, request: rpc.PartCaseRequest, context: Context) -> rpc.PartCaseResponse:
        """It stands by itself again."""
        del context
        return rpc.PartCaseResponse(case=await self._joining.part(principal(), request))


class ClockCalls:
    """What of the ladder's RPCs pauses and extends clocks."""

    async def _command(self, case_id: str, meta: CommandMeta, request: Message) -> rpc.Case:
        raise NotImplementedError

    async def AskForPause(self, request: rpc.AskForPauseRequest, context: Context) -> rpc.AskForPauseResponse:
        """The owner asks for a pause."""
        del context
        return rpc.AskForPauseResponse(case=await self._command(request.case_id, request.meta, request))

    async def AskForExtension(
        self, request: rpc.AskForExtensionRequest, context: Context
    ) -> rpc.AskForExtensionResponse:
        """The owner asks for more time."""
        del context
        return rpc.AskForExtensionResponse(case=await self._command(request.case_id, request.meta, request))

    async def GrantTime(self, request: rpc.GrantTimeRequest, context: Context) -> rpc.GrantTimeResponse:
        """The rule's approver grants it."""
        del context
        return rpc.GrantTimeResponse(case=await self._command(request.case_id, request.meta, request))

    async def RefuseTime(self, request: rpc.RefuseTimeRequest, context: Context) -> rpc.RefuseTimeResponse:
        """The rule's approver refuses it."""
        del context
        return rpc.RefuseTimeResponse(case=await self._command(request.case_id, request.meta, request))

    async def ResumeCase(self, request: rpc.ResumeCaseRequest, context: Context) -> rpc.ResumeCaseResponse:
        """A pause ends early."""
        del context
        return rpc.ResumeCaseResponse(case=await self._command(request.case_id, request.meta, request))
