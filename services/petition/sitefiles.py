"""Reads a site's rules, territory and content table: the shipped ones with what its folder says otherwise."""

from pathlib import Path
from typing import Any

import yaml

from services.chassis import terms
from services.chassis.site import Site, SiteError
from services.petition.rules import ORGAN_TIER, Rules, Unit

HERE = Path(__file__).parent
OWN_CONTENT = "petition_content.yaml"


def read_rules(site: Site) -> Rules:
    """The rules of a site; what would leave a petition without an organ is an error here.

    Raises:
        SiteError: a file lacks something, the territory has no one top, or no organ.
    """
    territory = _yaml(site.folder / "territory.yaml")
    own = site.folder / OWN_CONTENT
    content = _yaml(own if own.exists() else HERE / "content.yaml")
    try:
        units = {u["id"]: Unit(u["id"], int(u["tier"]), u.get("parent")) for u in territory["units"]}
        codes = {str(row["code"]): str(row["name"]) for row in content["codes"]}
        organs = frozenset(map(str, site.profile.get("organs", ())))
    except (KeyError, TypeError, ValueError) as error:
        raise SiteError(f"{site.folder}: {type(error).__name__}: {error}") from error
    tops = [unit.id for unit in units.values() if unit.parent is None]
    if len(tops) != 1 or units[tops[0]].tier < ORGAN_TIER:
        raise SiteError(
            f"{site.folder}/territory.yaml: there must be one unit without parent, of tier {ORGAN_TIER}"
        )
    if inside := organs & units.keys():
        raise SiteError(f"{site.folder}/site.yaml: organs: {min(inside)} is a unit of the territory")
    return Rules(
        site=site,
        rules=terms.rules_of(site, terms.read_rules(HERE / "rules.yaml")),
        units=units,
        top=tops[0],
        organs=organs,
        content=codes,
    )


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
