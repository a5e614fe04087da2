"""Load → decide → commit, for each order about an emergency."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from fengqiao.common.v1.common_pb2 import CommandMeta
from fengqiao.routing.v1 import emergency_service_pb2 as rpc
from fengqiao.routing.v1.emergency_events_pb2 import EmergencyEnd
from services.chassis.auth import Principal
from services.chassis.commands import Creation, id_from, order_of
from services.chassis.errors import CommandError, Forbidden, KeyReused, NotFound
from services.chassis.kinds import Kind
from services.chassis.model import Context, Decision, transition
from services.chassis.protobuf import instant, timestamp
from services.chassis.record import Record
from services.routing.directory.claims import Claims
from services.routing.directory.lookups import Lookups
from services.routing.domain.emergencies.emergency import (
    DECLARED,
    TABLE,
    Declaration,
    DeclareEmergency,
    EndEmergency,
    declare,
)
from services.routing.emergencies.following import Watch
from services.routing.naming import hidden
from services.routing.rules import Rules
from services.routing.telling import instant_of

CLAIM = "emergencies"


@dataclass(frozen=True, slots=True)
class Emergencies:
    """What can be ordered and asked about the emergencies of the caller's site."""

    lookups: Lookups
    claims: Claims
    kind: Kind[Declaration]
    watch: Watch
    rules: Mapping[str, Rules]
    fresh: Callable[[], Awaitable[None]]
    """Sees to it that what the directory says is known."""

    async def declare(
        self, principal: Principal, meta: CommandMeta, request: rpc.DeclareEmergencyRequest
    ) -> rpc.Emergency:
        """A profile is put before the table; the same key is answered with the same emergency.

        Raises:
            CommandError: refused; nothing changed.
        """
        site_id, order = self.lookups.site_of(principal), order_of(principal.subject, meta, request)
        if not principal.covers(request.unit_code):
            raise Forbidden("not your unit")
        await self.fresh()
        id_ = id_from("emergency", principal.subject, order.key)
        # One after the other: of two that cross, the second one sees the first.
        async with self.claims.held(site_id, [CLAIM]):
            there = await self.kind.committer.get_one(id_)
            if there is None:
                command = DeclareEmergency(
                    request.profile,
                    self.watch.declared[site_id].latest(request.profile),
                    request.unit_code,
                    instant(request.begins_at) if request.HasField("begins_at") else None,
                    instant(request.until),
                    request.reason,
                    principal.subject,
                    self.rules[site_id].places.unit(request.unit_code).id != request.unit_code,
                )
                others = await self._standing(site_id)

                def begin(context: Context) -> Decision:
                    return declare(command, context, others)

                there = await self.kind.commands.create(Creation(id_, site_id, order, begin))
            elif there.answered and there.answered[0].body_hash != order.body_hash:
                raise KeyReused("the idempotency key was used with another body")
        self.watch.stale()
        return self._told(there, instant_of(there))

    async def end(
        self, principal: Principal, meta: CommandMeta, request: rpc.EndEmergencyRequest
    ) -> rpc.Emergency:
        """Back to the usual rules before its time is over.

        Raises:
            CommandError: refused; nothing changed, but for what had fallen due before.
        """
        command = EndEmergency(request.reason, principal.subject)

        def decide(emergency: Declaration, context: Context) -> Decision:
            return transition(TABLE, emergency.status, emergency, command, context)

        def authorize(emergency: Declaration, _at: datetime) -> None:
            if not principal.at(emergency.site_id) or not principal.covers(emergency.unit_code):
                raise absent_to(principal)

        answer = await self.kind.commands.execute(
            request.emergency_id,
            order_of(principal.subject, meta, request),
            decide,
            authorize=authorize,
            answer=lambda record: self._told(record, instant_of(record)).SerializeToString(),
            absent=lambda: absent_to(principal),
        )
        self.watch.stale()
        return rpc.Emergency.FromString(answer)

    async def page(
        self, principal: Principal, after: str, limit: int, *, standing: bool
    ) -> tuple[list[rpc.Emergency], str, list[str]]:
        """Emergencies of the caller's site by their beginning, the place after which more follow, and the
        profiles there are.
        """
        site_id = self.lookups.site_of(principal)
        query: dict[str, object] = {"site": site_id, "state.place": {"$gt": after}}
        if standing:
            query["state.status"] = DECLARED
        find, base = self.kind.committer.repository.find, self.lookups.base
        records = await base.threads.run(lambda: find(query, sort="state.place", limit=limit))
        now = (await base.clocks.look_at(site_id, base.threads)).now
        place = state_of(records[-1]).place if len(records) == limit else ""
        return [self._told(each, now) for each in records], place, list(self.watch.declared[site_id].profiles)

    async def _standing(self, site_id: str) -> list[Declaration]:
        find = self.kind.committer.repository.find
        query = {"site": site_id, "state.status": DECLARED}
        return [state_of(each) for each in await self.lookups.base.threads.run(find, query)]

    def _told(self, record: Record[Declaration], now: datetime) -> rpc.Emergency:
        """The emergency as clients see it."""
        emergency = state_of(record)
        message = rpc.Emergency(
            emergency_id=record.id,
            unit_code=emergency.unit_code,
            profile=emergency.name,
            begins_at=timestamp(emergency.begins_at),
            ends_at=timestamp(emergency.ends_at),
            reason=emergency.reason,
            declared_by=emergency.declared_by,
            end=EmergencyEnd.ValueType(emergency.end),
            end_reason=emergency.end_reason,
            ended_by=emergency.ended_by,
            in_force=emergency.in_force(now),
            known=emergency.name in self.watch.declared[emergency.site_id].profiles,
            revision=record.revision,
        )
        if emergency.ended_at:
            message.ended_at.CopyFrom(timestamp(emergency.ended_at))
        return message


def state_of(record: Record[Declaration]) -> Declaration:
    """A stored emergency.

    Raises:
        NotFound: it has not begun.
    """
    if record.state is None:
        raise NotFound("no such emergency")
    return record.state


def absent_to(principal: Principal) -> CommandError:
    """What is said of an emergency that is not there or not the caller's: the same, so that neither tells."""
    return hidden(principal, "no such emergency", "no such emergency of yours")
