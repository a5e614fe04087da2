"""Forces: teams and associations, call-outs of volunteers, and their hours."""

from enum import StrEnum
from typing import Annotated, Any

import typer
from google.protobuf.message import Message

from fengqiao.common.v1.common_pb2 import CommandMeta
from fengqiao.routing.v1 import force_events_pb2 as ev
from fengqiao.routing.v1 import force_service_pb2 as rpc
from services.chassis.auth import Role
from services.chassis.protobuf import timestamp
from services.cli.client import text
from services.cli.client.options import client, instant_option
from services.cli.client.session import Session

force = typer.Typer(
    help="Volunteers (志愿者): teams, associations, call-outs, hours.",
    no_args_is_help=True,
    add_completion=False,
)

Code = Annotated[str, typer.Argument(metavar="FORCE", help="Code of the team or association.")]
Unit = Annotated[str, typer.Argument(metavar="UNIT", help="Code of the unit.")]
CallOut = Annotated[str, typer.Argument(metavar="CALL-OUT", help="Id of the call-out.")]
Person = Annotated[str, typer.Argument(metavar="PERSON", help="Opaque reference of the person.")]
Persons = Annotated[list[str], typer.Argument(metavar="PERSON…", help="Opaque references.")]
Skill = Annotated[str, typer.Argument(metavar="SKILL", help="What is wanted, as first_aid.")]
On = Annotated[str, typer.Option(metavar="DAY", help="From this day on (default: today).")]
Of = Annotated[str, typer.Option("--force", metavar="FORCE", help="Of this team or association.")]
Begins = Annotated[str, typer.Option(metavar="TIME", help="When it begins.")]
Ends = Annotated[str, typer.Option(metavar="TIME", help="When it is over (default: four hours later).")]


class Kind(StrEnum):
    """What a force is."""

    TEAM = "team"
    ASSOCIATION = "association"


@force.command("establish")
@client(Role.DESK, changes=True)
async def establish(
    to: Session,
    meta: CommandMeta,
    code: Code,
    kind: Annotated[Kind, typer.Argument(help="A team, or an association.")],
    place: Unit,
    speaker: Annotated[str, typer.Argument(metavar="PERSON", help="Who leads it or speaks for it.")],
    *,
    skill: Annotated[list[str] | None, typer.Option(help="What it can do, as first_aid.")] = None,
    on: On = "",
) -> None:
    """A team or an association is there."""
    request = rpc.EstablishForceRequest(
        meta=meta,
        code=code,
        kind=ev.ForceKind.Value(f"FORCE_KIND_{kind.upper()}"),
        unit_id=place,
        skills=skill or [],
        speaker_ref=speaker,
        on=on,
    )
    await _change(to, to.forces.EstablishForce, request)


@force.command("speaker")
@client(Role.DESK, changes=True)
async def speaker(to: Session, meta: CommandMeta, code: Code, who: Person) -> None:
    """Another leads it or speaks for it."""
    request = rpc.NameSpeakerRequest(meta=meta, code=code, speaker_ref=who)
    await _change(to, to.forces.NameSpeaker, request)


@force.command("disband")
@client(Role.DESK, changes=True)
async def disband(to: Session, meta: CommandMeta, code: Code, *, on: On = "") -> None:
    """It is there no longer."""
    await _change(to, to.forces.DisbandForce, rpc.DisbandForceRequest(meta=meta, code=code, on=on))


@force.command("show")
@client(Role.DESK)
async def show(to: Session, code: Code) -> None:
    """A team or an association."""
    answer = await to.call(to.forces.GetForce, rpc.GetForceRequest(code=code))
    to.show(answer, told(answer.force))


@force.command("list")
@client(Role.DESK)
async def list_forces(
    to: Session,
    *,
    limit: Annotated[int, typer.Option(help="At most so many.", min=1, max=200)] = 50,
    page: Annotated[str, typer.Option(help="Go on after this page token.")] = "",
) -> None:
    """Teams and associations, by code."""
    request = rpc.ListForcesRequest(page_size=limit, page_token=page)
    answer = await to.call(to.forces.ListForces, request)
    rows = [
        (each.code, _kind(each), each.unit_id, ", ".join(each.skills), _until(each)) for each in answer.forces
    ]
    more = f"\nmore: --page {answer.next_page_token}" if answer.next_page_token else ""
    to.show(answer, (text.columns(rows) if rows else "no force") + more)


@force.command("suggest")
@client(Role.HANDLER)
async def suggest(
    to: Session,
    skill: Skill,
    place: Unit,
    *,
    force: Of = "",
    begins: Begins = "",
    ends: Ends = "",
    limit: Annotated[int, typer.Option(help="At most so many.", min=1, max=100)] = 20,
) -> None:
    """Who fits by skill, place and time, and why; nobody is asked yet."""
    request = rpc.SuggestVolunteersRequest(skill=skill, unit_id=place, force=force, limit=limit)
    _timed(request, begins, ends)
    answer = await to.call(to.forces.SuggestVolunteers, request)
    rows = [(each.person_ref, _reasons(each.reasons)) for each in answer.suggestions]
    to.show(answer, text.columns(rows) if rows else "nobody fits")


@force.command("call-out")
@client(Role.HANDLER, changes=True)
async def call_out(  # noqa: PLR0913 - options of a command
    to: Session,
    meta: CommandMeta,
    skill: Skill,
    *,
    case: Annotated[str, typer.Option(metavar="CASE", help="The case that it is about.")] = "",
    place: Annotated[str, typer.Option(metavar="UNIT", help="Where to (default: the case's owner).")] = "",
    force: Of = "",
    needed: Annotated[int, typer.Option(min=1, max=500, help="How many are needed.")] = 1,
    person: Annotated[list[str] | None, typer.Option(help="Ask them (default: who fits best).")] = None,
    begins: Begins = "",
    ends: Ends = "",
) -> None:
    """Call volunteers out to a case or a place."""
    request = rpc.CallOutVolunteersRequest(
        meta=meta,
        skill=skill,
        case_id=case,
        unit_id=place,
        force=force,
        needed=needed,
        person_refs=person or [],
    )
    _timed(request, begins, ends)
    await _call(to, to.forces.CallOutVolunteers, request)


@force.command("ask")
@client(Role.HANDLER, changes=True)
async def ask(to: Session, meta: CommandMeta, id_: CallOut, who: Persons) -> None:
    """Ask more of them."""
    request = rpc.AskVolunteersRequest(meta=meta, call_out_id=id_, person_refs=who)
    await _call(to, to.forces.AskVolunteers, request)


@force.command("answer")
@client(Role.VOLUNTEER, changes=True)
async def answer(
    to: Session,
    meta: CommandMeta,
    id_: CallOut,
    who: Person,
    *,
    decline: Annotated[bool, typer.Option("--decline", help="They can't come.")] = False,
) -> None:
    """Whoever was asked comes, or can't."""
    request = rpc.AnswerCallOutRequest(meta=meta, call_out_id=id_, person_ref=who, accept=not decline)
    await _call(to, to.forces.AnswerCallOut, request)


@force.command("check-in")
@client(Role.VOLUNTEER, changes=True)
async def check_in(to: Session, meta: CommandMeta, id_: CallOut, who: Person) -> None:
    """They are there (签到)."""
    await _call(to, to.forces.CheckIn, rpc.CheckInRequest(meta=meta, call_out_id=id_, person_ref=who))


@force.command("check-out")
@client(Role.VOLUNTEER, changes=True)
async def check_out(to: Session, meta: CommandMeta, id_: CallOut, who: Person) -> None:
    """They leave (签退); the hours count."""
    await _call(to, to.forces.CheckOut, rpc.CheckOutRequest(meta=meta, call_out_id=id_, person_ref=who))


@force.command("end")
@client(Role.HANDLER, changes=True)
async def end(to: Session, meta: CommandMeta, id_: CallOut) -> None:
    """A call-out is over before its time."""
    await _call(to, to.forces.EndCallOut, rpc.EndCallOutRequest(meta=meta, call_out_id=id_))


@force.command("cancel")
@client(Role.HANDLER, changes=True)
async def cancel(to: Session, meta: CommandMeta, id_: CallOut) -> None:
    """A call-out does not take place."""
    await _call(to, to.forces.CancelCallOut, rpc.CancelCallOutRequest(meta=meta, call_out_id=id_))


@force.command("called")
@client(Role.HANDLER)
async def called(to: Session, id_: CallOut) -> None:
    """How a call-out stands."""
    await _call(to, to.forces.GetCallOut, rpc.GetCallOutRequest(call_out_id=id_))


@force.command("hours")
@client(Role.DESK)
async def hours(
    to: Session,
    who: Person,
    *,
    since: Annotated[str, typer.Option(metavar="DAY", help="From this day on.")] = "",
    until: Annotated[str, typer.Option(metavar="DAY", help="No longer on this day.")] = "",
) -> None:
    """A volunteer's hours."""
    request = rpc.GetLedgerRequest(person_ref=who, since=since, until=until)
    answer = await to.call(to.forces.GetLedger, request)
    rows = [
        (text.at(each.checked_in_at), text.at(each.checked_out_at), each.unit_id, each.skill, _length(each))
        for each in answer.entries
    ]
    total = f"in all {answer.minutes // 60} h {answer.minutes % 60} min"
    to.show(answer, f"{text.columns(rows)}\n{total}" if rows else "no hours")


def told(force: rpc.Force) -> str:
    """A team or an association as people read it."""
    facts = {
        "force": force.code,
        "kind": _kind(force),
        "unit": force.unit_id,
        "skills": ", ".join(force.skills),
        "speaker": force.speaker_ref,
        "since": force.days.since,
        "until": force.days.until,
        "revision": force.revision,
    }
    return text.lines(facts)


def _kind(force: rpc.Force) -> str:
    return text.word(ev.ForceKind, force.kind, "FORCE_KIND_")


def _until(force: rpc.Force) -> str:
    return f"until {force.days.until}" if force.days.until else ""


def _reasons(reasons: Any) -> str:
    return ", ".join(f"{each.code}: {each.value}" for each in reasons)


def _length(entry: rpc.LedgerEntry) -> str:
    return f"{entry.minutes} min{' (until its end)' if entry.by_end else ''}"


def _timed(request: Any, begins: str, ends: str) -> None:
    for name, given in (("begins", begins), ("ends", ends)):
        if given:
            getattr(request, f"{name}_at").CopyFrom(timestamp(instant_option(given, name)))


async def _change(to: Session, method: Any, request: Message) -> None:
    done = await to.call(method, request)
    to.show(done, told(done.force))


async def _call(to: Session, method: Any, request: Message) -> None:
    done = await to.call(method, request)
    there = done.call_out
    facts = {
        "call-out": there.call_out_id,
        "status": text.word(rpc.CallOutStatus, there.status, "CALL_OUT_STATUS_"),
        "unit": there.unit_id,
        "skill": there.skill,
        "begins": text.at(there.begins_at),
        "ends": text.at(there.ends_at),
        "case": there.case_id,
        "force": there.force,
        "needed": there.needed or "",
    }
    parts = [
        (
            each.person_ref,
            text.word(rpc.VolunteerStatus, each.status, "VOLUNTEER_STATUS_"),
            _reasons(each.reasons),
        )
        for each in there.volunteers
    ]
    to.show(done, text.lines(facts) + (f"\n{text.columns(parts)}" if parts else "\nnobody was asked"))
