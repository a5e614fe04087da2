"""Who is owed what: the table is whole, and nobody is told who should not be."""

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import pytest
from google.protobuf.message import Message

from fengqiao.intake.v1 import events_pb2 as intake
from fengqiao.mediation.v1 import events_pb2 as mediation
from fengqiao.petition.v1 import events_pb2 as petition
from fengqiao.routing.v1 import clock_events_pb2 as clocks
from fengqiao.routing.v1 import early_warning_events_pb2 as warnings
from fengqiao.routing.v1 import emergency_events_pb2 as emergencies
from fengqiao.routing.v1 import events_pb2 as routing
from fengqiao.routing.v1 import followup_events_pb2 as followup
from fengqiao.routing.v1 import force_events_pb2 as forces
from fengqiao.routing.v1 import handling_events_pb2 as handling
from fengqiao.routing.v1 import meeting_events_pb2 as meetings
from fengqiao.routing.v1 import roster_events_pb2 as rosters
from fengqiao.routing.v1 import screening_events_pb2 as screenings
from services.chassis.topics import declared_types
from services.notify import domain
from services.notify.owed import (
    EMAIL,
    IN_APP,
    NEWS,
    NOT_OWED,
    NOT_OWED_OF_ACCUSATIONS,
    OF_ACCUSATIONS,
    OWED,
    RESTRICTED_NEWS,
    RESTRICTED_SOURCES,
    SOURCES,
    News,
)
from tests.unit.notify.news import (
    ACCUSED,
    ANSWERER,
    COURIER,
    EVENT,
    MEDIATOR,
    NEIGHBOUR,
    PERSON,
    VOLUNTEERS,
    accusations,
    begun,
    examples,
    notice,
    owner,
    reference,
    table,
)

README = Path(domain.__file__).with_name("README.md")


def name_of(kind: type[Message]) -> str:
    return str(kind.DESCRIPTOR.name)


EVERY = sorted(OWED, key=name_of)
EVERY_HIDDEN = sorted(OF_ACCUSATIONS, key=name_of)


def told(event: Message, *, restricted: bool = False) -> set[tuple[str, str, str]]:
    made = notice(event, restricted=restricted)
    return {(d.recipient_ref, d.template, d.channel) for d in made.deliveries}


def both(who: str, template: str) -> set[tuple[str, str, str]]:
    return {(who, template, EMAIL), (who, template, IN_APP)}


@pytest.mark.parametrize(
    ("topics", "owed", "not_owed"),
    [(SOURCES, NEWS, NOT_OWED), (RESTRICTED_SOURCES, RESTRICTED_NEWS, NOT_OWED_OF_ACCUSATIONS)],
    ids=["open", "restricted"],
)
def test_every_event_that_notify_hears_of_is_either_owed_or_named_as_not_owed(
    topics: Sequence[str], owed: Mapping[str, News], not_owed: Collection[type[Message]]
) -> None:
    heard = {name for topic in topics for name in declared_types(topic)}
    silent = {kind.DESCRIPTOR.full_name for kind in not_owed}
    assert not owed.keys() & silent
    assert owed.keys() | silent == heard


def test_there_is_an_example_of_every_owed_event() -> None:
    assert examples().keys() == OWED.keys()
    assert accusations().keys() == OF_ACCUSATIONS.keys()


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (
            intake.RequestSubmitted,
            {(PERSON, "request_received", EMAIL), (PERSON, "request_received", IN_APP)},
        ),
        (intake.FeedbackGiven, {(f"reporter:{COURIER}", "sighting_feedback", IN_APP)}),
        (routing.CaseRouted, {("leader-1", "case_assigned", IN_APP)}),
        (
            routing.CaseEscalated,
            {
                (PERSON, "case_escalated", EMAIL),
                (PERSON, "case_escalated", IN_APP),
                ("leader-1", "case_arrived", IN_APP),
            },
        ),
        (
            routing.CaseReassigned,
            {*both(PERSON, "case_reassigned"), ("leader-1", "case_handed_over", IN_APP)},
        ),
        (routing.CaseReturned, {("unit:jili", "return_to_rule_on", IN_APP)}),
        (routing.ReturnRuled, {("unit:jili/c1", "return_ruled", IN_APP)}),
        (followup.CallBackOpened, {("unit:jili", "call_back_asked", IN_APP)}),
        (followup.CallBackOverdue, {("desk:jili", "call_back_overdue", IN_APP)}),
        (followup.CaseClosed, both(PERSON, "case_closed")),
        (followup.ReviewOpened, {("unit:jili", "review_asked", IN_APP)}),
        (followup.ReviewOverdue, {("desk:jili", "review_overdue", IN_APP)}),
        (
            followup.ReviewRecorded,
            {*both(PERSON, "review_recorded"), ("unit:jili/c1", "review_of_settlement", IN_APP)},
        ),
        (rosters.AnswererSummoned, {(ANSWERER, "department_summoned", IN_APP)}),
        (rosters.SummonsAnswered, {("unit:jili/c1", "summons_answered", IN_APP)}),
        (
            rosters.SummonsUnanswered,
            {
                ("unit:jili/c1", "summons_unanswered", IN_APP),
                ("desk:jili", "summons_unanswered", IN_APP),
            },
        ),
        (rosters.SummonsWithdrawn, {(ANSWERER, "summons_withdrawn", IN_APP)}),
        (forces.VolunteersAsked, {each for ref in VOLUNTEERS for each in both(ref, "volunteer_asked")}),
        (
            forces.CallOutRanShort,
            {("unit:jili/c1", "call_out_short", IN_APP), ("desk:jili", "call_out_short", IN_APP)},
        ),
        (
            forces.CallOutCancelled,
            {each for ref in VOLUNTEERS for each in both(ref, "call_out_cancelled")},
        ),
        (
            meetings.MeetingCalled,
            {(f"unit:jili/{code}", "meeting_called", IN_APP) for code in ("c1", "c2")},
        ),
        (meetings.MeetingMissed, {("desk:jili", "meeting_missed", IN_APP)}),
        (
            emergencies.EmergencyDeclared,
            {(who, "emergency_declared", IN_APP) for who in ("unit:jili/c1", "desk:jili")},
        ),
        (
            emergencies.EmergencyEnded,
            {(who, "emergency_ended", IN_APP) for who in ("unit:jili/c1", "desk:jili")},
        ),
        (
            meetings.MeetingTaskOverdue,
            {(f"{who}", "meeting_task_overdue", IN_APP) for who in ("unit:jili/c1", "desk:jili")},
        ),
        (warnings.EndAwaited, {("unit:jili/c1", "end_to_record", IN_APP)}),
        (warnings.EndOverdue, {("desk:jili", "end_overdue", IN_APP)}),
        (warnings.EarlyWarningEnded, {("unit:jili/c1/s1", "end_recorded", IN_APP)}),
        (
            screenings.ScreeningOverdue,
            {(f"unit:jili/{code}", "screening_overdue", IN_APP) for code in ("c1", "c2")},
        ),
        (
            screenings.ScreeningClosed,
            {(f"unit:jili/{code}", "screening_left", IN_APP) for code in ("c1", "c2")}
            | {("desk:jili", "screening_closed", IN_APP)},
        ),
        (
            routing.SupervisionOrdered,
            {
                (PERSON, "case_supervised", EMAIL),
                (PERSON, "case_supervised", IN_APP),
                ("post:jili/c1", "supervision_ordered", IN_APP),
                ("desk:jili", "supervision_ordered", IN_APP),
            },
        ),
        (routing.SupervisionAnswered, {("unit:jili", "supervision_answered", IN_APP)}),
        (routing.AnswerAccepted, {("unit:jili/c1", "answer_accepted", IN_APP)}),
        (routing.AnswerSentBack, {("unit:jili/c1", "answer_sent_back", IN_APP)}),
        (
            routing.SupervisionRepeated,
            {
                ("post:jili/c1", "supervision_repeated", IN_APP),
                ("desk:jili", "supervision_repeated", IN_APP),
            },
        ),
        (
            handling.HandlerRecused,
            {(who, "handler_recused", IN_APP) for who in ("unit:jili/c1", "desk:jili")},
        ),
        (
            handling.PartSplitOff,
            {(PERSON, "part_split_off", EMAIL), (PERSON, "part_split_off", IN_APP)},
        ),
        (handling.AssistanceAsked, {("unit:jili/c2", "assistance_asked", IN_APP)}),
        (handling.AssistanceAnswered, {("unit:jili/c1", "assistance_answered", IN_APP)}),
        (
            handling.AssistanceOverdue,
            {(who, "assistance_overdue", IN_APP) for who in ("unit:jili/c2", "desk:jili", "unit:jili/c1")},
        ),
        (handling.AssistanceEnded, {("unit:jili/c2", "assistance_ended", IN_APP)}),
        (clocks.DeadlineNeared, {("leader-1", "deadline_neared", IN_APP)}),
        (
            clocks.FirstContactMissed,
            {("leader-1", "first_contact_missed", IN_APP), ("desk:jili", "first_contact_missed", IN_APP)},
        ),
        (
            clocks.DeadlineRecomputed,
            {
                (PERSON, "deadline_recomputed", EMAIL),
                (PERSON, "deadline_recomputed", IN_APP),
                ("leader-1", "deadline_recomputed_here", IN_APP),
            },
        ),
        (routing.CaseResolved, {(PERSON, "case_resolved", EMAIL), (PERSON, "case_resolved", IN_APP)}),
        (
            routing.CaseWithdrawn,
            {
                (PERSON, "case_withdrawn", EMAIL),
                (PERSON, "case_withdrawn", IN_APP),
                ("unit:jili/c1", "case_taken_back", IN_APP),
            },
        ),
        (
            routing.CaseReopened,
            {
                (PERSON, "case_reopened", EMAIL),
                (PERSON, "case_reopened", IN_APP),
                ("leader-1", "case_came_back", IN_APP),
            },
        ),
        (routing.WishDeclined, both(PERSON, "wish_declined")),
        (routing.CaseReferred, {*both(PERSON, "case_referred"), ("leader-1", "case_referred_here", IN_APP)}),
        (routing.CaseTakenBack, {*both(PERSON, "case_goes_on"), ("leader-1", "case_goes_on_here", IN_APP)}),
        (routing.CaseJoined, {*both(PERSON, "case_joined"), ("unit:jili/c1", "case_joined_here", IN_APP)}),
        (routing.CaseParted, {*both(PERSON, "case_parted"), ("leader-1", "case_parted_here", IN_APP)}),
        (clocks.PauseAsked, {("unit:jili", "pause_asked", IN_APP)}),
        (clocks.ExtensionAsked, {("desk:jili", "extension_asked", IN_APP)}),
        (clocks.ClocksPaused, {*both(PERSON, "clocks_paused"), ("leader-1", "time_granted", IN_APP)}),
        (clocks.ClocksResumed, {*both(PERSON, "clocks_resumed"), ("leader-1", "clocks_run_again", IN_APP)}),
        (clocks.DueTimeExtended, {*both(PERSON, "due_time_extended"), ("leader-1", "time_granted", IN_APP)}),
        (clocks.TimeRefused, {("unit:jili/c1", "time_refused", IN_APP)}),
        (
            mediation.MediationOpened,
            both(PERSON, "mediation_opened") | both(NEIGHBOUR, "mediation_opened"),
        ),
        (
            mediation.MediatorAppointed,
            both(PERSON, "mediator_appointed")
            | both(NEIGHBOUR, "mediator_appointed")
            | {(MEDIATOR, "mediator_asked", IN_APP)},
        ),
        (
            mediation.SessionScheduled,
            both(PERSON, "session_scheduled")
            | both(NEIGHBOUR, "session_scheduled")
            | {(MEDIATOR, "session_scheduled_here", IN_APP)},
        ),
        (
            mediation.MediationEnded,
            both(PERSON, "mediation_ended") | both(NEIGHBOUR, "mediation_ended"),
        ),
        (petition.PetitionReceived, {("unit:jili/c1", "petition_arrived", IN_APP)}),
        (petition.OpinionDelivered, both(PERSON, "opinion_delivered")),
        (
            petition.DutyOverdue,
            {
                *both(PERSON, "duty_overdue_petitioner"),
                ("unit:jili/c1", "duty_overdue", IN_APP),
                ("desk:jili", "duty_overdue", IN_APP),
            },
        ),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_an_event_is_news_to(kind: type[Message], expected: set[tuple[str, str, str]]) -> None:
    assert told(examples()[kind]) == expected


@pytest.mark.parametrize("kind", EVERY, ids=name_of)
def test_an_anonymous_case_owes_the_resident_nothing(kind: type[Message]) -> None:
    made = begun(examples(person_ref="")[kind])
    others = {NEIGHBOUR, *VOLUNTEERS}
    deliveries = [d for d in made.deliveries if d.recipient_ref not in others] if made else []
    bodies = {"desk:jili", ANSWERER, f"reporter:{COURIER}"}
    assert all(d.unit_id or d.recipient_ref in bodies for d in deliveries)
    assert EMAIL not in {d.channel for d in deliveries}


@pytest.mark.parametrize("kind", EVERY_HIDDEN, ids=name_of)
def test_an_anonymous_accusation_is_news_to_inspectors_at_most(kind: type[Message]) -> None:
    made = begun(accusations(person_ref="")[kind], restricted=True)
    assert {d.recipient_ref for d in made.deliveries} == {"discipline:jili"} if made else True


def test_a_receipt_of_an_anonymous_request_is_owed_to_nobody() -> None:
    assert begun(examples(person_ref="")[intake.RequestSubmitted]) is None


def test_who_asked_without_being_a_party_learns_how_mediation_ended() -> None:
    of = table()
    del of.party_refs[:]
    of.party_refs.append(NEIGHBOUR)
    event = mediation.MediationEnded(mediation=of, reason=mediation.END_REASON_AGREEMENT)
    assert told(event) == both(PERSON, "mediation_ended") | both(NEIGHBOUR, "mediation_ended")


@pytest.mark.parametrize("kind", EVERY_HIDDEN, ids=name_of)
def test_news_of_an_accusation_reaches_nobody_but_the_accuser_and_inspectors(kind: type[Message]) -> None:
    made = notice(accusations()[kind], restricted=True)
    assert {d.recipient_ref for d in made.deliveries} <= {PERSON, "discipline:jili"}
    assert {d.unit_id for d in made.deliveries} == {""}


@pytest.mark.parametrize("kind", EVERY_HIDDEN, ids=name_of)
def test_a_notice_of_an_accusation_holds_nothing_of_whom_it_is_about(kind: type[Message]) -> None:
    facts = notice(accusations()[kind], restricted=True).facts
    assert facts.keys() <= {"request_no", "clock"}
    assert ACCUSED not in facts.values()


def test_notices_of_accusations_are_told_apart_by_the_topic_that_names_them() -> None:
    hidden = notice(accusations()[petition.PetitionReplied], restricted=True)
    assert all(domain.is_restricted(domain.notice_id_of(d.id)) for d in hidden.deliveries)
    shown = notice(examples()[petition.PetitionReplied])
    assert not any(domain.is_restricted(domain.notice_id_of(d.id)) for d in shown.deliveries)


def test_a_vacant_post_is_told_in_place_of_its_holder() -> None:
    event = routing.CaseRouted(case=reference(), assignment=owner(holder_ref=""))
    assert {who for who, _, _ in told(event)} == {"post:jili/c1"}


@pytest.mark.parametrize("why", ["urgent", "risk"])
def test_the_desk_is_told_at_once_of_an_urgent_case_and_of_a_risk_kind(why: str) -> None:
    event = routing.CaseRouted(case=reference(), assignment=owner())
    setattr(event, why, True)
    assert told(event) == {("leader-1", "case_assigned", IN_APP), ("desk:jili", "case_urgent", IN_APP)}


def test_a_resident_who_holds_the_post_is_told_once_by_each_channel_and_as_a_resident() -> None:
    event = routing.CaseEscalated(case=reference("leader-1"), assignment=owner("leader-1"))
    assert told(event) == {("leader-1", "case_escalated", EMAIL), ("leader-1", "case_escalated", IN_APP)}


def test_a_delivery_is_named_by_event_channel_and_recipient_and_leads_back_to_its_notice() -> None:
    for delivery in notice(examples()[routing.SupervisionOrdered]).deliveries:
        assert delivery.id == f"{EVENT}/{delivery.channel}/{delivery.recipient_ref}"
        assert domain.notice_id_of(delivery.id) == EVENT


def test_a_message_id_is_stable_unique_and_tells_nothing() -> None:
    deliveries = notice(examples()[routing.CaseResolved]).deliveries
    ids = [domain.message_id(d.id, "example.org") for d in deliveries]
    assert ids == [domain.message_id(d.id, "example.org") for d in deliveries]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"<[0-9a-f]{40}@example\.org>", text) for text in ids)


def test_facts_are_codes_and_times_by_their_short_names() -> None:
    assert notice(examples()[routing.CaseEscalated]).facts == {
        "request_no": "JILI-000001",
        "from_unit_id": "jili/c1/s2",
        "reason": "timeout",
        "unit_id": "jili/c1",
        "tier": "community",
    }


@pytest.mark.parametrize("kind", EVERY, ids=name_of)
def test_no_fact_of_a_notice_refers_to_a_person(kind: type[Message]) -> None:
    facts = notice(examples()[kind]).facts
    assert not {name for name in facts if name.endswith("_ref")}
    assert PERSON not in facts.values()
    assert "leader-1" not in facts.values()
    assert NEIGHBOUR not in facts.values()
    assert COURIER not in facts.values()


def test_the_readme_shows_both_tables_whole() -> None:
    lines = README.read_text(encoding="utf-8").splitlines()
    rows = [
        f"| `{name_of(kind)}` | {owed.who.__name__} | `{owed.template}` | {', '.join(owed.channels)} |"
        for table in (OWED, OF_ACCUSATIONS)
        for kind, news in table.items()
        for owed in news.owed
    ]
    assert [line for line in lines if line in set(rows)] == rows
    silent = {name_of(kind) for kind in NOT_OWED | NOT_OWED_OF_ACCUSATIONS}
    assert silent <= set(re.findall(r"`(\w+)`", "\n".join(lines)))
