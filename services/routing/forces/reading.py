"""What an import tells of forces and persons, as orders."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

from fengqiao.routing.v1 import force_events_pb2 as ev
from fengqiao.routing.v1 import force_service_pb2 as rpc
from fengqiao.routing.v1 import person_service_pb2 as persons
from fengqiao.routing.v1.directory_events_pb2 import Days
from services.chassis.errors import Invalid, Violation
from services.routing.directory.lookups import day_of
from services.routing.domain.directory.importing import day_faults
from services.routing.domain.forces.force import EstablishForce
from services.routing.domain.forces.importing import TakeOver
from services.routing.domain.forces.registering import GrantRole, JoinForce
from services.routing.domain.words import CAPACITY, FORCE, ROLE, word
from services.routing.forces.persons import to_offer


def to_establish(told: rpc.Force, by: str) -> EstablishForce:
    """A force.

    Raises:
        Invalid: there is no such day, or no such kind.
    """
    wrong = [*_days(told.days, "")]
    if told.kind not in ev.ForceKind.values()[1:]:
        wrong.append(Violation("kind", "required"))
    if wrong:
        raise Invalid(wrong)
    since, until = _read(told.days)
    kind = word(ev.ForceKind, told.kind, FORCE)
    return EstablishForce(
        told.code, kind, told.unit_id, tuple(told.skills), told.speaker_ref, since, by, until
    )


def to_take_over(told: persons.Person, by: str) -> TakeOver:
    """A person.

    Raises:
        Invalid: there is no such day, role or capacity.
    """
    wrong = list[Violation]()
    for n, role in enumerate(told.roles):
        wrong += _days(role.days, f"roles[{n}].")
        if role.role not in ev.PersonRole.values()[1:]:
            wrong.append(Violation(f"roles[{n}].role", "required"))
        if role.capacity not in ev.MediatorCapacity.values():
            wrong.append(Violation(f"roles[{n}].capacity", "no_such_capacity"))
    for n, each in enumerate(told.memberships):
        wrong += _days(each.days, f"memberships[{n}].")
    if wrong:
        raise Invalid(wrong)
    return TakeOver(
        told.person_ref,
        tuple(_grant(role, by) for role in told.roles),
        to_offer(told.offer),
        tuple(_join(each, by) for each in told.memberships),
        by,
    )


def _grant(role: persons.GrantedRole, by: str) -> GrantRole:
    since, until = _read(role.days)
    capacity = word(ev.MediatorCapacity, role.capacity, CAPACITY)
    return GrantRole(word(ev.PersonRole, role.role, ROLE), capacity, role.unit_id, since, until, by)


def _join(each: persons.Membership, by: str) -> JoinForce:
    since, until = _read(each.days)
    return JoinForce(each.force, since, by, until)


def _days(days: Days, at: str) -> Iterator[Violation]:
    yield from (replace(each, field=f"{at}{each.field}") for each in _faults(days))


def _faults(days: Days) -> Iterator[Violation]:
    yield from day_faults("since", days.since, required=True)
    yield from day_faults("until", days.until)


def _read(days: Days) -> tuple[date, date | None]:
    return date.fromisoformat(days.since), day_of("until", days.until)
