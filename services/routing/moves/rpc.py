"""gRPC: the calls about a case's clocks."""

from typing import Any

import grpc
from google.protobuf.message import Message

from fengqiao.common.v1.common_pb2 import CommandMeta
from fengqiao.routing.v1 import routing_service_pb2 as rpc

CLOCK_CALLS = ("AskForPause", "AskForExtension", "GrantTime", "RefuseTime", "ResumeCase")

Context = grpc.aio.ServicerContext[Any, Any]


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
