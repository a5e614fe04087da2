"""Load → decide → commit, for each order about a screening campaign."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from fengqiao.common.v1.common_pb2 import CommandMeta
from fengqiao.routing.v1 import screening_service_pb2 as rpc
from services.chassis.auth import Principal
from services.chassis.commands import Creation, order_of
from services.chassis.errors import CommandError, Forbidden
from services.chassis.kinds import Kind
from services.chassis.model import Context, Decision, Table, transition
from services.chassis.record import Record
from services.routing.directory.lookups import Lookups, day_of
from services.routing.domain.screenings import commands as c
from services.routing.domain.screenings.planning import plan
from services.routing.domain.screenings.screening import Screening
from services.routing.naming import begin_named, hidden
from services.routing.rosters.departments import Departments
from services.routing.rosters.messages import department_of
from services.routing.rules import Rules
from services.routing.screenings.messages import (
    in_full,
    is_within,
    may_see,
    screening_of,
    to_screening,
    with_part,
)
from services.routing.screenings.risks import Risks
from services.routing.store import department_id, screening_id
from services.routing.telling import instant_of


@dataclass(frozen=True, slots=True)
class Screenings:
    """What can be ordered and asked about the screening campaigns of the caller's site."""

    lookups: Lookups
    departments: Departments
    risks: Risks
    kind: Kind[Screening]
    cells: Table
    rules: Mapping[str, Rules]
    fresh: Callable[[], Awaitable[None]]
    """Sees to it that what the directory says is known."""

    async def plan(self, principal: Principal, request: rpc.PlanScreeningRequest) -> rpc.Screening:
        """A campaign is to be held; the same key is answered with the same campaign.

        Raises:
            CommandError: refused.
        """
        site_id, order = self.lookups.site_of(principal), order_of(principal.subject, request.meta, request)
        if not principal.covers(request.unit_code):
            raise Forbidden("not your unit")
        today = await self.lookups.today(site_id, order.occurred_at)
        since = day_of("since", request.since) or today
        until = day_of("until", request.until) or since
        command = c.PlanScreening(
            code=request.code,
            unit_code=request.unit_code,
            kinds=tuple(request.kinds),
            tier=request.tier,
            since=since,
            until=until,
            due_on=day_of("due_on", request.due_on) or until,
            planned_by=principal.subject,
            lead=request.lead,
            repeat_every=request.repeat_every,
            repeat_unit=request.repeat_unit,
            absent=await self._absent(site_id, request.lead, since),
        )
        await self.fresh()

        def begin(context: Context) -> Decision:
            return plan(command, context, self.rules[site_id])

        id_ = screening_id(site_id, request.code)
        record = await begin_named(self.kind, Creation(id_, site_id, order, begin))
        return in_full(record, principal, today, {}, ())

    async def report(self, principal: Principal, request: rpc.ReportScreeningRequest) -> rpc.Screening:
        """A unit of the caller's did its part; the answer is that part, the same on every retry.

        Raises:
            CommandError: refused; nothing changed, but for what had fallen due before.
        """
        site_id = self.lookups.site_of(principal)
        at = order_of("", request.meta, request).occurred_at
        homes = await self.lookups.households(
            site_id, request.unit_code, await self.lookups.today(site_id, at)
        )
        command = c.ReportScreening(
            unit_code=request.unit_code,
            visited=request.visited,
            findings=tuple((each.kind, each.count) for each in request.findings),
            reported_by=principal.subject,
            households=sum(homes.values()),
        )

        def authorize(screening: Screening, _at: datetime) -> None:
            if not principal.at(screening.site_id) or not principal.covers(request.unit_code):
                raise absent_to(principal)

        def answer(record: Record[Screening]) -> bytes:
            day = instant_of(record).astimezone(self.rules[site_id].zone).date()
            return with_part(record, request.unit_code, day).SerializeToString()

        return await self._execute(principal, request.meta, request, command, authorize, answer)

    async def close(self, principal: Principal, request: rpc.CloseScreeningRequest) -> rpc.Screening:
        """The round ends; the answer is the campaign without its parts, the same on every retry.

        Raises:
            CommandError: refused; nothing changed, but for what had fallen due before.
        """
        command = c.CloseScreening(
            principal.subject, dict(request.reasons), request.reason, for_good=request.for_good
        )

        def authorize(screening: Screening, _at: datetime) -> None:
            if not principal.at(screening.site_id) or not principal.covers(screening.unit_code):
                raise absent_to(principal)

        def answer(record: Record[Screening]) -> bytes:
            return to_screening(record).SerializeToString()

        return await self._execute(principal, request.meta, request, command, authorize, answer)

    async def one(self, principal: Principal, code: str) -> rpc.Screening:
        """A campaign as the caller may see it, with the early warnings of its round.

        Raises:
            NotFound: there is none; Forbidden where the caller may not know.
        """
        site_id = self.lookups.site_of(principal)
        record = await self.kind.committer.get_one(screening_id(site_id, code))
        if record is None or record.state is None or not may_see(principal, record.state):
            raise absent_to(principal)
        screening, today = record.state, await self.lookups.today(site_id)
        start = datetime.combine(screening.since, time.min, self.rules[site_id].zone).astimezone(UTC)
        risks = await self.risks.of(site_id, code, start)
        homes = await self.lookups.households(site_id, screening.unit_code, today)
        inside = [raw for raw in risks if is_within(raw["unit"], screening.unit_code)]
        return in_full(record, principal, today, homes, inside)

    async def page(self, principal: Principal, after: str, limit: int) -> tuple[list[rpc.Screening], str]:
        """Campaigns of the caller's site that they may see, by code; and the code after which more follow."""
        query = {"site": self.lookups.site_of(principal), "state.code": {"$gt": after}}
        find = self.kind.committer.repository.find
        records = await self.lookups.base.threads.run(lambda: find(query, sort="state.code", limit=limit))
        told = [to_screening(each) for each in records if may_see(principal, screening_of(each))]
        return told, screening_of(records[-1]).code if len(records) == limit else ""

    async def _execute(
        self,
        principal: Principal,
        meta: CommandMeta,
        request: Any,
        command: Any,
        authorize: Callable[[Screening, datetime], None],
        answer: Callable[[Record[Screening]], bytes],
    ) -> rpc.Screening:
        await self.fresh()

        def decide(screening: Screening, context: Context) -> Decision:
            return transition(self.cells, screening.status, screening, command, context)

        given = await self.kind.commands.execute(
            screening_id(self.lookups.site_of(principal), request.code),
            order_of(principal.subject, meta, request),
            decide,
            authorize=authorize,
            answer=answer,
            absent=lambda: absent_to(principal),
        )
        return rpc.Screening.FromString(given)

    async def _absent(self, site_id: str, lead: str, on: date) -> tuple[str, ...]:
        """The field of the department that leads, where that does not stand on a day."""
        if not lead:
            return ()
        record = await self.departments.kind.committer.get_one(department_id(site_id, lead))
        return () if record and record.state and on in department_of(record).days else ("lead",)


def absent_to(principal: Principal) -> CommandError:
    """What is said of a campaign that is not there or not the caller's: the same, so that neither tells."""
    return hidden(principal, "no such screening", "no such screening of yours")
