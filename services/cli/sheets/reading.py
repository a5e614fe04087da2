"""Sheets from a folder of CSV files, from one CSV with a column `sheet`, or from an xlsx workbook.

What a spreadsheet can hide (hidden sheets, merged cells, formulas) is refused, as nobody sees what was meant.
"""

import codecs
import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from openpyxl import load_workbook
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from services.cli.sheets.table import (
    COLUMNS,
    DEPARTMENTS,
    FORCES,
    PERSONS,
    REQUIRED,
    SHEET,
    UNITS,
    Read,
    Row,
    Wrong,
    column_of,
)

ENCODINGS = ("utf-8-sig", "gb18030")
"""GB18030 is what Chinese spreadsheet programs write; it reads whatever is no UTF-8."""
FIRST_ROW = 2
CHUNK = 1 << 20


def read_folder(folder: Path) -> Read:
    """`units.csv` and so on; a folder may lack any, but not all that something begins with."""
    there = {sheet: folder / f"{sheet}.csv" for sheet in COLUMNS if (folder / f"{sheet}.csv").exists()}
    if there.keys().isdisjoint({UNITS, DEPARTMENTS, FORCES, PERSONS}):
        yield Wrong(UNITS, 0, "", "no_such_file")
    for sheet, path in there.items():
        yield from read_file(path, sheet)


def read_file(path: Path, sheet: str = "") -> Read:
    """One CSV, row by row; without `sheet` each row names its own in the column `sheet`."""
    with path.open("rb") as file:
        yield from read_csv(file, sheet)


def read_csv(file: BinaryIO, sheet: str = "") -> Read:
    """The same, of a file that can be read twice: once for its encoding."""
    encoding = encoding_of(file)
    if encoding is None:
        yield Wrong(sheet, 0, "", "encoding_unknown")
        return
    with io.TextIOWrapper(file, encoding=encoding, newline="") as text:
        yield from _rows(csv.reader(text), sheet)


def read_stream(stream: BinaryIO) -> Read:
    """One CSV from a pipe, in UTF-8, row by row."""
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
    try:
        yield from _rows(csv.reader(text), "")
    except UnicodeDecodeError:
        yield Wrong(SHEET, 0, "", "encoding_unknown")


def read_workbook(path: Path) -> Read:
    """The sheets of an xlsx workbook; one of another name is refused, so that none is forgotten."""
    book = load_workbook(path)
    for page in book.worksheets:
        sheet = column_of(page.title)
        if page.sheet_state != "visible":
            yield Wrong(page.title, 0, "", "hidden_sheet")
        elif sheet not in COLUMNS:
            yield Wrong(page.title, 0, "", "unknown_sheet")
        elif page.merged_cells.ranges:
            first = min(page.merged_cells.ranges, key=lambda cells: (cells.min_row, cells.min_col))
            yield Wrong(sheet, first.min_row, get_column_letter(first.min_col), "merged_cells")
        else:
            yield from _page(sheet, page)


def encoding_of(file: BinaryIO) -> str | None:
    """Whichever known encoding all of it is in; None: it is in none. The file is at its beginning then."""
    for encoding in ENCODINGS:
        decoder = codecs.getincrementaldecoder(encoding)()
        try:
            for chunk in iter(lambda: file.read(CHUNK), b""):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            continue
        else:
            return encoding
        finally:
            file.seek(0)
    return None


def _rows(lines: Iterable[Sequence[str]], sheet: str) -> Read:
    lines = iter(lines)
    heads = [column_of(name) for name in next(lines, ())]
    if sheet or SHEET not in heads:
        yield from _heads(sheet or SHEET, heads, ("sheet",) if not sheet else COLUMNS[sheet])
    if not sheet and SHEET not in heads:
        return
    for number, line in enumerate(lines, FIRST_ROW):
        if not any(cell.strip() for cell in line):
            continue
        if len(line) > len(heads):
            yield Wrong(sheet, number, "", "more_cells_than_columns")
            continue
        cells = {head: cell for head, cell in zip(heads, line, strict=False) if cell}
        of = sheet or column_of(cells.get(SHEET, ""))
        if of in COLUMNS:
            yield from _row(of, number, cells)
        else:
            yield Wrong(SHEET, number, SHEET, "unknown_sheet")


def _page(sheet: str, page: Worksheet) -> Read:
    lines = page.iter_rows()
    heads = [column_of(str(cell.value or "")) for cell in next(lines, ())]
    yield from _heads(sheet, heads, COLUMNS[sheet])
    for number, line in enumerate(lines, FIRST_ROW):
        cells: dict[str, str] = {}
        for head, cell in zip(heads, line, strict=False):
            if cell.data_type == "f":
                yield Wrong(sheet, number, head, "formula")
            cells[head] = _text(cell.value)
        if any(cells.values()):
            yield from _row(sheet, number, cells)


def _heads(sheet: str, heads: Sequence[str], known: Sequence[str]) -> Iterator[Wrong]:
    missing = REQUIRED.get(sheet, frozenset(known)) - set(heads)
    yield from (Wrong(sheet, 1, column, "missing_column") for column in sorted(missing))
    # By its letter: where the headings lack, the first row is somebody's.
    strange = (number for number, head in enumerate(heads, 1) if head and head not in known)
    yield from (Wrong(sheet, 1, get_column_letter(number), "unknown_column") for number in strange)
    twice = {head for head in heads if head in known and heads.count(head) > 1}
    yield from (Wrong(sheet, 1, head, "column_twice") for head in sorted(twice))


def _row(sheet: str, number: int, cells: Mapping[str, str]) -> Read:
    row = Row(sheet, number, cells)
    lacking = [column for column in sorted(REQUIRED[sheet]) if not row.get(column)]
    yield from (Wrong(sheet, number, column, "required") for column in lacking)
    if not lacking:
        yield row


def _text(value: object) -> str:
    """A cell's value as a CSV has it: days without the midnight that a spreadsheet adds."""
    text = "" if value is None else str(value)
    return text.removesuffix(" 00:00:00")
