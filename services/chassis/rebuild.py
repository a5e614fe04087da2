"""Folds a service's own topic back into records: nothing is published (rule 14), and the fold equals the
store (rule 21).
"""

from collections.abc import Iterable, Sequence
from typing import TypeVar

from services.chassis.consumer import Arrived
from services.chassis.engine import decode
from services.chassis.envelope import Envelope
from services.chassis.model import Context, Model
from services.chassis.record import Position, Record

S = TypeVar("S")


def fold(model: Model[S], events: Iterable[Arrived]) -> dict[str, Record[S]]:
    """Records by id from the service's own topics, each topic in its order; repeats are allowed.

    State, sequences, heads, revision and next deadline are as stored; `seen` is restored from the source
    position that each event carries; private text is not in events, nor are answers to commands.
    """
    records: dict[str, Record[S]] = {}
    for event in events:
        envelope, topic = event.envelope, event.record.topic
        record = records.setdefault(envelope.subject, Record(id=envelope.subject, site=envelope.site))
        if envelope.sequence != record.sequences.get(topic, 0) + 1:
            continue
        record.sequences[topic] = envelope.sequence
        record.heads[topic] = envelope.head
        _restore_seen(record, envelope)
        if topic != model.topic:
            continue
        record.state = model.evolve(record.state, decode(envelope.type, envelope.data), _context(envelope))
        record.revision = envelope.sequence
        record.last_at = max(record.last_at or envelope.time, envelope.time)
        due = min((d.due_at for d in model.deadlines(record.state)), default=None)
        record.next_due_at = due
    return records


def _restore_seen(record: Record[S], envelope: Envelope) -> None:
    if not envelope.cause:
        return
    source, partition, offset, sequence = envelope.cause.rsplit(":", 3)
    position = Position(int(sequence), int(partition), int(offset))
    if source not in record.seen or record.seen[source].sequence < position.sequence:
        record.seen[source] = position


def _context(envelope: Envelope) -> Context:
    return Context(
        aggregate_id=envelope.subject,
        site=envelope.site,
        at=envelope.time,
        now=envelope.time,
        recorded_at=envelope.recorded_at,
    )


def differences(rebuilt: Record[S], stored: Record[S]) -> Sequence[str]:
    """Names of what differs between a rebuilt record and the stored one."""
    pairs = {
        "state": (rebuilt.state, stored.state),
        "revision": (rebuilt.revision, stored.revision),
        "sequences": (rebuilt.sequences, stored.sequences),
        "heads": (rebuilt.heads, stored.heads),
        "next_due_at": (rebuilt.next_due_at, stored.next_due_at),
        "last_at": (rebuilt.last_at, stored.last_at),
    }
    return [name for name, (left, right) in pairs.items() if left != right]
