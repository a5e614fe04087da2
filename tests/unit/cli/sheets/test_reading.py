"""Sheets are read as they were meant, or refused with sheet, row and column."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from openpyxl import Workbook
from openpyxl.worksheet.worksheet import Worksheet

from services.cli.sheets.grouping import gather
from services.cli.sheets.reading import CHUNK, read_csv, read_folder, read_stream, read_workbook
from services.cli.sheets.table import Row, Wrong

DOCS = Path(__file__).parents[4] / "docs" / "sheets"
UNITS = "code,kind,since\nsongxi,sub_district,2026-01-01\n"
CHINESE = "单位代码,类型,起始日期\nsongxi,街道,2026-01-01\n"


def row(**cells: str) -> Row:
    return Row("units", 2, cells)


def test_a_folder_has_a_file_for_each_sheet(tmp_path: Path) -> None:
    (tmp_path / "units.csv").write_text(UNITS, encoding="utf-8")
    (tmp_path / "households.csv").write_text("unit,household\nsongxi,h-1\n", encoding="utf-8")
    read = list(read_folder(tmp_path))
    assert read == [
        row(code="songxi", kind="sub_district", since="2026-01-01"),
        Row("households", 2, {"unit": "songxi", "household": "h-1"}),
    ]


def test_a_folder_without_units_is_no_directory(tmp_path: Path) -> None:
    assert list(read_folder(tmp_path)) == [Wrong("units", 0, "", "no_such_file")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_what_chinese_spreadsheets_write_is_read(encoding: str) -> None:
    assert list(read_csv(io.BytesIO(CHINESE.encode(encoding)), "units")) == [
        row(code="songxi", kind="街道", since="2026-01-01")
    ]


def test_bytes_of_no_known_encoding_are_refused() -> None:
    assert list(read_csv(io.BytesIO(b"code,kind,since\n\xff\xff\xff\n"), "units")) == [
        Wrong("units", 0, "", "encoding_unknown")
    ]


def test_one_csv_names_the_sheet_of_each_row() -> None:
    data = b"sheet,code,kind,since,unit,household\nunits,a,village,2026-01-01,,\nhouseholds,,,,a,h-1\n"
    assert [each.sheet for each in read_stream(io.BytesIO(data))] == ["units", "households"]


@pytest.mark.parametrize(
    ("data", "wrong"),
    [
        ("code,kind\na,village\n", Wrong("units", 1, "since", "missing_column")),
        ("code,kind,since,name\na,village,2026-01-01,x\n", Wrong("units", 1, "D", "unknown_column")),
        ("code,kind,since,code\na,village,2026-01-01,b\n", Wrong("units", 1, "code", "column_twice")),
        ("code,kind,since\na,,2026-01-01\n", Wrong("units", 2, "kind", "required")),
        ("code,kind,since\na,village,2026-01-01,x\n", Wrong("units", 2, "", "more_cells_than_columns")),
    ],
)
def test_what_is_wrong_is_named(data: str, wrong: Wrong) -> None:
    assert wrong in list(read_csv(io.BytesIO(data.encode()), "units"))


def test_a_pipe_without_a_column_of_sheets_is_refused() -> None:
    assert Wrong("sheet", 1, "sheet", "missing_column") in list(read_stream(io.BytesIO(UNITS.encode())))


def test_a_pipe_in_another_encoding_is_refused() -> None:
    assert Wrong("sheet", 0, "", "encoding_unknown") in list(
        read_stream(io.BytesIO(CHINESE.encode("gb18030")))
    )


def test_a_file_may_be_longer_than_what_is_looked_at_at_once(tmp_path: Path) -> None:
    lines = [f"songxi/u{n:05d},village,2026-01-01\n" for n in range(60_000)]
    (tmp_path / "units.csv").write_text("code,kind,since\n" + "".join(lines), encoding="gb18030")
    assert (tmp_path / "units.csv").stat().st_size > CHUNK
    assert sum(1 for each in read_folder(tmp_path) if isinstance(each, Row)) == len(lines)


def test_a_row_of_no_known_sheet_is_refused() -> None:
    data = b"sheet,code,kind,since\nrosters,a,village,2026-01-01\n"
    assert list(read_stream(io.BytesIO(data))) == [Wrong("sheet", 2, "sheet", "unknown_sheet")]


def test_an_empty_row_is_none() -> None:
    assert list(read_csv(io.BytesIO((UNITS + ",,\n").encode()), "units")) == [
        row(code="songxi", kind="sub_district", since="2026-01-01")
    ]


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_the_filled_examples_of_the_documentation_have_nothing_wrong(language: str) -> None:
    sheets = gather(read_folder(DOCS / language))
    assert sheets.wrong == []
    assert [each.unit.kind for each in sheets.in_order()] == [1, 2, 6, 4, 5]
    assert sum(len(each.posts) for each in sheets.units.values()) == 5
    assert {code: len(each.duties) for code, each in sheets.rosters.items()} == {
        "fire-rescue": 2,
        "justice": 1,
    }
    assert list(sheets.units["songxi/hexi/s01/n01"].households) == [
        ("2026-01-01", ""),
        ("2026-03-01", "2026-09-01"),
    ]


def workbook(path: Path, change: Callable[[Workbook, Worksheet], None] = lambda *_: None) -> Path:
    """A workbook with one sheet of units."""
    book = Workbook()
    page = book.active
    assert isinstance(page, Worksheet)
    page.title = "单位"
    for line in CHINESE.splitlines():
        page.append(line.split(","))
    change(book, page)
    book.save(path / "directory.xlsx")
    return path / "directory.xlsx"


def test_a_workbook_is_read(tmp_path: Path) -> None:
    assert list(read_workbook(workbook(tmp_path))) == [row(code="songxi", kind="街道", since="2026-01-01")]


def _merge(_book: Workbook, page: Worksheet) -> None:
    page.merge_cells("A2:B2")


def _hide(book: Workbook, _page: Worksheet) -> None:
    book.create_sheet("households").sheet_state = "hidden"


def _formula(_book: Workbook, page: Worksheet) -> None:
    page["C2"] = "=TODAY()"


def _stranger(book: Workbook, _page: Worksheet) -> None:
    book.create_sheet("rosters")


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        (_merge, Wrong("units", 2, "A", "merged_cells")),
        (_hide, Wrong("households", 0, "", "hidden_sheet")),
        (_formula, Wrong("units", 2, "since", "formula")),
        (_stranger, Wrong("rosters", 0, "", "unknown_sheet")),
    ],
)
def test_what_a_spreadsheet_hides_is_refused(
    tmp_path: Path, change: Callable[[Workbook, Worksheet], None], wrong: Wrong
) -> None:
    assert wrong in list(read_workbook(workbook(tmp_path, change)))
