"""The directory's places: moves, mergers and splits; where neighbourhoods lie, and what a point is in."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from google.protobuf.message import Message

from fengqiao.common.v1.common_pb2 import CommandMeta
from fengqiao.routing.v1 import directory_service_pb2 as rpc
from fengqiao.routing.v1.directory_events_pb2 import Point, Ring
from fengqiao.routing.v1.restructuring_events_pb2 import RestructuringKind
from services.chassis.auth import Role
from services.cli.client import text
from services.cli.client.directory import Code, Day, Limit, On, Page, change, directory
from services.cli.client.options import client
from services.cli.client.session import Session

__all__ = ["directory"]


@directory.command("move")
@client(Role.DESK, changes=True)
async def move(
    to: Session,
    meta: CommandMeta,
    code: Code,
    new_code: Annotated[str, typer.Argument(metavar="NEW", help="Its new place in the tree.")],
    *,
    on: On = "",
) -> None:
    """A unit with all that is below it goes elsewhere in the tree."""
    request = rpc.MoveUnitRequest(meta=meta, code=code, new_code=new_code, on=on)
    await _restructure(to, to.directory.MoveUnit, request)


@directory.command("merge")
@client(Role.DESK, changes=True)
async def merge(
    to: Session,
    meta: CommandMeta,
    code: Code,
    into: Annotated[str, typer.Argument(metavar="INTO", help="The neighbourhood that takes over.")],
    *,
    on: On = "",
) -> None:
    """A neighbourhood's households go to another one, whose leader stays."""
    request = rpc.MergeUnitRequest(meta=meta, code=code, into=into, on=on)
    await _restructure(to, to.directory.MergeUnit, request)


@directory.command("split")
@client(Role.DESK, changes=True)
async def split(
    to: Session,
    meta: CommandMeta,
    code: Code,
    part: Annotated[
        list[str],
        typer.Argument(metavar="PART…", help="As CODE=HOUSEHOLD,HOUSEHOLD; the leader's first."),
    ],
    *,
    on: On = "",
) -> None:
    """A neighbourhood becomes several; its leader goes on in the first of them."""
    parts = []
    for each in part:
        new, equals, keys = each.partition("=")
        if not equals:
            raise typer.BadParameter("a part is CODE=HOUSEHOLD,HOUSEHOLD")
        parts.append(rpc.SplitPart(code=new, households=[key for key in keys.split(",") if key]))
    request = rpc.SplitUnitRequest(meta=meta, code=code, parts=parts, on=on)
    await _restructure(to, to.directory.SplitUnit, request)


@directory.command("restructuring")
@client(Role.DESK)
async def restructuring(
    to: Session,
    restructuring_id: Annotated[str, typer.Argument(metavar="ID", help="As move, merge or split told it.")],
) -> None:
    """How far a move, merger or split has come."""
    request = rpc.GetRestructuringRequest(restructuring_id=restructuring_id)
    await _restructure(to, to.directory.GetRestructuring, request)


@directory.command("draw")
@client(Role.DESK, changes=True)
async def draw(
    to: Session,
    meta: CommandMeta,
    code: Code,
    file: Annotated[Path, typer.Argument(metavar="GEOJSON", help="A Polygon, or one Feature with one.")],
    *,
    on: On = "",
) -> None:
    """Where a neighbourhood lies, so that a point finds it."""
    request = rpc.DrawBoundaryRequest(meta=meta, code=code, rings=read_geojson(file), on=on)
    await change(to, to.directory.DrawBoundary, request)


@directory.command("erase")
@client(Role.DESK, changes=True)
async def erase(to: Session, meta: CommandMeta, code: Code, *, on: On = "") -> None:
    """Where a neighbourhood lies is not drawn any more."""
    await change(to, to.directory.DrawBoundary, rpc.DrawBoundaryRequest(meta=meta, code=code, on=on))


@directory.command("point")
@client(Role.DESK)
async def point(
    to: Session,
    longitude: Annotated[float, typer.Argument(min=-180, max=180)],
    latitude: Annotated[float, typer.Argument(min=-90, max=90)],
    *,
    day: Day = "",
) -> None:
    """The neighbourhood that a point lies in, and who answers there."""
    request = rpc.FindPointRequest(point=Point(longitude=longitude, latitude=latitude), day=day)
    answer = await to.call(to.directory.FindPoint, request)
    facts = {
        "unit": answer.code or "none",
        "leader": answer.leader_ref or "none",
        "answering": f"{answer.answering_ref} in {answer.answering_code}" if answer.answering_ref else "",
    }
    to.show(answer, text.lines(facts))


@directory.command("boundaries")
@client(Role.DESK)
async def boundaries(
    to: Session, within: Code, *, day: Day = "", limit: Limit = 500, page: Page = ""
) -> None:
    """Where neighbourhoods lie, as a GeoJSON FeatureCollection; `next_page_token` where there are more."""
    request = rpc.ListBoundariesRequest(within=within, day=day, page_size=limit, page_token=page)
    answer = await to.call(to.directory.ListBoundaries, request)
    to.show(answer, json.dumps(write_geojson(answer), ensure_ascii=False))


def read_geojson(file: Path) -> list[Ring]:
    """The rings of a file's only polygon.

    Raises:
        typer.BadParameter: it has none, or several.
    """
    try:
        raw = json.loads(file.read_text(encoding="utf-8"))
        if raw["type"] == "FeatureCollection":
            [raw] = raw["features"]
        geometry = raw["geometry"] if raw["type"] == "Feature" else raw
        if geometry["type"] != "Polygon":
            raise typer.BadParameter(f"{file.name}: {geometry['type']} is no Polygon")
        return [
            Ring(points=[Point(longitude=place[0], latitude=place[1]) for place in ring])
            for ring in geometry["coordinates"]
        ]
    except OSError as error:
        raise typer.BadParameter(f"{file}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise typer.BadParameter(f"{file.name}: not one GeoJSON polygon ({type(error).__name__})") from error


def write_geojson(answer: rpc.ListBoundariesResponse) -> dict[str, Any]:
    """The answer as GeoJSON; the code of each neighbourhood is its feature's id."""
    features = [
        {
            "type": "Feature",
            "id": unit.code,
            "properties": {"code": unit.code},
            "geometry": {
                "type": "Polygon",
                "coordinates": [[[p.longitude, p.latitude] for p in ring.points] for ring in unit.rings],
            },
        }
        for unit in answer.units
    ]
    more = {"next_page_token": answer.next_page_token} if answer.next_page_token else {}
    return {"type": "FeatureCollection", "features": features, **more}


async def _restructure(to: Session, method: Any, request: Message) -> None:
    answer = await to.call(method, request)
    plan = answer.restructuring
    facts = {
        "id": plan.restructuring_id,
        "kind": text.word(RestructuringKind, plan.kind, "RESTRUCTURING_KIND_"),
        "unit": plan.code,
        "into": ", ".join(plan.into),
        "on": plan.on,
        "units": plan.units,
        "completed": "yes" if plan.completed else "not yet",
    }
    to.show(answer, text.lines(facts))
