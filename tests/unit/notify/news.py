"""One event of every type that notify hears of, and the notice it leads to."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

from google.protobuf.message import Message

from fengqiao.common.v1.common_pb2 import TIER_COMMUNITY, TIER_SUB_DISTRICT
from fengqiao.intake.v1 import events_pb2 as intake
from fengqiao.routing.v1 import events_pb2 as routing
from services.chassis.model import Context
from services.chassis.protobuf import timestamp
from services.chassis.site import Site
from services.notify import domain
from services.notify.domain import Notice

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
AT = datetime(2026, 3, 2, 8, 30, tzinfo=UTC)
DUE = datetime(2026, 3, 9, 8, 30, tzinfo=UTC)
CASE = "5a3c1d3e-0000-5000-8000-000000000001"
EVENT = f"routing/{CASE}/fengqiao.routing.events/3"
PERSON = "p-canary"
JILI = Site("jili", ZoneInfo("Asia/Shanghai"), cast("Any", None), False, "zh-CN", Path())  # noqa: FBT003


def reference(person_ref: str = PERSON) -> routing.CaseReference:
    return routing.CaseReference(request_no="JILI-000001", site_id="jili", person_ref=person_ref)


def owner(holder_ref: str = "leader-1") -> routing.Assignment:
    return routing.Assignment(
        tier=TIER_COMMUNITY, unit_id="jili/c1", post_id="post:jili/c1", holder_ref=holder_ref
    )


def examples(person_ref: str = PERSON) -> Mapping[type[Message], Any]:
    """An event of each owed type, about one resident's case."""
    case, due = reference(person_ref), timestamp(DUE)
    events: tuple[Message, ...] = (
        intake.RequestSubmitted(
            request_no="JILI-000001",
            site_id="jili",
            kind="noise",
            channel="counter",
            person_ref=person_ref,
            due_at=due,
        ),
        routing.CaseRouted(case=case, kind="noise", assignment=owner(), due_at=due),
        routing.CaseEscalated(
            case=case,
            from_unit_id="jili/c1/s2",
            assignment=owner(),
            reason=routing.MOVE_REASON_TIMEOUT,
        ),
        routing.SupervisionOrdered(case=case, assignment=owner(), reason=routing.MOVE_REASON_RESIDENT),
        routing.CaseResolved(case=case, unit_id="jili/c1", tier=TIER_SUB_DISTRICT, outcome="repaired"),
        routing.CaseWithdrawn(case=case, unit_id="jili/c1"),
        routing.CaseReopened(case=case, assignment=owner(), due_at=due),
        routing.WishDeclined(case=case, wish="escalation", status="resolved"),
    )
    return {type(event): event for event in events}


def notice(event: Message) -> Notice:
    made = domain.begin(EVENT, CASE, event, AT, NOW)
    assert made is not None
    return made


def context(now: datetime = NOW) -> Context:
    return Context(EVENT, "jili", now, now, now)
