"""Cases as they lie in the store, made by the ladder's own decisions, to be copied many times over."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random

from bson.raw_bson import RawBSONDocument

from fengqiao.intake.v1.events_pb2 import RequestSubmitted
from services.chassis import store
from services.chassis.commands import Order
from services.chassis.engine import Engine, Moment
from services.chassis.envelope import Envelope, event_id
from services.chassis.model import Context, Decision, transition
from services.chassis.protobuf import timestamp
from services.chassis.record import Position, Record
from services.routing import domain
from services.routing.domain import REQUESTS, Case, Ladder, table
from services.routing.rules import Rules
from services.routing.store import dump
from services.routing.store import model as routing
from tests.bench.driver import NEIGHBOURS, SITE, STREET
from tests.bench.seeding import Fresh, Model, base36

DAY = timedelta(days=1)
ENDED, ACCEPTED, WAITING, SOON, OVERDUE = "ended", "accepted", "waiting", "soon", "overdue"
DUE, UNASSIGNED = "due", "unassigned"


@dataclass(frozen=True, slots=True)
class Kind:
    """How a kind of case came about: days since it was opened, what was promised, and what was done."""

    opened_days: float
    promised_days: float
    spread_days: float
    """Copies are up to this much older."""
    accepted: bool = False
    resolved: bool = False
    fired: bool = False
    at_the_top: bool = False


KINDS = {
    ENDED: Kind(30, 8, 1_000, accepted=True, resolved=True),
    ACCEPTED: Kind(0.1, 20, 4.5, accepted=True),
    WAITING: Kind(2, 20, 2),
    SOON: Kind(0.01, 0.8, 0.05, accepted=True),
    # Four clocks have run out, and the order is still to be answered.
    OVERDUE: Kind(8.1, 8, 1.5, fired=True),
    # Nobody swept since it was opened.
    DUE: Kind(9, 8, 0.9, accepted=True),
    UNASSIGNED: Kind(9, 8, 0.9, at_the_top=True),
}


class Makers:
    """Copies of each kind, each with an id, a number and times of its own."""

    def __init__(self, rules: Rules, now: datetime) -> None:
        """The rules of the site, and when it is."""
        self._ladder = Ladder({SITE: rules})
        self._cells = table(self._ladder)
        self._engine = Engine(routing(self._ladder))
        self._models = {
            (name, unit): self._model(kind, unit, now)
            for name, kind in KINDS.items()
            for unit in ((STREET,) if kind.at_the_top else NEIGHBOURS)
        }

    def copies(self, name: str, first: int, count: int) -> Iterator[RawBSONDocument]:
        """Some of a kind; the same for the same numbers."""
        units = (STREET,) if KINDS[name].at_the_top else NEIGHBOURS
        spread = int(KINDS[name].spread_days * DAY.total_seconds() * 1000)
        for number in range(first, first + count):
            random = Random(f"{name}-{number}")
            case_id = str(uuid.UUID(int=random.getrandbits(128), version=4))
            texts = {"case_id": case_id, "request_no": f"{name[:2].upper()}-" + base36(number).rjust(7, "0")}
            model = self._models[name, units[number % len(units)]]
            yield model.copy(Fresh(texts, random.randrange(max(spread, 1))))

    def _model(self, kind: Kind, unit: str, now: datetime) -> Model:
        own = {"case_id": str(uuid.uuid4()), "request_no": "XX-0000000"}
        record: Record[Case] = Record(id=own["case_id"], site=SITE)
        at = now - kind.opened_days * DAY
        self._open(record, kind, unit, own["request_no"], at)
        if kind.accepted:
            self._order(record, domain.AcceptCase(), at + timedelta(hours=1))
        if kind.resolved:
            self._order(record, domain.ResolveCase("repaired"), at + timedelta(hours=30))
        while kind.fired and record.next_due_at and record.next_due_at < now:
            at = record.next_due_at + timedelta(milliseconds=20)
            self._engine.fire_due(record, at, Moment(at, at))
        if kind.at_the_top and record.state:
            record.state = replace(record.state, holder_ref="")
        record.outbox, record.version, record.commit_id = [], 2, "0" * 24
        return Model.of("fengqiao_routing", "cases", bytes(store.dump(record, dump, at).raw), own)

    def _open(self, record: Record[Case], kind: Kind, unit: str, number: str, at: datetime) -> None:
        event = RequestSubmitted(
            request_no=number,
            site_id=SITE,
            kind="drain.blocked",
            unit_id=unit,
            channel="counter",
            person_ref="p-" + "0" * 24,
            due_at=timestamp(at + kind.promised_days * DAY),
        )
        envelope = Envelope(
            id=event_id("intake", record.id, REQUESTS, 1),
            type=event.DESCRIPTOR.full_name,
            source="/fengqiao/intake",
            subject=record.id,
            site=SITE,
            time=at,
            recorded_at=at,
            sequence=1,
            head=b"",
            cause="",
            data=event.SerializeToString(),
        )
        self._engine.consume(record, envelope, REQUESTS, Position(1, 0, 1), Moment(at, at))

    def _order(self, record: Record[Case], command: object, at: datetime) -> None:
        def decide(case: Case, context: Context) -> Decision:
            return transition(self._cells, case.status, case, command, context)

        order = Order(str(uuid.uuid4()), repr(command).encode())
        self._engine.command(record, decide, Moment(at, at), key=order.key, body_hash=order.body_hash)
