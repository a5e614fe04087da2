"""Load → decide → commit, for each order about a department; and who is on duty."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from google.protobuf.message import Message

from fengqiao.common.v1.common_pb2 import CommandMeta
from fengqiao.routing.v1 import roster_events_pb2 as ev
from fengqiao.routing.v1 import roster_service_pb2 as rpc
from services.chassis.auth import Principal
from services.chassis.commands import Creation, Order, order_of
from services.chassis.errors import NotFound
from services.chassis.kinds import Kind
from services.chassis.model import Context, Decision
from services.chassis.record import Record
from services.routing.directory.claims import Claims
from services.routing.directory.lookups import Lookups, day_of
from services.routing.domain.rosters import planning as p
from services.routing.domain.rosters.department import OFFICE, ON_CALL, RESIDENT, WHOLE_DAY, Department, Hours
from services.routing.domain.words import word
from services.routing.naming import begin_named
from services.routing.rosters.messages import department_of, mode_of, to_department
from services.routing.store import department_id
from services.routing.telling import instant_of

ANSWER_WITHIN_S = 900


def hours_of(message: Any) -> Hours | None:
    """The hours that a message gives, if any."""
    return Hours(message.hours.opens, message.hours.closes) if message.HasField("hours") else None


def usual_hours(mode: str) -> Hours:
    """Of a department that gives none."""
    return WHOLE_DAY if mode == ON_CALL else OFFICE


def _establish(message: rpc.EstablishDepartmentRequest, on: date) -> p.EstablishDepartment:
    mode = word(ev.RosterMode, message.mode, p.PREFIX)
    return p.EstablishDepartment(
        message.code,
        mode,
        tuple(message.kinds),
        hours_of(message) or usual_hours(mode),
        message.desk,
        message.answer_within_s or ANSWER_WITHIN_S,
        on,
    )


COMMANDS: Mapping[type[Message], Callable[[Any, date, str], Any]] = {
    rpc.EstablishDepartmentRequest: lambda m, on, _by: _establish(m, on),
    rpc.CloseDepartmentRequest: lambda _m, on, _by: p.CloseDepartment(on),
    rpc.PlanDutyRequest: lambda m, on, by: p.PlanDuty(
        m.duty_id, m.person_ref, on, day_of("until", m.until), tuple(m.weekdays), hours_of(m), by
    ),
    rpc.CancelDutyRequest: lambda m, on, by: p.CancelDuty(m.duty_id, on, by),
}
"""The domain command of a request, for a day and by somebody; the table is all there is."""


@dataclass(frozen=True, slots=True)
class Departments:
    """What can be ordered and asked about the departments of the caller's site."""

    lookups: Lookups
    claims: Claims
    kind: Kind[Department]

    async def order(self, principal: Principal, code: str, meta: CommandMeta, request: Any) -> rpc.Department:
        """Execute an order; the answer is the department after it, the same on every retry.

        Raises:
            CommandError: refused; nothing changed.
        """
        site_id = self.lookups.site_of(principal)
        order = order_of(principal.subject, meta, request)
        on = await self.lookups.day_ordered(site_id, request, order)
        command = COMMANDS[type(request)](request, on, principal.subject)
        if isinstance(command, p.EstablishDepartment):
            return await self._establish(site_id, order, command)
        zone, calendar = self.lookups.zone(site_id), self.lookups.base.sites[site_id].calendar
        answer = await self.kind.commands.execute(
            department_id(site_id, code),
            order,
            lambda department, context: p.decide(department, command, context, zone),
            authorize=lambda _department, _at: None,
            answer=lambda record: to_department(
                record, instant_of(record), zone, calendar
            ).SerializeToString(),
            absent=lambda: NotFound("no such department"),
        )
        return rpc.Department.FromString(answer)

    async def one(self, principal: Principal, code: str) -> rpc.Department:
        """A department with its roster.

        Raises:
            NotFound: there is none.
        """
        return await self._told(await self.record(self.lookups.site_of(principal), code))

    async def record(self, site_id: str, code: str) -> Record[Department]:
        """The stored department of a code.

        Raises:
            NotFound: there is none.
        """
        record = await self.kind.committer.get_one(department_id(site_id, code))
        if record is None or record.state is None:
            raise NotFound("no such department")
        return record

    async def page(self, principal: Principal, after: str, limit: int) -> list[rpc.Department]:
        """Departments of the caller's site, by code."""
        query = {"site": self.lookups.site_of(principal), "state.code": {"$gt": after}}
        find = self.kind.committer.repository.find
        records = await self.lookups.base.threads.run(lambda: find(query, sort="state.code", limit=limit))
        return [await self._told(record) for record in records]

    async def on_duty(self, principal: Principal, kind: str, at: datetime | None) -> list[rpc.OnDuty]:
        """Who is on duty for a kind of matter at a moment, now without one; departments by code."""
        site_id = self.lookups.site_of(principal)
        when = at or (await self.lookups.base.clocks.look_at(site_id, self.lookups.base.threads)).now
        # By kind alone: asked for the site as well, a store may look at all departments of a county.
        find = self.kind.committer.repository.find
        asked = [kind, f"{kind.partition('.')[0]}.*"]
        found = await self.lookups.base.threads.run(find, {"state.kinds": {"$in": asked}})
        departments = sorted(
            (department_of(record) for record in found if record.site == site_id), key=lambda each: each.code
        )
        day = when.astimezone(self.lookups.zone(site_id)).date()
        return [
            rpc.OnDuty(
                department=each.code,
                mode=mode_of(each),
                desk=each.desk,
                person_refs=self.answerers(each, when),
            )
            for each in departments
            if day in each.days
        ]

    def answerers(self, department: Department, at: datetime) -> list[str]:
        """Who is on duty there at a moment, whoever is asked first in front."""
        site = self.lookups.base.sites[department.site_id]
        return department.on_duty(at, site.zone, site.calendar)

    async def there(self, site_id: str, code: str) -> list[str] | None:
        """Who is on duty there now; None: it does not stand."""
        base = self.lookups.base
        record = await self.kind.committer.get_one(department_id(site_id, code))
        now = (await base.clocks.look_at(site_id, base.threads)).now
        day = now.astimezone(self.lookups.zone(site_id)).date()
        if record is None or record.state is None or day not in record.state.days:
            return None
        return self.answerers(record.state, now)

    async def _told(self, record: Record[Department]) -> rpc.Department:
        base = self.lookups.base
        site, moment = base.sites[record.site], await base.clocks.look_at(record.site, base.threads)
        return to_department(record, moment.now, site.zone, site.calendar)

    async def _establish(self, site_id: str, order: Order, command: p.EstablishDepartment) -> rpc.Department:
        zone = self.lookups.zone(site_id)
        things = [f"desk/{command.desk}"] if command.desk else []
        async with self.claims.held(site_id, things):
            if command.mode == RESIDENT:
                command = replace(command, seated=await self.seated(site_id, command))

            def begin(context: Context) -> Decision:
                return p.establish(command, context, zone)

            creation: Creation[Department] = Creation(
                department_id(site_id, command.code), site_id, order, begin
            )
            record = await begin_named(self.kind, creation)
        return to_department(record, instant_of(record), zone, self.lookups.base.sites[site_id].calendar)

    async def seated(self, site_id: str, command: p.EstablishDepartment) -> str:
        """The resident department that sits at the desk already; empty: none does."""
        find = self.kind.committer.repository.find
        found = await self.lookups.base.threads.run(find, {"state.desk": command.desk})
        seated = (
            each.code
            for each in map(department_of, found)
            if (each.site_id, each.mode) == (site_id, RESIDENT) and each.days.ends_after(command.on)
        )
        return next((code for code in seated if code != command.code), "")
