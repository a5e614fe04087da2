"""Pauses and extensions of a case's clocks: ask, grant, refuse, resume."""

from enum import StrEnum
from typing import Annotated

import typer

from fengqiao.common.v1.common_pb2 import CommandMeta
from fengqiao.routing.v1 import clock_events_pb2 as ev
from fengqiao.routing.v1 import routing_service_pb2 as rpc
from services.chassis.auth import Role
from services.cli.client.cases import Case, Note, change, name_of
from services.cli.client.options import client
from services.cli.client.session import Session

times = typer.Typer(
    help="Pauses and extensions of a case's clocks, by rule.",
    no_args_is_help=True,
    add_completion=False,
)

Number = Annotated[int, typer.Argument(metavar="NUMBER", help="Number of what was asked for.", min=1)]
Why = Annotated[str, typer.Argument(metavar="TEXT", help="Why; stays in routing's store.")]


class Kind(StrEnum):
    """Why clocks may pause."""

    WAITING_FOR_RESIDENT = "waiting-for-resident"
    EXPERT_APPRAISAL = "expert-appraisal"
    FORCE_MAJEURE = "force-majeure"
    COURT = "court"


@times.command("pause")
@client(Role.HANDLER, changes=True)
async def pause(
    to: Session,
    meta: CommandMeta,
    case: Case,
    kind: Annotated[Kind, typer.Argument(help="What is waited for.")],
    words: Why,
    *,
    length: Annotated[int, typer.Option(help="In the unit of the rule; 0: all that it allows.", min=0)] = 0,
) -> None:
    """The owner asks that the clocks of a case pause."""
    code = ev.PauseKind.Value(name_of("PAUSE_KIND", kind))
    request = rpc.AskForPauseRequest(meta=meta, case_id=case, kind=code, length=length, note=words)
    await change(to, to.routing.AskForPause, request)


@times.command("extend")
@client(Role.HANDLER, changes=True)
async def extend(
    to: Session,
    meta: CommandMeta,
    case: Case,
    length: Annotated[int, typer.Argument(help="In the unit of the rule.", min=1)],
    words: Why,
) -> None:
    """The owner asks for more time."""
    request = rpc.AskForExtensionRequest(meta=meta, case_id=case, length=length, note=words)
    await change(to, to.routing.AskForExtension, request)


@times.command("grant")
@client(Role.HANDLER, changes=True)
async def grant(to: Session, meta: CommandMeta, case: Case, number: Number, *, note: Note = "") -> None:
    """The rule's approver grants what was asked for."""
    request = rpc.GrantTimeRequest(meta=meta, case_id=case, ask=number, note=note)
    await change(to, to.routing.GrantTime, request)


@times.command("refuse")
@client(Role.HANDLER, changes=True)
async def refuse(to: Session, meta: CommandMeta, case: Case, number: Number, *, note: Note = "") -> None:
    """The rule's approver refuses it."""
    request = rpc.RefuseTimeRequest(meta=meta, case_id=case, ask=number, note=note)
    await change(to, to.routing.RefuseTime, request)


@times.command("resume")
@client(Role.HANDLER, changes=True)
async def resume(to: Session, meta: CommandMeta, case: Case, *, note: Note = "") -> None:
    """A pause ends before its time."""
    request = rpc.ResumeCaseRequest(meta=meta, case_id=case, note=note)
    await change(to, to.routing.ResumeCase, request)
