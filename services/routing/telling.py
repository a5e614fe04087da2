"""A case as clients see it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from fengqiao.common.v1.common_pb2 import Tier
from fengqiao.routing.v1 import routing_service_pb2 as rpc
from fengqiao.routing.v1.clock_events_pb2 import PauseKind
from fengqiao.routing.v1.early_warning_events_pb2 import LawfulEnd
from fengqiao.routing.v1.events_pb2 import (
    CitedClause,
    JoinReason,
    MoveReason,
    OrderReason,
    ReturnReason,
    Track,
)
from fengqiao.routing.v1.followup_events_pb2 import AnswerWay
from services.chassis.errors import NotFound
from services.chassis.protobuf import timestamp
from services.chassis.record import Record
from services.chassis.store import Raw
from services.chassis.terms import to_message as clock_message
from services.routing import domain, helping
from services.routing.domain import Case
from services.routing.domain.callbacks import closed_by
from services.routing.domain.case import ACCEPTED, ANSWERED, STANDING

STATUSES: Mapping[str, rpc.CaseStatus.ValueType] = {
    domain.ASSIGNED: rpc.CASE_STATUS_ASSIGNED,
    domain.IN_PROGRESS: rpc.CASE_STATUS_IN_PROGRESS,
    domain.RESOLVED: rpc.CASE_STATUS_RESOLVED,
    domain.WITHDRAWN: rpc.CASE_STATUS_WITHDRAWN,
    domain.REFERRED: rpc.CASE_STATUS_REFERRED,
    domain.JOINED: rpc.CASE_STATUS_JOINED,
}


ORDER_STATUSES: Mapping[str, rpc.OrderStatus.ValueType] = {
    STANDING: rpc.ORDER_STATUS_STANDING,
    ANSWERED: rpc.ORDER_STATUS_ANSWERED,
    ACCEPTED: rpc.ORDER_STATUS_ACCEPTED,
}


def answer_of(case: rpc.Case, raw: Raw) -> str:
    """The answer in writing to the order that stands; empty where there is none yet."""
    private = raw.get("private") or {}
    return str(private.get("supervision_answer", "")) if case.order.result else ""


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
        early_warning=bool(case.screening_code),
        screening_code=case.screening_code,
        lawful_end=LawfulEnd.ValueType(case.lawful_end),
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
    if case.clock and not case.pause:
        message.clock_due_at.CopyFrom(timestamp(case.clock.due_at))
    if case.contact and case.status in domain.OPEN and not case.returned:
        message.first_contact_by.CopyFrom(timestamp(case.contact.due_at))
    if order := case.order:
        message.order.CopyFrom(
            rpc.SupervisionOrder(
                number=order.number,
                status=ORDER_STATUSES[order.status],
                reason=MoveReason.ValueType(order.reason),
                order_reason=OrderReason.ValueType(order.why),
                orderer_unit_id=order.orderer_unit_id,
                ordered_by=order.ordered_by,
                ordered_at=timestamp(order.ordered_at),
                clock=clock_message(order.clock) if order.clock else None,
                repeats=order.repeats,
                result=order.result,
                answered_by=order.answered_by,
            )
        )
    helping.add_to(message, case)
    if pending := case.returned:
        message.returned.CopyFrom(
            rpc.Return(
                number=pending.number,
                reason=ReturnReason.ValueType(pending.reason),
                proposed_unit_id=pending.proposed_unit_id,
                superior_unit_id=pending.superior_unit_id,
                returned_by=pending.returned_by,
                returned_at=timestamp(pending.at),
                rule_by=timestamp(pending.clock.due_at),
            )
        )
    _tell_what_follows(message, case)
    _tell_what_waits(message, case)
    return message


def _tell_what_waits(message: rpc.Case, case: Case) -> None:
    """What is asked for or awaited of somebody else than the owner."""
    if pause := case.pause:
        message.pause.CopyFrom(
            rpc.Pause(
                number=pause.number,
                kind=PauseKind.ValueType(pause.kind),
                paused_at=timestamp(pause.at),
                clock=clock_message(pause.clock),
            )
        )
    if joined := case.joined:
        message.joined.CopyFrom(
            rpc.Joined(
                lead_case_id=joined.lead_case_id,
                lead_request_no=joined.lead_request_no,
                reason=JoinReason.ValueType(joined.reason),
                joined_by=joined.joined_by,
                joined_at=timestamp(joined.at),
            )
        )
    if asked := case.asked:
        message.asked.CopyFrom(
            rpc.TimeAsked(
                number=asked.number,
                kind=PauseKind.ValueType(asked.kind),
                length=asked.length,
                rule=asked.rule,
                approver_unit_id=asked.approver_unit_id,
                asked_by=asked.asked_by,
                asked_at=timestamp(asked.at),
            )
        )
    if ending := case.ending:
        message.end_awaited.CopyFrom(
            rpc.AwaitedEnd(
                superior_unit_id=ending.superior_unit_id,
                clock=clock_message(ending.clock) if ending.clock else None,
                repeats=ending.repeats,
            )
        )


def _tell_what_follows(message: rpc.Case, case: Case) -> None:
    """Call-back, answer and review of a settled case, and what closed it."""
    message.closed_by = closed_by(case)
    if case.followup is None:
        return
    if calling := case.followup.call_back:
        message.call_back.CopyFrom(
            rpc.CallBack(
                caller_unit_id=calling.caller_unit_id,
                clock=clock_message(calling.clock),
                attempts=len(calling.attempted),
                repeats=calling.repeats,
            )
        )
    if answer := case.followup.answer_to(case.settlement):
        way = AnswerWay.ValueType(answer.way)
        message.answer.CopyFrom(rpc.Answer(solved=answer.solved, rating=answer.rating, way=way))
    if review := case.followup.review:
        message.review.CopyFrom(
            rpc.Review(
                number=review.number,
                reviewer_unit_id=review.reviewer_unit_id,
                clock=clock_message(review.clock),
                repeats=review.repeats,
            )
        )
