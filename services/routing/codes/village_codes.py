"""Load → decide → commit, for each order about a village code; and what is in force on a day."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from google.protobuf.message import Message

from fengqiao.common.v1.common_pb2 import CommandMeta
from fengqiao.routing.v1 import code_service_pb2 as rpc
from services.chassis.auth import Principal
from services.chassis.commands import Creation, Order, order_of
from services.chassis.errors import Forbidden, Invalid, NotFound
from services.chassis.kinds import Kind
from services.chassis.model import Context, Decision
from services.chassis.record import Record
from services.routing.codes.messages import code_of, to_clause, to_code
from services.routing.directory.claims import Claims
from services.routing.directory.lookups import Lookups, day_of
from services.routing.domain.codes import adopting as a
from services.routing.domain.codes.citing import Known
from services.routing.domain.codes.village_code import Version, VillageCode
from services.routing.naming import begin_named
from services.routing.store import unit_id, village_code_id

COMMANDS: Mapping[type[Message], Callable[[Any, date, str], Any]] = {
    rpc.AdoptVillageCodeRequest: lambda m, today, by: a.AdoptVillageCode(
        m.unit_code,
        day_of("adopted_on", m.adopted_on) or min(today, _on(m, today)),
        _on(m, today),
        tuple((clause.number, clause.text.strip()) for clause in m.clauses),
        by,
    ),
    rpc.RepealVillageCodeRequest: lambda m, today, by: a.RepealVillageCode(_on(m, today), by),
}
"""The domain command of a request, on a day and by somebody; the table is all there is."""


def _on(request: Any, today: date) -> date:
    return day_of("on", request.on) or today


@dataclass(frozen=True, slots=True)
class VillageCodes:
    """What can be ordered and asked about the village codes of the caller's site."""

    lookups: Lookups
    claims: Claims
    kind: Kind[VillageCode]

    async def order(self, principal: Principal, meta: CommandMeta, request: Any) -> rpc.VillageCode:
        """Execute an order; the answer is the code after it, without texts, the same on every retry.

        Raises:
            CommandError: refused; nothing changed.
        """
        site_id = self.lookups.site_of(principal)
        if not principal.covers(request.unit_code):
            raise Forbidden("not your unit")
        order = order_of(principal.subject, meta, request)
        today = await self.lookups.today(site_id, order.occurred_at)
        command = COMMANDS[type(request)](request, today, principal.subject)
        # Nobody closes the unit meanwhile, or begins the same code.
        async with self.claims.held(site_id, [f"unit/{request.unit_code}"]):
            record = await self._record(site_id, request.unit_code)
            if isinstance(command, a.AdoptVillageCode):
                # A day that is over is refused as such.
                await self._refuse_misplaced(site_id, command.unit_code, max(command.on, today))
                if record is None or order.key in {each.key for each in record.answered[:1]}:
                    return to_code(await self._begin(site_id, order, command))
            return await self._execute(site_id, request.unit_code, order, command)

    async def in_force(self, principal: Principal, unit_code: str, day: str) -> rpc.GetVillageCodeResponse:
        """A code as it is in force on a day, with its texts; between two versions, without any.

        Raises:
            NotFound: the unit never had one.
        """
        record, version = await self._on(principal, unit_code, day)
        return rpc.GetVillageCodeResponse(
            village_code=to_code(record, version), in_force=version.number if version else 0
        )

    async def clause(
        self, principal: Principal, unit_code: str, number: str, day: str
    ) -> rpc.GetClauseResponse:
        """One clause as it is in force on a day.

        Raises:
            NotFound: no such clause is.
        """
        record, version = await self._on(principal, unit_code, day)
        clause = version.clause(number) if version else None
        if version is None or clause is None:
            raise NotFound("no such clause in force on that day")
        return rpc.GetClauseResponse(clause=to_clause(record, clause), version=version.number)

    async def page(self, principal: Principal, after: str, limit: int) -> list[rpc.VillageCode]:
        """Village codes of the caller's site, by unit."""
        query = {"site": self.lookups.site_of(principal), "state.unit_code": {"$gt": after}}
        find = self.kind.committer.repository.find
        records = await self.lookups.base.threads.run(
            lambda: find(query, sort="state.unit_code", limit=limit)
        )
        return [to_code(record) for record in records]

    async def known(self, site_id: str, units: Collection[str]) -> Known:
        """The code of each of these units, if it has one."""
        ids = {village_code_id(site_id, unit): unit for unit in units}
        records = await self.kind.committer.get(sorted(ids))
        return {unit: records[id_].state if id_ in records else None for id_, unit in ids.items()}

    async def _on(
        self, principal: Principal, unit_code: str, day: str
    ) -> tuple[Record[VillageCode], Version | None]:
        site_id = self.lookups.site_of(principal)
        on = day_of("day", day) or await self.lookups.today(site_id)
        record = await self._record(site_id, unit_code)
        if record is None:
            raise NotFound("no village code there")
        return record, code_of(record).in_force_on(on)

    async def _record(self, site_id: str, unit_code: str) -> Record[VillageCode] | None:
        return await self.kind.committer.get_one(village_code_id(site_id, unit_code))

    async def _refuse_misplaced(self, site_id: str, unit_code: str, on: date) -> None:
        there = await self.lookups.territory({"_id": unit_id(site_id, unit_code)})
        if wrong := a.misplaced(there.units.get(unit_code), on):
            raise Invalid([wrong])

    async def _begin(self, site_id: str, order: Order, command: a.AdoptVillageCode) -> Record[VillageCode]:
        zone = self.lookups.zone(site_id)

        def begin(context: Context) -> Decision:
            return a.begin(command, context, zone)

        id_ = village_code_id(site_id, command.unit_code)
        creation: Creation[VillageCode] = Creation(id_, site_id, order, begin)
        return await begin_named(self.kind, creation)

    async def _execute(self, site_id: str, unit_code: str, order: Order, command: Any) -> rpc.VillageCode:
        zone = self.lookups.zone(site_id)
        answer = await self.kind.commands.execute(
            village_code_id(site_id, unit_code),
            order,
            lambda village_code, context: a.decide(village_code, command, context, zone),
            authorize=lambda _code, _at: None,
            answer=lambda record: to_code(record).SerializeToString(),
            absent=lambda: NotFound("no village code there"),
        )
        return rpc.VillageCode.FromString(answer)
