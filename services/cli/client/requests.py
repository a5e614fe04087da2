"""The resident's side: submit, show, track, timeline, withdraw, ask-up, ask-for, rate, reopen."""

from enum import StrEnum
from typing import Annotated, Any

import grpc
import typer

from fengqiao.common.v1.common_pb2 import CommandMeta
from fengqiao.intake.v1 import events_pb2 as ev
from fengqiao.intake.v1 import intake_service_pb2 as rpc
from fengqiao.routing.v1 import routing_service_pb2 as routing
from services.chassis.auth import Role
from services.chassis.protobuf import timestamp
from services.cli.client import text
from services.cli.client.options import client, instant_option
from services.cli.client.session import Misuse, Session

Case = Annotated[str, typer.Argument(metavar="CASE", help="Case id.")]
Reason = Annotated[str, typer.Option(help="Why, as a code.")]


class Wish(StrEnum):
    """Where a resident asks a case to go."""

    MEDIATION = "mediation"
    PETITION = "petition"


@client(Role.CLERK, changes=True)
async def submit(  # noqa: PLR0913 - a request has as many parts
    to: Session,
    meta: CommandMeta,
    title: Annotated[str, typer.Argument(help="The matter in a few words.")],
    *,
    kind: Annotated[str, typer.Option(help="Matter kind, a code of the site's capability table.")],
    place: Annotated[str, typer.Option(help="Lowest unit that the place can be named to.")] = "",
    description: Annotated[str, typer.Option(help="The matter in full.")] = "",
    channel: Annotated[str, typer.Option(help="counter, phone, paper, visit, online …")] = "counter",
    person: Annotated[str, typer.Option(help="Who asks, from `contact put`; empty for anonymous.")] = "",
    attribute: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="A further fact of the matter.")
    ] = None,
    due: Annotated[str, typer.Option(metavar="TIME", help="Promised due time, ISO 8601.")] = "",
    urgent: Annotated[bool, typer.Option("--urgent", help="Danger: skip tiers.")] = False,
) -> None:
    """Take a request in; prints its case id, its number and its tracking code."""
    body = rpc.RequestBody(
        site_id=to.site,
        kind=kind,
        unit_id=place,
        channel=channel,
        title=title,
        description=description,
        attributes=_pairs(attribute or []),
        person_ref=person,
        urgent=urgent,
    )
    if due:
        body.due_at.CopyFrom(timestamp(instant_option(due, "--due")))
    answer = await to.call(to.intake.SubmitRequest, rpc.SubmitRequestRequest(meta=meta, request=body))
    facts = {"case": answer.case_id, "number": answer.request_no, "tracking code": answer.tracking_code}
    to.show(answer, text.lines(facts))


@client(Role.DESK)
async def show(to: Session, case: Case) -> None:
    """A request with its texts, and where routing has it."""
    answer = await to.call(to.intake.GetRequest, rpc.GetRequestRequest(case_id=case))
    request = answer.request
    try:
        routed = (
            await to.call(to.routing.GetCase, routing.GetCaseRequest(case_id=case), wait_for_it=True)
        ).case
    except grpc.aio.AioRpcError as error:
        if error.code() is not grpc.StatusCode.NOT_FOUND:
            raise
        routed = None
    facts = {
        "title": request.body.title,
        "description": request.body.description,
        **request.body.attributes,
        "channel": request.body.channel,
        "person": request.body.person_ref,
        "source": f"{request.source} {request.reference}".strip(),
        "request": f"{_status(request.status)}, revision {request.revision}",
        "rating": request.rating or "",
        "joined": (request.joined_to.request_no or "with another of the same matter")
        if request.joined
        else "",
        "followed by": ", ".join(each.request_no for each in request.followers),
        "linked": ", ".join(each.request_no for each in request.links),
    }
    told = text.case(routed) if routed else f"case  {request.case_id}\nnot yet routed"
    to.show({"request": request, "case": routed}, f"{text.lines(facts)}\n{told}")


@client(Role.RESIDENT)
async def track(to: Session, code: Annotated[str, typer.Argument(help="Tracking code.")]) -> None:
    """Where a request stands, by its tracking code: states and times, no texts, no persons."""
    answer = await to.call(to.intake.TrackRequest, rpc.TrackRequestRequest(tracking_code=code))
    entries = [_entry(entry) for entry in answer.entries]
    joined = ", joined with another of the same matter" if answer.joined else ""
    to.show(answer, "\n".join([f"{answer.request_no}  {_status(answer.status)}{joined}", *entries]))


@client(Role.DESK)
async def timeline(
    to: Session,
    case: Case,
    *,
    cursor: Annotated[str, typer.Option(help="Go on after this cursor.")] = "",
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with what comes, until Ctrl-C.")
    ] = False,
) -> None:
    """Everything that happened to a case, in all services."""
    request = rpc.WatchTimelineRequest(case_id=case, cursor=cursor, follow=follow)
    async for answer in to.stream(to.intake.WatchTimeline, request):
        to.show(answer, _entry(answer.entry))


@client(Role.CLERK, changes=True)
async def withdraw(to: Session, meta: CommandMeta, case: Case, *, reason: Reason = "resident_asked") -> None:
    """Ask routing to end the case, on the resident's word."""
    request = rpc.WithdrawRequestRequest(meta=meta, case_id=case, reason=reason)
    _asked(to, await to.call(to.intake.WithdrawRequest, request), "withdrawal")


@client(Role.CLERK, changes=True)
async def ask_up(to: Session, meta: CommandMeta, case: Case, *, reason: Reason = "resident_asked") -> None:
    """Ask routing to lift the case one tier, on the resident's word."""
    request = rpc.RequestEscalationRequest(meta=meta, case_id=case, reason=reason)
    _asked(to, await to.call(to.intake.RequestEscalation, request), "escalation")


@client(Role.CLERK, changes=True)
async def ask_for(
    to: Session,
    meta: CommandMeta,
    case: Case,
    track: Annotated[Wish, typer.Argument(help="Where to.")],
    *,
    reason: Reason = "resident_asked",
) -> None:
    """Ask routing to hand the case to mediation or petition handling, on the resident's word."""
    code = ev.WishedTrack.Value(f"WISHED_TRACK_{track.name}")
    request = rpc.RequestReferralRequest(meta=meta, case_id=case, track=code, reason=reason)
    _asked(to, await to.call(to.intake.RequestReferral, request), track.value)


@client(Role.CLERK, changes=True)
async def reopen(to: Session, meta: CommandMeta, case: Case, *, reason: Reason = "not_settled") -> None:
    """Ask routing to go on with a settled case, on the resident's word."""
    request = rpc.ReopenRequestRequest(meta=meta, case_id=case, reason=reason)
    _asked(to, await to.call(to.intake.ReopenRequest, request), "reopening")


@client(Role.CLERK, changes=True)
async def rate(
    to: Session,
    meta: CommandMeta,
    case: Case,
    rating: Annotated[int, typer.Argument(help="1 (poor) to 5 (good).")],
    *,
    solved: Annotated[bool, typer.Option("--solved/--not-solved", help="Is the matter settled?")],
    comment: Annotated[str, typer.Option(help="The resident's words.")] = "",
) -> None:
    """The resident's answer: closes a settled request when solved, else asks to reopen it."""
    request = rpc.RateOutcomeRequest(meta=meta, case_id=case, rating=rating, solved=solved, comment=comment)
    answer = await to.call(to.intake.RateOutcome, request, wait_for_it=True)
    to.show(answer, f"rated; revision {answer.revision}")


def _asked(to: Session, answer: Any, what: str) -> None:
    to.show(answer, f"{what} asked for, routing decides; revision {answer.revision}")


def _entry(entry: rpc.TimelineEntry) -> str:
    name = entry.type.rpartition(".")[2]
    return f"{text.at(entry.occurred_at)}  {entry.service:<8} {name:<20} {entry.data_json}"


def _status(status: int) -> str:
    return text.word(rpc.RequestStatus, status, "REQUEST_STATUS_")


def _pairs(given: list[str]) -> dict[str, str]:
    pairs = {}
    for pair in given:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise Misuse(f"--attribute: {pair} is not NAME=VALUE")
        pairs[name] = value
    return pairs
