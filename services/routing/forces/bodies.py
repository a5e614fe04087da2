"""Load → decide → commit, for each order about a team or an association."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from google.protobuf.message import Message

from fengqiao.common.v1.common_pb2 import CommandMeta
from fengqiao.routing.v1 import force_events_pb2 as ev
from fengqiao.routing.v1 import force_service_pb2 as rpc
from services.chassis.auth import Principal
from services.chassis.commands import Creation, Order, order_of
from services.chassis.errors import Forbidden, Invalid, NotFound, Violation
from services.chassis.kinds import Kind
from services.chassis.model import Context, Decision
from services.routing.directory.lookups import Lookups
from services.routing.domain.forces import force as f
from services.routing.domain.forces.force import Force
from services.routing.domain.words import FORCE, word
from services.routing.forces.messages import force_of, to_force
from services.routing.forces.places import standing_unit
from services.routing.naming import begin_named
from services.routing.store import force_id

COMMANDS: Mapping[type[Message], Callable[[Any, date, str], Any]] = {
    rpc.EstablishForceRequest: lambda m, on, by: f.EstablishForce(
        m.code, word(ev.ForceKind, m.kind, FORCE), m.unit_id, tuple(m.skills), m.speaker_ref, on, by
    ),
    rpc.NameSpeakerRequest: lambda m, on, by: f.NameSpeaker(m.speaker_ref, on, by),
    rpc.DisbandForceRequest: lambda _m, on, by: f.DisbandForce(on, by),
}
"""The domain command of a request, for a day and by somebody; the table is all there is."""


@dataclass(frozen=True, slots=True)
class Bodies:
    """What can be ordered and asked about the forces of the caller's site."""

    lookups: Lookups
    kind: Kind[Force]

    async def order(self, principal: Principal, meta: CommandMeta, request: Any) -> rpc.Force:
        """Execute an order; the answer is the force after it, the same on every retry.

        Raises:
            CommandError: refused; nothing changed.
        """
        site_id = self.lookups.site_of(principal)
        order = order_of(principal.subject, meta, request)
        on = await self.lookups.day_ordered(site_id, request, order)
        command = COMMANDS[type(request)](request, on, principal.subject)
        if isinstance(command, f.EstablishForce):
            return await self._establish(principal, order, command)
        zone = self.lookups.zone(site_id)

        def authorize(force: Force, _at: Any) -> None:
            if not principal.covers(force.unit_id):
                raise Forbidden("not your unit")

        answer = await self.kind.commands.execute(
            force_id(site_id, request.code),
            order,
            lambda force, context: f.decide(force, command, context, zone),
            authorize=authorize,
            answer=lambda record: to_force(record).SerializeToString(),
            absent=lambda: NotFound("no such force"),
        )
        return rpc.Force.FromString(answer)

    async def one(self, principal: Principal, code: str) -> rpc.Force:
        """A force.

        Raises:
            NotFound: there is none.
        """
        record = await self.kind.committer.get_one(force_id(self.lookups.site_of(principal), code))
        if record is None:
            raise NotFound("no such force")
        return to_force(record)

    async def page(self, principal: Principal, after: str, limit: int) -> list[rpc.Force]:
        """Forces of the caller's site, by code."""
        query = {"site": self.lookups.site_of(principal), "state.code": {"$gt": after}}
        find = self.kind.committer.repository.find
        records = await self.lookups.base.threads.run(lambda: find(query, sort="state.code", limit=limit))
        return [to_force(record) for record in records]

    async def standing(self, site_id: str, code: str, on: date) -> Force:
        """A force that is there on a day.

        Raises:
            Invalid: it is not; it names the field.
        """
        record = await self.kind.committer.get_one(force_id(site_id, code))
        if record is None or record.state is None or on not in force_of(record).days:
            raise Invalid([Violation("force", "no_such_force")])
        return force_of(record)

    async def some(self, site_id: str, codes: Collection[str]) -> dict[str, Force]:
        """Forces by code, as far as they are there."""
        records = await self.kind.committer.get([force_id(site_id, code) for code in codes])
        return {record.state.code: record.state for record in records.values() if record.state}

    async def _establish(self, principal: Principal, order: Order, command: f.EstablishForce) -> rpc.Force:
        site_id = self.lookups.site_of(principal)
        if not principal.covers(command.unit_id):
            raise Forbidden("not your unit")
        await standing_unit(self.lookups, site_id, "unit_id", command.unit_id, command.on)
        zone = self.lookups.zone(site_id)

        def begin(context: Context) -> Decision:
            return f.establish(command, context, zone)

        creation: Creation[Force] = Creation(force_id(site_id, command.code), site_id, order, begin)
        return to_force(await begin_named(self.kind, creation))
