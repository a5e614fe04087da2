"""The rows of a city's file, each with a verdict: accepted, rejected or duplicate; none is dropped.

Rules for what is dirty:

* Times are local to the site's zone and become UTC, cut to milliseconds. Of a time that the zone repeats in
  autumn it is the first; one that it skips in spring is read as if summer time had not begun.
* Rejected, naming the column: a blank or impossible `open_dt`, an impossible `target_dt` or `closed_dt` (the
  year 9999 is past the end), a close before the opening, a blank or overlong `case_enquiry_id`, a missing or
  surplus cell.
* A blank `target_dt`, or one not after the opening, is no target. A blank `closed_dt` is an open case,
  whatever `case_status` says. A blank `ontime` is no flag.
* A duplicate: an accepted row with an earlier opening (at the same instant: higher up in the file) has the
  same id.
* A row without a usable place belongs to the lowest unit that it names (`Places.locate`).
"""

import csv
import gzip
import io
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import MAXYEAR, datetime
from enum import StrEnum
from pathlib import Path
from zoneinfo import ZoneInfo

from services.chassis.record import to_ms
from services.cli.demo.site import Places, kind_of

REQUIRED = (
    "case_enquiry_id",
    "open_dt",
    "target_dt",
    "closed_dt",
    "ontime",
    "reason",
    "type",
    "neighborhood_services_district",
    "ward",
    "precinct",
    "source",
)
"""Columns that a file must have, by the city's names."""

OPTIONAL = ("location",)
"""Columns that are used where they are there."""

_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}:\d{2}(\.\d{1,6})?")
_TIMES = ("open_dt", "target_dt", "closed_dt")
_MAX_ID = 128
_MAX_TITLE = 500


class NotACityFileError(Exception):
    """The file is no CSV or lacks a column; the message is one line that says which."""


class Verdict(StrEnum):
    """What became of a row."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    DUPLICATE = "duplicate"


class Channel(StrEnum):
    """The way a request comes in."""

    HOTLINE = "hotline"
    """From the hotline's inbound topic: the city's "Constituent Call"."""
    RPC = "rpc"
    """By the gRPC call, like a client of ours."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the file. `line` counts rows from 1 in the file's order; times are UTC.

    `reason` says why a row is not accepted, as `column: what`; such a row's other fields are only as good as
    they could be read. `target_at` is None where the site's default term counts; `ontime` is the city's own
    verdict. `unit` is the lowest unit that the place names.
    """

    line: int
    external_id: str
    verdict: Verdict = Verdict.ACCEPTED
    reason: str = ""
    opened_at: datetime | None = None
    target_at: datetime | None = None
    closed_at: datetime | None = None
    ontime: bool | None = None
    channel: Channel = Channel.RPC
    kind: str = ""
    unit: str = ""
    title: str = ""
    location: str = ""


def read(path: Path, limit: int | None, zone: ZoneInfo, places: Places) -> list[Row]:
    """The first `limit` rows by opening (all without a limit), in the file's order.

    Rows whose opening can't be read come last for the limit. Raises NotACityFileError, before anything else
    is done, for a file that can't be read to its end as a CSV with the required columns.
    """
    header, records = _records(path)
    rows = [_row(line, header, cells, zone, places) for line, cells in enumerate(records, start=1)]
    chosen = sorted(rows, key=_by_opening)[:limit]
    seen: set[str] = set()
    verdicts = []
    for row in chosen:
        if row.verdict is not Verdict.ACCEPTED:
            verdicts.append(row)
        elif row.external_id in seen:
            verdicts.append(replace(row, verdict=Verdict.DUPLICATE, reason="case_enquiry_id: seen before"))
        else:
            seen.add(row.external_id)
            verdicts.append(row)
    return sorted(verdicts, key=lambda row: row.line)


def _by_opening(row: Row) -> tuple[bool, float, int]:
    return row.opened_at is None, row.opened_at.timestamp() if row.opened_at else 0.0, row.line


def _records(path: Path) -> tuple[list[str], list[list[str]]]:
    try:
        content = path.read_bytes()
        if content.startswith(b"\x1f\x8b"):
            content = gzip.decompress(content)
        text = io.StringIO(content.decode("utf-8-sig"), newline="")
        lines = [cells for cells in csv.reader(text, strict=True) if cells]
    except OSError as error:
        msg = f"{path.name}: {error.strerror or error}"
        raise NotACityFileError(msg) from error
    except (EOFError, zlib.error, UnicodeDecodeError, csv.Error) as error:
        msg = f"{path.name} is no CSV: {error}"
        raise NotACityFileError(msg) from error
    header = [name.strip() for name in lines[0]] if lines else []
    if missing := [name for name in REQUIRED if name not in header]:
        msg = f"{path.name} lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}"
        raise NotACityFileError(msg)
    return header, lines[1:]


def _row(line: int, header: list[str], cells: list[str], zone: ZoneInfo, places: Places) -> Row:
    values = dict.fromkeys((*REQUIRED, *OPTIONAL), "")
    values |= {name: cell.strip() for name, cell in zip(header, cells, strict=False)}
    external_id = values["case_enquiry_id"]
    times, impossible = _times(values, zone)
    opened_at, target_at, closed_at = (times.get(column) for column in _TIMES)
    reason = (
        _wrong_shape(header, cells)
        or _wrong_id(external_id)
        or impossible
        or _wrong_order(opened_at, closed_at)
    )
    return Row(
        line=line,
        external_id=external_id[:_MAX_ID],
        verdict=Verdict.REJECTED if reason else Verdict.ACCEPTED,
        reason=reason,
        opened_at=opened_at,
        target_at=target_at if target_at and opened_at and target_at > opened_at else None,
        closed_at=closed_at,
        ontime={"ONTIME": True, "OVERDUE": False}.get(values["ontime"]),
        channel=Channel.HOTLINE if values["source"] == "Constituent Call" else Channel.RPC,
        kind=kind_of(values["reason"], values["type"]),
        unit=places.locate(values["precinct"], values["ward"], values["neighborhood_services_district"]),
        title=values["type"][:_MAX_TITLE] or "Unspecified",
        location=values["location"],
    )


def _wrong_shape(header: list[str], cells: list[str]) -> str:
    if len(cells) < len(header):
        return f"{header[len(cells)]}: missing"
    return f"{header[-1]}: more cells follow than there are columns" if len(cells) > len(header) else ""


def _wrong_id(external_id: str) -> str:
    if not external_id:
        return "case_enquiry_id: blank"
    return "case_enquiry_id: too long" if len(external_id) > _MAX_ID else ""


def _wrong_order(opened_at: datetime | None, closed_at: datetime | None) -> str:
    if opened_at is None:
        return "open_dt: blank"
    return "closed_dt: before open_dt" if closed_at and closed_at < opened_at else ""


def _times(values: Mapping[str, str], zone: ZoneInfo) -> tuple[dict[str, datetime | None], str]:
    """The three times in UTC (None for a blank) and the first column in which there is no such time."""
    times: dict[str, datetime | None] = {}
    wrong = ""
    for column in _TIMES:
        text = values[column]
        try:
            times[column] = _utc(text, zone) if text else None
        except (ValueError, OverflowError):
            wrong = wrong or f"{column}: not a date and time that exists"
    return times, wrong


def _utc(text: str, zone: ZoneInfo) -> datetime:
    if not _TIME.fullmatch(text):
        raise ValueError
    instant = to_ms(datetime.fromisoformat(text).replace(tzinfo=zone))
    if instant.year == MAXYEAR:  # a term could not begin there
        raise OverflowError
    return instant
