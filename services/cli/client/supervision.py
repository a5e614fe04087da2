"""Supervision orders (督办): order, answer, judge, list."""

from enum import StrEnum
from typing import Annotated

import typer

from fengqiao.common.v1.common_pb2 import CommandMeta
from fengqiao.routing.v1 import events_pb2 as ev
from fengqiao.routing.v1 import routing_service_pb2 as rpc
from services.chassis.auth import Role
from services.cli.client import text
from services.cli.client.cases import Case, Note, change, name_of
from services.cli.client.options import client
from services.cli.client.session import Session

supervision = typer.Typer(
    help="Supervision orders (督办): up to their written answer.",
    no_args_is_help=True,
    add_completion=False,
)

Number = Annotated[int, typer.Argument(metavar="ORDER", help="Number of the order.", min=1)]


class Cause(StrEnum):
    """Why a superior orders."""

    NO_PROGRESS = "no-progress"
    COMPLAINT = "complaint"
    RISK = "risk"
    PUBLIC_CONCERN = "public-concern"
    REPEATED = "repeated"


class Judged(StrEnum):
    """What becomes of an answer."""

    ACCEPTED = "accepted"
    SENT_BACK = "sent-back"


@supervision.command("order")
@client(Role.DESK, changes=True)
async def order(
    to: Session,
    meta: CommandMeta,
    case: Case,
    reason: Annotated[Cause, typer.Argument(help="Why.")],
    *,
    note: Note = "",
) -> None:
    """The desk or a superior orders the owner of a case to act and to answer."""
    code = ev.OrderReason.Value(name_of("ORDER_REASON", reason))
    request = rpc.OrderSupervisionRequest(meta=meta, case_id=case, reason=code, note=note)
    await change(to, to.routing.OrderSupervision, request)


@supervision.command("answer")
@client(Role.HANDLER, changes=True)
async def answer(
    to: Session,
    meta: CommandMeta,
    case: Case,
    number: Number,
    result: Annotated[str, typer.Argument(help="What came of it, as a code, e.g. repaired.")],
    words: Annotated[str, typer.Argument(metavar="TEXT", help="The answer; stays in routing's store.")],
) -> None:
    """The owner answers an order in writing."""
    request = rpc.AnswerSupervisionRequest(meta=meta, case_id=case, order=number, result=result, text=words)
    await change(to, to.routing.AnswerSupervision, request)


@supervision.command("judge")
@client(Role.DESK, changes=True)
async def judge(
    to: Session,
    meta: CommandMeta,
    case: Case,
    number: Number,
    judgement: Annotated[Judged, typer.Argument(help="What becomes of the answer.")],
    *,
    note: Note = "",
) -> None:
    """Whoever ordered accepts the answer, or sends it back."""
    code = rpc.Judgement.Value(name_of("JUDGEMENT", judgement))
    request = rpc.JudgeAnswerRequest(meta=meta, case_id=case, order=number, judgement=code, note=note)
    await change(to, to.routing.JudgeAnswer, request)


@supervision.command("list")
@client(Role.DESK)
async def list_orders(
    to: Session,
    owner: Annotated[str, typer.Argument(metavar="UNIT", help="Whose cases.")],
    *,
    below: Annotated[bool, typer.Option("--below", help="Those of the units below it too.")] = False,
    limit: Annotated[int, typer.Option(help="At most so many.", min=1, max=500)] = 50,
    page: Annotated[str, typer.Option(help="Go on after this page token.")] = "",
) -> None:
    """Standing orders of a unit."""
    request = rpc.ListOrdersRequest(unit_id=owner, include_below=below, page_size=limit, page_token=page)
    answered = await to.call(to.routing.ListOrders, request)
    rows = [
        (
            each.case.case_id,
            str(each.case.order.number),
            text.word(rpc.OrderStatus, each.case.order.status, "ORDER_STATUS_"),
            each.case.assignment.unit_id,
            each.case.order.orderer_unit_id or "desk",
            text.at(each.case.order.clock.due_at),
            str(each.case.order.repeats),
            each.case.order.result,
        )
        for each in answered.orders
    ]
    heads = ("case", "order", "status", "unit", "ordered by", "answer by", "repeats", "result")
    more = f"\nmore: --page {answered.next_page_token}" if answered.next_page_token else ""
    to.show(answered, (text.columns(rows, heads) if rows else "no standing order") + more)
