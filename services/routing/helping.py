"""Who works on a case beside its owner: what an assisting unit sees of it, and what was written."""

from collections.abc import Iterable
from typing import Any

from fengqiao.routing.v1 import routing_service_pb2 as rpc
from fengqiao.routing.v1.events_pb2 import ResolutionPlan
from fengqiao.routing.v1.handling_events_pb2 import CourtRoute, SplitReason
from services.chassis.auth import Principal, Role
from services.chassis.protobuf import timestamp
from services.chassis.store import Raw
from services.chassis.terms import to_message as clock_message
from services.routing.domain import Case
from services.routing.domain.assist import ASKED, DECLINED, DONE, ENDED, TAKEN_ON, Assist
from services.routing.domain.threeparts import PARTS

STATUSES = {
    ASKED: rpc.ASSISTANCE_STATUS_ASKED,
    TAKEN_ON: rpc.ASSISTANCE_STATUS_ACCEPTED,
    DECLINED: rpc.ASSISTANCE_STATUS_DECLINED,
    DONE: rpc.ASSISTANCE_STATUS_DONE,
    ENDED: rpc.ASSISTANCE_STATUS_ENDED,
}
FOR_THEM = frozenset(
    {
        "case_id",
        "request_no",
        "site_id",
        "kind",
        "status",
        "assignment",
        "submitted_at",
        "due_at",
        "clock_due_at",
        "urgent",
        "revision",
        "assistances",
    }
)
"""What an assisting unit sees of a case: whose it is, what it is about, until when. Not how it came there,
nor what was decided about that.
"""


def assists(principal: Principal, case: Case) -> bool:
    """Whether the caller is asked to assist, as long as they are."""
    return any(each.active and helps(principal, each) for each in case.assists)


def helps(principal: Principal, assist: Assist) -> bool:
    """Whether the caller is who was asked: the unit or its superior, or whoever was on duty."""
    if assist.unit_id:
        return principal.covers(assist.unit_id)
    return principal.subject == assist.person_ref or principal.role == Role.DESK


def leads(principal: Principal, case: Case) -> bool:
    """Whether the case is or was of the caller's units, or below them."""
    return any(principal.covers(each) for each in (case.unit_id, *(s.from_unit_id for s in case.steps)))


def reads(principal: Principal, case: Case) -> bool:
    """Whether what was written for those who lead is for the caller: nobody reads on who is recused."""
    return leads(principal, case) and principal.subject not in case.recused


def least(principal: Principal, case: Case, message: rpc.Case) -> rpc.Case:
    """The case as the caller may see it: whoever only assists sees what they need for that."""
    if principal.role != Role.RESIDENT and not leads(principal, case) and assists(principal, case):
        whole: Any = message
        for field, _ in message.ListFields():
            if field.name not in FOR_THEM:
                whole.ClearField(field.name)
    return message


def told(each: Assist) -> rpc.Assistance:
    """An assistance as clients see it."""
    return rpc.Assistance(
        number=each.number,
        unit_id=each.unit_id,
        department=each.department,
        task=each.task,
        status=STATUSES[each.status],
        asked_at=timestamp(each.asked_at),
        clock=clock_message(each.clock) if each.clock else None,
        repeats=each.repeats,
        result=each.result,
    )


def add_to(message: rpc.Case, case: Case) -> None:
    """What clients see of who works on a case, who must not, and what is split off it."""
    message.assistances.extend(map(told, case.assists))
    message.recused_refs.extend(case.recused)
    if by := case.delegation:
        clock = clock_message(by.clock)
        message.delegation.CopyFrom(rpc.Delegation(from_ref=by.from_ref, to_ref=by.to_ref, clock=clock))
    for part in case.parts:
        message.parts.add(
            number=part.number,
            reference=part.reference,
            route=CourtRoute.ValueType(part.route),
            reason=SplitReason.ValueType(part.reason),
            split_off_at=timestamp(part.at),
        )
    if case.three_parts:
        message.plan.CopyFrom(ResolutionPlan(**dict(zip(PARTS, case.three_parts, strict=True))))


def plan_of(principal: Principal, case: Case, private: Raw) -> rpc.PlanTexts | None:
    """The plan that the case's settlement goes by, in words, for those who lead or led."""
    if not case.three_parts or not reads(principal, case):
        return None
    return rpc.PlanTexts(**{part: str(private.get(f"plan_{part}", "")) for part in PARTS})


def team(principal: Principal, case: Case, private: Raw) -> Iterable[rpc.Assistance]:
    """All that assist, with what was written for those who lead and, of their own, those who assist."""
    for each in case.assists:
        message = told(each)
        if reads(principal, case) or (helps(principal, each) and principal.subject not in case.recused):
            message.asked = str(private.get(f"assistance_{each.number}_asked", ""))
            message.answered = str(private.get(f"assistance_{each.number}_answered", ""))
        yield message
