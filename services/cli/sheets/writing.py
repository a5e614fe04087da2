"""Rows as CSV: one table with a column `sheet`, or a file for each sheet."""

import csv
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import TextIO

from services.cli.sheets.table import ALL_COLUMNS, COLUMNS, SHEET, Row


def write_one(rows: Iterable[Row], to: TextIO) -> int:
    """All sheets in one table; returns how many rows."""
    writer = csv.writer(to, lineterminator="\n")
    writer.writerow(ALL_COLUMNS)
    count = 0
    for row in rows:
        writer.writerow([row.sheet if name == SHEET else row.cells.get(name, "") for name in ALL_COLUMNS])
        count += 1
    return count


def write_folder(rows: Iterable[Row], folder: Path) -> int:
    """A file for each sheet; returns how many rows."""
    folder.mkdir(parents=True, exist_ok=True)
    count = 0
    with ExitStack() as stack:
        writers = {}
        for sheet, columns in COLUMNS.items():
            file = stack.enter_context((folder / f"{sheet}.csv").open("w", encoding="utf-8", newline=""))
            writers[sheet] = csv.writer(file, lineterminator="\n")
            writers[sheet].writerow(columns)
        for row in rows:
            writers[row.sheet].writerow([row.cells.get(name, "") for name in COLUMNS[row.sheet]])
            count += 1
    return count
