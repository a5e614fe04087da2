"""Load → decide → commit, for each summons of a department to a case."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from google.protobuf.message import Message

from fengqiao.common.v1.common_pb2 import CommandMeta
from fengqiao.routing.v1 import roster_service_pb2 as rpc
from services.chassis.auth import Principal, Role
from services.chassis.commands import Creation, id_from, order_of
from services.chassis.errors import CommandError
from services.chassis.kinds import Kind
from services.chassis.model import Context, Decision, Table, transition
from services.routing.domain.placing import refuse_recused
from services.routing.domain.rosters import summons as s
from services.routing.domain.rosters.summons import Summons
from services.routing.handlers import Cases, out_of_reach
from services.routing.naming import hidden
from services.routing.rosters.departments import Departments
from services.routing.rosters.messages import department_of, to_summons

DESK = frozenset({Role.DESK, Role.SUPERVISOR})

COMMANDS: Mapping[type[Message], Callable[[Any, str], Any]] = {
    rpc.AnswerSummonsRequest: lambda m, _by: s.AnswerSummons(m.person_ref, m.accept),
    rpc.WithdrawSummonsRequest: lambda _m, by: s.WithdrawSummons(by),
}
"""The domain command of a request, by somebody; the table is all there is."""


@dataclass(frozen=True, slots=True)
class Summonses:
    """What RPCs can do with summonses."""

    departments: Departments
    cases: Cases
    kind: Kind[Summons]
    cells: Table

    async def summon(
        self, principal: Principal, meta: CommandMeta, request: rpc.SummonDepartmentRequest
    ) -> rpc.Summons:
        """Ask whoever is on duty in a department; the same key is answered with the same summons.

        Raises:
            Forbidden: the case is out of reach.
            NotFound: no such department.
        """
        record = await self.cases.one(principal, request.case_id)
        case, site = record.state, self.departments.lookups.base.sites[record.site]
        if case is None or not principal.covers(case.unit_id):
            raise out_of_reach(principal)
        refuse_recused(principal.subject, case)
        department = department_of(await self.departments.record(record.site, request.department))

        def begin(context: Context) -> Decision:
            command = s.SummonDepartment(
                department=department.code,
                case_id=record.id,
                request_no=case.request_no,
                unit_id=case.unit_id,
                kind=case.kind,
                refs=tuple(self.departments.answerers(department, context.at)),
                answer_within_s=department.answer_within_s,
                summoned_by=principal.subject,
            )
            return s.summon(command, context, site)

        order = order_of(principal.subject, meta, request)
        id_ = id_from("summons", principal.subject, order.key)
        return to_summons(await self.kind.commands.create(Creation(id_, record.site, order, begin)))

    async def command(
        self, principal: Principal, summons_id: str, meta: CommandMeta, request: Message
    ) -> rpc.Summons:
        """Answer or withdraw a summons; the answer is the summons after it, the same on every retry.

        Raises:
            CommandError: refused; nothing changed, but for what had fallen due before.
        """
        command = COMMANDS[type(request)](request, principal.subject)

        def decide(summons: Summons, context: Context) -> Decision:
            return transition(self.cells, summons.status, summons, command, context)

        def authorize(summons: Summons, _at: datetime) -> None:
            answers = isinstance(command, s.AnswerSummons)
            whose = command.person_ref if answers else summons.summoned_by
            theirs = principal.role in DESK or whose == principal.subject
            if not theirs or not principal.at(summons.site_id):
                raise absent(principal)

        answer = await self.kind.commands.execute(
            summons_id,
            order_of(principal.subject, meta, request),
            decide,
            authorize=authorize,
            answer=lambda record: to_summons(record).SerializeToString(),
            absent=lambda: absent(principal),
        )
        return rpc.Summons.FromString(answer)

    async def one(self, principal: Principal, summons_id: str) -> rpc.Summons:
        """A summons, for those of the case's unit and for whoever is asked.

        Raises:
            NotFound: there is none; Forbidden where the caller may not know.
        """
        record = await self.kind.committer.get_one(summons_id)
        summons = record.state if record else None
        if record is None or summons is None or not principal.at(summons.site_id):
            raise absent(principal)
        if principal.subject != summons.person_ref and not principal.covers(summons.unit_id):
            raise absent(principal)
        return to_summons(record)


def absent(principal: Principal) -> CommandError:
    """What is said of a summons that is not there or not the caller's: the same, so that neither tells."""
    return hidden(principal, "no such summons", "no such summons of yours")
