"""A toy aggregate: opened, added to and closed by an upstream, ticking by itself three times."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from google.protobuf import descriptor_pb2, message_factory
from google.protobuf.descriptor_pool import Default
from google.protobuf.message import Message

from services.chassis.consumer import Received
from services.chassis.envelope import Envelope, event_id, header_map, to_headers
from services.chassis.model import Consumed, Context, Decision, Emit, Model, decided
from services.chassis.record import Deadline
from services.chassis.store import EPOCH, converter

SITE = "site"
EVENTS, OUTCOMES, REPLIES = "toy.events", "toy.outcomes", "toy.replies"
SOURCE, SECOND = "source.events", "second.events"
PERIOD = timedelta(minutes=10)
GRACE = timedelta(hours=1)
TICKS = 3


def _define() -> dict[str, type[Message]]:
    text, number = (
        descriptor_pb2.FieldDescriptorProto.TYPE_STRING,
        descriptor_pb2.FieldDescriptorProto.TYPE_INT64,
    )
    shapes = {
        "Open": [("name", text)],
        "Add": [("amount", number), ("padding", text)],
        "Close": [],
        "Shrug": [],
        "Strange": [],
        "Opened": [("name", text)],
        "Added": [("amount", number), ("padding", text)],
        "Closed": [],
        "Ignored": [("what", text)],
        "Ticked": [("epoch", number), ("next_started_at", text)],
        "Replied": [("to", text)],
    }
    file = descriptor_pb2.FileDescriptorProto(name="kit/v1/toy.proto", package="kit.v1", syntax="proto3")
    for name, fields in shapes.items():
        message = file.message_type.add(name=name)
        for place, (label, kind) in enumerate(fields, 1):
            message.field.add(
                name=label, number=place, type=kind, label=descriptor_pb2.FieldDescriptorProto.LABEL_OPTIONAL
            )
    pool = Default()
    pool.Add(file) if hasattr(pool, "Add") else pool.AddSerializedFile(file.SerializeToString())
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"kit.v1.{name}")) for name in shapes
    }


MESSAGES: Mapping[str, Any] = _define()
"""The message classes by name: made at run time, so that no proto of the house is touched."""

DECLARED = frozenset(f"kit.v1.{name}" for name in ("Open", "Add", "Close", "Shrug"))
"""What the contract of both sources names; `Shrug` is not handled, `Strange` not declared."""


def declared(_topic: str) -> frozenset[str]:
    """As `services.chassis.topics.declared_types`."""
    return DECLARED


@dataclass(frozen=True, slots=True)
class Toy:
    """What the events fold into."""

    name: str
    open: bool
    total: int
    epoch: int
    due_at: datetime | None
    ticked_at: tuple[datetime, ...] = ()
    ignored: int = 0
    closed_at: datetime | None = None


@dataclass
class Quirks:
    """Bugs that can be put into the toy: amounts that raise, ids whose firing raises; since when toys are
    known.
    """

    poison: set[int] = field(default_factory=set)
    raising: set[str] = field(default_factory=set)
    fired: list[tuple[str, int]] = field(default_factory=list)
    known_since: datetime = EPOCH


def add(state: Toy, amount: int, padding: str = "") -> Decision:
    """Add, or record that it is too late."""
    if not state.open:
        return decided(MESSAGES["Ignored"](what="add"))
    return decided(MESSAGES["Added"](amount=amount, padding=padding))


def open_toy(name: str) -> Decision:
    """Begin one by a command."""
    return decided(MESSAGES["Opened"](name=name))


def model(quirks: Quirks | None = None) -> Model[Toy]:
    """The toy for the chassis."""
    quirks = quirks or Quirks()

    def opened(_state: Toy | None, event: Any, _context: Context) -> Decision:
        reply = Emit(MESSAGES["Replied"](to=event.name), only=REPLIES)
        return Decision((Emit(MESSAGES["Opened"](name=event.name)), reply))

    def added(state: Toy, event: Any, _context: Context) -> Decision:
        if event.amount in quirks.poison:
            raise ValueError(f"{event.amount} is a bug")
        return add(state, event.amount, event.padding)

    def closed(state: Toy, _event: Any, _context: Context) -> Decision:
        if not state.open:
            return decided(MESSAGES["Ignored"](what="close"))
        return decided(MESSAGES["Closed"](), also=(OUTCOMES,))

    def fire(_state: Toy, deadline: Deadline, context: Context) -> Decision:
        if context.aggregate_id in quirks.raising:
            raise RuntimeError("a firing that always raises")
        begin = context.start_after(deadline.due_at, GRACE)
        quirks.fired.append((context.aggregate_id, deadline.epoch))
        return decided(MESSAGES["Ticked"](epoch=deadline.epoch, next_started_at=begin.isoformat()))

    handlers = {
        "kit.v1.Open": Consumed(opened, opens=True),
        "kit.v1.Add": Consumed(added),
        "kit.v1.Close": Consumed(closed),
    }
    return Model(
        service="toy",
        topic=EVENTS,
        evolve=evolve,
        dump=dump,
        load=load,
        deadlines=deadlines,
        fire=fire,
        known_since=lambda _state: quirks.known_since,
        consumed={
            **{(SOURCE, name): handler for name, handler in handlers.items()},
            **{(SECOND, name): handler for name, handler in handlers.items() if not handler.opens},
        },
    )


def evolve(state: Toy | None, event: Any, context: Context) -> Toy:
    """Fold one event."""
    name = event.DESCRIPTOR.name
    if state is None:
        return Toy(event.name, open=True, total=0, epoch=1, due_at=context.at + PERIOD)
    if name == "Added":
        return replace(state, total=state.total + event.amount)
    if name == "Closed":
        return replace(state, open=False, due_at=None, closed_at=context.at)
    if name == "Ticked":
        after = datetime.fromisoformat(event.next_started_at) + PERIOD
        return replace(
            state,
            epoch=event.epoch + 1,
            due_at=after if event.epoch < TICKS else None,
            ticked_at=(*state.ticked_at, context.at),
        )
    return replace(state, ignored=state.ignored + 1)


def deadlines(state: Toy) -> tuple[Deadline, ...]:
    """The next tick."""
    return (Deadline("tick", state.epoch, state.due_at),) if state.due_at else ()


def dump(state: Toy) -> dict[str, Any]:
    """As a document."""
    plain: dict[str, Any] = converter.unstructure(state)
    return plain


def load(raw: Any) -> Toy:
    """From a document."""
    return converter.structure(raw, Toy)


def envelope(
    aggregate_id: str, sequence: int, message: Any, at: datetime, *, topic: str = SOURCE, site: str = SITE
) -> Envelope:
    """An event of the upstream."""
    return Envelope(
        id=event_id("source", aggregate_id, topic, sequence),
        type=message.DESCRIPTOR.full_name,
        source="/source",
        subject=aggregate_id,
        site=site,
        time=at,
        recorded_at=at,
        sequence=sequence,
        head=b"",
        cause="",
        data=message.SerializeToString(),
    )


def received(event: Envelope, offset: int, topic: str = SOURCE, key: bytes | None = None) -> Received:
    """The event as the broker gives it."""
    headers = header_map(to_headers(event))
    return Received(topic, 0, offset, event.subject.encode() if key is None else key, event.data, headers)
