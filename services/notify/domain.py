"""The notice (告知) of an event, and how each delivery of it ends. Pure: no I/O, no clock.

`TABLE` says what may become of one delivery. An event fixes the set of deliveries once, and nothing is added
later. In-app is delivered by being stored, and no event tells it: the event that the notice is about says it
all. Claims and waits are no events either: a notice is rebuilt from that event and its own topic as far as
deliveries have ended (chassis rule 14).
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, cast

from google.protobuf.message import Message

from fengqiao.notify.v1.events_pb2 import NoticeDelivered, NoticeFailed
from services.chassis.errors import IllegalTransition, NotFound
from services.chassis.model import Context, Decision, Emit, Table, Transition, transition
from services.notify.owed import IN_APP, News, facts_of

EVENTS = "fengqiao.notify.events"
RESTRICTED = "fengqiao.notify.restricted"

PENDING, SENDING, DELIVERED, FAILED = "pending", "sending", "delivered", "failed"
STATUSES = (PENDING, SENDING, DELIVERED, FAILED)

NO_ADDRESS = "no_address"
REFUSED = "refused_by_server"
GAVE_UP = "gave_up"

EVENT_ID_PARTS = 4
"""An event's id is `<service>/<aggregate>/<topic>/<sequence>`."""


# -- state ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Delivery:
    """One (channel, recipient) of a notice.

    `next_attempt_at` is when somebody has to take it up: the next attempt, or the end of the claim that
    holds it. `attempts` counts from the last (re)start; `interrupted` the claims that ran out, after each of
    which a message may have gone out twice. `reason` is the code of the last failure.
    """

    id: str
    channel: str
    recipient_ref: str
    unit_id: str
    template: str
    status: str = PENDING
    attempts: int = 0
    interrupted: int = 0
    reason: str = ""
    next_attempt_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """Everything owed for one event: codes and references only. `at` is the business time of the event."""

    case_id: str
    at: datetime
    created_at: datetime
    facts: Mapping[str, Any]
    deliveries: tuple[Delivery, ...]

    @property
    def next_attempt_at(self) -> datetime | None:
        """When the first of its open deliveries has to be taken up."""
        return min((d.next_attempt_at for d in self.deliveries if d.next_attempt_at), default=None)

    @property
    def failed(self) -> int:
        """How many deliveries have failed."""
        return sum(d.status == FAILED for d in self.deliveries)

    def delivery(self, delivery_id: str) -> Delivery:
        """One of its deliveries.

        Raises:
            NotFound: it has no such delivery.
        """
        found = next((d for d in self.deliveries if d.id == delivery_id), None)
        if found is None:
            raise NotFound("no such delivery")
        return found

    def having(self, changed: Delivery) -> "Notice":
        """The notice with one delivery changed."""
        return replace(self, deliveries=tuple(changed if d.id == changed.id else d for d in self.deliveries))


def delivery_id(notice_id: str, channel: str, recipient_ref: str) -> str:
    """The id of a delivery, the same for ever."""
    return f"{notice_id}/{channel}/{recipient_ref}"


def notice_id_of(delivery: str) -> str:
    """The notice that a delivery's id belongs to."""
    return "/".join(delivery.split("/")[:EVENT_ID_PARTS])


def is_restricted(notice_id: str) -> bool:
    """Whether a notice is about an accusation: it is named by an event of a restricted topic."""
    return ".restricted/" in notice_id


def message_id(delivery: str, domain: str) -> str:
    """Message-ID of an e-mail: the same on every attempt, and telling nothing."""
    return f"<{hashlib.sha256(delivery.encode()).hexdigest()[:40]}@{domain}>"


def begin(
    notice_id: str, case_id: str, event: Message, news: News, at: datetime, now: datetime
) -> Notice | None:
    """The notice of an event, in-app deliveries made by it; None when nobody is there to be told.

    `at` is when the thing happened, `now` the wall clock. Whoever is owed twice by one channel is told once.
    """
    deliveries: dict[str, Delivery] = {}
    told = [(owed, recipient) for owed in news.owed for recipient in owed.who(event) if recipient.ref]
    for owed, recipient in told:
        for channel in owed.channels:
            identity = delivery_id(notice_id, channel, recipient.ref)
            if identity not in deliveries:
                new = Delivery(identity, channel, recipient.ref, recipient.unit_id, owed.template)
                deliveries[identity] = _begun(new, now)
    if not deliveries:
        return None
    return Notice(case_id, at, now, facts_of(event, news), tuple(deliveries.values()))


def _begun(delivery: Delivery, now: datetime) -> Delivery:
    """What is told in-app is told when the notice is stored; everything else waits for its sender."""
    if delivery.channel == IN_APP:
        return replace(delivery, status=DELIVERED, attempts=1, ended_at=now)
    return replace(delivery, next_attempt_at=now)


# -- commands ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ClaimDelivery:
    """A sender takes it, until then; a claim that ran out may be taken by another."""

    until: datetime


@dataclass(frozen=True, slots=True)
class ConfirmDelivery:
    """The channel took it."""


@dataclass(frozen=True, slots=True)
class RecordFailure:
    """An attempt failed in a way that may pass; `pauses` are the waits before each further attempt."""

    reason: str
    pauses: tuple[timedelta, ...]


@dataclass(frozen=True, slots=True)
class AbandonDelivery:
    """It can't be delivered however often it is tried."""

    reason: str


@dataclass(frozen=True, slots=True)
class ReleaseDelivery:
    """The claim is given back untried."""


@dataclass(frozen=True, slots=True)
class Redeliver:
    """Somebody wants a failed one tried again from the start."""


# -- decisions -----------------------------------------------------------------------------------------------


Command = ClaimDelivery | ConfirmDelivery | RecordFailure | AbandonDelivery | ReleaseDelivery | Redeliver


@dataclass(frozen=True, slots=True)
class Task:
    """A delivery with the notice it is part of."""

    notice: Notice
    delivery: Delivery


@dataclass(frozen=True, slots=True)
class Step(Decision):
    """A decision on one delivery; `delivery` is its new form where no event tells it."""

    delivery: Delivery | None = None


def claim(task: Task, command: ClaimDelivery, _context: Context) -> Step:
    """One attempt more; the claim ends by itself if its sender dies."""
    attempts = task.delivery.attempts + 1
    return Step(
        delivery=replace(task.delivery, status=SENDING, attempts=attempts, next_attempt_at=command.until)
    )


def take_over(task: Task, command: ClaimDelivery, context: Context) -> Step:
    """Only when the former claim has run out: its sender may or may not have sent."""
    held_until = task.delivery.next_attempt_at
    if held_until is not None and held_until > context.now:
        raise IllegalTransition("another sender holds it", state=SENDING, allowed="")
    interrupted = replace(task.delivery, interrupted=task.delivery.interrupted + 1)
    return claim(replace(task, delivery=interrupted), command, context)


def confirm(task: Task, _command: ConfirmDelivery, context: Context) -> Step:
    """Told."""
    return _ended(NoticeDelivered(**_about(task, context)))


def record_failure(task: Task, command: RecordFailure, context: Context) -> Step:
    """Wait and try again, or give up when every pause is spent."""
    delivery = task.delivery
    if delivery.attempts > len(command.pauses):
        return _ended(NoticeFailed(**_about(task, context), reason=f"{GAVE_UP}:{command.reason}"))
    again_at = context.now + command.pauses[delivery.attempts - 1]
    return Step(delivery=replace(delivery, status=PENDING, reason=command.reason, next_attempt_at=again_at))


def abandon(task: Task, command: AbandonDelivery, context: Context) -> Step:
    """Not told, with the reason."""
    return _ended(NoticeFailed(**_about(task, context), reason=command.reason))


def release(task: Task, _command: ReleaseDelivery, context: Context) -> Step:
    """As if it had not been claimed."""
    attempts = task.delivery.attempts - 1
    return Step(
        delivery=replace(task.delivery, status=PENDING, attempts=attempts, next_attempt_at=context.now)
    )


def redeliver(task: Task, _command: Redeliver, context: Context) -> Step:
    """From the start, at once."""
    return Step(
        delivery=replace(
            task.delivery, status=PENDING, attempts=0, reason="", next_attempt_at=context.now, ended_at=None
        )
    )


TABLE: Table = MappingProxyType({
    (PENDING, ClaimDelivery): Transition(claim, (SENDING,)),
    (PENDING, AbandonDelivery): Transition(abandon, (FAILED,)),
    (SENDING, ClaimDelivery): Transition(take_over, (SENDING,)),
    (SENDING, ConfirmDelivery): Transition(confirm, (DELIVERED,)),
    (SENDING, RecordFailure): Transition(record_failure, (PENDING, FAILED)),
    (SENDING, AbandonDelivery): Transition(abandon, (FAILED,)),
    (SENDING, ReleaseDelivery): Transition(release, (PENDING,)),
    (FAILED, Redeliver): Transition(redeliver, (PENDING,)),
})  # fmt: skip


def decide(notice: Notice, delivery: str, command: Command, context: Context) -> Step:
    """Decide by the table on one delivery of a notice.

    Raises:
        IllegalTransition: its status does not allow the command.
        NotFound: the notice has no such delivery.
    """
    task = Task(notice, notice.delivery(delivery))
    return cast("Step", transition(TABLE, task.delivery.status, task, command, context))


def _ended(event: Message) -> Step:
    return Step((Emit(event),))


def _about(task: Task, context: Context) -> dict[str, Any]:
    delivery = task.delivery
    return {
        "case_id": task.notice.case_id,
        "about_event_id": context.aggregate_id,
        "template": delivery.template,
        "channel": delivery.channel,
        "recipient_ref": delivery.recipient_ref,
        "attempts": delivery.attempts,
    }


# -- folding -------------------------------------------------------------------------------------------------


def evolve(notice: Notice | None, event: Message, context: Context) -> Notice:
    """Fold the end of a delivery into its notice; without a notice, into what its events prove of it."""
    if not isinstance(event, NoticeDelivered | NoticeFailed):
        raise TypeError(f"no event of a notice: {event.DESCRIPTOR.full_name}")
    identity = delivery_id(event.about_event_id, event.channel, event.recipient_ref)
    if notice is None:
        notice = Notice(event.case_id, context.at, context.at, {}, ())
    if identity not in {d.id for d in notice.deliveries}:
        proven = Delivery(identity, event.channel, event.recipient_ref, "", event.template)
        notice = replace(notice, deliveries=(*notice.deliveries, proven))
    ended = replace(
        notice.delivery(identity),
        status=DELIVERED if isinstance(event, NoticeDelivered) else FAILED,
        attempts=event.attempts,
        reason=event.reason if isinstance(event, NoticeFailed) else "",
        next_attempt_at=None,
        ended_at=context.at,
    )
    return notice.having(ended)
