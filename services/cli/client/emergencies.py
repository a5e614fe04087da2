"""Emergencies: declare, end, list."""

from typing import Annotated

import typer

from fengqiao.common.v1.common_pb2 import CommandMeta
from fengqiao.routing.v1 import emergency_service_pb2 as rpc
from fengqiao.routing.v1.emergency_events_pb2 import EmergencyEnd
from services.chassis.auth import Role
from services.chassis.protobuf import timestamp
from services.cli.client import text
from services.cli.client.options import client, instant_option
from services.cli.client.session import Session

emergency = typer.Typer(
    help="Emergencies (应急预案): other rules for an area and a time, and back.",
    no_args_is_help=True,
    add_completion=False,
)

Reason = Annotated[str, typer.Argument(metavar="REASON", help="A code, as flood_warning.")]


@emergency.command("declare")
@client(Role.DESK, changes=True)
async def declare(
    to: Session,
    meta: CommandMeta,
    profile: Annotated[str, typer.Argument(metavar="PROFILE", help="Of the site's emergencies.yaml.")],
    area: Annotated[str, typer.Argument(metavar="UNIT", help="For this unit and those below it.")],
    until: Annotated[str, typer.Argument(metavar="TIME", help="Until then; it ends by itself.")],
    reason: Reason,
    *,
    begins: Annotated[str, typer.Option("--from", metavar="TIME", help="From then on (default: now).")] = "",
) -> None:
    """Swap the rules of an area for a time."""
    request = rpc.DeclareEmergencyRequest(
        meta=meta,
        profile=profile,
        unit_code=area,
        until=timestamp(instant_option(until, "TIME")),
        reason=reason,
    )
    if begins:
        request.begins_at.CopyFrom(timestamp(instant_option(begins, "--from")))
    answer = await to.call(to.emergencies.DeclareEmergency, request)
    to.show(answer, told(answer.emergency))


@emergency.command("end")
@client(Role.DESK, changes=True)
async def end(
    to: Session,
    meta: CommandMeta,
    emergency_id: Annotated[str, typer.Argument(metavar="EMERGENCY", help="Id of the emergency.")],
    reason: Annotated[str, typer.Argument(metavar="REASON", help="A code, as water_fell.")],
) -> None:
    """Back to the usual rules; cases stay where they are."""
    request = rpc.EndEmergencyRequest(meta=meta, emergency_id=emergency_id, reason=reason)
    answer = await to.call(to.emergencies.EndEmergency, request)
    to.show(answer, told(answer.emergency))


@emergency.command("list")
@client(Role.DESK)
async def list_emergencies(
    to: Session,
    *,
    standing: Annotated[bool, typer.Option("--standing", help="Only those that have not ended.")] = False,
    limit: Annotated[int, typer.Option(help="At most so many.", min=1, max=200)] = 50,
    page: Annotated[str, typer.Option(help="Go on after this page token.")] = "",
) -> None:
    """Emergencies by their beginning, and the profiles there are."""
    request = rpc.ListEmergenciesRequest(standing=standing, page_size=limit, page_token=page)
    answer = await to.call(to.emergencies.ListEmergencies, request)
    rows = [
        (each.emergency_id, each.profile, each.unit_code, text.at(each.begins_at), _until(each), _state(each))
        for each in answer.emergencies
    ]
    lines = [
        text.columns(rows) if rows else "no emergency",
        f"profiles: {', '.join(answer.profiles) or 'none'}",
    ]
    lines += [f"more: --page {answer.next_page_token}"] * bool(answer.next_page_token)
    to.show(answer, "\n".join(lines))


def told(about: rpc.Emergency) -> str:
    """An emergency as people read it."""
    return text.lines(
        {
            "emergency": about.emergency_id,
            "profile": about.profile + ("" if about.known else " (not in the site's files)"),
            "area": about.unit_code,
            "from": text.at(about.begins_at),
            "until": _until(about),
            "state": _state(about),
            "reason": about.reason,
            "declared by": about.declared_by,
            "end": text.word(EmergencyEnd, about.end, "EMERGENCY_END_") if about.end else "",
            "end's reason": about.end_reason,
            "ended by": about.ended_by,
            "revision": about.revision,
        }
    )


def _until(about: rpc.Emergency) -> str:
    return text.at(about.ended_at if about.HasField("ended_at") else about.ends_at)


def _state(about: rpc.Emergency) -> str:
    return "in force" if about.in_force else "ended" if about.HasField("ended_at") else "not in force"
