"""Make `city_duplicates.csv.gz` from the city's raw file: the same bytes every time.

    python -m tests.unit.intake.data.build_city RAW.csv.gz

One line per request of July to October 2011 in every fourth precinct: minute since July began, kind,
precinct, a number that stands for the address, the number of the line that the city's staff say it is a
duplicate of (0: of one elsewhere, or unsaid which; empty: not closed as a duplicate). No text is kept.
Licence of the data: `services/cli/demo/boston/LICENCE-DATA.md`.
"""

import csv
import gzip
import io
import re
import sys
from datetime import datetime
from pathlib import Path

from services.cli.demo.site import kind_of, precinct_code

HERE = Path(__file__).parent
START = datetime(2011, 7, 1)  # noqa: DTZ001 - as the city writes its times
EVERY = 4
COLUMNS = ("minute", "kind", "precinct", "address", "duplicate_of")
_SAID = re.compile("duplicate of existing", re.IGNORECASE)
_NUMBER = re.compile(r"\d{6}(?!\d)")


def main(raw: Path) -> None:
    """Write the file and print how many lines say what."""
    with gzip.open(raw, "rt", encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if _chosen(row["precinct"])]
    rows.sort(key=lambda row: (row["open_dt"], row["case_enquiry_id"]))
    lines = {row["case_enquiry_id"]: number for number, row in enumerate(rows, 1)}
    addresses: dict[str, int] = {}
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        minute = int((datetime.fromisoformat(row["open_dt"]) - START).total_seconds() // 60)
        address = addresses.setdefault(row["location"].strip(), len(addresses) + 1)
        of = _duplicate_of(row, lines)
        kind, precinct = kind_of(row["reason"], row["type"]), precinct_code(row["precinct"]) or ""
        writer.writerow([minute, kind, precinct, address, "" if of is None else of])
    (HERE / "city_duplicates.csv.gz").write_bytes(gzip.compress(text.getvalue().encode(), mtime=0))
    sys.stdout.write(f"{len(rows)} lines, {len(addresses)} addresses\n")


def _chosen(precinct: str) -> bool:
    code = precinct_code(precinct)
    return code is not None and int(code[:4]) % EVERY == 0


def _duplicate_of(row: dict[str, str], lines: dict[str, int]) -> int | None:
    """The line that a request is said to repeat; 0 where it is not said which, or that is elsewhere."""
    if not _SAID.search(row["closure_reason"]):
        return None
    named = (lines.get(f"101000{number}") for number in _NUMBER.findall(row["closure_reason"]))
    return next((line for line in named if line and line != lines[row["case_enquiry_id"]]), 0)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
