"""The rows of a city's file: every dirty thing has its rule, and no row is dropped."""

import csv
import gzip
import io
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from services.cli.demo.rows import REQUIRED, Channel, NotACityFileError, Row, Verdict, read
from services.cli.demo.site import Places

NEW_YORK = ZoneInfo("America/New_York")
PLACES = Places.of(
    {
        "city": 4,
        "city/d07": 3,
        "city/d07/w16": 2,
        "city/d07/w17": 2,
        "city/d07/w17/p1714": 1,
        "city/d08": 3,
        "city/d08/w16": 2,
        "city/d08/w16/p1601": 1,
        "city/d14": 3,
        "city/d14/w05": 2,
        "city/d14/w05/p0502a": 1,
    }
)
GOOD = {
    "case_enquiry_id": "101",
    "open_dt": "2011-07-01 01:32:33",
    "target_dt": "2011-07-15 01:32:32",
    "closed_dt": "2011-07-01 05:06:58",
    "ontime": "ONTIME",
    "reason": "Street Lights",
    "type": "Street Light Outages",
    "neighborhood_services_district": "7",
    "ward": "Ward 17",
    "precinct": "1714",
    "source": "Self Service",
}


def text(*rows: dict[str, str]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, REQUIRED)
    writer.writeheader()
    writer.writerows(GOOD | row for row in rows)
    return out.getvalue()


def rows_of(folder: Path, *rows: dict[str, str], limit: int | None = None) -> list[Row]:
    path = folder / "rows.csv"
    path.write_text(text(*rows), encoding="utf-8")
    return read(path, limit, NEW_YORK, PLACES)


def test_a_clean_row_is_accepted_in_utc(tmp_path: Path) -> None:
    (row,) = rows_of(tmp_path, {})
    assert row == Row(
        line=1,
        external_id="101",
        opened_at=datetime(2011, 7, 1, 5, 32, 33, tzinfo=UTC),
        target_at=datetime(2011, 7, 15, 5, 32, 32, tzinfo=UTC),
        closed_at=datetime(2011, 7, 1, 9, 6, 58, tzinfo=UTC),
        ontime=True,
        kind="street_lights.street_light_outages",
        unit="city/d07/w17/p1714",
        title="Street Light Outages",
    )


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("case_enquiry_id", " ", "case_enquiry_id: blank"),
        ("case_enquiry_id", "9" * 129, "case_enquiry_id: too long"),
        ("open_dt", "", "open_dt: blank"),
        ("open_dt", "2011-02-30 10:00:00", "open_dt: not a date and time that exists"),
        ("open_dt", "9999-12-30 10:00:00", "open_dt: not a date and time that exists"),
        ("target_dt", "soon", "target_dt: not a date and time that exists"),
        ("target_dt", "2011-07-15", "target_dt: not a date and time that exists"),
        ("closed_dt", "2011-07-01 24:00:01", "closed_dt: not a date and time that exists"),
        ("closed_dt", "0001-01-01 00:00:00", "closed_dt: before open_dt"),
        ("closed_dt", "2011-07-01 01:32:32", "closed_dt: before open_dt"),
    ],
)
def test_an_impossible_row_is_rejected_by_the_name_of_its_column(
    tmp_path: Path, column: str, value: str, reason: str
) -> None:
    bad, good = rows_of(tmp_path, {column: value}, {"case_enquiry_id": "102"})
    assert (bad.verdict, bad.reason) == (Verdict.REJECTED, reason)
    assert good.verdict is Verdict.ACCEPTED


def test_a_row_with_a_missing_or_surplus_cell_is_rejected(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    header, line = text({}).splitlines()
    path.write_text("\n".join((header, line.rpartition(",")[0], "", line + ",more", line)), encoding="utf-8")
    short, long, good = read(path, None, NEW_YORK, PLACES)
    assert short.reason == "source: missing"
    assert long.reason.startswith("source: more cells")
    assert good.verdict is Verdict.ACCEPTED


@pytest.mark.parametrize("target", ["", " ", "2011-07-01 01:32:33", "2011-07-01 00:00:00"])
def test_a_blank_target_or_one_not_after_the_opening_is_none(tmp_path: Path, target: str) -> None:
    (row,) = rows_of(tmp_path, {"target_dt": target})
    assert (row.verdict, row.target_at) == (Verdict.ACCEPTED, None)


def test_a_close_at_the_opening_is_a_close_and_a_blank_one_an_open_case(tmp_path: Path) -> None:
    at_once, still_open = rows_of(
        tmp_path, {"closed_dt": GOOD["open_dt"]}, {"case_enquiry_id": "102", "closed_dt": ""}
    )
    assert at_once.closed_at == at_once.opened_at
    assert (still_open.verdict, still_open.closed_at) == (Verdict.ACCEPTED, None)


@pytest.mark.parametrize(("flag", "ontime"), [("ONTIME", True), ("OVERDUE", False), ("", None), ("?", None)])
def test_a_blank_flag_is_none(tmp_path: Path, *, flag: str, ontime: bool | None) -> None:
    assert rows_of(tmp_path, {"ontime": flag})[0].ontime is ontime


@pytest.mark.parametrize(
    ("local", "utc"),
    [
        ("2011-11-06 00:59:59", datetime(2011, 11, 6, 4, 59, 59, tzinfo=UTC)),
        ("2011-11-06 01:30:00", datetime(2011, 11, 6, 5, 30, tzinfo=UTC)),
        ("2012-03-11 02:30:00", datetime(2012, 3, 11, 7, 30, tzinfo=UTC)),
        ("2012-03-11T03:00:00.1239", datetime(2012, 3, 11, 7, 0, 0, 123_000, tzinfo=UTC)),
    ],
)
def test_local_times_across_summer_time_become_utc_by_rule(tmp_path: Path, local: str, utc: datetime) -> None:
    assert rows_of(tmp_path, {"closed_dt": local})[0].closed_at == utc


def test_the_limit_takes_the_earliest_openings_and_keeps_the_order_of_the_file(tmp_path: Path) -> None:
    openings = {"a": "2011-07-01 03:00:00", "b": "", "c": "2011-07-01 01:00:00", "d": "2011-07-01 03:00:00"}
    rows = [{"case_enquiry_id": key, "open_dt": value} for key, value in openings.items()]
    assert [row.external_id for row in rows_of(tmp_path, *rows, limit=2)] == ["a", "c"]
    assert [row.external_id for row in rows_of(tmp_path, *rows, limit=3)] == ["a", "c", "d"]
    assert [row.external_id for row in rows_of(tmp_path, *rows)] == ["a", "b", "c", "d"]


def test_of_rows_with_one_id_the_earliest_opening_is_accepted(tmp_path: Path) -> None:
    late, early, again = rows_of(tmp_path, {}, {"open_dt": "2011-07-01 01:00:00"}, {})
    assert (late.verdict, late.reason) == (Verdict.DUPLICATE, "case_enquiry_id: seen before")
    assert early.verdict is Verdict.ACCEPTED
    assert again.verdict is Verdict.DUPLICATE


def test_a_rejected_row_does_not_claim_its_id(tmp_path: Path) -> None:
    bad, good = rows_of(tmp_path, {"closed_dt": "never"}, {})
    assert (bad.verdict, good.verdict) == (Verdict.REJECTED, Verdict.ACCEPTED)


@pytest.mark.parametrize(
    ("source", "channel"),
    [("Constituent Call", Channel.HOTLINE), ("Twitter", Channel.RPC), ("", Channel.RPC)],
)
def test_calls_come_in_by_the_hotline_and_the_rest_by_rpc(
    tmp_path: Path, source: str, channel: Channel
) -> None:
    assert rows_of(tmp_path, {"source": source})[0].channel is channel


@pytest.mark.parametrize(
    ("precinct", "ward", "district", "unit"),
    [
        ("1714", "Ward 17", "7", "city/d07/w17/p1714"),
        ("1714", "03", "14", "city/d07/w17/p1714"),
        ("0502A", "05", "14", "city/d14/w05/p0502a"),
        (" ", "17", "7", "city/d07/w17"),
        ("9999", "Ward 17", "", "city/d07/w17"),
        ("", "Ward 16", "8", "city/d08/w16"),
        ("", "16", "7", "city/d07/w16"),
        ("", "Ward 16", "", "city"),
        ("", "16", "14", "city/d14"),
        ("", "", "7", "city/d07"),
        ("", "Ward 99", "0", "city"),
        (" ", " ", " ", "city"),
    ],
)
def test_a_place_is_the_lowest_unit_that_can_be_named(
    precinct: str, ward: str, district: str, unit: str
) -> None:
    assert PLACES.locate(precinct, ward, district) == unit


@pytest.mark.parametrize("column", REQUIRED)
def test_a_file_that_lacks_a_column_is_refused_by_its_name(tmp_path: Path, column: str) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(text({}).replace(column, "other"), encoding="utf-8")
    with pytest.raises(NotACityFileError, match=rf"rows\.csv lacks the column {column}$"):
        read(path, None, NEW_YORK, PLACES)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x89PNG\r\n\x1a\n\x00",
        b"{}",
        gzip.compress(text({}).encode())[:-9],
        b"\x1f\x8bnonsense",
        text({}).encode() + b'"never closed',
    ],
)
def test_a_file_that_is_no_csv_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(content)
    with pytest.raises(NotACityFileError, match=r"rows\.csv") as caught:
        read(path, None, NEW_YORK, PLACES)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotACityFileError, match="No such file"):
        read(tmp_path / "rows.csv", None, NEW_YORK, PLACES)


def test_a_compressed_file_and_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(gzip.compress(b"\xef\xbb\xbf" + text({}).encode()))
    assert len(read(path, None, NEW_YORK, PLACES)) == 1
