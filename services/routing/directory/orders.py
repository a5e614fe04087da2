"""Load → decide → commit, for each order about a unit."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from google.protobuf.message import Message

from fengqiao.common.v1.common_pb2 import CommandMeta
from fengqiao.routing.v1 import directory_events_pb2 as ev
from fengqiao.routing.v1 import directory_service_pb2 as rpc
from services.chassis.auth import Principal
from services.chassis.commands import Creation, Order, order_of
from services.chassis.errors import Forbidden, Invalid
from services.chassis.model import Context, Decision
from services.routing.directory.claims import Claims
from services.routing.directory.importing import Import
from services.routing.directory.lookups import CELLS, HELD_BY, HOUSEHOLD_KEY, Lookups, below, day_of, unknown
from services.routing.directory.messages import to_message
from services.routing.domain.directory import commands as c
from services.routing.domain.directory.boundaries import cells, fault, overlapping
from services.routing.domain.directory.days import Days
from services.routing.domain.directory.decisions import PREFIX, decide, establish, misplaced
from services.routing.domain.directory.shared import from_rings
from services.routing.domain.directory.unit import LEADER, Unit, parent_of
from services.routing.naming import begin_named
from services.routing.store import unit_id

COMMANDS: Mapping[type[Message], Callable[[Any, date, str], Any]] = {
    rpc.EstablishUnitRequest: lambda m, on, _by: c.EstablishUnit(
        m.code,
        ev.UnitKind.Name(m.kind).removeprefix(PREFIX).lower(),
        on,
        day_of("until", m.until),
        tuple(m.posts) or (LEADER,),
        tuple(m.succeeds),
        tuple(m.covers),
    ),
    rpc.CloseUnitRequest: lambda m, on, _by: c.CloseUnit(on, tuple(m.successors)),
    rpc.SettleHouseholdsRequest: lambda m, on, _by: c.SettleHouseholds(
        tuple(m.households), on, day_of("until", m.until)
    ),
    rpc.ReleaseHouseholdsRequest: lambda m, on, _by: c.ReleaseHouseholds(tuple(m.households), on, m.to_unit),
    rpc.DrawBoundaryRequest: lambda m, on, by: c.DrawBoundary(from_rings(m.rings), on, by),
    rpc.NominateLeaderRequest: lambda m, on, by: c.NominateLeader(
        _post(m), m.person_ref, on, m.nominators, by
    ),
    rpc.VetLeaderRequest: lambda m, on, by: c.VetLeader(
        _post(m), m.person_ref, on, approved=m.approved, decided_by=by, reason=m.reason
    ),
    rpc.AppointLeaderRequest: lambda m, on, by: c.AppointLeader(
        _post(m), m.person_ref, on, by, day_of("term_until", m.term_until)
    ),
    rpc.GrantLeaveRequest: lambda m, on, by: c.GrantLeave(
        _post(m), on, by, day_of("until", m.until), m.substitute_ref
    ),
    rpc.EndLeaveRequest: lambda m, on, by: c.EndLeave(_post(m), on, by),
    rpc.VacatePostRequest: lambda m, on, by: c.VacatePost(
        _post(m), on, ev.VacancyReason.Name(m.reason).removeprefix("VACANCY_REASON_").lower(), by
    ),
}
"""The domain command of a request, for a day and by somebody; the table is all there is."""


@dataclass(frozen=True, slots=True)
class Orders:
    """What can be ordered about the units of the caller's site."""

    lookups: Lookups
    claims: Claims
    done: Callable[[], None]
    """Called after each order: the ladder of this process has to look."""

    async def order(self, principal: Principal, code: str, meta: CommandMeta, request: Any) -> rpc.Unit:
        """Execute an order; the answer is the unit on the day of the order, the same on every retry.

        Raises:
            CommandError: refused; nothing changed.
        """
        site_id = self.lookups.site_of(principal)
        if not principal.covers(code):
            raise Forbidden("not your unit")
        order = order_of(principal.subject, meta, request)
        on = await self.lookups.day_ordered(site_id, request, order)
        command = COMMANDS[type(request)](request, on, principal.subject)
        try:
            return await self._execute(principal, code, order, command)
        finally:
            self.done()

    async def _execute(self, principal: Principal, code: str, order: Order, command: Any) -> rpc.Unit:
        site_id, on = self.lookups.site_of(principal), command.on
        async with self.claims.held(site_id, _things(code, command)):
            command = await self._informed(site_id, code, command)
            if isinstance(command, c.EstablishUnit):
                return await self._establish(site_id, order, command)
            zone = self.lookups.zone(site_id)
            answer = await self.lookups.units.commands.execute(
                unit_id(site_id, code),
                order,
                lambda unit, context: decide(unit, command, context, zone),
                authorize=lambda _unit, _at: None,
                answer=lambda record: to_message(record, on).SerializeToString(),
                absent=lambda: unknown(principal),
            )
        return rpc.Unit.FromString(answer)

    def importing(self, principal: Principal) -> Import:
        """An import of the caller's."""
        return Import(self.lookups, self.claims, principal)

    async def _establish(self, site_id: str, order: Order, command: c.EstablishUnit) -> rpc.Unit:
        zone = self.lookups.zone(site_id)

        def begin(context: Context) -> Decision:
            return establish(command, context, zone)

        creation: Creation[Unit] = Creation(unit_id(site_id, command.code), site_id, order, begin)
        return to_message(await begin_named(self.lookups.units, creation), command.on)

    async def _informed(self, site_id: str, code: str, command: Any) -> Any:
        """The order with what it has to know of other units.

        Raises:
            Invalid: a new unit has no place in the tree.
        """
        territory = self.lookups.territory
        if isinstance(command, c.EstablishUnit):
            parent = parent_of(code)
            above = await territory({"_id": unit_id(site_id, parent)})
            if wrong := misplaced(command, above.units.get(parent)):
                raise Invalid([wrong])
        elif isinstance(command, c.SettleHouseholds):
            homes = await self.lookups.having(site_id, HOUSEHOLD_KEY, command.keys)
            days = Days(command.on, command.until)
            elsewhere = {
                key: other for key in command.keys for other in homes.homes_within(key, days) if other != code
            }
            return replace(command, elsewhere=elsewhere)
        elif isinstance(command, c.DrawBoundary) and command.rings and not fault(command.rings):
            near = await self.lookups.having(site_id, CELLS, list(cells(command.rings)))
            others = ((each.code, each.rings_on(command.on)) for each in near.units.values())
            drawn = [(other, rings) for other, rings in others if rings and other != code]
            return replace(command, overlaps=overlapping(command.rings, drawn))
        elif isinstance(command, c.AppointLeader) and command.post_id == LEADER:
            of_theirs = await self.lookups.having(site_id, HELD_BY, [command.person_ref])
            days = Days(command.on, command.term_until)
            return replace(command, elsewhere=of_theirs.leadership(command.person_ref, days, but=code))
        elif isinstance(command, c.CloseUnit):
            underneath = await territory({"site": site_id, "state.code": below(code)})
            return replace(command, below=underneath.standing_longer(code, command.on))
        return command


def _things(code: str, command: Any) -> list[str]:
    """What an order is about beyond its own unit, which its version guards."""
    if isinstance(command, c.SettleHouseholds):
        return [f"household/{key}" for key in command.keys]
    if isinstance(command, c.AppointLeader):
        return [f"person/{command.person_ref}"]
    if isinstance(command, c.DrawBoundary):
        return ["boundaries"]
    if isinstance(command, c.EstablishUnit):
        # Nobody closes the unit above meanwhile; those further up can't be closed before it.
        return [f"unit/{each}" for each in (code, parent_of(code)) if each]
    return [f"unit/{code}"] if isinstance(command, c.CloseUnit) else []


def _post(message: Any) -> str:
    return message.post_id or LEADER
