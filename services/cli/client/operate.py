"""The operator's side: tokens of the development issuer, replay clocks, dead letters, resuming."""

from typing import Annotated, cast

import typer

from deploy.local.runtime import SERVICES
from fengqiao.common.v1 import operations_service_pb2 as rpc
from services.chassis.auth import Role
from services.chassis.protobuf import timestamp
from services.cli.client import text
from services.cli.client.options import client, instant_option
from services.cli.client.session import Misuse, Session, service_named

Service = Annotated[str, typer.Option(help=f"One of {', '.join(SERVICES)}.")]
Letter = Annotated[str, typer.Argument(metavar="LETTER", help="Id of the dead letter, from `dlq list`.")]

clock = typer.Typer(
    help="Move the business clock of a replay site.", no_args_is_help=True, add_completion=False
)
dlq = typer.Typer(
    help="Dead letters: what a service could not consume.", no_args_is_help=True, add_completion=False
)


@client(Role.CLERK)
async def token(to: Session) -> None:
    """A short-lived token of the runtime's development issuer, for --role, --subject, --unit and --site."""
    typer.echo(to.token())


@clock.command("move")
@client(Role.OPERATOR)
async def move_clock(
    to: Session, time: Annotated[str, typer.Argument(metavar="TIME", help="ISO 8601, with its zone.")]
) -> None:
    """Set a replay site's clock forward, in every service; it never goes back, and what fell due fires."""
    request = rpc.MoveReplayClockRequest(site_id=to.site, to=timestamp(instant_option(time, "TIME")))
    for service in SERVICES:
        answer = await to.call(to.operations(service).MoveReplayClock, request)
        to.show(answer, f"{service}: {text.at(answer.now)}")


@client(Role.OPERATOR)
async def resume(to: Session, *, service: Service) -> None:
    """End a stop that a flood of dead letters caused."""
    answer = await to.call(
        to.operations(service_named(service)).ResumeConsuming, rpc.ResumeConsumingRequest()
    )
    to.show(answer, f"{service} reads on")


@dlq.command("list")
@client(Role.OPERATOR)
async def list_letters(
    to: Session,
    *,
    service: Annotated[
        str | None, typer.Option(help=f"One of {', '.join(SERVICES)} (default: each of them).")
    ] = None,
    limit: Annotated[int, typer.Option(help="At most so many, of each service.", min=1, max=500)] = 50,
    page: Annotated[str, typer.Option(help="Go on after this page token, with --service.")] = "",
) -> None:
    """Dead letters, oldest first; an open one is still waited for by its aggregate."""
    if page and service is None:
        raise Misuse("--page goes on with one service's letters: give --service")
    request = rpc.ListDeadLettersRequest(page_size=limit, page_token=page)
    names = [service_named(service)] if service else list(to.known)
    rows, more, answers = [], "", {}
    for name in names:
        answer = answers[name] = await to.call(to.operations(name).ListDeadLetters, request)
        rows += [_letter_row(name, letter) for letter in answer.dead_letters]
        if answer.next_page_token:
            more += f"\nmore: --service {name} --page {answer.next_page_token}"
    heads = ("service", "letter", "state", "reported", "reason", "topic", "type", "aggregate")
    shown = text.columns(rows, heads) + more if rows else "no dead letter"
    to.show(answers[service] if service else answers, shown)


def _letter_row(service: str, letter: rpc.DeadLetter) -> tuple[str, ...]:
    return (
        service,
        letter.id,
        "open" if letter.open else "",
        text.at(letter.reported_at),
        letter.reason,
        letter.source_topic,
        letter.event_type,
        letter.aggregate_id,
    )


@dlq.command("show")
@client(Role.OPERATOR)
async def show_letter(to: Session, letter: Letter, *, service: Service) -> None:
    """A dead letter's headers and size; its value is never shown."""
    found = await _find(to, service, letter)
    facts = {
        "letter": found.id,
        "reason": found.reason,
        "aggregate": found.aggregate_id,
        "topic": f"{found.source_topic}, partition {found.source_partition}, offset {found.source_offset}",
        "event": found.event_id,
        "type": found.event_type,
        "reported": text.at(found.reported_at),
        "size": f"{found.size} bytes",
        "state": "open: its aggregate waits for it" if found.open else "",
    }
    to.show(found, text.lines(facts))


@dlq.command("replay")
@client(Role.OPERATOR)
async def replay_letter(to: Session, letter: Letter, *, service: Service) -> None:
    """Heal the aggregate of a dead letter, now, from its source topic. Exit 1 while it stays behind."""
    found = await _find(to, service, letter)
    request = rpc.ReplayDeadLetterRequest(aggregate_id=found.aggregate_id, source_topic=found.source_topic)
    _healed(to, await to.call(to.operations(service).ReplayDeadLetter, request))


@dlq.command("drop")
@client(Role.OPERATOR)
async def drop_letter(
    to: Session,
    letter: Letter,
    *,
    service: Service,
    sequence: Annotated[
        int | None, typer.Option(help="Sequence to give up (default: that of the letter's event).")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
) -> None:
    """Give up one poisoned event for good, and heal the rest. Exit 1 while the aggregate stays behind."""
    found = await _find(to, service, letter)
    given_up = _sequence(found) if sequence is None else sequence
    if not yes:
        typer.confirm(f"give up {found.event_id or found.id} (sequence {given_up}) for good?", abort=True)
    request = rpc.DropDeadLetterRequest(
        aggregate_id=found.aggregate_id, source_topic=found.source_topic, sequence=given_up
    )
    _healed(to, await to.call(to.operations(service).DropDeadLetter, request))


async def _find(to: Session, service: str, letter: str) -> rpc.DeadLetter:
    """The letter with this id. Raises Misuse when there is none."""
    _, dash, offset = letter.partition("-")
    if dash and offset.isdigit():
        request = rpc.ListDeadLettersRequest(page_size=1, page_token=offset)
        answer = await to.call(to.operations(service_named(service)).ListDeadLetters, request)
        for found in answer.dead_letters:
            if found.id == letter:
                return cast("rpc.DeadLetter", found)
    raise Misuse(f"{service} has no dead letter {letter}")


def _sequence(letter: rpc.DeadLetter) -> int:
    """An event's id ends with its sequence. Raises Misuse when it has none."""
    last = letter.event_id.rpartition("/")[2]
    if not last.isdigit():
        raise Misuse("the letter's event names no sequence: give --sequence")
    return int(last)


def _healed(to: Session, answer: rpc.ReplayDeadLetterResponse | rpc.DropDeadLetterResponse) -> None:
    nothing = "nothing to give up: its aggregate is not behind"
    still = nothing if answer.reason == "not_behind" else f"still behind: {answer.reason}"
    to.show(answer, "healed" if answer.healed else still)
    if not answer.healed:
        raise typer.Exit(1)
