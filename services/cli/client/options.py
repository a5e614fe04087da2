"""The options that all client commands share, and what they do about errors: one line, exit 1 or 2."""

import asyncio
import inspect
import uuid
from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, NoReturn

import grpc
import typer

from fengqiao.common.v1.common_pb2 import CommandMeta
from services.chassis.auth import Role
from services.chassis.client import details_of, rule_of
from services.chassis.protobuf import timestamp
from services.cli.client.session import Misuse, Options, Session

REFUSED = 1
MISUSED = 2
PANEL = "Whom to call, and as whom"
PANEL_CHANGE = "The change"


def _shared(  # noqa: PLR0913 - never called, only read
    *,
    role: Annotated[
        Role | None,
        typer.Option(rich_help_panel=PANEL, metavar="ROLE", help="Role to act in (default: one that may)."),
    ] = None,
    subject: Annotated[
        str | None,
        typer.Option(rich_help_panel=PANEL, help="Opaque reference to act as; a resident's own reference."),
    ] = None,
    unit: Annotated[
        list[str] | None,
        typer.Option(rich_help_panel=PANEL, help="Unit that the role acts for (default: the whole site)."),
    ] = None,
    site: Annotated[
        str, typer.Option(rich_help_panel=PANEL, envvar="FENGQIAO_SITE", help="Site.")
    ] = "boston",
    data_dir: Annotated[
        Path | None,
        typer.Option(
            rich_help_panel=PANEL, help="Data folder of the runtime (default: the latest that is up)."
        ),
    ] = None,
    address: Annotated[
        list[str] | None,
        typer.Option(
            rich_help_panel=PANEL,
            metavar="[SERVICE=]HOST:PORT",
            envvar="FENGQIAO_ADDRESS",
            help="Call this deployment instead of a runtime here.",
        ),
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(rich_help_panel=PANEL, help="Token to call with; FENGQIAO_TOKEN holds one otherwise."),
    ] = None,
    token: Annotated[str | None, typer.Option(hidden=True, envvar="FENGQIAO_TOKEN")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", rich_help_panel=PANEL, help="Print proto3 JSON, a line per message.")
    ] = False,
) -> None:
    """Never called: its parameters are every client command's."""


def _change(
    *,
    key: Annotated[
        str | None,
        typer.Option(
            rich_help_panel=PANEL_CHANGE, help="Idempotency key (default: a new one); give it to retry."
        ),
    ] = None,
    revision: Annotated[
        int | None, typer.Option(rich_help_panel=PANEL_CHANGE, help="Refuse if the thing moved on since.")
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(rich_help_panel=PANEL_CHANGE, metavar="TIME", help="When it happened, ISO 8601."),
    ] = None,
) -> None:
    """Never called: its parameters are those of commands that change something."""


def client(
    role: Role, *, changes: bool = False
) -> Callable[[Callable[..., Awaitable[None]]], Callable[..., None]]:
    """Make a command of `async work(session, …)`, or of `async work(session, meta, …)` with `changes`.

    `role` is acted in where the caller names none. The command's own parameters come first in its help.
    """

    def decorate(work: Callable[..., Awaitable[None]]) -> Callable[..., None]:
        shared, change = _parameters(_shared), _parameters(_change) if changes else []
        own = _parameters(work)[2 if changes else 1 :]

        def command(**given: Any) -> None:
            said = {parameter.name: given.pop(parameter.name) for parameter in shared}
            meant = {parameter.name: given.pop(parameter.name) for parameter in change}

            async def go() -> None:
                async with Session(_options(role, said)) as session:
                    await work(session, *([_meta(**meant)] if changes else []), **given)

            run(go())

        parameters = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in (*own, *change, *shared)]
        command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # what inspect looks for
        command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        command.__name__, command.__doc__ = getattr(work, "__name__", ""), work.__doc__
        return command

    return decorate


def instant_option(word: str, name: str) -> datetime:
    """A time given by a person. Raises Misuse when it is none, or lacks its zone."""
    try:
        instant = datetime.fromisoformat(word)
    except ValueError:
        raise Misuse(f"{name}: {word} is no ISO 8601 time") from None
    if instant.tzinfo is None:
        raise Misuse(f"{name}: {word} lacks its zone, e.g. 2011-07-04T14:00:00Z")
    return instant


def line_of(error: grpc.aio.AioRpcError) -> str:
    """A failed call in one line: code, reason, message or each field that is wrong, and the rule it broke."""
    reason, fields = details_of(error)
    message = "; ".join(fields) or " ".join((error.details() or "").split())
    if rule := rule_of(error):
        message += f" (rule {rule})"
    return ": ".join(word for word in (error.code().name, reason, message) if word)


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run a command to its end; what is wrong with it ends the program with a line and a code."""
    try:
        asyncio.run(work)
    except Misuse as error:
        _end(str(error), MISUSED)
    except grpc.aio.AioRpcError as error:
        _end(line_of(error), REFUSED)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def _end(line: str, code: int) -> NoReturn:
    typer.echo(line, err=True)
    raise typer.Exit(code) from None


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    return list(inspect.signature(function).parameters.values())


def _options(role: Role, said: dict[str, Any]) -> Options:
    return Options(
        **{
            **said,
            "role": str(said["role"] or role),
            "unit": tuple(said["unit"] or ()),
            "address": tuple(said["address"] or ()),
        }
    )


def _meta(key: str | None, revision: int | None, at: str | None) -> CommandMeta:
    meta = CommandMeta(idempotency_key=f"cli-{uuid.uuid4()}" if key is None else key)
    if revision is not None:
        meta.expected_revision = revision
    if at is not None:
        meta.occurred_at.CopyFrom(timestamp(instant_option(at, "--at")))
    return meta
