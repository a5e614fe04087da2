"""A small sub-district on China's calendar, and a petition in its office without broker or store."""

import itertools
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from google.protobuf.message import Message

from fengqiao.intake.v1.events_pb2 import AccusationSubmitted
from fengqiao.petition.v1 import events_pb2 as ev
from fengqiao.routing.v1.events_pb2 import TRACK_PETITION, Assignment, CaseReference, CaseReferred
from fengqiao.routing.v1.events_pb2 import ReferralRecalled as Recalled
from services import petition
from services.chassis import terms
from services.chassis.calendar import DATA, FileCalendar
from services.chassis.engine import Engine, Moment, decode
from services.chassis.envelope import Envelope, event_id
from services.chassis.record import Position, Record
from services.chassis.site import Site
from services.petition import domain
from services.petition.domain import ACCUSATIONS, EVENTS, REFERRALS, RESTRICTED, Office, Petition
from services.petition.rules import Rules, Unit
from services.petition.store import accusations, model

ZONE = ZoneInfo("Asia/Shanghai")
OPENED = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
CASE = "5d2b7c1e-0000-4000-8000-000000000001"
STREET, VILLAGE, SECTION = "jili", "jili/c01", "jili/c01/s01"
OUTSIDE = "liuyang/discipline"
CALENDAR = FileCalendar(DATA / "cn_holidays")

OPINION = domain.IssueOpinion("Canary claims", "Canary says so", ev.OPINION_OUTCOME_SUPPORTED, "Canary 32")


def rules(**profile: Any) -> Rules:
    """One unit per tier, an organ outside; `profile` is what the site's file says besides."""
    site = Site("jili", ZONE, CALENDAR, replay=False, locale="zh-CN", folder=Path(), profile=profile)
    units = [Unit(STREET, 4, None), Unit(VILLAGE, 3, STREET), Unit(SECTION, 2, VILLAGE)]
    shipped = terms.read_rules(Path(petition.__file__).with_name("rules.yaml"))
    return Rules(
        site=site,
        rules=terms.rules_of(site, shipped),
        units={unit.id: unit for unit in units},
        top=STREET,
        organs=frozenset({OUTSIDE}),
        content={"education": "教育", "environment": "生态环境"},
    )


def day(text: str, hour: int = 10) -> datetime:
    """An hour of a local day."""
    year, month, number = map(int, text.split("-"))
    return datetime(year, month, number, hour, tzinfo=ZONE).astimezone(UTC)


def end(text: str) -> datetime:
    """The last millisecond of a local day."""
    return day(text, 0) + timedelta(days=1) - timedelta(milliseconds=1)


@dataclass
class Walk:
    """A petition that messages are sent to, by a clock that the test moves."""

    rules: Rules = field(default_factory=rules)
    now: datetime = OPENED
    accusing: bool = False
    replay: bool = False

    def __post_init__(self) -> None:
        self.office = Office({"jili": self.rules})
        self.cells = domain.table(self.office)
        self.model = (accusations if self.accusing else model)(self.office)
        self.engine = Engine(self.model)
        self.record: Record[Petition] = Record(id=CASE, site="jili")
        self.sequence = 0
        self.keys = itertools.count()

    @property
    def petition(self) -> Petition:
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
        return self.sent(RESTRICTED if self.accusing else EVENTS)

    def told(self, kind: str) -> list[Any]:
        """The events of one type, decoded, with the business time of each."""
        return [
            (decode(entry.type, entry.data), entry.occurred_at)
            for entry in self.record.outbox
            if entry.type.endswith(f".{kind}")
        ]

    def refer(self, referral: int = 1, at: datetime | None = None, unit_id: str = STREET) -> "Walk":
        """Routing hands the case over."""
        event = CaseReferred(
            case=CaseReference(request_no="JILI-000001", site_id="jili", person_ref="p-1"),
            track=TRACK_PETITION,
            referral=referral,
            kind="petition.claim",
            assignment=Assignment(unit_id=unit_id),
        )
        return self.hear(event, at)

    def accuse(self, accused: str = VILLAGE) -> "Walk":
        """Intake hands an accusation over."""
        event = AccusationSubmitted(
            request_no="JILI-000002",
            site_id="jili",
            kind="accusation.officials",
            accused_unit_id=accused,
            channel="counter",
            person_ref="p-1",
        )
        return self.hear(event)

    def recall(self, wish: str, referral: int = 1) -> "Walk":
        return self.hear(Recalled(track=TRACK_PETITION, referral=referral, wish=wish))

    def hear(self, event: Message, at: datetime | None = None) -> "Walk":
        """An event of another service arrives."""
        topic = ACCUSATIONS if self.accusing else REFERRALS
        self.sequence += 1
        service, at = topic.split(".")[1], at or self.now
        envelope = Envelope(
            id=event_id(service, CASE, topic, self.sequence),
            type=event.DESCRIPTOR.full_name,
            source=f"/fengqiao/{service}",
            subject=CASE,
            site="jili",
            time=at,
            recorded_at=at,
            sequence=self.sequence,
            head=b"",
            cause="",
            data=event.SerializeToString(),
        )
        position = Position(self.sequence, 0, self.sequence)
        self.engine.consume(self.record, envelope, topic, position, self.moment)
        return self

    def order(self, command: object, at: datetime | None = None) -> "Walk":
        """An officer's or an inspector's command arrives."""
        self.engine.command(
            self.record,
            domain.deciding(self.office, self.cells, command),
            self.moment,
            key=f"key-{next(self.keys)}",
            body_hash=repr(command).encode(),
            occurred_at=at,
        )
        return self

    def register(self, *, branch: int = 6, **fields: Any) -> "Walk":
        kind = ev.PETITION_KIND_ACCUSATION if self.accusing else ev.PETITION_KIND_CLAIM
        given: dict[str, Any] = {
            "kind": kind,
            "branch": 0 if self.accusing else branch,
            "content_code": "education",
        }
        return self.order(domain.RegisterPetition(**given | fields))

    def route(self, manner: int = ev.ROUTE_MANNER_OWN, unit_id: str = "") -> "Walk":
        return self.order(domain.RoutePetition(manner, unit_id))

    def notify(self) -> "Walk":
        return self.order(domain.NotifyReceipt("post"))

    def accept(self) -> "Walk":
        return self.order(domain.AcceptPetition())

    def accepted(self, branch: int = 6) -> "Walk":
        """All the way to the third moment, at once."""
        return self.register(branch=branch).route().notify().accept()

    def wait(self, duration: timedelta) -> "Walk":
        """Time passes, and a sweep comes by."""
        self.now += duration
        self.engine.fire_due(self.record, self.now, self.moment)
        return self

    def until(self, moment: datetime) -> "Walk":
        """As `wait`, up to a moment."""
        return self.wait(moment - self.now)


def limited(given: Rules, rule: str, limit: int) -> Rules:
    """The same rules with another limit of one of them."""
    return replace(given, rules={**given.rules, rule: replace(given.rules[rule], version=2, limit=limit)})
