"""Takes over forces and persons from another register: a bulk at a time, each with a commit of its own."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Generic, TypeVar

from fengqiao.routing.v1 import force_service_pb2 as rpc
from fengqiao.routing.v1 import person_service_pb2 as persons
from services.chassis.auth import Principal
from services.chassis.commands import Creation, Order
from services.chassis.engine import body_hash
from services.chassis.errors import CommandError, Invalid, KeyReused, Violation
from services.chassis.kinds import Kind
from services.chassis.model import Context, Decision
from services.routing.directory.lookups import day_of
from services.routing.domain.directory.days import Days
from services.routing.domain.forces.force import Force
from services.routing.domain.forces.importing import (
    agrees,
    force_of,
    person_of,
    take_over_force,
    take_over_person,
)
from services.routing.domain.forces.person import Person
from services.routing.forces.bodies import Bodies
from services.routing.forces.persons import Persons
from services.routing.forces.places import days_of_units
from services.routing.forces.reading import to_establish, to_take_over
from services.routing.store import force_id, person_id

S = TypeVar("S")
T = TypeVar("T")
AT_ONCE = 200
EVER = Days(date.min)
DIFFERS = "differs_from_what_is_there"


@dataclass(slots=True)
class Standing:
    """Which units and forces there are on which days: by the store, or by the word of a dry run."""

    day: date
    units: dict[str, Days | None] = field(default_factory=dict)
    forces: dict[str, Days | None] = field(default_factory=dict)

    def faults(self, name: str, known: Mapping[str, Days | None], code: str, days: Days) -> list[Violation]:
        """What is wrong with something that is of it: it has to stand on the day, or when that begins."""
        on = max(days.since, self.day) if days.ends_after(self.day) else days.since
        kind = name.rpartition(".")[2].removesuffix("_id")
        there = known.get(code)
        return [] if there is not None and on in there else [Violation(name, f"no_such_{kind}")]


@dataclass(slots=True)
class _Bulk(Generic[S]):
    """Things of one stream that are decided on together, and then begun in one bulk."""

    kind: Kind[S]
    name: str
    """The field of what is told that names it."""
    answer: Any
    there: dict[str, S]
    """By name, what is there."""
    creations: dict[str, Creation[S]] = field(default_factory=dict)

    def look(self, name: str, made: S, same: Callable[[S, S], bool]) -> bool:
        """Whether it is new; what is there and the same is counted.

        Raises:
            Invalid: it is there and different.
        """
        former = self.there.get(name)
        if former is None:
            return True
        if not same(made, former):
            raise Invalid([Violation(self.name, DIFFERS)])
        self.answer.unchanged += 1
        return False

    def refuse(self, name: str, faults: Iterable[Violation]) -> None:
        """One thing is wrong in some ways."""
        for each in faults:
            self.answer.refused.add(**{self.name: name, "field": each.field, "reason": each.reason})

    async def begin(self, *, dry_run: bool) -> None:
        """Begin what was found sound."""
        if dry_run or not self.creations:
            self.answer.created += len(self.creations)
            return
        results = await self.kind.commands.create_many(list(self.creations.values()))
        for name, result in zip(self.creations, results, strict=True):
            if isinstance(result, KeyReused):  # somebody was quicker
                self.refuse(name, [Violation(self.name, DIFFERS)])
            elif isinstance(result, CommandError):
                self.refuse(name, [Violation(self.name, f"failed:{type(result).__name__}")])
            else:
                self.answer.created += 1


@dataclass(slots=True)
class _Import:
    people: Persons
    bodies: Bodies
    principal: Principal
    there: dict[str, Any] = field(default_factory=dict)
    """What came before in this stream, which a dry run does not keep."""

    async def _begun(self, as_of: str) -> tuple[Context, Standing]:
        """When and where it is decided, and on which day things have to stand."""
        lookups = self.people.lookups
        site_id = lookups.site_of(self.principal)
        now = (await lookups.base.clocks.look_at(site_id, lookups.base.threads)).now
        day = day_of("as_of", as_of) or now.astimezone(lookups.zone(site_id)).date()
        return Context("", site_id, now, now, now), Standing(day)

    async def _units(self, standing: Standing, site_id: str, codes: set[str], coming: Iterable[str]) -> None:
        standing.units |= dict.fromkeys(coming, EVER)
        wanted = codes - standing.units.keys() - {""}
        standing.units |= await days_of_units(self.people.lookups, site_id, wanted) if wanted else {}

    def _own(self, name: str, unit: str) -> list[Violation]:
        return [] if self.principal.covers(unit) else [Violation(name, "not_your_unit")]


@dataclass(slots=True)
class ImportForces(_Import):
    """One stream of forces of one caller."""

    answer: rpc.ImportForcesResponse = field(default_factory=rpc.ImportForcesResponse)

    async def take(self, some: Sequence[rpc.ImportForcesRequest]) -> None:
        """Take forces over; the answer says what became of each.

        Raises:
            Infrastructure: the store is away; what was taken over stays, and the import can be repeated.
        """
        if not some:
            return
        context, standing = await self._begun(some[0].as_of)
        dry_run = some[0].dry_run
        coming = {code for each in some for code in each.coming_units if dry_run}
        await self._units(standing, context.site, {each.force.unit_id for each in some}, coming)
        found = await self.bodies.some(context.site, [each.force.code for each in some])
        bulk = _Bulk(self.bodies.kind, "code", self.answer, {**found, **self.there})
        for each in some:
            try:
                self._take(each.force, bulk, context, standing)
            except Invalid as error:
                bulk.refuse(each.force.code, error.violations)
        await bulk.begin(dry_run=dry_run)

    def _take(self, told: rpc.Force, bulk: _Bulk[Force], context: Context, standing: Standing) -> None:
        decision = take_over_force(to_establish(told, self.principal.subject), context)
        made = force_of(decision, context)
        if not bulk.look(told.code, made, lambda told, there: told == there):
            return
        wrong = self._own("unit_id", told.unit_id)
        wrong += standing.faults("unit_id", standing.units, made.unit_id, made.days)
        if wrong:
            raise Invalid(wrong)
        id_ = force_id(context.site, told.code)
        bulk.creations[told.code] = _creation(id_, told.code, told, decision, context)
        bulk.there[told.code] = self.there[told.code] = made


@dataclass(slots=True)
class ImportPersons(_Import):
    """One stream of persons of one caller."""

    answer: persons.ImportPersonsResponse = field(default_factory=persons.ImportPersonsResponse)

    async def take(self, some: Sequence[persons.ImportPersonsRequest]) -> None:
        """Take persons over; the answer says what became of each.

        Raises:
            Infrastructure: the store is away; what was taken over stays, and the import can be repeated.
        """
        if not some:
            return
        context, standing = await self._begun(some[0].as_of)
        dry_run = some[0].dry_run
        coming = {code for each in some for code in each.coming_units if dry_run}
        units = {role.unit_id for each in some for role in each.person.roles}
        await self._units(standing, context.site, units, coming)
        await self._forces(standing, context.site, some, dry_run=dry_run)
        found = await self.people.some(context.site, [each.person.person_ref for each in some])
        bulk = _Bulk(self.people.kind, "person_ref", self.answer, {**found, **self.there})
        for each in some:
            try:
                self._take(each.person, bulk, context, standing)
            except Invalid as error:
                bulk.refuse(each.person.person_ref, error.violations)
        await bulk.begin(dry_run=dry_run)

    async def _forces(
        self,
        standing: Standing,
        site_id: str,
        some: Sequence[persons.ImportPersonsRequest],
        *,
        dry_run: bool,
    ) -> None:
        coming = {code for each in some for code in each.coming_forces if dry_run}
        standing.forces |= dict.fromkeys(coming, EVER)
        wanted = {member.force for each in some for member in each.person.memberships} - coming
        if wanted:
            found = await self.bodies.some(site_id, wanted)
            standing.forces |= {code: force.days for code, force in found.items()}

    def _take(self, told: persons.Person, bulk: _Bulk[Person], context: Context, standing: Standing) -> None:
        decision = take_over_person(to_take_over(told, self.principal.subject), context)
        made = person_of(decision, context)
        wrong = [
            fault
            for n, role in enumerate(made.roles)
            for fault in self._own(f"roles[{n}].unit_id", role.unit_id)
        ]
        if wrong:
            raise Invalid(wrong)
        if not bulk.look(told.person_ref, made, lambda told, there: agrees(told, there, standing.day)):
            return
        for n, role in enumerate(made.roles):
            wrong += standing.faults(f"roles[{n}].unit_id", standing.units, role.unit_id, role.days)
        for n, each in enumerate(made.memberships):
            wrong += standing.faults(f"memberships[{n}].force", standing.forces, each.force, each.days)
        if wrong:
            raise Invalid(wrong)
        id_ = person_id(context.site, told.person_ref)
        bulk.creations[told.person_ref] = _creation(id_, told.person_ref, told, decision, context)
        bulk.there[told.person_ref] = self.there[told.person_ref] = made


def _creation(id_: str, name: str, told: Any, decision: Decision, context: Context) -> Creation[Any]:
    """The same thing by the same caller is the same order."""
    order = Order(f"import/{name}", body_hash(told, context.site))
    return Creation(id_, context.site, order, lambda _context: decision)


async def in_bulks(requests: AsyncIterator[T], take: Callable[[list[T]], Awaitable[None]]) -> None:
    """Take what a stream brings, some at a time."""
    some = list[T]()
    async for each in requests:
        some.append(each)
        if len(some) == AT_ONCE:
            await take(some)
            some = []
    await take(some)
