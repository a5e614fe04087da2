"""Load → decide → draft of the next document, with no I/O: the heart that property tests can walk.

Every function changes the draft it is given and leaves it whole when a decision raises.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Generic, TypeVar

import protovalidate
from google.protobuf import message_factory
from google.protobuf.descriptor_pool import Default
from google.protobuf.message import DecodeError, Message

from services.chassis import audit
from services.chassis.envelope import Envelope, event_id
from services.chassis.errors import (
    IllegalTransition,
    KeyReused,
    NotYetRouted,
    Poison,
    StaleRevision,
    TooLarge,
)
from services.chassis.model import Consumed, Context, Decision, Model
from services.chassis.record import Answered, Behind, Deadline, Fact, OutboxEntry, Position, Record, to_ms

S = TypeVar("S")

MAX_EVENT_BYTES = 512 * 1024
MAX_FIRINGS_PER_COMMIT = 100
KEY_LIFETIME = timedelta(days=7)
FIRST_BACKOFF = timedelta(seconds=1)
LONGEST_BACKOFF = timedelta(hours=1)


class Verdict(Enum):
    """What became of a consumed event."""

    APPLIED = "applied"
    DUPLICATE = "duplicate"
    SKIPPED = "skipped"
    GAP = "gap"


@dataclass(frozen=True, slots=True)
class Moment:
    """The time a batch is decided at: the site's clock, whether it is a replay, and the wall clock.

    `latest` is what the later of the store's and the process's clock says, where they differ.
    """

    now: datetime
    recorded_at: datetime
    replay: bool = False
    latest: datetime | None = None


def parse(type_name: str, data: bytes) -> Message:
    """Decode an event to decide on.

    Raises:
        Poison: `unknown_type`, `bad_protobuf`, or `invalid:<field>` by the proto's own rules.
    """
    message = decode(type_name, data)
    try:
        protovalidate.validate(message)
    except protovalidate.ValidationError as error:
        path = error.violations[0].proto.field
        field = ".".join(str(e.field_name) for e in path.elements) if path else ""
        raise Poison(f"invalid:{field}") from None
    return message


def decode(type_name: str, data: bytes) -> Message:
    """Decode an event to read or fold: what was lawful when it was written stays readable.

    Raises:
        Poison: `unknown_type` or `bad_protobuf`.
    """
    try:
        descriptor = Default().FindMessageTypeByName(type_name)
    except KeyError:
        raise Poison("unknown_type") from None
    message = message_factory.GetMessageClass(descriptor)()
    try:
        message.ParseFromString(data)
    except (DecodeError, RecursionError):
        raise Poison("bad_protobuf") from None
    return message


class Engine(Generic[S]):
    """Applies events, commands and firings of one model to drafts of its records."""

    def __init__(self, model: Model[S], build: str = "dev") -> None:
        """`build` names the running build, so that a new one tries again what an old one could not apply."""
        self.model = model
        self.build = build

    # -- consuming -------------------------------------------------------------------------------------------

    def consume(
        self,
        record: Record[S],
        envelope: Envelope,
        topic: str,
        position: Position,
        moment: Moment,
        *,
        healing: bool = False,
    ) -> Verdict:
        """Apply the next event of a source topic to a draft (rules 10 to 12).

        Raises:
            Poison: the event can't be applied; the caller marks the aggregate behind.
            Exception: anything a decision raised; after bounded retries the caller does the same.
        """
        seen = record.seen[topic].sequence if topic in record.seen else 0
        if position.sequence <= seen:
            return Verdict.DUPLICATE
        if topic in record.behind and not healing:
            self.mark_behind(record, topic, position, record.behind[topic].reason)
            return Verdict.SKIPPED
        if position.sequence > seen + 1:
            self.mark_behind(record, topic, position, "gap")
            return Verdict.GAP
        self._apply(record, envelope, topic, position, moment)
        record.seen[topic] = position
        if topic in record.behind and record.behind[topic].upto <= position.sequence:
            del record.behind[topic]
        record.dirty = True
        return Verdict.APPLIED

    def mark_behind(self, record: Record[S], topic: str, position: Position, reason: str) -> None:
        """Record that an event could not be applied, or raise how far the aggregate is behind (rule 11)."""
        mark = record.behind.get(topic)
        if mark is None:
            record.behind[topic] = Behind(
                reason, position.sequence, position.partition, position.offset, self.build
            )
            record.dirty = True
        elif position.sequence > mark.upto:
            record.behind[topic] = replace(mark, upto=position.sequence)
            record.dirty = True

    def skip(self, record: Record[S], topic: str, position: Position) -> None:
        """Give up one event on an operator's word: it counts as seen."""
        record.seen[topic] = position
        if topic in record.behind and record.behind[topic].upto <= position.sequence:
            del record.behind[topic]
        record.dirty = True

    def _apply(
        self, record: Record[S], envelope: Envelope, topic: str, position: Position, moment: Moment
    ) -> None:
        handler = self.model.consumed.get((topic, envelope.type))
        cause = f"{topic}:{position.partition}:{position.offset}:{position.sequence}"
        if handler is None:
            return
        fact = Fact(topic, envelope.type, envelope.time, envelope.recorded_at, envelope.data, cause)
        if record.state is None and not handler.opens:
            parse(
                fact.type, fact.data
            )  # a broken fact is poison by itself; it must not wait to spoil the opening event
            record.facts.append(fact)
            return
        draft = record.copy()
        draft.site = draft.site or envelope.site
        facts = [fact, *draft.facts] if draft.state is None else [fact]
        draft.facts = []
        for each in facts:
            self._apply_fact(draft, self.model.consumed[(each.topic, each.type)], each, moment)
        record.become(draft)

    def _apply_fact(self, draft: Record[S], handler: Consumed, fact: Fact, moment: Moment) -> None:
        message = parse(fact.type, fact.data)
        context = self._context(draft, fact.occurred_at, moment, recorded_at=fact.recorded_at)
        self.fire_due(draft, _before(fact.occurred_at, moment), moment)
        decision = handler.decide(draft.state, message, context)
        self._emit(draft, decision, fact.occurred_at, moment, cause=fact.cause)

    # -- commands --------------------------------------------------------------------------------------------

    def command(  # noqa: PLR0913 - what travels with a command
        self,
        record: Record[S],
        decide: Callable[[S, Context], Decision],
        moment: Moment,
        *,
        key: str,
        body_hash: bytes,
        occurred_at: datetime | None = None,
        expected_revision: int | None = None,
        authorize: Callable[[S, datetime], None] = lambda _state, _at: None,
        answer: Callable[[Record[S]], bytes] = lambda _record: b"",
    ) -> bytes:
        """Apply a command to a draft, in the order of rule 19; returns the answer's bytes.

        Raises:
            CommandError: it is refused; the draft may then hold firings that were due, and is worth
                committing
                when `dirty`.
        """
        # What has no business time happens after all that is known, though a producer's clock may be ahead
        # of ours.
        at = to_ms(occurred_at) if occurred_at else max(moment.now, record.last_at or moment.now)
        for given in record.answered:
            if given.key == key:
                if given.body_hash != body_hash:
                    # Scope before key (rule 19): who has no right must not learn that the key was used here.
                    if record.state is not None:
                        authorize(record.state, at)
                    raise KeyReused("the idempotency key was used with another body")
                return given.answer
        self.fire_due(record, _before(at, moment), moment)
        if record.state is None:
            raise NotYetRouted(
                "the case is known but not yet open here; try again shortly", retry_after_ms="200"
            )
        authorize(record.state, at)
        if expected_revision is not None and expected_revision != record.revision:
            raise StaleRevision(
                f"revision is {record.revision}, not {expected_revision}", revision=str(record.revision)
            )
        draft = record.copy()
        context = self._context(draft, at, moment, recorded_at=moment.recorded_at)
        decision = decide(record.state, context)
        self._emit(draft, decision, at, moment, cause="")
        result = answer(draft)
        self.remember(draft, key, body_hash, result, moment)
        record.become(draft)
        return result

    def create(
        self, record: Record[S], decision: Decision, at: datetime, moment: Moment, *, cause: str = ""
    ) -> None:
        """Begin an aggregate by a decision of one's own."""
        self._emit(record, decision, at, moment, cause=cause)

    def remember(self, record: Record[S], key: str, body_hash: bytes, answer: bytes, moment: Moment) -> None:
        """Keep a command's answer for seven days."""
        oldest = moment.recorded_at - KEY_LIFETIME
        # The first answer is the creation's where there is one; it is kept for ever.
        record.answered = [a for i, a in enumerate(record.answered) if i == 0 or a.at > oldest]
        record.answered.append(Answered(key, body_hash, answer, moment.recorded_at))
        record.dirty = True

    # -- deadlines -------------------------------------------------------------------------------------------

    def fire_due(self, record: Record[S], before: datetime, moment: Moment) -> int:
        """Fire everything due strictly before a time, earliest first; returns how many (rules 16 to 18).

        A firing that raises backs off up to hourly and stops nothing else.
        """
        fired = 0
        while record.state is not None and self.model.fire is not None and fired < MAX_FIRINGS_PER_COMMIT:
            due = self._next_due(record)
            if due is None or due.due_at >= before:
                break
            draft = record.copy()
            context = self._context(draft, due.due_at, moment, recorded_at=moment.recorded_at)
            try:
                decision = self.model.fire(record.state, due, context)
                self._emit(draft, decision, due.due_at, moment, cause="")
                if draft.state is not None and due in self.model.deadlines(draft.state):
                    raise IllegalTransition("a fired deadline is still open")
            except Exception as error:  # noqa: BLE001 - one case's bug must not starve the rest (rule 18)
                self.back_off(record, error, moment)
                break
            record.become(draft)
            fired += 1
        due_at = self._due_at(record)
        if due_at != record.next_due_at:
            # A former build reckoned it otherwise: put it right, or the sweep finds the record again and
            # again.
            record.next_due_at, record.dirty = due_at, True
        return fired

    def back_off(self, record: Record[S], error: Exception, moment: Moment) -> None:
        """Hold the next firing back: a second, then twice as long each time, up to an hour (rule 18)."""
        if record.retry_at is not None and record.retry_at > moment.recorded_at:
            return
        record.failures += 1
        pause = min(FIRST_BACKOFF * 2 ** min(record.failures - 1, 12), LONGEST_BACKOFF)
        record.retry_at = moment.recorded_at + pause
        record.retry_reason = f"firing_failed:{type(error).__name__}"
        record.dirty = True

    # -- what all share --------------------------------------------------------------------------------------

    def _context(self, record: Record[S], at: datetime, moment: Moment, *, recorded_at: datetime) -> Context:
        return Context(
            aggregate_id=record.id,
            site=record.site,
            at=at,
            now=moment.now,
            recorded_at=recorded_at,
            replay=moment.replay,
            late=record.last_at is not None and at < record.last_at,
        )

    def _emit(
        self, draft: Record[S], decision: Decision, at: datetime, moment: Moment, *, cause: str
    ) -> None:
        """Fold a decision into the draft: state, sequences, audit heads, outbox, next deadline."""
        context = self._context(draft, at, moment, recorded_at=moment.recorded_at)
        was_due = self._next_due(draft)
        for emit in decision.events:
            if not emit.only:
                draft.state = self.model.evolve(draft.state, emit.message, context)
                draft.revision += 1
            data = emit.message.SerializeToString(deterministic=True)
            if len(data) > MAX_EVENT_BYTES:
                raise TooLarge(f"event of {len(data)} bytes; at most {MAX_EVENT_BYTES}")
            for topic in (emit.only,) if emit.only else (self.model.topic, *emit.also):
                self._append(draft, topic, emit.message.DESCRIPTOR.full_name, data, at, moment, cause)
        draft.private.update(decision.private)
        if decision.events:
            draft.last_at = max(draft.last_at or at, at)
        due = self._next_due(draft)
        if due != was_due:
            _forgive(draft)
        draft.next_due_at = due.due_at if due else None
        draft.dirty = True

    def _next_due(self, record: Record[S]) -> Deadline | None:
        deadlines = () if record.state is None else self.model.deadlines(record.state)
        return min(deadlines, key=_by_due, default=None)

    def _due_at(self, record: Record[S]) -> datetime | None:
        due = self._next_due(record)
        return due.due_at if due else None

    def _append(
        self,
        draft: Record[S],
        topic: str,
        type_name: str,
        data: bytes,
        at: datetime,
        moment: Moment,
        cause: str,
    ) -> None:
        sequence = draft.sequences.get(topic, 0) + 1
        identity = event_id(self.model.service, draft.id, topic, sequence)
        before, times = draft.heads.get(topic, audit.GENESIS), (at, moment.recorded_at)
        head = audit.link(before, identity, type_name, draft.site, times, cause, data)
        draft.sequences[topic] = sequence
        draft.heads[topic] = head
        draft.outbox.append(
            OutboxEntry(topic, sequence, type_name, at, moment.recorded_at, data, head, cause)
        )


def body_hash(message: Message, actor: str) -> bytes:
    """Hash of a command's body and its actor: the same key with another hash is refused."""
    return hashlib.sha256(actor.encode() + b"\0" + message.SerializeToString(deterministic=True)).digest()


def _before(at: datetime, moment: Moment) -> datetime:
    """Up to when deadlines fire before a thing that happened at `at` (rule 17)."""
    return at if moment.replay else min(at, moment.now)


def _by_due(deadline: Deadline) -> tuple[datetime, str, int]:
    return deadline.due_at, deadline.name, deadline.epoch


def _forgive(record: Record[S]) -> None:
    """Another deadline is next: the back-off was the failing one's, and must not hold this one back."""
    record.failures, record.retry_at, record.retry_reason = 0, None, ""
