"""Leader → units and households → open and closed cases: looked up for a purpose that goes on record first.

A case knows the unit that owns it, not the household that it came from: a household's cases are those of its
neighbourhood (ADR 0026).
"""

import heapq
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from fengqiao.routing.v1 import directory_events_pb2 as ev
from fengqiao.routing.v1 import directory_service_pb2 as rpc
from services.chassis.auth import EVERYWHERE, Principal
from services.chassis.errors import CommandError
from services.chassis.paging import read_token, write_token
from services.chassis.queues import Queue, soonest_due
from services.chassis.store import Raw
from services.routing.directory.accesses import Accesses, Wanted, may_supervise, place_of, to_message
from services.routing.directory.lookups import HELD_BY, HOUSEHOLD_KEY, Lookups, day_of
from services.routing.domain import ENDED, NOT_ENDED
from services.routing.domain.directory.decisions import PREFIX
from services.routing.domain.directory.unit import Unit
from services.routing.naming import hidden
from services.routing.store import load, unit_id
from services.routing.telling import told

OPEN, CLOSED = 0, 1
"""Open cases come first."""
STATUSES = {OPEN: NOT_ENDED, CLOSED: ENDED}
GROUPS: Mapping[int, Sequence[int]] = {
    rpc.CASE_SCOPE_UNSPECIFIED: (OPEN, CLOSED),
    rpc.CASE_SCOPE_OPEN: (OPEN,),
    rpc.CASE_SCOPE_CLOSED: (CLOSED,),
}


@dataclass(frozen=True, slots=True)
class Place:
    """The last case of a page: open or closed, due when, its id."""

    group: int
    due_at: datetime
    case_id: str


@dataclass(frozen=True, slots=True)
class Caseload:
    """What can be looked up of cases by who is responsible for them, and who did so."""

    lookups: Lookups
    accesses: Accesses

    async def look_up(
        self, principal: Principal, request: rpc.LookUpCasesRequest, limit: int
    ) -> rpc.LookUpCasesResponse:
        """Units of a leader, a code or a household with their cases; the look-up is on record before.

        Raises:
            Forbidden: nothing of it is the caller's; NotFound where they may know that there is nothing.
            Infrastructure: the store is away, also for the record: nothing is answered.
        """
        site_id, base = self.lookups.site_of(principal), self.lookups.base
        after = read_token(request.page_token, _place) if request.page_token else None
        now = (await base.clocks.look_at(site_id, base.threads)).now
        on = day_of("day", request.day) or await self.lookups.today(site_id, now)
        found = await self._units(site_id, request, on)
        units = [unit for unit in found if principal.covers(unit.code)]
        await self.accesses.record(_entry(principal, request, on, found) | {"allowed": bool(units)})
        if not units:
            raise nobody(principal)
        former = {unit.code: await self._former(site_id, unit) for unit in units}
        codes = sorted({*former, *itertools.chain.from_iterable(former.values())})
        raws = await base.threads.run(self._cases, site_id, codes, GROUPS[request.scope], after, limit)
        last = raws[-1] if len(raws) == limit else None
        return rpc.LookUpCasesResponse(
            units=[_unit(unit, on, former[unit.code]) for unit in units],
            cases=[told(raw["_id"], raw["revision"], load(raw["state"]), now) for raw in raws],
            next_page_token=write_token(*_due(last), _group(last)) if last else "",
        )

    async def looked_up(
        self, principal: Principal, request: rpc.ListLookUpsRequest, limit: int
    ) -> rpc.ListLookUpsResponse:
        """Who looked up whom, newest first, as far as the caller supervises it."""
        site_id = self.lookups.site_of(principal)
        after = (
            read_token(request.page_token, lambda at, rest: (at, str(rest[0])))
            if request.page_token
            else None
        )
        raws = await self.accesses.page(Wanted(site_id, request.by, request.leader_ref, after, limit))
        shown = (raw for raw in raws if may_supervise(principal, raw) and request.by in {"", raw["by"]})
        return rpc.ListLookUpsResponse(
            look_ups=[to_message(principal, raw) for raw in shown],
            next_page_token=write_token(*place_of(raws[-1])) if len(raws) == limit else "",
        )

    async def _units(self, site_id: str, request: rpc.LookUpCasesRequest, on: date) -> list[Unit]:
        """The units that a look-up is about, by code."""
        if request.HasField("code"):
            named = await self.lookups.territory({"_id": unit_id(site_id, request.code)})
            return list(named.units.values())
        if request.HasField("household"):
            homes = await self.lookups.having(site_id, HOUSEHOLD_KEY, [request.household])
            code = homes.home(request.household, on)
            return [homes.units[code]] if code else []
        held = await self.lookups.having(site_id, HELD_BY, [request.leader_ref])
        led = [unit for unit in held.units.values() if unit.leader_on(on) == request.leader_ref]
        return sorted((unit for unit in led if on in unit.days), key=lambda unit: unit.code)

    async def _former(self, site_id: str, unit: Unit) -> list[str]:
        """The units that one took over whole, as the one that it was before a move, and those before them.

        What was split is nobody's alone.
        """
        former, heirs = list[str](), [unit]
        while before := {code for heir in heirs for code in heir.succeeds} - {unit.code, *former}:
            ids = [unit_id(site_id, code) for code in before]
            known, territory = {unit.code, *former}, await self.lookups.territory({"_id": {"$in": ids}})
            heirs = [each for each in territory.units.values() if _wholly(each, known)]
            former += sorted(each.code for each in heirs)
        return former

    def _cases(
        self, site_id: str, codes: Sequence[str], groups: Sequence[int], after: Place | None, limit: int
    ) -> list[Raw]:
        """A page of the cases that some units own; open ones first, each group by due time. Blocks."""
        collection = self.lookups.base.committer.repository.collection
        found = list[Raw]()
        for group in groups:
            if after and group < after.group:
                continue
            place = (after.due_at, after.case_id) if after and group == after.group else None
            left = limit - len(found)
            # Unit by unit: asked for several, secantusd-rs looks at every case there is.
            parts = [
                soonest_due(collection, Queue([site_id], STATUSES[group], code, after=place), left)
                for code in codes
            ]
            found += itertools.islice(heapq.merge(*parts, key=_due), left)
            if len(found) == limit:
                break
        return found


def nobody(principal: Principal) -> CommandError:
    """What is said where there is nothing, and where nothing is the caller's: the same, so that neither
    tells.
    """
    what = "no such leader, unit or household"
    return hidden(principal, what, f"{what} in your territory")


def _entry(principal: Principal, request: rpc.LookUpCasesRequest, on: date, found: Sequence[Unit]) -> Raw:
    """What goes on record: who asks for whom, as what and why, and what it came to."""
    whom: Any = request.WhichOneof("whom")
    codes = [unit.code for unit in found]
    leaders = {request.leader_ref, *(unit.leader_on(on) for unit in found)} - {""}
    return {
        "site": principal.site,
        "by": principal.subject,
        "role": principal.role.value,
        "purpose": request.purpose,
        "asked": {whom: getattr(request, whom)},
        "day": on.isoformat(),
        "scope": request.scope,
        "units": codes,
        "leaders": sorted(leaders),
        "reach": codes or list(principal.units) or [EVERYWHERE],
    }


def _unit(unit: Unit, on: date, former: Sequence[str]) -> rpc.LookedUpUnit:
    return rpc.LookedUpUnit(
        code=unit.code,
        kind=ev.UnitKind.Value(f"{PREFIX}{unit.kind.upper()}"),
        leader_ref=unit.leader_on(on),
        households=sorted(unit.households_on(on)),
        former_codes=former,
    )


def _wholly(unit: Unit, heirs: set[str]) -> bool:
    return len(unit.successors) == 1 and unit.successors[0] in heirs


def _place(at: datetime, rest: Sequence[Any]) -> Place:
    return Place(int(rest[1]), at, str(rest[0]))


def _due(raw: Raw) -> tuple[datetime, str]:
    return raw["state"]["due_at"], raw["_id"]


def _group(raw: Raw) -> int:
    return OPEN if raw["state"]["status"] in NOT_ENDED else CLOSED
