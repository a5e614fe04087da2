"""`fengqiao demo`: a real city's requests, compared with the city's record; then scenes of a small town."""

import asyncio
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer
from rich.console import Console

from deploy.local.errors import RuntimeFailed
from deploy.local.parts import Choice
from deploy.local.runtime import Options, Running, Runtime, find_running
from services.chassis.clock import monotonic
from services.chassis.store import EPOCH
from services.cli.calls import Caller
from services.cli.demo import BOSTON, boston_site, live, oracle, report
from services.cli.demo.elsewhere import Incomplete, elsewhere
from services.cli.demo.live import Terminal
from services.cli.demo.rows import NotACityFileError, Row, read
from services.cli.demo.run import NoRest, Result, Run
from services.cli.demo.second import show, texts
from services.cli.demo.second.act import NotPlayable
from services.cli.demo.second.perform import perform, replay_site
from services.cli.demo.site import Site

BAD_INPUT = 2
TOKEN_LIFE_S = 300.0
PANEL = "A deployment elsewhere, by all of"
Address = Annotated[str | None, typer.Option(rich_help_panel=PANEL, metavar="HOST:PORT")]


class Acts(StrEnum):
    """What is played."""

    FIRST = "1"
    SECOND = "2"
    ALL = "all"


def demo(  # noqa: PLR0913 - an option each
    input_: Annotated[
        Path | None,
        typer.Option(
            "--input", help="CSV or CSV.GZ of the city's shape; default: the slice that comes along."
        ),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="First N rows by opening.")] = None,
    zone: Annotated[str | None, typer.Option(help="Zone of the file's times; default: the site's.")] = None,
    until: Annotated[
        str | None, typer.Option(help="Where the clock ends, ISO 8601; default: the latest opening or close.")
    ] = None,
    report_to: Annotated[Path | None, typer.Option("--report", help="Write one JSON object per row.")] = None,
    parts: Annotated[Choice, typer.Option(help="Which broker and store.")] = Choice.WHEELS,
    data_dir: Annotated[
        Path | None, typer.Option(help="Data folder; with --attach: that of the runtime.")
    ] = None,
    *,
    attach: Annotated[bool, typer.Option(help="Run against a `fengqiao up` that is there already.")] = False,
    act: Annotated[
        Acts, typer.Option(help="1: a city's record, replayed; 2: scenes of a small town.")
    ] = Acts.ALL,
    lang: Annotated[
        str | None, typer.Option(metavar="zh-CN|en", help="Of the scenes; default: that of LANG.")
    ] = None,
    environment: Annotated[str, typer.Option(hidden=True, envvar="LANG")] = "",
    intake: Address = None,
    routing: Address = None,
    mediation: Address = None,
    petition: Address = None,
    notify: Address = None,
    kafka: Address = None,
    keys: Annotated[
        Path | None, typer.Option(rich_help_panel=PANEL, help="Folder of its development issuer's keys.")
    ] = None,
) -> None:
    """Run a real city's requests through all services and compare every row with the city's own record; then
    play scenes of a small town, each with what must come of it.
    """
    console = Console()
    language = lang or texts.language_of(environment)
    if language not in texts.LANGUAGES:
        _refuse(f"--lang: {language} is none of {', '.join(texts.LANGUAGES)}")
    rpc = {
        "intake": intake,
        "routing": routing,
        "mediation": mediation,
        "petition": petition,
        "notify": notify,
    }
    try:
        given = elsewhere(rpc, kafka, keys)
    except Incomplete as error:
        _refuse(str(error))
    site, rows, end = _prepare(input_, limit, zone, until)
    if report_to and not report_to.absolute().parent.is_dir():
        _refuse(f"--report: no folder {report_to.parent}")
    passed = []
    try:
        with _runtime(parts, data_dir, console, given, attach=attach) as running:
            if act is not Acts.SECOND:
                result = asyncio.run(_run(site, rows, end, running, console))
                passed.append(_first(result, running, report_to, console))
            if act is not Acts.FIRST:
                passed.append(_second(language, running, console, alone=act is Acts.SECOND))
    except (RuntimeFailed, NoRest, NotPlayable) as error:
        console.print(f"[red]{error}[/red]")
        raise typer.Exit(1) from None
    raise typer.Exit(0 if all(passed) else 1)


def _first(result: Result, running: Running, report_to: Path | None, console: Console) -> bool:
    """Report the first act; whether the city's record agrees."""
    if report_to:
        report.write(report_to, result.rows)
    live.mismatches(console, result.wrong)
    figures = report.summarise(result.rows, len(result.wrong))
    live.summary(console, figures, result, f"{running.broker}, {running.store}")
    return not result.wrong


def _second(language: str, running: Running, console: Console, *, alone: bool) -> bool:
    """Play and report the second act; whether all of it holds.

    Raises:
        NotPlayable: it can't be played there, and nothing else was asked for.
    """
    words = texts.read(language)
    try:
        played = asyncio.run(perform(running, words, console))
    except NotPlayable as error:
        if alone:
            raise
        console.print(f"[yellow]no second act: {error}[/yellow]")
        return True
    show.summary(console, words, played)
    return not played.failed


def _prepare(
    input_: Path | None, limit: int | None, zone: str | None, until: str | None
) -> tuple[Site, list[Row], datetime]:
    """Read everything before anything is started; what can't be read is one line and exit 2."""
    site = boston_site()
    try:
        chosen = ZoneInfo(zone) if zone else site.zone
    except (ZoneInfoNotFoundError, ValueError):
        _refuse(f"--zone: no zone {zone}")
    try:
        rows = read(input_ or BOSTON / "requests.csv.gz", limit, chosen, site.places)
    except NotACityFileError as error:
        _refuse(str(error))
    end = oracle.default_until(rows)
    if until:
        try:
            end = datetime.fromisoformat(until)
        except ValueError:
            _refuse(f"--until: {until} is no ISO 8601 time")
        end = end if end.tzinfo else end.replace(tzinfo=chosen)
    # Without an accepted row there is nothing for a clock to do.
    return site, rows, end or EPOCH


@contextmanager
def _runtime(
    parts: Choice, data_dir: Path | None, console: Console, given: Running | None, *, attach: bool
) -> Iterator[Running]:
    if given:
        yield given
        return
    if attach:
        found = find_running(data_dir)
        if not found:
            raise RuntimeFailed("nothing runs to attach to; start it with `fengqiao up`")
        yield found[0]
        return
    with tempfile.TemporaryDirectory(prefix="fengqiao-sites-") as folder:
        sites = demo_sites(Path(folder))
        replay_site(sites)
        started = monotonic()
        options = Options(sites=sites, name="demo", parts=parts, data_dir=data_dir, fresh=True)
        with Runtime(options, say=lambda line: console.print(f"[dim]{line}[/dim]")) as runtime:
            console.print(f"[dim]ready after {monotonic() - started:.1f} s[/dim]")
            yield runtime.running


def demo_sites(folder: Path) -> Path:
    """A folder of sites that holds the demo's city."""
    link = folder / "boston"
    if not link.exists():
        link.symlink_to(BOSTON / "site", target_is_directory=True)
    return folder


async def _run(site: Site, rows: list[Row], until: datetime, running: Running, console: Console) -> Result:
    run = Run(site, rows, running.rpc, running.kafka_bootstrap, Caller(_Tokens(running, site.id)))
    try:
        with Terminal(console) as terminal:
            return await run.go(until, secrets.token_hex(4), terminal)
    finally:
        await run.close()


class _Tokens:
    """Mints the replay's token anew before the old one ends."""

    def __init__(self, running: Running, site: str) -> None:
        self._issuer = running.issuer
        self._site = site
        self._token = ""
        self._minted_at = 0.0

    def __call__(self) -> str:
        if not self._token or monotonic() - self._minted_at > TOKEN_LIFE_S:
            self._token = self._issuer.mint("replay", "replay", self._site)
            self._minted_at = monotonic()
        return self._token


def _refuse(line: str) -> NoReturn:
    typer.echo(line, err=True)
    raise typer.Exit(BAD_INPUT)
