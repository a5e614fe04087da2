"""What several decisions say of a case, as parts of events."""

from typing import Any

from fengqiao.common.v1.common_pb2 import Clock as ClockMessage
from fengqiao.common.v1.common_pb2 import Tier
from fengqiao.routing.v1 import events_pb2 as ev
from services.chassis import terms
from services.chassis.errors import IllegalTransition
from services.chassis.model import Context
from services.routing.domain.case import Case
from services.routing.rules import Placement, Rules


def reference(case: Case) -> ev.CaseReference:
    """Which case, and for whom."""
    return ev.CaseReference(request_no=case.request_no, site_id=case.site_id, person_ref=case.person_ref)


def assignment(placement: Placement) -> ev.Assignment:
    """A new owner, and why it is that one."""
    return ev.Assignment(
        tier=tier(placement.unit.tier),
        unit_id=placement.unit.id,
        post_id=placement.post.id,
        holder_ref=placement.post.holder_ref or "",
        reasons=placement.reasons,
    )


def owner(case: Case) -> ev.Assignment:
    """The owner as it is."""
    return ev.Assignment(
        tier=tier(case.tier), unit_id=case.unit_id, post_id=case.post_id, holder_ref=case.holder_ref
    )


def clock(rules: Rules, name: str, rule: str, context: Context, epoch: int) -> ClockMessage:
    """A clock of something awaited, by a rule: from the decision's time, or from now after an outage."""
    began = context.start_after(context.at, rules.grace)
    return terms.to_message(terms.start(name, rules.moves[rule], began, rules, epoch=epoch))


def escalation(
    case: Case, above: Placement, reason: ev.MoveReason.ValueType, **fired: Any
) -> ev.CaseEscalated:
    """One tier up, or to whoever answers there."""
    return ev.CaseEscalated(
        case=reference(case),
        from_tier=tier(case.tier),
        from_unit_id=case.unit_id,
        assignment=assignment(above),
        reason=reason,
        **fired,
    )


def reassigned(
    case: Case, placement: Placement, reason: ev.MoveReason.ValueType, **why: Any
) -> ev.CaseReassigned:
    """To another owner, whatever its tier."""
    return ev.CaseReassigned(
        case=reference(case),
        from_tier=tier(case.tier),
        from_unit_id=case.unit_id,
        assignment=assignment(placement),
        reason=reason,
        **why,
    )


def supervision(case: Case, reason: ev.MoveReason.ValueType, **fired: Any) -> ev.SupervisionOrdered:
    """A supervision order (督办) to the owner."""
    return ev.SupervisionOrdered(case=reference(case), assignment=owner(case), reason=reason, **fired)


def refuse_if_moved_on(case: Case, context: Context) -> None:
    """A late entry of a former owner can settle a case, nothing less: the case is with another by now.

    Raises:
        IllegalTransition: it is.
    """
    last = case.steps[-1] if case.steps else None
    # By the last step: it may have been with the same unit before.
    if last and (context.at < last.at or (context.at == last.at and last.reason == ev.MOVE_REASON_TIMEOUT)):
        raise IllegalTransition(
            f"the case has moved on to {case.unit_id} since then",
            reason="moved_on",
            state=case.status,
            allowed="ResolveCase",
        )


def tier(number: int) -> Tier.ValueType:
    """A tier's number as events name it."""
    return Tier.ValueType(number)
