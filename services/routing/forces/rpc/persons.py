"""gRPC of persons: translate, call one handler. Errors are mapped in the chassis, in one place."""

from collections.abc import AsyncIterator
from typing import Any

import grpc

from fengqiao.routing.v1 import person_service_pb2 as persons
from fengqiao.routing.v1.person_service_pb2_grpc import PersonServiceServicer
from services.chassis.auth import Role, Rule
from services.chassis.paging import read_place, write_place
from services.chassis.rpc import principal
from services.routing.domain.forces.counting import LEADER
from services.routing.domain.forces.person import (
    MASS,
    MEDIATOR,
    PART_TIME,
    PARTY_MEMBER,
    PROFESSIONAL,
    VOLUNTEER,
)
from services.routing.forces.importing import ImportPersons, in_bulks
from services.routing.forces.persons import Persons

PERSON = "/fengqiao.routing.v1.PersonService"
READERS = frozenset({Role.HANDLER, Role.SUPERVISOR, Role.DESK, Role.CLERK, Role.OPERATOR})
ORDERING = frozenset({Role.SUPERVISOR, Role.DESK})
THEMSELVES = ORDERING | {Role.VOLUNTEER}
"""A volunteer may say of themselves what the desk may say of anybody."""

# Default deny: a method that is not here is refused.
PERSON_RULES = {
    f"{PERSON}/RegisterPerson": Rule(ORDERING),
    f"{PERSON}/GrantRole": Rule(ORDERING),
    f"{PERSON}/EndRole": Rule(ORDERING),
    f"{PERSON}/StateOffer": Rule(THEMSELVES),
    f"{PERSON}/JoinForce": Rule(ORDERING),
    f"{PERSON}/LeaveForce": Rule(THEMSELVES),
    f"{PERSON}/GetPerson": Rule(READERS | {Role.VOLUNTEER}),
    f"{PERSON}/CountPersons": Rule(READERS),
    f"{PERSON}/ImportPersons": Rule(ORDERING, verdict_each=True),
    f"{PERSON}/ExportPersons": Rule(ORDERING),
}

DEFAULT_PAGE = 50

Context = grpc.aio.ServicerContext[Any, Any]


class PersonServicer(PersonServiceServicer):
    """Who somebody is."""

    def __init__(self, people: Persons) -> None:
        """They do the work."""
        self._people = people

    async def RegisterPerson(
        self, request: persons.RegisterPersonRequest, context: Context
    ) -> persons.RegisterPersonResponse:
        """An entry begins."""
        del context
        return persons.RegisterPersonResponse(person=await self._order(request))

    async def GrantRole(
        self, request: persons.GrantRoleRequest, context: Context
    ) -> persons.GrantRoleResponse:
        """A role begins."""
        del context
        return persons.GrantRoleResponse(person=await self._order(request))

    async def EndRole(self, request: persons.EndRoleRequest, context: Context) -> persons.EndRoleResponse:
        """A role ends."""
        del context
        return persons.EndRoleResponse(person=await self._order(request))

    async def StateOffer(
        self, request: persons.StateOfferRequest, context: Context
    ) -> persons.StateOfferResponse:
        """What a volunteer can do, and when."""
        del context
        return persons.StateOfferResponse(person=await self._order(request))

    async def JoinForce(
        self, request: persons.JoinForceRequest, context: Context
    ) -> persons.JoinForceResponse:
        """A member of a force."""
        del context
        return persons.JoinForceResponse(person=await self._order(request))

    async def LeaveForce(
        self, request: persons.LeaveForceRequest, context: Context
    ) -> persons.LeaveForceResponse:
        """A member no longer."""
        del context
        return persons.LeaveForceResponse(person=await self._order(request))

    async def GetPerson(
        self, request: persons.GetPersonRequest, context: Context
    ) -> persons.GetPersonResponse:
        """Somebody with roles and posts."""
        del context
        person = await self._people.one(principal(), request.person_ref, request.day)
        return persons.GetPersonResponse(person=person)

    async def CountPersons(
        self, request: persons.CountPersonsRequest, context: Context
    ) -> persons.CountPersonsResponse:
        """How many there are, nobody twice."""
        del context
        counts = await self._people.count(principal(), request.within, request.day)
        are = counts.by_role
        return persons.CountPersonsResponse(
            persons=counts.persons,
            leaders=are.get(LEADER, 0),
            volunteers=are.get(VOLUNTEER, 0),
            party_members=are.get(PARTY_MEMBER, 0),
            mediators_professional=are.get(f"{MEDIATOR}.{PROFESSIONAL}", 0),
            mediators_part_time=are.get(f"{MEDIATOR}.{PART_TIME}", 0),
            mediators_mass=are.get(f"{MEDIATOR}.{MASS}", 0),
            in_several_roles=counts.in_several_roles,
        )

    async def ImportPersons(
        self, request: AsyncIterator[persons.ImportPersonsRequest], context: Context
    ) -> persons.ImportPersonsResponse:
        """Take many over, and say of each that was refused why."""
        del context
        work = ImportPersons(self._people, self._people.bodies, principal())
        await in_bulks(request, work.take)
        return work.answer

    async def ExportPersons(
        self, request: persons.ExportPersonsRequest, context: Context
    ) -> persons.ExportPersonsResponse:
        """Tell many as an import takes them."""
        del context
        after, limit = read_place(request.page_token), request.page_size or DEFAULT_PAGE
        told, last, day = await self._people.told(principal(), after, limit, request.day)
        return persons.ExportPersonsResponse(
            persons=told, next_page_token=write_place(last), day=day.isoformat()
        )

    async def _order(self, request: Any) -> persons.Person:
        return await self._people.order(principal(), request.meta, request)
