"""Rows as sheets, row by row: one CSV with a column `sheet`, a folder with a file for each, or a workbook.

What is written to a path is there when all of it is: until then it has another name.
"""

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TextIO

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell

from services.cli.sheets.table import SHEET, TERRITORY, WRITTEN, Row, table_of

MOST_ROWS = 1_048_576
"""What a sheet of a workbook holds."""
SAID = ("kind", "mode", "role", "capacity")
"""Columns whose cells are words."""

Write = Callable[[Row], None]
Words = Mapping[str, str]
"""What is said for a name, where that is not the name itself."""


class TooManyRows(Exception):
    """More than a sheet of a workbook holds; it is named."""


def write_one(rows: Iterable[Row], to: TextIO, sheets: Sequence[str] = TERRITORY) -> int:
    """All sheets in one table; returns how many rows."""
    with one_table(to, sheets=sheets) as write:
        return _all(rows, write)


def write_folder(rows: Iterable[Row], folder: Path, sheets: Sequence[str] = TERRITORY) -> int:
    """A file for each sheet; returns how many rows."""
    with files(folder, sheets=sheets) as write:
        return _all(rows, write)


@contextmanager
def one_table(to: TextIO, words: Words | None = None, sheets: Sequence[str] = TERRITORY) -> Iterator[Write]:
    """All sheets in one table."""
    said, columns = words or {}, table_of(sheets)
    writer = csv.writer(to, lineterminator="\n")
    writer.writerow([said.get(name, name) for name in columns])

    def write(row: Row) -> None:
        cells = {**_cells(row, said), SHEET: said.get(row.sheet, row.sheet)}
        writer.writerow([cells.get(name, "") for name in columns])

    yield write


@contextmanager
def one_file(
    path: Path, words: Words | None = None, encoding: str = "utf-8", sheets: Sequence[str] = TERRITORY
) -> Iterator[Write]:
    """All sheets in one table in a file."""
    with (
        _complete(path) as part,
        part.open("w", encoding=encoding, newline="") as file,
        one_table(file, words, sheets) as write,
    ):
        yield write


@contextmanager
def files(
    folder: Path, words: Words | None = None, encoding: str = "utf-8", sheets: Sequence[str] = TERRITORY
) -> Iterator[Write]:
    """A file for each sheet in a folder, which is made where it lacks."""
    said = words or {}
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        writers = {}
        for sheet in sheets:
            part = stack.enter_context(_complete(folder / f"{sheet}.csv"))
            file = stack.enter_context(part.open("w", encoding=encoding, newline=""))
            writers[sheet] = csv.writer(file, lineterminator="\n")
            writers[sheet].writerow([said.get(name, name) for name in WRITTEN[sheet]])

        def write(row: Row) -> None:
            cells = _cells(row, said)
            writers[row.sheet].writerow([cells.get(name, "") for name in WRITTEN[row.sheet]])

        yield write


@contextmanager
def workbook(path: Path, words: Words | None = None, sheets: Sequence[str] = TERRITORY) -> Iterator[Write]:
    """An xlsx workbook with a page for each sheet. Rows go to a temporary file until it is complete.

    Raises:
        TooManyRows: a sheet has more than a workbook can hold.
    """
    said = words or {}
    book = Workbook(write_only=True)
    pages = {sheet: book.create_sheet(said.get(sheet, sheet)) for sheet in sheets}
    left = dict.fromkeys(sheets, MOST_ROWS - 1)
    for sheet, page in pages.items():
        page.append([said.get(name, name) for name in WRITTEN[sheet]])

    def write(row: Row) -> None:
        left[row.sheet] -= 1
        if left[row.sheet] < 0:
            raise TooManyRows(row.sheet)
        cells, page = _cells(row, said), pages[row.sheet]
        page.append([_cell(page, cells.get(name, "")) for name in WRITTEN[row.sheet]])

    with ExitStack() as given_up, _complete(path) as part:
        for page in pages.values():
            given_up.callback(page.close)
        yield write
        given_up.pop_all()
        book.save(part)


def _cell(page: Any, text: str) -> Any:
    """A cell with just this text: what looks like a formula is none."""
    if not text.startswith("="):
        return text or None
    cell = WriteOnlyCell(page, text)
    cell.data_type = "s"
    return cell


def _cells(row: Row, said: Words) -> Mapping[str, str]:
    words = {column: said[row.cells[column]] for column in SAID if row.cells.get(column) in said}
    return {**row.cells, **words} if words else row.cells


def _all(rows: Iterable[Row], write: Write) -> int:
    count = 0
    for row in rows:
        write(row)
        count += 1
    return count


@contextmanager
def _complete(path: Path) -> Iterator[Path]:
    """A path to write to; it becomes `path` once all is written, and is gone when that fails."""
    part = path.with_name(f"{path.name}.part")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
