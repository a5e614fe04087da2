"""Who works on a case beside its owner: what an assisting unit sees of it, and what was written."""

from collections.abc import Iterable
from typing import Literal

from fengqiao.routing.v1 import routing_service_pb2 as rpc
from services.chassis.auth import Principal, Role
from services.chassis.protobuf import timestamp
from services.chassis.store import Raw
from services.chassis.terms import to_message as clock_message
from services.routing.domain import Case
from services.routing.domain.assist import ASKED, DECLINED, DONE, ENDED, TAKEN_ON, Assist

STATUSES = {
    ASKED: rpc.ASSISTANCE_STATUS_ASKED,
    TAKEN_ON: rpc.ASSISTANCE_STATUS_ACCEPTED,
    DECLINED: rpc.ASSISTANCE_STATUS_DECLINED,
    DONE: rpc.ASSISTANCE_STATUS_DONE,
    ENDED: rpc.ASSISTANCE_STATUS_ENDED,
}
NOT_THEIRS: tuple[Literal["steps", "returned", "order", "clauses", "referrals"], ...] = (
    "steps",
    "returned",
    "order",
    "clauses",
    "referrals",
)
"""What an assisting unit does not see: how the case came to its owner, and what was decided about that."""


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


def least(principal: Principal, case: Case, message: rpc.Case) -> rpc.Case:
    """The case as the caller may see it: whoever only assists sees what they need for that."""
    if principal.role != Role.RESIDENT and not leads(principal, case) and assists(principal, case):
        for name in NOT_THEIRS:
            message.ClearField(name)
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


def team(principal: Principal, case: Case, private: Raw) -> Iterable[rpc.Assistance]:
    """All that assist, with what was written for those who lead and, of their own, those who assist."""
    for each in case.assists:
        message = told(each)
        if leads(principal, case) or helps(principal, each):
            message.asked = str(private.get(f"assistance_{each.number}_asked", ""))
            message.answered = str(private.get(f"assistance_{each.number}_answered", ""))
        yield message
