"""`make bench` and `make bench-peers`: measures, keeps each run as it ends, writes docs/bench.json, the
tables of docs/bench.md and the plots.
"""

import os
import platform
import tempfile
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from deploy.local.parts import Choice, brokers, stores, wanted
from tests.bench import county, crowd, crowd_figures, plots, report
from tests.bench.book import Book, read
from tests.bench.peers.catalogue import PEERS, installed
from tests.bench.peers.ground import lacks
from tests.bench.plan import LEVELS, SECTIONS, Asked, peers
from tests.bench.stage import Variant
from tests.bench.summary import ratios

DOCS = Path(__file__).parents[2] / "docs"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fengqiao"

app = typer.Typer(add_completion=False, help=__doc__, pretty_exceptions_enable=False)

Cases = Annotated[int, typer.Option("-n", "--cases", help="Cases of E4-T; E4-A takes three quarters.")]
Runs = Annotated[int, typer.Option(help="Alternating runs of each.")]
Out = Annotated[Path, typer.Option(help="Folder for bench.json, bench.md and the plots.")]
Kept = Annotated[
    Path, typer.Option("--keep", help="Folder for unfinished measurements, seeded stores, recorded writes.")
]
Name = StrEnum("Name", {name: name for name in SECTIONS})  # type: ignore[misc]  # typer lists its values


@app.command()
def run(  # noqa: PLR0913 - a command line's options
    *,
    cases: Cases = 2_000,
    runs: Runs = 3,
    parts: Annotated[list[Choice] | None, typer.Option(help="Default: the wheels, and programs.")] = None,
    workload: Annotated[list[Name] | None, typer.Option(help="Default: all but e4-s.")] = None,
    pace: Annotated[float, typer.Option(help="Submissions a second, paced E4-A and memory.")] = 10.0,
    deadlines: Annotated[int, typer.Option(help="Deadlines of E4-H.")] = 20_000,
    loading: Annotated[float, typer.Option(help="Seconds until they fall due; 0: 70 cases/s.")] = 0,
    levels: Annotated[list[int] | None, typer.Option(help="Closed cases stored, E4-S.")] = None,
    minutes: Annotated[float, typer.Option(help="Of the steady pace.")] = 10.0,
    out: Out = DOCS,
    keep: Kept = CACHE / "bench",
    without_sync: Annotated[
        bool, typer.Option("--without-sync/--sync-only", help="E4-T and the floor also without sync.")
    ] = True,
) -> None:
    """Measure our services, workload by workload."""
    asked = Asked(
        cases=cases,
        runs=runs,
        variants=variants(parts or _all_parts(), without_sync=without_sync),
        pace=pace,
        deadlines=deadlines,
        loading_s=loading or 15 + deadlines / 70,
        levels=levels or LEVELS,
        minutes=minutes,
        folder=keep,
    )
    chosen = [str(name) for name in workload] if workload else [name for name in SECTIONS if name != "e4-s"]
    book = Book(keep / "unfinished.json", out / "bench.json", machine())
    for name in chosen:
        book.run(SECTIONS[name](asked, typer.echo), typer.echo, report.told)
        _report(out)


@app.command("peers")
def against(
    cases: Cases = 2_000,
    runs: Runs = 3,
    parts: Annotated[Choice, typer.Option(help="What ours run on.")] = Choice.PROGRAMS,
    peer: Annotated[list[str] | None, typer.Option(help="Default: all that are set up.")] = None,
    installed_in: Annotated[
        Path, typer.Option("--peers", help="Folder that tests/bench/peers/setup filled.")
    ] = CACHE / "peers",
    out: Out = DOCS,
    keep: Kept = CACHE / "bench",
    *,
    without_sync: Annotated[
        bool, typer.Option("--without-sync/--sync-only", help="Also without fsync, on both sides.")
    ] = True,
) -> None:
    """E4-T by us and by each peer, in turn."""
    names = []
    for name in peer or PEERS:
        lacking = lacks(installed(installed_in, PEERS[name]))
        if lacking is None:
            names.append(name)
        else:
            typer.echo(f"{name}: skipped, {lacking}")
    asked = Asked(
        cases=cases,
        runs=runs,
        variants=variants([parts], without_sync=without_sync),
        pace=0,
        deadlines=0,
        loading_s=0,
        levels=(),
        minutes=0,
        folder=keep,
    )
    book = Book(keep / "unfinished.json", out / "bench.json", machine())
    book.run(peers(asked, names, installed_in, typer.echo), typer.echo, report.told)
    _report(out)
    for ratio in ratios(read(out / "bench.json")["peers"]):
        typer.echo(str(ratio))


@app.command("county")
def of_a_county(
    parts: Annotated[Choice, typer.Option(help="What it runs on.")] = Choice.PROGRAMS, out: Out = DOCS
) -> None:
    """A county's directory: made up, checked, taken over, asked."""
    with tempfile.TemporaryDirectory(prefix="fengqiao-county-") as name:
        found = county.measure(Variant(parts), Path(name), typer.echo)
    county.write(found, out)
    typer.echo(county.tables(found))


@app.command("board")
def of_a_crowd(
    *,
    stored: Annotated[int, typer.Option(help="Cases in the store.")] = 1_000_000,
    opened: Annotated[int, typer.Option("--open", help="Those of them that are open.")] = 100_000,
    due: Annotated[int, typer.Option(help="Cases left lying, for the sweep.")] = 10_000,
    pace: Annotated[float, typer.Option(help="Calls a second.")] = 50.0,
    seconds: Annotated[float, typer.Option(help="For so long, each kind of call.")] = 60.0,
    parts: Annotated[Choice, typer.Option(help="What it runs on.")] = Choice.PROGRAMS,
    out: Out = DOCS,
) -> None:
    """Queues, boards and sweeps over very many cases."""
    sizes = crowd.Sizes(stored, opened, due, pace, seconds)
    about = (machine(), os.getloadavg()[0])
    with tempfile.TemporaryDirectory(prefix="fengqiao-board-") as name:
        found = crowd.measure(sizes, Variant(parts), Path(name), about, typer.echo)
    crowd_figures.write(found, out)
    typer.echo(crowd_figures.tables(found))


@app.command("report")
def again(out: Out = DOCS) -> None:
    """Write tables and plots anew from bench.json."""
    _report(out)


def variants(parts: list[Choice], *, without_sync: bool) -> list[Variant]:
    """Each set of parts with sync on commit, and perhaps without."""
    return [Variant(choice, sync) for choice in parts for sync in ([True, False] if without_sync else [True])]


def machine() -> str:
    """What the figures were measured on."""
    system = f"{platform.system()} {platform.machine()}"
    return f"{os.cpu_count()} cores, {system}, Python {platform.python_version()}"


def _all_parts() -> list[Choice]:
    """The wheels and, where this machine has other programs, those."""
    for parts in (brokers(), stores()):
        found = next((part for part in wanted(Choice.PROGRAMS, parts) if part.lacks() is None), None)
        if found is not None and found is not parts["wheel"]:
            return [Choice.EMBEDDED, Choice.PROGRAMS]
    return [Choice.EMBEDDED]


def _report(out: Path) -> None:
    sections = read(out / "bench.json")
    report.write(out / "bench.md", sections)
    plots.draw(out, sections)


if __name__ == "__main__":
    app()
