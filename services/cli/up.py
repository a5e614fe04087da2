"""`fengqiao up`: broker, store and services in this terminal, with a live status, until Ctrl-C."""

import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from deploy.local.errors import RuntimeFailed
from deploy.local.mailbox import messages
from deploy.local.parts import Choice
from deploy.local.runtime import SERVICES, Options, Running, Runtime
from deploy.local.supervisor import State, Status
from services.cli.demo import JILI
from services.cli.demo.command import demo_sites
from services.cli.demo.second.perform import replay_site

COLOURS = {
    State.READY: "green",
    State.STARTING: "yellow",
    State.UNREADY: "yellow",
    State.DOWN: "red",
    State.FAILED: "bold red",
    State.STOPPED: "dim",
}


def up(
    parts: Annotated[
        Choice, typer.Option(help="Which broker and store; see `fengqiao doctor`.")
    ] = Choice.WHEELS,
    data_dir: Annotated[
        Path | None, typer.Option(help="Data folder (default: one of the user's own).")
    ] = None,
    sites: Annotated[
        Path | None, typer.Option(help="Folder with one folder per site (default: boston and jili).")
    ] = None,
    port: Annotated[
        list[str] | None,
        typer.Option(metavar="SERVICE=PORT", help="gRPC port of a service; others are free ones."),
    ] = None,
    workers: Annotated[
        list[str] | None,
        typer.Option(metavar="SERVICE=COUNT", help="How many workers share a service's partitions."),
    ] = None,
    *,
    replay: Annotated[
        bool, typer.Option("--replay", help="jili on a replay clock, for `fengqiao demo --attach`.")
    ] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Start empty, whatever the last run left.")] = False,
    no_sync: Annotated[
        bool, typer.Option("--no-sync", help="SecantusDB acknowledges before the disk has it (measurements).")
    ] = False,
) -> None:
    """Run broker, store and services here until Ctrl-C; a service that dies is restarted."""
    console = Console()
    signal.signal(signal.SIGTERM, _interrupt)
    with _sites(sites, replay=replay) as site_folder:
        options = Options(
            sites=site_folder,
            parts=parts,
            data_dir=data_dir,
            fresh=fresh,
            sync_on_commit=not no_sync,
            ports=_numbers("--port", port or []),
            workers=_numbers("--workers", workers or []),
        )
        try:
            with Runtime(
                options, say=lambda line: console.print(f"[dim]{line}[/dim]", highlight=False)
            ) as runtime:
                _watch(runtime, console)
        except RuntimeFailed as error:
            console.print(Text(str(error), style="red"))
            raise typer.Exit(1) from None
        except KeyboardInterrupt:
            console.print("stopped: everything that was started here has ended")


def table(statuses: list[Status], running: Running) -> Group:
    """The live status: one row per process, then where things are."""
    rows = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("process", "state", "pid", "restarts", "address", "why"):
        rows.add_column(heading)
    addresses = {
        "broker": running.kafka_bootstrap,
        "store": running.mongo_url,
        "mailbox": running.smtp,
        **running.rpc,
    }
    for status in statuses:
        rows.add_row(
            status.name,
            Text(status.state, style=COLOURS[status.state]),
            str(status.pid or ""),
            str(status.restarts or ""),
            addresses.get(status.name, ""),
            status.reason,
        )
    foot = Text(
        f"{running.broker} · {running.store}\nlogs, keys, mails: {running.data_dir} · "
        f"{len(messages(running.mails))} mails · Ctrl-C stops everything",
        style="dim",
    )
    return Group(rows, foot)


def _watch(runtime: Runtime, console: Console) -> None:
    """Show the state until Ctrl-C. Raises RuntimeFailed when a part died that can't be restarted."""
    told: list[Status] = []
    with Live(console=console, auto_refresh=False, transient=True) as live:
        while True:
            statuses = runtime.statuses()
            if console.is_terminal:
                live.update(table(statuses, runtime.running), refresh=True)
            else:
                for status in (status for status in statuses if status not in told):
                    console.print(f"{status.name}: {status.state} {status.reason}".rstrip(), highlight=False)
            told = statuses
            if failed := runtime.supervisor.failed():
                raise RuntimeFailed(
                    f"{failed.name} {failed.reason}, and what it held in memory went with it: start again"
                )
            runtime.supervisor.pause()


def _numbers(option: str, given: list[str]) -> dict[str, int]:
    """`routing=2` by service."""
    numbers = {}
    for word in given:
        service, _, number = word.partition("=")
        if service not in SERVICES or not number.isdigit():
            raise typer.BadParameter(
                f"{word}: SERVICE=NUMBER with one of {', '.join(SERVICES)}", param_hint=option
            )
        numbers[service] = int(number)
    return numbers


@contextmanager
def _sites(given: Path | None, *, replay: bool) -> Iterator[Path]:
    if given:
        if not given.is_dir():
            raise typer.BadParameter(f"no folder {given}", param_hint="--sites")
        if replay:
            raise typer.BadParameter("it is for the sites that come along", param_hint="--replay")
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="fengqiao-sites-") as folder:
        sites = demo_sites(Path(folder))
        if replay:
            replay_site(sites)
        else:
            (sites / "jili").symlink_to(JILI / "site", target_is_directory=True)
        yield sites


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt
