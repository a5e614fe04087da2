"""Persons and forces as their events leave them."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from google.protobuf.message import Message

from fengqiao.routing.v1 import force_events_pb2 as ev
from services.chassis.model import Context
from services.routing.domain.directory.shared import from_days
from services.routing.domain.forces.force import Force
from services.routing.domain.forces.person import Membership, Offer, Person, Role
from services.routing.domain.rosters.department import Hours
from services.routing.domain.words import CAPACITY, FORCE, ROLE, word


def evolve_person(person: Person | None, event: Message, _context: Context) -> Person:
    """Somebody after one of their events."""
    if isinstance(event, ev.PersonRegistered):
        return Person(event.person.person_ref, event.person.site_id)
    if person is None:
        raise ValueError(f"{type(event).__name__} before PersonRegistered")
    return PERSONS[type(event)](person, event).found()


def evolve_force(force: Force | None, event: Message, _context: Context) -> Force:
    """A force after one of its events."""
    if isinstance(event, ev.ForceEstablished):
        return Force(
            code=event.force.code,
            site_id=event.force.site_id,
            kind=word(ev.ForceKind, event.kind, FORCE),
            unit_id=event.unit_id,
            skills=tuple(event.skills),
            speaker_ref=event.speaker_ref,
            days=from_days(event.days),
        )
    if force is None:
        raise ValueError(f"{type(event).__name__} before ForceEstablished")
    return FORCES[type(event)](force, event)


def _granted(person: Person, event: ev.RoleGranted) -> Person:
    role = Role(
        word(ev.PersonRole, event.role, ROLE),
        word(ev.MediatorCapacity, event.capacity, CAPACITY),
        event.unit_id,
        from_days(event.days),
    )
    return replace(person, roles=(*person.roles, role))


def _role_ended(person: Person, event: ev.RoleEnded) -> Person:
    on, ended = date.fromisoformat(event.on), (word(ev.PersonRole, event.role, ROLE), event.unit_id)
    # What was to begin later ends as well.
    roles = (
        replace(each, days=each.days.ended(on)) if (each.name, each.unit_id) == ended else each
        for each in person.roles
    )
    return replace(person, roles=tuple(roles))


def _offered(person: Person, event: ev.OfferStated) -> Person:
    hours = Hours(event.hours.opens, event.hours.closes) if event.HasField("hours") else None
    return replace(person, offer=Offer(tuple(event.skills), tuple(event.weekdays), hours))


def _joined(person: Person, event: ev.ForceJoined) -> Person:
    return replace(person, memberships=(*person.memberships, Membership(event.force, from_days(event.days))))


def _left(person: Person, event: ev.ForceLeft) -> Person:
    on = date.fromisoformat(event.on)
    mine = (
        replace(each, days=each.days.ended(on)) if each.force == event.force else each
        for each in person.memberships
    )
    return replace(person, memberships=tuple(mine))


PERSONS: Mapping[type[Message], Callable[[Person, Any], Person]] = {
    ev.RoleGranted: _granted,
    ev.RoleEnded: _role_ended,
    ev.OfferStated: _offered,
    ev.ForceJoined: _joined,
    ev.ForceLeft: _left,
}

FORCES: Mapping[type[Message], Callable[[Force, Any], Force]] = {
    ev.SpeakerNamed: lambda force, event: replace(force, speaker_ref=event.speaker_ref),
    ev.ForceDisbanded: lambda force, event: replace(
        force, days=force.days.ended(date.fromisoformat(event.on))
    ),
}
