"""What is ordered by a request, and who may order it about a case."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from google.protobuf.message import Message

from fengqiao.routing.v1 import routing_service_pb2 as rpc
from services.chassis.auth import EVERYWHERE, Principal, Role
from services.routing import domain
from services.routing.domain import Case
from services.routing.helping import helps


def to_command(request: Message, who: Principal) -> object:
    """The domain command of a request of somebody; the table below is all there is."""
    return COMMANDS[type(request)](request, who)


COMMANDS: Mapping[type[Message], Callable[[Any, Principal], object]] = {
    rpc.AcceptCaseRequest: lambda _request, _who: domain.AcceptCase(),
    rpc.ReportProgressRequest: lambda request, _who: domain.ReportProgress(request.progress, request.note),
    rpc.ResolveCaseRequest: lambda request, who: domain.ResolveCase(
        request.outcome,
        request.note,
        tuple(request.clauses),
        by=who.subject,
        plan=domain.ThreeParts(request.plan.feeling, request.plan.reason, request.plan.law),
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
    rpc.RecuseHandlerRequest: lambda request, who: domain.RecuseHandler(
        who.subject, request.note, request.residents_wish
    ),
    rpc.SplitOffRequest: lambda request, who: domain.SplitOff(
        request.route, request.reason, who.subject, request.note
    ),
    rpc.DelegateCaseRequest: lambda request, who: domain.DelegateCase(
        request.person_ref, request.until, who.subject, request.note
    ),
    rpc.EndDelegationRequest: lambda request, who: domain.EndDelegation(who.subject, request.note),
    rpc.AskForAssistanceRequest: lambda request, who: domain.AskForAssistance(
        request.unit_id, request.department, request.task, who.subject, request.note
    ),
    rpc.AnswerAssistanceRequest: lambda request, who: domain.AnswerAssistance(
        request.assistance, request.answer, request.result, who.subject, request.text
    ),
    rpc.EndAssistanceRequest: lambda request, who: domain.EndAssistance(
        request.assistance, who.subject, request.note
    ),
    rpc.RecordCallBackRequest: lambda request, who: domain.RecordCallBack(
        request.reached, request.solved, request.rating, who.subject, request.note
    ),
    rpc.RecordReviewRequest: lambda request, who: domain.RecordReview(
        request.number, request.finding, who.subject, who.units, request.note
    ),
    rpc.RecordEndRequest: lambda request, who: domain.RecordEnd(request.end, who.subject, request.note),
}


def _units(who: Principal) -> tuple[str, ...]:
    """The units that somebody acts for; none for the desk, which is above them all."""
    return () if who.role in {Role.DESK, Role.REPLAY} else tuple(who.units)


def may_order(principal: Principal, command: object, case: Case, at: datetime) -> bool:
    """Whether the caller may order this: the owner's unit for what handlers do, a superior for what is above
    them.
    """
    found = PERMITS.get(type(command))
    return found(principal, command, case) if found else acts_for(principal, case, case.owner_at(at)[0])


def rules_on(principal: Principal, _command: domain.RuleOnReturn, case: Case) -> bool:
    """Whether the caller may rule on what was returned: its superior."""
    return acts_for(principal, case, case.returned.superior_unit_id if case.returned else case.unit_id)


def moves(principal: Principal, command: domain.TransferCase, case: Case) -> bool:
    """Whether the caller may transfer the case there."""
    return acts_for(principal, case, case.unit_id) and transfers(principal, case, command.unit_id)


def orders(principal: Principal, _command: domain.OrderSupervision, case: Case) -> bool:
    """Whether the caller may order the owner to act: somebody above it."""
    return acts_for(principal, case, case.unit_id) and transfers(principal, case, case.unit_id)


def judges_on(principal: Principal, _command: domain.JudgeAnswer, case: Case) -> bool:
    """Whether the caller may judge the answer to the order that stands."""
    orderer = case.order.orderer_unit_id if case.order else ""
    return acts_for(principal, case, case.unit_id) and (not case.order or judges(principal, case, orderer))


def for_owner(principal: Principal, _command: object, case: Case) -> bool:
    """Whether the caller acts for the owner; who approves is decided with the rule at hand."""
    return acts_for(principal, case, case.unit_id)


def assists(principal: Principal, command: domain.AnswerAssistance, case: Case) -> bool:
    """Whether the caller is asked to help."""
    asked = [each for each in case.assists if each.number == command.assistance]
    return principal.site == case.site_id and any(helps(principal, each) for each in asked)


def follows(principal: Principal, command: domain.RecordCallBack | domain.RecordReview, case: Case) -> bool:
    """Whether the caller may call back or review: the unit that it is asked of, those above it, the desk."""
    after = case.followup
    if isinstance(command, domain.RecordCallBack):
        unit_id = after.call_back.caller_unit_id if after and after.call_back else ""
    else:
        unit_id = after.review.reviewer_unit_id if after and after.review else ""
    return asked_of(principal, case, unit_id)


def ends(principal: Principal, _command: domain.RecordEnd, case: Case) -> bool:
    """Whether the caller may put the end of an early warning on record: the superior that is asked, or those
    above; where the desk is asked, the desk.
    """
    return asked_of(principal, case, case.ending.superior_unit_id if case.ending else "")


def asked_of(principal: Principal, case: Case, unit_id: str) -> bool:
    """Whether the caller may do what is asked of a unit, or (empty) of the desk; the desk may either way."""
    if unit_id and principal.role != Role.DESK:
        return acts_for(principal, case, unit_id)
    return principal.role in {Role.DESK, Role.REPLAY} and acts_for(principal, case, case.unit_id)


def acts_for(principal: Principal, case: Case, unit_id: str) -> bool:
    """Whether the caller may act for a case's owner: it is their unit, one below it, or a replay."""
    return principal.site == case.site_id and (principal.role == "replay" or principal.covers(unit_id))


def transfers(principal: Principal, case: Case, unit_id: str) -> bool:
    """Whether the caller may move the case there: the desk in its territory, else both units' superior."""
    if principal.role in {Role.DESK, Role.REPLAY}:
        return principal.role == Role.REPLAY or principal.covers(unit_id)
    return any(_above(each, case.unit_id) and _at_or_above(each, unit_id) for each in principal.units)


def recuses(principal: Principal, command: domain.RecuseHandler, case: Case) -> bool:
    """Whether the caller may recuse who has the case: they themselves, a superior, or the desk, which alone
    speaks for the resident.
    """
    speaks = not command.residents_wish or principal.role == Role.DESK
    if not (speaks and acts_for(principal, case, case.unit_id)):
        return False
    return principal.subject == case.holder_ref or transfers(principal, case, case.unit_id)


def delegates(principal: Principal, _command: domain.DelegateCase, case: Case) -> bool:
    """Whether the caller may give the case to another of the unit: its holder."""
    return acts_for(principal, case, case.unit_id) and principal.subject == case.holder_ref


def takes_back(principal: Principal, _command: domain.EndDelegation, case: Case) -> bool:
    """Whether the caller may end a delegation: who gave it, who has it, the desk."""
    by = case.delegation
    of_it = by is None or principal.role == Role.DESK or principal.subject in {by.from_ref, by.to_ref}
    return of_it and acts_for(principal, case, case.unit_id)


def judges(principal: Principal, case: Case, orderer_unit_id: str) -> bool:
    """Whether the caller may judge an answer: the desk, or who ordered while above the owner."""
    if principal.role in {Role.DESK, Role.REPLAY}:
        return True
    return (
        bool(orderer_unit_id) and _above(orderer_unit_id, case.unit_id) and principal.covers(orderer_unit_id)
    )


def joins(principal: Principal, command: domain.JoinCase | domain.PartCase, case: Case) -> bool:
    """The desk, or a superior of both."""
    other = command.lead.unit_id if command.lead else case.unit_id
    return acts_for(principal, case, case.unit_id) and transfers(principal, case, other)


def _above(unit_id: str, other_id: str) -> bool:
    return unit_id == EVERYWHERE or other_id.startswith(f"{unit_id}/")


def _at_or_above(unit_id: str, other_id: str) -> bool:
    return unit_id == other_id or _above(unit_id, other_id)


PERMITS: Mapping[type, Callable[[Principal, Any, Case], bool]] = {
    domain.RuleOnReturn: rules_on,
    domain.TransferCase: moves,
    domain.OrderSupervision: orders,
    domain.JudgeAnswer: judges_on,
    domain.GrantTime: for_owner,
    domain.RefuseTime: for_owner,
    domain.ResumeCase: for_owner,
    domain.AnswerAssistance: assists,
    domain.RecuseHandler: recuses,
    domain.DelegateCase: delegates,
    domain.EndDelegation: takes_back,
    domain.RecordCallBack: follows,
    domain.RecordReview: follows,
    domain.RecordEnd: ends,
    domain.JoinCase: joins,
    domain.PartCase: joins,
}
"""Who may order what is not the owner's to do."""
