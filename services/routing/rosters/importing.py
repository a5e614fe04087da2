"""Takes over departments from another register: each with a commit of its own, with its whole roster."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from fengqiao.routing.v1 import roster_events_pb2 as ev
from fengqiao.routing.v1 import roster_service_pb2 as rpc
from services.chassis.auth import Principal
from services.chassis.commands import Creation, Order
from services.chassis.engine import body_hash
from services.chassis.errors import Invalid, Violation
from services.chassis.model import Context
from services.routing.directory.lookups import day_of
from services.routing.domain.directory.importing import day_faults
from services.routing.domain.rosters import planning as p
from services.routing.domain.rosters.department import RESIDENT, Department
from services.routing.domain.rosters.importing import agrees, take_over, taken_over
from services.routing.domain.words import word
from services.routing.naming import begin_named
from services.routing.rosters.departments import ANSWER_WITHIN_S, Departments, hours_of, usual_hours
from services.routing.store import department_id


@dataclass(slots=True)
class Import:
    """One stream of departments of one caller; what came before is known to what comes after."""

    departments: Departments
    principal: Principal
    dry_run: bool = False
    as_of: str = ""
    """The day on which what is told holds; empty: today."""
    answer: rpc.ImportDepartmentsResponse = field(default_factory=rpc.ImportDepartmentsResponse)
    there: dict[str, Department] = field(default_factory=dict)
    """Departments of this stream."""

    async def take(self, told: rpc.Department) -> None:
        """Take a department over; the answer says what became of it.

        Raises:
            Contended: another order about its desk is under way.
            Infrastructure: the store is away; what was taken over stays, and the import can be repeated.
        """
        day = day_of("as_of", self.as_of)
        try:
            await self._take(told, day)
        except Invalid as error:
            for fault in error.violations:
                self.answer.refused.add(code=told.code, field=fault.field, reason=fault.reason)

    async def _take(self, told: rpc.Department, day: date | None) -> None:
        lookups, kind = self.departments.lookups, self.departments.kind
        site_id = lookups.site_of(self.principal)
        id_ = department_id(site_id, told.code)
        command, duties = _read(told, self.principal.subject)
        now = (await lookups.base.clocks.look_at(site_id, lookups.base.threads)).now
        context = Context(id_, site_id, now, now, now)
        made = taken_over(take_over(command, duties, context), context)
        record = await kind.committer.get_one(id_)
        former = self.there.get(told.code) or (record.state if record else None)
        if former is not None:
            if not agrees(made, former, day or await lookups.today(site_id)):
                raise Invalid([Violation("code", "differs_from_what_is_there")])
            self.answer.unchanged += 1
            return
        async with self._claimed(site_id, command):
            if command.mode == RESIDENT and (seated := await self._seated(site_id, command)):
                raise Invalid([Violation("desk", f"taken_by:{seated}")])
            if not self.dry_run:
                order = Order(f"import/{told.code}", body_hash(told, site_id))
                begin: Creation[Department] = Creation(
                    id_, site_id, order, lambda at: take_over(command, duties, at)
                )
                await begin_named(kind, begin)
        self.there[told.code] = made
        self.answer.created += 1

    def _claimed(self, site_id: str, command: p.EstablishDepartment) -> AbstractAsyncContextManager[None]:
        if self.dry_run or not command.desk:
            return nullcontext()
        return self.departments.claims.held(site_id, [f"desk/{command.desk}"])

    async def _seated(self, site_id: str, command: p.EstablishDepartment) -> str:
        """The department that sits at the desk already, there or in this stream; empty: none does."""
        before = (
            each.code
            for each in self.there.values()
            if (each.mode, each.desk) == (RESIDENT, command.desk) and each.days.ends_after(command.on)
        )
        return next(before, "") or await self.departments.seated(site_id, command)


def _read(told: rpc.Department, decided_by: str) -> tuple[p.EstablishDepartment, Sequence[p.PlanDuty]]:
    """What is told, as orders.

    Raises:
        Invalid: there is no such day, or no such mode.
    """
    wrong = [*_days(told, "")]
    wrong += [fault for n, duty in enumerate(told.duties) for fault in _days(duty, f"duties[{n}].")]
    if told.mode not in ev.RosterMode.values()[1:]:
        wrong.append(Violation("mode", "required"))
    if wrong:
        raise Invalid(wrong)
    mode = word(ev.RosterMode, told.mode, p.PREFIX)
    command = p.EstablishDepartment(
        told.code,
        mode,
        tuple(told.kinds),
        hours_of(told) or usual_hours(mode),
        told.desk,
        told.answer_within_s or ANSWER_WITHIN_S,
        date.fromisoformat(told.days.since),
        until=day_of("until", told.days.until),
    )
    duties = [
        p.PlanDuty(
            each.duty_id,
            each.person_ref,
            date.fromisoformat(each.days.since),
            day_of("until", each.days.until),
            tuple(each.weekdays),
            hours_of(each),
            decided_by,
        )
        for each in told.duties
    ]
    return command, duties


def _days(message: Any, at: str) -> Sequence[Violation]:
    faults = [
        *day_faults("since", message.days.since, required=True),
        *day_faults("until", message.days.until),
    ]
    return [replace(each, field=f"{at}{each.field}") for each in faults]
