"""Assisting units: ask, answer, end, the team of a case, what a unit is asked for."""

from enum import StrEnum
from typing import Annotated

import typer

from fengqiao.common.v1.common_pb2 import CommandMeta
from fengqiao.routing.v1 import handling_events_pb2 as ev
from fengqiao.routing.v1 import routing_service_pb2 as rpc
from services.chassis.auth import Role
from services.cli.client import text
from services.cli.client.cases import Case, Note, change, name_of
from services.cli.client.options import client
from services.cli.client.session import Session

assist = typer.Typer(
    help="Assisting units: one team, one matter, one network (三个一).",
    no_args_is_help=True,
    add_completion=False,
)

Number = Annotated[int, typer.Argument(metavar="NUMBER", help="Number of the assistance.", min=1)]


class Said(StrEnum):
    """What who was asked answers."""

    ACCEPTED = "accepted"
    DECLINED = "declined"
    DONE = "done"


@assist.command("ask")
@client(Role.HANDLER, changes=True)
async def ask(
    to: Session,
    meta: CommandMeta,
    case: Case,
    whom: Annotated[str, typer.Argument(metavar="UNIT", help="Who is asked; empty with --department.")],
    task: Annotated[str, typer.Argument(help="What for, as a code, e.g. inspect_wiring.")],
    *,
    department: Annotated[
        bool, typer.Option("--department", help="It is the code of a department instead.")
    ] = False,
    note: Note = "",
) -> None:
    """The owner asks another unit or a department to help, and stays the one owner."""
    whose = {"department" if department else "unit_id": whom}
    request = rpc.AskForAssistanceRequest(meta=meta, case_id=case, task=task, note=note, **whose)
    await change(to, to.routing.AskForAssistance, request)


@assist.command("answer")
@client(Role.HANDLER, changes=True)
async def answer(
    to: Session,
    meta: CommandMeta,
    case: Case,
    number: Number,
    said: Annotated[Said, typer.Argument(help="What they answer.")],
    *,
    result: Annotated[str, typer.Option(help="Why it is declined, or what came of it, as a code.")] = "",
    words: Annotated[str, typer.Option("--text", help="In words; stays in routing's store.")] = "",
) -> None:
    """Who was asked accepts, declines with a reason, or has done it."""
    code = ev.AssistanceAnswer.Value(name_of("ASSISTANCE_ANSWER", said))
    request = rpc.AnswerAssistanceRequest(
        meta=meta, case_id=case, assistance=number, answer=code, result=result, text=words
    )
    await change(to, to.routing.AnswerAssistance, request)


@assist.command("end")
@client(Role.HANDLER, changes=True)
async def end(to: Session, meta: CommandMeta, case: Case, number: Number, *, note: Note = "") -> None:
    """The owner needs it no longer."""
    request = rpc.EndAssistanceRequest(meta=meta, case_id=case, assistance=number, note=note)
    await change(to, to.routing.EndAssistance, request)


@assist.command("team")
@client(Role.HANDLER)
async def team(to: Session, case: Case) -> None:
    """Who works on a case: the lead, and those that assist."""
    answered = await to.call(to.routing.GetTeam, rpc.GetTeamRequest(case_id=case), wait_for_it=True)
    lead = answered.case.assignment
    rows = [
        (
            str(each.number),
            each.unit_id or each.department,
            each.task,
            text.word(rpc.AssistanceStatus, each.status, "ASSISTANCE_STATUS_"),
            text.at(each.clock.due_at),
            str(each.repeats),
            each.result,
        )
        for each in answered.assistances
    ]
    heads = ("number", "assisting", "task", "status", "by", "told", "result")
    told = text.columns(rows, heads) if rows else "nobody assists"
    to.show(answered, f"lead  {lead.unit_id} ({lead.holder_ref or 'vacant'})\n{told}")


@assist.command("list")
@client(Role.HANDLER)
async def list_assistances(
    to: Session,
    helper: Annotated[str, typer.Argument(metavar="UNIT", help="Who is asked.")],
    *,
    limit: Annotated[int, typer.Option(help="At most so many.", min=1, max=500)] = 50,
    page: Annotated[str, typer.Option(help="Go on after this page token.")] = "",
) -> None:
    """Open cases that a unit is asked to assist with."""
    request = rpc.ListAssistancesRequest(unit_id=helper, page_size=limit, page_token=page)
    answered = await to.call(to.routing.ListAssistances, request)
    more = f"\nmore: --page {answered.next_page_token}" if answered.next_page_token else ""
    to.show(answered, text.queue(answered.cases) + more)
