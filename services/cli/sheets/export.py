"""`fengqiao export`: the directory on a day, as the sheets that `fengqiao import` reads, a page at a time."""

import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from fengqiao.routing.v1 import directory_service_pb2 as rpc
from fengqiao.routing.v1 import force_service_pb2 as force_rpc
from fengqiao.routing.v1 import person_service_pb2 as person_rpc
from fengqiao.routing.v1 import roster_service_pb2 as roster_rpc
from fengqiao.routing.v1.directory_events_pb2 import ImportedPost, UnitKind
from services.chassis.auth import Role
from services.chassis.clock import monotonic
from services.cli.client import text
from services.cli.client.options import client
from services.cli.client.session import Misuse, Session
from services.cli.sheets import forces, rosters
from services.cli.sheets.grouping import PREFIX
from services.cli.sheets.sending import Call
from services.cli.sheets.table import CHINESE_WORDS, COLUMNS, HOUSEHOLDS, POSTS, TERRITORY, UNITS, Row
from services.cli.sheets.writing import (
    TooManyRows,
    Words,
    Write,
    files,
    one_file,
    one_table,
    workbook,
)

PAGE = 200
"""Units of one call: some 100 KB."""
PERSONS_PAGE = 500


class Language(StrEnum):
    """Of headings and kinds."""

    ENGLISH = "en"
    CHINESE = "zh-CN"


class Encoding(StrEnum):
    """Of CSV files."""

    UTF_8 = "utf-8"
    GB18030 = "gb18030"


WORDS: dict[Language, Words] = {Language.ENGLISH: {}, Language.CHINESE: CHINESE_WORDS}


@client(Role.DESK)
async def give_out(
    to: Session,
    path: Annotated[
        str,
        typer.Argument(metavar="PATH", help="Folder for CSV files, a .csv or .xlsx file, or - for a pipe."),
    ] = "-",
    *,
    within: Annotated[str, typer.Option(help="Code of a unit: it and what is below it (default: all).")] = "",
    on: Annotated[str, typer.Option(metavar="DAY", help="The day that is told of (default: today).")] = "",
    language: Annotated[Language, typer.Option(help="Of headings and kinds.")] = Language.ENGLISH,
    encoding: Annotated[Encoding, typer.Option(help="Of CSV files.")] = Encoding.UTF_8,
) -> None:
    """Give the directory out as it is on a day, as sheets that `fengqiao import` takes over.

    What is over by then, and what begins later, is not in it; departments with their duties, forces and
    the persons with a role are, where all is exported. Persons are opaque references.
    """
    say, began = Console(stderr=True), monotonic()
    rows = units = 0
    day = on
    columns = (SpinnerColumn(), TextColumn("exporting"), TextColumn("{task.completed:,.0f} units"))
    try:
        with (
            _writing(path, WORDS[language], encoding, TERRITORY if within else tuple(COLUMNS)) as write,
            Progress(*columns, TimeElapsedColumn(), console=say) as progress,
        ):
            task = progress.add_task("exporting", total=None)
            async for page in pages(to.call, to.directory, within, on):
                day = page.day
                for unit in page.units:
                    for row in rows_of(unit, day):
                        write(row)
                        rows += 1
                units += len(page.units)
                progress.advance(task, len(page.units))
            if not within:
                async for row in beside(to.call, Registers(to.roster, to.forces, to.persons), day):
                    write(row)
                    rows += 1
    except TooManyRows as error:
        raise Misuse(f"more {error} than a workbook holds: write CSV, or give --within") from None
    took = monotonic() - began
    say.print(
        f"{units:,} units, {rows:,} rows as of {day} in {took:.1f} s, {rows / max(took, 0.001):,.0f} a second"
    )


async def pages(call: Call, directory: Any, within: str, day: str) -> AsyncIterator[rpc.ExportUnitsResponse]:
    """All units, a page at a time, all told of the day of the first page. Raises what `call` raises."""
    token = ""
    while True:
        request = rpc.ExportUnitsRequest(within=within, day=day, page_size=PAGE, page_token=token)
        page: rpc.ExportUnitsResponse = await call(directory.ExportUnits, request)
        yield page
        day, token = page.day, page.next_page_token
        if not token:
            return


@dataclass(frozen=True, slots=True)
class Registers:
    """The methods about what stands beside the territory."""

    roster: Any
    forces: Any
    persons: Any


async def beside(call: Call, registers: Registers, day: str) -> AsyncIterator[Row]:
    """Departments, forces and persons on a day. Raises what `call` raises."""
    async for department in departments(call, registers.roster):
        for row in rosters.rows_of(department, day):
            yield row
    async for force in all_forces(call, registers.forces):
        for row in forces.force_rows(force, day):
            yield row
    async for person in all_persons(call, registers.persons, day):
        for row in forces.person_rows(person, day):
            yield row


async def departments(call: Call, roster: Any) -> AsyncIterator[roster_rpc.Department]:
    """All departments, by code. Raises what `call` raises."""
    request = roster_rpc.ListDepartmentsRequest(page_size=PAGE)
    while True:
        page: roster_rpc.ListDepartmentsResponse = await call(roster.ListDepartments, request)
        for each in page.departments:
            yield each
        if not page.next_page_token:
            return
        request = roster_rpc.ListDepartmentsRequest(page_size=PAGE, page_token=page.next_page_token)


async def all_forces(call: Call, service: Any) -> AsyncIterator[force_rpc.Force]:
    """All teams and associations, by code. Raises what `call` raises."""
    token = ""
    while True:
        request = force_rpc.ListForcesRequest(page_size=PAGE, page_token=token)
        page: force_rpc.ListForcesResponse = await call(service.ListForces, request)
        for each in page.forces:
            yield each
        token = page.next_page_token
        if not token:
            return


async def all_persons(call: Call, service: Any, day: str) -> AsyncIterator[person_rpc.Person]:
    """All persons with a role on a day, by reference. Raises what `call` raises."""
    token = ""
    while True:
        request = person_rpc.ExportPersonsRequest(day=day, page_size=PERSONS_PAGE, page_token=token)
        page: person_rpc.ExportPersonsResponse = await call(service.ExportPersons, request)
        for each in page.persons:
            yield each
        token = page.next_page_token
        if not token:
            return


def rows_of(unit: rpc.ImportedUnit, as_of: str) -> Iterator[Row]:
    """A unit with its posts and its households."""
    cells = {
        "code": unit.code,
        "kind": text.word(UnitKind, unit.kind, PREFIX),
        "since": unit.since,
        "until": unit.until,
        "covers": " ".join(unit.covers),
        "as_of": as_of,
    }
    yield Row(UNITS, 0, cells)
    for post in unit.posts:
        yield Row(POSTS, 0, {"unit": unit.code, **_post(post)})
    for group in unit.households:
        stay = {"unit": unit.code, "since": group.since, "until": group.until}
        for key in group.keys:
            yield Row(HOUSEHOLDS, 0, {**stay, "household": key})


def _post(post: ImportedPost) -> dict[str, str]:
    return {
        "post": post.post_id,
        "person": post.person_ref,
        "nominated_on": post.nominated_on,
        "nominators": str(post.nominators or ""),
        "vetted_on": post.vetted_on,
        "appointed_on": post.appointed_on,
        "term_until": post.term_until,
        "leave_since": post.leave_since,
        "leave_until": post.leave_until,
        "substitute": post.substitute_ref,
    }


def _writing(
    path: str, words: Words, encoding: Encoding, sheets: Sequence[str]
) -> AbstractContextManager[Write]:
    where = Path(path)
    if path == "-" and encoding is not Encoding.UTF_8:
        raise Misuse("a pipe is UTF-8: give a folder or a .csv file")
    if path == "-":
        return one_table(sys.stdout, words, sheets)
    if where.suffix == ".xlsx":
        return workbook(where, words, sheets)
    to = one_file if where.suffix == ".csv" else files
    return to(where, words, encoding, sheets)
