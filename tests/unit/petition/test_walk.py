"""Hypothesis walks the whole table: whatever is asked in whatever order, the law's order holds."""

from datetime import timedelta

from google.protobuf.message import Message
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from fengqiao.intake.v1.events_pb2 import AccusationSubmitted, EscalationRequested, WithdrawalRequested
from fengqiao.petition.v1 import events_pb2 as ev
from fengqiao.routing.v1.events_pb2 import CaseReferred, ReferralRecalled
from services.chassis import audit
from services.chassis.consumer import Arrived, Received
from services.chassis.envelope import Envelope, event_id
from services.chassis.errors import CommandError
from services.chassis.rebuild import differences, fold
from services.petition import domain
from services.petition.domain import Office
from services.petition.store import dump, load
from tests.unit.petition.office import CASE, OPENED, OPINION, OUTSIDE, STREET, VILLAGE, Walk

COMMANDS = (
    domain.RegisterPetition(ev.PETITION_KIND_CLAIM, 6, "education", 3, ("p-1", "p-2")),
    domain.RegisterPetition(ev.PETITION_KIND_SUGGESTION, 0, "education"),
    domain.RegisterPetition(ev.PETITION_KIND_ACCUSATION, 0, "education"),
    domain.RoutePetition(ev.ROUTE_MANNER_OWN),
    domain.RoutePetition(ev.ROUTE_MANNER_TRANSFER, OUTSIDE),
    domain.RoutePetition(ev.ROUTE_MANNER_ASSIGN, VILLAGE),
    domain.NotifyReceipt("post"),
    domain.NotifyReceipt(waived="address_unclear"),
    domain.AcceptPetition(),
    domain.AcceptPetition("litigation"),
    domain.ExtendDeadline(30, "complex", "head-1"),
    OPINION,
    domain.DeliverOpinion("post"),
    domain.ReplyToPetition("answered"),
)
WISHES: tuple[Message, ...] = (
    WithdrawalRequested(reason="mistake"),
    EscalationRequested(reason="too_slow"),
)
NO_CLOCK_NEEDED = frozenset({domain.NOTIFIED, domain.ACCEPTED, domain.OPINION_ISSUED})
"""The organ decides next, and the law sets no time for it (accepted: where no opinion is due)."""


class Petitions(RuleBasedStateMachine):
    """One petition or accusation, any order of orders, wishes and days."""

    def __init__(self) -> None:
        super().__init__()
        self.walk: Walk | None = None

    @precondition(lambda self: self.walk is None)
    @rule(accused=st.sampled_from(["", "", VILLAGE, STREET, "elsewhere"]), accusing=st.booleans())
    def begin(self, accused: str, *, accusing: bool) -> None:
        self.walk = Walk(accusing=accusing)
        if accusing:
            self.walk.accuse(accused)
        else:
            self.walk.refer()

    @precondition(lambda self: self.walk is not None)
    @rule(command=st.sampled_from(COMMANDS), back=st.one_of(st.just(0), st.integers(0, 100)))
    def order(self, command: object, back: int) -> None:
        walk = self._walk()
        before = walk.petition
        at = max(walk.now - timedelta(days=back), OPENED)
        try:
            walk.order(command, at=at)
        except CommandError:
            assert walk.petition.status in {before.status, domain.FINAL}
            return
        assert walk.petition.status in walk.cells[before.status, type(command)].to

    @precondition(lambda self: self.walk is not None)
    @rule(likely=st.integers(0, 13))
    def the_next_lawful_order(self, likely: int) -> None:
        """Or most walks would stay in the first states."""
        walk = self._walk()
        for command in COMMANDS[likely:] + COMMANDS[:likely]:
            try:
                walk.order(command)
            except CommandError:
                continue
            return

    @precondition(lambda self: self.walk is not None)
    @rule(wish=st.sampled_from(WISHES), older=st.booleans())
    def hear(self, wish: Message, *, older: bool) -> None:
        walk = self._walk().wait(timedelta(0))
        before = walk.petition
        withdrawing = isinstance(wish, WithdrawalRequested)
        if walk.accusing:
            older = False
            walk.hear(wish)
        else:
            walk.recall("withdrawal" if withdrawing else "escalation", before.referral - older)
        if older or before.status in domain.ENDED:
            assert walk.petition == before
        elif withdrawing:
            assert walk.petition.status == domain.WITHDRAWN
        else:
            assert walk.petition.supervision_asked
            assert walk.petition.status == before.status

    @precondition(lambda self: self.walk is not None)
    @rule()
    def again(self) -> None:
        walk = self._walk().wait(timedelta(0))
        before = walk.petition
        if walk.accusing:
            walk.accuse(VILLAGE)
        else:
            walk.refer(before.referral + 1)
        if walk.accusing or before.status in domain.OPEN:
            assert walk.petition == before
        else:
            assert walk.petition.status == domain.RECEIVED

    @precondition(lambda self: self.walk is not None)
    @rule(days=st.integers(1, 100))
    def wait(self, days: int) -> None:
        walk = self._walk()
        before = walk.petition
        walk.wait(timedelta(days=days))
        if before.status != domain.OPINION_DELIVERED:
            assert walk.petition.status == before.status

    def _walk(self) -> Walk:
        assert self.walk is not None
        return self.walk

    @invariant()
    def the_moments_are_in_their_order(self) -> None:
        if self.walk:
            p = self.walk.petition
            moments = [p.received_at, p.notified_at, p.accepted_at, p.issued_at, p.delivered_at]
            known = [moment for moment in moments if moment]
            assert known == sorted(known)
            assert (p.status in {domain.ACCEPTED, domain.OPINION_ISSUED}) <= (p.accepted_at is not None)

    @invariant()
    def an_open_petition_has_a_clock_or_needs_none_or_is_on_record_as_overdue(self) -> None:
        if self.walk and self.walk.petition.status in domain.OPEN:
            petition, due = self.walk.petition, self.walk.record.next_due_at
            assert due or petition.overdue or petition.status in NO_CLOCK_NEEDED
            if petition.status == domain.ACCEPTED and petition.branch == 6:
                assert petition.clock is not None
            if due is None and petition.clock is not None:
                assert petition.clock.name in petition.overdue

    @invariant()
    def an_ended_petition_has_no_clock_but_that_of_a_review(self) -> None:
        if self.walk and self.walk.petition.status in domain.ENDED:
            waits = self.walk.petition.status == domain.OPINION_DELIVERED
            assert (self.walk.record.next_due_at is not None) == waits

    @invariant()
    def no_run_of_a_clock_has_the_name_of_another(self) -> None:
        if self.walk:
            runs = [(clock.name, clock.epoch) for clock in self.walk.petition.clocks]
            assert len(runs) == len(set(runs))

    @invariant()
    def nothing_of_an_accusation_is_on_a_public_topic_and_nobody_accused_has_it(self) -> None:
        if self.walk and self.walk.accusing:
            assert {entry.topic for entry in self.walk.record.outbox} == {domain.RESTRICTED}
            petition = self.walk.petition
            assert not self.walk.rules.lies_within(petition.unit_id, petition.accused_unit_id)

    @invariant()
    def routing_hears_of_each_end_once(self) -> None:
        if self.walk and not self.walk.accusing:
            told = [event.referral for event, _ in self.walk.told("PetitionConcluded")]
            ended = self.walk.petition.status in domain.ENDED
            assert told == list(range(1, self.walk.petition.referral + ended))

    @invariant()
    def the_state_is_what_the_events_say(self) -> None:
        if self.walk:
            record = self.walk.record
            events = [
                Arrived(
                    Received(e.topic, 0, n, CASE.encode(), e.data, {}),
                    Envelope(
                        event_id("petition", CASE, e.topic, e.sequence),
                        e.type,
                        "/fengqiao/petition",
                        CASE,
                        "jili",
                        e.occurred_at,
                        e.recorded_at,
                        e.sequence,
                        e.head,
                        e.cause,
                        e.data,
                    ),
                )
                for n, e in enumerate(record.outbox)
            ]
            rebuilt = fold(self.walk.model, events)[CASE]
            assert differences(rebuilt, record) == []
            topic = self.walk.model.topic
            own = [a.envelope for a in events if a.record.topic == topic]
            assert audit.first_break(own, record.heads[topic]) is None

    @invariant()
    def the_document_keeps_the_whole_state(self) -> None:
        if self.walk:
            assert load(dump(self.walk.petition)) == self.walk.petition


TestPetitions = Petitions.TestCase
TestPetitions.settings = settings(max_examples=80, stateful_step_count=25, deadline=None)


def test_the_table_is_total_over_the_consumed_events() -> None:
    cells = domain.table(Office({}))
    statuses = {status for status, _ in cells}
    assert statuses == {*domain.OPEN, *domain.ENDED}
    heard = [CaseReferred, ReferralRecalled, AccusationSubmitted, *map(type, WISHES)]
    assert {(status, message) for status in statuses for message in heard} <= cells.keys()
