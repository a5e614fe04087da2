"""Screening campaigns: plan, report, early warnings, close."""

from enum import StrEnum
from typing import Annotated, Any

import typer
from google.protobuf.message import Message

from fengqiao.common.v1.common_pb2 import CommandMeta, Tier
from fengqiao.intake.v1 import intake_service_pb2 as intake
from fengqiao.routing.v1 import routing_service_pb2 as routing
from fengqiao.routing.v1 import screening_events_pb2 as ev
from fengqiao.routing.v1 import screening_service_pb2 as rpc
from fengqiao.routing.v1.early_warning_events_pb2 import LawfulEnd
from services.chassis.auth import Role
from services.cli.client import text
from services.cli.client.options import client
from services.cli.client.session import Misuse, Session

screening = typer.Typer(
    help="Screening campaigns (排查): scheduled work of units, and the early warnings that come of it.",
    no_args_is_help=True,
    add_completion=False,
)

CHANNEL = "screening"

Campaign = Annotated[str, typer.Argument(metavar="CAMPAIGN", help="Code of the campaign.")]
Unit = Annotated[str, typer.Argument(metavar="UNIT", help="Code of the unit.")]


class Level(StrEnum):
    """The tier of the units that report."""

    NEIGHBOURHOOD = "neighbourhood"
    SECTION = "section"
    COMMUNITY = "community"


class End(StrEnum):
    """What a superior puts on record about an early warning that is settled."""

    RISK_REMOVED = "risk-removed"
    NO_RISK = "no-risk"
    HANDED_OVER = "handed-over"
    SENT_BACK = "sent-back"


class Period(StrEnum):
    """What a campaign is repeated by."""

    WEEKS = "weeks"
    MONTHS = "months"


PERIODS = {Period.WEEKS: ev.REPEAT_UNIT_WEEKS, Period.MONTHS: ev.REPEAT_UNIT_MONTHS}


@screening.command("plan")
@client(Role.DESK, changes=True)
async def plan(  # noqa: PLR0913 - options of a command
    to: Session,
    meta: CommandMeta,
    campaign: Campaign,
    area: Annotated[str, typer.Argument(metavar="AREA", help="The unit below which units report.")],
    since: Annotated[str, typer.Argument(metavar="FIRST", help="Its first day.")],
    until: Annotated[str, typer.Argument(metavar="LAST", help="Its last day.")],
    *,
    kind: Annotated[list[str], typer.Option(help="A kind of matter that is looked for.")],
    by: Annotated[Level, typer.Option(help="Which units report.")] = Level.NEIGHBOURHOOD,
    due: Annotated[str, typer.Option(metavar="DAY", help="Last day for reports (default: the last).")] = "",
    lead: Annotated[str, typer.Option(metavar="DEPARTMENT", help="Who leads.")] = "",
    every: Annotated[int, typer.Option(help="Once more after so many (default: once only).", min=0)] = 0,
    period: Annotated[Period, typer.Option(help="So many of these.")] = Period.MONTHS,
) -> None:
    """A campaign is to be held, once or again and again."""
    request = rpc.PlanScreeningRequest(
        meta=meta,
        code=campaign,
        unit_code=area,
        kinds=kind,
        tier=Tier.Value(f"TIER_{by.upper()}"),
        since=since,
        until=until,
        due_on=due,
        lead=lead,
        repeat_every=every,
        repeat_unit=PERIODS[period] if every else ev.REPEAT_UNIT_UNSPECIFIED,
    )
    await _change(to, to.screenings.PlanScreening, request)


@screening.command("report")
@client(Role.HANDLER, changes=True)
async def report(
    to: Session,
    meta: CommandMeta,
    campaign: Campaign,
    whose: Unit,
    visited: Annotated[int, typer.Argument(metavar="VISITS", help="How many visits were made.", min=0)],
    *,
    finding: Annotated[
        list[str] | None, typer.Option(metavar="KIND=COUNT", help="So many of a kind were found.")
    ] = None,
) -> None:
    """A unit did its part; a later report takes the place of the one before it."""
    found = []
    for kind, count in _pairs("--finding", finding):
        if not count.isdecimal():
            raise Misuse(f"--finding: {count} is no number")
        found.append(ev.ScreeningFinding(kind=kind, count=int(count)))
    request = rpc.ReportScreeningRequest(
        meta=meta, code=campaign, unit_code=whose, visited=visited, findings=found
    )
    await _change(to, to.screenings.ReportScreening, request)


@screening.command("risk")
@client(Role.HANDLER, changes=True)
async def risk(
    to: Session,
    meta: CommandMeta,
    campaign: Campaign,
    place: Unit,
    kind: Annotated[str, typer.Argument(metavar="KIND", help="Matter kind.")],
    title: Annotated[str, typer.Argument(help="The risk in a few words.")],
    *,
    note: Annotated[str, typer.Option(help="The risk in full; stays in intake's store.")] = "",
    urgent: Annotated[bool, typer.Option("--urgent", help="Danger: skip tiers.")] = False,
) -> None:
    """A risk was found: it is taken in as an early-warning case that nobody complained about."""
    body = intake.RequestBody(
        site_id=to.site,
        kind=kind,
        unit_id=place,
        channel=CHANNEL,
        title=title,
        description=note,
        urgent=urgent,
        screening_code=campaign,
    )
    answer = await to.call(to.intake.SubmitRequest, intake.SubmitRequestRequest(meta=meta, request=body))
    to.show(answer, text.lines({"case": answer.case_id, "number": answer.request_no}))


@screening.command("end")
@client(Role.HANDLER, changes=True)
async def end(
    to: Session,
    meta: CommandMeta,
    case: Annotated[str, typer.Argument(metavar="CASE", help="Case id of the early warning.")],
    how: Annotated[End, typer.Argument(metavar="END", help="How it ended; sent-back: the case goes on.")],
    *,
    note: Annotated[str, typer.Option(help="In words; stays in routing's store.")] = "",
) -> None:
    """A superior of who settled an early warning puts its end on record."""
    code = LawfulEnd.Value(f"LAWFUL_END_{how.name}")
    request = routing.RecordEndRequest(meta=meta, case_id=case, end=code, note=note)
    done = await to.call(to.routing.RecordEnd, request)
    to.show(done, text.case(done.case))


@screening.command("close")
@client(Role.DESK, changes=True)
async def close(
    to: Session,
    meta: CommandMeta,
    campaign: Campaign,
    reason: Annotated[str, typer.Argument(metavar="REASON", help="Why units need not report, a code.")] = "",
    *,
    left: Annotated[
        list[str] | None, typer.Option(metavar="UNIT=REASON", help="Why one unit need not.")
    ] = None,
    for_good: Annotated[bool, typer.Option("--for-good", help="No other round follows.")] = False,
) -> None:
    """End the round before its last day is over."""
    request = rpc.CloseScreeningRequest(
        meta=meta, code=campaign, reasons=dict(_pairs("--left", left)), reason=reason, for_good=for_good
    )
    await _change(to, to.screenings.CloseScreening, request)


@screening.command("show")
@client(Role.DESK)
async def show(to: Session, campaign: Campaign) -> None:
    """A campaign with its parts, and the early warnings of its round."""
    answer = await to.call(to.screenings.GetScreening, rpc.GetScreeningRequest(code=campaign))
    to.show(answer, told(answer.screening))


@screening.command("list")
@client(Role.DESK)
async def list_screenings(
    to: Session,
    *,
    limit: Annotated[int, typer.Option(help="At most so many.", min=1, max=200)] = 50,
    page: Annotated[str, typer.Option(help="Go on after this page token.")] = "",
) -> None:
    """Campaigns, by code."""
    request = rpc.ListScreeningsRequest(page_size=limit, page_token=page)
    answer = await to.call(to.screenings.ListScreenings, request)
    rows = [
        (each.code, each.unit_code, f"round {each.round}", _status(each), each.since, each.until)
        for each in answer.screenings
    ]
    more = f"\nmore: --page {answer.next_page_token}" if answer.next_page_token else ""
    to.show(answer, (text.columns(rows) if rows else "no screening campaign") + more)


def told(about: rpc.Screening) -> str:
    """A campaign as people read it."""
    period = text.word(ev.RepeatUnit, about.repeat_unit, "REPEAT_UNIT_")
    facts = {
        "campaign": about.code,
        "area": about.unit_code,
        "kinds": ", ".join(about.kinds),
        "lead": about.lead,
        "round": about.round,
        "status": _status(about),
        "days": f"{about.since} to {about.until}, reports by {about.due_on}",
        "repeated": f"every {about.repeat_every} {period}" if about.repeat_every else "",
        "told": f"{about.times_told} times" if about.times_told else "",
        "revision": about.revision,
    }
    cases = [f"case {each.case_id}: {each.kind} at {each.unit_code}" for each in about.cases]
    return "\n".join([text.lines(facts), *map(_piece, about.pieces), *cases, *map(_round, about.rounds)])


def _piece(piece: rpc.ScreeningPiece) -> str:
    if not piece.reported:
        homes = f", {piece.households} households" if piece.households else ""
        return f"{piece.unit_code}: {'overdue' if piece.overdue else 'to report'}{homes}"
    homes = f" of {piece.households}" if piece.households else ""
    found = sum(each.count for each in piece.findings)
    late = ", late" if piece.late else ""
    return f"{piece.unit_code}: visited {piece.visited}{homes}, {found} findings, {piece.cases} cases{late}"


def _round(over: rpc.ScreeningRound) -> str:
    left = "".join(f"; {each.unit_id}: {each.reason}" for each in over.left)
    return (
        f"round {over.round} ({over.since} to {over.until}): {over.reported} reported, "
        f"{over.visited} visits, {over.findings} findings{left}"
    )


def _status(about: rpc.Screening) -> str:
    return text.word(rpc.ScreeningStatus, about.status, "SCREENING_STATUS_")


def _pairs(option: str, given: list[str] | None) -> list[tuple[str, str]]:
    pairs = [each.partition("=") for each in given or []]
    if wrong := next((name for name, equals, _ in pairs if not equals), None):
        raise Misuse(f"{option}: {wrong} has no =")
    return [(name, value) for name, _, value in pairs]


async def _change(to: Session, method: Any, request: Message) -> None:
    done = await to.call(method, request)
    to.show(done, told(done.screening))
