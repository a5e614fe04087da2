"""What taking over forces and persons comes to: each whole or not at all, and all that is wrong with it.

An import may tell of days that are over, as nothing was known of them before; the rules are those of orders.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date

from google.protobuf.message import Message

from fengqiao.routing.v1 import force_events_pb2 as ev
from services.chassis.errors import Invalid, Violation
from services.chassis.model import Context, Decision, decided
from services.routing.domain.directory.shared import in_order
from services.routing.domain.forces import folding
from services.routing.domain.forces.force import EstablishForce, Force, established
from services.routing.domain.forces.person import VOLUNTEER, Offer, Person
from services.routing.domain.forces.registering import DECISIONS, GrantRole, JoinForce, StateOffer

CODE = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
SKILL = re.compile(r"[a-z][a-z0-9_]{0,31}")
WEEKDAYS = range(1, 8)
LONGEST_REFERENCE = 128
MOST = 50
"""Skills, roles or memberships of one person."""


@dataclass(frozen=True, slots=True)
class TakeOver:
    """An entry of the register as another register has it."""

    person_ref: str
    roles: tuple[GrantRole, ...]
    offer: Offer
    joins: tuple[JoinForce, ...]
    taken_by: str


def take_over_force(command: EstablishForce, context: Context) -> Decision:
    """A force begins.

    Raises:
        Invalid: all that is wrong, each with its field.
    """
    wrong = [*_force(command)]
    if wrong:
        raise Invalid(wrong)
    in_order(command.on, command.until)
    return decided(established(command, context))


def take_over_person(command: TakeOver, context: Context) -> Decision:
    """An entry begins with all roles, an offer and memberships.

    Raises:
        Invalid: all that is wrong, each with its field.
    """
    wrong = [*_reference("person_ref", command.person_ref), *_offer(command.offer)]
    wrong += [
        Violation(name, "too_many")
        for name, some in (("roles", command.roles), ("memberships", command.joins))
        if len(some) > MOST
    ]
    if not command.roles:
        wrong.append(Violation("roles", "required"))
    if wrong:
        raise Invalid(wrong)
    steps: list[tuple[str, GrantRole | StateOffer | JoinForce]] = [
        (f"roles[{n}].", each) for n, each in enumerate(command.roles)
    ]
    if command.offer != Offer():
        steps.append(("", StateOffer(command.offer, date.min)))
    steps += [(f"memberships[{n}].", each) for n, each in enumerate(command.joins)]
    return _walked(command, steps, context)


def _walked(
    command: TakeOver, steps: list[tuple[str, GrantRole | StateOffer | JoinForce]], context: Context
) -> Decision:
    """One step after the other, each as it is decided on when somebody orders it."""
    reference = ev.PersonReference(site_id=context.site, person_ref=command.person_ref)
    events: list[Message] = [ev.PersonRegistered(person=reference, registered_by=command.taken_by)]
    person = folding.evolve_person(None, events[0], context)
    wrong = list[Violation]()
    for at, step in steps:
        try:
            [emit] = DECISIONS[type(step)](person, step).events
        except Invalid as error:
            wrong += [replace(each, field=f"{at}{each.field}") for each in error.violations]
            continue
        events.append(emit.message)
        person = folding.evolve_person(person, emit.message, context)
    if wrong:
        raise Invalid(wrong)
    return decided(*events)


def person_of(decision: Decision, context: Context) -> Person:
    """The entry that it makes."""
    person: Person | None = None
    for emit in decision.events:
        person = folding.evolve_person(person, emit.message, context)
    if person is None:
        raise ValueError("no event")
    return person


def force_of(decision: Decision, context: Context) -> Force:
    """The force that it makes."""
    [emit] = decision.events
    return folding.evolve_force(None, emit.message, context)


def agrees(told: Person, there: Person, day: date) -> bool:
    """Whether all that an import tells holds, and all that holds on a day is told.

    What somebody offers and belongs to is told with their being a volunteer, and nothing of it otherwise.
    """
    holding = {role for role in there.roles if day in role.days}
    if not holding <= {*told.roles} <= {*there.roles} or not {*told.memberships} <= {*there.memberships}:
        return False
    if not there.volunteers_at(day):
        return told.offer in {Offer(), there.offer}
    belonging = {each for each in there.memberships if day in each.days}
    return told.offer == there.offer and belonging <= {*told.memberships}


def told_on(person: Person, day: date) -> Person:
    """Somebody as an export tells them: what holds on a day, with all days on which it does."""
    roles = tuple(person.roles_on(day))
    if not any(role.name == VOLUNTEER for role in roles):
        return replace(person, roles=roles, offer=Offer(), memberships=())
    return replace(
        person, roles=roles, memberships=tuple(each for each in person.memberships if day in each.days)
    )


def _force(command: EstablishForce) -> Iterator[Violation]:
    if not CODE.fullmatch(command.code):
        yield Violation("code", "no_code")
    if not command.kind:
        yield Violation("kind", "required")
    yield from _reference("speaker_ref", command.speaker_ref)
    yield from _skills("skills", command.skills)


def _offer(offer: Offer) -> Iterator[Violation]:
    yield from _skills("offer.skills", offer.skills)
    days = offer.weekdays
    if len(set(days)) < len(days) or not all(day in WEEKDAYS for day in days):
        yield Violation("offer.weekdays", "no_weekdays")


def _skills(name: str, skills: tuple[str, ...]) -> Iterator[Violation]:
    if not all(SKILL.fullmatch(skill) for skill in skills):
        yield Violation(name, "no_skill")
    elif len(set(skills)) < len(skills):
        yield Violation(name, "named_twice")
    elif len(skills) > MOST:
        yield Violation(name, "too_many")


def _reference(name: str, ref: str) -> Iterator[Violation]:
    if not 0 < len(ref) <= LONGEST_REFERENCE:
        yield Violation(name, "too_long" if ref else "required")
