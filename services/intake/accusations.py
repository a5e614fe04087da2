"""The accusation (检举控告): taken in like a request, then kept apart. Pure: no I/O, no clock.

Routing never hears of one: it goes to petition on a restricted topic. Intake decides nothing about its end,
so where it stands is read off its restricted timeline.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from google.protobuf.message import Message

from fengqiao.intake.v1 import events_pb2 as ev
from fengqiao.petition.v1 import events_pb2 as petition
from services.chassis.errors import IllegalTransition
from services.chassis.model import Context, Decision, Emit, Table, Transition, allowed, decided
from services.intake.domain import (
    SETTLED,
    SUBMITTED,
    WITHDRAWN,
    EscalateRequest,
    SubmitRequest,
    WithdrawRequest,
    private_part,
)

RESTRICTED = "fengqiao.intake.restricted"
GROUP = "accusation"

ENDS: Mapping[str, str] = {
    petition.PetitionReplied.DESCRIPTOR.full_name: SETTLED,
    petition.PetitionNotAccepted.DESCRIPTOR.full_name: SETTLED,
    petition.OpinionDelivered.DESCRIPTOR.full_name: SETTLED,
    petition.PetitionWithdrawn.DESCRIPTOR.full_name: WITHDRAWN,
}
"""What petition says of an end, by full type name, and the status that follows."""


def accuses(kind: str) -> bool:
    """Whether a kind of matter is an accusation: a hard rule, which no site's setting changes."""
    return kind.partition(".")[0] == GROUP


def wrong_unit(kind: str, accused_unit_id: str) -> str:
    """What is wrong with the unit that a submission accuses, as a code; empty when nothing is."""
    if not accuses(kind):
        return "only_for_accusations" if accused_unit_id else ""
    if not accused_unit_id:
        return "required"
    # An id with an empty part would be nobody's: no inspector could be kept out of it.
    return "" if all(accused_unit_id.split("/")) else "not_a_unit"


def status_of(types: Collection[str]) -> str:
    """Where an accusation stands, by the types of events on its restricted timeline."""
    return next((status for name, status in ENDS.items() if name in types), SUBMITTED)


@dataclass(frozen=True, slots=True)
class Accusation:
    """What the restricted topic says of an accusation; all else is private data."""

    request_no: str
    site_id: str
    kind: str
    accused_unit_id: str
    channel: str
    source: str
    person_ref: str
    submitted_at: datetime


# -- decisions -----------------------------------------------------------------------------------------------


def submit(command: SubmitRequest) -> Decision:
    """Begin an accusation; where it happened and until when somebody promised stays in the store."""
    event = ev.AccusationSubmitted(
        request_no=command.request_no,
        site_id=command.site_id,
        kind=command.kind,
        accused_unit_id=command.accused_unit_id,
        channel=command.channel,
        source=command.source,
        person_ref=command.person_ref,
    )
    place = {"unit_id": command.unit_id, "urgent": command.urgent, "due_at": command.due_at}
    return Decision((Emit(event),), private_part(command) | place)


def _withdraw(_accusation: Accusation, command: WithdrawRequest, _context: Context) -> Decision:
    return decided(ev.WithdrawalRequested(reason=command.reason))


def _escalate(_accusation: Accusation, command: EscalateRequest, _context: Context) -> Decision:
    return decided(ev.EscalationRequested(reason=command.reason))


TABLE: Table = MappingProxyType(
    {
        (SUBMITTED, WithdrawRequest): Transition(_withdraw, (SUBMITTED,)),
        (SUBMITTED, EscalateRequest): Transition(_escalate, (SUBMITTED,)),
    }
)
"""Wishes, which petition hears; one that comes after the end changes nothing there."""


def decide(accusation: Accusation, command: object, context: Context) -> Decision:
    """Decide by the table.

    Raises:
        IllegalTransition: it is none of an accuser's wishes; the error says why and what is allowed.
    """
    cell = TABLE.get((SUBMITTED, type(command)))
    if cell is None:
        names = allowed(TABLE, SUBMITTED)
        message = (
            f"{type(command).__name__} is not for accusations: they end with the inspectors' answer, "
            f"which is neither rated nor reopened here; allowed: {', '.join(names)}"
        )
        raise IllegalTransition(message, state=SUBMITTED, allowed=",".join(names))
    return cell.decide(accusation, command, context)


# -- folding -------------------------------------------------------------------------------------------------


def evolve(accusation: Accusation | None, event: Message, context: Context) -> Accusation:
    """Fold one of our own events into the accusation; an event of ordinary requests has no place here."""
    return FOLDS[type(event)](accusation, event, context)


def _submitted(_accusation: Accusation | None, event: ev.AccusationSubmitted, context: Context) -> Accusation:
    return Accusation(
        request_no=event.request_no,
        site_id=event.site_id,
        kind=event.kind,
        accused_unit_id=event.accused_unit_id,
        channel=event.channel,
        source=event.source,
        person_ref=event.person_ref,
        submitted_at=context.at,
    )


def _unchanged(accusation: Accusation, _event: Message, _context: Context) -> Accusation:
    return accusation


FOLDS: Mapping[type[Message], Callable[[Any, Any, Context], Accusation]] = {
    ev.AccusationSubmitted: _submitted,
    ev.WithdrawalRequested: _unchanged,
    ev.EscalationRequested: _unchanged,
}
