"""gRPC: translate, call one handler. Errors are mapped in the chassis, in one place."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any

import grpc
from google.protobuf.message import Message

from fengqiao.common.v1.common_pb2 import CommandMeta
from fengqiao.routing.v1 import routing_service_pb2 as rpc
from fengqiao.routing.v1.routing_service_pb2_grpc import RoutingServiceServicer
from services.chassis.auth import Role, Rule
from services.chassis.errors import Forbidden
from services.chassis.paging import read_token, write_token
from services.chassis.protobuf import instant
from services.chassis.rpc import principal
from services.chassis.terms import to_message
from services.routing.domain import Case
from services.routing.handlers import Cases
from services.routing.preview import Preview

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
    f"{SERVICE}/ListFollowUps": Rule(frozenset({Role.HANDLER, Role.SUPERVISOR, Role.DESK})),
    f"{SERVICE}/RouteCase": Rule(READERS),
    f"{SERVICE}/ExplainDeadline": Rule(READERS | {Role.RESIDENT}),
    f"{SERVICE}/WatchBoard": Rule(READERS),
}

DEFAULT_PAGE = 50
BOARD_PERIOD_S = 1.0

Context = grpc.aio.ServicerContext[Any, Any]


class RoutingServicer(RoutingServiceServicer):
    """The ladder's RPCs."""

    def __init__(self, cases: Cases, preview: Preview) -> None:
        """`cases` does the work; `preview` says what would come of it."""
        self._cases = cases
        self._preview = preview

    async def GetCase(self, request: rpc.GetCaseRequest, context: Context) -> rpc.GetCaseResponse:
        """One case."""
        del context
        record = await self._cases.one(principal(), request.case_id)
        [case] = await self._cases.get(principal(), [record.id])
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
        return to_explanation(case) if case else rpc.ExplainDeadlineResponse()

    async def WatchBoard(
        self, request: rpc.WatchBoardRequest, context: Context
    ) -> AsyncIterator[rpc.WatchBoardResponse]:
        """The board now, and again whenever a count has changed."""
        del context
        if principal().site not in {request.site_id, "*"}:
            raise Forbidden("not your site")
        shown: rpc.WatchBoardResponse | None = None
        while True:
            board = await self._cases.board(request.site_id)
            if shown is None or board.SerializeToString() != shown.SerializeToString():
                shown = board
                yield board
            if not request.follow:
                return
            await asyncio.sleep(BOARD_PERIOD_S)

    async def _command(self, case_id: str, meta: CommandMeta, request: Message) -> rpc.Case:
        return await self._cases.command(principal(), case_id, meta, request)


def _after(token: str) -> tuple[datetime, str] | None:
    """The (due time, id) pair that a page goes on after."""
    return read_token(token, lambda at, rest: (at, str(rest[0]))) if token else None


def _next_token(cases: Sequence[rpc.Case], limit: int) -> str:
    last = cases[-1] if len(cases) == limit else None
    return write_token(instant(last.due_at), last.case_id) if last else ""


def to_explanation(case: Case) -> rpc.ExplainDeadlineResponse:
    """Every tier's clock with its steps."""
    return rpc.ExplainDeadlineResponse(
        clocks=[to_message(clock) for clock in case.plan],
        running=case.clock.name if case.clock else "",
        ruling=to_message(case.returned.clock) if case.returned else None,
        order=to_message(case.order.clock) if case.order and case.order.clock else None,
        follow_up=to_message(case.followup.clock) if case.followup and case.followup.clock else None,
    )
