"""Load → decide → commit, for each command of parties, mediator and committee; and the reads."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from google.protobuf.message import Message

from fengqiao.common.v1.common_pb2 import CommandMeta
from fengqiao.mediation.v1 import events_pb2 as ev
from fengqiao.mediation.v1 import mediation_service_pb2 as rpc
from services.chassis import terms
from services.chassis.auth import Principal
from services.chassis.commands import order_of
from services.chassis.errors import Forbidden
from services.chassis.foundation import Foundation
from services.chassis.model import Table
from services.chassis.protobuf import instant, timestamp
from services.chassis.queues import Queue, soonest_due
from services.chassis.record import Record
from services.mediation import domain
from services.mediation.access import is_party, may_act, may_read, may_see, out_of_reach
from services.mediation.domain import Committee, Dispute, agreement_key, session_key
from services.mediation.domain.shared import reference
from services.mediation.store import load

STATUSES: Mapping[str, rpc.MediationStatus.ValueType] = {
    status: rpc.MediationStatus.Value(f"MEDIATION_STATUS_{status.upper()}")
    for status in (*domain.OPEN, domain.ENDED)
}
OTHER_WAYS = ("arbitration", "litigation", "administrative")
"""What whoever is left without an agreement is told of (人民调解法 26)."""


def to_command(principal: Principal, request: Message) -> object:
    """The domain command of a request; the tables below are all there is."""
    if isinstance(request, rpc.SignAgreementRequest):
        in_person = principal.subject == request.signer_ref
        return domain.SignAgreement(request.capacity, request.signer_ref, in_person)
    return COMMANDS[type(request)](request)


COMMANDS: Mapping[type[Message], Callable[[Any], object]] = {
    rpc.OpenMediationRequest: lambda request: domain.OpenMediation(
        tuple(request.party_refs), request.dispute_type
    ),
    rpc.GiveConsentRequest: lambda request: domain.GiveConsent(request.party_ref, request.manner),
    rpc.RefuseMediationRequest: lambda request: domain.RefuseMediation(request.party_ref, request.note),
    rpc.ChooseMediatorRequest: lambda request: domain.ChooseMediator(request.party_ref, request.mediator_ref),
    rpc.ConfirmMediatorRequest: lambda request: domain.ConfirmMediator(request.accept, request.reason),
    rpc.ScheduleSessionRequest: lambda request: domain.ScheduleSession(instant(request.at), request.manner),
    rpc.RecordSessionRequest: lambda request: domain.RecordSession(
        request.session, tuple(request.attended_refs), request.record, request.undisputed_facts
    ),
    rpc.ExtendTermRequest: lambda request: domain.ExtendTerm(request.days, tuple(request.agreed_refs)),
    rpc.ProposeAgreementRequest: lambda request: domain.ProposeAgreement(
        request.form,
        request.partial,
        request.content.facts,
        request.content.disputed_points,
        request.content.responsibilities,
        tuple(
            domain.Term(
                term.text,
                term.party_ref,
                term.manner,
                instant(term.due_at) if term.HasField("due_at") else None,
            )
            for term in request.content.terms
        ),
    ),
    rpc.EndMediationRequest: lambda request: domain.EndMediation(request.reason, request.note),
}


@dataclass(frozen=True, slots=True)
class Disputes:
    """What RPCs can do with disputes."""

    base: Foundation[Dispute]
    committee: Committee
    cells: Table

    async def command(
        self, principal: Principal, case_id: str, meta: CommandMeta, request: Message
    ) -> rpc.Mediation:
        """Execute a command; the answer is the mediation after it, the same on every retry.

        Raises:
            CommandError: refused; nothing changed, but for what had fallen due before.
        """
        command = to_command(principal, request)

        def authorize(dispute: Dispute, _at: datetime) -> None:
            if not may_act(principal, dispute, command):
                raise out_of_reach()

        answer = await self.base.commands.execute(
            case_id,
            order_of(principal.subject, meta, request),
            domain.deciding(self.committee, self.cells, command),
            authorize=authorize,
            answer=lambda record: self._message(principal, record).SerializeToString(),
            absent=out_of_reach,
        )
        return rpc.Mediation.FromString(answer)

    async def one(self, principal: Principal, case_id: str) -> Record[Dispute]:
        """The record of one dispute.

        Raises:
            Forbidden: out of reach, or not there.
        """
        record = (await self.base.committer.get([case_id])).get(case_id)
        if record is None or record.state is None or not may_see(principal, record.state):
            raise out_of_reach()
        return record

    async def get(self, principal: Principal, case_id: str) -> rpc.Mediation:
        """One mediation as the caller may see it.

        Raises:
            Forbidden: out of reach, or not there.
        """
        return self._message(principal, await self.one(principal, case_id))

    async def page(
        self,
        principal: Principal,
        request: rpc.ListMediationsRequest,
        after: tuple[datetime, str] | None,
        limit: int,
    ) -> list[tuple[datetime, rpc.Mediation]]:
        """Open mediations of a unit with what they are sorted by, soonest due first, after a (time, id) pair.

        Raises:
            Forbidden: not the caller's unit.
        """
        if not principal.covers(request.unit_id):
            raise Forbidden("not your unit")
        queue = Queue([principal.site], domain.OPEN, request.unit_id, request.include_below, after)
        collection = self.base.committer.repository.collection
        raws = await self.base.threads.run(soonest_due, collection, queue, limit)
        disputes = [(raw, load(raw["state"])) for raw in raws]
        return [(each.due_at, to_message(raw["_id"], raw["revision"], each)) for raw, each in disputes]

    def _message(self, principal: Principal, record: Record[Dispute]) -> rpc.Mediation:
        dispute = record.state
        if dispute is None:
            raise out_of_reach()
        message = to_message(record.id, record.revision, dispute)
        if may_read(principal, dispute):
            _add_texts(message, dispute, record.private)
        elif not is_party(principal, dispute):
            for session in message.sessions:
                session.ClearField("attended_refs")
        return message


def to_message(case_id: str, revision: int, dispute: Dispute) -> rpc.Mediation:
    """A mediation as everybody who may see it does: without its texts."""
    message = rpc.Mediation(
        case_id=case_id,
        reference=reference(dispute),
        status=STATUSES[dispute.status],
        kind=dispute.kind,
        dispute_type=dispute.dispute_type,
        consented_refs=dispute.consented,
        clock=terms.to_message(dispute.clock) if dispute.clock else None,
        end_reason=ev.EndReason.ValueType(dispute.end_reason),
        ended_at=timestamp(dispute.ended_at) if dispute.ended_at else None,
        revision=revision,
        earlier_ends=[ev.EndReason.ValueType(reason) for reason in dispute.earlier_ends],
    )
    if dispute.status == domain.ENDED and dispute.end_reason != ev.END_REASON_AGREEMENT:
        message.other_ways.extend(OTHER_WAYS)
    for session in dispute.sessions:
        message.sessions.add(
            session=session.number,
            at=timestamp(session.at),
            manner=session.manner,
            attended_refs=session.attended,
            recorded_at=timestamp(session.recorded_at) if session.recorded_at else None,
        )
    if agreement := dispute.agreement:
        message.agreement.agreement = agreement.number
        message.agreement.form = ev.AgreementForm.ValueType(agreement.form)
        message.agreement.partial = agreement.partial
        for each in agreement.signatures:
            capacity = ev.SignerCapacity.ValueType(each.capacity)
            message.agreement.signatures.add(capacity=capacity, signer_ref=each.ref, at=timestamp(each.at))
        if agreement.in_force_at:
            message.agreement.in_force_at.CopyFrom(timestamp(agreement.in_force_at))
    return message


def _add_texts(message: rpc.Mediation, dispute: Dispute, private: Mapping[str, Any]) -> None:
    for session in message.sessions:
        texts = private.get(session_key(dispute.number, session.session), {})
        session.record = texts.get("record", "")
        session.undisputed_facts = texts.get("undisputed_facts", "")
    if dispute.agreement is None:
        return
    content = private.get(agreement_key(dispute.number, dispute.agreement.number), {})
    stated = message.agreement.content
    for name in ("facts", "disputed_points", "responsibilities"):
        setattr(stated, name, content.get(name, ""))
    for term in content.get("terms", ()):
        stated.terms.add(
            text=term["text"],
            party_ref=term["party_ref"],
            manner=term["manner"],
            due_at=timestamp(term["due_at"]),
        )
