"""What a request has to do with others: linked, kept apart, joined. Pure: no I/O, no clock.

What is said of two requests is kept by the later of them alone: one write says it.
Joining is routing's: intake follows `CaseJoined` and `CaseParted`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from google.protobuf.message import Message

from fengqiao.intake.v1 import events_pb2 as ev
from fengqiao.routing.v1.events_pb2 import CaseJoined, CaseParted
from services.chassis.errors import IllegalTransition, Invalid, Violation
from services.chassis.model import NOTHING, Context, Decision, decided

if TYPE_CHECKING:
    from services.intake.domain import Request

MOST = 100
"""So many requests at most are linked with one, and so many kept apart from it, by what it keeps itself."""


@dataclass(frozen=True, slots=True)
class LinkRequests:
    """Two requests have to do with each other; `by` is who says it."""

    other: str
    by: str


@dataclass(frozen=True, slots=True)
class RejectDuplicate:
    """Two requests are different matters; `by` is who says it."""

    other: str
    by: str


Said = LinkRequests | RejectDuplicate


def keeper(one: tuple[str, "Request"], other: tuple[str, "Request"]) -> tuple[str, str]:
    """Which of two requests keeps what is said of both, and the other one: ids, the later one's first.

    Raises:
        Invalid: they are one request, or of two sites.
    """
    (one_id, first), (other_id, second) = one, other
    if one_id == other_id:
        raise Invalid([Violation("other_case_id", "same_request")])
    if first.site_id != second.site_id:
        raise Invalid([Violation("other_case_id", "other_site")])
    if (first.submitted_at, one_id) > (second.submitted_at, other_id):
        return one_id, other_id
    return other_id, one_id


def decide(request: "Request", command: Said, context: Context, other: "Request") -> Decision:
    """What is said of two requests; saying it again changes nothing, the contrary takes its place.

    Raises:
        IllegalTransition: they are joined (part them first), or there is no room for another.
    """
    joined = request.joined_to == command.other or other.joined_to == context.aggregate_id
    if joined:
        raise IllegalTransition(
            "the two are joined; part them first", state="joined", allowed="", rule="duplicates.joined"
        )
    linking = isinstance(command, LinkRequests)
    there = request.links if linking else request.kept_apart
    if command.other in there:
        return NOTHING
    if len(there) >= MOST:
        raise IllegalTransition(
            f"at most {MOST} are kept with one request", state="full", allowed="", rule="duplicates.most"
        )
    if linking:
        return decided(ev.RequestsLinked(other_case_id=command.other, linked_by=command.by))
    return decided(ev.DuplicateRejected(other_case_id=command.other, rejected_by=command.by))


def join(request: "Request", event: CaseJoined, _context: Context) -> Decision:
    """Routing joined the case to the one that leads the matter; news of what is so already is only noted."""
    if not event.lead_case_id or event.lead_case_id == request.joined_to:
        return NOTHING
    return decided(ev.RequestJoined(lead_case_id=event.lead_case_id))


def part(request: "Request", _event: CaseParted, _context: Context) -> Decision:
    """Routing parted it from the one that led."""
    if not request.joined_to:
        return NOTHING
    return decided(ev.RequestParted(lead_case_id=request.joined_to))


def _linked(request: "Request", event: ev.RequestsLinked, _context: Context) -> "Request":
    apart = without(request.kept_apart, event.other_case_id)
    return replace(request, links=(*request.links, event.other_case_id), kept_apart=apart)


def _rejected(request: "Request", event: ev.DuplicateRejected, _context: Context) -> "Request":
    links = without(request.links, event.other_case_id)
    return replace(request, links=links, kept_apart=(*request.kept_apart, event.other_case_id))


def _joined(request: "Request", event: ev.RequestJoined, _context: Context) -> "Request":
    return replace(request, joined_to=event.lead_case_id)


def _parted(request: "Request", _event: ev.RequestParted, _context: Context) -> "Request":
    return replace(request, joined_to="")


def without(ids: tuple[str, ...], gone: str) -> tuple[str, ...]:
    """The ids but for one."""
    return tuple(each for each in ids if each != gone)


FOLDS: Mapping[type[Message], Callable[[Any, Any, Context], Any]] = {
    ev.RequestsLinked: _linked,
    ev.DuplicateRejected: _rejected,
    ev.RequestJoined: _joined,
    ev.RequestParted: _parted,
}
