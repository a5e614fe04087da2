"""Load → decide → commit for orders about units; look-ups: whose a household is, who answers, who is not."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from google.protobuf.message import Message

from fengqiao.common.v1.common_pb2 import CommandMeta
from fengqiao.routing.v1 import directory_events_pb2 as ev
from fengqiao.routing.v1 import directory_service_pb2 as rpc
from services.chassis.auth import Principal
from services.chassis.commands import Creation, order_of
from services.chassis.errors import CommandError, Forbidden, Invalid, KeyReused, NotFound, Violation
from services.chassis.foundation import Foundation
from services.chassis.kinds import Kind
from services.chassis.model import Context, Decision
from services.chassis.record import Record
from services.routing.claims import Claims
from services.routing.directory_messages import to_message
from services.routing.domain.directory import commands as c
from services.routing.domain.directory.days import Days
from services.routing.domain.directory.decisions import PREFIX, decide, establish, misplaced
from services.routing.domain.directory.territory import Gap, Territory
from services.routing.domain.directory.unit import LEADER, NEIGHBOURHOOD, Unit, parent_of
from services.routing.store import unit_id

COMMANDS: Mapping[type[Message], Callable[[Any, date, str], Any]] = {
    rpc.EstablishUnitRequest: lambda m, on, _by: c.EstablishUnit(
        m.code,
        ev.UnitKind.Name(m.kind).removeprefix(PREFIX).lower(),
        on,
        _day("until", m.until),
        tuple(m.posts) or (LEADER,),
        tuple(m.succeeds),
        tuple(m.covers),
    ),
    rpc.CloseUnitRequest: lambda m, on, _by: c.CloseUnit(on, tuple(m.successors)),
    rpc.SettleHouseholdsRequest: lambda m, on, _by: c.SettleHouseholds(
        tuple(m.households), on, _day("until", m.until)
    ),
    rpc.ReleaseHouseholdsRequest: lambda m, on, _by: c.ReleaseHouseholds(tuple(m.households), on, m.to_unit),
    rpc.NominateLeaderRequest: lambda m, on, by: c.NominateLeader(
        _post(m), m.person_ref, on, m.nominators, by
    ),
    rpc.VetLeaderRequest: lambda m, on, by: c.VetLeader(
        _post(m), m.person_ref, on, approved=m.approved, decided_by=by, reason=m.reason
    ),
    rpc.AppointLeaderRequest: lambda m, on, by: c.AppointLeader(
        _post(m), m.person_ref, on, by, _day("term_until", m.term_until)
    ),
    rpc.GrantLeaveRequest: lambda m, on, by: c.GrantLeave(
        _post(m), on, by, _day("until", m.until), m.substitute_ref
    ),
    rpc.EndLeaveRequest: lambda m, on, by: c.EndLeave(_post(m), on, by),
    rpc.VacatePostRequest: lambda m, on, by: c.VacatePost(
        _post(m), on, ev.VacancyReason.Name(m.reason).removeprefix("VACANCY_REASON_").lower(), by
    ),
}
"""The domain command of a request, for a day and by somebody; the table is all there is."""


@dataclass(frozen=True, slots=True)
class Directory:
    """What RPCs can do with the directory of the caller's site."""

    base: Foundation[Any]
    units: Kind[Unit]
    claims: Claims

    async def order(self, principal: Principal, code: str, meta: CommandMeta, request: Any) -> rpc.Unit:
        """Execute an order; the answer is the unit on the day of the order, the same on every retry.

        Raises:
            CommandError: refused; nothing changed.
        """
        site_id = self._site(principal)
        # A unit is opened by whoever answers for the place above it; a site's top by whoever answers for all.
        if not principal.covers(code):
            raise Forbidden("not your unit")
        on = _day("on", request.on) or await self.today(site_id)
        command = COMMANDS[type(request)](request, on, principal.subject)
        async with self.claims.held(site_id, _things(code, command)):
            command = await self._informed(site_id, code, command)
            if isinstance(command, c.EstablishUnit):
                return await self._establish(principal, site_id, meta, request, command)
            answer = await self.units.commands.execute(
                unit_id(site_id, code),
                order_of(principal.subject, meta, request),
                lambda unit, context: decide(unit, command, context, self.base.sites[site_id].zone),
                authorize=lambda _unit, _at: None,
                answer=lambda record: to_message(_state(record), on, record.revision).SerializeToString(),
                absent=lambda: _absent(principal),
            )
        return rpc.Unit.FromString(answer)

    async def unit(self, principal: Principal, code: str, day: str) -> rpc.Unit:
        """A unit on a day.

        Raises:
            NotFound: there is none; Forbidden where the caller may not know.
        """
        site_id = self._site(principal)
        record = (await self.units.committer.get([unit_id(site_id, code)])).get(unit_id(site_id, code))
        if record is None or not principal.covers(code):
            raise _absent(principal)
        on = _day("day", day) or await self.today(site_id)
        return to_message(_state(record), on, record.revision)

    async def units_within(
        self, principal: Principal, within: str, kind: str, day: str, after: str, limit: int
    ) -> tuple[list[rpc.Unit], str]:
        """Units at or below a place that stand on a day, by code; and the code after which more follow."""
        site_id, on, records = await self._page(principal, within, kind, day, after, limit)
        del site_id
        standing = [record for record in records if on in _state(record).days]
        last = _state(records[-1]).code if len(records) == limit else ""
        return [to_message(_state(record), on, record.revision) for record in standing], last

    async def household(self, principal: Principal, key: str, day: str) -> rpc.FindHouseholdResponse:
        """Whose a household is on a day, and who answers for it.

        Raises:
            Forbidden: it is none of the caller's.
        """
        site_id = self._site(principal)
        on = _day("day", day) or await self.today(site_id)
        homes = await self._territory({"site": site_id, "state.households.key": key})
        code = homes.home(key, on)
        if not (principal.covers(code) if code else principal.covers_all):
            raise Forbidden("no such household in your territory")
        if not code:
            return rpc.FindHouseholdResponse()
        places = [code, *_above(code)]
        query = {"site": site_id, "state.kind": "temporary"}
        found = [*await self._find({"_id": {"$in": [unit_id(site_id, each) for each in places]}})]
        found += await self._find(query)
        territory = Territory({unit.code: unit for unit in found}.values())
        post = territory.units[code].post(LEADER)
        tenure = post.tenure_on(on) if post else None
        answer = rpc.FindHouseholdResponse(code=code, leader_ref=tenure.person_ref if tenure else "")
        if answering := territory.answering(code, on):
            answer.answering_code, answer.answering_ref = answering[0].code, answering[1]
        return answer

    async def gaps(
        self, principal: Principal, within: str, day: str, after: str, limit: int
    ) -> tuple[list[Gap], str]:
        """Households of the next units at or below a place that have no leader on a day."""
        site_id, on, records = await self._page(principal, within, NEIGHBOURHOOD, day, after, limit)
        units = [_state(record) for record in records]
        keys = {household.key for unit in units for household in unit.households}
        # Those that moved on have their home elsewhere.
        homes = await self._find({"site": site_id, "state.households.key": {"$in": sorted(keys)}})
        territory = Territory({unit.code: unit for unit in (*units, *homes)}.values())
        here = {unit.code for unit in units}
        found = [
            gap for gap in territory.gaps(on) if gap.household in keys and (not gap.code or gap.code in here)
        ]
        return found, units[-1].code if len(units) == limit else ""

    async def today(self, site_id: str) -> date:
        """The day that it is at a site."""
        moment = await self.base.clocks.look_at(site_id, self.base.threads)
        return moment.now.astimezone(self.base.sites[site_id].zone).date()

    async def _establish(
        self,
        principal: Principal,
        site_id: str,
        meta: CommandMeta,
        request: rpc.EstablishUnitRequest,
        command: c.EstablishUnit,
    ) -> rpc.Unit:
        def begin(_context: Context) -> Decision:
            return establish(site_id, command)

        order = order_of(principal.subject, meta, request)
        try:
            record = await self.units.commands.create(
                Creation(unit_id(site_id, command.code), site_id, order, begin)
            )
        except KeyReused:
            raise Invalid([Violation("code", "taken")]) from None
        return to_message(_state(record), command.on, record.revision)

    async def _informed(self, site_id: str, code: str, command: Any) -> Any:
        """What the order has to know of other units.

        Raises:
            Invalid: a new unit has no place in the tree.
        """
        if isinstance(command, c.EstablishUnit):
            if parent := parent_of(code):
                above = await self._find({"_id": unit_id(site_id, parent)})
                if wrong := misplaced(command, above[0] if above else None):
                    raise Invalid([wrong])
            return command
        if isinstance(command, c.SettleHouseholds):
            homes = await self._territory(
                {"site": site_id, "state.households.key": {"$in": sorted(command.keys)}}
            )
            days = Days(command.on, command.until)
            elsewhere = {
                key: codes[0]
                for key in command.keys
                if (codes := [each for each in homes.homes_within(key, days) if each != code])
            }
            return replace(command, elsewhere=elsewhere)
        if isinstance(command, c.AppointLeader) and command.post_id == LEADER:
            query = {"site": site_id, "state.posts.tenures.person_ref": command.person_ref}
            led = (await self._territory(query)).leadership(
                command.person_ref, Days(command.on, command.term_until)
            )
            return replace(command, elsewhere=led if led != code else "")
        if isinstance(command, c.CloseUnit):
            below = await self._territory({"site": site_id, "state.code": _at_or_below(code)})
            return replace(command, below=below.standing_longer(code, command.on))
        return command

    async def _page(
        self, principal: Principal, within: str, kind: str, day: str, after: str, limit: int
    ) -> tuple[str, date, list[Record[Unit]]]:
        if not principal.covers(within):
            raise Forbidden("not your unit")
        site_id = self._site(principal)
        on = _day("day", day) or await self.today(site_id)
        query: dict[str, Any] = {"site": site_id, "state.code": _at_or_below(within)}
        if kind:
            query["state.kind"] = kind
        if after:
            query = {"$and": [query, {"state.code": {"$gt": after}}]}
        repository = self.units.committer.repository
        records = await self.base.threads.run(lambda: repository.find(query, sort="state.code", limit=limit))
        return site_id, on, records

    async def _territory(self, query: Mapping[str, Any]) -> Territory:
        return Territory(await self._find(query))

    async def _find(self, query: Mapping[str, Any]) -> list[Unit]:
        records = await self.base.threads.run(self.units.committer.repository.find, query)
        return [record.state for record in records if record.state is not None]

    def _site(self, principal: Principal) -> str:
        if principal.site not in self.base.sites:
            raise Forbidden("the directory is asked by somebody of one site")
        return principal.site


def _things(code: str, command: Any) -> list[str]:
    """What an order is about beyond its own unit, which its version guards."""
    if isinstance(command, c.SettleHouseholds):
        return [f"household/{key}" for key in command.keys]
    if isinstance(command, c.AppointLeader):
        return [f"person/{command.person_ref}"]
    if isinstance(command, c.EstablishUnit):
        return [f"unit/{each}" for each in (code, *_above(code))]
    if isinstance(command, c.CloseUnit):
        return [f"unit/{code}"]
    return []


def _above(code: str) -> list[str]:
    parts = code.split("/")
    return ["/".join(parts[:n]) for n in range(len(parts) - 1, 0, -1)]


def _at_or_below(code: str) -> dict[str, Any]:
    return {"$regex": f"^{re.escape(code)}(/|$)"}


def _state(record: Record[Unit]) -> Unit:
    if record.state is None:
        raise NotFound("no such unit")
    return record.state


def _post(message: Any) -> str:
    return message.post_id or LEADER


def _day(field: str, text: str) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Invalid([Violation(field, "no_such_day")]) from None


def _absent(principal: Principal) -> CommandError:
    return NotFound("no such unit") if principal.covers_all else Forbidden("no such unit in your territory")
