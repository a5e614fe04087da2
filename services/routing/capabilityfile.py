"""Reads `capability.yaml`: one version of the table, or several with the days from which they are in force;
and the profiles of `emergencies.yaml`.

Whatever would leave a kind nowhere to go is an error that names file, rule and field.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

from services.chassis.site import SiteError
from services.routing.capability import ANY, Able, Capability, Listed, Version, nowhere
from services.routing.rules import MEDIATION, PETITION, TOP_TIER, Unit

KIND = re.compile(r"\*|[a-z0-9][a-z0-9_-]*(?:\.(?:\*|[a-z0-9][a-z0-9_.-]*))?")
CODE = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")


@dataclass(frozen=True, slots=True)
class Profile:
    """What an emergency (预案) puts before the table, for an area and a time."""

    id: str
    number: int
    table: Version

    @property
    def name(self) -> str:
        """Id and version, for example `flood@1`."""
        return f"{self.id}@{self.number}"


@dataclass(frozen=True, slots=True)
class Known:
    """What a file may refer to; `whole` where `units` are all there are: there is no directory."""

    path: Path
    units: Mapping[str, Unit]
    top: str
    whole: bool

    def wrong(self, where: str, what: str) -> SiteError:
        """An error that names file, rule and field."""
        return SiteError(f"{self.path}: {where}: {what}")

    def unit(self, raw: Any, where: str) -> str:
        """The id of a unit that there is, or that may be in the directory."""
        text = str(raw)
        if text not in self.units and (self.whole or not text.startswith(f"{self.top}/")):
            raise self.wrong(where, f"unknown unit {text!r}")
        return text


def read_versions(raw: Mapping[str, Any], known: Known) -> tuple[Version, ...]:
    """The versions of a table, oldest first.

    Raises:
        SiteError: one lacks something, is stale or overlaps another, or leaves a kind nowhere to go.
    """
    given = raw.get("versions")
    if given is None:
        return (_version(raw, "", known, default_required=True),)
    if not isinstance(given, list) or not given:
        raise known.wrong("versions", "no list of versions")
    found = [
        _version(_mapping(each, f"versions[{n}]", known), f"versions[{n}].", known, default_required=True)
        for n, each in enumerate(given)
    ]
    for n, (before, after) in enumerate(pairwise(found), 1):
        if int(after.version) <= int(before.version):
            raise known.wrong(
                f"versions[{n}].version", f"{after.version} is stale: {before.version} came before"
            )
        if after.since is None:
            raise known.wrong(f"versions[{n}].from", f"version {after.version} lacks it")
        begins, ends = before.since or date.min, before.until or date.max
        if after.since <= begins or (before.until and after.since < ends):
            raise known.wrong(
                f"versions[{n}].from",
                f"version {after.version} overlaps version {before.version}: {after.since}",
            )
    # A successor ends the one before it for good: what ends without one is not made good by an older one.
    return (
        *(replace(each, until=each.until or after.since) for each, after in pairwise(found)),
        found[-1],
    )


def read_profiles(raw: Mapping[str, Any], known: Known) -> dict[str, Profile]:
    """The profiles of `emergencies.yaml` by name, the versions of each one in their order.

    Raises:
        SiteError: one lacks something, is there twice, is stale, or gives a kind another way than the ladder.
    """
    profiles: dict[str, Profile] = {}
    latest: dict[str, int] = {}
    given = raw.get("profiles")
    if not isinstance(given, list) or not given:
        raise known.wrong("profiles", "no list of profiles")
    for n, each in enumerate(given):
        where = f"profiles[{n}]."
        table = _version(_mapping(each, f"profiles[{n}]", known), where, known, default_required=False)
        id_, number = _code(each.get("id"), f"{where}id", known), int(table.version)
        if number <= latest.get(id_, 0):
            raise known.wrong(f"{where}version", f"{id_}@{number} is stale: {latest[id_]} came before")
        kinds = {**table.rows, **({ANY: table.default} if table.default else {})}
        if not kinds:
            raise known.wrong(f"{where}rows", f"{id_}@{number} changes nothing")
        if tracked := next((kind for kind, row in kinds.items() if row.track), ""):
            raise known.wrong(f"{where}rows: {tracked}.track", "an emergency takes nothing off the ladder")
        profiles[f"{id_}@{number}"] = Profile(id_, number, table)
        latest[id_] = number
    return profiles


def _version(raw: Mapping[str, Any], at: str, known: Known, *, default_required: bool) -> Version:
    number = raw.get("version", None if at else 1)
    if not isinstance(number, int) or isinstance(number, bool) or number < 1:
        raise known.wrong(f"{at}version", f"{number!r} is no number from 1 on")
    since, until = (_day(raw.get(name), f"{at}{name}", known) for name in ("from", "until"))
    if until and until <= (since or date.min):
        raise known.wrong(f"{at}until", f"version {number} ends before it begins")
    urgent_tier = _tier(raw.get("urgent_tier"), f"{at}urgent_tier", known)
    rows: dict[str, Capability] = {}
    able: list[Able] = []
    for n, each in enumerate(_list(raw.get("rows"), f"{at}rows", known)):
        where = f"{at}rows[{n}]"
        row = _mapping(each, where, known)
        kind = _kind(row.get("kind"), f"{where}.kind", known)
        if "unit" in row or "below" in row:
            able.append(_able(row, kind, where, known))
            continue
        if kind in rows:
            raise known.wrong(f"{where}.kind", f"{kind} is there twice")
        rows[kind] = Capability(
            _tier(row.get("tier"), f"{where}.tier", known, kind),
            urgent_tier,
            bool(row.get("urgent", False)),
            _track(row, kind, where, known),
            _plan(row, where, known),
        )
    default = rows.pop(ANY, None)
    if default_required and default is None:
        raise known.wrong(f"{at}rows", f"no row {ANY!r}: an unknown kind had nowhere to go")
    listed = [
        _listed(_mapping(each, f"{at}listed[{n}]", known), f"{at}listed[{n}]", known)
        for n, each in enumerate(_list(raw.get("listed", []), f"{at}listed", known))
    ]
    version = Version(str(number), rows, default, since, until, tuple(able), tuple(listed))
    _check(version, at, known)
    return version


def _check(version: Version, at: str, known: Known) -> None:
    seen: set[tuple[str, str, bool]] = set()
    for row in version.able:
        if (row.kind, row.unit, row.below) in seen:
            raise known.wrong(f"{at}rows", f"{row.kind} of {row.unit} is there twice")
        seen.add((row.kind, row.unit, row.below))
        unit = known.units.get(row.unit)
        kept = [each for each in version.listed if row.kind in each.kinds and unit and unit.tier < each.tier]
        if row.able and kept and not row.below:
            raise known.wrong(
                f"{at}rows", f"{row.kind} of {row.unit}: {kept[0].department} keeps it at tier {kept[0].tier}"
            )
    if barred := nowhere(version.rows, version.able, known.top):
        raise known.wrong(f"{at}rows", f"{', '.join(barred)} had nowhere to go: {known.top} can't settle it")


def _able(row: Mapping[str, Any], kind: str, where: str, known: Known) -> Able:
    below = "below" in row
    field = "below" if below else "unit"
    if "tier" in row or ("unit" in row and below):
        raise known.wrong(where, f"{kind}: either tier, unit or below")
    if not isinstance(row.get("able"), bool):
        raise known.wrong(f"{where}.able", f"{kind} of {row[field]}: neither true nor false")
    return Able(kind, known.unit(row[field], f"{where}.{field}"), row["able"], below)


def _listed(raw: Mapping[str, Any], where: str, known: Known) -> Listed:
    department = _code(raw.get("department"), f"{where}.department", known)
    kinds = [
        _kind(kind, f"{where}.kinds[{n}]", known)
        for n, kind in enumerate(_list(raw.get("kinds"), f"{where}.kinds", known))
    ]
    if not kinds:
        raise known.wrong(f"{where}.kinds", f"{department} lists nothing")
    return Listed(department, _tier(raw.get("tier"), f"{where}.tier", known, department), tuple(kinds))


REQUIRED = "required"


def _plan(row: Mapping[str, Any], where: str, known: Known) -> bool:
    """Whether its settlement needs a plan in three parts."""
    plan = row.get("plan", "")
    if plan not in {"", REQUIRED}:
        raise known.wrong(f"{where}.plan", f"{plan!r} is not {REQUIRED!r}")
    return bool(plan)


def _track(row: Mapping[str, Any], kind: str, where: str, known: Known) -> str:
    """A residents' or villagers' committee assists with petitions; the sub-district answers them."""
    track = str(row.get("track", ""))
    if track not in {"", MEDIATION, PETITION}:
        raise known.wrong(f"{where}.track", f"{kind}: no track {track!r}")
    if track == PETITION and row.get("tier") != TOP_TIER:
        raise known.wrong(f"{where}.tier", f"{kind}: a petition is for tier {TOP_TIER}")
    return track


def _tier(raw: Any, where: str, known: Known, of: str = "") -> int:
    if not isinstance(raw, int) or isinstance(raw, bool) or not 1 <= raw <= TOP_TIER:
        raise known.wrong(where, f"{of + ': ' if of else ''}{raw!r} is no tier from 1 to {TOP_TIER}")
    return raw


def _kind(raw: Any, where: str, known: Known) -> str:
    if not isinstance(raw, str) or not KIND.fullmatch(raw):
        raise known.wrong(where, f"{raw!r} is no kind, as group.detail, group.* or {ANY}")
    return raw


def _code(raw: Any, where: str, known: Known) -> str:
    if not isinstance(raw, str) or not CODE.fullmatch(raw):
        raise known.wrong(where, f"{raw!r} is no code")
    return raw


def _day(raw: Any, where: str, known: Known) -> date | None:
    try:
        return raw if raw is None or type(raw) is date else date.fromisoformat(str(raw))
    except ValueError:
        raise known.wrong(where, f"{raw!r} is no day") from None


def _list(raw: Any, where: str, known: Known) -> Sequence[Any]:
    if not isinstance(raw, list):
        raise known.wrong(where, "no list")
    return raw


def _mapping(raw: Any, where: str, known: Known) -> Mapping[str, Any]:
    if not isinstance(raw, dict):
        raise known.wrong(where, "no mapping")
    return raw
