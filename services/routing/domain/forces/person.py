"""Somebody in the register, on all days: roles, what they offer, which forces they belong to.

One person, many roles (党员、志愿者、邻长身份互有重叠): whatever is counted, is counted by person.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date

from services.routing.domain.directory.days import Days
from services.routing.domain.directory.unit import parent_of
from services.routing.domain.rosters.department import Hours

EVENTS = "fengqiao.routing.persons"

VOLUNTEER, PARTY_MEMBER, MEDIATOR = "volunteer", "party_member", "mediator"
PROFESSIONAL, PART_TIME, MASS = "professional", "part_time", "mass"


@dataclass(frozen=True, slots=True)
class Role:
    """What somebody may do at a unit and below it; a mediator in one capacity (专、兼、群)."""

    name: str
    capacity: str
    unit_id: str
    days: Days


@dataclass(frozen=True, slots=True)
class Membership:
    """Somebody belongs to a force."""

    force: str
    days: Days


@dataclass(frozen=True, slots=True)
class Offer:
    """What a volunteer can do, and when: without weekdays on any, without hours at any."""

    skills: tuple[str, ...] = ()
    weekdays: tuple[int, ...] = ()
    hours: Hours | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """One entry of the register.

    `places` and `offers` are what the store finds them by: each unit that a role is at or below, and each
    skill at each of the volunteer's units and those above. They follow from the rest.
    """

    person_ref: str
    site_id: str
    roles: tuple[Role, ...] = ()
    memberships: tuple[Membership, ...] = ()
    offer: Offer = Offer()
    places: tuple[str, ...] = ()
    offers: tuple[str, ...] = ()
    forces: tuple[str, ...] = ()

    def roles_on(self, day: date) -> Iterator[Role]:
        """Those that hold on a day."""
        return (role for role in self.roles if day in role.days)

    def role(self, name: str, unit_id: str, day: date) -> Role | None:
        """A role at a unit that holds on a day or later."""
        mine = (each for each in self.roles if (each.name, each.unit_id) == (name, unit_id))
        return next((each for each in mine if each.days.ends_after(day)), None)

    def volunteers_at(self, day: date) -> list[str]:
        """The units that they are a volunteer of on a day."""
        return [role.unit_id for role in self.roles_on(day) if role.name == VOLUNTEER]

    def belongs(self, force: str, day: date) -> bool:
        """Whether they are a member of a force on a day."""
        return any(each.force == force and day in each.days for each in self.memberships)

    def membership(self, force: str, day: date) -> Membership | None:
        """A membership that holds on a day or later."""
        mine = (each for each in self.memberships if each.force == force)
        return next((each for each in mine if each.days.ends_after(day)), None)

    def found(self) -> "Person":
        """The same, found by what it is now."""
        at = [role.unit_id for role in self.roles if role.name == VOLUNTEER]
        return replace(
            self,
            places=_keys(self.site_id, (above for role in self.roles for above in chain(role.unit_id))),
            offers=_keys(
                self.site_id,
                (f"{skill}@{above}" for skill in self.offer.skills for unit in at for above in chain(unit)),
            ),
            forces=_keys(self.site_id, (each.force for each in self.memberships)),
        )


def key(site_id: str, what: str) -> str:
    """What a store finds by, of one site."""
    return f"{site_id}|{what}"


def chain(unit_id: str) -> list[str]:
    """A unit and those above it, itself in front."""
    return [unit_id, *chain(parent_of(unit_id))] if unit_id else []


def _keys(site_id: str, things: Iterator[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(key(site_id, each) for each in things))
