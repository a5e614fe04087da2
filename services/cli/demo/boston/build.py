"""Make the demo's city from the city's raw file: the slice and the territory, the same bytes every time.

    python -m services.cli.demo.boston.build RAW.csv.gz

Writes `requests.csv.gz` (the first 600 requests by `open_dt`, ties in the file's order) and
`site/territory.yaml`, made of *all* rows of the file, and prints what was dirty. Rules for dirty places:

* A ward has two spellings (`Ward 7`, `07`): one code. District 0 and blanks name nothing.
* A precinct belongs to the ward and to the district that most of its rows name; ties go to the lower code.
* Districts don't nest wards: a ward that a district line crosses becomes one section in each district, so
  that no precinct is put into a district where it is not.
"""

import csv
import gzip
import hashlib
import io
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from services.cli.demo.rows import OPTIONAL, REQUIRED
from services.cli.demo.site import district_code, precinct_code, ward_code

HERE = Path(__file__).parent
ROWS = 600
_NAMES = {
    1: "Precinct {}",
    2: "Ward {} in district {}",
    3: "Neighborhood services district {}",
    4: "City of Boston",
}

Record = dict[str, str]


def main(raw: Path) -> None:
    """Write both files beside this module and print the report."""
    with gzip.open(raw, "rt", encoding="utf-8", newline="") as file:
        records = list(csv.DictReader(file))
    (HERE / "requests.csv.gz").write_bytes(slice_of(records))
    precincts, dirt = precincts_of(records)
    (HERE / "site" / "territory.yaml").write_text(territory_of(precincts), encoding="utf-8")
    sys.stdout.write(f"{len(records)} rows, {len(precincts)} precincts\n")
    for what, count in dirt.items():
        sys.stdout.write(f"{count:6} {what}\n")


def slice_of(records: Iterable[Record]) -> bytes:
    """The committed slice, compressed: only the columns that the demo reads."""
    text = io.StringIO()
    writer = csv.DictWriter(text, (*REQUIRED, *OPTIONAL), extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(sorted(records, key=lambda record: record["open_dt"])[:ROWS])
    return gzip.compress(text.getvalue().encode(), mtime=0)


def precincts_of(records: Iterable[Record]) -> tuple[dict[str, tuple[str, str]], Counter[str]]:
    """The ward and the district of each precinct, and how many rows were dirty in which way."""
    wards: defaultdict[str, Counter[str]] = defaultdict(Counter)
    districts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    dirt: Counter[str] = Counter()
    for record in records:
        precinct = precinct_code(record["precinct"])
        ward = ward_code(record["ward"])
        district = district_code(record["neighborhood_services_district"])
        dirt["ward spelt with the word"] += record["ward"].startswith("Ward")
        dirt["ward spelt as a bare number"] += record["ward"].strip().isdigit()
        dirt["no ward"] += ward is None
        dirt["no precinct"] += precinct is None
        dirt["no precinct, but a ward"] += precinct is None and ward is not None
        dirt["no district"] += district is None
        dirt["district 0"] += record["neighborhood_services_district"].strip() == "0"
        dirt["ward that is not the precinct's prefix"] += bool(precinct and ward and ward != precinct[:2])
        if precinct and ward and district:
            wards[precinct][ward] += 1
            districts[precinct][district] += 1
    parents = {precinct: (_most(wards[precinct]), _most(districts[precinct])) for precinct in sorted(wards)}
    dirt["precincts in two districts"] = sum(len(named) > 1 for named in districts.values())
    dirt["rows in another district than their precinct"] = sum(
        sum(named.values()) - max(named.values()) for named in districts.values()
    )
    sections = Counter(ward for ward, _ in set(parents.values()))
    dirt["wards in several districts"] = sum(count > 1 for count in sections.values())
    return parents, dirt


def _most(named: Counter[str]) -> str:
    return min(named, key=lambda code: (-named[code], code))


def territory_of(precincts: dict[str, tuple[str, str]]) -> str:
    """The territory file: every unit after its parent, one line each, with its post and the post's holder."""
    units: dict[str, tuple[int, Sequence[str]]] = {"boston": (4, ())}
    for precinct, (ward, district) in sorted(precincts.items(), key=lambda item: (item[1][1], item[0])):
        parent = f"boston/d{district}"
        units[parent] = (3, (district.lstrip("0"),))
        units[f"{parent}/w{ward}"] = (2, (ward.lstrip("0"), district.lstrip("0")))
        units[f"{parent}/w{ward}/p{precinct}"] = (1, (precinct.upper(),))
    lines = [
        "# Made by services/cli/demo/boston/build.py; don't edit. Holders are made up and stand for nobody.",
        "id: boston.territory",
        "version: 1",
        "units:",
    ]
    for unit, (tier, values) in sorted(units.items()):
        holder = hashlib.sha256(f"holder of {unit}".encode()).hexdigest()[:12]
        fields = {
            "id": unit,
            "tier": str(tier),
            "parent": unit.rpartition("/")[0] or "null",
            "name": _NAMES[tier].format(*values),
            "post": f'"post:{unit}"',
            "holder": f"leader-{holder}",
        }
        lines.append(f"  - {{{', '.join(f'{key}: {value}' for key, value in fields.items())}}}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
