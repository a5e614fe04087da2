"""The directory: units, households, leaders; who answers for a household, and which have nobody."""

from enum import StrEnum
from typing import Annotated, Any

import typer
from google.protobuf.message import Message

from fengqiao.common.v1.common_pb2 import CommandMeta
from fengqiao.routing.v1 import directory_service_pb2 as rpc
from fengqiao.routing.v1.directory_events_pb2 import UnitKind, VacancyReason
from services.chassis.auth import Role
from services.cli.client import text
from services.cli.client.options import client
from services.cli.client.session import Session

directory = typer.Typer(
    help="Who is responsible for whom: units, households, leaders (网格与邻长).",
    no_args_is_help=True,
    add_completion=False,
)

Code = Annotated[str, typer.Argument(metavar="UNIT", help="Code of the unit: its place in the tree.")]
Person = Annotated[str, typer.Argument(metavar="PERSON", help="Opaque reference of the person.")]
Post = Annotated[str, typer.Option(help="Post of the unit.")]
On = Annotated[str, typer.Option(metavar="DAY", help="From this day on (default: today).")]
Until = Annotated[str, typer.Option(metavar="DAY", help="No longer on this day.")]
Day = Annotated[str, typer.Option(metavar="DAY", help="As of this day (default: today).")]
Households = Annotated[list[str], typer.Argument(metavar="HOUSEHOLD…", help="Keys of addresses.")]
Limit = Annotated[int, typer.Option(help="At most so many.", min=1, max=500)]
Page = Annotated[str, typer.Option(help="Go on after this page token.")]

LEADER = "leader"


class Kind(StrEnum):
    """Kinds of units."""

    SUB_DISTRICT = "sub_district"
    COMMUNITY = "community"
    VILLAGE = "village"
    SECTION = "section"
    NEIGHBOURHOOD = "neighbourhood"
    TEMPORARY = "temporary"


class Reason(StrEnum):
    """Why a post falls vacant."""

    TERM_ENDED = "term_ended"
    RESIGNED = "resigned"
    DISMISSED = "dismissed"


@directory.command("establish")
@client(Role.DESK, changes=True)
async def establish(  # noqa: PLR0913 - options of a command
    to: Session,
    meta: CommandMeta,
    code: Code,
    kind: Annotated[Kind, typer.Argument(help="What it is.")],
    *,
    on: On = "",
    until: Until = "",
    post: Annotated[list[str] | None, typer.Option(help="A post that it has (default: leader).")] = None,
    succeeds: Annotated[list[str] | None, typer.Option(help="A unit that it takes over from.")] = None,
    covers: Annotated[
        list[str] | None, typer.Option(help="A unit whose cases a temporary one takes.")
    ] = None,
) -> None:
    """A unit begins; a temporary one for the cases of a place, until a day."""
    request = rpc.EstablishUnitRequest(
        meta=meta,
        code=code,
        kind=UnitKind.Value(f"UNIT_KIND_{kind.upper()}"),
        on=on,
        until=until,
        posts=post or [],
        succeeds=succeeds or [],
        covers=covers or [],
    )
    await change(to, to.directory.EstablishUnit, request)


@directory.command("close")
@client(Role.DESK, changes=True)
async def close(
    to: Session,
    meta: CommandMeta,
    code: Code,
    *,
    on: On = "",
    successor: Annotated[list[str] | None, typer.Option(help="A unit that takes over.")] = None,
) -> None:
    """A unit ends: its households are released, its posts fall vacant."""
    request = rpc.CloseUnitRequest(meta=meta, code=code, on=on, successors=successor or [])
    await change(to, to.directory.CloseUnit, request)


@directory.command("settle")
@client(Role.DESK, changes=True)
async def settle(
    to: Session, meta: CommandMeta, code: Code, households: Households, *, on: On = "", until: Until = ""
) -> None:
    """Households become a neighbourhood's."""
    request = rpc.SettleHouseholdsRequest(meta=meta, code=code, households=households, on=on, until=until)
    await change(to, to.directory.SettleHouseholds, request)


@directory.command("release")
@client(Role.DESK, changes=True)
async def release(
    to: Session,
    meta: CommandMeta,
    code: Code,
    households: Households,
    *,
    on: On = "",
    to_unit: Annotated[str, typer.Option(help="The unit that they go to.")] = "",
) -> None:
    """Households are a neighbourhood's no longer."""
    request = rpc.ReleaseHouseholdsRequest(
        meta=meta, code=code, households=households, on=on, to_unit=to_unit
    )
    await change(to, to.directory.ReleaseHouseholds, request)


@directory.command("nominate")
@client(Role.DESK, changes=True)
async def nominate(
    to: Session,
    meta: CommandMeta,
    code: Code,
    person: Person,
    nominators: Annotated[int, typer.Argument(help="How many residents proposed them.", min=1)],
    *,
    post: Post = LEADER,
    on: On = "",
) -> None:
    """Residents propose somebody (群众推荐)."""
    request = rpc.NominateLeaderRequest(
        meta=meta, code=code, post_id=post, person_ref=person, nominators=nominators, on=on
    )
    await change(to, to.directory.NominateLeader, request)


@directory.command("vet")
@client(Role.DESK, changes=True)
async def vet(
    to: Session,
    meta: CommandMeta,
    code: Code,
    person: Person,
    *,
    reject: Annotated[str, typer.Option(metavar="REASON", help="Not approved, with the reason.")] = "",
    post: Post = LEADER,
    on: On = "",
) -> None:
    """Approve whom residents proposed, or not (组织把关)."""
    request = rpc.VetLeaderRequest(
        meta=meta, code=code, post_id=post, person_ref=person, approved=not reject, reason=reject, on=on
    )
    await change(to, to.directory.VetLeader, request)


@directory.command("appoint")
@client(Role.DESK, changes=True)
async def appoint(
    to: Session,
    meta: CommandMeta,
    code: Code,
    person: Person,
    *,
    term_until: Annotated[str, typer.Option(metavar="DAY", help="The day on which the term is over.")] = "",
    post: Post = LEADER,
    on: On = "",
) -> None:
    """Who was proposed and approved holds the post."""
    request = rpc.AppointLeaderRequest(
        meta=meta, code=code, post_id=post, person_ref=person, term_until=term_until, on=on
    )
    await change(to, to.directory.AppointLeader, request)


@directory.command("leave")
@client(Role.DESK, changes=True)
async def leave(
    to: Session,
    meta: CommandMeta,
    code: Code,
    *,
    on: On = "",
    until: Until = "",
    substitute: Annotated[str, typer.Option(help="Who stands in (default: the unit above).")] = "",
    post: Post = LEADER,
) -> None:
    """The holder of a post is away."""
    request = rpc.GrantLeaveRequest(
        meta=meta, code=code, post_id=post, on=on, until=until, substitute_ref=substitute
    )
    await change(to, to.directory.GrantLeave, request)


@directory.command("back")
@client(Role.DESK, changes=True)
async def back(to: Session, meta: CommandMeta, code: Code, *, post: Post = LEADER, on: On = "") -> None:
    """The holder of a post is back before the leave was over."""
    request = rpc.EndLeaveRequest(meta=meta, code=code, post_id=post, on=on)
    await change(to, to.directory.EndLeave, request)


@directory.command("vacate")
@client(Role.DESK, changes=True)
async def vacate(
    to: Session,
    meta: CommandMeta,
    code: Code,
    reason: Annotated[Reason, typer.Argument(help="Why.")],
    *,
    post: Post = LEADER,
    on: On = "",
) -> None:
    """A post falls vacant."""
    number = VacancyReason.Value(f"VACANCY_REASON_{reason.upper()}")
    request = rpc.VacatePostRequest(meta=meta, code=code, post_id=post, reason=number, on=on)
    await change(to, to.directory.VacatePost, request)


@directory.command("show")
@client(Role.DESK)
async def show(to: Session, code: Code, *, day: Day = "") -> None:
    """A unit on a day."""
    answer = await to.call(to.directory.GetUnit, rpc.GetUnitRequest(code=code, day=day))
    to.show(answer, told(answer.unit))


@directory.command("list")
@client(Role.DESK)
async def list_units(
    to: Session,
    within: Code,
    *,
    kind: Annotated[Kind | None, typer.Option(help="Of this kind only.")] = None,
    day: Day = "",
    limit: Limit = 50,
    page: Page = "",
) -> None:
    """Units at or below a place, by code."""
    request = rpc.ListUnitsRequest(
        within=within,
        kind=UnitKind.Value(f"UNIT_KIND_{kind.upper() if kind else 'UNSPECIFIED'}"),
        day=day,
        page_size=limit,
        page_token=page,
    )
    answer = await to.call(to.directory.ListUnits, request)
    rows = [
        (
            unit.code,
            _kind(unit),
            f"{unit.households} households",
            ", ".join(_post(each) for each in unit.posts),
        )
        for unit in answer.units
    ]
    to.show(answer, (text.columns(rows) if rows else "no unit") + more(answer))


@directory.command("household")
@client(Role.DESK)
async def household(
    to: Session,
    key: Annotated[str, typer.Argument(metavar="HOUSEHOLD", help="Key of the address.")],
    *,
    day: Day = "",
) -> None:
    """Whose a household is, and who answers for it."""
    answer = await to.call(to.directory.FindHousehold, rpc.FindHouseholdRequest(household=key, day=day))
    facts = {
        "unit": answer.code or "none",
        "leader": answer.leader_ref or "none",
        "answering": f"{answer.answering_ref} in {answer.answering_code}" if answer.answering_ref else "",
    }
    to.show(answer, text.lines(facts))


@directory.command("gaps")
@client(Role.DESK)
async def gaps(to: Session, within: Code, *, day: Day = "", limit: Limit = 50, page: Page = "") -> None:
    """Households that have no leader."""
    request = rpc.ListGapsRequest(within=within, day=day, page_size=limit, page_token=page)
    answer = await to.call(to.directory.ListGaps, request)
    rows = [(gap.household, gap.reason, gap.code) for gap in answer.gaps]
    to.show(answer, (text.columns(rows) if rows else "no gap") + more(answer))


def told(unit: rpc.Unit) -> str:
    """A unit as people read it."""
    facts = {
        "unit": unit.code,
        "kind": _kind(unit),
        "since": unit.days.since,
        "until": unit.days.until,
        "households": unit.households,
        "posts": ", ".join(_post(post) for post in unit.posts),
        "succeeds": ", ".join(unit.succeeds),
        "successors": ", ".join(unit.successors),
        "covers": ", ".join(unit.covers),
        "revision": unit.revision,
    }
    return text.lines(facts)


def _kind(unit: rpc.Unit) -> str:
    return text.word(UnitKind, unit.kind, "UNIT_KIND_")


def _post(post: rpc.Post) -> str:
    status = text.word(rpc.PostStatus, post.status, "POST_STATUS_")
    who = f" {post.holder_ref}" if post.holder_ref else ""
    if post.status == rpc.POST_STATUS_ON_LEAVE:
        who += f", {post.acting_ref} stands in" if post.acting_ref else ", nobody stands in"
    return f"{post.post_id}: {status}{who}"


def more(answer: Any) -> str:
    """How to go on where a list has more."""
    return f"\nmore: --page {answer.next_page_token}" if answer.next_page_token else ""


async def change(to: Session, method: Any, request: Message) -> None:
    """Order something about a unit, and show it."""
    answer = await to.call(method, request)
    to.show(answer, told(answer.unit))
