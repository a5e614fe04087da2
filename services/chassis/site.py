"""Sites: each has a zone, a calendar, a rule profile, and a business clock (rule 15)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from services.chassis.calendar import Calendar, calendar_from


@dataclass(frozen=True, slots=True)
class Site:
    """One sub-district, or the city of the demo.

    `replay`: its clock is moved by an operator's call rather than by time. `profile` holds what the services
    read of `site.yaml` for themselves; `folder` is where its data files are.
    """

    id: str
    zone: ZoneInfo
    calendar: Calendar
    replay: bool
    locale: str
    folder: Path
    profile: Mapping[str, Any] = field(default_factory=dict)


class SiteError(Exception):
    """A site that can't be used, and why."""


def load_site(folder: Path, *, production: bool = False) -> Site:
    """Read a site's folder.

    Raises:
        SiteError: the file lacks something, or asks for a replay clock in production.
    """
    path = folder / "site.yaml"
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
        replay = raw.get("clock", "wall") == "replay"
        if replay and production:
            raise SiteError(f"{path}: a replay clock is impossible in production")
        return Site(
            id=raw["id"],
            zone=ZoneInfo(raw["zone"]),
            calendar=calendar_from(raw["calendar"], folder),
            replay=replay,
            locale=raw.get("locale", "en"),
            folder=folder,
            profile=raw,
        )
    except OSError as error:
        raise SiteError(f"{path}: {error.strerror}") from error
    except KeyError as error:
        raise SiteError(f"{path}: lacks {error}") from error
    except ValueError as error:
        raise SiteError(f"{path}: {error}") from error


def load_sites(folder: Path, *, production: bool = False) -> dict[str, Site]:
    """Every site in a folder of site folders, by id.

    Raises:
        SiteError: there is none, or one can't be used.
    """
    found = [load_site(path.parent, production=production) for path in sorted(folder.glob("*/site.yaml"))]
    if not found:
        raise SiteError(f"{folder}: no site in it (a site is a folder with a site.yaml)")
    return {site.id: site for site in found}
