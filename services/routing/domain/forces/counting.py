"""How many people there are, by what they are, and in all: nobody is counted twice (domain S7)."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from services.routing.domain.forces.person import MEDIATOR, Person, Role

LEADER = "leader"


@dataclass(frozen=True, slots=True)
class Counts:
    """People in all, those in several roles, and how many are what; a mediator counts by capacity."""

    persons: int
    in_several_roles: int
    by_role: Mapping[str, int]


def count(people: Iterable[Person], leaders: Collection[str], within: str, day: date) -> Counts:
    """Those with a role at a unit or below it on a day, and the leaders there, each once for what they are.

    Somebody who is the same at two units is that once.
    """
    are: dict[str, set[str]] = {ref: {LEADER} for ref in leaders}
    for person in people:
        mine = {_what(role) for role in person.roles_on(day) if _is_within(role.unit_id, within)}
        if mine:
            are.setdefault(person.person_ref, set()).update(mine)
    by_role = Counter(what for each in are.values() for what in each)
    several = sum(1 for each in are.values() if len({what.partition(".")[0] for what in each}) > 1)
    return Counts(len(are), several, dict(by_role))


def _what(role: Role) -> str:
    return f"{MEDIATOR}.{role.capacity}" if role.name == MEDIATOR else role.name


def _is_within(unit_id: str, within: str) -> bool:
    return unit_id == within or unit_id.startswith(f"{within}/")
