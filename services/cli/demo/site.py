"""The demo's site as its folder describes it: units, capability table, calendar and default term.

Read for the oracle, apart from the services that read the same files: if both are wrong they are not wrong in
the same way.
"""

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from services.chassis.calendar import Calendar, Term, Unit, calendar_from, due

PRECINCT, WARD, DISTRICT, TOP = 1, 2, 3, 4
"""The tiers of the ladder, lowest first; at the top is the city."""


def slug(text: str) -> str:
    """Words as a code: lower case, underscores; `unspecified` for a text without letters and digits."""
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_") or "unspecified"


def kind_of(reason: str, type_: str) -> str:
    """The matter kind `<reason>.<type>`, at most 128 characters."""
    return f"{slug(reason)}.{slug(type_)}"[:128]


def precinct_code(text: str) -> str | None:
    """Four digits and perhaps a letter (`0502a`), the first two being the ward's; None if it is none."""
    match = re.fullmatch(r"(\d{3,4})([A-Za-z]?)", text.strip())
    return match[1].zfill(4) + match[2].lower() if match else None


def ward_code(text: str) -> str | None:
    """Two digits from either spelling, `Ward 7` or `07`; None if it is none."""
    match = re.fullmatch(r"(?:ward\s*)?(\d{1,2})", text.strip().lower())
    return match[1].zfill(2) if match and int(match[1]) else None


def district_code(text: str) -> str | None:
    """Two digits; None if it is none. District 0 is how the data say that there is none."""
    match = re.fullmatch(r"\d{1,2}", text.strip())
    return match[0].zfill(2) if match and int(match[0]) else None


@dataclass(frozen=True, slots=True)
class Places:
    """The units of the territory by what the city's data call them; a unit's id is the path down to it."""

    city: str
    districts: Mapping[str, str]
    wards: Mapping[str, tuple[str, ...]]
    precincts: Mapping[str, str]

    @classmethod
    def of(cls, units: Mapping[str, int]) -> "Places":
        """Index unit ids by their tiers. Raises ValueError unless exactly one is the top."""
        (city,) = [unit for unit, tier in units.items() if tier == TOP]
        wards = defaultdict(list)
        for unit, tier in sorted(units.items()):
            if tier == WARD:
                wards[_last(unit)].append(unit)
        return cls(
            city=city,
            districts={_last(unit): unit for unit, tier in units.items() if tier == DISTRICT},
            wards={ward: tuple(sections) for ward, sections in wards.items()},
            precincts={_last(unit): unit for unit, tier in units.items() if tier == PRECINCT},
        )

    def locate(self, precinct: str, ward: str, district: str) -> str:
        """The lowest unit that the three columns name, taken as written in the data.

        The precinct decides alone where it is known. A ward that several districts share is named only
        together with its district. What is left is the city.
        """
        if unit := self.precincts.get(precinct_code(precinct) or ""):
            return unit
        in_district = self.districts.get(district_code(district) or "")
        sections = self.wards.get(ward_code(ward) or "", ())
        here = [unit for unit in sections if in_district and unit.startswith(f"{in_district}/")] or sections
        if len(here) == 1:
            return here[0]
        return in_district or self.city


def _last(unit: str) -> str:
    return unit.rpartition("/")[2][1:]


@dataclass(frozen=True, slots=True)
class Site:
    """What the oracle needs to know of a site: `tiers` by unit id, `capability` as tiers by kind."""

    id: str
    zone: ZoneInfo
    calendar: Calendar
    default_term: Term
    tiers: Mapping[str, int]
    places: Places
    capability: Mapping[str, int]

    def start_tier(self, kind: str, unit: str) -> int:
        """The lowest tier that can take the kind, no lower than the unit that the place names.

        A row of the table for the kind itself goes before one for its reason (`trees.*`), that before `*`.
        """
        wild = f"{kind.partition('.')[0]}.*"
        capable = next(self.capability[key] for key in (kind, wild, "*") if key in self.capability)
        return max(capable, self.tiers[unit])

    def default_due(self, opened_at: datetime) -> datetime:
        """When a case without a target of its own is due."""
        return due(self.default_term, opened_at, self.zone, self.calendar).rolled


def load(folder: Path) -> Site:
    """Read a site folder. Raises OSError, KeyError, TypeError or ValueError if it is not one of ours."""
    site, territory, capability = (_yaml(folder / f"{n}.yaml") for n in ("site", "territory", "capability"))
    tiers = {unit["id"]: int(unit["tier"]) for unit in territory["units"]}
    profile = site["default_profile"]
    return Site(
        id=site["id"],
        zone=ZoneInfo(site["zone"]),
        calendar=calendar_from(site["calendar"], folder),
        default_term=Term(profile["length"], Unit(profile["unit"]), profile["keeps_time"]),
        tiers=tiers,
        places=Places.of(tiers),
        capability={
            row["kind"]: max(row["tier"], capability["urgent_tier"]) if row.get("urgent") else row["tier"]
            for row in capability["rows"]
        },
    )


def _yaml(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))
