"""Load → decide → commit, for each order about a joint meeting."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from google.protobuf.message import Message

from fengqiao.common.v1.common_pb2 import CommandMeta
from fengqiao.routing.v1 import meeting_service_pb2 as rpc
from services.chassis.auth import Principal, Role
from services.chassis.commands import Creation, id_from, order_of
from services.chassis.errors import CommandError, Forbidden
from services.chassis.kinds import Kind
from services.chassis.model import Context, Decision, Table, transition
from services.routing.directory.claims import Claims
from services.routing.directory.lookups import Lookups, day_of
from services.routing.domain.meetings import commands as c
from services.routing.domain.meetings.deciding import call
from services.routing.domain.meetings.meeting import Meeting
from services.routing.handlers import Cases
from services.routing.meetings.messages import may_see, meeting_of, to_meeting
from services.routing.naming import hidden
from services.routing.rosters.departments import Departments
from services.routing.rosters.messages import department_of
from services.routing.store import department_id, unit_id
from services.routing.telling import instant_of

COMMANDS: Mapping[type[Message], Callable[[Any, str], Any]] = {
    rpc.RecordMinutesRequest: lambda m, by: c.RecordMinutes(m.item_id, m.text, by),
    rpc.FinishMeetingTaskRequest: lambda m, by: c.FinishTask(m.task_id, m.outcome, by),
    rpc.LeaveMeetingTaskOpenRequest: lambda m, by: c.LeaveOpen(m.task_id, m.reason, by),
    rpc.CloseMeetingRequest: lambda _m, by: c.CloseMeeting(by),
    rpc.CancelMeetingRequest: lambda m, by: c.CancelMeeting(m.reason, by),
}
"""The domain command of a request that names no unit and no case, by somebody."""


@dataclass(frozen=True, slots=True)
class Meetings:
    """What can be ordered and asked about the joint meetings of the caller's site."""

    lookups: Lookups
    claims: Claims
    departments: Departments
    cases: Cases
    kind: Kind[Meeting]
    cells: Table

    async def call(
        self, principal: Principal, meta: CommandMeta, request: rpc.CallMeetingRequest
    ) -> rpc.Meeting:
        """A meeting is to be held; the same key is answered with the same meeting.

        Raises:
            CommandError: refused.
        """
        site_id, order = self.lookups.site_of(principal), order_of(principal.subject, meta, request)
        if not principal.covers(request.unit_code):
            raise Forbidden("not your unit")
        on = await self.lookups.day_ordered(site_id, request, order)
        units = {"unit_code": request.unit_code} | _numbered("units", request.units)
        absent = await self._absent(site_id, on, units, _numbered("departments", request.departments))
        command = c.CallMeeting(
            request.unit_code,
            on,
            tuple(request.units),
            tuple(request.departments),
            principal.subject,
            absent,
        )
        place = self.lookups.base.sites[site_id]

        def begin(context: Context) -> Decision:
            return call(command, context, place)

        id_ = id_from("meeting", principal.subject, order.key)
        record = await self.kind.commands.create(Creation(id_, site_id, order, begin))
        return to_meeting(record, instant_of(record), principal)

    async def put(
        self, principal: Principal, meta: CommandMeta, request: rpc.PutOnAgendaRequest
    ) -> rpc.Meeting:
        """It takes up a case that the caller may see, or a kind at a place.

        Raises:
            CommandError: refused; nothing changed.
        """
        site_id, number = self.lookups.site_of(principal), ""
        if request.case_id:
            case = (await self.cases.one(principal, request.case_id)).state
            number = case.request_no if case else ""
        leading = {"lead": request.lead} | _numbered("assisting", request.assisting)
        place = {"unit_code": request.unit_code} if request.unit_code else {}
        today = await self.lookups.today(site_id, order_of("", meta, request).occurred_at)
        command = c.PutOnAgenda(
            request.item_id,
            request.case_id,
            number,
            request.kind,
            request.unit_code,
            request.lead,
            tuple(request.assisting),
            principal.subject,
            await self._absent(site_id, today, place, leading),
        )
        return await self._execute(principal, meta, request, command)

    async def assign(
        self, principal: Principal, meta: CommandMeta, request: rpc.AssignMeetingTaskRequest
    ) -> rpc.Meeting:
        """A unit that stands is to do something.

        Raises:
            CommandError: refused; nothing changed.
        """
        site_id = self.lookups.site_of(principal)
        order = order_of(principal.subject, meta, request)
        today = await self.lookups.today(site_id, order.occurred_at)
        due_on = day_of("due_on", request.due_on) or today
        # Nobody closes the unit meanwhile.
        async with self.claims.held(site_id, [f"unit/{request.unit_code}"]):
            absent = await self._absent(site_id, today, {"unit_code": request.unit_code}, {})
            command = c.AssignTask(
                request.task_id,
                request.item_id,
                request.unit_code,
                due_on,
                request.text,
                principal.subject,
                absent,
            )
            return await self._execute(principal, meta, request, command)

    async def command(self, principal: Principal, meta: CommandMeta, request: Message) -> rpc.Meeting:
        """Any other order; the answer is the meeting after it, the same on every retry.

        Raises:
            CommandError: refused; nothing changed, but for what had fallen due before.
        """
        return await self._execute(
            principal, meta, request, COMMANDS[type(request)](request, principal.subject)
        )

    async def one(self, principal: Principal, meeting_id: str) -> rpc.Meeting:
        """A meeting.

        Raises:
            NotFound: there is none; Forbidden where the caller may not know.
        """
        record = await self.kind.committer.get_one(meeting_id)
        if record is None or record.state is None or not may_see(principal, record.state):
            raise absent_to(principal)
        return to_meeting(record, await self._now(record.site), principal)

    async def page(
        self, principal: Principal, since: str, after: str, limit: int
    ) -> tuple[list[rpc.Meeting], str]:
        """Meetings of the caller's site that they may see, by day; and the place after which more follow."""
        site_id, on = self.lookups.site_of(principal), day_of("since", since)
        place = max(after, on.isoformat() if on else "")
        query = {"site": site_id, "state.place": {"$gt": place}}
        find = self.kind.committer.repository.find
        records = await self.lookups.base.threads.run(lambda: find(query, sort="state.place", limit=limit))
        now = await self._now(site_id)
        told = [
            to_meeting(record, now, principal, texts=False)
            for record in records
            if may_see(principal, meeting_of(record))
        ]
        return told, meeting_of(records[-1]).place if len(records) == limit else ""

    async def _execute(
        self, principal: Principal, meta: CommandMeta, request: Any, command: Any
    ) -> rpc.Meeting:
        def decide(meeting: Meeting, context: Context) -> Decision:
            return transition(self.cells, meeting.status, meeting, command, context)

        def authorize(meeting: Meeting, _at: datetime) -> None:
            task = meeting.task(command.task_id) if isinstance(command, c.FinishTask) else None
            theirs = task is not None and principal.covers(task.unit_code)
            calling = principal.role is not Role.HANDLER and principal.covers(meeting.unit_code)
            if not principal.at(meeting.site_id) or not (theirs or calling):
                raise absent_to(principal)

        answer = await self.kind.commands.execute(
            request.meeting_id,
            order_of(principal.subject, meta, request),
            decide,
            authorize=authorize,
            answer=lambda record: to_meeting(record, instant_of(record), principal).SerializeToString(),
            absent=lambda: absent_to(principal),
        )
        return rpc.Meeting.FromString(answer)

    async def _absent(
        self, site_id: str, on: date, units: Mapping[str, str], departments: Mapping[str, str]
    ) -> tuple[str, ...]:
        """The fields among these that name a unit or a department which does not stand on a day."""
        ids = sorted({unit_id(site_id, code) for code in units.values()})
        there = (await self.lookups.territory({"_id": {"$in": ids}})).units if ids else {}
        standing = {code for code, unit in there.items() if on in unit.days}
        known = await self.departments.kind.committer.get(
            sorted({department_id(site_id, code) for code in departments.values()})
        )
        states = [department_of(record) for record in known.values()]
        seated = {each.code for each in states if on in each.days}
        return tuple(
            [field for field, code in units.items() if code not in standing]
            + [field for field, code in departments.items() if code not in seated]
        )

    async def _now(self, site_id: str) -> datetime:
        base = self.lookups.base
        return (await base.clocks.look_at(site_id, base.threads)).now


def absent_to(principal: Principal) -> CommandError:
    """What is said of a meeting that is not there or not the caller's: the same, so that neither tells."""
    return hidden(principal, "no such meeting", "no such meeting of yours")


def _numbered(name: str, codes: Sequence[str]) -> dict[str, str]:
    return {f"{name}[{n}]": code for n, code in enumerate(codes)}
