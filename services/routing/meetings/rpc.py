"""gRPC of joint meetings: translate, call one handler. Errors are mapped in the chassis, in one place."""

from typing import Any

import grpc

from fengqiao.routing.v1 import meeting_service_pb2 as rpc
from fengqiao.routing.v1.meeting_service_pb2_grpc import MeetingServiceServicer
from services.chassis.auth import Role, Rule
from services.chassis.paging import read_place, write_place
from services.chassis.rpc import principal
from services.routing.meetings.meetings import Meetings

SERVICE = "/fengqiao.routing.v1.MeetingService"
READERS = frozenset({Role.HANDLER, Role.SUPERVISOR, Role.DESK})
ORDERING = frozenset({Role.SUPERVISOR, Role.DESK})

# Default deny: a method that is not here is refused.
RULES = {
    f"{SERVICE}/CallMeeting": Rule(ORDERING),
    f"{SERVICE}/PutOnAgenda": Rule(ORDERING),
    f"{SERVICE}/RecordMinutes": Rule(ORDERING),
    f"{SERVICE}/AssignMeetingTask": Rule(ORDERING),
    # The unit that has the task says that it is done.
    f"{SERVICE}/FinishMeetingTask": Rule(ORDERING | {Role.HANDLER}),
    f"{SERVICE}/LeaveMeetingTaskOpen": Rule(ORDERING),
    f"{SERVICE}/CloseMeeting": Rule(ORDERING),
    f"{SERVICE}/CancelMeeting": Rule(ORDERING),
    f"{SERVICE}/GetMeeting": Rule(READERS),
    f"{SERVICE}/ListMeetings": Rule(READERS),
}

DEFAULT_PAGE = 50

Context = grpc.aio.ServicerContext[Any, Any]


class MeetingServicer(MeetingServiceServicer):
    """Agenda, minutes, tasks, closure."""

    def __init__(self, meetings: Meetings) -> None:
        """`meetings` does the work."""
        self._meetings = meetings

    async def CallMeeting(self, request: rpc.CallMeetingRequest, context: Context) -> rpc.CallMeetingResponse:
        """A meeting is to be held."""
        del context
        return rpc.CallMeetingResponse(meeting=await self._meetings.call(principal(), request.meta, request))

    async def PutOnAgenda(self, request: rpc.PutOnAgendaRequest, context: Context) -> rpc.PutOnAgendaResponse:
        """It takes something up."""
        del context
        return rpc.PutOnAgendaResponse(meeting=await self._meetings.put(principal(), request.meta, request))

    async def RecordMinutes(
        self, request: rpc.RecordMinutesRequest, context: Context
    ) -> rpc.RecordMinutesResponse:
        """What was said and agreed."""
        del context
        return rpc.RecordMinutesResponse(meeting=await self._command(request))

    async def AssignMeetingTask(
        self, request: rpc.AssignMeetingTaskRequest, context: Context
    ) -> rpc.AssignMeetingTaskResponse:
        """A unit is to do something."""
        del context
        meeting = await self._meetings.assign(principal(), request.meta, request)
        return rpc.AssignMeetingTaskResponse(meeting=meeting)

    async def FinishMeetingTask(
        self, request: rpc.FinishMeetingTaskRequest, context: Context
    ) -> rpc.FinishMeetingTaskResponse:
        """It is done."""
        del context
        return rpc.FinishMeetingTaskResponse(meeting=await self._command(request))

    async def LeaveMeetingTaskOpen(
        self, request: rpc.LeaveMeetingTaskOpenRequest, context: Context
    ) -> rpc.LeaveMeetingTaskOpenResponse:
        """It stays open for a reason."""
        del context
        return rpc.LeaveMeetingTaskOpenResponse(meeting=await self._command(request))

    async def CloseMeeting(
        self, request: rpc.CloseMeetingRequest, context: Context
    ) -> rpc.CloseMeetingResponse:
        """Nothing is open without a reason."""
        del context
        return rpc.CloseMeetingResponse(meeting=await self._command(request))

    async def CancelMeeting(
        self, request: rpc.CancelMeetingRequest, context: Context
    ) -> rpc.CancelMeetingResponse:
        """It is not held."""
        del context
        return rpc.CancelMeetingResponse(meeting=await self._command(request))

    async def GetMeeting(self, request: rpc.GetMeetingRequest, context: Context) -> rpc.GetMeetingResponse:
        """A meeting."""
        del context
        return rpc.GetMeetingResponse(meeting=await self._meetings.one(principal(), request.meeting_id))

    async def ListMeetings(
        self, request: rpc.ListMeetingsRequest, context: Context
    ) -> rpc.ListMeetingsResponse:
        """Meetings, by day."""
        del context
        after, limit = read_place(request.page_token), request.page_size or DEFAULT_PAGE
        meetings, last = await self._meetings.page(principal(), request.since, after, limit)
        return rpc.ListMeetingsResponse(meetings=meetings, next_page_token=write_place(last))

    async def _command(self, request: Any) -> rpc.Meeting:
        return await self._meetings.command(principal(), request.meta, request)
