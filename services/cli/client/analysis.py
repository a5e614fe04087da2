"""Analysis: where more of a kind comes in than before."""

from typing import Annotated

import typer

from fengqiao.routing.v1 import analysis_service_pb2 as rpc
from services.chassis.auth import Role
from services.cli.client import text
from services.cli.client.options import client
from services.cli.client.session import Session


@client(Role.DESK)
async def hotspots(
    to: Session,
    within: Annotated[str, typer.Argument(metavar="UNIT", help="At this unit and below it.")],
    *,
    weeks: Annotated[int, typer.Option(help="How long a time is looked at.", min=1, max=4)] = 1,
    day: Annotated[str, typer.Option(metavar="DAY", help="The last day of it (default: today).")] = "",
) -> None:
    """Places and kinds of which more comes in than before (同类问题研判)."""
    request = rpc.ListHotspotsRequest(unit_code=within, window_days=7 * weeks, day=day)
    to.show(answer := await to.call(to.analysis.ListHotspots, request), told(answer))


@client(Role.DESK)
async def indicators(
    to: Session,
    within: Annotated[str, typer.Argument(metavar="UNIT", help="This unit and those next below it.")],
    since: Annotated[str, typer.Argument(metavar="DAY", help="First day of the period.")],
    until: Annotated[str, typer.Argument(metavar="DAY", help="Last day of the period.")],
) -> None:
    """How units did in a period: 响应率, 解决率 and 满意率, with what they are of."""
    request = rpc.GetIndicatorsRequest(unit_code=within, since=since, until=until)
    answer = await to.call(to.analysis.GetIndicators, request)
    rows = [
        (
            each.unit_code,
            _rate(each, "response_rate", each.answered, each.turns),
            _rate(each, "resolution_rate", each.resolved, each.due),
            _rate(each, "satisfaction_rate", each.satisfied, each.answers),
            str(each.unanswered),
            str(each.withdrawn),
            str(each.on_another_track),
        )
        for each in answer.units
    ]
    heads = ("unit", "answered", "resolved", "satisfied", "no answer", "withdrawn", "on another track")
    to.show(answer, text.columns(rows, heads))


def _rate(of: rpc.UnitIndicators, name: str, part: int, whole: int) -> str:
    rate = f" = {getattr(of, name):.1%}" if whole else ""
    return f"{part} of {whole}{rate}"


def told(answer: rpc.ListHotspotsResponse) -> str:
    """What stands out, with what it was compared with and how often that is chance."""
    if answer.too_little_known:
        return f"too little is known before {answer.since} to compare with"
    rows = [
        (
            each.unit_code,
            each.kind or "all kinds",
            str(each.count),
            f"{each.expected:.1f}",
            f"{each.p_value:.1e}",
            f"{each.adjusted:.1e}",
        )
        for each in answer.hotspots
    ]
    heads = ("unit", "kind", "requests", "expected", "p", "adjusted")
    foot = (
        f"{answer.since} to {answer.until}, compared with the days since {answer.compared_since}; "
        f"{answer.tested} pairs tested, false alarms in {answer.false_alarm_rate:.0%} of all looks at most"
    )
    return f"{text.columns(rows, heads) if rows else 'nothing stands out'}\n{foot}"
