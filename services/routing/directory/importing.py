"""Takes over units from another register: a bulk at a time, each unit with a commit of its own."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from fengqiao.routing.v1 import directory_events_pb2 as ev
from fengqiao.routing.v1 import directory_service_pb2 as rpc
from services.chassis.auth import Principal
from services.chassis.commands import Creation, Order
from services.chassis.engine import body_hash
from services.chassis.errors import CommandError, Invalid, Violation
from services.chassis.model import decided
from services.routing.directory.claims import Claims
from services.routing.directory.lookups import HELD_BY, HOUSEHOLD_KEY, Lookups, day_of
from services.routing.domain.directory.exporting import agrees
from services.routing.domain.directory.folding import taken_over
from services.routing.domain.directory.importing import Around, Stay, take_over
from services.routing.domain.directory.unit import LEADER, NEIGHBOURHOOD, Unit, parent_of
from services.routing.store import unit_id


@dataclass(slots=True)
class Import:
    """One stream of units of one caller; what came before is known to what comes after, also in a dry run."""

    lookups: Lookups
    claims: Claims
    principal: Principal
    dry_run: bool = False
    as_of: str = ""
    """The day on which what is told holds; empty: today."""
    answer: rpc.ImportUnitsResponse = field(default_factory=rpc.ImportUnitsResponse)
    above: dict[str, Unit] = field(default_factory=dict)
    """Units of this stream that others may stand below."""

    async def take(self, units: Sequence[rpc.ImportedUnit]) -> None:
        """Take over some units, those above first; the answer says what became of each.

        Raises:
            Contended: an order of this site is under way.
            Infrastructure: the store is away; what was taken over stays, and the import can be repeated.
        """
        site_id = self.lookups.site_of(self.principal)
        day = day_of("as_of", self.as_of) or await self.lookups.today(site_id)
        events = [_event(site_id, unit, self.principal.subject) for unit in units]
        there = await self._there(site_id, events)
        others = self._new(events, there, day)
        if not others:
            return
        if self.dry_run:
            await self._take(site_id, others, there)
            return
        async with self.claims.whole(site_id):
            # An order may have closed the unit above until now, or another import brought the same.
            there = await self._there(site_id, others)
            await self._take(site_id, self._new(others, there, day), there)

    def _new(
        self, events: Sequence[ev.UnitImported], there: Mapping[str, Unit], day: date
    ) -> list[ev.UnitImported]:
        """Those that are not there already; the others are counted."""
        new = [event for event in events if not self._is_there(event, there, day)]
        self.answer.unchanged += len(events) - len(new)
        return new

    async def _there(self, site_id: str, events: Sequence[ev.UnitImported]) -> dict[str, Unit]:
        """These units and those above them, as far as they are stored."""
        wanted = {unit_id(site_id, each) for e in events for each in (e.unit.code, parent_of(e.unit.code))}
        records = await self.lookups.units.committer.get(sorted(wanted))
        return {record.state.code: record.state for record in records.values() if record.state}

    def _is_there(self, event: ev.UnitImported, there: Mapping[str, Unit], day: date) -> bool:
        """Whether it is there already, and the same on the day: then there is nothing to decide."""
        former = there.get(event.unit.code)
        if former is None or not self.principal.covers(former.code):
            return False
        try:
            return agrees(taken_over(event), former, day)
        except ValueError:  # days that there are not: told when it is looked at
            return False

    async def _take(self, site_id: str, events: Sequence[ev.UnitImported], there: dict[str, Unit]) -> None:
        known = await self._known(site_id, events)
        creations: dict[str, Creation[Unit]] = {}
        for event in events:
            code = event.unit.code
            try:
                unit = self._look(event, there, known)
            except Invalid as error:
                for violation in error.violations:
                    self._refuse(code, violation.field, violation.reason)
                continue
            there[code] = unit
            creations[code] = _creation(site_id, event)
        if self.dry_run:
            self.answer.created += len(creations)
            return
        results = await self.lookups.units.commands.create_many(list(creations.values()))
        for code, result in zip(creations, results, strict=True):
            if isinstance(result, CommandError):
                self._refuse(code, "code", f"failed:{type(result).__name__}")
            else:
                self.answer.created += 1

    def _look(self, event: ev.UnitImported, there: Mapping[str, Unit], known: "_Known") -> Unit:
        """The unit as it will be kept.

        Raises:
            Invalid: it can't be taken over.
        """
        code = event.unit.code
        if not self.principal.covers(code):
            raise Invalid([Violation("code", "not_your_unit")])
        parent = parent_of(code)
        take_over(event, Around(there.get(parent) or self.above.get(parent), known.homes, known.leading))
        unit = taken_over(event)
        if code in there or code in self.above:
            raise Invalid([Violation("code", "differs_from_what_is_there")])
        if unit.kind != NEIGHBOURHOOD:
            self.above[code] = unit
        known.note(unit)
        return unit

    async def _known(self, site_id: str, events: Sequence[ev.UnitImported]) -> "_Known":
        """Whose the households are, and what the leaders lead, by the store."""
        known = _Known()
        for name, wanted in (
            (HOUSEHOLD_KEY, {key for e in events for g in e.households for key in g.keys}),
            (HELD_BY, {p.person_ref for e in events for p in e.posts} - {""}),
        ):
            if wanted:
                for unit in (await self.lookups.having(site_id, name, wanted)).units.values():
                    known.note(unit)
        return known

    def _refuse(self, code: str, name: str, reason: str) -> None:
        self.answer.refused.add(code=code, field=name, reason=reason)


@dataclass(slots=True)
class _Known:
    homes: dict[str, list[Stay]] = field(default_factory=lambda: defaultdict(list))
    leading: dict[str, list[Stay]] = field(default_factory=lambda: defaultdict(list))

    def note(self, unit: Unit) -> None:
        """Its households and its leaders are known from now on."""
        for household in unit.households:
            self.homes[household.key].append((household.days, unit.code))
        post = unit.post(LEADER) if unit.kind == NEIGHBOURHOOD else None
        for tenure in post.tenures if post else ():
            self.leading[tenure.person_ref].append((tenure.days, unit.code))


def _event(site_id: str, unit: rpc.ImportedUnit, decided_by: str) -> ev.UnitImported:
    return ev.UnitImported(
        unit=ev.UnitReference(site_id=site_id, code=unit.code),
        kind=unit.kind,
        days=ev.Days(since=unit.since, until=unit.until),
        posts=unit.posts or [ev.ImportedPost(post_id=LEADER)],
        households=[
            ev.ImportedHouseholds(keys=group.keys, since=group.since or unit.since, until=group.until)
            for group in unit.households
        ],
        decided_by=decided_by,
        covers=unit.covers,
    )


def _creation(site_id: str, event: ev.UnitImported) -> Creation[Unit]:
    """The same unit by the same caller is the same order."""
    order = Order(f"import/{event.unit.code}", body_hash(event, site_id))
    return Creation(unit_id(site_id, event.unit.code), site_id, order, lambda _context: decided(event))
