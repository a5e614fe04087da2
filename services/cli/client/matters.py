"""Requests of one matter: what may be a duplicate, link two, say that two are different."""

from typing import Annotated

import typer

from fengqiao.common.v1.common_pb2 import CommandMeta
from fengqiao.intake.v1 import intake_service_pb2 as rpc
from services.chassis.auth import Role
from services.cli.client import text
from services.cli.client.options import client
from services.cli.client.requests import Case
from services.cli.client.session import Session

request = typer.Typer(
    help="Requests of one matter: duplicates, link, reject.",
    no_args_is_help=True,
    add_completion=False,
)

Other = Annotated[str, typer.Argument(metavar="OTHER", help="Case id of the other one.")]


@request.command("duplicates")
@client(Role.DESK)
async def duplicates(
    to: Session,
    case: Case,
    *,
    days: Annotated[int, typer.Option(help="So many days before and after it.", min=1, max=90)] = 30,
    limit: Annotated[int, typer.Option(help="At most so many.", min=1, max=50)] = 10,
) -> None:
    """Requests that may be about the same matter, and why; a person decides."""
    asked = rpc.SuggestDuplicatesRequest(case_id=case, window_days=days, limit=limit)
    answer = await to.call(to.intake.SuggestDuplicates, asked)
    rows = [
        (
            each.request.case_id,
            each.request.request_no,
            text.word(rpc.RequestStatus, each.request.status, "REQUEST_STATUS_"),
            f"{each.score:.2f}",
            ", ".join(part.reason for part in each.parts),
            each.title,
        )
        for each in answer.suggestions
    ]
    heads = ("case", "number", "status", "score", "why", "title")
    compared = f"{answer.compared} compared" + ("; there were more, farther off" if answer.truncated else "")
    to.show(answer, f"{text.columns(rows, heads) if rows else 'nothing like it'}\n{compared}")


@request.command("link")
@client(Role.DESK, changes=True)
async def link(to: Session, meta: CommandMeta, case: Case, other: Other) -> None:
    """Two requests have to do with each other; nothing else of either changes."""
    asked = rpc.LinkRequestsRequest(meta=meta, case_id=case, other_case_id=other)
    answer = await to.call(to.intake.LinkRequests, asked)
    to.show(answer, f"linked; revision {answer.revision} of the later one")


@request.command("reject")
@client(Role.DESK, changes=True)
async def reject(to: Session, meta: CommandMeta, case: Case, other: Other) -> None:
    """Two requests are different matters, and not suggested for each other again."""
    asked = rpc.RejectDuplicateRequest(meta=meta, case_id=case, other_case_id=other)
    answer = await to.call(to.intake.RejectDuplicate, asked)
    to.show(answer, f"kept apart; revision {answer.revision} of the later one")
