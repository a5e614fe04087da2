"""Persons, forces and call-outs as clients see them."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date

from fengqiao.routing.v1 import force_events_pb2 as ev
from fengqiao.routing.v1 import force_service_pb2 as rpc
from fengqiao.routing.v1 import person_service_pb2 as persons
from services.chassis.errors import NotFound
from services.chassis.protobuf import timestamp
from services.chassis.record import Record
from services.routing.domain.directory.shared import to_days
from services.routing.domain.forces import callout as c
from services.routing.domain.forces.callout import CallOut, Volunteer
from services.routing.domain.forces.force import Force
from services.routing.domain.forces.person import Offer, Person
from services.routing.domain.rosters.planning import to_hours
from services.routing.domain.words import CAPACITY, FORCE, ROLE, value

STATUSES: Mapping[str, rpc.CallOutStatus.ValueType] = {
    status: rpc.CallOutStatus.Value(f"CALL_OUT_STATUS_{status.upper()}") for status in c.STATUSES
}
PARTS: Mapping[str, rpc.VolunteerStatus.ValueType] = {
    status: rpc.VolunteerStatus.Value(f"VOLUNTEER_STATUS_{status.upper()}") for status in c.VOLUNTEER_STATUSES
}


def person_of(record: Record[Person]) -> Person:
    """A stored entry of the register.

    Raises:
        NotFound: it has not begun.
    """
    if record.state is None:
        raise NotFound("no such person")
    return record.state


def to_person(record: Record[Person], day: date, posts: Iterable[persons.HeldPost] = ()) -> persons.Person:
    """Somebody with the roles and memberships of a day, and those to come."""
    person = person_of(record)
    roles = tuple(role for role in person.roles if role.days.ends_after(day))
    memberships = tuple(each for each in person.memberships if each.days.ends_after(day))
    seen = to_told(replace(person, roles=roles, memberships=memberships))
    seen.posts.extend(posts)
    seen.revision = record.revision
    return seen


def to_told(person: Person) -> persons.Person:
    """All of somebody, as an import takes it."""
    return persons.Person(
        person_ref=person.person_ref,
        roles=[
            persons.GrantedRole(
                role=value(ev.PersonRole, role.name, ROLE),
                capacity=value(ev.MediatorCapacity, role.capacity, CAPACITY),
                unit_id=role.unit_id,
                days=to_days(role.days),
            )
            for role in person.roles
        ],
        offer=_offer(person.offer),
        memberships=[
            persons.Membership(force=each.force, days=to_days(each.days)) for each in person.memberships
        ],
    )


def _offer(offer: Offer) -> persons.Offer | None:
    if offer == Offer():
        return None
    hours = to_hours(offer.hours) if offer.hours else None
    return persons.Offer(skills=offer.skills, weekdays=offer.weekdays, hours=hours)


def force_of(record: Record[Force]) -> Force:
    """A stored force.

    Raises:
        NotFound: it has not begun.
    """
    if record.state is None:
        raise NotFound("no such force")
    return record.state


def to_force(record: Record[Force]) -> rpc.Force:
    """A team or an association."""
    force = force_of(record)
    return rpc.Force(
        code=force.code,
        kind=value(ev.ForceKind, force.kind, FORCE),
        unit_id=force.unit_id,
        skills=force.skills,
        speaker_ref=force.speaker_ref,
        days=to_days(force.days),
        revision=record.revision,
    )


def call_out_of(record: Record[CallOut]) -> CallOut:
    """A stored call-out.

    Raises:
        NotFound: it has not begun.
    """
    if record.state is None:
        raise NotFound("no such call-out")
    return record.state


def to_call_out(record: Record[CallOut], only: str = "") -> rpc.CallOut:
    """A call-out; `only`: as one of its volunteers sees it, the minimum of a case."""
    there = call_out_of(record)
    seen = rpc.CallOut(
        call_out_id=record.id,
        status=STATUSES[there.status],
        unit_id=there.unit_id,
        skill=there.skill,
        begins_at=timestamp(there.begins.due_at),
        ends_at=timestamp(there.ends.due_at),
        volunteers=[_part(each) for each in there.volunteers if only in {"", each.person_ref}],
    )
    if only:
        return seen
    seen.MergeFrom(
        rpc.CallOut(
            case_id=there.case_id,
            request_no=there.request_no,
            force=there.force,
            needed=there.needed,
            revision=record.revision,
        )
    )
    return seen


def _part(volunteer: Volunteer) -> rpc.CalledVolunteer:
    came, went = volunteer.checked_in_at, volunteer.checked_out_at
    return rpc.CalledVolunteer(
        person_ref=volunteer.person_ref,
        status=PARTS[volunteer.status],
        reasons=[ev.Reason(code=code, value=what) for code, what in volunteer.reasons],
        checked_in_at=timestamp(came) if came else None,
        checked_out_at=timestamp(went) if went else None,
        minutes=volunteer.minutes,
        by_end=volunteer.by_end,
    )
