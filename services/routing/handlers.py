"""Load → decide → commit, for each command of a handler; and the reads that queues are made of."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from google.protobuf.message import Message

from fengqiao.common.v1.common_pb2 import CommandMeta
from fengqiao.routing.v1 import routing_service_pb2 as rpc
from services.chassis.auth import Principal, Role
from services.chassis.commands import order_of
from services.chassis.errors import CommandError, Forbidden
from services.chassis.foundation import Foundation
from services.chassis.model import Context, Decision, Table, transition
from services.chassis.queues import Queue, soonest_due
from services.chassis.record import Record
from services.chassis.store import Raw
from services.routing import domain
from services.routing.domain import Case
from services.routing.domain.assist import ACTIVE
from services.routing.domain.codes.citing import Known, speaking
from services.routing.domain.placing import refuse_recused
from services.routing.helping import assists, leads, least, plan_of, team
from services.routing.naming import hidden
from services.routing.ordering import may_order, to_command
from services.routing.pending import Asked, pending
from services.routing.store import load
from services.routing.telling import answer_of, instant_of, to_message, told
from services.routing.watching.overview import Overview
from services.routing.watching.view import View

SHOWN = 4_000
"""How many cases are kept as clients see them: pages of queues are looked at again and again."""


@dataclass(frozen=True, slots=True)
class Cases:
    """What RPCs can do with cases."""

    base: Foundation[Case]
    cells: Table
    fresh: Callable[[], Awaitable[None]]
    """Sees to it that what the directory says is known."""
    codes: Callable[[str, Collection[str]], Awaitable[Known]]
    """The village codes of some units of a site."""
    on_duty: Callable[[str, str], Awaitable[Sequence[str] | None]]
    """Who is on duty in a department of a site; None: it does not stand."""
    overview: Overview
    """What is open, in memory."""
    shown: dict[str, tuple[int, rpc.Case]] = field(default_factory=dict)
    """Cases of queues as they were shown last, by version."""

    async def command(
        self,
        principal: Principal,
        case_id: str,
        meta: CommandMeta,
        request: Message,
        **known: object,
    ) -> rpc.Case:
        """Execute a handler's command; the answer is the case after it, the same on every retry.

        `known` are fields of the command that no request can hold: what is known of other cases.

        Raises:
            CommandError: refused; nothing changed, but for what had fallen due before.
        """
        command: Any = to_command(request, principal)
        command = replace(command, **known)
        await self.fresh()
        if isinstance(command, domain.ResolveCase) and command.clauses:
            command = replace(command, known=await self._codes_of(case_id))
        if isinstance(command, domain.AskForAssistance) and command.department:
            there = await self.on_duty(principal.site, command.department)
            command = replace(command, stands=there is not None, person_ref=next(iter(there or ()), ""))

        def decide(case: Case, context: Context) -> Decision:
            return transition(self.cells, case.status, case, command, context)

        def authorize(case: Case, at: datetime) -> None:
            if not may_order(principal, command, case, at):
                raise out_of_reach(principal)
            refuse_recused(principal.subject, case)

        answer = await self.base.commands.execute(
            case_id,
            order_of(principal.subject, meta, request),
            decide,
            authorize=authorize,
            answer=lambda record: _seen(principal, record, instant_of(record)).SerializeToString(),
            absent=lambda: out_of_reach(principal),
        )
        return rpc.Case.FromString(answer)

    async def get(self, principal: Principal, case_ids: Sequence[str]) -> list[rpc.Case]:
        """The cases among these ids that exist and that the caller may see."""
        records = await self.base.committer.get(case_ids)
        moments = await self.base.threads.run(self.base.clocks.read)
        return [
            _seen(principal, record, moments[record.site].now)
            for record in records.values()
            if record.state is not None and may_see(principal, record.state)
        ]

    async def one(self, principal: Principal, case_id: str) -> Record[Case]:
        """The record of one case.

        Raises:
            Forbidden: out of reach, or not there and the caller may not know.
            NotFound: not there.
        """
        record = (await self.base.committer.get([case_id])).get(case_id)
        if record is None or record.state is None:
            raise out_of_reach(principal)
        if not may_see(principal, record.state):
            raise out_of_reach(principal)
        return record

    async def _codes_of(self, case_id: str) -> Known:
        """What codes may speak on a case; none where there is no such case, which is refused later."""
        record = await self.base.committer.get_one(case_id)
        if record is None or record.state is None:
            return {}
        return await self.codes(record.site, speaking(record.state))

    async def queue(
        self,
        principal: Principal,
        unit_id: str,
        after: tuple[datetime, str] | None,
        limit: int,
        *,
        below: bool,
    ) -> list[rpc.Case]:
        """Cases of a unit that are not settled, soonest due first, after a (due time, id) pair.

        Raises:
            Forbidden: not the caller's unit.
        """
        if not principal.covers(unit_id):
            raise Forbidden("not your unit")
        if view := await self.overview.at_hand(principal.site):
            return await self._shown(view, view.queue(unit_id, after, limit, below=below))
        found = await self._soonest_due(
            principal, Queue([principal.site], domain.UNSETTLED, unit_id, below, after), limit
        )
        return [case for case, _raw in found]

    async def _shown(self, view: View, case_ids: Sequence[str]) -> list[rpc.Case]:
        """Cases as clients see them, from what was shown before as far as it is still so."""
        now = view.lines.now
        there = {each: self.shown.get(each, (0, None)) for each in case_ids}
        lacking = [each for each, (version, _) in there.items() if version != view.version(each)]
        if lacking:
            for record in (await self.base.committer.get(lacking)).values():
                there[record.id] = record.version, to_message(record, now)
        cases = []
        for case_id, (version, known) in there.items():
            if known is None:
                continue
            # The latest shown stay.
            self.shown.pop(case_id, None)
            self.shown[case_id] = version, known
            case = rpc.Case()
            case.CopyFrom(known)
            if facts := view.facts.get(case_id):
                case.overdue = facts.overdue(now)
            cases.append(case)
        while len(self.shown) > SHOWN:
            del self.shown[next(iter(self.shown))]
        return cases

    async def orders(
        self,
        principal: Principal,
        unit_id: str,
        after: tuple[datetime, str] | None,
        limit: int,
        *,
        below: bool,
    ) -> list[rpc.ListedOrder]:
        """As `queue`, those cases under a standing supervision order, with the answers in writing.

        Raises:
            Forbidden: not the caller's unit.
        """
        queue = Queue([principal.site], domain.OPEN, unit_id, below, after)
        found = await self._soonest_due(principal, queue, limit, lambda raw: bool(raw["state"].get("order")))
        return [rpc.ListedOrder(case=case, answer=answer_of(case, raw)) for case, raw in found]

    async def team(self, principal: Principal, case_id: str) -> rpc.GetTeamResponse:
        """Who works on a case.

        Raises:
            Forbidden: out of reach, or not there and the caller may not know.
            NotFound: not there.
        """
        record = await self.one(principal, case_id)
        [case] = await self.get(principal, [record.id])
        if record.state is None:
            raise out_of_reach(principal)
        return rpc.GetTeamResponse(
            case=case,
            assistances=team(principal, record.state, record.private),
            plan=plan_of(principal, record.state, record.private),
        )

    async def assisted(
        self, principal: Principal, unit_id: str, after: tuple[datetime, str] | None, limit: int
    ) -> list[rpc.Case]:
        """As `queue`, those cases of whatever unit that a unit is asked to assist with.

        Raises:
            Forbidden: not the caller's unit.
        """

        def asked(raw: Raw) -> bool:
            found = raw["state"].get("assists") or ()
            return any(each["unit_id"] == unit_id and each["status"] in ACTIVE for each in found)

        if not principal.covers(unit_id):
            raise Forbidden("not your unit")
        queue = Queue([principal.site], domain.OPEN, "", below=True, after=after)
        collection = self.base.committer.repository.collection
        raws = await self.base.threads.run(soonest_due, collection, queue, limit, asked)
        now = (await self.base.threads.run(self.base.clocks.moment, principal.site)).now
        found = [(raw, load(raw["state"])) for raw in raws]
        return [least(principal, case, told(raw["_id"], raw["revision"], case, now)) for raw, case in found]

    async def follow_ups(
        self,
        principal: Principal,
        unit_id: str,
        after: tuple[datetime, str] | None,
        limit: int,
        *,
        below: bool,
    ) -> list[rpc.Case]:
        """Settled cases about which a unit (without one: the desk) is to call back, or to review them.

        Raises:
            Forbidden: not the caller's unit, or what is the desk's.
        """
        if not (principal.covers(unit_id) if unit_id else principal.role in {Role.DESK, Role.SUPERVISOR}):
            raise Forbidden("not your unit")
        collection = self.base.committer.repository.collection

        def read() -> list[Raw]:
            return pending(collection, Asked(principal.site, unit_id, below, after), limit, principal.covers)

        raws = await self.base.threads.run(read)
        now = (await self.base.threads.run(self.base.clocks.moment, principal.site)).now
        return [told(raw["_id"], raw["revision"], load(raw["state"]), now) for raw in raws]

    async def _soonest_due(
        self, principal: Principal, queue: Queue, limit: int, keep: Callable[[Raw], bool] = lambda _raw: True
    ) -> list[tuple[rpc.Case, Raw]]:
        if not principal.covers(queue.unit_id):
            raise Forbidden("not your unit")
        collection = self.base.committer.repository.collection
        now = (await self.base.threads.run(self.base.clocks.moment, principal.site)).now
        queue = replace(queue, around=now)
        raws = await self.base.threads.run(soonest_due, collection, queue, limit, keep)
        return [(told(raw["_id"], raw["revision"], load(raw["state"]), now), raw) for raw in raws]


def may_see(principal: Principal, case: Case) -> bool:
    """Handlers see what their units own, owned or are asked to assist with; the resident their own case."""
    if principal.site not in {case.site_id, "*"}:
        return False
    if principal.role == "resident":
        return bool(case.person_ref) and principal.subject == case.person_ref
    return leads(principal, case) or assists(principal, case)


def _seen(principal: Principal, record: Record[Case], now: datetime) -> rpc.Case:
    """The case as the caller may see it."""
    message = to_message(record, now)
    return least(principal, record.state, message) if record.state else message


def out_of_reach(principal: Principal) -> CommandError:
    """What is said of a case that is not there or not the caller's: the same, so that neither tells."""
    return hidden(principal, "no such case", "no such case in your territory")
