"""Load → decide → commit, for each command of an officer or inspector; and the reads."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from google.protobuf.message import Message

from fengqiao.common.v1.common_pb2 import CommandMeta
from fengqiao.petition.v1 import petition_service_pb2 as rpc
from fengqiao.petition.v1.events_pb2 import OpinionOutcome, PetitionKind
from services.chassis import terms
from services.chassis.auth import EVERYWHERE, Principal, Role
from services.chassis.commands import order_of
from services.chassis.errors import Forbidden
from services.chassis.foundation import Foundation
from services.chassis.kinds import Kind
from services.chassis.model import Table
from services.chassis.protobuf import timestamp
from services.chassis.queues import Queue, soonest_due
from services.chassis.record import Record
from services.chassis.store import Raw
from services.petition import domain
from services.petition.access import Access, out_of_reach
from services.petition.domain import Office, Petition
from services.petition.domain.shared import reference
from services.petition.store import load

STATUSES: Mapping[str, rpc.PetitionStatus.ValueType] = {
    status: rpc.PetitionStatus.Value(f"PETITION_STATUS_{status.upper()}")
    for status in (*domain.OPEN, *domain.ENDED)
}


def to_command(request: Message) -> object:
    """The domain command of a request; the table below is all there is."""
    return COMMANDS[type(request)](request)


COMMANDS: Mapping[type[Message], Callable[[Any], object]] = {
    rpc.RegisterPetitionRequest: lambda request: domain.RegisterPetition(
        request.kind,
        request.branch,
        request.content_code,
        request.petitioners,
        tuple(request.representative_refs),
    ),
    rpc.RoutePetitionRequest: lambda request: domain.RoutePetition(request.manner, request.unit_id),
    rpc.NotifyReceiptRequest: lambda request: domain.NotifyReceipt(request.manner, request.waived),
    rpc.AcceptPetitionRequest: lambda request: domain.AcceptPetition(request.refused),
    rpc.ExtendDeadlineRequest: lambda request: domain.ExtendDeadline(
        request.days, request.reason, request.approver_ref
    ),
    rpc.IssueOpinionRequest: lambda request: domain.IssueOpinion(
        request.opinion.claim,
        request.opinion.facts_and_reasons,
        request.opinion.outcome,
        request.opinion.legal_basis,
    ),
    rpc.DeliverOpinionRequest: lambda request: domain.DeliverOpinion(request.manner),
    rpc.ReplyToPetitionRequest: lambda request: domain.ReplyToPetition(request.outcome, request.note),
}


@dataclass(frozen=True, slots=True)
class Petitions:
    """What RPCs can do with petitions and accusations."""

    base: Foundation[Petition]
    restricted: Kind[Petition]
    office: Office
    access: Access
    cells: Table

    async def command(
        self, principal: Principal, case_id: str, meta: CommandMeta, request: Message
    ) -> rpc.Petition:
        """Execute a command; the answer is the petition after it, the same on every retry.

        Raises:
            CommandError: refused; nothing changed, but for what had fallen due before.
        """
        command = to_command(request)
        if isinstance(command, domain.IssueOpinion):
            self.access.refuse_committees(principal)

        def authorize(petition: Petition, _at: datetime) -> None:
            if not self.access.may_act(principal, petition):
                raise out_of_reach()

        answer = await self._kind(principal).commands.execute(
            case_id,
            order_of(principal.subject, meta, request),
            domain.deciding(self.office, self.cells, command),
            authorize=authorize,
            answer=lambda record: self._message(principal, record).SerializeToString(),
            absent=out_of_reach,
        )
        return rpc.Petition.FromString(answer)

    async def one(self, principal: Principal, case_id: str) -> Record[Petition]:
        """The record of one petition.

        Raises:
            Forbidden: out of reach, or not there.
        """
        kinds = [self._kind(principal)]
        if principal.role is Role.RESIDENT:
            kinds.append(self.restricted)
        for kind in kinds:
            record = (await kind.committer.get([case_id])).get(case_id)
            if record and record.state and self.access.may_see(principal, record.state):
                return record
        raise out_of_reach()

    async def get(self, principal: Principal, case_id: str) -> rpc.Petition:
        """One petition as the caller may see it.

        Raises:
            Forbidden: out of reach, or not there.
        """
        return self._message(principal, await self.one(principal, case_id))

    async def page(
        self,
        principal: Principal,
        request: rpc.ListPetitionsRequest,
        after: tuple[datetime, str] | None,
        limit: int,
    ) -> list[tuple[datetime, rpc.Petition]]:
        """Open petitions of an organ with what they are sorted by, soonest due first, after a (time, id)
        pair.

        Raises:
            Forbidden: not the caller's organ, or not for them.
        """
        queue, keep = self._queue(principal, request, after)
        kind = self.restricted if request.restricted else self.base.first
        collection = kind.committer.repository.collection
        shown = []
        for raw in await self.base.threads.run(soonest_due, collection, queue, limit, keep):
            petition = load(raw["state"])
            message = to_message(raw["_id"], raw["revision"], petition, told=principal.role is Role.INSPECTOR)
            shown.append((petition.due_at, message))
        return shown

    def _queue(
        self, principal: Principal, request: rpc.ListPetitionsRequest, after: tuple[datetime, str] | None
    ) -> tuple[Queue, Callable[[Raw], bool]]:
        unit_id, below = request.unit_id, request.include_below
        sites = list(self.access.rules) if principal.site == EVERYWHERE else [principal.site]
        if request.restricted != (principal.role is Role.INSPECTOR):
            raise Forbidden("not for your role")
        if not request.restricted:
            if principal.role in {Role.PETITION_OFFICER, Role.HANDLER} and not principal.covers(unit_id):
                raise Forbidden("not your unit")
            return Queue(sites, domain.OPEN, unit_id, below, after), lambda _raw: True
        if not self.access.inspects(principal):
            raise Forbidden("not for your role")
        own = self.access.own(principal)
        whole_site = {rules.top: site for site, rules in self.access.rules.items()}
        if below and unit_id in whole_site:
            # Nobody in the territory has an accusation against its top.
            sites, unit_id = [site for site in sites if site == whole_site[unit_id]], ""
        queue = Queue(sites, domain.OPEN, unit_id, below, after)
        return queue, lambda raw: raw["state"]["accused_unit_id"] not in own

    def _kind(self, principal: Principal) -> Kind[Petition]:
        return self.restricted if principal.role is Role.INSPECTOR else self.base.first

    def _message(self, principal: Principal, record: Record[Petition]) -> rpc.Petition:
        if record.state is None:
            raise out_of_reach()
        told = principal.role is Role.INSPECTOR
        message = to_message(record.id, record.revision, record.state, told=told)
        opinion = record.private.get("opinion")
        if opinion and self.access.may_read_opinion(principal, record.state):
            message.opinion.CopyFrom(rpc.OpinionContent(outcome=message.outcome, **opinion))
        return message


def to_message(case_id: str, revision: int, petition: Petition, *, told: bool) -> rpc.Petition:
    """A petition as clients see it; `told`: also whom an accusation is about."""
    message = rpc.Petition(
        case_id=case_id,
        reference=reference(petition),
        status=STATUSES[petition.status],
        kind=PetitionKind.ValueType(petition.kind),
        branch=petition.branch,
        content_code=petition.content_code,
        petitioners=petition.petitioners,
        representative_refs=petition.representative_refs,
        clocks=[terms.to_message(petition.clock)] if petition.clock else [],
        overdue=petition.overdue,
        outcome=OpinionOutcome.ValueType(petition.outcome),
        revision=revision,
        supervision_asked=petition.supervision_asked,
    )
    if not told:
        message.reference.ClearField("accused_unit_id")
    for moment in ("received_at", "notified_at", "accepted_at", "issued_at", "delivered_at"):
        if at := getattr(petition, moment):
            getattr(message, moment).CopyFrom(timestamp(at))
    return message
