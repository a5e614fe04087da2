"""The request (诉求): taken in, settled, rated, closed. Pure: no I/O, no clock.

Intake asks, routing decides: withdrawal, escalation and reopening are *requested* here, and the request's end
states follow routing's outcomes. `TABLE` says what is lawful in which status, and is total over
consumed events.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any

from google.protobuf.message import Message

from fengqiao.intake.v1 import events_pb2 as ev
from fengqiao.routing.v1.early_warning_events_pb2 import EarlyWarningEnded
from fengqiao.routing.v1.events_pb2 import (
    CaseJoined,
    CaseParted,
    CaseReopened,
    CaseResolved,
    CaseWithdrawn,
    WishDeclined,
)
from fengqiao.routing.v1.followup_events_pb2 import CaseClosed
from services.chassis.commands import id_from
from services.chassis.errors import IllegalTransition
from services.chassis.model import (
    NOTHING,
    Consumed,
    Context,
    Decision,
    Emit,
    Table,
    Transition,
    decided,
    transition,
)
from services.chassis.protobuf import instant, timestamp
from services.intake.duplicates import relations, scoring

EVENTS = "fengqiao.intake.events"
REQUESTS = "fengqiao.intake.requests"
OUTCOMES = "fengqiao.routing.outcomes"

SUBMITTED, SETTLED, CLOSED, WITHDRAWN = "submitted", "settled", "closed", "withdrawn"
STATUSES = (SUBMITTED, SETTLED, CLOSED, WITHDRAWN)
NOT_SOLVED = "not_solved"

RECEIVED, BEING_HANDLED, DONE, NOT_TAKEN_UP = "received", "being_handled", "done", "not_taken_up"
"""What a light reporter is told; the last one is also the outcome by which a handler ends such a matter."""
FEEDBACK = "FEEDBACK_"


# -- names ---------------------------------------------------------------------------------------------------


def case_id_of(source: str, reference: str) -> str:
    """The case that an agency's reference stands for, for ever: a contract with agencies (README)."""
    return id_from("inbound", source, reference)


def person_of(source: str, reference: str) -> str:
    """Opaque reference of the person whom an agency's submission is about."""
    return f"p-{id_from('person', source, reference)}"


def requests_topic(source: str) -> str:
    """Where an agency publishes."""
    return f"fengqiao.inbound.{source}.requests"


def replies_topic(source: str) -> str:
    """Where an agency reads what became of it."""
    return f"fengqiao.inbound.{source}.replies"


def dead_topic(source: str) -> str:
    """Where what an agency sent and nobody could read is kept."""
    return f"fengqiao.inbound.{source}.dead"


def request_number(site: str, number: int) -> str:
    """What people call a request by, for example `BOSTON-000123`."""
    return f"{site.upper()}-{number:06d}"


# -- state ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Request:
    """The public projection of a request. Its texts, tracking code and agency's reference are private data.

    `rating` is 1 (poor) to 5 (good), 0 while unrated; `due_at` the promised due time, if there is one.
    `reporter_ref` is a light reporter's, who was told `feedback` at the end. `joined_to` is the case that
    leads the matter; `links` and `kept_apart` are what this request keeps of what was said of it and another.
    `reporter_ref` is a light reporter's, who was told `feedback` at the end. `screening_code` is the campaign
    that found it: an early warning, which nobody asked for.
    """

    request_no: str
    site_id: str
    kind: str
    unit_id: str
    channel: str
    source: str
    person_ref: str
    urgent: bool
    submitted_at: datetime
    due_at: datetime | None
    status: str = SUBMITTED
    rating: int = 0
    solved: bool = False
    reporter_ref: str = ""
    feedback: str = ""
    feedback_at: datetime | None = None
    joined_to: str = ""
    links: tuple[str, ...] = ()
    kept_apart: tuple[str, ...] = ()
    screening_code: str = ""


# -- commands ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SubmitRequest:
    """A request as it is taken in; `source` and `reference` are an agency's, the texts stay in the store.

    `accused_unit_id` is an accusation's, see `accusations.py`.
    """

    request_no: str
    tracking_code: str
    site_id: str
    kind: str
    unit_id: str
    channel: str
    person_ref: str
    urgent: bool
    due_at: datetime | None
    title: str
    description: str
    attributes: Mapping[str, str]
    source: str = ""
    reference: str = ""
    accused_unit_id: str = ""
    reporter_ref: str = ""
    screening_code: str = ""


@dataclass(frozen=True, slots=True)
class WithdrawRequest:
    """The resident takes it back; `reason` is a code."""

    reason: str


@dataclass(frozen=True, slots=True)
class EscalateRequest:
    """The resident asks to go one tier up; `reason` is a code."""

    reason: str


@dataclass(frozen=True, slots=True)
class RateOutcome:
    """The resident's answer, 1 (poor) to 5 (good); `comment` stays in the store."""

    rating: int
    solved: bool
    comment: str = ""


@dataclass(frozen=True, slots=True)
class ReopenRequest:
    """The resident says that it is not settled; `reason` is a code."""

    reason: str


@dataclass(frozen=True, slots=True)
class ReferRequest:
    """The resident asks for mediation or petition handling: a `WishedTrack`; `reason` is a code."""

    track: int
    reason: str


# -- decisions -----------------------------------------------------------------------------------------------


def submit(command: SubmitRequest) -> Decision:
    """Begin a request; routing is told on its own topic."""
    event = ev.RequestSubmitted(
        request_no=command.request_no,
        site_id=command.site_id,
        kind=command.kind,
        unit_id=command.unit_id,
        channel=command.channel,
        source=command.source,
        person_ref=command.person_ref,
        urgent=command.urgent,
        due_at=timestamp(command.due_at) if command.due_at else None,
        reporter_ref=command.reporter_ref,
        screening_code=command.screening_code,
    )
    return decided(event, also=(REQUESTS,), **private_part(command))


def private_part(command: SubmitRequest) -> dict[str, Any]:
    """What of a submission stays in the store."""
    found_under = scoring.references(command.reference, command.attributes)
    return {
        # Absent rather than empty, so that the sparse index holds few.
        **({"references": found_under} if found_under else {}),
        "tracking_code": command.tracking_code,
        "reference": command.reference,
        "title": command.title,
        "description": command.description,
        # A list: attribute names may hold what field names of a document may not.
        "attributes": [{"name": name, "value": value} for name, value in sorted(command.attributes.items())],
    }


def accepted(
    decision: Decision, command: SubmitRequest, case_id: str, answers: ev.InboundPosition
) -> Decision:
    """The decision with the reply to an agency, an entry of the same outbox: neither is without the other."""
    reply = ev.SubmissionAccepted(
        reference=command.reference, case_id=case_id, request_no=command.request_no, answers=answers
    )
    return replace(decision, events=(*decision.events, Emit(reply, only=replies_topic(command.source))))


def _refuse_without_complainant(request: Request) -> None:
    """Refuse what only somebody who asked may say: a superior records the end of an early warning."""
    if request.screening_code:
        raise IllegalTransition(
            "an early warning has no complainant: it is neither rated nor withdrawn",
            reason="no_complainant",
            state=request.status,
            allowed="RequestEscalation,ReopenRequest",
        )


def _withdraw(request: Request, command: WithdrawRequest, _context: Context) -> Decision:
    _refuse_without_complainant(request)
    return decided(ev.WithdrawalRequested(reason=command.reason), also=(REQUESTS,))


def _escalate(_request: Request, command: EscalateRequest, _context: Context) -> Decision:
    return decided(ev.EscalationRequested(reason=command.reason), also=(REQUESTS,))


def _reopen(_request: Request, command: ReopenRequest, _context: Context) -> Decision:
    return decided(ev.ReopeningRequested(reason=command.reason), also=(REQUESTS,))


def _refer(request: Request, command: ReferRequest, _context: Context) -> Decision:
    _refuse_without_complainant(request)
    track = ev.WishedTrack.ValueType(command.track)
    return decided(ev.ReferralRequested(track=track, reason=command.reason), also=(REQUESTS,))


def _rate(request: Request, command: RateOutcome, _context: Context) -> Decision:
    """Closing needs the resident's answer, which routing hears; "not solved" goes back to it."""
    _refuse_without_complainant(request)
    rated = Emit(ev.OutcomeRated(rating=command.rating, solved=command.solved), also=(REQUESTS,))
    if command.solved:
        follows = Emit(ev.RequestClosed())
    else:
        follows = Emit(ev.ReopeningRequested(reason=NOT_SOLVED), also=(REQUESTS,))
    return Decision((rated, follows), {"comment": command.comment})


def _settle(request: Request, event: CaseResolved, _context: Context) -> Decision:
    feedback = NOT_TAKEN_UP if event.outcome == NOT_TAKEN_UP else DONE
    return decided(ev.RequestSettled(), *_told(request, feedback))


def _withdrawn(request: Request, _event: CaseWithdrawn, _context: Context) -> Decision:
    return decided(ev.RequestWithdrawn(), *_told(request, NOT_TAKEN_UP))


def _told(request: Request, feedback: str) -> list[Message]:
    """What a light reporter is told; nobody else is."""
    if not request.reporter_ref:
        return []
    told = ev.FeedbackGiven(
        request_no=request.request_no,
        site_id=request.site_id,
        reporter_ref=request.reporter_ref,
        feedback=ev.Feedback.Value(f"{FEEDBACK}{feedback.upper()}"),
    )
    return [told]


def _emits(message: type[Message]) -> Callable[[Request, Any, Context], Decision]:
    def decide(_request: Request, _event: Any, _context: Context) -> Decision:
        return decided(message())

    return decide


def _only_noted(_request: Request, _event: Any, _context: Context) -> Decision:
    """A fact that changes nothing here; the timeline keeps it."""
    return NOTHING


def _table() -> Table:
    cells: dict[tuple[str, type[Any]], Transition[Request, Any]] = {}
    for status in STATUSES:
        cells |= {(status, outcome): Transition(_only_noted, (status,)) for outcome in OBEYED}
    for status in (SUBMITTED, SETTLED):
        cells |= {
            (status, WithdrawRequest): Transition(_withdraw, (status,)),
            (status, EscalateRequest): Transition(_escalate, (status,)),
            (status, ReferRequest): Transition(_refer, (status,)),
            (status, CaseWithdrawn): Transition(_withdrawn, (WITHDRAWN,)),
            (status, CaseJoined): Transition(relations.join, (status,)),
            (status, CaseParted): Transition(relations.part, (status,)),
        }
    for status in (SETTLED, CLOSED):
        cells |= {
            (status, ReopenRequest): Transition(_reopen, (status,)),
            (status, CaseReopened): Transition(_emits(ev.RequestReopened), (SUBMITTED,)),
        }
    cells[SUBMITTED, CaseResolved] = Transition(_settle, (SETTLED,))
    cells[SETTLED, CaseClosed] = Transition(_emits(ev.RequestClosed), (CLOSED,))
    # Other routes are never blocked, also when the ladder has nothing more to say.
    cells[CLOSED, ReferRequest] = Transition(_refer, (CLOSED,))
    cells[SETTLED, EarlyWarningEnded] = Transition(_emits(ev.RequestClosed), (CLOSED,))
    cells[SETTLED, RateOutcome] = Transition(_rate, (SETTLED, CLOSED))
    return MappingProxyType(cells)


OBEYED: tuple[type[Message], ...] = (
    CaseResolved,
    CaseWithdrawn,
    CaseReopened,
    WishDeclined,
    CaseClosed,
    CaseJoined,
    CaseParted,
    EarlyWarningEnded,
)
"""Routing's decisions that a request follows."""

TABLE = _table()


def consumed() -> dict[tuple[str, str], Consumed]:
    """How each of routing's outcomes is decided on, by topic and type."""

    def obey(request: Request, event: Message, context: Context) -> Decision:
        return transition(TABLE, request.status, request, event, context)

    return {(OUTCOMES, outcome.DESCRIPTOR.full_name): Consumed(obey) for outcome in OBEYED}


# -- folding -------------------------------------------------------------------------------------------------


def evolve(request: Request | None, event: Message, context: Context) -> Request:
    """Fold one of our own events into the request."""
    return FOLDS[type(event)](request, event, context)


def _submitted(_request: Request | None, event: ev.RequestSubmitted, context: Context) -> Request:
    return Request(
        request_no=event.request_no,
        site_id=event.site_id,
        kind=event.kind,
        unit_id=event.unit_id,
        channel=event.channel,
        source=event.source,
        person_ref=event.person_ref,
        urgent=event.urgent,
        submitted_at=context.at,
        due_at=instant(event.due_at) if event.HasField("due_at") else None,
        reporter_ref=event.reporter_ref,
        screening_code=event.screening_code,
    )


def _rated(request: Request, event: ev.OutcomeRated, _context: Context) -> Request:
    return replace(request, rating=event.rating, solved=event.solved)


def _given(request: Request, event: ev.FeedbackGiven, context: Context) -> Request:
    feedback = ev.Feedback.Name(event.feedback).removeprefix(FEEDBACK).lower()
    return replace(request, feedback=feedback, feedback_at=context.at)


def _reopened(request: Request, _event: ev.RequestReopened, _context: Context) -> Request:
    # What was settled with another goes on by itself.
    return replace(request, status=SUBMITTED, feedback="", feedback_at=None, joined_to="")


def _unchanged(request: Request, _event: Message, _context: Context) -> Request:
    return request


def _now(status: str) -> Callable[[Request, Message, Context], Request]:
    def fold(request: Request, _event: Message, _context: Context) -> Request:
        return replace(request, status=status)

    return fold


FOLDS: Mapping[type[Message], Callable[[Any, Any, Context], Request]] = {
    ev.RequestSubmitted: _submitted,
    ev.EscalationRequested: _unchanged,
    ev.WithdrawalRequested: _unchanged,
    ev.ReopeningRequested: _unchanged,
    ev.ReferralRequested: _unchanged,
    ev.OutcomeRated: _rated,
    ev.RequestClosed: _now(CLOSED),
    ev.RequestWithdrawn: _now(WITHDRAWN),
    ev.RequestSettled: _now(SETTLED),
    ev.RequestReopened: _reopened,
    ev.FeedbackGiven: _given,
    **relations.FOLDS,
}
