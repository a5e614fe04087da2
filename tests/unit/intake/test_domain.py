"""The request's decisions, its table, and the fold of its events, without any I/O."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from fengqiao.intake.v1 import events_pb2 as ev
from fengqiao.routing.v1 import events_pb2 as routing
from fengqiao.routing.v1.early_warning_events_pb2 import EarlyWarningEnded
from fengqiao.routing.v1.followup_events_pb2 import CLOSED_BY_ANSWER, CLOSED_BY_UNREACHABLE, CaseClosed
from services.chassis import model as chassis
from services.chassis.consumer import Arrived, Received
from services.chassis.engine import Engine, Moment, Verdict
from services.chassis.envelope import Envelope, event_id
from services.chassis.errors import IllegalTransition
from services.chassis.rebuild import differences, fold
from services.chassis.record import Position, Record
from services.intake import accusations, domain, store
from services.intake.domain import CLOSED, OUTCOMES, SETTLED, SUBMITTED, TABLE, WITHDRAWN, Request

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
README = Path(domain.__file__).with_name("README.md")
CASE = "5a3c1d3e-0000-5000-8000-000000000001"

SUBMISSION = domain.SubmitRequest(
    request_no="JILI-000001",
    tracking_code="ABCDEFGHJKLM",
    site_id="jili",
    kind="noise",
    unit_id="jili/c1",
    channel="counter",
    person_ref="p-1",
    urgent=False,
    due_at=None,
    title="Loud at night",
    description="Every night until two.",
    attributes={"floor.no": "3"},
)
COMMANDS: tuple[object, ...] = (
    domain.WithdrawRequest("moved_away"),
    domain.EscalateRequest("no_answer"),
    domain.RateOutcome(5, solved=True, comment="thanks"),
    domain.RateOutcome(1, solved=False),
    domain.ReopenRequest("again"),
    domain.ReferRequest(ev.WISHED_TRACK_PETITION, "resident_asked"),
)
DECISIONS: tuple[Message, ...] = (
    routing.CaseResolved(),
    routing.CaseWithdrawn(),
    routing.CaseReopened(),
    routing.WishDeclined(wish="escalation"),
    CaseClosed(closed_by=CLOSED_BY_UNREACHABLE),
    routing.CaseJoined(lead_case_id="lead"),
    routing.CaseParted(lead_case_id="lead"),
    EarlyWarningEnded(),
)


class Walk:
    """One request, walked through commands and routing's decisions by the chassis's engine."""

    def __init__(self, submission: domain.SubmitRequest = SUBMISSION) -> None:
        self.engine = Engine(store.model())
        self.record: Record[Request] = Record(id=CASE, site="jili")
        self.moment = Moment(NOW, NOW)
        self._consumed = 0
        self._commands = 0
        self.engine.create(self.record, domain.submit(submission), NOW, self.moment)

    @property
    def state(self) -> Request:
        assert self.record.state is not None
        return self.record.state

    def command(self, command: object) -> None:
        self._commands += 1
        self.engine.command(
            self.record,
            lambda state, context: chassis.transition(TABLE, state.status, state, command, context),
            self.moment,
            key=f"key-{self._commands}",
            body_hash=b"",
        )

    def routing_says(self, *decisions: Message) -> None:
        for decision in decisions:
            self._consumed += 1
            envelope = Envelope(
                id=event_id("routing", CASE, OUTCOMES, self._consumed),
                type=decision.DESCRIPTOR.full_name,
                source="/fengqiao/routing",
                subject=CASE,
                site="jili",
                time=NOW,
                recorded_at=NOW,
                sequence=self._consumed,
                head=b"",
                cause="",
                data=decision.SerializeToString(),
            )
            position = Position(self._consumed, 0, self._consumed)
            verdict = self.engine.consume(self.record, envelope, OUTCOMES, position, self.moment)
            assert verdict is Verdict.APPLIED

    def types(self, topic: str) -> list[str]:
        return [entry.type.rsplit(".", 1)[-1] for entry in self.record.outbox if entry.topic == topic]

    def own_events(self) -> list[Arrived]:
        return [
            Arrived(
                Received(entry.topic, 0, offset, CASE.encode(), entry.data, {}),
                Envelope(
                    id=event_id("intake", CASE, entry.topic, entry.sequence),
                    type=entry.type,
                    source="/fengqiao/intake",
                    subject=CASE,
                    site="jili",
                    time=entry.occurred_at,
                    recorded_at=entry.recorded_at,
                    sequence=entry.sequence,
                    head=entry.head,
                    cause=entry.cause,
                    data=entry.data,
                ),
            )
            for offset, entry in enumerate(self.record.outbox)
        ]


def test_a_submission_is_public_in_codes_and_private_in_words() -> None:
    walk = Walk()
    assert walk.state.status == SUBMITTED
    assert walk.types(domain.EVENTS) == walk.types(domain.REQUESTS) == ["RequestSubmitted"]
    told = b"".join(entry.data for entry in walk.record.outbox)
    for word in ("Loud", "Every night", "floor", SUBMISSION.tracking_code):
        assert word.encode() not in told
    assert walk.record.private["title"] == "Loud at night"
    assert walk.record.private["attributes"] == [{"name": "floor.no", "value": "3"}]


def test_a_resident_who_says_solved_closes_the_request() -> None:
    walk = Walk()
    walk.routing_says(routing.CaseResolved())
    walk.command(domain.RateOutcome(5, solved=True, comment="thanks"))
    assert walk.types(domain.EVENTS)[1:] == ["RequestSettled", "OutcomeRated", "RequestClosed"]
    assert (walk.state.status, walk.state.rating, walk.state.solved) == (CLOSED, 5, True)
    assert walk.record.private["comment"] == "thanks"


def test_a_resident_who_says_not_solved_waits_settled_until_routing_reopens() -> None:
    walk = Walk()
    walk.routing_says(routing.CaseResolved())
    walk.command(domain.RateOutcome(2, solved=False))
    assert walk.state.status == SETTLED
    assert walk.types(domain.REQUESTS)[-1] == "ReopeningRequested"
    walk.routing_says(routing.CaseReopened())
    assert walk.state.status == SUBMITTED


def test_a_call_back_or_a_lawful_end_closes_a_settled_request() -> None:
    walk = Walk()
    walk.routing_says(routing.CaseResolved(), CaseClosed(closed_by=CLOSED_BY_UNREACHABLE))
    assert walk.types(domain.EVENTS)[1:] == ["RequestSettled", "RequestClosed"]
    walk.routing_says(CaseClosed(closed_by=CLOSED_BY_ANSWER))
    assert walk.types(domain.EVENTS)[-1] == "RequestClosed"
    assert walk.types(domain.EVENTS).count("RequestClosed") == 1


def test_routing_hears_the_rating_and_no_word_of_the_comment() -> None:
    walk = Walk()
    walk.routing_says(routing.CaseResolved())
    walk.command(domain.RateOutcome(2, solved=True, comment="rude"))
    [heard] = [entry for entry in walk.record.outbox if entry.topic == domain.REQUESTS][1:]
    assert ev.OutcomeRated.FromString(heard.data) == ev.OutcomeRated(rating=2, solved=True)


@pytest.mark.parametrize("before", [(), (routing.CaseResolved(),), (routing.CaseResolved(), CaseClosed())])
def test_mediation_and_petition_are_never_blocked(before: Sequence[Message]) -> None:
    walk = Walk()
    walk.routing_says(*before)
    status = walk.state.status
    walk.command(domain.ReferRequest(ev.WISHED_TRACK_PETITION, "resident_asked"))
    assert walk.state.status == status
    assert walk.types(domain.REQUESTS)[-1] == "ReferralRequested"


def test_a_closed_request_can_be_reopened() -> None:
    walk = Walk()
    walk.routing_says(routing.CaseResolved())
    walk.command(domain.RateOutcome(4, solved=True))
    walk.command(domain.ReopenRequest("again"))
    assert walk.state.status == CLOSED
    walk.routing_says(routing.CaseReopened())
    assert walk.state.status == SUBMITTED


@pytest.mark.parametrize("wish", [domain.WithdrawRequest("moved_away"), domain.EscalateRequest("no_answer")])
@pytest.mark.parametrize("before", [(), (routing.CaseResolved(),)])
def test_short_of_a_final_end_a_resident_may_always_withdraw_and_go_up(
    wish: object, before: Sequence[Message]
) -> None:
    walk = Walk()
    walk.routing_says(*before)
    status = walk.state.status
    walk.command(wish)
    assert walk.state.status == status
    assert walk.types(domain.REQUESTS)[-1] in {"WithdrawalRequested", "EscalationRequested"}


def test_a_withdrawn_request_stays_withdrawn_and_says_what_is_allowed() -> None:
    walk = Walk()
    walk.command(domain.WithdrawRequest("moved_away"))
    walk.routing_says(routing.CaseWithdrawn())
    assert walk.state.status == WITHDRAWN
    with pytest.raises(IllegalTransition) as refusal:
        walk.command(domain.EscalateRequest("no_answer"))
    assert refusal.value.details == {"state": WITHDRAWN, "allowed": ""}
    walk.routing_says(routing.CaseResolved())
    assert walk.state.status == WITHDRAWN


def test_an_outcome_cannot_be_rated_before_there_is_one() -> None:
    with pytest.raises(IllegalTransition) as refusal:
        Walk().command(domain.RateOutcome(5, solved=True))
    assert refusal.value.details["allowed"] == "EscalateRequest,ReferRequest,WithdrawRequest"


def reported() -> Walk:
    """A courier's sighting."""
    values = {name: getattr(SUBMISSION, name) for name in SUBMISSION.__slots__}
    return Walk(domain.SubmitRequest(**values | {"person_ref": "", "reporter_ref": "courier-1"}))


@pytest.mark.parametrize(
    ("end", "feedback"),
    [
        (routing.CaseResolved(outcome="repaired"), domain.DONE),
        (routing.CaseResolved(outcome="not_taken_up"), domain.NOT_TAKEN_UP),
        (routing.CaseWithdrawn(), domain.NOT_TAKEN_UP),
    ],
)
def test_a_light_reporter_is_told_how_it_ended_and_by_no_event_that_says_more(
    end: Message, feedback: str
) -> None:
    walk = reported()
    walk.routing_says(end)
    assert walk.types(domain.EVENTS)[-1] == "FeedbackGiven"
    assert walk.types(domain.REQUESTS) == ["RequestSubmitted"]
    told = ev.FeedbackGiven.FromString(walk.record.outbox[-1].data)
    assert told == ev.FeedbackGiven(
        request_no="JILI-000001",
        site_id="jili",
        reporter_ref="courier-1",
        feedback=ev.Feedback.Value(f"FEEDBACK_{feedback.upper()}"),
    )
    assert (walk.state.feedback, walk.state.feedback_at) == (feedback, NOW)
    assert differences(fold(store.model(), walk.own_events())[CASE], walk.record) == []
    assert store.load(store.dump(walk.state)) == walk.state


def test_a_sighting_that_goes_on_is_told_of_again_at_its_next_end() -> None:
    walk = reported()
    walk.routing_says(routing.CaseResolved(), routing.CaseReopened())
    assert (walk.state.status, walk.state.feedback) == (SUBMITTED, "")
    walk.routing_says(routing.CaseResolved())
    assert walk.types(domain.EVENTS).count("FeedbackGiven") == 2


def test_where_nobody_reported_nobody_gets_feedback_and_the_document_says_nothing_of_it() -> None:
    walk = Walk()
    walk.routing_says(routing.CaseResolved())
    assert "FeedbackGiven" not in walk.types(domain.EVENTS)
    assert not {"reporter_ref", "feedback", "feedback_at"} & store.dump(walk.state).keys()


def test_the_reply_to_an_agency_goes_to_its_replies_alone() -> None:
    walk = Walk()
    source = "hotline"
    command = domain.SubmitRequest(
        **{name: getattr(SUBMISSION, name) for name in SUBMISSION.__slots__}
        | {"source": source, "reference": "7"}
    )
    record: Record[Request] = Record(id=CASE, site="jili")
    answers = ev.InboundPosition(topic="t", partition=1, offset=2)
    decision = domain.accepted(domain.submit(command), command, CASE, answers)
    walk.engine.create(record, decision, NOW, walk.moment)
    topics = {entry.topic: entry.type.rsplit(".", 1)[-1] for entry in record.outbox}
    assert topics == {
        domain.EVENTS: "RequestSubmitted",
        domain.REQUESTS: "RequestSubmitted",
        "fengqiao.inbound.hotline.replies": "SubmissionAccepted",
    }
    [reply] = [entry for entry in record.outbox if entry.topic.endswith("replies")]
    assert ev.SubmissionAccepted.FromString(reply.data).answers == answers


def test_the_table_has_an_answer_to_each_decision_of_routing_in_every_status() -> None:
    assert {message for _, message in store.model().consumed} == {
        m.DESCRIPTOR.full_name for m in domain.OBEYED
    }
    for status in domain.STATUSES:
        for decision in domain.OBEYED:
            assert (status, decision) in TABLE


def test_every_event_can_be_folded() -> None:
    topics = {type(message) for message in DECISIONS}
    assert topics == set(domain.OBEYED)
    replies = {"SubmissionAccepted", "SubmissionRejected"}
    names = {
        name
        for name in ev.DESCRIPTOR.message_types_by_name
        if name not in replies | {"Violation", "InboundPosition"}
    }
    folded = {message.DESCRIPTOR.name for message in (*domain.FOLDS, *accusations.FOLDS)}
    assert folded == names


@given(st.lists(st.sampled_from([*COMMANDS, *DECISIONS]), max_size=25))
def test_whatever_happens_in_whatever_order_the_request_goes_only_where_the_table_says(
    steps: list[object],
) -> None:
    walk = Walk()
    for step in steps:
        status, revision = walk.state.status, walk.record.revision
        cell = TABLE.get((status, type(step)))
        if isinstance(step, Message):
            walk.routing_says(step)
            assert cell is not None
            assert walk.state.status in cell.to
        elif cell is None:
            with pytest.raises(IllegalTransition):
                walk.command(step)
            assert (walk.state.status, walk.record.revision) == (status, revision)
        else:
            walk.command(step)
            assert walk.state.status in cell.to
            assert walk.record.revision > revision
    rebuilt = fold(store.model(), walk.own_events())[CASE]
    assert differences(rebuilt, walk.record) == []
    assert store.load(store.dump(walk.state)) == walk.state


@given(st.lists(st.sampled_from([*COMMANDS, *DECISIONS]), max_size=25))
def test_routing_is_asked_exactly_what_the_events_say(steps: list[object]) -> None:
    walk = Walk()
    for step in steps:
        if isinstance(step, Message):
            walk.routing_says(step)
        elif (walk.state.status, type(step)) in TABLE:
            walk.command(step)
    asked = {
        "RequestSubmitted",
        "EscalationRequested",
        "WithdrawalRequested",
        "ReopeningRequested",
        "ReferralRequested",
        "OutcomeRated",
    }
    assert walk.types(domain.REQUESTS) == [name for name in walk.types(domain.EVENTS) if name in asked]
    for topic in (domain.EVENTS, domain.REQUESTS):
        sequences = [entry.sequence for entry in walk.record.outbox if entry.topic == topic]
        assert all(later == earlier + 1 for earlier, later in pairwise([0, *sequences]))


def test_a_promised_due_time_survives_the_fold() -> None:
    due_at = NOW + timedelta(days=5)
    values = {name: getattr(SUBMISSION, name) for name in SUBMISSION.__slots__}
    walk = Walk(domain.SubmitRequest(**values | {"due_at": due_at}))
    assert walk.state.due_at == due_at


def test_an_agency_can_compute_the_case_of_its_reference() -> None:
    assert domain.case_id_of("hotline", "101") == domain.case_id_of("hotline", "101")
    assert domain.case_id_of("hotline", "101") != domain.case_id_of("desk", "101")


def test_the_readme_shows_the_table_as_it_is() -> None:
    drawn = chassis.diagram(TABLE, [(SUBMITTED, "SubmitRequest")])
    assert f"```mermaid\n{drawn}\n```" in README.read_text(encoding="utf-8"), (
        f"put this into README.md:\n{drawn}"
    )
