"""Rosters: departments, who is on duty in them, and summonses to a case."""

from enum import StrEnum
from typing import Annotated, Any

import typer
from google.protobuf.message import Message

from fengqiao.common.v1.common_pb2 import CommandMeta
from fengqiao.routing.v1 import roster_service_pb2 as rpc
from fengqiao.routing.v1.roster_events_pb2 import Hours, RosterMode
from services.chassis.auth import Role
from services.chassis.protobuf import timestamp
from services.cli.client import text
from services.cli.client.options import client, instant_option
from services.cli.client.session import Session

roster = typer.Typer(
    help="Departments and who is on duty (值班); summonses to a case.",
    no_args_is_help=True,
    add_completion=False,
)

Code = Annotated[str, typer.Argument(metavar="DEPARTMENT", help="Code of the department.")]
Duty = Annotated[str, typer.Argument(metavar="DUTY", help="Your own name for the duty.")]
Person = Annotated[str, typer.Argument(metavar="PERSON", help="Opaque reference of the person.")]
Summons = Annotated[str, typer.Argument(metavar="SUMMONS", help="Id of the summons.")]
On = Annotated[str, typer.Option(metavar="DAY", help="From this day on (default: today).")]
Until = Annotated[str, typer.Option(metavar="DAY", help="No longer on this day.")]
Times = Annotated[str, typer.Option(metavar="FROM-TO", help="As 08:30-17:30.")]
Limit = Annotated[int, typer.Option(help="At most so many.", min=1, max=200)]
Page = Annotated[str, typer.Option(help="Go on after this page token.")]


class Mode(StrEnum):
    """How a department is there."""

    RESIDENT = "resident"
    ROTATING = "rotating"
    ON_CALL = "on_call"


@roster.command("establish")
@client(Role.DESK, changes=True)
async def establish(  # noqa: PLR0913 - options of a command
    to: Session,
    meta: CommandMeta,
    code: Code,
    mode: Annotated[Mode, typer.Argument(help="How it is there.")],
    kind: Annotated[list[str], typer.Argument(metavar="KIND…", help="Kinds of matters it is asked about.")],
    *,
    hours: Times = "",
    desk: Annotated[str, typer.Option(help="The desk that it sits at.")] = "",
    answer_within: Annotated[int, typer.Option(metavar="SECONDS", help="For whoever is summoned.")] = 0,
    on: On = "",
) -> None:
    """A department is there for some kinds of matters."""
    request = rpc.EstablishDepartmentRequest(
        meta=meta,
        code=code,
        mode=RosterMode.Value(f"ROSTER_MODE_{mode.upper()}"),
        kinds=kind,
        hours=hours_of(hours),
        desk=desk,
        answer_within_s=answer_within,
        on=on,
    )
    await _change(to, to.roster.EstablishDepartment, request)


@roster.command("close")
@client(Role.DESK, changes=True)
async def close(to: Session, meta: CommandMeta, code: Code, *, on: On = "") -> None:
    """A department is there no longer."""
    await _change(to, to.roster.CloseDepartment, rpc.CloseDepartmentRequest(meta=meta, code=code, on=on))


@roster.command("plan")
@client(Role.DESK, changes=True)
async def plan(  # noqa: PLR0913 - options of a command
    to: Session,
    meta: CommandMeta,
    code: Code,
    duty: Duty,
    person: Person,
    *,
    weekday: Annotated[list[int] | None, typer.Option(min=1, max=7, help="1 Monday to 7 Sunday.")] = None,
    hours: Times = "",
    on: On = "",
    until: Until = "",
) -> None:
    """Somebody is on duty there."""
    request = rpc.PlanDutyRequest(
        meta=meta,
        code=code,
        duty_id=duty,
        person_ref=person,
        weekdays=weekday or [],
        hours=hours_of(hours),
        on=on,
        until=until,
    )
    await _change(to, to.roster.PlanDuty, request)


@roster.command("cancel")
@client(Role.DESK, changes=True)
async def cancel(to: Session, meta: CommandMeta, code: Code, duty: Duty, *, on: On = "") -> None:
    """A duty is over."""
    request = rpc.CancelDutyRequest(meta=meta, code=code, duty_id=duty, on=on)
    await _change(to, to.roster.CancelDuty, request)


@roster.command("show")
@client(Role.DESK)
async def show(to: Session, code: Code) -> None:
    """A department with its roster and its holes."""
    answer = await to.call(to.roster.GetDepartment, rpc.GetDepartmentRequest(code=code))
    to.show(answer, told(answer.department))


@roster.command("list")
@client(Role.DESK)
async def list_departments(to: Session, *, limit: Limit = 50, page: Page = "") -> None:
    """Departments, by code."""
    request = rpc.ListDepartmentsRequest(page_size=limit, page_token=page)
    answer = await to.call(to.roster.ListDepartments, request)
    rows = [
        (each.code, _mode(each), f"{len(each.duties)} duties", f"{len(each.holes)} holes", _until(each.days))
        for each in answer.departments
    ]
    more = f"\nmore: --page {answer.next_page_token}" if answer.next_page_token else ""
    to.show(answer, (text.columns(rows) if rows else "no department") + more)


@roster.command("duty")
@client(Role.DESK)
async def on_duty(
    to: Session,
    kind: Annotated[str, typer.Argument(metavar="KIND", help="Kind of matter.")],
    *,
    at: Annotated[str, typer.Option(metavar="TIME", help="At this moment (default: now).")] = "",
) -> None:
    """Who is on duty for a kind of matter."""
    request = rpc.FindOnDutyRequest(kind=kind)
    if at:
        request.at.CopyFrom(timestamp(instant_option(at, "at")))
    answer = await to.call(to.roster.FindOnDuty, request)
    rows = [
        (each.department, _mode(each), ", ".join(each.person_refs) or "nobody") for each in answer.on_duty
    ]
    to.show(answer, text.columns(rows) if rows else "no department for it")


@roster.command("summon")
@client(Role.HANDLER, changes=True)
async def summon(
    to: Session,
    meta: CommandMeta,
    code: Code,
    case: Annotated[str, typer.Argument(metavar="CASE", help="Id of the case.")],
) -> None:
    """Ask a department to come to a case."""
    request = rpc.SummonDepartmentRequest(meta=meta, department=code, case_id=case)
    await _call(to, to.roster.SummonDepartment, request)


@roster.command("answer")
@client(Role.HANDLER, changes=True)
async def answer(
    to: Session,
    meta: CommandMeta,
    summons: Summons,
    person: Person,
    *,
    decline: Annotated[bool, typer.Option("--decline", help="They can't come.")] = False,
) -> None:
    """Whoever is asked comes, or can't."""
    request = rpc.AnswerSummonsRequest(meta=meta, summons_id=summons, person_ref=person, accept=not decline)
    await _call(to, to.roster.AnswerSummons, request)


@roster.command("withdraw")
@client(Role.HANDLER, changes=True)
async def withdraw(to: Session, meta: CommandMeta, summons: Summons) -> None:
    """A summons is not needed any more."""
    await _call(to, to.roster.WithdrawSummons, rpc.WithdrawSummonsRequest(meta=meta, summons_id=summons))


@roster.command("summons")
@client(Role.HANDLER)
async def show_summons(to: Session, summons: Summons) -> None:
    """How a summons stands."""
    await _call(to, to.roster.GetSummons, rpc.GetSummonsRequest(summons_id=summons))


def told(department: rpc.Department) -> str:
    """A department as people read it."""
    facts = {
        "department": department.code,
        "mode": _mode(department),
        "kinds": ", ".join(department.kinds),
        "hours": times(department.hours),
        "desk": department.desk,
        "answer within": f"{department.answer_within_s} s",
        "since": department.days.since,
        "until": department.days.until,
        "duties": "; ".join(_duty(duty) for duty in department.duties) or "none",
        "nobody on duty": "; ".join(f"{hole.day} {times(hole.hours)}" for hole in department.holes),
        "revision": department.revision,
    }
    return text.lines(facts)


def _duty(duty: rpc.Duty) -> str:
    days = ",".join(str(day) for day in duty.weekdays)
    on = f" on {days}" if days else ""
    return f"{duty.duty_id}: {duty.person_ref}{on} {times(duty.hours)} {_until(duty.days)}".rstrip()


def _until(days: Any) -> str:
    return f"until {days.until}" if days.until else ""


def _mode(message: Any) -> str:
    return text.word(RosterMode, message.mode, "ROSTER_MODE_")


def times(hours: Hours) -> str:
    """Hours as they are typed."""
    return f"{hours.opens}-{hours.closes}"


def hours_of(given: str) -> Hours | None:
    """Hours that were typed; None for none."""
    opens, dash, closes = given.partition("-")
    if given and not dash:
        raise typer.BadParameter("hours are FROM-TO, as 08:30-17:30")
    return Hours(opens=opens, closes=closes) if given else None


async def _change(to: Session, method: Any, request: Message) -> None:
    done = await to.call(method, request)
    to.show(done, told(done.department))


async def _call(to: Session, method: Any, request: Message) -> None:
    done = await to.call(method, request)
    summons = done.summons
    facts = {
        "summons": summons.summons_id,
        "department": summons.department,
        "case": summons.case_id,
        "status": text.word(rpc.SummonsStatus, summons.status, "SUMMONS_STATUS_"),
        "person": summons.person_ref,
        "asked": summons.asked,
        "answer by": text.at(summons.answer_by),
    }
    to.show(done, text.lines(facts))
