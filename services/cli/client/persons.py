"""Persons: the roles somebody has, what they offer, and how many there are."""

from enum import StrEnum
from typing import Annotated, Any

import typer
from google.protobuf.message import Message

from fengqiao.common.v1.common_pb2 import CommandMeta
from fengqiao.routing.v1 import force_events_pb2 as ev
from fengqiao.routing.v1 import person_service_pb2 as rpc
from services.chassis.auth import Role
from services.cli.client import text
from services.cli.client.options import client
from services.cli.client.rosters import hours_of, times
from services.cli.client.session import Session

person = typer.Typer(
    help="Persons by opaque reference: their roles, and what volunteers offer.",
    no_args_is_help=True,
    add_completion=False,
)

Person = Annotated[str, typer.Argument(metavar="PERSON", help="Opaque reference of the person.")]
Unit = Annotated[str, typer.Argument(metavar="UNIT", help="Code of the unit.")]
On = Annotated[str, typer.Option(metavar="DAY", help="From this day on (default: today).")]
Skills = Annotated[list[str] | None, typer.Option("--skill", help="What they can do, as first_aid.")]
Weekdays = Annotated[list[int] | None, typer.Option("--weekday", min=1, max=7, help="1 Monday to 7 Sunday.")]
Hours = Annotated[str, typer.Option(metavar="FROM-TO", help="As 08:30-17:30.")]


class Part(StrEnum):
    """What somebody may be besides holding a post."""

    VOLUNTEER = "volunteer"
    PARTY_MEMBER = "party_member"
    MEDIATOR = "mediator"


class Capacity(StrEnum):
    """In which capacity somebody mediates (专、兼、群)."""

    PROFESSIONAL = "professional"
    PART_TIME = "part_time"
    MASS = "mass"


@person.command("register")
@client(Role.DESK, changes=True)
async def register(
    to: Session,
    meta: CommandMeta,
    who: Person,
    *,
    being: Annotated[
        list[str] | None, typer.Option("--as", metavar="ROLE@UNIT", help="As volunteer@a/b.")
    ] = None,
    skill: Skills = None,
    weekday: Weekdays = None,
    hours: Hours = "",
    on: On = "",
) -> None:
    """Put somebody into the register; a mediator's role is mediator.mass@UNIT."""
    request = rpc.RegisterPersonRequest(
        meta=meta, person_ref=who, roles=[_role(each) for each in being or ()], on=on
    )
    if skill or weekday or hours:
        request.offer.CopyFrom(_offer(skill, weekday, hours))
    await _change(to, to.persons.RegisterPerson, request)


@person.command("grant")
@client(Role.DESK, changes=True)
async def grant(
    to: Session,
    meta: CommandMeta,
    who: Person,
    part: Annotated[Part, typer.Argument(metavar="ROLE", help="The role.")],
    place: Unit,
    *,
    capacity: Annotated[Capacity | None, typer.Option(help="Of a mediator.")] = None,
    on: On = "",
    until: Annotated[str, typer.Option(metavar="DAY", help="No longer on this day.")] = "",
) -> None:
    """Somebody has a role."""
    request = rpc.GrantRoleRequest(
        meta=meta,
        person_ref=who,
        role=_part(part),
        capacity=_capacity(capacity or ""),
        unit_id=place,
        on=on,
        until=until,
    )
    await _change(to, to.persons.GrantRole, request)


@person.command("end")
@client(Role.DESK, changes=True)
async def end(
    to: Session,
    meta: CommandMeta,
    who: Person,
    part: Annotated[Part, typer.Argument(metavar="ROLE", help="The role.")],
    place: Unit,
    *,
    on: On = "",
) -> None:
    """Somebody has a role no longer."""
    request = rpc.EndRoleRequest(meta=meta, person_ref=who, role=_part(part), unit_id=place, on=on)
    await _change(to, to.persons.EndRole, request)


@person.command("offer")
@client(Role.DESK, changes=True)
async def offer(
    to: Session,
    meta: CommandMeta,
    who: Person,
    *,
    skill: Skills = None,
    weekday: Weekdays = None,
    hours: Hours = "",
) -> None:
    """What a volunteer can do, and when; it replaces what was said before."""
    request = rpc.StateOfferRequest(meta=meta, person_ref=who, offer=_offer(skill, weekday, hours))
    await _change(to, to.persons.StateOffer, request)


@person.command("join")
@client(Role.DESK, changes=True)
async def join(
    to: Session,
    meta: CommandMeta,
    who: Person,
    force: Annotated[str, typer.Argument(metavar="FORCE", help="Code of the team or association.")],
    *,
    on: On = "",
) -> None:
    """A volunteer joins a team or an association."""
    request = rpc.JoinForceRequest(meta=meta, person_ref=who, force=force, on=on)
    await _change(to, to.persons.JoinForce, request)


@person.command("leave")
@client(Role.DESK, changes=True)
async def leave(
    to: Session,
    meta: CommandMeta,
    who: Person,
    force: Annotated[str, typer.Argument(metavar="FORCE", help="Code of the team or association.")],
    *,
    on: On = "",
) -> None:
    """A volunteer leaves it."""
    request = rpc.LeaveForceRequest(meta=meta, person_ref=who, force=force, on=on)
    await _change(to, to.persons.LeaveForce, request)


@person.command("show")
@client(Role.DESK)
async def show(
    to: Session,
    who: Person,
    *,
    day: Annotated[str, typer.Option(metavar="DAY", help="As of this day (default: today).")] = "",
) -> None:
    """Somebody with all roles and posts."""
    answer = await to.call(to.persons.GetPerson, rpc.GetPersonRequest(person_ref=who, day=day))
    to.show(answer, told(answer.person))


@person.command("count")
@client(Role.DESK)
async def count(
    to: Session,
    within: Unit,
    *,
    day: Annotated[str, typer.Option(metavar="DAY", help="As of this day (default: today).")] = "",
) -> None:
    """How many there are at a unit and below it; nobody is counted twice."""
    answer = await to.call(to.persons.CountPersons, rpc.CountPersonsRequest(within=within, day=day))
    facts = {
        field.name.replace("_", " "): str(getattr(answer, field.name)) for field in answer.DESCRIPTOR.fields
    }
    to.show(answer, text.lines(facts))


def told(person: rpc.Person) -> str:
    """Somebody as people read it."""
    offered = person.offer
    weekdays = ",".join(str(day) for day in offered.weekdays)
    facts = {
        "person": person.person_ref,
        "roles": "; ".join(_told_role(role) for role in person.roles) or "none",
        "posts": "; ".join(
            f"{post.post_id} of {post.unit_id}{' (on leave)' if post.on_leave else ''}"
            for post in person.posts
        ),
        "skills": ", ".join(offered.skills),
        "on weekdays": weekdays,
        "hours": times(offered.hours) if offered.HasField("hours") else "",
        "forces": ", ".join(each.force for each in person.memberships),
        "revision": person.revision,
    }
    return text.lines(facts)


def _told_role(role: rpc.GrantedRole) -> str:
    name = text.word(ev.PersonRole, role.role, "PERSON_ROLE_")
    if role.capacity:
        name += f" ({text.word(ev.MediatorCapacity, role.capacity, 'MEDIATOR_CAPACITY_')})"
    until = f" until {role.days.until}" if role.days.until else ""
    return f"{name} at {role.unit_id} since {role.days.since}{until}"


def _role(given: str) -> rpc.RoleToGrant:
    name, at, unit = given.partition("@")
    role, _, capacity = name.partition(".")
    if not at or role not in list(Part) or capacity not in {"", *Capacity}:
        raise typer.BadParameter("a role is ROLE@UNIT, as volunteer@a/b or mediator.mass@a/b")
    return rpc.RoleToGrant(role=_part(role), capacity=_capacity(capacity), unit_id=unit)


def _part(name: str) -> ev.PersonRole.ValueType:
    return ev.PersonRole.Value(f"PERSON_ROLE_{name.upper()}")


def _capacity(name: str) -> ev.MediatorCapacity.ValueType:
    return ev.MediatorCapacity.Value(f"MEDIATOR_CAPACITY_{name.upper() or 'UNSPECIFIED'}")


def _offer(skills: list[str] | None, weekdays: list[int] | None, hours: str) -> rpc.Offer:
    return rpc.Offer(skills=skills or [], weekdays=weekdays or [], hours=hours_of(hours))


async def _change(to: Session, method: Any, request: Message) -> None:
    done = await to.call(method, request)
    to.show(done, told(done.person))
