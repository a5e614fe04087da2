"""What an order about a person comes to: pure functions `(person, command, context) -> Decision`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from google.protobuf.message import Message

from fengqiao.routing.v1 import force_events_pb2 as ev
from services.chassis.model import Context, Decision, Emit, decided
from services.routing.domain.directory.days import Days
from services.routing.domain.directory.shared import in_order, invalid, refuse_the_past, to_days
from services.routing.domain.forces import folding
from services.routing.domain.forces.person import MEDIATOR, VOLUNTEER, Offer, Person
from services.routing.domain.rosters.planning import check_hours, to_hours
from services.routing.domain.words import CAPACITY, ROLE, value


@dataclass(frozen=True, slots=True)
class GrantRole:
    """A role from a day on."""

    role: str
    capacity: str
    unit_id: str
    on: date
    until: date | None
    decided_by: str


@dataclass(frozen=True, slots=True)
class EndRole:
    """No longer from a day on."""

    role: str
    unit_id: str
    on: date
    decided_by: str


@dataclass(frozen=True, slots=True)
class StateOffer:
    """What they can do, and when."""

    offer: Offer
    on: date


@dataclass(frozen=True, slots=True)
class JoinForce:
    """A member from a day on."""

    force: str
    on: date
    decided_by: str
    until: date | None = None


@dataclass(frozen=True, slots=True)
class LeaveForce:
    """No longer from a day on."""

    force: str
    on: date
    decided_by: str


@dataclass(frozen=True, slots=True)
class RegisterPerson:
    """An entry with the roles from the start, and an offer."""

    person_ref: str
    roles: tuple[GrantRole, ...]
    offer: Offer
    on: date
    registered_by: str


def register(command: RegisterPerson, context: Context, zone: ZoneInfo) -> Decision:
    """An entry begins; each of its roles is decided on as if it were granted next.

    Raises:
        Invalid: a role twice, a mediator without capacity, an offer of somebody who is no volunteer.
    """
    refuse_the_past(command.on, context, zone)
    reference = ev.PersonReference(site_id=context.site, person_ref=command.person_ref)
    events: list[Message] = [ev.PersonRegistered(person=reference, registered_by=command.registered_by)]
    person = folding.evolve_person(None, events[0], context)
    steps: list[Any] = list(command.roles)
    if command.offer != Offer():
        steps.append(StateOffer(command.offer, command.on))
    for step in steps:
        for emit in decide_person(person, step, context, zone).events:
            events.append(emit.message)
            person = folding.evolve_person(person, emit.message, context)
    return Decision(tuple(Emit(each) for each in events))


def decide_person(person: Person, command: Any, context: Context, zone: ZoneInfo) -> Decision:
    """Decide on an order about somebody; days are those of their site's zone.

    Raises:
        Invalid: a field is wrong, or the day has passed.
    """
    refuse_the_past(command.on, context, zone)
    decision: Decision = DECISIONS[type(command)](person, command)
    return decision


def _grant(person: Person, command: GrantRole) -> Decision:
    in_order(command.on, command.until)
    if (command.role == MEDIATOR) != bool(command.capacity):
        raise invalid("capacity", "required" if command.role == MEDIATOR else "only_of_a_mediator")
    days = Days(command.on, command.until)
    same = (each for each in person.roles if (each.name, each.unit_id) == (command.role, command.unit_id))
    if any(each.days.overlaps(days) for each in same):
        raise invalid("role", "has_it_already")
    return decided(
        ev.RoleGranted(
            person=reference(person),
            role=value(ev.PersonRole, command.role, ROLE),
            capacity=value(ev.MediatorCapacity, command.capacity, CAPACITY),
            unit_id=command.unit_id,
            days=to_days(days),
            decided_by=command.decided_by,
        )
    )


def _end(person: Person, command: EndRole) -> Decision:
    if person.role(command.role, command.unit_id, command.on) is None:
        raise invalid("role", "no_such_role")
    return decided(
        ev.RoleEnded(
            person=reference(person),
            role=value(ev.PersonRole, command.role, ROLE),
            unit_id=command.unit_id,
            on=command.on.isoformat(),
            decided_by=command.decided_by,
        )
    )


def _offer(person: Person, command: StateOffer) -> Decision:
    offer = command.offer
    _must_volunteer(person, command.on)
    if offer.hours:
        check_hours("offer.hours", offer.hours)
    return decided(
        ev.OfferStated(
            person=reference(person),
            skills=offer.skills,
            weekdays=offer.weekdays,
            hours=to_hours(offer.hours) if offer.hours else None,
        )
    )


def _join(person: Person, command: JoinForce) -> Decision:
    _must_volunteer(person, command.on)
    in_order(command.on, command.until)
    if person.membership(command.force, command.on):
        raise invalid("force", "member_already")
    return decided(
        ev.ForceJoined(
            person=reference(person),
            force=command.force,
            days=to_days(Days(command.on, command.until)),
            decided_by=command.decided_by,
        )
    )


def _leave(person: Person, command: LeaveForce) -> Decision:
    if person.membership(command.force, command.on) is None:
        raise invalid("force", "no_member")
    return decided(
        ev.ForceLeft(
            person=reference(person),
            force=command.force,
            on=command.on.isoformat(),
            decided_by=command.decided_by,
        )
    )


DECISIONS: Mapping[type[Any], Any] = {
    GrantRole: _grant,
    EndRole: _end,
    StateOffer: _offer,
    JoinForce: _join,
    LeaveForce: _leave,
}
"""Who decides on which order; the table is all there is."""


def reference(person: Person) -> ev.PersonReference:
    """Somebody as their events name them."""
    return ev.PersonReference(site_id=person.site_id, person_ref=person.person_ref)


def _must_volunteer(person: Person, on: date) -> None:
    if not any(each.name == VOLUNTEER and each.days.ends_after(on) for each in person.roles):
        raise invalid("person_ref", "no_volunteer")
