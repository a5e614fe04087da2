"""Who is owed news of what: the table of the house. Pure: no I/O, no clock.

An event type is in `OWED` or in `NOT_OWED`; one in neither fails a test.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from fengqiao.intake.v1 import events_pb2 as intake
from fengqiao.routing.v1 import events_pb2 as routing
from services.chassis.protobuf import instant_or_none

SOURCES = ("fengqiao.intake.events", "fengqiao.routing.events")
EMAIL, IN_APP = "email", "in_app"


@dataclass(frozen=True, slots=True)
class Recipient:
    """Whom a delivery goes to; `unit_id` is the unit that staff are told for, empty for a resident."""

    ref: str
    unit_id: str = ""


Who = Callable[[Any], Recipient]


def resident(event: Any) -> Recipient:
    """Whoever asked; nobody for an anonymous report."""
    return Recipient(
        event.person_ref if isinstance(event, intake.RequestSubmitted) else event.case.person_ref
    )


def holder(event: Any) -> Recipient:
    """The holder of the post that owns the case now; the post itself while nobody holds it."""
    owner = event.assignment
    return Recipient(owner.holder_ref or owner.post_id, owner.unit_id)


def post(event: Any) -> Recipient:
    """The post that owns the case, whoever holds it."""
    return Recipient(event.assignment.post_id, event.assignment.unit_id)


def unit(event: Any) -> Recipient:
    """The unit that owned the case, where the event names no holder."""
    return Recipient(f"unit:{event.unit_id}", event.unit_id)


def desk(event: Any) -> Recipient:
    """The command desk of the site."""
    return Recipient(f"desk:{event.case.site_id}")


@dataclass(frozen=True, slots=True)
class Owed:
    """One party's share of the news."""

    who: Who
    template: str
    channels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class News:
    """What an event is news of: the facts that its templates may tell (paths into the event), and to whom."""

    facts: tuple[str, ...]
    owed: tuple[Owed, ...]


AWAY_TOO = (EMAIL, IN_APP)
HERE = (IN_APP,)
OWNER = ("assignment.unit_id", "assignment.tier")

OWED: Mapping[type[Message], News] = MappingProxyType({
    intake.RequestSubmitted: News(
        ("request_no", "due_at"),
        (Owed(resident, "request_received", AWAY_TOO),),
    ),
    routing.CaseRouted: News(
        ("case.request_no", "kind", "due_at", "urgent", *OWNER),
        (Owed(holder, "case_assigned", HERE),),
    ),
    routing.CaseEscalated: News(
        ("case.request_no", "from_unit_id", "reason", *OWNER),
        (Owed(resident, "case_escalated", AWAY_TOO), Owed(holder, "case_arrived", HERE)),
    ),
    routing.SupervisionOrdered: News(
        ("case.request_no", "reason", *OWNER),
        (
            Owed(resident, "case_supervised", AWAY_TOO),
            Owed(post, "supervision_ordered", HERE),
            Owed(desk, "supervision_ordered", HERE),
        ),
    ),
    routing.CaseResolved: News(
        ("case.request_no", "unit_id", "outcome"),
        (Owed(resident, "case_resolved", AWAY_TOO),),
    ),
    routing.CaseWithdrawn: News(
        ("case.request_no", "unit_id"),
        (Owed(resident, "case_withdrawn", AWAY_TOO), Owed(unit, "case_taken_back", HERE)),
    ),
    routing.CaseReopened: News(
        ("case.request_no", "due_at", *OWNER),
        (Owed(resident, "case_reopened", AWAY_TOO), Owed(holder, "case_came_back", HERE)),
    ),
    routing.WishDeclined: News(
        ("case.request_no", "wish", "status"),
        (Owed(resident, "wish_declined", AWAY_TOO),),
    ),
})  # fmt: skip

NOT_OWED: frozenset[type[Message]] = frozenset(
    {
        # The resident did it, or routing's answer to it is the news.
        intake.EscalationRequested,
        intake.WithdrawalRequested,
        intake.ReopeningRequested,
        intake.OutcomeRated,
        # What routing's event told already.
        intake.RequestSettled,
        intake.RequestClosed,
        intake.RequestWithdrawn,
        intake.RequestReopened,
        # Steps within a unit; the timeline shows them.
        routing.CaseAccepted,
        routing.ProgressReported,
    }
)

NEWS: Mapping[str, News] = MappingProxyType({kind.DESCRIPTOR.full_name: news for kind, news in OWED.items()})
TEMPLATES = tuple(sorted({owed.template for news in OWED.values() for owed in news.owed}))


def facts_of(event: Message, news: News) -> dict[str, Any]:
    """What the templates may tell of an event: codes, numbers, times; enums by short lower-case names."""
    return {path.rpartition(".")[2]: _fact(event, path.split(".")) for path in news.facts}


def _fact(message: Message, path: Sequence[str]) -> Any:
    value: Any = message
    for name in path:
        message, value = value, getattr(value, name)
    if isinstance(value, Timestamp):
        return instant_or_none(value)
    enum = message.DESCRIPTOR.fields_by_name[path[-1]].enum_type
    return enum.values_by_number[value].name.removeprefix(_prefix(enum.name)).lower() if enum else value


def _prefix(enum_name: str) -> str:
    """`MoveReason` → `MOVE_REASON_`."""
    return "".join(f"_{c}" if c.isupper() else c for c in enum_name).lstrip("_").upper() + "_"
