"""One case of routing on the chassis's engine, for the interleavings that are about a real climb."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from zoneinfo import ZoneInfo

from fengqiao.intake.v1 import events_pb2 as asked
from services.chassis.calendar import LibraryCalendar
from services.chassis.engine import Engine, Moment, parse
from services.chassis.errors import Forbidden
from services.chassis.model import transition
from services.chassis.protobuf import timestamp
from services.chassis.record import Position, Record
from services.routing import domain
from services.routing.domain import Case, Ladder
from services.routing.rules import Capability, FixedPlaces, Post, Rules, Unit
from services.routing.store import model
from tests.kit import toy

PATHS = ("top/v/q/n", "top/v/q", "top/v", "top")
accept = domain.AcceptCase()
resolve = domain.ResolveCase("settled")


def clock(text: str) -> datetime:
    """A time of the one day that these tests live in."""
    return datetime.fromisoformat(f"2026-03-02T{text}:00").replace(tzinfo=UTC)


def rules() -> Rules:
    """Four units above one another, every post held, one clock an hour when four hours are promised."""
    units = {p: Unit(p, t, p.rpartition("/")[0] or None) for t, p in enumerate(PATHS, 1)}
    return Rules(
        places=FixedPlaces(units, {p: Post(f"post:{p}", "holder") for p in PATHS}, "top"),
        capability={},
        default_capability=Capability(1, 2),
        capability_version="1",
        default_term=cast("Any", None),
        term_rule="",
        zone=ZoneInfo("UTC"),
        calendar=LibraryCalendar("CN"),
        grace=timedelta(minutes=5),
    )


@dataclass
class LadderCase:
    """A case at the neighbourhood, its four clocks sharing the time until `promised`."""

    submitted: datetime
    promised: datetime

    def __post_init__(self) -> None:
        ladder = Ladder({toy.SITE: rules()})
        self.cells = domain.table(ladder)
        self.engine: Engine[Case] = Engine(model(ladder))
        self.record: Record[Case] = Record(id="case", site=toy.SITE)
        self.keys = 0
        submitted = asked.RequestSubmitted(
            request_no="R-1",
            site_id=toy.SITE,
            person_ref="p",
            kind="noise.street",
            unit_id=PATHS[0],
            due_at=timestamp(self.promised),
        )
        context = self.engine._context(
            self.record, self.submitted, Moment(self.submitted, self.submitted), recorded_at=self.submitted
        )
        self.engine.create(
            self.record,
            ladder.open(None, submitted, context),
            self.submitted,
            Moment(self.submitted, self.submitted),
        )

    @property
    def state(self) -> Case:
        """The case now."""
        assert self.record.state is not None
        return self.record.state

    def sweep(self, now: datetime) -> int:
        """Fire what is due."""
        return self.engine.fire_due(self.record, now, Moment(now, now))

    def command(self, command: object, *, at: datetime, now: datetime, unit: str) -> None:
        """A handler of a unit acts."""

        def authorize(case: Case, then: datetime) -> None:
            if case.owner_at(then)[0] != unit:
                raise Forbidden("not yours")

        self.keys += 1
        self.engine.command(
            self.record,
            lambda case, context: transition(self.cells, case.status, case, command, context),
            Moment(now, now),
            key=str(self.keys),
            body_hash=b"",
            occurred_at=at,
            authorize=authorize,
        )

    def withdraw(self, now: datetime) -> None:
        """The resident's wish arrives."""
        topic = domain.REQUESTS
        sequence = self.record.seen[topic].sequence + 1 if topic in self.record.seen else 1
        envelope = toy.envelope(
            "case", sequence, asked.WithdrawalRequested(reason="solved"), now, topic=topic
        )
        self.engine.consume(self.record, envelope, topic, Position(sequence, 0, sequence), Moment(now, now))

    def last_event(self) -> Any:
        """The latest public event."""
        entry = [e for e in self.record.outbox if e.topic == domain.EVENTS][-1]
        return parse(entry.type, entry.data)
