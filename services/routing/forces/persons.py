"""Load → decide → commit, for each order about a person; who somebody is, and how many there are."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from google.protobuf.message import Message

from fengqiao.common.v1.common_pb2 import CommandMeta
from fengqiao.routing.v1 import force_events_pb2 as ev
from fengqiao.routing.v1 import person_service_pb2 as rpc
from services.chassis.auth import Principal, Role
from services.chassis.commands import Creation, Order, order_of
from services.chassis.errors import CommandError, Forbidden
from services.chassis.kinds import Kind
from services.chassis.model import Context, Decision
from services.chassis.record import Record
from services.chassis.store import converter, infrastructure
from services.routing.directory.lookups import HELD_BY, Lookups, below, day_of
from services.routing.domain.directory.unit import Unit
from services.routing.domain.forces import registering as r
from services.routing.domain.forces.counting import Counts, count
from services.routing.domain.forces.importing import told_on
from services.routing.domain.forces.person import Offer, Person, key
from services.routing.domain.rosters.department import Hours
from services.routing.domain.words import CAPACITY, ROLE, word
from services.routing.forces.bodies import Bodies
from services.routing.forces.messages import person_of, to_person, to_told
from services.routing.forces.places import standing_unit
from services.routing.naming import begin_named, hidden
from services.routing.store import person_id, unit_id

PLACES, REFERENCE = "state.places", "state.person_ref"
WHO_THEY_ARE = {f"state.{name}": 1 for name in ("person_ref", "site_id", "roles", "memberships", "offer")}
"""A team's four hundred are read at once, many times a minute: not their outboxes and keys as well."""


def to_offer(message: rpc.Offer) -> Offer:
    """An offer as orders and imports tell it."""
    hours = Hours(message.hours.opens, message.hours.closes) if message.HasField("hours") else None
    return Offer(tuple(message.skills), tuple(message.weekdays), hours)


def _grant(message: Any, on: date, until: date | None, by: str) -> r.GrantRole:
    return r.GrantRole(
        word(ev.PersonRole, message.role, ROLE),
        word(ev.MediatorCapacity, message.capacity, CAPACITY),
        message.unit_id,
        on,
        until,
        by,
    )


COMMANDS: Mapping[type[Message], Callable[[Any, date, str], Any]] = {
    rpc.RegisterPersonRequest: lambda m, on, by: r.RegisterPerson(
        m.person_ref, tuple(_grant(each, on, None, by) for each in m.roles), to_offer(m.offer), on, by
    ),
    rpc.GrantRoleRequest: lambda m, on, by: _grant(m, on, day_of("until", m.until), by),
    rpc.EndRoleRequest: lambda m, on, by: r.EndRole(word(ev.PersonRole, m.role, ROLE), m.unit_id, on, by),
    rpc.StateOfferRequest: lambda m, on, _by: r.StateOffer(to_offer(m.offer), on),
    rpc.JoinForceRequest: lambda m, on, by: r.JoinForce(m.force, on, by),
    rpc.LeaveForceRequest: lambda m, on, by: r.LeaveForce(m.force, on, by),
}
"""The domain command of a request, for a day and by somebody; the table is all there is."""


@dataclass(frozen=True, slots=True)
class Persons:
    """What can be ordered and asked about the people of the caller's site."""

    lookups: Lookups
    bodies: Bodies
    kind: Kind[Person]

    async def order(self, principal: Principal, meta: CommandMeta, request: Any) -> rpc.Person:
        """Execute an order; the answer is the person on the day of it, the same on every retry.

        Raises:
            CommandError: refused; nothing changed.
        """
        site_id = self.lookups.site_of(principal)
        order = order_of(principal.subject, meta, request)
        on = await self.lookups.day_ordered(site_id, request, order)
        command = COMMANDS[type(request)](request, on, principal.subject)
        await self._stand(principal, site_id, command)
        zone = self.lookups.zone(site_id)
        if isinstance(command, r.RegisterPerson):
            return await self._register(site_id, order, command)

        def authorize(person: Person, _at: datetime) -> None:
            if not _acts_for(principal, person, command):
                raise unknown_person(principal)

        answer = await self.kind.commands.execute(
            person_id(site_id, request.person_ref),
            order,
            lambda person, context: r.decide_person(person, command, context, zone),
            authorize=authorize,
            answer=lambda record: to_person(record, on).SerializeToString(),
            absent=lambda: unknown_person(principal),
        )
        return rpc.Person.FromString(answer)

    async def one(self, principal: Principal, person_ref: str, day: str) -> rpc.Person:
        """Somebody with all roles and posts of a day.

        Raises:
            NotFound: there is nobody; Forbidden where the caller may not know.
        """
        site_id = self.lookups.site_of(principal)
        on = day_of("day", day) or await self.lookups.today(site_id)
        record = await self.kind.committer.get_one(person_id(site_id, person_ref))
        held = await self.lookups.having(site_id, HELD_BY, [person_ref])
        posts = list(_posts(held.units.values(), person_ref, on))
        if record is None and not posts:
            raise unknown_person(principal)
        units = [*(post.unit_id for post in posts), *_units(record)]
        if principal.subject != person_ref and not any(map(principal.covers, units)):
            raise unknown_person(principal)
        if record is None:
            return rpc.Person(person_ref=person_ref, posts=posts)
        return to_person(record, on, posts)

    async def count(self, principal: Principal, within: str, day: str) -> Counts:
        """How many there are at a unit or below it on a day, nobody twice.

        Raises:
            Forbidden: not the caller's unit.
        """
        site_id = self.lookups.site_of(principal)
        if not principal.covers(within):
            raise Forbidden("not your unit")
        on = day_of("day", day) or await self.lookups.today(site_id)
        people = await self.people({PLACES: key(site_id, within)})
        query = {"site": site_id, "state.code": below(within)}
        territory = await self.lookups.territory({"$or": [{"_id": unit_id(site_id, within)}, query]})
        leaders = {holder for unit in territory.units.values() if (holder := unit.leader_on(on))}
        return count(people, leaders, within, on)

    async def told(
        self, principal: Principal, after: str, limit: int, day: str
    ) -> tuple[list[rpc.Person], str, date]:
        """Those with a role on a day as an import takes them, as far as they are the caller's; where more
        follow, and the day.
        """
        site_id = self.lookups.site_of(principal)
        on = day_of("day", day) or await self.lookups.today(site_id)
        find = self.kind.committer.repository.find
        query = {"site": site_id, REFERENCE: {"$gt": after}}
        records = await self.lookups.base.threads.run(lambda: find(query, sort=REFERENCE, limit=limit))
        people = [person_of(record) for record in records]
        told = [
            to_told(told_on(person, on))
            for person in people
            if any(principal.covers(role.unit_id) for role in person.roles_on(on))
        ]
        return told, people[-1].person_ref if len(people) == limit else "", on

    async def people(self, query: Mapping[str, Any], limit: int = 0) -> list[Person]:
        """Those that match, as far as it says who they are: not by what the store finds them."""
        collection = self.kind.committer.repository.collection

        def read() -> list[Person]:
            with infrastructure():
                found = [
                    raw["state"]
                    for raw in collection.find(query, WHO_THEY_ARE).limit(limit)
                    if raw.get("state")
                ]
            return [converter.structure(state, Person) for state in found]

        return await self.lookups.base.threads.run(read)

    async def some(self, site_id: str, refs: Collection[str]) -> dict[str, Person]:
        """Those of some references who stand in the register."""
        records = await self.kind.committer.get([person_id(site_id, ref) for ref in refs])
        return {record.state.person_ref: record.state for record in records.values() if record.state}

    async def _register(self, site_id: str, order: Order, command: r.RegisterPerson) -> rpc.Person:
        zone = self.lookups.zone(site_id)

        def begin(context: Context) -> Decision:
            return r.register(command, context, zone)

        creation: Creation[Person] = Creation(person_id(site_id, command.person_ref), site_id, order, begin)
        return to_person(await begin_named(self.kind, creation, "person_ref"), command.on)

    async def _stand(self, principal: Principal, site_id: str, command: Any) -> None:
        """Refuse what names a unit that doesn't stand or isn't the caller's, or a force that doesn't."""
        if isinstance(command, r.JoinForce):
            await self.bodies.standing(site_id, command.force, command.on)
        granted = command.roles if isinstance(command, r.RegisterPerson) else (command,)
        for number, each in enumerate(granted):
            if not isinstance(each, r.GrantRole):
                continue
            field = f"roles[{number}].unit_id" if isinstance(command, r.RegisterPerson) else "unit_id"
            if not principal.covers(each.unit_id):
                raise Forbidden("not your unit")
            await standing_unit(self.lookups, site_id, field, each.unit_id, each.on)


def unknown_person(principal: Principal) -> CommandError:
    """What is said of somebody who is not there or not the caller's: the same, so that neither tells."""
    return hidden(principal, "no such person", "nobody of your territory")


def _acts_for(principal: Principal, person: Person, command: Any) -> bool:
    if principal.role is Role.VOLUNTEER:
        return principal.subject == person.person_ref
    if isinstance(command, r.GrantRole | r.EndRole):
        return principal.covers(command.unit_id)
    return any(principal.covers(role.unit_id) for role in person.roles)


def _units(record: Record[Person] | None) -> Iterable[str]:
    return (role.unit_id for role in record.state.roles) if record and record.state else ()


def _posts(units: Iterable[Unit], person_ref: str, on: date) -> Iterable[rpc.HeldPost]:
    for unit in units:
        for post in unit.posts if on in unit.days else ():
            tenure = post.tenure_on(on)
            if tenure and tenure.person_ref == person_ref:
                yield rpc.HeldPost(unit_id=unit.code, post_id=post.id, on_leave=bool(tenure.leave_on(on)))
