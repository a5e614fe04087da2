"""An aggregate without broker or store: messages are sent to it, by a clock that the test moves."""

import itertools
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from google.protobuf.message import Message

from services.chassis import audit
from services.chassis.consumer import Arrived, Received
from services.chassis.engine import Engine, Moment, decode
from services.chassis.envelope import Envelope, event_id
from services.chassis.model import Context, Decision, Model
from services.chassis.rebuild import differences, fold
from services.chassis.record import Position, Record

S = TypeVar("S")

CASE = "5d2b7c1e-0000-4000-8000-000000000001"
SITE = "jili"


class Walking(Generic[S]):
    """One case in one service."""

    def __init__(self, model: Model[S], now: datetime) -> None:
        """Nothing has happened yet."""
        self.model = model
        self.now = now
        self.engine = Engine(model)
        self.record: Record[S] = Record(id=CASE, site=SITE)
        self._sequences: dict[str, int] = {}
        self._keys = itertools.count()

    @property
    def state(self) -> S:
        """As it is now."""
        assert self.record.state is not None
        return self.record.state

    @property
    def moment(self) -> Moment:
        """The time that everything is decided at."""
        return Moment(self.now, self.now)

    def sent(self, topic: str = "") -> list[str]:
        """Types of the events on one topic, the public one if none is named."""
        topic = topic or self.model.topic
        return [entry.type.rpartition(".")[2] for entry in self.record.outbox if entry.topic == topic]

    def last(self, kind: str) -> Any:
        """The last event of a type."""
        entry = [each for each in self.record.outbox if each.type.endswith(f".{kind}")][-1]
        return decode(entry.type, entry.data)

    def hear(self, topic: str, event: Message, at: datetime | None = None) -> None:
        """An event of another service arrives."""
        sequence = self._sequences[topic] = self._sequences.get(topic, 0) + 1
        service, at = topic.split(".")[1], at or self.now
        envelope = Envelope(
            id=event_id(service, CASE, topic, sequence),
            type=event.DESCRIPTOR.full_name,
            source=f"/fengqiao/{service}",
            subject=CASE,
            site=SITE,
            time=at,
            recorded_at=at,
            sequence=sequence,
            head=b"",
            cause="",
            data=event.SerializeToString(),
        )
        self.engine.consume(self.record, envelope, topic, Position(sequence, 0, sequence), self.moment)

    def command(
        self, decide: Callable[[S, Context], Decision], body: str, at: datetime | None = None
    ) -> None:
        """A command arrives."""
        key = f"key-{next(self._keys)}"
        self.engine.command(
            self.record, decide, self.moment, key=key, body_hash=body.encode(), occurred_at=at
        )

    def pass_by(self, duration: timedelta) -> None:
        """Time passes, and a sweep comes by."""
        self.now += duration
        self.engine.fire_due(self.record, self.now, self.moment)

    def faults(self) -> list[str]:
        """In what the events, folded anew, differ from the state; and where the audit chain breaks."""
        events = [
            Arrived(
                Received(entry.topic, 0, number, CASE.encode(), entry.data, {}),
                Envelope(
                    id=event_id(self.model.service, CASE, entry.topic, entry.sequence),
                    type=entry.type,
                    source=f"/fengqiao/{self.model.service}",
                    subject=CASE,
                    site=SITE,
                    time=entry.occurred_at,
                    recorded_at=entry.recorded_at,
                    sequence=entry.sequence,
                    head=entry.head,
                    cause=entry.cause,
                    data=entry.data,
                ),
            )
            for number, entry in enumerate(self.record.outbox)
        ]
        found = list(differences(fold(self.model, events)[CASE], self.record))
        own = [each.envelope for each in events if each.record.topic == self.model.topic]
        broken = audit.first_break(own, self.record.heads[self.model.topic])
        return [*found, *([f"audit: {broken}"] if broken else [])]
