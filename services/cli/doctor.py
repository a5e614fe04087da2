"""`fengqiao doctor`: the parts this machine has, what each lacks, and how services do."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from deploy.local.parts import Choice, Part, brokers, stores, wanted
from deploy.local.runtime import Running, find_running
from services.chassis.auth import Role
from services.cli import vitals
from services.cli.client import options as client
from services.cli.client.session import Misuse, Options, Session


def doctor(
    *,
    live: Annotated[
        bool, typer.Option("--live", help="Only how services do, refreshed until Ctrl-C.")
    ] = False,
    once: Annotated[bool, typer.Option("--once", help="Only how services do, once.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="As --once, a line of JSON per service, for scripts.")
    ] = False,
    data_dir: Annotated[
        Path | None, typer.Option(help="Data folder of the runtime (default: the latest that is up).")
    ] = None,
    address: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[SERVICE=]HOST:PORT",
            envvar="FENGQIAO_ADDRESS",
            help="Look at this deployment instead of a runtime here.",
        ),
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(help="An operator's token; FENGQIAO_TOKEN holds one otherwise."),
    ] = None,
    token: Annotated[str | None, typer.Option(hidden=True, envvar="FENGQIAO_TOKEN")] = None,
) -> None:
    """Say which parts this machine has, what each lacks, and how running services do.

    Exit 1 when a service isn't ready or a part is missing.
    """
    given = Options(
        role=str(Role.OPERATOR),
        site="*",
        subject="operator/doctor",
        data_dir=data_dir,
        address=tuple(address or ()),
        token_file=token_file,
        token=token,
        as_json=as_json,
    )
    if live or once or as_json or address:
        client.run(_services(given, live=live and not (once or as_json)))
        return
    console = Console()
    healthy = all([_parts(console, "broker", brokers()), _parts(console, "store", stores())])
    running = find_running(data_dir)
    if not running:
        console.print("no runtime is up (fengqiao up, fengqiao demo)", style="dim")
    for runtime in running:
        healthy = _runtime(console, runtime) and healthy
    raise typer.Exit(0 if healthy else 1)


async def _services(given: Options, *, live: bool) -> None:
    async with Session(given) as session:
        if live:
            await vitals.live(session, Console())
        elif not await vitals.once(session, Console()):
            raise typer.Exit(1)


def _parts(console: Console, title: str, parts: Mapping[str, Part]) -> bool:
    """Print what there is; whether the default can be had."""
    lacking = {word: part.lacks() for word, part in parts.items()}
    chosen = {
        choice: next((part for part in wanted(choice, parts) if lacking[_word(parts, part)] is None), None)
        for choice in Choice
    }
    rows = Table(
        box=None, pad_edge=False, header_style="dim", title=title, title_justify="left", title_style="bold"
    )
    for heading in ("part", "state", "taken by --parts"):
        rows.add_column(heading)
    for word, part in parts.items():
        missing = lacking[word]
        state = Text(f"lacks {missing}", style="yellow") if missing else Text("here", style="green")
        rows.add_row(part.name, state, " ".join(choice for choice, taken in chosen.items() if taken is part))
    console.print(rows)
    console.print()
    return chosen[Choice.WHEELS] is not None


def _word(parts: Mapping[str, Part], part: Part) -> str:
    return next(word for word, known in parts.items() if known is part)


def _runtime(console: Console, running: Running) -> bool:
    """Print how a runtime's services do; whether all are ready."""
    console.print(
        f"[bold]{running.name}[/bold] since {running.started_at} in {running.data_dir}", highlight=False
    )
    console.print(f"{running.broker} · {running.store}", style="dim", highlight=False)
    given = Options(
        role=str(Role.OPERATOR), site="*", subject="operator/doctor", data_dir=Path(running.data_dir)
    )

    async def look() -> bool:
        async with Session(given) as session:
            return await vitals.once(session, console)

    try:
        return asyncio.run(look())
    except Misuse as error:  # it has just ended
        console.print(str(error), style="yellow")
        return False
