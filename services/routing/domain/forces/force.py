"""A team or an association (专业队伍、协会): what it is, and what is decided about it.

Who belongs to it stands with each person; a team of thousands is one small document all the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from fengqiao.routing.v1 import force_events_pb2 as ev
from services.chassis.model import Context, Decision, Transition, decided, transition
from services.routing.domain.directory.days import Days
from services.routing.domain.directory.shared import invalid, refuse_the_past, to_days
from services.routing.domain.words import FORCE, value

EVENTS = "fengqiao.routing.forces"

TEAM, ASSOCIATION = "team", "association"
STANDING, DISBANDED = "standing", "disbanded"


@dataclass(frozen=True, slots=True)
class Force:
    """A team, whose members are called out, or an association, whose speaker is asked for it."""

    code: str
    site_id: str
    kind: str
    unit_id: str
    skills: tuple[str, ...]
    speaker_ref: str
    days: Days

    def status_on(self, day: date) -> str:
        """`standing` or `disbanded`."""
        return STANDING if day in self.days else DISBANDED


@dataclass(frozen=True, slots=True)
class EstablishForce:
    """It is there from a day on."""

    code: str
    kind: str
    unit_id: str
    skills: tuple[str, ...]
    speaker_ref: str
    on: date
    decided_by: str
    until: date | None = None


@dataclass(frozen=True, slots=True)
class NameSpeaker:
    """Another leads it or speaks for it."""

    speaker_ref: str
    on: date
    decided_by: str


@dataclass(frozen=True, slots=True)
class DisbandForce:
    """No longer from a day on."""

    on: date
    decided_by: str


def establish(command: EstablishForce, context: Context, zone: ZoneInfo) -> Decision:
    """A force begins.

    Raises:
        Invalid: a team that can do nothing, or a day that is over.
    """
    refuse_the_past(command.on, context, zone)
    return decided(established(command, context))


def established(command: EstablishForce, context: Context) -> ev.ForceEstablished:
    """A force begins, whenever that was.

    Raises:
        Invalid: a team that can do nothing.
    """
    if command.kind == TEAM and not command.skills:
        raise invalid("skills", "required")
    return ev.ForceEstablished(
        force=ev.ForceReference(site_id=context.site, code=command.code),
        kind=value(ev.ForceKind, command.kind, FORCE),
        unit_id=command.unit_id,
        skills=command.skills,
        speaker_ref=command.speaker_ref,
        days=to_days(Days(command.on, command.until)),
        decided_by=command.decided_by,
    )


def _name_speaker(force: Force, command: NameSpeaker, _context: Context) -> Decision:
    if command.speaker_ref == force.speaker_ref:
        raise invalid("speaker_ref", "speaks_already")
    return decided(
        ev.SpeakerNamed(
            force=reference(force), speaker_ref=command.speaker_ref, decided_by=command.decided_by
        )
    )


def _disband(force: Force, command: DisbandForce, _context: Context) -> Decision:
    return decided(
        ev.ForceDisbanded(force=reference(force), on=command.on.isoformat(), decided_by=command.decided_by)
    )


FORCES: Mapping[tuple[str, type[Any]], Transition[Force, Any]] = {
    (STANDING, NameSpeaker): Transition(_name_speaker, (STANDING,)),
    (STANDING, DisbandForce): Transition(_disband, (DISBANDED,)),
}
"""What is lawful for a force."""


def decide(force: Force, command: Any, context: Context, zone: ZoneInfo) -> Decision:
    """Decide on an order about a force.

    Raises:
        Invalid: a field is wrong, or the day has passed.
        IllegalTransition: it is disbanded on that day.
    """
    refuse_the_past(command.on, context, zone)
    return transition(FORCES, force.status_on(command.on), force, command, context)


def reference(force: Force) -> ev.ForceReference:
    """The force as its events name it."""
    return ev.ForceReference(site_id=force.site_id, code=force.code)
