"""What is ordered by a request, and who may order it about a case."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from google.protobuf.message import Message

from fengqiao.routing.v1 import routing_service_pb2 as rpc
from services.chassis.auth import EVERYWHERE, Principal, Role
from services.routing import domain
from services.routing.domain import Case


def to_command(request: Message, who: Principal) -> object:
    """The domain command of a request of somebody; the table below is all there is."""
    return COMMANDS[type(request)](request, who)


COMMANDS: Mapping[type[Message], Callable[[Any, Principal], object]] = {
    rpc.AcceptCaseRequest: lambda _request, _who: domain.AcceptCase(),
    rpc.ReportProgressRequest: lambda request, _who: domain.ReportProgress(request.progress, request.note),
    rpc.ResolveCaseRequest: lambda request, _who: domain.ResolveCase(
        request.outcome, request.note, tuple(request.clauses)
    ),
    rpc.EscalateCaseRequest: lambda request, _who: domain.EscalateCase(request.note),
    rpc.ReturnCaseRequest: lambda request, who: domain.ReturnCase(
        request.note, request.reason, request.proposed_unit_id, who.subject
    ),
    rpc.RuleOnReturnRequest: lambda request, who: domain.RuleOnReturn(
        request.ruling, request.unit_id, who.subject, request.note
    ),
    rpc.TransferCaseRequest: lambda request, who: domain.TransferCase(
        request.unit_id, request.reason, who.subject, request.note
    ),
    rpc.OrderSupervisionRequest: lambda request, who: domain.OrderSupervision(
        request.reason, who.subject, () if who.role == Role.DESK else who.units, request.note
    ),
    rpc.AnswerSupervisionRequest: lambda request, who: domain.AnswerSupervision(
        request.order, request.result, request.text, who.subject
    ),
    rpc.JudgeAnswerRequest: lambda request, who: domain.JudgeAnswer(
        request.order, request.judgement == rpc.JUDGEMENT_ACCEPTED, who.subject, request.note
    ),
    rpc.AskForPauseRequest: lambda request, who: domain.AskForPause(
        request.kind, request.length, who.subject, request.note
    ),
    rpc.AskForExtensionRequest: lambda request, who: domain.AskForExtension(
        request.length, who.subject, request.note
    ),
    rpc.GrantTimeRequest: lambda request, who: domain.GrantTime(
        request.ask, who.subject, _units(who), request.note
    ),
    rpc.RefuseTimeRequest: lambda request, who: domain.RefuseTime(
        request.ask, who.subject, _units(who), request.note
    ),
    rpc.ResumeCaseRequest: lambda request, who: domain.ResumeCase(who.subject, request.note),
    rpc.JoinCaseRequest: lambda request, who: domain.JoinCase(
        request.lead_case_id, request.reason, who.subject, request.note
    ),
    rpc.PartCaseRequest: lambda request, who: domain.PartCase(request.reason, who.subject, request.note),
    rpc.ReferCaseRequest: lambda request, _who: domain.ReferCase(request.track, request.note),
}


def _units(who: Principal) -> tuple[str, ...]:
    """The units that somebody acts for; none for the desk, which is above them all."""
    return () if who.role in {Role.DESK, Role.REPLAY} else tuple(who.units)


def may_order(principal: Principal, command: object, case: Case, at: datetime) -> bool:
    """Whether the caller may order this: the owner's unit for what handlers do, a superior for what is above
    them.
    """
    if may := MAY.get(type(command)):
        return may(principal, command, case)
    if isinstance(command, domain.RuleOnReturn) and case.returned:
        return acts_for(principal, case, case.returned.superior_unit_id)
    if isinstance(command, domain.TransferCase):
        return acts_for(principal, case, case.unit_id) and transfers(principal, case, command.unit_id)
    if isinstance(command, domain.OrderSupervision):
        return acts_for(principal, case, case.unit_id) and transfers(principal, case, case.unit_id)
    if isinstance(command, domain.JudgeAnswer) and case.order:
        return acts_for(principal, case, case.unit_id) and judges(principal, case, case.order.orderer_unit_id)
    return acts_for(principal, case, case.owner_at(at)[0])


def acts_for(principal: Principal, case: Case, unit_id: str) -> bool:
    """Whether the caller may act for a case's owner: it is their unit, one below it, or a replay."""
    return principal.site == case.site_id and (principal.role == "replay" or principal.covers(unit_id))


def transfers(principal: Principal, case: Case, unit_id: str) -> bool:
    """Whether the caller may move the case there: the desk in its territory, else both units' superior."""
    if principal.role in {Role.DESK, Role.REPLAY}:
        return principal.role == Role.REPLAY or principal.covers(unit_id)
    return any(_above(each, case.unit_id) and _at_or_above(each, unit_id) for each in principal.units)


def judges(principal: Principal, case: Case, orderer_unit_id: str) -> bool:
    """Whether the caller may judge an answer: the desk, or who ordered while above the owner."""
    if principal.role in {Role.DESK, Role.REPLAY}:
        return True
    return (
        bool(orderer_unit_id) and _above(orderer_unit_id, case.unit_id) and principal.covers(orderer_unit_id)
    )


def _asks_for_time(principal: Principal, _command: object, case: Case) -> bool:
    """The owner and those above; whether they are the rule's approver is decided with the rule at hand."""
    return acts_for(principal, case, case.unit_id)


def _joins(principal: Principal, command: domain.JoinCase | domain.PartCase, case: Case) -> bool:
    """The desk, or a superior of both."""
    other = command.lead.unit_id if command.lead else case.unit_id
    return acts_for(principal, case, case.unit_id) and transfers(principal, case, other)


MAY: Mapping[type, Callable[[Principal, Any, Case], bool]] = {
    domain.GrantTime: _asks_for_time,
    domain.RefuseTime: _asks_for_time,
    domain.ResumeCase: _asks_for_time,
    domain.JoinCase: _joins,
    domain.PartCase: _joins,
}
"""Who may order what is not the owner's alone."""


def _above(unit_id: str, other_id: str) -> bool:
    return unit_id == EVERYWHERE or other_id.startswith(f"{unit_id}/")


def _at_or_above(unit_id: str, other_id: str) -> bool:
    return unit_id == other_id or _above(unit_id, other_id)
