"""Load → decide → commit, for each command of a handler; and the reads that queues and boards are made of."""

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from google.protobuf.message import Message

from fengqiao.common.v1.common_pb2 import CommandMeta, Tier
from fengqiao.routing.v1 import routing_service_pb2 as rpc
from fengqiao.routing.v1.events_pb2 import CitedClause, MoveReason, Track
from services.chassis.auth import Principal
from services.chassis.commands import order_of
from services.chassis.errors import CommandError, Forbidden, NotFound
from services.chassis.foundation import Foundation
from services.chassis.model import Context, Decision, Table, transition
from services.chassis.protobuf import timestamp
from services.chassis.queues import Queue, soonest_due
from services.chassis.record import Record
from services.chassis.store import Raw
from services.routing import domain
from services.routing.domain import Case
from services.routing.domain.codes.citing import Known, speaking
from services.routing.store import load

STATUSES: Mapping[str, rpc.CaseStatus.ValueType] = {
    domain.ASSIGNED: rpc.CASE_STATUS_ASSIGNED,
    domain.IN_PROGRESS: rpc.CASE_STATUS_IN_PROGRESS,
    domain.RESOLVED: rpc.CASE_STATUS_RESOLVED,
    domain.WITHDRAWN: rpc.CASE_STATUS_WITHDRAWN,
    domain.REFERRED: rpc.CASE_STATUS_REFERRED,
}


def to_command(request: Message) -> object:
    """The domain command of a request; the table below is all there is."""
    return COMMANDS[type(request)](request)


COMMANDS: Mapping[type[Message], Callable[[Any], object]] = {
    rpc.AcceptCaseRequest: lambda _request: domain.AcceptCase(),
    rpc.ReportProgressRequest: lambda request: domain.ReportProgress(request.progress, request.note),
    rpc.ResolveCaseRequest: lambda request: domain.ResolveCase(
        request.outcome, request.note, tuple(request.clauses)
    ),
    rpc.EscalateCaseRequest: lambda request: domain.EscalateCase(request.note),
    rpc.ReturnCaseRequest: lambda request: domain.ReturnCase(request.note),
    rpc.ReferCaseRequest: lambda request: domain.ReferCase(request.track, request.note),
}


@dataclass(frozen=True, slots=True)
class Cases:
    """What RPCs can do with cases."""

    base: Foundation[Case]
    cells: Table
    fresh: Callable[[], Awaitable[None]]
    """Sees to it that what the directory says is known."""
    codes: Callable[[str, Collection[str]], Awaitable[Known]]
    """The village codes of some units of a site."""

    async def command(
        self, principal: Principal, case_id: str, meta: CommandMeta, request: Message
    ) -> rpc.Case:
        """Execute a handler's command; the answer is the case after it, the same on every retry.

        Raises:
            CommandError: refused; nothing changed, but for what had fallen due before.
        """
        command = to_command(request)
        await self.fresh()
        if isinstance(command, domain.ResolveCase) and command.clauses:
            command = replace(command, known=await self._codes_of(case_id))

        def decide(case: Case, context: Context) -> Decision:
            return transition(self.cells, case.status, case, command, context)

        def authorize(case: Case, at: datetime) -> None:
            if not acts_for(principal, case, case.owner_at(at)[0]):
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
        queue = Queue([principal.site], domain.UNSETTLED, unit_id, below, after)
        collection = self.base.committer.repository.collection
        raws = await self.base.threads.run(soonest_due, collection, queue, limit)
        now = (await self.base.threads.run(self.base.clocks.moment, principal.site)).now
        return [told(raw["_id"], raw["revision"], load(raw["state"]), now) for raw in raws]

    async def board(self, site_id: str) -> rpc.WatchBoardResponse:
        """Counts per tier and status of a site."""
        collection = self.base.committer.repository.collection

        def read() -> list[Raw]:
            groups: list[Raw] = [
                {"$match": {"site": site_id}},
                {
                    "$group": {
                        "_id": {
                            "tier": "$state.tier",
                            "status": "$state.status",
                            "supervised": "$state.supervised_at",
                        },
                        "count": {"$sum": 1},
                        "climbs": {"$sum": {"$size": {"$ifNull": ["$state.steps", []]}}},
                    }
                },
            ]
            return list(collection.aggregate(groups))

        rows = await self.base.threads.run(read)
        now = (await self.base.threads.run(self.base.clocks.moment, site_id)).now
        return to_board(rows, now)


def to_board(rows: Iterable[Raw], now: datetime) -> rpc.WatchBoardResponse:
    """The board from grouped counts."""
    cells: dict[tuple[int, str], int] = {}
    board = rpc.WatchBoardResponse(now=timestamp(now))
    for row in rows:
        key, count = row["_id"], row["count"]
        if key.get("status") is None:
            board.not_yet_routed += count
            continue
        cells[key["tier"], key["status"]] = cells.get((key["tier"], key["status"]), 0) + count
        board.climbs += row["climbs"]
        if key.get("supervised") is not None and key["status"] in domain.OPEN:
            board.supervised += count
    for (tier, status), count in sorted(cells.items()):
        board.cells.add(tier=Tier.ValueType(tier), status=STATUSES[status], count=count)
    return board


def acts_for(principal: Principal, case: Case, unit_id: str) -> bool:
    """Whether the caller may act for a case's owner: it is their unit, one below it, or a replay."""
    return principal.site == case.site_id and (principal.role == "replay" or principal.covers(unit_id))


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
    if principal.covers_all:
        return NotFound("no such case")
    return Forbidden("no such case in your territory")


def instant_of(record: Record[Any]) -> datetime:
    """The business time that an answer is given for: that of the latest thing applied."""
    if record.last_at is None:
        raise NotFound("no such case")
    return record.last_at


def to_message(record: Record[Case], now: datetime) -> rpc.Case:
    """A case as clients see it."""
    if record.state is None:
        raise NotFound("no such case")
    return told(record.id, record.revision, record.state, now)


def told(case_id: str, revision: int, case: Case, now: datetime) -> rpc.Case:
    """As `to_message`, of a case's parts."""
    message = rpc.Case(
        case_id=case_id,
        request_no=case.request_no,
        site_id=case.site_id,
        kind=case.kind,
        status=STATUSES[case.status],
        start_tier=Tier.ValueType(case.start_tier),
        submitted_at=timestamp(case.submitted_at),
        due_at=timestamp(case.due_at),
        due_promised=case.due_promised,
        overdue=case.overdue(now),
        revision=revision,
        submitted_recorded_at=timestamp(case.submitted_recorded_at),
        routed_recorded_at=timestamp(case.routed_recorded_at),
        urgent=case.urgent,
        track=Track.ValueType(case.track),
        referrals=case.referrals,
    )
    message.assignment.tier = Tier.ValueType(case.tier)
    message.assignment.unit_id = case.unit_id
    message.assignment.post_id = case.post_id
    message.assignment.holder_ref = case.holder_ref
    message.assignment.reasons.extend(case.reasons)
    for step in case.steps:
        message.steps.add(
            from_unit_id=step.from_unit_id,
            to_unit_id=step.to_unit_id,
            from_tier=Tier.ValueType(step.from_tier),
            to_tier=Tier.ValueType(step.to_tier),
            at=timestamp(step.at),
            reason=MoveReason.ValueType(step.reason),
        )
    for name, at in (("supervised_at", case.supervised_at), ("resolved_at", case.resolved_at)):
        if at:
            getattr(message, name).CopyFrom(timestamp(at))
    message.clauses.extend(
        CitedClause(unit_code=each.unit_code, version=each.version, number=each.number)
        for each in case.clauses
    )
    if case.clock:
        message.clock_due_at.CopyFrom(timestamp(case.clock.due_at))
    return message
