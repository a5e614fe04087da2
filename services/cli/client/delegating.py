"""Delegation: somebody of the unit has one case for its holder until a day."""

from typing import Annotated

import typer

from fengqiao.common.v1.common_pb2 import CommandMeta
from fengqiao.routing.v1 import routing_service_pb2 as rpc
from services.chassis.auth import Role
from services.cli.client.cases import Case, Note, change
from services.cli.client.options import client
from services.cli.client.session import Session

delegation = typer.Typer(
    help="Delegation: somebody of the unit has one case for its holder until a day.",
    no_args_is_help=True,
    add_completion=False,
)


@delegation.command("give")
@client(Role.HANDLER, changes=True)
async def give(
    to: Session,
    meta: CommandMeta,
    case: Case,
    person: Annotated[str, typer.Argument(metavar="PERSON", help="Who holds another post of the unit.")],
    until: Annotated[str, typer.Argument(metavar="DAY", help="The last day of it.")],
    *,
    note: Note = "",
) -> None:
    """Its holder gives a case to another of the unit; it goes back by itself."""
    request = rpc.DelegateCaseRequest(meta=meta, case_id=case, person_ref=person, until=until, note=note)
    await change(to, to.routing.DelegateCase, request)


@delegation.command("end")
@client(Role.HANDLER, changes=True)
async def end(to: Session, meta: CommandMeta, case: Case, *, note: Note = "") -> None:
    """It goes back before its day."""
    await change(to, to.routing.EndDelegation, rpc.EndDelegationRequest(meta=meta, case_id=case, note=note))
