"""What follows a settlement: call the resident back, review what they call poor, list both."""

from enum import StrEnum
from typing import Annotated

import typer

from fengqiao.common.v1.common_pb2 import CommandMeta
from fengqiao.routing.v1 import followup_events_pb2 as fu
from fengqiao.routing.v1 import routing_service_pb2 as rpc
from services.chassis.auth import Role
from services.cli.client import text
from services.cli.client.cases import Case, Note, change, name_of
from services.cli.client.options import client
from services.cli.client.session import Misuse, Session


class Finding(StrEnum):
    """What a review comes to."""

    UPHELD = "upheld"
    SETTLED_PROPERLY = "settled-properly"


@client(Role.DESK, changes=True)
async def call_back(
    to: Session,
    meta: CommandMeta,
    case: Case,
    rating: Annotated[int, typer.Argument(help="1 (poor) to 5 (good), as they said.", min=0, max=5)] = 0,
    *,
    solved: Annotated[
        bool | None, typer.Option("--solved/--not-solved", help="Is the matter settled, as they said?")
    ] = None,
    missed: Annotated[bool, typer.Option("--not-reached", help="Nobody answered.")] = False,
    note: Note = "",
) -> None:
    """The resident was called back (回访): what they answered, or that nobody did."""
    if missed == (solved is not None):
        raise Misuse("say --not-reached, or a rating with --solved or --not-solved")
    request = rpc.RecordCallBackRequest(
        meta=meta, case_id=case, reached=not missed, solved=bool(solved), rating=rating, note=note
    )
    await change(to, to.routing.RecordCallBack, request)


@client(Role.DESK, changes=True)
async def review(
    to: Session,
    meta: CommandMeta,
    case: Case,
    number: Annotated[int, typer.Argument(metavar="REVIEW", help="Number of the review.", min=1)],
    finding: Annotated[Finding, typer.Argument(help="Is the resident right?")],
    *,
    note: Note = "",
) -> None:
    """Somebody who did not handle a case says whether its settlement was poor."""
    code = fu.ReviewFinding.Value(name_of("REVIEW_FINDING", finding))
    request = rpc.RecordReviewRequest(meta=meta, case_id=case, number=number, finding=code, note=note)
    await change(to, to.routing.RecordReview, request)


@client(Role.DESK)
async def follow_ups(
    to: Session,
    asked: Annotated[str, typer.Argument(metavar="UNIT", help="Of whom; without it of the desk.")] = "",
    *,
    below: Annotated[bool, typer.Option("--below", help="Of the units below it too.")] = False,
    limit: Annotated[int, typer.Option(help="At most so many.", min=1, max=500)] = 50,
    page: Annotated[str, typer.Option(help="Go on after this page token.")] = "",
) -> None:
    """Settled cases about which a unit is to call back, or which it is to review, soonest due first."""
    request = rpc.ListFollowUpsRequest(unit_id=asked, include_below=below, page_size=limit, page_token=page)
    answered = await to.call(to.routing.ListFollowUps, request)
    rows = []
    for each in answered.cases:
        calling = each.HasField("call_back")
        due = each.call_back if calling else each.review
        who = each.call_back.caller_unit_id if calling else each.review.reviewer_unit_id
        what = "call back" if calling else f"review {each.review.number}"
        told = (each.case_id, each.request_no, what, who or "desk", text.at(due.clock.due_at))
        rows.append((*told, str(due.repeats), each.assignment.unit_id))
    heads = ("case", "number", "what", "asked of", "by", "repeats", "settled by")
    more = f"\nmore: --page {answered.next_page_token}" if answered.next_page_token else ""
    to.show(answered, (text.columns(rows, heads) if rows else "nothing is asked") + more)
