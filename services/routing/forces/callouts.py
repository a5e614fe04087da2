"""Load → decide → commit, for each call-out of volunteers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from google.protobuf.message import Message

from fengqiao.common.v1.common_pb2 import CommandMeta
from fengqiao.routing.v1 import force_service_pb2 as rpc
from services.chassis.auth import Principal, Role
from services.chassis.commands import Creation, id_from, order_of
from services.chassis.errors import CommandError, Forbidden, Invalid, Violation
from services.chassis.kinds import Kind
from services.chassis.model import Context, Decision
from services.chassis.protobuf import instant_or_none
from services.routing.domain.forces import callout as c
from services.routing.domain.forces.calling import call_out, decide
from services.routing.domain.forces.callout import CallOut
from services.routing.domain.forces.force import Force
from services.routing.domain.forces.matching import Suggestion, Wanted
from services.routing.domain.placing import refuse_recused
from services.routing.forces.matching import Matching, needs_members
from services.routing.forces.messages import call_out_of, to_call_out
from services.routing.forces.places import standing_unit
from services.routing.handlers import Cases, out_of_reach
from services.routing.naming import hidden

GATHER = timedelta(minutes=30)
LASTS = timedelta(hours=4)
SPARE = 2
"""How many are asked for one that is needed, where nobody is named."""

COMMANDS: Mapping[type[Message], Callable[[Any, str], Any]] = {
    rpc.AnswerCallOutRequest: lambda m, _by: c.AnswerCallOut(m.person_ref, m.accept),
    rpc.CheckInRequest: lambda m, _by: c.CheckIn(m.person_ref),
    rpc.CheckOutRequest: lambda m, _by: c.CheckOut(m.person_ref),
    rpc.EndCallOutRequest: lambda _m, by: c.EndCallOut(by),
    rpc.CancelCallOutRequest: lambda _m, by: c.CancelCallOut(by),
}
"""The domain command of a request, by somebody; who is asked later has to be looked up first."""


@dataclass(frozen=True, slots=True)
class About:
    """What a call-out is about, and which unit is told of it."""

    unit_id: str
    told_unit_id: str
    case_id: str = ""
    request_no: str = ""


@dataclass(frozen=True, slots=True)
class CallOuts:
    """What RPCs can do with call-outs."""

    matching: Matching
    cases: Cases
    kind: Kind[CallOut]

    async def call(
        self, principal: Principal, meta: CommandMeta, request: rpc.CallOutVolunteersRequest
    ) -> rpc.CallOut:
        """Call volunteers out; the same key is answered with the same call-out.

        Raises:
            Forbidden: the case or the place is out of reach.
            Invalid: somebody named can't be asked, or the times are wrong.
        """
        lookups = self.matching.lookups
        site_id = lookups.site_of(principal)
        order = order_of(principal.subject, meta, request)
        id_ = id_from("call-out", principal.subject, order.key)
        there = await self.kind.committer.get_one(id_)
        if there and there.answered and there.answered[0].body_hash == order.body_hash:
            return to_call_out(there)
        at = order.occurred_at or (await lookups.base.clocks.look_at(site_id, lookups.base.threads)).now
        about = await self._about(principal, request, at)
        wanted = wanted_of(request, about.unit_id, at, GATHER)
        force, asked = await self._asked(site_id, request, wanted)

        def begin(context: Context) -> Decision:
            command = c.CallOutVolunteers(
                wanted=wanted,
                case_id=about.case_id,
                request_no=about.request_no,
                told_unit_id=about.told_unit_id,
                force=force.code if force else "",
                needed=request.needed or 1,
                asked=asked,
                called_by=principal.subject,
            )
            return call_out(command, context, lookups.base.sites[site_id])

        return to_call_out(await self.kind.commands.create(Creation(id_, site_id, order, begin)))

    async def command(
        self, principal: Principal, call_out_id: str, meta: CommandMeta, request: Any
    ) -> rpc.CallOut:
        """Ask more, answer, check in or out, end or cancel; the answer is the same on every retry.

        Raises:
            CommandError: refused; nothing changed, but for what had fallen due before.
        """
        only = principal.subject if principal.role is Role.VOLUNTEER else ""
        if isinstance(request, rpc.AskVolunteersRequest):
            command: Any = await self._more(principal, request)
        else:
            command = COMMANDS[type(request)](request, principal.subject)

        def authorize(there: CallOut, _at: datetime) -> None:
            own = getattr(command, "person_ref", None) == only and there.volunteer(only) is not None
            if not (own if only else reaches(principal, there)):
                raise absent(principal)

        answer = await self.kind.commands.execute(
            call_out_id,
            order_of(principal.subject, meta, request),
            lambda there, context: decide(there, command, context),
            authorize=authorize,
            answer=lambda record: to_call_out(record, only).SerializeToString(),
            absent=lambda: absent(principal),
        )
        return rpc.CallOut.FromString(answer)

    async def one(self, principal: Principal, call_out_id: str) -> rpc.CallOut:
        """A call-out; a volunteer sees their own part of it.

        Raises:
            NotFound: there is none; Forbidden where the caller may not know.
        """
        record = await self.kind.committer.get_one(call_out_id)
        if record is None:
            raise absent(principal)
        there = call_out_of(record)
        if principal.role is Role.VOLUNTEER:
            if there.volunteer(principal.subject) is None or not principal.at(there.site_id):
                raise absent(principal)
            return to_call_out(record, principal.subject)
        if not reaches(principal, there):
            raise absent(principal)
        return to_call_out(record)

    async def suggest(
        self, principal: Principal, request: rpc.SuggestVolunteersRequest, limit: int
    ) -> list[Suggestion]:
        """Who fits, without asking anybody.

        Raises:
            Forbidden: not the caller's unit.
        """
        lookups = self.matching.lookups
        site_id = lookups.site_of(principal)
        if not principal.covers(request.unit_id):
            raise Forbidden("not your unit")
        now = (await lookups.base.clocks.look_at(site_id, lookups.base.threads)).now
        wanted = wanted_of(request, request.unit_id, now, timedelta())
        force = await self._force(site_id, request.force, wanted)
        return await self.matching.suggestions(site_id, wanted, force, limit)

    async def _about(
        self, principal: Principal, request: rpc.CallOutVolunteersRequest, at: datetime
    ) -> About:
        lookups = self.matching.lookups
        if request.case_id:
            record = await self.cases.one(principal, request.case_id)
            case = record.state
            if case is None or not principal.covers(case.unit_id):
                raise out_of_reach(principal)
            refuse_recused(principal.subject, case)
            about = About(request.unit_id or case.unit_id, case.unit_id, record.id, case.request_no)
        elif request.unit_id:
            about = About(request.unit_id, request.unit_id)
        else:
            raise Invalid([Violation("unit_id", "required")])
        if not principal.covers(about.unit_id):
            raise Forbidden("not your unit")
        site_id = lookups.site_of(principal)
        day = at.astimezone(lookups.zone(site_id)).date()
        await standing_unit(lookups, site_id, "unit_id", about.unit_id, day)
        return about

    async def _asked(
        self, site_id: str, request: rpc.CallOutVolunteersRequest, wanted: Wanted
    ) -> tuple[Force | None, tuple[Suggestion, ...]]:
        force = await self._force(site_id, request.force, wanted)
        if request.person_refs:
            return force, await self.matching.named(site_id, wanted, force, request.person_refs)
        most = (request.needed or 1) * SPARE
        return force, tuple(await self.matching.suggestions(site_id, wanted, force, most))

    async def _force(self, site_id: str, code: str, wanted: Wanted) -> Force | None:
        if not code:
            return None
        day = wanted.begins_at.astimezone(self.matching.lookups.zone(site_id)).date()
        force = await self.matching.persons.bodies.standing(site_id, code, day)
        needs_members(force, wanted)
        return force

    async def _more(self, principal: Principal, request: rpc.AskVolunteersRequest) -> c.AskVolunteers:
        record = await self.kind.committer.get_one(request.call_out_id)
        if record is None or not reaches(principal, call_out_of(record)):
            raise absent(principal)
        there = call_out_of(record)
        if any(there.volunteer(ref) for ref in request.person_refs):
            # Decided, and on a retry answered, where it is guarded.
            return c.AskVolunteers(tuple(Suggestion(ref, ()) for ref in request.person_refs))
        force = await self._force(record.site, there.force, there.wanted)
        return c.AskVolunteers(
            await self.matching.named(record.site, there.wanted, force, request.person_refs)
        )


def wanted_of(request: Any, unit_id: str, at: datetime, later: timedelta) -> Wanted:
    """What a request looks for; without a beginning it is so much later than now."""
    begins = instant_or_none(request.begins_at) if request.HasField("begins_at") else None
    ends = instant_or_none(request.ends_at) if request.HasField("ends_at") else None
    begins = begins or at + later
    return Wanted(request.skill, unit_id, begins, ends or begins + LASTS)


def reaches(principal: Principal, there: CallOut) -> bool:
    """Whether a call-out is the caller's to see to: it is told to their unit, or comes to it."""
    units = (there.told_unit_id, there.unit_id)
    return principal.at(there.site_id) and any(principal.covers(unit) for unit in units)


def absent(principal: Principal) -> CommandError:
    """What is said of a call-out that is not there or not the caller's: the same, so that neither tells."""
    return hidden(principal, "no such call-out", "no such call-out of yours")
