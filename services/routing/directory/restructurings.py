"""Moves, splits and mergers: decided as a whole, then written unit by unit, and finished after a crash."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from google.protobuf.message import Message

from fengqiao.common.v1.common_pb2 import CommandMeta
from fengqiao.routing.v1 import directory_service_pb2 as rpc
from services.chassis.auth import Principal
from services.chassis.commands import Creation, Order, id_from, order_of
from services.chassis.engine import decode
from services.chassis.errors import CommandError, Forbidden, KeyReused, NotFound
from services.chassis.kinds import Kind
from services.chassis.model import Context, decided
from services.chassis.record import Record
from services.chassis.store import infrastructure
from services.routing.directory.claims import Claims
from services.routing.directory.lookups import Lookups, below, unknown
from services.routing.domain.directory import restructuring as r
from services.routing.domain.directory.carrying_out import (
    MERGE,
    MOVE,
    SPLIT,
    Restructuring,
    completed,
    follow,
    kind_of,
    resolved,
)
from services.routing.domain.directory.restructuring import Step
from services.routing.domain.directory.territory import Territory
from services.routing.domain.directory.unit import parent_of
from services.routing.store import unit_id

PERIOD_S = 5.0
SHOWN = 3


@dataclass(frozen=True, slots=True)
class Plan:
    """What a request wants: its kind, the codes of the units that take over, and the steps."""

    kind: str
    into: tuple[str, ...]
    steps: Callable[[Territory, date, str], list[Step]]


PLANS: Mapping[type[Message], Callable[[Any], Plan]] = {
    rpc.MoveUnitRequest: lambda m: Plan(
        MOVE, (m.new_code,), lambda territory, on, by: r.move(territory, m.code, m.new_code, on, by)
    ),
    rpc.MergeUnitRequest: lambda m: Plan(
        MERGE, (m.into,), lambda territory, on, by: r.merge(territory, m.code, m.into, on, by)
    ),
    rpc.SplitUnitRequest: lambda m: Plan(
        SPLIT,
        tuple(part.code for part in m.parts),
        lambda territory, on, by: r.split(
            territory, m.code, {part.code: tuple(part.households) for part in m.parts}, on, by
        ),
    ),
}
"""The plan of a request; the table is all there is."""


@dataclass(frozen=True, slots=True)
class Restructurings:
    """What can be ordered about several units of the caller's site at once."""

    lookups: Lookups
    claims: Claims
    kind: Kind[Restructuring]
    done: Callable[[], None]
    """Called after each: the ladder of this process has to look."""

    async def order(
        self, principal: Principal, code: str, meta: CommandMeta, request: Any
    ) -> rpc.Restructuring:
        """Decide, and tell each unit; the same key is answered with the same restructuring.

        Raises:
            CommandError: refused; nothing changed.
            Infrastructure: the store is away; what was decided is finished when it is back.
        """
        plan = PLANS[type(request)](request)
        if not all(principal.covers(each) for each in (code, *plan.into)):
            raise Forbidden("not your unit")
        site_id, order = self.lookups.site_of(principal), order_of(principal.subject, meta, request)
        id_ = id_from("restructuring", principal.subject, order.key)
        try:
            # Nothing of the site is decided meanwhile: what was read is so until all of it is written.
            async with self.claims.whole(site_id):
                record = await self.kind.committer.get_one(id_)
                if record is None:
                    on = await self.lookups.day_ordered(site_id, request, order)
                    creation = await self._decided(principal, site_id, code, plan, on, order, id_)
                    record = await self.kind.commands.create(creation)
                elif record.answered[0].body_hash != order.body_hash:
                    raise KeyReused("the idempotency key was used with another body")
                return to_message(await self._finish(record))
        finally:
            self.done()

    async def one(self, principal: Principal, restructuring_id: str) -> rpc.Restructuring:
        """How far it has come.

        Raises:
            NotFound: there is none; Forbidden where the caller may not know.
        """
        record = await self.kind.committer.get_one(restructuring_id)
        if record is None or record.state is None or record.site != self.lookups.site_of(principal):
            raise unknown(principal)
        if not principal.covers(record.state.code):
            raise unknown(principal)
        return to_message(record)

    async def resume(self) -> None:
        """Finish what a crash left; what can't be finished is named.

        Raises:
            Infrastructure: the store is away.
        """
        stuck: list[str] = []
        for id_ in await self.lookups.base.threads.run(self._unfinished):
            record = await self.kind.committer.get_one(id_)
            if record is None or record.state is None:
                continue
            try:
                await self._finish(record)
            except CommandError as error:
                stuck.append(f"{id_} ({error.reason})")
            self.done()
        self.lookups.base.readiness.name_cases("restructuring_stuck", len(stuck), stuck[:SHOWN])

    def _unfinished(self) -> Sequence[str]:
        collection = self.kind.committer.repository.collection
        with infrastructure():
            return [raw["_id"] for raw in collection.find({"state.completed": False}, {"_id": 1})]

    async def _decided(
        self,
        principal: Principal,
        site_id: str,
        code: str,
        plan: Plan,
        on: date,
        order: Order,
        id_: str,
    ) -> Creation[Restructuring]:
        territory, revisions = await self._around(site_id, code, plan.into)
        steps = plan.steps(territory, on, principal.subject)
        moment = await self.lookups.base.clocks.look_at(site_id, self.lookups.base.threads)
        at = order.occurred_at or moment.now
        context = Context(id_, site_id, at, moment.now, moment.recorded_at, moment.replay)
        events = follow(territory, steps, context, self.lookups.zone(site_id))
        changes = [
            {
                "code": each,
                "revision": revisions.get(each, 0),
                "events": [
                    {"type": message.DESCRIPTOR.full_name, "data": message.SerializeToString()}
                    for message in messages
                ],
            }
            for each, messages in events.items()
        ]
        decision = Restructuring(site_id, plan.kind, code, plan.into, on, len(changes), principal.subject)
        return Creation(id_, site_id, order, lambda _context: resolved(decision, changes))

    async def _around(self, site_id: str, code: str, into: Sequence[str]) -> tuple[Territory, dict[str, int]]:
        """The units that a plan is about, those above and those below, with their revisions."""
        wanted = {each for place in (code, *into) for each in (place, parent_of(place)) if each}
        records = await self.lookups.units.committer.get([unit_id(site_id, each) for each in sorted(wanted)])
        find = self.lookups.units.committer.repository.find
        for place in (code, *into):
            query = {"site": site_id, "state.code": below(place)}
            underneath = await self.lookups.base.threads.run(find, query)
            records |= {record.id: record for record in underneath}
        units = [record.state for record in records.values() if record.state]
        return Territory(units), {r.state.code: r.revision for r in records.values() if r.state}

    async def _finish(self, record: Record[Restructuring]) -> Record[Restructuring]:
        """Tell each unit what it was not told yet, in order; then the restructuring is completed."""
        plan = record.state
        if plan is None or plan.completed:
            return record
        for change in record.private["changes"]:
            await self._tell(record.id, plan, change)
        await self.kind.commands.execute(
            record.id,
            Order("completed", b""),
            lambda decided_on, _context: completed(decided_on),
            authorize=lambda _plan, _at: None,
        )
        return await self.kind.committer.get_one(record.id) or record

    async def _tell(self, id_: str, plan: Restructuring, change: Mapping[str, Any]) -> None:
        events = [decode(each["type"], each["data"]) for each in change["events"]]
        unit = unit_id(plan.site_id, change["code"])
        units, key = self.lookups.units, f"restructuring/{id_}"
        if not change["revision"]:
            await units.commands.create(
                Creation(unit, plan.site_id, Order(key, b""), lambda _context: decided(*events))
            )
            return
        await units.commands.execute(
            unit,
            Order(key, b"", expected_revision=change["revision"]),
            lambda _unit, _context: decided(*events),
            authorize=lambda _unit, _at: None,
        )


def to_message(record: Record[Restructuring]) -> rpc.Restructuring:
    """A restructuring as clients see it.

    Raises:
        NotFound: it has not begun.
    """
    plan = record.state
    if plan is None:
        raise NotFound("no such restructuring")
    return rpc.Restructuring(
        restructuring_id=record.id,
        kind=kind_of(plan),
        code=plan.code,
        into=plan.into,
        on=plan.on.isoformat(),
        units=plan.units,
        completed=plan.completed,
        revision=record.revision,
    )
