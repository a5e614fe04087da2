"""The light reporter's side (快递小哥、外卖骑手): report what was seen, ask what became of it."""

from typing import Annotated

import typer

from fengqiao.common.v1.common_pb2 import CommandMeta
from fengqiao.intake.v1 import events_pb2 as ev
from fengqiao.intake.v1 import intake_service_pb2 as rpc
from services.chassis.auth import Role
from services.cli.client import text
from services.cli.client.options import client
from services.cli.client.session import Misuse, Session


@client(Role.REPORTER, changes=True)
async def report(
    to: Session,
    meta: CommandMeta,
    kind: Annotated[str, typer.Argument(help="What was seen, a code of the site's capability table.")],
    *,
    photo: Annotated[str, typer.Option(metavar="REF", help="Where the photo is kept; never the photo.")],
    place: Annotated[str, typer.Option(help="Lowest unit that the place can be named to.")] = "",
    point: Annotated[str, typer.Option(metavar="LON,LAT", help="Where it is, without a unit.")] = "",
) -> None:
    """Report what was seen on the street; prints the number by which to ask for feedback."""
    request = rpc.ReportSightingRequest(
        meta=meta, site_id=to.site, kind=kind, unit_id=place, point=_point(point), photo_ref=photo
    )
    answer = await to.call(to.intake.ReportSighting, request)
    to.show(answer, answer.request_no)


@client(Role.REPORTER)
async def feedback(
    to: Session, number: Annotated[str, typer.Argument(help="The number that `report` printed.")]
) -> None:
    """What became of your own report, and since which day."""
    answer = await to.call(to.intake.GetFeedback, rpc.GetFeedbackRequest(request_no=number))
    to.show(answer, f"{text.word(ev.Feedback, answer.feedback, 'FEEDBACK_')} since {answer.on}")


def _point(given: str) -> rpc.SightingPoint | None:
    if not given:
        return None
    longitude, comma, latitude = given.partition(",")
    try:
        return rpc.SightingPoint(longitude=float(longitude), latitude=float(latitude if comma else "none"))
    except ValueError:
        raise Misuse(f"--point: {given} is not LON,LAT, as 120.217,30.214") from None
