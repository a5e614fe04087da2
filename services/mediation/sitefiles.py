"""Reads a site's rules and its list of mediators."""

from pathlib import Path

import yaml

from services.chassis import terms
from services.chassis.site import Site, SiteError
from services.mediation.rules import Mediator, Rules

HERE = Path(__file__).parent
LIST = "mediators.yaml"


def read_rules(site: Site) -> Rules:
    """The rules of a site. Without a list it has no mediators: disputes there end for want of one.

    Raises:
        SiteError: the list or a rule lacks something, or somebody is listed twice.
    """
    path = site.folder / LIST
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else {"mediators": []}
        mediators = tuple(Mediator(str(row["ref"]), str(row["unit"])) for row in raw["mediators"])
    except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
        raise SiteError(f"{path}: {type(error).__name__}: {error}") from error
    refs = [mediator.ref for mediator in mediators]
    if twice := {ref for ref in refs if refs.count(ref) > 1}:
        raise SiteError(f"{path}: {min(twice)} is listed twice")
    return Rules(site, terms.rules_of(site, terms.read_rules(HERE / "rules.yaml")), mediators)
