"""Forces and persons as rows of sheets: put together, and told as rows again."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from fengqiao.routing.v1 import force_service_pb2 as rpc
from fengqiao.routing.v1 import person_service_pb2 as persons
from fengqiao.routing.v1.directory_events_pb2 import Days
from fengqiao.routing.v1.force_events_pb2 import ForceKind, MediatorCapacity, PersonRole
from services.cli.client import text
from services.cli.sheets.rosters import hours_of, times, weekdays_of
from services.cli.sheets.table import BODIES, CAPACITIES, FORCES, PERSONS, ROLES, Row, Wrong

KIND, ROLE, CAPACITY = "FORCE_KIND_", "PERSON_ROLE_", "MEDIATOR_CAPACITY_"
VOLUNTEER = PersonRole.PERSON_ROLE_VOLUNTEER
FORCE_FIELDS: Mapping[str, str] = {"code": "force", "unit_id": "unit", "speaker_ref": "speaker"}
PERSON_FIELDS: Mapping[str, str] = {"person_ref": "person", "unit_id": "unit"}


@dataclass(slots=True)
class Body:
    """A team or an association with its row."""

    row: int
    force: rpc.Force

    def place(self, name: str) -> tuple[str, int, str]:
        """Sheet, row and column of a field that was refused."""
        return FORCES, self.row, FORCE_FIELDS.get(name, name)


@dataclass(slots=True)
class Entry:
    """A person with all their rows, each of one role."""

    person: persons.Person
    roles: list[int] = field(default_factory=list)
    """The row of each role."""
    members: list[int] = field(default_factory=list)
    """The row of each membership."""
    offered: int = 0
    """The row that says what they offer."""

    def place(self, name: str) -> tuple[str, int, str]:
        """Sheet, row and column of a field that was refused, as `roles[0].unit_id`."""
        head, _, rest = name.partition("[")
        number, _, column = rest.partition("].")
        if head == "roles" and column:
            return PERSONS, self.roles[int(number)], PERSON_FIELDS.get(column, column)
        if head == "memberships" and column:
            return PERSONS, self.members[int(number)], "member_of"
        if name.startswith("offer."):
            return PERSONS, self.offered, name.split(".")[1]
        return PERSONS, self.roles[0], PERSON_FIELDS.get(name, name)


def force(row: Row) -> Body | Wrong:
    """What a row says of a force."""
    kind = BODIES.get(row.get("kind"), row.get("kind"))
    if kind not in BODIES.values():
        return Wrong(FORCES, row.number, "kind", "unknown_kind")
    if not row.get("speaker").isascii():
        return Wrong(FORCES, row.number, "speaker", "no_reference")
    told = rpc.Force(
        code=row.get("force"),
        kind=ForceKind.Value(f"{KIND}{kind.upper()}"),
        unit_id=row.get("unit"),
        skills=row.get("skills").split(),
        speaker_ref=row.get("speaker"),
        days=_days(row),
    )
    return Body(row.number, told)


def role(row: Row, to: Entry) -> Wrong | None:
    """Put a row to whom it is about; what is wrong with it otherwise."""
    being = ROLES.get(row.get("role"), row.get("role"))
    if being not in ROLES.values():
        return Wrong(PERSONS, row.number, "role", "unknown_role")
    capacity = CAPACITIES.get(row.get("capacity"), row.get("capacity"))
    if capacity and capacity not in CAPACITIES.values():
        return Wrong(PERSONS, row.number, "capacity", "unknown_capacity")
    offer = _offer(row)
    if isinstance(offer, Wrong):
        return offer
    if offer != persons.Offer() and to.offered and offer != to.person.offer:
        return Wrong(PERSONS, row.number, "skills", f"differs:row {to.offered}")
    to.person.roles.add(
        role=PersonRole.Value(f"{ROLE}{being.upper()}"),
        capacity=MediatorCapacity.Value(f"{CAPACITY}{capacity.upper() or 'UNSPECIFIED'}"),
        unit_id=row.get("unit"),
        days=_days(row),
    )
    to.roles.append(row.number)
    if offer != persons.Offer():
        to.person.offer.CopyFrom(offer)
        to.offered = row.number
    for each in row.get("member_of").split():
        to.person.memberships.append(_membership(each, row))
        to.members.append(row.number)
    return None


def _offer(row: Row) -> persons.Offer | Wrong:
    weekdays, hours = weekdays_of(row), hours_of(row)
    if isinstance(hours, Wrong):
        return hours
    if isinstance(weekdays, Wrong):
        return weekdays
    return persons.Offer(skills=row.get("skills").split(), weekdays=weekdays, hours=hours)


def _membership(told: str, row: Row) -> persons.Membership:
    """As yellow-hats, on the row's days, or as yellow-hats@2025-03-01/2026-03-01."""
    code, at, days = told.partition("@")
    since, _, until = days.partition("/")
    return persons.Membership(force=code, days=Days(since=since, until=until) if at else _days(row))


def _days(row: Row) -> Days:
    return Days(since=row.get("since"), until=row.get("until"))


def force_rows(told: rpc.Force, day: str) -> Iterator[Row]:
    """A force, if it is there on a day."""
    if told.days.since <= day and (not told.days.until or day < told.days.until):
        cells = {
            "force": told.code,
            "kind": text.word(ForceKind, told.kind, KIND),
            "unit": told.unit_id,
            "skills": " ".join(told.skills),
            "speaker": told.speaker_ref,
            "since": told.days.since,
            "until": told.days.until,
            "as_of": day,
        }
        yield Row(FORCES, 0, cells)


def person_rows(told: persons.Person, day: str) -> Iterator[Row]:
    """Somebody, a row for each role; what they offer and belong to stands with the first as a volunteer."""
    first = next((each for each in told.roles if each.role == VOLUNTEER), None)
    for each in told.roles:
        cells = {
            "person": told.person_ref,
            "role": text.word(PersonRole, each.role, ROLE),
            "capacity": text.word(MediatorCapacity, each.capacity, CAPACITY) if each.capacity else "",
            "unit": each.unit_id,
            "since": each.days.since,
            "until": each.days.until,
            "as_of": day,
        }
        if each is first:
            cells["skills"] = " ".join(told.offer.skills)
            cells["weekdays"] = " ".join(map(str, told.offer.weekdays))
            cells["hours"] = times(told.offer.hours) if told.offer.HasField("hours") else ""
            cells["member_of"] = " ".join(_told(one, each.days) for one in told.memberships)
        yield Row(PERSONS, 0, cells)


def _told(membership: persons.Membership, days: Days) -> str:
    if membership.days == days:
        return membership.force
    until = f"/{membership.days.until}" if membership.days.until else ""
    return f"{membership.force}@{membership.days.since}{until}"
