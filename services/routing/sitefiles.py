"""Reads a site's territory, posts, capability table and default clock from its folder."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml

from services.chassis.site import Site, SiteError
from services.chassis.terms import Rule, rules_of
from services.routing.capabilityfile import Known, Profile, read_profiles, read_versions
from services.routing.clockfiles import read_default, read_profile
from services.routing.rules import (
    OWN_UNIT,
    SHIPPED,
    SUPERIOR,
    TOP_TIER,
    FixedPlaces,
    Post,
    Rules,
    Unit,
)

GRACE = timedelta(hours=1)
FILE, DIRECTORY = "file", "directory"
"""Where the ladder looks up units and posts; the directory as soon as the sub-district stands in it."""
LEADERLESS_SHARE = 0.05


def read_rules(site: Site) -> Rules:
    """The rules of a site; what would silence the ladder is an error here, not a surprise later.

    Raises:
        SiteError: a file lacks something, a unit hangs in the air, the top is unstaffed, or a kind has
            nowhere to go.
    """
    territory = _yaml(site.folder / "territory.yaml")
    capability = _yaml(site.folder / "capability.yaml")
    units, posts = _units(site, territory)
    term, rule, per_tier = read_default(site)
    source = territory.get("source", FILE)
    if source not in {FILE, DIRECTORY}:
        raise SiteError(f"{site.folder}/territory.yaml: source {source!r} is neither {FILE} nor {DIRECTORY}")
    top = _check_territory(site, units, posts)
    versions = read_versions(
        capability, Known(site.folder / "capability.yaml", units, top, whole=source == FILE)
    )
    last = versions[-1]
    if last.default is None:
        raise SiteError(f"{site.folder}/capability.yaml: an unknown kind had nowhere to go")
    moves = rules_of(site, SHIPPED)
    _check_approvers(site, moves)
    return Rules(
        places=FixedPlaces(units, posts, top),
        capability=last.rows,
        default_capability=last.default,
        capability_version=last.version,
        default_term=term,
        term_rule=rule,
        zone=site.zone,
        calendar=site.calendar,
        grace=GRACE,
        term_per_tier=per_tier,
        by_directory=source == DIRECTORY,
        leaderless_share=_share(site, territory),
        moves=moves,
        # One without days needs no look at the day of each request.
        versions=versions if len(versions) > 1 or last.since or last.until else (),
        able=last.able,
        listed=last.listed,
        call_backs=_switch(site, "call_backs"),
        clocks=read_profile(site),
    )


def profiles_of(site: Site, rules: Rules) -> dict[str, Profile]:
    """The profiles of emergencies (预案) that a site has, by name; none without a file of them.

    Raises:
        SiteError: one lacks something, is there twice or stale, or changes what no emergency may.
    """
    path = site.folder / "emergencies.yaml"
    if not path.exists():
        return {}
    places = rules.places
    units = places.units if isinstance(places, FixedPlaces) else {}
    return read_profiles(_yaml(path), Known(path, units, places.top, whole=not rules.by_directory))


def _switch(site: Site, name: str) -> bool:
    given = site.profile.get(name, False)
    if not isinstance(given, bool):
        raise SiteError(f"{site.folder}/site.yaml: {name} {given!r} is neither true nor false")
    return given


def _units(site: Site, territory: dict[str, Any]) -> tuple[dict[str, Unit], dict[str, Post]]:
    """Units and posts by the id of the unit."""
    path, given = f"{site.folder}/territory.yaml", territory.get("units")
    if not isinstance(given, list):
        raise SiteError(f"{path}: units: no list")
    units, posts = dict[str, Unit](), dict[str, Post]()
    for number, raw in enumerate(given):
        for name in ("id", "post"):
            if not isinstance(raw, dict) or not isinstance(raw.get(name), str):
                raise SiteError(f"{path}: units[{number}].{name}: lacks it")
        id_, tier = raw["id"], raw.get("tier")
        if not isinstance(tier, int) or not 1 <= tier <= TOP_TIER:
            raise SiteError(f"{path}: units[{number}].tier: {id_}: {tier!r} is no tier from 1 to {TOP_TIER}")
        if id_ in units:
            raise SiteError(f"{path}: units[{number}].id: {id_} is there twice")
        units[id_], posts[id_] = Unit(id_, tier, raw.get("parent")), Post(raw["post"], raw.get("holder"))
    return units, posts


def _share(site: Site, territory: dict[str, Any]) -> float:
    share = territory.get("leaderless_share", LEADERLESS_SHARE)
    if not isinstance(share, int | float) or not 0 <= share <= 1:
        raise SiteError(f"{site.folder}/territory.yaml: leaderless_share {share!r} is not between 0 and 1")
    return float(share)


def _check_territory(site: Site, units: dict[str, Unit], posts: dict[str, Post]) -> str:
    """The id of the one top unit."""
    tops = [unit.id for unit in units.values() if unit.parent is None]
    if len(tops) != 1 or units[tops[0]].tier != TOP_TIER:
        raise SiteError(
            f"{site.folder}/territory.yaml: there must be one unit without parent, of tier {TOP_TIER}"
        )
    for unit in units.values():
        if unit.parent is not None and (unit.parent not in units or units[unit.parent].tier <= unit.tier):
            raise SiteError(
                f"{site.folder}/territory.yaml: {unit.id}: its parent is missing or not of a higher tier"
            )
    if posts[tops[0]].holder_ref is None:
        raise SiteError(f"{site.folder}/territory.yaml: {tops[0]}: the top is unstaffed")
    return tops[0]


def _check_approvers(site: Site, moves: Mapping[str, Rule]) -> None:
    for rule in moves.values():
        if rule.approver not in {"", OWN_UNIT, SUPERIOR}:
            raise SiteError(f"{site.folder}/site.yaml: rules: {rule.id}: no approver {rule.approver!r}")


def _yaml(path: Path) -> dict[str, Any]:
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SiteError(f"{path}: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise SiteError(f"{path}: no YAML") from error
    if not isinstance(raw, dict):
        raise SiteError(f"{path}: no mapping")
    return raw
