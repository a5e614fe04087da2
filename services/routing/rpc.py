"""gRPC: translate, call one handler. Errors are mapped in the chassis, in one place."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any

import grpc
from google.protobuf.message import Message

from fengqiao.common.v1.common_pb2 import Clock as ClockMessage
from fengqiao.common.v1.common_pb2 import CommandMeta
from fengqiao.routing.v1 import routing_service_pb2 as rpc
from fengqiao.routing.v1.routing_service_pb2_grpc import RoutingServiceServicer
from services.chassis.auth import Role, Rule
from services.chassis.errors import Forbidden
from services.chassis.paging import read_token, write_token
from services.chassis.protobuf import instant, timestamp
from services.chassis.reckoning import reached
from services.chassis.rpc import principal
from services.chassis.terms import Clock, to_message
from services.routing.domain import Case
from services.routing.handlers import Cases
from services.routing.moves.joining import Joining
from services.routing.moves.rpc import CLOCK_CALLS, MATTER_CALLS, ClockCalls, MatterCalls
from services.routing.preview import Preview
from services.routing.reasons import in_words
from services.routing.watching.onlookers import WITHIN_S, Onlookers

SERVICE = "/fengqiao.routing.v1.RoutingService"
READERS = frozenset({Role.HANDLER, Role.SUPERVISOR, Role.DESK, Role.CLERK, Role.OPERATOR, Role.REPLAY})
ACTORS = frozenset({Role.HANDLER, Role.DESK, Role.REPLAY})

# Default deny: a method that is not here is refused.
RULES = {
    f"{SERVICE}/GetCase": Rule(READERS | {Role.RESIDENT, Role.SERVICE}),
    f"{SERVICE}/BatchGetCases": Rule(READERS | {Role.SERVICE}),
    f"{SERVICE}/GetQueue": Rule(READERS),
    f"{SERVICE}/AcceptCase": Rule(ACTORS),
    f"{SERVICE}/ReportProgress": Rule(ACTORS),
    f"{SERVICE}/ResolveCase": Rule(ACTORS),
    f"{SERVICE}/EscalateCase": Rule(ACTORS),
    f"{SERVICE}/ReturnCase": Rule(ACTORS),
    f"{SERVICE}/RuleOnReturn": Rule(ACTORS),
    f"{SERVICE}/TransferCase": Rule(ACTORS),
    f"{SERVICE}/OrderSupervision": Rule(ACTORS),
    f"{SERVICE}/AnswerSupervision": Rule(ACTORS),
    f"{SERVICE}/JudgeAnswer": Rule(ACTORS),
    f"{SERVICE}/ListOrders": Rule(frozenset({Role.HANDLER, Role.SUPERVISOR, Role.DESK})),
    f"{SERVICE}/ReferCase": Rule(ACTORS),
    f"{SERVICE}/RecordCallBack": Rule(ACTORS),
    f"{SERVICE}/RecordReview": Rule(ACTORS),
    f"{SERVICE}/RecordEnd": Rule(ACTORS),
    f"{SERVICE}/ListFollowUps": Rule(frozenset({Role.HANDLER, Role.SUPERVISOR, Role.DESK})),
    f"{SERVICE}/RouteCase": Rule(READERS),
    f"{SERVICE}/ExplainDeadline": Rule(READERS | {Role.RESIDENT}),
    f"{SERVICE}/WatchBoard": Rule(READERS),
    f"{SERVICE}/RecuseHandler": Rule(ACTORS),
    f"{SERVICE}/WatchAttention": Rule(frozenset({Role.HANDLER, Role.SUPERVISOR, Role.DESK})),
    f"{SERVICE}/SplitOff": Rule(ACTORS),
    f"{SERVICE}/DelegateCase": Rule(ACTORS),
    f"{SERVICE}/EndDelegation": Rule(ACTORS),
    f"{SERVICE}/AskForAssistance": Rule(ACTORS),
    f"{SERVICE}/AnswerAssistance": Rule(ACTORS),
    f"{SERVICE}/EndAssistance": Rule(ACTORS),
    f"{SERVICE}/GetTeam": Rule(READERS),
    f"{SERVICE}/ListAssistances": Rule(frozenset({Role.HANDLER, Role.SUPERVISOR, Role.DESK})),
    **{f"{SERVICE}/{name}": Rule(ACTORS) for name in CLOCK_CALLS},
    **{f"{SERVICE}/{name}": Rule(ACTORS) for name in (*CLOCK_CALLS, *MATTER_CALLS)},
}

DEFAULT_PAGE = 50
BOARD_PERIOD_S = 1.0

Context = grpc.aio.ServicerContext[Any, Any]


class RoutingServicer(ClockCalls, MatterCalls, RoutingServiceServicer):
    """The ladder's RPCs."""

    def __init__(self, cases: Cases, preview: Preview, joining: Joining, onlookers: Onlookers) -> None:
        """`cases` does the work, `joining` that about several; `preview` says what would come of it;
        `onlookers` tells those who watch.
        """
        self._cases = cases
        self._preview = preview
        self._joining = joining
        self._onlookers = onlookers

    async def GetCase(self, request: rpc.GetCaseRequest, context: Context) -> rpc.GetCaseResponse:
        """One case."""
        del context
        record = await self._cases.one(principal(), request.case_id)
        [case] = await self._cases.get(principal(), [record.id])
        case.why.extend(in_words(case.assignment.reasons))
        if case.HasField("asked") and principal().role != Role.RESIDENT:
            case.asked.note = record.private.get("ask_note", "")
        if principal().role != Role.RESIDENT:
            case.joined_case_ids.extend(await self._joining.led_by(record.id))
        elif case.HasField("joined"):
            # That somebody else asked, and by which number, is theirs to tell.
            for name in ("lead_case_id", "lead_request_no", "joined_by"):
                case.joined.ClearField(name)
        return rpc.GetCaseResponse(case=case)

    async def BatchGetCases(
        self, request: rpc.BatchGetCasesRequest, context: Context
    ) -> rpc.BatchGetCasesResponse:
        """Many cases; those out of reach are left out."""
        del context
        return rpc.BatchGetCasesResponse(cases=await self._cases.get(principal(), request.case_ids))

    async def GetQueue(self, request: rpc.GetQueueRequest, context: Context) -> rpc.GetQueueResponse:
        """Open cases of a unit, soonest due first."""
        del context
        limit = request.page_size or DEFAULT_PAGE
        cases = await self._cases.queue(
            principal(), request.unit_id, _after(request.page_token), limit, below=request.include_below
        )
        return rpc.GetQueueResponse(cases=cases, next_page_token=_next_token(cases, limit))

    async def AcceptCase(self, request: rpc.AcceptCaseRequest, context: Context) -> rpc.AcceptCaseResponse:
        """The owner takes it on."""
        del context
        return rpc.AcceptCaseResponse(case=await self._command(request.case_id, request.meta, request))

    async def ReportProgress(
        self, request: rpc.ReportProgressRequest, context: Context
    ) -> rpc.ReportProgressResponse:
        """The owner did something."""
        del context
        return rpc.ReportProgressResponse(case=await self._command(request.case_id, request.meta, request))

    async def ResolveCase(self, request: rpc.ResolveCaseRequest, context: Context) -> rpc.ResolveCaseResponse:
        """The owner settled it."""
        del context
        return rpc.ResolveCaseResponse(case=await self._command(request.case_id, request.meta, request))

    async def EscalateCase(
        self, request: rpc.EscalateCaseRequest, context: Context
    ) -> rpc.EscalateCaseResponse:
        """The handler lifts it one tier."""
        del context
        return rpc.EscalateCaseResponse(case=await self._command(request.case_id, request.meta, request))

    async def ReturnCase(self, request: rpc.ReturnCaseRequest, context: Context) -> rpc.ReturnCaseResponse:
        """The handler gives it back."""
        del context
        return rpc.ReturnCaseResponse(case=await self._command(request.case_id, request.meta, request))

    async def RuleOnReturn(
        self, request: rpc.RuleOnReturnRequest, context: Context
    ) -> rpc.RuleOnReturnResponse:
        """The superior rules on a return."""
        del context
        return rpc.RuleOnReturnResponse(case=await self._command(request.case_id, request.meta, request))

    async def TransferCase(
        self, request: rpc.TransferCaseRequest, context: Context
    ) -> rpc.TransferCaseResponse:
        """It goes to another unit."""
        del context
        return rpc.TransferCaseResponse(case=await self._command(request.case_id, request.meta, request))

    async def OrderSupervision(
        self, request: rpc.OrderSupervisionRequest, context: Context
    ) -> rpc.OrderSupervisionResponse:
        """The desk or a superior orders the owner to act."""
        del context
        return rpc.OrderSupervisionResponse(case=await self._command(request.case_id, request.meta, request))

    async def AnswerSupervision(
        self, request: rpc.AnswerSupervisionRequest, context: Context
    ) -> rpc.AnswerSupervisionResponse:
        """The owner answers an order."""
        del context
        return rpc.AnswerSupervisionResponse(case=await self._command(request.case_id, request.meta, request))

    async def JudgeAnswer(self, request: rpc.JudgeAnswerRequest, context: Context) -> rpc.JudgeAnswerResponse:
        """Whoever ordered accepts the answer, or sends it back."""
        del context
        return rpc.JudgeAnswerResponse(case=await self._command(request.case_id, request.meta, request))

    async def ListOrders(self, request: rpc.ListOrdersRequest, context: Context) -> rpc.ListOrdersResponse:
        """Standing orders of a unit, soonest due case first."""
        del context
        limit = request.page_size or DEFAULT_PAGE
        orders = await self._cases.orders(
            principal(), request.unit_id, _after(request.page_token), limit, below=request.include_below
        )
        token = _next_token([each.case for each in orders], limit)
        return rpc.ListOrdersResponse(orders=orders, next_page_token=token)

    async def ReferCase(self, request: rpc.ReferCaseRequest, context: Context) -> rpc.ReferCaseResponse:
        """The top tier hands it over."""
        del context
        return rpc.ReferCaseResponse(case=await self._command(request.case_id, request.meta, request))

    async def RecordCallBack(
        self, request: rpc.RecordCallBackRequest, context: Context
    ) -> rpc.RecordCallBackResponse:
        """Somebody called the resident back."""
        del context
        return rpc.RecordCallBackResponse(case=await self._command(request.case_id, request.meta, request))

    async def RecordReview(
        self, request: rpc.RecordReviewRequest, context: Context
    ) -> rpc.RecordReviewResponse:
        """Somebody who did not handle it reviewed a settlement."""
        del context
        return rpc.RecordReviewResponse(case=await self._command(request.case_id, request.meta, request))

    async def RecordEnd(self, request: rpc.RecordEndRequest, context: Context) -> rpc.RecordEndResponse:
        """A superior puts the end of an early warning on record."""
        del context
        return rpc.RecordEndResponse(case=await self._command(request.case_id, request.meta, request))

    async def ListFollowUps(
        self, request: rpc.ListFollowUpsRequest, context: Context
    ) -> rpc.ListFollowUpsResponse:
        """Call-backs and reviews that are asked of a unit."""
        del context
        limit = request.page_size or DEFAULT_PAGE
        cases = await self._cases.follow_ups(
            principal(), request.unit_id, _after(request.page_token), limit, below=request.include_below
        )
        last = cases[-1] if len(cases) == limit else None
        due = (last.call_back if last.HasField("call_back") else last.review).clock.due_at if last else None
        token = write_token(instant(due), last.case_id) if last and due else ""
        return rpc.ListFollowUpsResponse(cases=cases, next_page_token=token)

    async def RouteCase(self, request: rpc.RouteCaseRequest, context: Context) -> rpc.RouteCaseResponse:
        """Where a case would start, and why."""
        del context
        return await self._preview.route(principal(), request)

    async def ExplainDeadline(
        self, request: rpc.ExplainDeadlineRequest, context: Context
    ) -> rpc.ExplainDeadlineResponse:
        """How each due time was found."""
        del context
        case = (await self._cases.one(principal(), request.case_id)).state
        zone = self._cases.base.sites[case.site_id].zone if case else UTC
        return to_explanation(case, zone) if case else rpc.ExplainDeadlineResponse()

    async def WatchBoard(
        self, request: rpc.WatchBoardRequest, context: Context
    ) -> AsyncIterator[rpc.WatchBoardResponse]:
        """The board now, and again whenever a count has changed."""
        del context
        if principal().site not in {request.site_id, "*"}:
            raise Forbidden("not your site")
        shown: bytes | None = None
        while True:
            board = await self._onlookers.board(request.site_id, 0.0 if shown is None else WITHIN_S)
            counts = rpc.WatchBoardResponse()
            counts.CopyFrom(board)
            # That time goes on is no news.
            counts.ClearField("now")
            if counts.SerializeToString(deterministic=True) != shown:
                shown = counts.SerializeToString(deterministic=True)
                yield board
            if not request.follow:
                return
            await asyncio.sleep(BOARD_PERIOD_S)

    async def RecuseHandler(
        self, request: rpc.RecuseHandlerRequest, context: Context
    ) -> rpc.RecuseHandlerResponse:
        """Whoever has the case has a direct interest."""
        del context
        return rpc.RecuseHandlerResponse(case=await self._command(request.case_id, request.meta, request))

    async def WatchAttention(
        self, request: rpc.WatchAttentionRequest, context: Context
    ) -> AsyncIterator[rpc.WatchAttentionResponse]:
        """What wants attention, and whatever changes of it."""
        del context
        async for message in self._onlookers.watch(principal(), request):
            yield message

    async def SplitOff(self, request: rpc.SplitOffRequest, context: Context) -> rpc.SplitOffResponse:
        """A part of the matter is for the courts."""
        del context
        return rpc.SplitOffResponse(case=await self._command(request.case_id, request.meta, request))

    async def DelegateCase(
        self, request: rpc.DelegateCaseRequest, context: Context
    ) -> rpc.DelegateCaseResponse:
        """The holder gives it to another of the unit until a day."""
        del context
        return rpc.DelegateCaseResponse(case=await self._command(request.case_id, request.meta, request))

    async def EndDelegation(
        self, request: rpc.EndDelegationRequest, context: Context
    ) -> rpc.EndDelegationResponse:
        """It goes back before its day."""
        del context
        return rpc.EndDelegationResponse(case=await self._command(request.case_id, request.meta, request))

    async def AskForAssistance(
        self, request: rpc.AskForAssistanceRequest, context: Context
    ) -> rpc.AskForAssistanceResponse:
        """The owner asks another unit or a department to help."""
        del context
        return rpc.AskForAssistanceResponse(case=await self._command(request.case_id, request.meta, request))

    async def AnswerAssistance(
        self, request: rpc.AnswerAssistanceRequest, context: Context
    ) -> rpc.AnswerAssistanceResponse:
        """Who was asked answers."""
        del context
        return rpc.AnswerAssistanceResponse(case=await self._command(request.case_id, request.meta, request))

    async def EndAssistance(
        self, request: rpc.EndAssistanceRequest, context: Context
    ) -> rpc.EndAssistanceResponse:
        """The owner needs it no longer."""
        del context
        return rpc.EndAssistanceResponse(case=await self._command(request.case_id, request.meta, request))

    async def GetTeam(self, request: rpc.GetTeamRequest, context: Context) -> rpc.GetTeamResponse:
        """Who works on a case."""
        del context
        return await self._cases.team(principal(), request.case_id)

    async def ListAssistances(
        self, request: rpc.ListAssistancesRequest, context: Context
    ) -> rpc.ListAssistancesResponse:
        """Cases that a unit is asked to assist with."""
        del context
        limit = request.page_size or DEFAULT_PAGE
        after = _after(request.page_token)
        cases = await self._cases.assisted(principal(), request.unit_id, after, limit)
        return rpc.ListAssistancesResponse(cases=cases, next_page_token=_next_token(cases, limit))

    async def _command(self, case_id: str, meta: CommandMeta, request: Message) -> rpc.Case:
        return await self._cases.command(principal(), case_id, meta, request)


def _after(token: str) -> tuple[datetime, str] | None:
    """The (due time, id) pair that a page goes on after."""
    return read_token(token, lambda at, rest: (at, str(rest[0]))) if token else None


def _next_token(cases: Sequence[rpc.Case], limit: int) -> str:
    last = cases[-1] if len(cases) == limit else None
    return write_token(instant(last.due_at), last.case_id) if last else ""


def to_explanation(case: Case, zone: tzinfo) -> rpc.ExplainDeadlineResponse:
    """Every clock with its steps, and what each adds up to with those before it."""

    def explained(clock: Clock, clocks: int = 1) -> ClockMessage:
        message = to_message(clock)
        for step, until in zip(message.explanation, reached(clock, zone, clocks), strict=True):
            step.until.CopyFrom(timestamp(until))
        return message

    return rpc.ExplainDeadlineResponse(
        clocks=[explained(clock, len(case.plan)) for clock in case.plan],
        running=case.clock.name if case.clock and not case.pause else "",
        follow_up=explained(case.followup.clock) if case.followup and case.followup.clock else None,
        ruling=explained(case.returned.clock) if case.returned else None,
        order=explained(case.order.clock) if case.order and case.order.clock else None,
        first_contact=explained(case.contact) if case.contact else None,
        pause=explained(case.pause.clock) if case.pause else None,
        end=explained(case.ending.clock) if case.ending and case.ending.clock else None,
    )
