"""Mediation, from its opening over consent and sessions to the signatures or another end; show, list."""

from collections.abc import Callable, Iterable
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import typer
from google.protobuf.message import Message

from fengqiao.common.v1.common_pb2 import CommandMeta
from fengqiao.mediation.v1 import mediation_service_pb2 as rpc
from fengqiao.mediation.v1.events_pb2 import AgreementForm, EndReason, SignerCapacity
from services.chassis.auth import Role
from services.chassis.protobuf import timestamp
from services.cli.client import text
from services.cli.client.options import client
from services.cli.client.session import Session

mediation = typer.Typer(help="Mediation (人民调解).", no_args_is_help=True, add_completion=False)

Case = Annotated[str, typer.Argument(metavar="CASE", help="Case id.")]
Party = Annotated[str, typer.Argument(metavar="PARTY", help="Reference of the party.")]
Manner = Annotated[str, typer.Argument(help="How, as a code: in_person, online, phone, written …")]
When = Annotated[datetime, typer.Argument(formats=["%Y-%m-%dT%H:%M%z"], help="E.g. 2026-03-02T09:30+0800.")]


class Form(StrEnum):
    """What an agreement needs to be in force."""

    WRITTEN = "written"
    ORAL = "oral"
    ONLINE = "online"


class Capacity(StrEnum):
    """What somebody signs as."""

    PARTY = "party"
    MEDIATOR = "mediator"
    COMMITTEE = "committee"


class Reason(StrEnum):
    """Ends that somebody can declare."""

    WITHDRAWN_AFTER_SETTLING = "withdrawn_after_settling"
    PARTY_UNREACHABLE = "party_unreachable"
    PARTY_UNWILLING = "party_unwilling"
    TOO_FAR_APART = "too_far_apart"
    REFUSED_TO_SIGN = "refused_to_sign"
    OTHER = "other"


@mediation.command("open")
@client(Role.DESK, changes=True)
async def open_(
    to: Session,
    meta: CommandMeta,
    case: Case,
    dispute_type: Annotated[str, typer.Argument(help="01 to 17, or 99.")],
    parties: Annotated[list[str], typer.Argument(metavar="PARTY…", help="References of two or more.")],
) -> None:
    """Name the parties of a dispute; each is asked for consent."""
    request = rpc.OpenMediationRequest(meta=meta, case_id=case, dispute_type=dispute_type, party_refs=parties)
    await _change(to, to.mediation.OpenMediation, request)


@mediation.command("consent")
@client(Role.RESIDENT, changes=True)
async def consent(
    to: Session, meta: CommandMeta, case: Case, party: Party, manner: Manner = "online"
) -> None:
    """A party consents."""
    request = rpc.GiveConsentRequest(meta=meta, case_id=case, party_ref=party, manner=manner)
    await _change(to, to.mediation.GiveConsent, request)


@mediation.command("refuse")
@client(Role.RESIDENT, changes=True)
async def refuse(
    to: Session,
    meta: CommandMeta,
    case: Case,
    party: Party,
    *,
    note: Annotated[str, typer.Option(help="Nobody has to give one.")] = "",
) -> None:
    """A party refuses, or leaves: lawful at any time."""
    request = rpc.RefuseMediationRequest(meta=meta, case_id=case, party_ref=party, note=note)
    await _change(to, to.mediation.RefuseMediation, request)


@mediation.command("choose")
@client(Role.RESIDENT, changes=True)
async def choose(
    to: Session,
    meta: CommandMeta,
    case: Case,
    party: Party,
    mediator: Annotated[str, typer.Argument(help="Reference of the mediator.")],
) -> None:
    """A party names the mediator it wants."""
    request = rpc.ChooseMediatorRequest(meta=meta, case_id=case, party_ref=party, mediator_ref=mediator)
    await _change(to, to.mediation.ChooseMediator, request)


@mediation.command("confirm")
@client(Role.MEDIATOR, changes=True)
async def confirm(
    to: Session,
    meta: CommandMeta,
    case: Case,
    *,
    decline: Annotated[str, typer.Option(help="Decline instead, for this reason (a code).")] = "",
) -> None:
    """The mediator takes it on, or declines."""
    request = rpc.ConfirmMediatorRequest(meta=meta, case_id=case, accept=not decline, reason=decline)
    await _change(to, to.mediation.ConfirmMediator, request)


@mediation.command("schedule")
@client(Role.MEDIATOR, changes=True)
async def schedule(
    to: Session, meta: CommandMeta, case: Case, begins: When, manner: Manner = "in_person"
) -> None:
    """A session is fixed."""
    request = rpc.ScheduleSessionRequest(meta=meta, case_id=case, at=timestamp(begins), manner=manner)
    await _change(to, to.mediation.ScheduleSession, request)


@mediation.command("record")
@client(Role.MEDIATOR, changes=True)
async def record(
    to: Session,
    meta: CommandMeta,
    case: Case,
    session: Annotated[int, typer.Argument(help="Number of the session.", min=1)],
    words: Annotated[str, typer.Argument(help="The record.")],
    *,
    attended: Annotated[list[str] | None, typer.Option(help="Reference of somebody who was there.")] = None,
    undisputed: Annotated[str, typer.Option(help="Facts that nobody disputes.")] = "",
) -> None:
    """A session took place; what was said is for those who were there."""
    request = rpc.RecordSessionRequest(
        meta=meta,
        case_id=case,
        session=session,
        record=words,
        attended_refs=attended or [],
        undisputed_facts=undisputed,
    )
    await _change(to, to.mediation.RecordSession, request)


@mediation.command("extend")
@client(Role.MEDIATOR, changes=True)
async def extend(
    to: Session,
    meta: CommandMeta,
    case: Case,
    days: Annotated[int, typer.Argument(min=1, max=365)],
    parties: Annotated[list[str], typer.Argument(metavar="PARTY…", help="All parties: they must agree.")],
) -> None:
    """More time, if all parties agree."""
    request = rpc.ExtendTermRequest(meta=meta, case_id=case, days=days, agreed_refs=parties)
    await _change(to, to.mediation.ExtendTerm, request)


@mediation.command("propose")
@client(Role.MEDIATOR, changes=True)
async def propose(  # noqa: PLR0913 - what the command line gives
    to: Session,
    meta: CommandMeta,
    case: Case,
    facts: Annotated[str, typer.Argument(help="The facts.")],
    party: Party,
    duty: Annotated[str, typer.Argument(help="What the party has to do.")],
    due: When,
    manner: Manner = "payment",
    *,
    form: Annotated[Form, typer.Option(help="What it needs to be in force.")] = Form.WRITTEN,
    partial: Annotated[bool, typer.Option("--partial", help="It settles a part only.")] = False,
) -> None:
    """What the parties agree on, with one term of performance; more terms by gRPC."""
    term = rpc.Term(text=duty, party_ref=party, manner=manner, due_at=timestamp(due))
    request = rpc.ProposeAgreementRequest(
        meta=meta,
        case_id=case,
        form=AgreementForm.Value(f"AGREEMENT_FORM_{form.upper()}"),
        partial=partial,
        content=rpc.AgreementContent(facts=facts, terms=[term]),
    )
    await _change(to, to.mediation.ProposeAgreement, request)


@mediation.command("sign")
@client(Role.RESIDENT, changes=True)
async def sign(
    to: Session,
    meta: CommandMeta,
    case: Case,
    signer: Annotated[str, typer.Argument(help="Reference of who signs; of a committee its unit.")],
    capacity: Annotated[Capacity, typer.Argument(help="What they sign as.")] = Capacity.PARTY,
) -> None:
    """Somebody signs the agreement."""
    request = rpc.SignAgreementRequest(
        meta=meta,
        case_id=case,
        capacity=SignerCapacity.Value(f"SIGNER_CAPACITY_{capacity.upper()}"),
        signer_ref=signer,
    )
    await _change(to, to.mediation.SignAgreement, request)


@mediation.command("end")
@client(Role.MEDIATOR, changes=True)
async def end(
    to: Session,
    meta: CommandMeta,
    case: Case,
    reason: Annotated[Reason, typer.Argument(help="Why.")],
    *,
    note: Annotated[str, typer.Option(help="In words; stays in mediation's store.")] = "",
) -> None:
    """It is over without an agreement."""
    request = rpc.EndMediationRequest(
        meta=meta, case_id=case, reason=EndReason.Value(f"END_REASON_{reason.upper()}"), note=note
    )
    await _change(to, to.mediation.EndMediation, request)


@mediation.command("show")
@client(Role.DESK)
async def show(to: Session, case: Case) -> None:
    """A mediation, and where it stands."""
    answer = await to.call(to.mediation.GetMediation, rpc.GetMediationRequest(case_id=case))
    to.show(answer, told(answer.mediation))


@mediation.command("list")
@client(Role.DESK)
async def list_(
    to: Session,
    committee: Annotated[str, typer.Argument(metavar="UNIT", help="Whose committee.")],
    *,
    below: Annotated[bool, typer.Option("--below", help="Those of the units below it too.")] = False,
    limit: Annotated[int, typer.Option(help="At most so many.", min=1, max=500)] = 50,
    page: Annotated[str, typer.Option(help="Go on after this page token.")] = "",
) -> None:
    """Open mediations of a unit, soonest due first."""
    request = rpc.ListMediationsRequest(
        unit_id=committee, include_below=below, page_size=limit, page_token=page
    )
    answer = await to.call(to.mediation.ListMediations, request)
    more = f"\nmore: --page {answer.next_page_token}" if answer.next_page_token else ""
    to.show(answer, _rows(answer.mediations) + more)


@mediation.command("explain")
@client(Role.DESK)
async def explain(to: Session, case: Case) -> None:
    """How each due time of a mediation was found, step by step."""
    answer = await to.call(to.mediation.ExplainDeadline, rpc.ExplainDeadlineRequest(case_id=case))
    last = answer.clocks[-1:] and answer.clocks[-1]
    clocks = [text.clock(each, running=bool(answer.running) and each is last) for each in answer.clocks]
    to.show(answer, "\n".join(clocks))


def told(shown: rpc.Mediation) -> str:
    """A mediation as people read it."""
    clock = shown.clock
    agreement = shown.agreement
    facts = {
        "case": shown.case_id,
        "number": shown.reference.request_no,
        "mediation": shown.reference.mediation,
        "status": _status(shown),
        "committee": shown.reference.unit_id,
        "type": shown.dispute_type,
        "parties": ", ".join(shown.reference.party_refs),
        "consented": ", ".join(shown.consented_refs),
        "mediator": shown.reference.mediator_ref,
        "clock": f"{clock.name} until {text.at(clock.rolled_due_at)} ({clock.rule})" if clock.name else "",
        "sessions": len(shown.sessions) or "",
        "agreement": text.word(AgreementForm, agreement.form, "AGREEMENT_FORM_") if agreement.form else "",
        "signed by": ", ".join(each.signer_ref for each in agreement.signatures),
        "in force": text.at(agreement.in_force_at),
        "end": text.word(EndReason, shown.end_reason, "END_REASON_") if shown.end_reason else "",
        "other ways": ", ".join(shown.other_ways),
        "revision": shown.revision,
    }
    return text.lines(facts)


def _rows(mediations: Iterable[rpc.Mediation]) -> str:
    rows = [
        (
            each.case_id,
            each.reference.request_no,
            _status(each),
            each.reference.unit_id,
            text.at(each.clock.rolled_due_at),
            each.reference.mediator_ref,
        )
        for each in mediations
    ]
    heads = ("case", "number", "status", "committee", "due", "mediator")
    return text.columns(rows, heads) if rows else "no open mediation"


def _status(shown: rpc.Mediation) -> str:
    return text.word(rpc.MediationStatus, shown.status, "MEDIATION_STATUS_")


async def _change(to: Session, method: Callable[..., Any], request: Message) -> None:
    """Call a command; a dispute that was referred just now is waited for."""
    answer = await to.call(method, request, wait_for_it=True)
    to.show(answer, told(answer.mediation))
