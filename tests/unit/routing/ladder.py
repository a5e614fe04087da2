"""A small sub-district, and a case on its ladder without broker or store."""

import itertools
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import cast
from zoneinfo import ZoneInfo

from google.protobuf.message import Message

from fengqiao.intake.v1.events_pb2 import RequestSubmitted
from fengqiao.mediation.v1.events_pb2 import EndReason, MediationEnded
from fengqiao.petition.v1.events_pb2 import PetitionConcluded
from services.chassis.calendar import LibraryCalendar, Term
from services.chassis.calendar import Unit as TermUnit
from services.chassis.engine import Engine, Moment
from services.chassis.envelope import Envelope, event_id
from services.chassis.model import Context, Decision, transition
from services.chassis.protobuf import timestamp
from services.chassis.record import Position, Record
from services.routing.domain import (
    EVENTS,
    MEDIATION_OUTCOMES,
    PETITION_OUTCOMES,
    REQUESTS,
    Case,
    Ladder,
    table,
)
from services.routing.rules import MEDIATION, PETITION, Capability, FixedPlaces, Post, Rules, Unit
from services.routing.store import model

OPENED = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
CASE = "5d2b7c1e-0000-4000-8000-000000000001"
STREET, VILLAGE, SECTION, NEIGHBOURS = "jili", "jili/c01", "jili/c01/s01", "jili/c01/s01/n01"
NEXT_DOOR, OTHER_SECTION, OTHER_VILLAGE = "jili/c01/s01/n02", "jili/c01/s02", "jili/c02"


def rules(*, vacant: frozenset[str] = frozenset()) -> Rules:
    """One unit per tier, and three beside them; posts in `vacant` have no holder."""
    units = [
        Unit(STREET, 4, None),
        Unit(VILLAGE, 3, STREET),
        Unit(SECTION, 2, VILLAGE),
        Unit(NEIGHBOURS, 1, SECTION),
        Unit(NEXT_DOOR, 1, SECTION),
        Unit(OTHER_SECTION, 2, VILLAGE),
        Unit(OTHER_VILLAGE, 3, STREET),
    ]
    return Rules(
        places=FixedPlaces(
            {unit.id: unit for unit in units},
            {u.id: Post(f"post:{u.id}", None if u.id in vacant else f"h-{u.tier}") for u in units},
            STREET,
        ),
        capability={
            "drain.blocked": Capability(1, 3),
            "drain.*": Capability(2, 3),
            "gas.leak": Capability(1, 3, urgent=True),
            "dispute.*": Capability(3, 3, track=MEDIATION),
            "petition.*": Capability(4, 4, track=PETITION),
        },
        default_capability=Capability(1, 3),
        capability_version="7",
        default_term=Term(5, TermUnit.WORKING_DAYS, keeps_time=True),
        term_rule="service.default@1",
        zone=ZoneInfo("Asia/Shanghai"),
        calendar=LibraryCalendar("CN"),
        grace=timedelta(hours=1),
    )


@dataclass
class Walk:
    """A case that messages are sent to, by a clock that the test moves."""

    rules: Rules = field(default_factory=rules)
    now: datetime = OPENED
    replay: bool = False

    def __post_init__(self) -> None:
        self.cells = table(Ladder({"jili": self.rules}))
        self.engine = Engine(model(Ladder({"jili": self.rules})))
        self.record: Record[Case] = Record(id=CASE, site="jili")
        self.sequences: dict[str, int] = {}
        self.keys = itertools.count()

    @property
    def case(self) -> Case:
        assert self.record.state is not None
        return self.record.state

    @property
    def moment(self) -> Moment:
        return Moment(self.now, self.now, self.replay)

    def sent(self, topic: str) -> list[str]:
        """Types of the events on one topic."""
        return [entry.type.rpartition(".")[2] for entry in self.record.outbox if entry.topic == topic]

    @property
    def events(self) -> list[str]:
        return [entry.type.rpartition(".")[2] for entry in self.record.outbox if entry.topic == EVENTS]

    def submit(
        self,
        *,
        kind: str = "drain.blocked",
        unit_id: str = NEIGHBOURS,
        due_in: timedelta | None = None,
        urgent: bool = False,
        person_ref: str = "p-1",
    ) -> "Walk":
        event = RequestSubmitted(
            request_no="JILI-000001",
            site_id="jili",
            kind=kind,
            unit_id=unit_id,
            channel="counter",
            person_ref=person_ref,
            urgent=urgent,
        )
        if due_in:
            event.due_at.CopyFrom(timestamp(OPENED + due_in))
        return self.hear(event, OPENED)

    def hear(self, event: Message, at: datetime | None = None, topic: str = REQUESTS) -> "Walk":
        """An event of another service arrives, from intake if nothing else is said."""
        sequence = self.sequences[topic] = self.sequences.get(topic, 0) + 1
        service = topic.split(".")[1]
        at = at or self.now
        envelope = Envelope(
            id=event_id(service, CASE, topic, sequence),
            type=event.DESCRIPTOR.full_name,
            source=f"/fengqiao/{service}",
            subject=CASE,
            site="jili",
            time=at,
            recorded_at=at,
            sequence=sequence,
            head=b"",
            cause="",
            data=event.SerializeToString(),
        )
        self.engine.consume(self.record, envelope, topic, Position(sequence, 0, sequence), self.moment)
        return self

    def mediated(self, reason: EndReason.ValueType, *, referral: int | None = None, wish: str = "") -> "Walk":
        """Mediation tells how it ended; by default the mediation that the case is in."""
        number = self.case.referrals if referral is None else referral
        ended = MediationEnded(referral=number, reason=reason, wish=wish)
        return self.hear(ended, topic=MEDIATION_OUTCOMES)

    def answered(self, conclusion: str, *, referral: int | None = None) -> "Walk":
        """Petition tells how it ended; by default the petition that the case is in."""
        number = self.case.referrals if referral is None else referral
        concluded = PetitionConcluded(referral=number, conclusion=conclusion)
        return self.hear(concluded, topic=PETITION_OUTCOMES)

    def order(self, command: object, at: datetime | None = None, key: str | None = None) -> "Walk":
        """A handler's command arrives."""

        def decide(case: Case, context: Context) -> Decision:
            return transition(self.cells, case.status, case, command, context)

        self.engine.command(
            self.record,
            decide,
            self.moment,
            key=key or f"key-{next(self.keys)}",
            body_hash=repr(command).encode(),
            occurred_at=at,
        )
        return self

    def wait(self, duration: timedelta) -> "Walk":
        """Time passes, and a sweep comes by."""
        self.now += duration
        self.engine.fire_due(self.record, self.now, self.moment)
        return self


def without(walk: Walk, holder_of: str) -> Rules:
    """The same rules with one post vacant."""
    places = cast("FixedPlaces", walk.rules.places)
    posts = {**places.posts, holder_of: Post(f"post:{holder_of}", None)}
    return replace(walk.rules, places=replace(places, posts=posts))
