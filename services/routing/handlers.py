"""Load → decide → commit, for each command of a handler; and the reads that queues are made of."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from google.protobuf.message import Message

from fengqiao.common.v1.common_pb2 import CommandMeta
from fengqiao.routing.v1 import routing_service_pb2 as rpc
from services.chassis.auth import Principal
from services.chassis.commands import order_of
from services.chassis.errors import CommandError, Forbidden
from services.chassis.foundation import Foundation
from services.chassis.model import Context, Decision, Table, transition
from services.chassis.queues import Queue, soonest_due
from services.chassis.record import Record
from services.chassis.store import Raw
from services.routing import domain
from services.routing.domain import Case
from services.routing.domain.codes.citing import Known, speaking
from services.routing.naming import hidden
from services.routing.ordering import may_order, to_command
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
    overview: Overview
    """What is open, in memory."""
    shown: dict[str, tuple[int, rpc.Case]] = field(default_factory=dict)
    """Cases of queues as they were shown last, by version."""

    async def command(
        self, principal: Principal, case_id: str, meta: CommandMeta, request: Message
    ) -> rpc.Case:
        """Execute a handler's command; the answer is the case after it, the same on every retry.

        Raises:
            CommandError: refused; nothing changed, but for what had fallen due before.
        """
        command = to_command(request, principal)
        await self.fresh()
        if isinstance(command, domain.ResolveCase) and command.clauses:
            command = replace(command, known=await self._codes_of(case_id))

        def decide(case: Case, context: Context) -> Decision:
            return transition(self.cells, case.status, case, command, context)

        def authorize(case: Case, at: datetime) -> None:
            if not may_order(principal, command, case, at):
                raise out_of_reach(principal)

        answer = await self.base.commands.execute(
            case_id,
            order_of(principal.subject, meta, request),
            decide,
            authorize=authorize,
            answer=lambda record: to_message(record, instant_of(record)).SerializeToString(),
            absent=lambda: out_of_reach(principal),
        )
        return rpc.Case.FromString(answer)

    async def get(self, principal: Principal, case_ids: Sequence[str]) -> list[rpc.Case]:
        """The cases among these ids that exist and that the caller may see."""
        records = await self.base.committer.get(case_ids)
        moments = await self.base.threads.run(self.base.clocks.read)
        return [
            to_message(record, moments[record.site].now)
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
    """Handlers see what their units own or owned; the resident their own case."""
    if principal.site not in {case.site_id, "*"}:
        return False
    if principal.role == "resident":
        return bool(case.person_ref) and principal.subject == case.person_ref
    owners = {case.unit_id, *(step.from_unit_id for step in case.steps)}
    return any(principal.covers(unit_id) for unit_id in owners)


def out_of_reach(principal: Principal) -> CommandError:
    """What is said of a case that is not there or not the caller's: the same, so that neither tells."""
    return hidden(principal, "no such case", "no such case in your territory")
