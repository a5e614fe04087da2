"""Texts from templates and codes: a file per template and locale, subject first, a blank line, then the text.

Nothing personal goes in: number, units, times, codes. Times are shown in the site's zone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import FileSystemLoader, StrictUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from services.chassis.site import Site
from services.notify.domain import Notice
from services.notify.owed import TEMPLATES

LOCALES = ("en", "zh-CN")
SUFFIX = ".txt"


class RenderingFailed(Exception):
    """A template is missing or broken; the message names it."""


@dataclass(frozen=True, slots=True)
class Text:
    """A notice as people read it."""

    subject: str
    body: str


class Templates:
    """The templates of every locale."""

    def __init__(self, folder: Path) -> None:
        """`folder` has a folder per locale."""
        self._environment = ImmutableSandboxedEnvironment(
            loader=FileSystemLoader(folder),
            undefined=StrictUndefined,
            autoescape=False,  # plain text
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def faults(self) -> list[str]:
        """What is missing or can't be read, as `<locale>/<template>: why`; empty when all is well."""
        found = []
        for locale in LOCALES:
            for template in TEMPLATES:
                try:
                    self._environment.get_template(f"{locale}/{template}{SUFFIX}")
                except TemplateError as error:
                    found.append(f"{locale}/{template}: {type(error).__name__}")
        return found

    def render(self, notice: Notice, template: str, locale: str, site: Site) -> Text:
        """A notice's text for one party, in their language or else the site's.

        Raises:
            RenderingFailed: the template is missing, or asks for what the notice doesn't have.
        """
        chosen = next(name for name in (locale, site.locale, LOCALES[0]) if name in LOCALES)
        name = f"{chosen}/{template}{SUFFIX}"
        try:
            text = self._environment.get_template(name).render(_words(notice, chosen, site.zone))
        except TemplateError as error:
            raise RenderingFailed(f"{name}: {type(error).__name__}") from error
        subject, blank, body = text.strip().partition("\n\n")
        if not blank:
            raise RenderingFailed(f"{name}: no text below the subject")
        return Text(" ".join(subject.split()), f"{body.strip()}\n")


def _words(notice: Notice, locale: str, zone: ZoneInfo) -> Mapping[str, Any]:
    facts = {
        name: local_time(value, locale, zone) if isinstance(value, datetime) else value
        for name, value in notice.facts.items()
    }
    return {**facts, "at": local_time(notice.at, locale, zone)}


def local_time(at: datetime, locale: str, zone: ZoneInfo) -> str:
    """A time as people write it, to the minute."""
    there = at.astimezone(zone)
    if locale == "zh-CN":
        return f"{there.year}年{there.month}月{there.day}日{there:%H:%M}"
    return f"{there.day} {there:%B %Y}, {there:%H:%M}"
