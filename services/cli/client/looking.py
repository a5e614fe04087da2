"""Whose cases there are: look-ups of the directory that go on record, and who made them."""

from enum import StrEnum
from typing import Annotated

import typer

from fengqiao.routing.v1 import directory_service_pb2 as rpc
from services.chassis.auth import Role
from services.cli.client import text
from services.cli.client.directory import Day, Limit, Page, more
from services.cli.client.options import client
from services.cli.client.places import directory
from services.cli.client.session import Session

__all__ = ["directory"]


class Whom(StrEnum):
    """What a look-up begins with."""

    LEADER = "leader"
    UNIT = "unit"
    HOUSEHOLD = "household"


class Scope(StrEnum):
    """Which cases."""

    ALL = "all"
    OPEN = "open"
    CLOSED = "closed"


FIELDS = {Whom.LEADER: "leader_ref", Whom.UNIT: "code", Whom.HOUSEHOLD: "household"}
SCOPES = {
    Scope.ALL: rpc.CASE_SCOPE_UNSPECIFIED,
    Scope.OPEN: rpc.CASE_SCOPE_OPEN,
    Scope.CLOSED: rpc.CASE_SCOPE_CLOSED,
}


@directory.command("cases")
@client(Role.DESK)
async def cases(
    to: Session,
    whom: Annotated[Whom, typer.Argument(help="What the look-up begins with.")],
    which: Annotated[str, typer.Argument(metavar="WHICH", help="The leader, unit or household.")],
    *,
    purpose: Annotated[str, typer.Option(help="Why, as a code; it goes on record.")],
    scope: Annotated[Scope, typer.Option(help="Which cases.")] = Scope.ALL,
    day: Day = "",
    limit: Limit = 50,
    page: Page = "",
) -> None:
    """A leader's units, households and cases, open ones first; the look-up goes on record."""
    request = rpc.LookUpCasesRequest(
        purpose=purpose, day=day, scope=SCOPES[scope], page_size=limit, page_token=page
    )
    setattr(request, FIELDS[whom], which)
    answer = await to.call(to.directory.LookUpCases, request)
    units = [
        text.lines(
            {
                "unit": unit.code,
                "leader": unit.leader_ref or "none",
                "households": ", ".join(unit.households),
                "formerly": ", ".join(unit.former_codes),
            }
        )
        for unit in answer.units
    ]
    told = text.queue(answer.cases) if answer.cases else "no case"
    to.show(answer, "\n".join([*units, told]) + more(answer))


@directory.command("look-ups")
@client(Role.SUPERVISOR)
async def look_ups(
    to: Session,
    *,
    by: Annotated[str, typer.Option(help="By this caller only.")] = "",
    leader: Annotated[str, typer.Option(help="At this leader only.")] = "",
    limit: Limit = 50,
    page: Page = "",
) -> None:
    """Who looked up whose cases, and why, newest first."""
    request = rpc.ListLookUpsRequest(by=by, leader_ref=leader, page_size=limit, page_token=page)
    answer = await to.call(to.directory.ListLookUps, request)
    rows = [
        (
            text.at(each.at),
            f"{each.by} ({each.role})",
            each.purpose,
            each.leader_ref or each.code or each.household,
            ", ".join(each.units),
            ", ".join(each.leader_refs),
            "" if each.allowed else "refused",
        )
        for each in answer.look_ups
    ]
    heads = ("at", "by", "purpose", "asked for", "units", "leaders", "")
    to.show(answer, (text.columns(rows, heads) if rows else "no look-up") + more(answer))
