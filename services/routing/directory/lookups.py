"""Look-ups by the day: a unit, whose a household is, who answers for it, and which households have nobody."""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from fengqiao.routing.v1 import directory_events_pb2 as ev
from fengqiao.routing.v1 import directory_service_pb2 as rpc
from services.chassis.auth import Principal
from services.chassis.commands import Order
from services.chassis.errors import CommandError, Forbidden, Invalid, Violation
from services.chassis.foundation import Foundation
from services.chassis.kinds import Kind
from services.chassis.record import Record
from services.chassis.store import Raw, converter, infrastructure
from services.routing.directory.messages import state_of, to_message
from services.routing.domain.directory.boundaries import Point, cell, covers
from services.routing.domain.directory.days import Days
from services.routing.domain.directory.exporting import tell
from services.routing.domain.directory.shared import to_rings
from services.routing.domain.directory.territory import Gap, Territory
from services.routing.domain.directory.unit import NEIGHBOURHOOD, TEMPORARY, Unit, parent_of
from services.routing.naming import hidden
from services.routing.store import WHO_ANSWERS, load_unit, unit_id

HOUSEHOLD_KEY, HELD_BY = "state.households.key", "state.posts.tenures.person_ref"
CELLS = "state.boundaries.cells"
DRAWN = {"state.boundaries.days": 1, "state.boundaries.rings": 1}


@dataclass(frozen=True, slots=True)
class Page:
    """What part of a list is wanted: so many at or below a place, after a code, on a day."""

    within: str
    day: str
    after: str
    limit: int


@dataclass(frozen=True, slots=True)
class Lookups:
    """What can be asked of the directory of the caller's site."""

    base: Foundation[Any]
    units: Kind[Unit]

    async def unit(self, principal: Principal, code: str, day: str) -> rpc.Unit:
        """A unit on a day.

        Raises:
            NotFound: there is none; Forbidden where the caller may not know.
        """
        site_id = self.site_of(principal)
        id_ = unit_id(site_id, code)
        record = (await self.units.committer.get([id_])).get(id_)
        if record is None or not principal.covers(code):
            raise unknown(principal)
        return to_message(record, day_of("day", day) or await self.today(site_id))

    async def units_within(self, principal: Principal, page: Page, kind: str) -> tuple[list[rpc.Unit], str]:
        """Units that stand on a day, by code; and the code after which more follow."""
        records, on = await self._read(principal, page, kind)
        standing = [to_message(record, on) for record in records if on in state_of(record).days]
        return standing, _last(records, page)

    async def told(self, principal: Principal, page: Page) -> tuple[list[ev.UnitImported], str, date]:
        """The page's units that stand on a day, as an import takes them; where more follow, and the day.

        Raises:
            Forbidden: more than the caller's units is asked for.
        """
        records, on = await self._read(principal, page, "")
        standing = [tell(unit, on) for unit in map(state_of, records) if on in unit.days]
        return standing, _last(records, page), on

    async def household(self, principal: Principal, key: str, day: str) -> rpc.FindHouseholdResponse:
        """Whose a household is on a day, and who answers for it.

        Raises:
            Forbidden: it is none of the caller's.
        """
        site_id = self.site_of(principal)
        on = day_of("day", day) or await self.today(site_id)
        having, temporary = await asyncio.gather(
            self._raw({HOUSEHOLD_KEY: key}, WHO_ANSWERS | {"state.households": 1}),
            self._temporary(site_id, on),
        )
        homes = Territory(load_unit(raw["state"]) for raw in having if raw["state"]["site_id"] == site_id)
        code = homes.home(key, on)
        if not (principal.covers(code) if code else principal.covers_all):
            raise Forbidden("no such household in your territory")
        if not code:
            return rpc.FindHouseholdResponse()
        return rpc.FindHouseholdResponse(**await self._answering(site_id, homes.units[code], temporary, on))

    async def point(self, principal: Principal, point: Point, day: str) -> rpc.FindPointResponse:
        """The neighbourhood that a point lies in on a day, and who answers; on a line the first by code.

        Raises:
            Forbidden: it is none of the caller's.
        """
        site_id = self.site_of(principal)
        on = day_of("day", day) or await self.today(site_id)
        near, temporary = await asyncio.gather(
            self._raw({CELLS: cell(point)}, WHO_ANSWERS | DRAWN), self._temporary(site_id, on)
        )
        states = sorted((raw["state"] for raw in near), key=lambda state: str(state["code"]))
        lying = (state for state in states if state["site_id"] == site_id and _lies_in(state, point, on))
        found = next(lying, None)
        if not (principal.covers(found["code"]) if found else principal.covers_all):
            raise Forbidden("no such place in your territory")
        if not found:
            return rpc.FindPointResponse()
        return rpc.FindPointResponse(**await self._answering(site_id, _bare(found), temporary, on))

    async def boundaries(self, principal: Principal, page: Page) -> tuple[list[rpc.DrawnUnit], str]:
        """The page's neighbourhoods that are drawn on a day."""
        records, on = await self._read(principal, page, NEIGHBOURHOOD)
        drawn = [
            rpc.DrawnUnit(code=unit.code, rings=to_rings(rings))
            for unit in map(state_of, records)
            if (rings := unit.rings_on(on))
        ]
        return drawn, _last(records, page)

    async def _answering(self, site_id: str, unit: Unit, temporary: list[Unit], on: date) -> dict[str, str]:
        """A neighbourhood with its leader, and who answers for it."""
        territory = Territory([unit, *temporary])
        taking = territory.taking(unit.code, on)
        if taking is None or not taking.acting_on(on):
            # Mostly somebody is at work there, and those above need not be asked for.
            above = _chain(parent_of((taking or unit).code))
            ids = [unit_id(site_id, code) for code in above]
            for raw in await self._raw({"_id": {"$in": ids}}, WHO_ANSWERS):
                territory.put(load_unit(raw["state"]))
        answer = {"code": unit.code, "leader_ref": unit.leader_on(on)}
        if answering := territory.answering(unit.code, on):
            answer |= {"answering_code": answering[0].code, "answering_ref": answering[1]}
        return answer

    async def _temporary(self, site_id: str, on: date) -> list[Unit]:
        """The temporary units that stand on a day.

        The day is no part of the query: for one more field than the index on site and kind has, secantusd-rs
        looks at all units of the site, whatever its `explain` says.
        """
        found = await self._raw({"site": site_id, "state.kind": TEMPORARY}, WHO_ANSWERS)
        return [
            load_unit(raw["state"]) for raw in found if on in converter.structure(raw["state"]["days"], Days)
        ]

    async def _raw(self, query: Mapping[str, Any], fields: Mapping[str, int]) -> list[Raw]:
        """Some fields of the units that match."""
        collection = self.units.committer.repository.collection

        def read() -> list[Raw]:
            with infrastructure():
                return [raw for raw in collection.find(query, fields) if raw.get("state")]

        return await self.base.threads.run(read)

    async def gaps(self, principal: Principal, page: Page) -> tuple[list[Gap], str]:
        """Households of the page's neighbourhoods that have no leader on a day."""
        records, on = await self._read(principal, page, NEIGHBOURHOOD)
        units = {state_of(record).code: state_of(record) for record in records}
        keys = {household.key for unit in units.values() for household in unit.households}
        # Those that moved on have their home elsewhere.
        homes = await self.having(self.site_of(principal), HOUSEHOLD_KEY, keys)
        territory = Territory([*homes.units.values(), *units.values()])
        gaps = [gap for gap in territory.gaps(on) if gap.household in keys and gap.code in {"", *units}]
        return gaps, _last(records, page)

    async def having(self, site_id: str, name: str, values: Collection[str]) -> Territory:
        """A site's units that have one of some values in an indexed field.

        The store is not asked for the site: it would take the index that begins with it, and look at all
        units of a county.
        """
        found = await self._find({name: {"$in": sorted(values)}})
        return Territory(unit for unit in found if unit.site_id == site_id)

    async def territory(self, query: Mapping[str, Any]) -> Territory:
        """The units that match."""
        return Territory(await self._find(query))

    async def households(self, site_id: str, within: str, on: date) -> dict[str, int]:
        """How many households each unit at or below a place has of its own on a day."""
        fields, found = {"state.code": 1, "state.households": 1}, dict[str, int]()
        for code in (within, below(within)):
            for raw in await self._raw({"site": site_id, "state.code": code}, fields):
                homes = raw["state"].get("households", ())
                days = (converter.structure(home["days"], Days) for home in homes)
                found[raw["state"]["code"]] = sum(on in each for each in days)
        return found

    async def today(self, site_id: str, at: datetime | None = None) -> date:
        """The day that it is at a site, or was at a time."""
        now = at or (await self.base.clocks.look_at(site_id, self.base.threads)).now
        return now.astimezone(self.zone(site_id)).date()

    async def day_ordered(self, site_id: str, request: Any, order: Order) -> date:
        """The day that an order is for: the one it names, where it can, or the one on which it was given.

        Raises:
            Invalid: there is no such day.
        """
        named = request.on if "on" in request.DESCRIPTOR.fields_by_name else ""
        return day_of("on", named) or await self.today(site_id, order.occurred_at)

    def zone(self, site_id: str) -> ZoneInfo:
        """A site's."""
        return self.base.sites[site_id].zone

    def site_of(self, principal: Principal) -> str:
        """The caller's site.

        Raises:
            Forbidden: the caller is of no one site.
        """
        if principal.site not in self.base.sites:
            raise Forbidden("the directory is asked by somebody of one site")
        return principal.site

    async def _read(self, principal: Principal, page: Page, kind: str) -> tuple[list[Record[Unit]], date]:
        if not principal.covers(page.within):
            raise Forbidden("not your unit")
        site_id = self.site_of(principal)
        on = day_of("day", page.day) or await self.today(site_id)
        limit, records = page.limit, list[Record[Unit]]()
        if page.within and not page.after:
            own = await self.units.committer.get_one(unit_id(site_id, page.within))
            records += [own] if own and own.state and kind in {"", own.state.kind} else []
        query: dict[str, Any] = {"site": site_id, "state.code": below(page.within, page.after)}
        if kind:
            query["state.kind"] = kind
        find, left = self.units.committer.repository.find, limit - len(records)
        if left:
            records += await self.base.threads.run(lambda: find(query, sort="state.code", limit=left))
        return records, on

    async def _find(self, query: Mapping[str, Any]) -> list[Unit]:
        records = await self.base.threads.run(self.units.committer.repository.find, query)
        return [state_of(record) for record in records]


def below(code: str, after: str = "") -> dict[str, str]:
    """A query for the codes below a unit, after one of them; a range, as stores look at all for a pattern.

    Below no unit are all.
    """
    if not code:
        return {"$gt": after}
    low = {"$gt": after} if after > f"{code}/" else {"$gte": f"{code}/"}
    return {**low, "$lt": f"{code}{chr(ord('/') + 1)}"}


def day_of(field: str, text: str) -> date | None:
    """A day as clients write it; None for none.

    Raises:
        Invalid: there is no such day; it names the field.
    """
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise Invalid([Violation(field, "no_such_day")]) from None


def unknown(principal: Principal) -> CommandError:
    """What is said of a unit that is not there or not the caller's: the same, so that neither tells."""
    return hidden(principal, "no such unit", "no such unit in your territory")


def _lies_in(state: Raw, point: Point, on: date) -> bool:
    """Whether a unit is drawn around a point on a day."""
    rings = next(
        (each["rings"] for each in state["boundaries"] if on in converter.structure(each["days"], Days)), ()
    )
    return bool(rings) and covers(rings, point)


def _bare(state: Raw) -> Unit:
    """A unit of which no more is known than who answers there."""
    return load_unit({name: value for name, value in state.items() if name != "boundaries"})


def _chain(code: str) -> list[str]:
    return [code, *_chain(parent_of(code))] if code else []


def _last(records: list[Record[Unit]], page: Page) -> str:
    return state_of(records[-1]).code if len(records) == page.limit else ""
