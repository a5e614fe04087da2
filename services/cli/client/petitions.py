"""Petition handling: register, route, notify, accept, extend, opine, deliver, reply; show, list, explain.

With `--role inspector` the same commands are about accusations.
"""

from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Annotated, Any

import typer
from google.protobuf.message import Message

from fengqiao.common.v1.common_pb2 import CommandMeta
from fengqiao.petition.v1 import petition_service_pb2 as rpc
from fengqiao.petition.v1.events_pb2 import OpinionOutcome, PetitionKind, RouteManner
from services.chassis.auth import Role
from services.cli.client import text
from services.cli.client.options import client
from services.cli.client.session import Session

petition = typer.Typer(
    help="Petitions (信访); accusations with --role inspector.", no_args_is_help=True, add_completion=False
)

Case = Annotated[str, typer.Argument(metavar="CASE", help="Case id.")]


class Kind(StrEnum):
    """The three kinds of petition."""

    SUGGESTION = "suggestion"
    ACCUSATION = "accusation"
    CLAIM = "claim"


class Manner(StrEnum):
    """How it goes to the organ that handles it."""

    OWN = "own"
    TRANSFER = "transfer"
    ASSIGN = "assign"
    REPORT = "report"


class Outcome(StrEnum):
    """What an opinion says of the claim."""

    SUPPORTED = "supported"
    EXPLAINED = "explained"
    NOT_SUPPORTED = "not_supported"


@petition.command("register")
@client(Role.PETITION_OFFICER, changes=True)
async def register(
    to: Session,
    meta: CommandMeta,
    case: Case,
    kind: Annotated[Kind, typer.Argument(help="What it is.")],
    content: Annotated[str, typer.Argument(help="Code of the content table, e.g. housing_and_property.")],
    *,
    branch: Annotated[int, typer.Option(help="1 to 6, for a claim.", min=0, max=6)] = 0,
    petitioners: Annotated[int, typer.Option(help="How many petition together.", min=1)] = 1,
    representative: Annotated[
        list[str] | None, typer.Option(help="Reference of a person who speaks for them; at most five.")
    ] = None,
) -> None:
    """Kind, content and representatives of a petition that was received."""
    request = rpc.RegisterPetitionRequest(
        meta=meta,
        case_id=case,
        kind=PetitionKind.Value(f"PETITION_KIND_{kind.upper()}"),
        branch=branch,
        content_code=content,
        petitioners=petitioners,
        representative_refs=representative or [],
    )
    await _change(to, to.petition.RegisterPetition, request)


@petition.command("route")
@client(Role.PETITION_OFFICER, changes=True)
async def route(
    to: Session,
    meta: CommandMeta,
    case: Case,
    manner: Annotated[Manner, typer.Argument(help="Keep it, or how it is passed on.")] = Manner.OWN,
    organ: Annotated[str, typer.Argument(metavar="UNIT", help="The organ that it goes to.")] = "",
) -> None:
    """Keep it, or transfer, assign or report it."""
    request = rpc.RoutePetitionRequest(
        meta=meta,
        case_id=case,
        manner=RouteManner.Value(f"ROUTE_MANNER_{manner.upper()}"),
        unit_id=organ,
    )
    await _change(to, to.petition.RoutePetition, request)


@petition.command("notify")
@client(Role.PETITION_OFFICER, changes=True)
async def notify(
    to: Session,
    meta: CommandMeta,
    case: Case,
    manner: Annotated[str, typer.Argument(help="How the notice was given, e.g. post.")] = "",
    *,
    waived: Annotated[str, typer.Option(help="Instead: name_unclear or address_unclear.")] = "",
) -> None:
    """The petitioner was told in writing that it was received, or lawfully could not be."""
    request = rpc.NotifyReceiptRequest(meta=meta, case_id=case, manner=manner, waived=waived)
    await _change(to, to.petition.NotifyReceipt, request)


@petition.command("accept")
@client(Role.PETITION_OFFICER, changes=True)
async def accept(
    to: Session,
    meta: CommandMeta,
    case: Case,
    *,
    refused: Annotated[str, typer.Option(help="Why it is not accepted, as a code, e.g. litigation.")] = "",
) -> None:
    """The organ accepts the matter, or says why not."""
    request = rpc.AcceptPetitionRequest(meta=meta, case_id=case, refused=refused)
    await _change(to, to.petition.AcceptPetition, request)


@petition.command("extend")
@client(Role.PETITION_OFFICER, changes=True)
async def extend(
    to: Session,
    meta: CommandMeta,
    case: Case,
    days: Annotated[int, typer.Argument(help="Calendar days.")],
    reason: Annotated[str, typer.Argument(help="Why, as a code, e.g. complex.")],
    *,
    approver: Annotated[str, typer.Option(help="Reference of the organ's head.")],
) -> None:
    """More time for the opinion, once, with the head's approval."""
    request = rpc.ExtendDeadlineRequest(
        meta=meta, case_id=case, days=days, reason=reason, approver_ref=approver
    )
    await _change(to, to.petition.ExtendDeadline, request)


@petition.command("opine")
@client(Role.PETITION_OFFICER, changes=True)
async def opine(
    to: Session,
    meta: CommandMeta,
    case: Case,
    outcome: Annotated[Outcome, typer.Argument(help="What it says of the claim.")],
    *,
    claim: Annotated[str, typer.Option(help="What is claimed.")],
    facts: Annotated[str, typer.Option(help="Facts and reasons.")],
    basis: Annotated[str, typer.Option(help="Legal basis.")],
) -> None:
    """Issue the written opinion; its texts stay in petition's store."""
    opinion = rpc.OpinionContent(
        claim=claim,
        facts_and_reasons=facts,
        outcome=OpinionOutcome.Value(f"OPINION_OUTCOME_{outcome.upper()}"),
        legal_basis=basis,
    )
    request = rpc.IssueOpinionRequest(meta=meta, case_id=case, opinion=opinion)
    await _change(to, to.petition.IssueOpinion, request)


@petition.command("deliver")
@client(Role.PETITION_OFFICER, changes=True)
async def deliver(
    to: Session,
    meta: CommandMeta,
    case: Case,
    manner: Annotated[str, typer.Argument(help="How, as a code, e.g. in_person.")],
) -> None:
    """The petitioner has the opinion."""
    request = rpc.DeliverOpinionRequest(meta=meta, case_id=case, manner=manner)
    await _change(to, to.petition.DeliverOpinion, request)


@petition.command("reply")
@client(Role.PETITION_OFFICER, changes=True)
async def reply(
    to: Session,
    meta: CommandMeta,
    case: Case,
    outcome: Annotated[str, typer.Argument(help="How it was answered, as a code.")],
    *,
    note: Annotated[str, typer.Option(help="In words; stays in petition's store.")] = "",
) -> None:
    """Answer a matter that needs no opinion."""
    request = rpc.ReplyToPetitionRequest(meta=meta, case_id=case, outcome=outcome, note=note)
    await _change(to, to.petition.ReplyToPetition, request)


@petition.command("show")
@client(Role.PETITION_OFFICER)
async def show(to: Session, case: Case) -> None:
    """A petition, and where it stands."""
    request = rpc.GetPetitionRequest(case_id=case)
    answer = await to.call(to.petition.GetPetition, request, wait_for_it=True)
    to.show(answer, told(answer.petition))


@petition.command("list")
@client(Role.PETITION_OFFICER)
async def list_petitions(
    to: Session,
    organ: Annotated[str, typer.Argument(metavar="UNIT", help="Whose petitions.")],
    *,
    below: Annotated[bool, typer.Option("--below", help="Those of the units below it too.")] = False,
    limit: Annotated[int, typer.Option(help="At most so many.", min=1, max=500)] = 50,
    page: Annotated[str, typer.Option(help="Go on after this page token.")] = "",
) -> None:
    """Open petitions of an organ, soonest due first."""
    request = rpc.ListPetitionsRequest(
        unit_id=organ,
        include_below=below,
        page_size=limit,
        page_token=page,
        restricted=to.options.role == Role.INSPECTOR,
    )
    answer = await to.call(to.petition.ListPetitions, request)
    more = f"\nmore: --page {answer.next_page_token}" if answer.next_page_token else ""
    to.show(answer, _rows(answer.petitions) + more)


@petition.command("explain")
@client(Role.PETITION_OFFICER)
async def explain(to: Session, case: Case) -> None:
    """How each due time of a petition was found, step by step."""
    request = rpc.ExplainDeadlineRequest(case_id=case)
    answer = await to.call(to.petition.ExplainDeadline, request, wait_for_it=True)
    latest = {clock.name: clock.epoch for clock in answer.clocks}
    clocks = [
        text.clock(clock, running=clock.name in answer.running and clock.epoch == latest[clock.name])
        for clock in answer.clocks
    ]
    to.show(answer, "\n".join(clocks))


def told(shown: rpc.Petition) -> str:
    """A petition as people read it."""
    clocks = [f"{clock.name} until {text.at(clock.rolled_due_at)} ({clock.rule})" for clock in shown.clocks]
    facts = {
        "case": shown.case_id,
        "number": shown.reference.request_no,
        "status": _status(shown),
        "organ": shown.reference.unit_id,
        "accused": shown.reference.accused_unit_id,
        "kind": text.word(PetitionKind, shown.kind, "PETITION_KIND_") if shown.kind else "",
        "branch": shown.branch or "",
        "content": shown.content_code,
        "petitioners": shown.petitioners or "",
        "spoken for by": ", ".join(shown.representative_refs),
        "received": text.at(shown.received_at),
        "notified": text.at(shown.notified_at),
        "accepted": text.at(shown.accepted_at),
        "issued": text.at(shown.issued_at),
        "delivered": text.at(shown.delivered_at),
        "outcome": text.word(OpinionOutcome, shown.outcome, "OPINION_OUTCOME_") if shown.outcome else "",
        "clock": ", ".join(clocks),
        "overdue": ", ".join(shown.overdue),
        "supervision": "asked for" if shown.supervision_asked else "",
        "revision": shown.revision,
    }
    opinion = {
        "claim": shown.opinion.claim,
        "facts and reasons": shown.opinion.facts_and_reasons,
        "legal basis": shown.opinion.legal_basis,
    }
    return text.lines(facts | (opinion if shown.HasField("opinion") else {}))


def _rows(petitions: Iterable[rpc.Petition]) -> str:
    rows = [
        (
            each.case_id,
            each.reference.request_no,
            _status(each),
            each.reference.unit_id,
            text.at(each.clocks[-1].rolled_due_at) if each.clocks else "",
            f"overdue: {', '.join(each.overdue)}" if each.overdue else "",
            each.content_code,
        )
        for each in petitions
    ]
    heads = ("case", "number", "status", "organ", "due", "", "content")
    return text.columns(rows, heads) if rows else "no open petition"


def _status(shown: rpc.Petition) -> str:
    return text.word(rpc.PetitionStatus, shown.status, "PETITION_STATUS_")


async def _change(to: Session, method: Callable[..., Any], request: Message) -> None:
    """Call a command; a petition that was referred just now is waited for."""
    answer = await to.call(method, request, wait_for_it=True)
    to.show(answer, told(answer.petition))
