"""The handler's side: queue, accept, progress, resolve, escalate, return, rule, transfer, refer, explain."""

from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Any

import typer
from google.protobuf.message import Message

from fengqiao.common.v1.common_pb2 import CommandMeta
from fengqiao.routing.v1 import events_pb2 as ev
from fengqiao.routing.v1 import handling_events_pb2 as hv
from fengqiao.routing.v1 import routing_service_pb2 as rpc
from fengqiao.routing.v1.events_pb2 import Track
from services.chassis.auth import Role
from services.cli.client import text
from services.cli.client.options import client
from services.cli.client.session import Session

Case = Annotated[str, typer.Argument(metavar="CASE", help="Case id.")]
Note = Annotated[str, typer.Option(help="In words; stays in routing's store.")]


class Way(StrEnum):
    """Where a case can go instead of the ladder."""

    MEDIATION = "mediation"
    PETITION = "petition"


class NotMine(StrEnum):
    """Why a case is not a unit's own."""

    OTHER_PLACE = "other-place"
    OTHER_REMIT = "other-remit"
    WRONG_KIND = "wrong-kind"
    BEYOND_MEANS = "beyond-means"
    DIRECT_INTEREST = "direct-interest"


class Said(StrEnum):
    """What a superior rules on a return."""

    STAYS = "stays"
    GOES = "goes"
    TAKEN = "taken"


class Why(StrEnum):
    """Why a case is transferred."""

    OTHER_PLACE = "other-place"
    OTHER_REMIT = "other-remit"
    DIRECT_INTEREST = "direct-interest"
    WORKLOAD = "workload"
    RELATED_CASE = "related-case"


BESIDE = ("pause", "ruling", "order", "first_contact", "follow_up", "end")
"""Clocks that run beside a tier's."""


class Court(StrEnum):
    """The way to court of a part that is split off."""

    CIVIL = "civil"
    ADMINISTRATIVE = "administrative"
    ENFORCEMENT = "enforcement"
    RETRIAL = "retrial"


class ForCourt(StrEnum):
    """Why a part is for the courts."""

    PENDING_IN_COURT = "pending-in-court"
    DECIDED_BY_COURT = "decided-by-court"
    ONLY_A_COURT = "only-a-court"


class Alike(StrEnum):
    """Why cases are joined."""

    SAME_REQUEST = "same-request"
    SAME_MATTER = "same-matter"


class Apart(StrEnum):
    """Why joined cases are parted."""

    DIFFERENT_MATTER = "different-matter"
    RESIDENT = "resident"


TRACKS = {Way.MEDIATION: ev.TRACK_MEDIATION, Way.PETITION: ev.TRACK_PETITION}


@client(Role.DESK)
async def queue(
    to: Session,
    owner: Annotated[str, typer.Argument(metavar="UNIT", help="Whose cases.")],
    *,
    below: Annotated[bool, typer.Option("--below", help="Those of the units below it too.")] = False,
    limit: Annotated[int, typer.Option(help="At most so many.", min=1, max=500)] = 50,
    page: Annotated[str, typer.Option(help="Go on after this page token.")] = "",
) -> None:
    """Open cases of a unit, soonest due first."""
    request = rpc.GetQueueRequest(unit_id=owner, include_below=below, page_size=limit, page_token=page)
    answer = await to.call(to.routing.GetQueue, request)
    more = f"\nmore: --page {answer.next_page_token}" if answer.next_page_token else ""
    to.show(answer, text.queue(answer.cases) + more)


@client(Role.HANDLER, changes=True)
async def accept(to: Session, meta: CommandMeta, case: Case) -> None:
    """The owner takes a case on."""
    await change(to, to.routing.AcceptCase, rpc.AcceptCaseRequest(meta=meta, case_id=case))


@client(Role.HANDLER, changes=True)
async def progress(
    to: Session,
    meta: CommandMeta,
    case: Case,
    code: Annotated[str, typer.Argument(help="What was done, as a code, e.g. visited.")],
    *,
    note: Note = "",
) -> None:
    """The owner did something."""
    request = rpc.ReportProgressRequest(meta=meta, case_id=case, progress=code, note=note)
    await change(to, to.routing.ReportProgress, request)


@client(Role.HANDLER, changes=True)
async def resolve(  # noqa: PLR0913 - options of a command
    to: Session,
    meta: CommandMeta,
    case: Case,
    outcome: Annotated[str, typer.Argument(help="How it was settled, as a code.")] = "settled",
    *,
    note: Note = "",
    clause: Annotated[
        list[str] | None, typer.Option(metavar="NUMBER", help="Clause of the village code that it cites.")
    ] = None,
    feeling: Annotated[str, typer.Option(help="The plan (情): what those concerned feel.")] = "",
    reason: Annotated[str, typer.Option(help="The plan (理): what is reasonable between them.")] = "",
    law: Annotated[str, typer.Option(help="The plan (法): what the law says.")] = "",
) -> None:
    """The owner settled it; where the kind needs a plan, by its three parts (情理法)."""
    plan = rpc.PlanTexts(feeling=feeling, reason=reason, law=law) if feeling or reason or law else None
    request = rpc.ResolveCaseRequest(
        meta=meta, case_id=case, outcome=outcome, note=note, clauses=clause or [], plan=plan
    )
    await change(to, to.routing.ResolveCase, request)


@client(Role.HANDLER, changes=True)
async def escalate(
    to: Session, meta: CommandMeta, case: Case, note: Annotated[str, typer.Argument(help="Why.")]
) -> None:
    """The handler lifts a case one tier."""
    await change(to, to.routing.EscalateCase, rpc.EscalateCaseRequest(meta=meta, case_id=case, note=note))


@client(Role.HANDLER, changes=True)
async def give_back(
    to: Session,
    meta: CommandMeta,
    case: Case,
    note: Annotated[str, typer.Argument(help="Why.")],
    *,
    reason: Annotated[
        NotMine | None,
        typer.Option(help="Why, as a code; without it the case goes one tier up at once (deprecated)."),
    ] = None,
    belongs: Annotated[str, typer.Option("--to", metavar="UNIT", help="Whose it is, if you know.")] = "",
) -> None:
    """It is not theirs: the superior rules on it; the resident's clock runs on."""
    code = ev.ReturnReason.Value(name_of("RETURN_REASON", reason)) if reason else ev.RETURN_REASON_UNSPECIFIED
    request = rpc.ReturnCaseRequest(meta=meta, case_id=case, note=note, reason=code, proposed_unit_id=belongs)
    await change(to, to.routing.ReturnCase, request)


@client(Role.HANDLER, changes=True)
async def rule(
    to: Session,
    meta: CommandMeta,
    case: Case,
    ruling: Annotated[Said, typer.Argument(help="Where it belongs.")],
    *,
    goes: Annotated[str, typer.Option("--to", metavar="UNIT", help="The unit that it goes to.")] = "",
    note: Note = "",
) -> None:
    """The superior rules on a return; the ruling is binding."""
    code = ev.Ruling.Value(name_of("RULING", ruling))
    request = rpc.RuleOnReturnRequest(meta=meta, case_id=case, ruling=code, unit_id=goes, note=note)
    await change(to, to.routing.RuleOnReturn, request)


@client(Role.DESK, changes=True)
async def transfer(
    to: Session,
    meta: CommandMeta,
    case: Case,
    receiver: Annotated[str, typer.Argument(metavar="UNIT", help="Where to.")],
    reason: Annotated[Why, typer.Argument(help="Why.")],
    *,
    note: Note = "",
) -> None:
    """Move an open case to another unit; what was promised stays."""
    code = ev.TransferReason.Value(name_of("TRANSFER_REASON", reason))
    request = rpc.TransferCaseRequest(meta=meta, case_id=case, unit_id=receiver, reason=code, note=note)
    await change(to, to.routing.TransferCase, request)


@client(Role.DESK, changes=True)
async def join(
    to: Session,
    meta: CommandMeta,
    case: Case,
    lead: Annotated[str, typer.Argument(metavar="LEAD", help="Id of the case that leads the matter.")],
    reason: Annotated[Alike, typer.Argument(help="Why.")] = Alike.SAME_MATTER,
    *,
    note: Note = "",
) -> None:
    """Join a case with another of the same matter: no clock of it runs, and it ends with that."""
    code = ev.JoinReason.Value(name_of("JOIN_REASON", reason))
    request = rpc.JoinCaseRequest(meta=meta, case_id=case, lead_case_id=lead, reason=code, note=note)
    await change(to, to.routing.JoinCase, request)


@client(Role.DESK, changes=True)
async def part(
    to: Session,
    meta: CommandMeta,
    case: Case,
    reason: Annotated[Apart, typer.Argument(help="Why.")] = Apart.DIFFERENT_MATTER,
    *,
    note: Note = "",
) -> None:
    """Part a joined case: it goes on by itself, and the time that it was joined is not counted."""
    code = ev.PartReason.Value(name_of("PART_REASON", reason))
    request = rpc.PartCaseRequest(meta=meta, case_id=case, reason=code, note=note)
    await change(to, to.routing.PartCase, request)


@client(Role.HANDLER, changes=True)
async def recuse(
    to: Session,
    meta: CommandMeta,
    case: Case,
    note: Annotated[str, typer.Argument(help="What the interest is.")],
    *,
    residents_wish: Annotated[
        bool, typer.Option("--residents-wish", help="The resident wished it; of the desk alone.")
    ] = False,
) -> None:
    """Whoever has the case has a direct interest (回避): it goes to another, and never back."""
    request = rpc.RecuseHandlerRequest(meta=meta, case_id=case, note=note, residents_wish=residents_wish)
    await change(to, to.routing.RecuseHandler, request)


@client(Role.HANDLER, changes=True)
async def split_off(
    to: Session,
    meta: CommandMeta,
    case: Case,
    route: Annotated[Court, typer.Argument(help="The way to court.")],
    reason: Annotated[ForCourt, typer.Argument(help="Why it is for the courts.")],
    note: Annotated[str, typer.Argument(help="Which part it is.")],
) -> None:
    """Split off a part that is for the courts (诉访分离); the rest goes on."""
    request = rpc.SplitOffRequest(
        meta=meta,
        case_id=case,
        route=hv.CourtRoute.Value(name_of("COURT_ROUTE", route)),
        reason=hv.SplitReason.Value(name_of("SPLIT_REASON", reason)),
        note=note,
    )
    await change(to, to.routing.SplitOff, request)


@client(Role.HANDLER, changes=True)
async def refer(
    to: Session,
    meta: CommandMeta,
    case: Case,
    track: Annotated[Way, typer.Argument(help="Where to.")],
    *,
    note: Note = "",
) -> None:
    """The top tier hands a case to mediation or petition handling."""
    request = rpc.ReferCaseRequest(meta=meta, case_id=case, track=TRACKS[track], note=note)
    await change(to, to.routing.ReferCase, request)


@client(Role.DESK)
async def route(
    to: Session,
    kind: Annotated[str, typer.Argument(metavar="KIND", help="Kind of matter, as noise.street.")],
    *,
    place: Annotated[str, typer.Option(metavar="UNIT", help="Where it is.")] = "",
    urgent: Annotated[bool, typer.Option("--urgent", help="As if somebody said so.")] = False,
    on: Annotated[str, typer.Option(metavar="DAY", help="By the rules of this day (default: now).")] = "",
) -> None:
    """Where a case would start now, or on a day, and why; nothing is done."""
    request = rpc.RouteCaseRequest(site_id=to.site, kind=kind, unit_id=place, urgent=urgent, on=on)
    answer = await to.call(to.routing.RouteCase, request)
    owner = answer.assignment
    facts = {
        "tier": text.tier(owner.tier),
        "unit": owner.unit_id,
        "post": owner.post_id,
        "holder": owner.holder_ref or "nobody",
        "why": ", ".join(owner.reasons),
        "table": f"version {answer.capability_version} on {answer.day}" if answer.day else "",
        "emergency": answer.emergency,
        "handed over to": text.word(Track, answer.track, "TRACK_") if answer.track else "",
        "due": text.at(answer.due_at),
    }
    clocks = [text.clock(clock, running=number == 0) for number, clock in enumerate(answer.clocks)]
    to.show(answer, "\n".join([text.lines(facts), *text.why(answer.why), *clocks]))


@client(Role.DESK)
async def explain(to: Session, case: Case) -> None:
    """How each due time of a case was found, step by step."""
    request = rpc.ExplainDeadlineRequest(case_id=case)
    answer = await to.call(to.routing.ExplainDeadline, request, wait_for_it=True)
    clocks = [text.clock(clock, running=clock.name == answer.running) for clock in answer.clocks]
    clocks += [text.clock(getattr(answer, name), running=True) for name in BESIDE if answer.HasField(name)]
    to.show(answer, "\n".join(clocks))


def name_of(enum: str, word: StrEnum) -> str:
    """`RETURN_REASON_OTHER_PLACE` for `other-place`."""
    return f"{enum}_{word.value.replace('-', '_').upper()}"


async def change(to: Session, method: Callable[..., Any], request: Message) -> None:
    """Call a command; a case that was submitted just now is waited for."""
    answer = await to.call(method, request, wait_for_it=True)
    to.show(answer, text.case(answer.case))
