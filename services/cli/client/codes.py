"""Village codes: adopt a version from a file, repeal, show what is in force, list."""

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from google.protobuf.message import Message

from fengqiao.common.v1.common_pb2 import CommandMeta
from fengqiao.routing.v1 import code_service_pb2 as rpc
from services.chassis.auth import Role
from services.cli.client import text
from services.cli.client.options import client
from services.cli.client.session import Misuse, Session
from services.cli.sheets.reading import encoding_of

code = typer.Typer(
    help="Village codes (村规民约): versions of numbered clauses, which a resolution cites.",
    no_args_is_help=True,
    add_completion=False,
)

NUMBERED = re.compile(r"\s*(\d+(?:\.\d+)*)[\s.、．:]+(\S.*)")
"""A line that begins a clause: its number, and its text."""

Village = Annotated[str, typer.Argument(metavar="UNIT", help="The community or village.")]
On = Annotated[str, typer.Option(metavar="DAY", help="From this day on (default: today).")]
Day = Annotated[str, typer.Option(metavar="DAY", help="As it is on this day (default: today).")]


@code.command("adopt")
@client(Role.DESK, changes=True)
async def adopt(
    to: Session,
    meta: CommandMeta,
    village: Village,
    file: Annotated[
        Path, typer.Argument(help="A clause a line, as `3.2 text`, or a CSV with the columns number, text.")
    ],
    *,
    adopted_on: Annotated[str, typer.Option(metavar="DAY", help="Day of the assembly.")] = "",
    on: On = "",
) -> None:
    """The assembly adopted a version, in force from a day on."""
    request = rpc.AdoptVillageCodeRequest(
        meta=meta, unit_code=village, adopted_on=adopted_on, on=on, clauses=read(file)
    )
    await _change(to, to.codes.AdoptVillageCode, request)


@code.command("repeal")
@client(Role.DESK, changes=True)
async def repeal(to: Session, meta: CommandMeta, village: Village, *, on: On = "") -> None:
    """No version is in force from a day on."""
    request = rpc.RepealVillageCodeRequest(meta=meta, unit_code=village, on=on)
    await _change(to, to.codes.RepealVillageCode, request)


@code.command("show")
@client(Role.DESK)
async def show(
    to: Session,
    village: Village,
    *,
    day: Day = "",
    clause: Annotated[str, typer.Option(metavar="NUMBER", help="This clause alone.")] = "",
) -> None:
    """What is in force on a day, with its texts."""
    if clause:
        one = await to.call(
            to.codes.GetClause, rpc.GetClauseRequest(unit_code=village, number=clause, day=day)
        )
        to.show(one, f"version {one.version}\n{_clauses([one.clause])}")
        return
    answer = await to.call(to.codes.GetVillageCode, rpc.GetVillageCodeRequest(unit_code=village, day=day))
    in_force = [each for each in answer.village_code.versions if each.version == answer.in_force]
    clauses = _clauses(in_force[0].clauses) if in_force else "nothing in force on that day"
    to.show(answer, f"{told(answer.village_code)}\n{clauses}")


@code.command("list")
@client(Role.DESK)
async def list_codes(
    to: Session,
    *,
    limit: Annotated[int, typer.Option(help="At most so many.", min=1, max=100)] = 50,
    page: Annotated[str, typer.Option(help="Go on after this page token.")] = "",
) -> None:
    """Village codes, by unit."""
    request = rpc.ListVillageCodesRequest(page_size=limit, page_token=page)
    answer = await to.call(to.codes.ListVillageCodes, request)
    rows = [(each.unit_code, _version(each.versions[-1])) for each in answer.village_codes]
    more = f"\nmore: --page {answer.next_page_token}" if answer.next_page_token else ""
    to.show(answer, (text.columns(rows) if rows else "no village code") + more)


def read(file: Path) -> list[rpc.Clause]:
    """The clauses of a file.

    Raises:
        Misuse: it can't be read, or its first line begins no clause.
    """
    try:
        data = file.read_bytes()
    except OSError as error:
        raise Misuse(f"{file} can't be read ({type(error).__name__})") from None
    encoding = encoding_of(io.BytesIO(data))
    words = data.decode(encoding) if encoding else None
    if words is None:
        raise Misuse(f"{file} is neither UTF-8 nor GB18030")
    rows = _rows(words) if file.suffix == ".csv" else _lines(file, words)
    return [rpc.Clause(number=number, text=clause) for number, clause in rows]


def told(village_code: rpc.VillageCode) -> str:
    """A code as people read it: whose it is, and a line for each version."""
    versions = {f"version {each.version}": _version(each) for each in village_code.versions}
    return text.lines({"unit": village_code.unit_code, **versions, "revision": village_code.revision})


def _rows(words: str) -> Iterator[tuple[str, str]]:
    for row in csv.reader(io.StringIO(words, newline="")):
        number, clause = ([cell.strip() for cell in row] + ["", ""])[:2]
        if number and number.lower() != "number":
            yield number, clause


def _lines(file: Path, words: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for line in words.splitlines():
        if begins := NUMBERED.fullmatch(line):
            found.append((begins[1], begins[2].strip()))
        elif line.strip() and found:
            number, clause = found.pop()
            found.append((number, f"{clause}\n{line.strip()}"))
        elif line.strip():
            raise Misuse(f"{file}: the first line begins with no number, as `1 text` does")
    return found


def _version(version: rpc.VillageCodeVersion) -> str:
    days = version.days
    until = f" until {days.until}" if days.until else ""
    return f"{len(version.clauses)} clauses, adopted {version.adopted_on}, since {days.since}{until}"


def _clauses(clauses: Any) -> str:
    rows = [(each.number, line) for each in clauses for line in (each.text or each.digest).splitlines()]
    return text.columns(rows)


async def _change(to: Session, method: Any, request: Message) -> None:
    done = await to.call(method, request)
    to.show(done, told(done.village_code))
