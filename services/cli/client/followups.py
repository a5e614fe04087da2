"""What follows a settlement: call the resident back, review what they call poor."""

from enum import StrEnum
from typing import Annotated

import typer

from fengqiao.common.v1.common_pb2 import CommandMeta
from fengqiao.routing.v1 import followup_events_pb2 as fu
from fengqiao.routing.v1 import routing_service_pb2 as rpc
from services.chassis.auth import Role
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
