"""`fengqiao synth` and `fengqiao import`: make a directory up, check one, take it over."""

import sys
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Annotated

import grpc
import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)

from fengqiao.routing.v1 import directory_service_pb2 as rpc
from fengqiao.routing.v1 import person_service_pb2 as person_rpc
from services.chassis.auth import Role
from services.chassis.clock import monotonic, process_time
from services.cli.client import text
from services.cli.client.options import client
from services.cli.client.session import Misuse, Session
from services.cli.sheets import synthetic
from services.cli.sheets.collected import Sheets
from services.cli.sheets.enlisting import SentPersons, send_forces, send_persons
from services.cli.sheets.grouping import gather
from services.cli.sheets.people import put
from services.cli.sheets.reading import read_file, read_folder, read_stream, read_workbook
from services.cli.sheets.sending import Also, Sent, send, send_rosters
from services.cli.sheets.table import (
    COLUMNS,
    DEPARTMENTS,
    FORCES,
    PERSONS,
    TERRITORY,
    UNITS,
    Read,
    Row,
    Wrong,
)
from services.cli.sheets.writing import write_folder, write_one

SHOWN = 50
NOTHING = "nothing was imported"

synth = typer.Typer(
    help="Make up a directory: places and opaque persons that don't exist.",
    no_args_is_help=True,
    add_completion=False,
)
Seed = Annotated[int, typer.Option(help="The same seed makes the same directory.")]
On = Annotated[str, typer.Option(metavar="DAY", help="The day on which all of it stands (default: today).")]
Volunteers = Annotated[
    int,
    typer.Option(help="Of each sub-district; with 0 neither teams nor departments.", min=0),
]
To = Annotated[Path | None, typer.Option(help="Folder for a file per sheet (default: one CSV to here).")]


@synth.command("sub-district")
def sub_district(
    *,
    seed: Seed = 1,
    on: On = "",
    to: To = None,
    top: Annotated[str, typer.Option(help="Code of the sub-district: the site's.")] = "songxi",
    leaders: Annotated[int, typer.Option(help="Neighbour leaders.", min=15)] = synthetic.LEADERS,
    volunteers: Volunteers = synthetic.VOLUNTEERS,
) -> None:
    """15 sub-centres, 3,618 neighbour leaders, some 47,000 households; 35 departments, 30 teams."""
    wanted = synthetic.Wanted(top, leaders, seed, _day(on), volunteers)
    _write(synthetic.sub_district(wanted), to, tuple(COLUMNS) if volunteers else TERRITORY)


@synth.command("county")
def county(*, seed: Seed = 1, on: On = "", to: To = None, volunteers: Volunteers = 0) -> None:
    """23 sub-districts with 84,200 neighbour leaders and more than a million households.

    Volunteers, and with them teams and departments, only where they are asked for: they would be most of the
    time that an import takes.
    """
    rows = synthetic.county(seed, _day(on), volunteers)
    _write(rows, to, tuple(COLUMNS) if volunteers else TERRITORY)


@client(Role.DESK)
async def take_over(
    to: Session,
    path: Annotated[
        str,
        typer.Argument(metavar="PATH", help="Folder of CSV files, a .csv or .xlsx file, or - for a pipe."),
    ],
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would become of it.")] = False,
    sound_only: Annotated[
        bool, typer.Option("--sound-only", help="Take over what is sound though something is not.")
    ] = False,
) -> None:
    """Take a directory over from another register: first all is checked, then imported.

    What is there already and the same is left alone, so an import can be repeated, also after an
    interruption. Whom a row names is put into the vault first, and only their reference goes on. Exit 1 when
    a row is wrong; then nothing was imported, unless with --sound-only.
    """
    began = monotonic()
    sheets = gather(_read(path))
    say = Console(stderr=True)
    say.print(f"{sheets.rows:,} rows, {len(sheets.units):,} units read in {monotonic() - began:.1f} s")
    wrong = [*sheets.wrong, *await _put(to, sheets, dry_run=True, say=say)]
    checked = await _send(to, sheets, dry_run=True, say=say)
    wrong += checked.wrong
    _tell(wrong, say)
    if dry_run or not sheets.anything():
        _show(to, checked)
    elif not wrong or sound_only:
        sheets.forget(checked.refused)
        done = await _import(to, sheets, say, sound_only=sound_only)
        later = [each for each in done.wrong if each not in wrong]
        _tell(later, say)
        _show(to, done)
        wrong += later
    else:
        say.print(NOTHING)
    if wrong:
        raise typer.Exit(1)


async def _import(to: Session, sheets: Sheets, say: Console, *, sound_only: bool) -> Sent:
    """What was checked, persons first: what nobody can be called by is not begun."""
    wrong = await _put(to, sheets, dry_run=False, say=say)
    if wrong and not sound_only:
        say.print(NOTHING)
        return Sent(wrong=wrong)
    sent = await _send(to, sheets, dry_run=False, say=say)
    sent.wrong += wrong
    return sent


async def _put(to: Session, sheets: Sheets, *, dry_run: bool, say: Console) -> list[Wrong]:
    """Put those whom the sheets name into the vault. Where it is away, nothing at all is imported."""
    if not sheets.named:
        return []
    with _progress(say) as progress:
        words = "asking the vault" if dry_run else "into the vault"
        task = progress.add_task(words, total=len(sheets.named))
        try:
            return await put(
                to.call, to.intake, to.site, sheets, lambda n: progress.advance(task, n), dry_run=dry_run
            )
        except grpc.aio.AioRpcError:
            say.print(f"the vault can't be reached for those who are named; {NOTHING}")
            raise


def _progress(say: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TaskProgressColumn())
    return Progress(*columns, TimeElapsedColumn(), console=say)


async def _send(to: Session, sheets: Sheets, *, dry_run: bool, say: Console) -> Sent:
    """Send all units with a bar that shows how far it is, then departments, forces and persons."""
    sent = await _send_units(to, sheets, dry_run=dry_run, say=say) if sheets.units else Sent()
    if sheets.rosters:
        rosters = await send_rosters(to.call, to.roster, sheets, dry_run=dry_run)
        sent.wrong += rosters.wrong
        sent.also[DEPARTMENTS] = rosters.answer
    if sheets.forces:
        forces = await send_forces(to.call, to.forces, sheets, frozenset(sent.refused), dry_run=dry_run)
        sent.wrong += forces.wrong
        sent.refused |= forces.refused
        sent.also[FORCES] = forces.answer
    if sheets.people:
        persons = await _send_persons(to, sheets, sent, dry_run=dry_run, say=say)
        sent.wrong += persons.wrong
        sent.refused |= persons.refused
        sent.also[PERSONS] = persons.answer
    return sent


async def _send_persons(
    to: Session, sheets: Sheets, sent: Sent, *, dry_run: bool, say: Console
) -> SentPersons:
    began, count = monotonic(), len(sheets.people)
    with _progress(say) as progress:
        task = progress.add_task("checking persons" if dry_run else "importing persons", total=count)
        done = await send_persons(
            to.call,
            to.persons,
            sheets,
            lambda n: progress.advance(task, n),
            frozenset(sent.refused),
            dry_run=dry_run,
        )
    took = monotonic() - began
    say.print(f"{count:,} persons in {took:.1f} s, {count / max(took, 0.001):,.0f} a second")
    return done


async def _send_units(to: Session, sheets: Sheets, *, dry_run: bool, say: Console) -> Sent:
    began = monotonic()
    with _progress(say) as progress:
        task = progress.add_task("checking" if dry_run else "importing", total=len(sheets.units))
        sent = await send(to.call, to.directory, sheets, lambda n: progress.advance(task, n), dry_run=dry_run)
    took = monotonic() - began
    units = len(sheets.units)
    say.print(f"{units:,} units in {took:.1f} s, {units / max(took, 0.001):,.0f} a second")
    return sent


def _read(path: str) -> Read:
    if path == "-":
        return read_stream(sys.stdin.buffer)
    where = Path(path)
    if where.is_dir():
        return read_folder(where)
    if not where.is_file():
        raise Misuse(f"{path}: no such file or folder")
    return read_workbook(where) if where.suffix == ".xlsx" else read_file(where)


def _tell(wrong: Sequence[Wrong], say: Console) -> None:
    """What is wrong, by sheet and row."""
    if not wrong:
        return
    rows = [[each.sheet, str(each.row or ""), each.column, each.reason] for each in sorted(wrong)[:SHOWN]]
    say.print(text.columns(rows, ("sheet", "row", "column", "reason")), highlight=False)
    if len(wrong) > SHOWN:
        say.print(f"and {len(wrong) - SHOWN:,} more")


def _show(to: Session, sent: Sent) -> None:
    """How many were new, the same, or refused; what is not a unit apart, where there is some."""
    if not sent.also:
        to.show(sent.answer, _counts(sent.answer))
        return
    answers = {UNITS: sent.answer, **sent.also}
    told = "\n".join(f"{sheet}\n{_counts(answer)}" for sheet, answer in answers.items())
    to.show(answers, told)


def _counts(answer: rpc.ImportUnitsResponse | Also) -> str:
    if isinstance(answer, person_rpc.ImportPersonsResponse):
        refused = len({each.person_ref for each in answer.refused})
    else:
        refused = len({each.code for each in answer.refused})
    return text.lines({"new": answer.created, "unchanged": answer.unchanged, "refused": refused})


def _write(rows: Iterator[Row], to: Path | None, sheets: Sequence[str]) -> None:
    if to is None:
        write_one(rows, sys.stdout, sheets)
    else:
        typer.echo(f"{write_folder(rows, to, sheets):,} rows in {to}")


def _day(word: str) -> date:
    try:
        return date.fromisoformat(word) if word else process_time().date()
    except ValueError:
        raise typer.BadParameter(f"{word} is no day, as 2026-03-02", param_hint="--on") from None
