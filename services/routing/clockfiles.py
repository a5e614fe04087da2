"""Reads what a site says of its clocks: `default_profile` in `site.yaml`, and `clocks.yaml` where it has one.

A setting that is missing or can't be is an error at the start that names file, field and rule: never a clock
that silently does not run.
"""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml

from services.chassis.calendar import Term, Unit
from services.chassis.hours import Hours
from services.chassis.site import Site, SiteError
from services.chassis.terms import read_term
from services.routing.clocking import EVERY_KIND, EVERY_TIER, Profile, Row
from services.routing.rules import TOP_TIER

PER_MATTER, PER_TIER = "matter", "tier"
"""What the default term is for: a matter, whose tiers share it, or each tier."""
FIELDS = frozenset({"id", "version", "hours", "hours_by_tier", "rows"})
ROW_FIELDS = frozenset({"kind", "tier", "first_contact", "resolution", "warnings"})
TERM_FIELDS = frozenset({"length", "unit", "keeps_time"})
TIERS = range(1, TOP_TIER + 1)


def read_default(site: Site) -> tuple[Term, str, bool]:
    """The default term, the name of its rule, and whether each tier has the whole of it.

    Raises:
        SiteError: something is missing or can't be.
    """
    where = f"{site.folder}/site.yaml: default_profile"
    if not isinstance(profile := site.profile.get("default_profile"), Mapping):
        raise SiteError(f"{where}: is missing")
    name = f"{profile.get('id', '')}@{profile.get('version', '')}"
    where = f"{where}: {name}"
    for field in ("id", "version", "length", "unit", "keeps_time"):
        if field not in profile:
            raise SiteError(f"{where}: {field}: is missing")
    term = _term(profile, where)
    if term.unit.worked:
        raise SiteError(f"{where}: unit: {term.unit} are for clocks.yaml, which has hours")
    if (per := profile.get("per", PER_MATTER)) not in {PER_MATTER, PER_TIER}:
        raise SiteError(f"{where}: per {per!r} is neither {PER_MATTER} nor {PER_TIER}")
    return term, name, per == PER_TIER


def read_profile(site: Site) -> Profile | None:
    """The site's clocks by kind and tier; None where it has no `clocks.yaml`.

    Raises:
        SiteError: something is missing or can't be.
    """
    path = site.folder / "clocks.yaml"
    if not path.exists():
        return None
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SiteError(f"{path}: no YAML") from error
    if not isinstance(raw, Mapping):
        raise SiteError(f"{path}: no mapping")
    _known(raw, FIELDS, f"{path}")
    for field in ("id", "version", "rows"):
        if not raw.get(field):
            raise SiteError(f"{path}: {field}: is missing")
    if type(raw["version"]) is not int or raw["version"] < 1:
        raise SiteError(f"{path}: version: {raw['version']!r} is not a whole number above 0")
    if not isinstance(raw["rows"], list):
        raise SiteError(f"{path}: rows: no list")
    rows: dict[tuple[str, int], Row] = {}
    for number, each in enumerate(raw["rows"]):
        where = f"{path}: rows[{number}]"
        key, row = _row(each, where)
        if key in rows:
            raise SiteError(f"{where}: kind: {key[0]} has a row for this tier already")
        rows[key] = row
    profile = Profile(str(raw["id"]), raw["version"], _hours(raw, path), rows)
    _check(profile, path)
    return profile


def _row(raw: Any, where: str) -> tuple[tuple[str, int], Row]:
    if not isinstance(raw, Mapping) or not raw.get("kind"):
        raise SiteError(f"{where}: kind: is missing")
    where = f"{where} ({raw['kind']})"
    _known(raw, ROW_FIELDS, where)
    if (tier := raw.get("tier", EVERY_TIER)) not in (EVERY_TIER, *TIERS):
        raise SiteError(f"{where}: tier: {tier!r} is not in 1 to {TOP_TIER}")
    terms = {f: _term(raw[f], f"{where}: {f}") for f in ("first_contact", "resolution") if f in raw}
    return (str(raw["kind"]), tier), Row(**terms, warnings=_warnings(raw.get("warnings"), where))


def _term(raw: Any, where: str) -> Term:
    if not isinstance(raw, Mapping):
        raise SiteError(f"{where}: no length and unit")
    try:
        return read_term(raw)
    except KeyError as error:
        raise SiteError(f"{where}: {error.args[0]}: is missing") from error
    except (ValueError, TypeError) as error:
        raise SiteError(f"{where}: {error}") from error


def _warnings(raw: Any, where: str) -> tuple[float | timedelta, ...] | None:
    """Parts of a clock, or how much working time before its end."""
    if raw is None:
        return None
    if not isinstance(raw, list):
        raise SiteError(f"{where}: warnings: no list")
    return tuple(_stage(each, f"{where}: warnings[{number}]") for number, each in enumerate(raw))


def _stage(raw: Any, where: str) -> float | timedelta:
    if isinstance(raw, float | int) and 0 < raw < 1:
        return float(raw)
    if not isinstance(raw, Mapping):
        raise SiteError(f"{where}: {raw!r} is neither a part between 0 and 1 nor a length before the end")
    _known(raw, TERM_FIELDS, where)
    term = _term(raw, where)
    if term.unit.worked is None:
        units = f"{Unit.WORKING_HOURS} nor {Unit.WORKING_MINUTES}"
        raise SiteError(f"{where}: unit: {term.unit} are neither {units}")
    return term.length * term.unit.worked


def _hours(raw: Mapping[str, Any], path: Path) -> dict[int, Hours]:
    """By tier, 0 for every other."""
    by_tier = raw.get("hours_by_tier", {})
    if not isinstance(by_tier, Mapping) or not by_tier.keys() <= set(TIERS):
        raise SiteError(f"{path}: hours_by_tier: no mapping from tiers 1 to {TOP_TIER}")
    given = {f"hours_by_tier: {tier}": (tier, spans) for tier, spans in by_tier.items()}
    if "hours" in raw:
        given["hours"] = (EVERY_TIER, raw["hours"])
    found = {}
    for field, (tier, spans) in given.items():
        try:
            found[tier] = Hours.parse(spans)
        except (ValueError, TypeError) as error:
            raise SiteError(f"{path}: {field}: {error}") from error
    return found


def _check(profile: Profile, path: Path) -> None:
    """What only shows when all is read: hours that nothing gives, a tier that alone has no clock."""
    for kind in sorted({kind for kind, _ in profile.rows} | {EVERY_KIND}):
        said = {tier: profile.says(kind, tier) for tier in TIERS}
        for tier, row in said.items():
            terms = [term for term in (row.first_contact, row.resolution) if term]
            asks = bool(row.warnings) or any(term.unit.worked for term in terms)
            if asks and not (profile.hours.get(tier) or profile.hours.get(EVERY_TIER)):
                raise SiteError(f"{path}: hours: none for tier {tier}, though {kind} has clocks in them")
        lacking = [tier for tier, row in said.items() if not row.resolution]
        if lacking and len(lacking) < len(said):
            raise SiteError(f"{path}: resolution: {kind} has none on tier {lacking[0]}, though on others")


def _known(raw: Mapping[str, Any], fields: frozenset[str], where: str) -> None:
    if unknown := raw.keys() - fields:
        raise SiteError(f"{where}: {min(map(str, unknown))}: no such field")
