"""What becomes of one delivery: the table, back-off, claims, and a walk over everything that may happen."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message import Message
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from fengqiao.notify.v1.events_pb2 import NoticeDelivered, NoticeFailed
from fengqiao.routing.v1 import events_pb2 as routing
from services.chassis.engine import Engine, parse
from services.chassis.errors import IllegalTransition
from services.chassis.model import diagram
from services.chassis.record import Record
from services.notify import domain
from services.notify.domain import (
    DELIVERED,
    FAILED,
    PENDING,
    SENDING,
    STATUSES,
    TABLE,
    AbandonDelivery,
    ClaimDelivery,
    Command,
    ConfirmDelivery,
    Delivery,
    Notice,
    RecordFailure,
    Redeliver,
    ReleaseDelivery,
)
from services.notify.owed import EMAIL, IN_APP
from services.notify.sending import apply
from services.notify.settings import NotifySettings
from services.notify.store import dump, load, model
from tests.unit.notify.news import AT, EVENT, NOW, context, examples, notice

README = Path(domain.__file__).with_name("README.md")
PAUSES = (timedelta(0), timedelta(seconds=30), timedelta(minutes=2))
CLAIM = timedelta(minutes=2)


class Walk:
    """A notice to a resident by e-mail and in-app, and the clock that its sender reads."""

    def __init__(self) -> None:
        self.engine: Engine[Notice] = Engine(model())
        made = notice(examples()[routing.CaseResolved])
        self.record: Record[Notice] = Record(id=EVENT, site="jili", state=made)
        self.now = NOW
        self.id = next(d.id for d in made.deliveries if d.channel == EMAIL)

    @property
    def notice(self) -> Notice:
        assert self.record.state is not None
        return self.record.state

    @property
    def delivery(self) -> Delivery:
        return self.notice.delivery(self.id)

    def do(self, command: Command) -> Delivery:
        apply(self.engine, self.record, self.id, command, self.now)
        return self.delivery

    def claim(self) -> Delivery:
        return self.do(ClaimDelivery(self.now + CLAIM))

    def fail(self) -> Delivery:
        return self.do(RecordFailure("server_away", PAUSES))

    def events(self) -> list[Message]:
        return [parse(e.type, e.data) for e in self.record.outbox]


def test_what_is_told_in_app_is_delivered_by_being_stored_and_no_event_tells_it() -> None:
    walk = Walk()
    told = next(d for d in walk.notice.deliveries if d.channel == IN_APP)
    assert (told.status, told.attempts, told.ended_at, told.next_attempt_at) == (DELIVERED, 1, NOW, None)
    assert walk.events() == []


def test_a_claim_holds_until_it_runs_out() -> None:
    walk = Walk()
    held = walk.claim()
    assert (held.status, held.attempts, held.next_attempt_at) == (SENDING, 1, NOW + CLAIM)
    walk.now += CLAIM - timedelta(milliseconds=1)
    with pytest.raises(IllegalTransition, match="another sender holds it"):
        walk.claim()


def test_a_claim_that_ran_out_is_taken_over_and_counted_as_an_interruption() -> None:
    walk = Walk()
    walk.claim()
    walk.now += CLAIM
    taken = walk.claim()
    assert (taken.status, taken.attempts, taken.interrupted) == (SENDING, 2, 1)


def test_failures_back_off_and_then_end_with_a_reason() -> None:
    walk = Walk()
    waits = []
    for _ in PAUSES:
        walk.claim()
        waiting = walk.fail()
        assert waiting.status == PENDING
        assert waiting.reason == "server_away"
        assert waiting.next_attempt_at is not None
        waits.append(waiting.next_attempt_at - walk.now)
        walk.now = waiting.next_attempt_at
    assert tuple(waits) == PAUSES
    walk.claim()
    ended = walk.fail()
    assert (ended.status, ended.reason, ended.next_attempt_at) == (FAILED, "gave_up:server_away", None)
    assert ended.ended_at == walk.now
    event = walk.events()[-1]
    assert isinstance(event, NoticeFailed)
    assert (event.reason, event.attempts) == ("gave_up:server_away", len(PAUSES) + 1)


def test_the_usual_pauses_begin_at_once_and_reach_an_hour_and_those_of_development_are_short() -> None:
    production = NotifySettings().pauses
    assert production[:5] == tuple(timedelta(seconds=s) for s in (0, 30, 120, 600, 3600))
    assert list(production) == sorted(production)
    assert sum(NotifySettings(environment="development").pauses, timedelta()) < timedelta(seconds=30)
    assert NotifySettings(retry_pauses_s=(1, 2)).pauses == (timedelta(seconds=1), timedelta(seconds=2))


def test_without_an_address_a_delivery_fails_without_an_attempt() -> None:
    walk = Walk()
    ended = walk.do(AbandonDelivery(domain.NO_ADDRESS))
    assert (ended.status, ended.attempts, ended.reason) == (FAILED, 0, "no_address")


def test_a_released_claim_was_no_attempt() -> None:
    walk = Walk()
    walk.claim()
    released = walk.do(ReleaseDelivery())
    assert (released.status, released.attempts, released.next_attempt_at) == (PENDING, 0, NOW)


def test_a_failed_delivery_can_be_tried_again_from_the_start() -> None:
    walk = Walk()
    walk.do(AbandonDelivery(domain.NO_ADDRESS))
    again = walk.do(Redeliver())
    assert (again.status, again.attempts, again.reason, again.ended_at) == (PENDING, 0, "", None)
    assert again.next_attempt_at == NOW


@pytest.mark.parametrize("status", [PENDING, SENDING, DELIVERED])
def test_only_a_failed_delivery_can_be_tried_again(status: str) -> None:
    made = notice(examples()[routing.CaseResolved])
    first = replace(made.deliveries[0], status=status)
    with pytest.raises(IllegalTransition, match=f"not allowed in {status}"):
        domain.decide(made.having(first), first.id, Redeliver(), context())


def test_a_delivery_that_ended_well_allows_nothing_more() -> None:
    assert not [command for status, command in TABLE if status == DELIVERED]
    assert {status for status, _ in TABLE} == {PENDING, SENDING, FAILED}


def test_the_diagram_in_the_readme_is_the_table() -> None:
    drawn = diagram(TABLE, [(PENDING, "begin"), (DELIVERED, "in-app: stored")])
    assert drawn in README.read_text(encoding="utf-8")


def test_events_carry_references_and_codes_only() -> None:
    walk = Walk()
    walk.do(AbandonDelivery(domain.NO_ADDRESS))
    fields = {
        "case_id", "about_event_id", "template", "channel", "recipient_ref", "attempts", "reason"
    }  # fmt: skip
    for event in walk.events():
        assert {field.name for field, _ in event.ListFields()} <= fields


class Deliveries(RuleBasedStateMachine):
    """One e-mail delivery, any order of senders' acts, crashes (nothing written), waits and redeliveries."""

    def __init__(self) -> None:
        super().__init__()
        self.walk = Walk()
        self.claimed = 0

    @rule(
        command=st.sampled_from(
            (
                ConfirmDelivery(),
                RecordFailure("server_busy", PAUSES),
                AbandonDelivery("refused_by_server"),
                ReleaseDelivery(),
                Redeliver(),
            )
        )
    )
    def act(self, command: Command) -> None:
        before = self.walk.delivery
        cell = TABLE.get((before.status, type(command)))
        if cell is None:
            with pytest.raises(IllegalTransition):
                self.walk.do(command)
            assert self.walk.delivery == before
        else:
            assert self.walk.do(command).status in cell.to

    @rule()
    def claim(self) -> None:
        before = self.walk.delivery
        free = before.status == PENDING or (
            before.status == SENDING
            and before.next_attempt_at is not None
            and before.next_attempt_at <= self.walk.now
        )
        if free:
            assert self.walk.claim().attempts == before.attempts + 1
        else:
            with pytest.raises(IllegalTransition):
                self.walk.claim()

    @rule(seconds=st.integers(1, 600))
    def wait(self, seconds: int) -> None:
        self.walk.now += timedelta(seconds=seconds)

    @invariant()
    def it_is_open_or_ended_and_never_forgotten(self) -> None:
        delivery = self.walk.delivery
        assert delivery.status in STATUSES
        is_open = delivery.status in {PENDING, SENDING}
        assert (delivery.next_attempt_at is not None) == is_open
        assert (delivery.ended_at is not None) == (not is_open)
        assert bool(delivery.reason) or delivery.status != FAILED

    @invariant()
    def every_end_is_an_event(self) -> None:
        ends: list[Any] = self.walk.events()
        assert all(e.channel == EMAIL for e in ends)
        delivery = self.walk.delivery
        if delivery.status == DELIVERED:
            assert isinstance(ends[-1], NoticeDelivered)
        if delivery.status == FAILED:
            assert isinstance(ends[-1], NoticeFailed)
            assert ends[-1].reason == delivery.reason
        assert sum(isinstance(e, NoticeDelivered) for e in ends) <= 1

    @invariant()
    def the_set_of_recipients_never_changes(self) -> None:
        made = notice(examples()[routing.CaseResolved])
        assert [d.id for d in self.walk.notice.deliveries] == [d.id for d in made.deliveries]

    @invariant()
    def the_document_keeps_the_whole_notice_and_shows_what_is_open(self) -> None:
        raw = dump(self.walk.notice)
        assert load(raw) == self.walk.notice
        assert ("next_attempt_at" in raw) == (self.walk.delivery.status in {PENDING, SENDING})
        assert ("failed" in raw) == (self.walk.delivery.status == FAILED)

    @invariant()
    def the_event_it_is_about_and_its_own_prove_how_its_deliveries_ended(self) -> None:
        proven = self.folded(notice(examples()[routing.CaseResolved]))
        assert proven is not None
        for delivery in self.walk.notice.deliveries:
            if delivery.ended_at is not None:
                assert ended(proven.delivery(delivery.id)) == ended(delivery)

    @invariant()
    def its_own_events_prove_how_what_left_the_house_ended(self) -> None:
        proven = self.folded(None)
        if self.walk.delivery.ended_at is not None:
            assert proven is not None
            assert [ended(d) for d in proven.deliveries] == [ended(self.walk.delivery)]

    def folded(self, notice: Notice | None) -> Notice | None:
        for entry in self.walk.record.outbox:
            notice = domain.evolve(notice, parse(entry.type, entry.data), context(entry.occurred_at))
        return notice


def ended(delivery: Delivery) -> tuple[object, ...]:
    return delivery.id, delivery.status, delivery.reason, delivery.ended_at, delivery.attempts


TestDeliveries = Deliveries.TestCase
TestDeliveries.settings = settings(max_examples=80, stateful_step_count=30, deadline=None)


def test_a_notice_tells_when_the_thing_happened_and_when_it_was_made() -> None:
    made = notice(examples()[routing.CaseResolved])
    assert (made.at, made.created_at) == (AT, NOW)
