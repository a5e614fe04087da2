"""Who is owed what: the table is whole, and nobody is told who should not be."""

import re
from pathlib import Path

import pytest
from google.protobuf.message import Message

from fengqiao.intake.v1 import events_pb2 as intake
from fengqiao.routing.v1 import events_pb2 as routing
from services.chassis.topics import declared_types
from services.notify import domain
from services.notify.owed import EMAIL, IN_APP, NOT_OWED, OWED, SOURCES
from tests.unit.notify.news import CASE, EVENT, NOW, PERSON, examples, notice, owner, reference

README = Path(domain.__file__).with_name("README.md")


def name_of(kind: type[Message]) -> str:
    return str(kind.DESCRIPTOR.name)


EVERY = sorted(OWED, key=name_of)
NO_NEWS = sorted(NOT_OWED, key=name_of)


def told(event: Message) -> set[tuple[str, str, str]]:
    return {(d.recipient_ref, d.template, d.channel) for d in notice(event).deliveries}


def test_every_event_that_notify_hears_of_is_either_owed_or_named_as_not_owed() -> None:
    heard = {name for topic in SOURCES for name in declared_types(topic)}
    owed = {kind.DESCRIPTOR.full_name for kind in OWED}
    not_owed = {kind.DESCRIPTOR.full_name for kind in NOT_OWED}
    assert not owed & not_owed
    assert owed | not_owed == heard


def test_there_is_an_example_of_every_owed_event() -> None:
    assert examples().keys() == OWED.keys()


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (
            intake.RequestSubmitted,
            {(PERSON, "request_received", EMAIL), (PERSON, "request_received", IN_APP)},
        ),
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
            routing.SupervisionOrdered,
            {
                (PERSON, "case_supervised", EMAIL),
                (PERSON, "case_supervised", IN_APP),
                ("post:jili/c1", "supervision_ordered", IN_APP),
                ("desk:jili", "supervision_ordered", IN_APP),
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
        (routing.WishDeclined, {(PERSON, "wish_declined", EMAIL), (PERSON, "wish_declined", IN_APP)}),
    ],
)
def test_an_event_is_news_to(kind: type[Message], expected: set[tuple[str, str, str]]) -> None:
    assert told(examples()[kind]) == expected


@pytest.mark.parametrize("kind", EVERY, ids=name_of)
def test_an_anonymous_case_owes_the_resident_nothing(kind: type[Message]) -> None:
    made = domain.begin(EVENT, CASE, examples(person_ref="")[kind], NOW, NOW)
    deliveries = made.deliveries if made else ()
    assert all(d.unit_id or d.recipient_ref == "desk:jili" for d in deliveries)
    assert EMAIL not in {d.channel for d in deliveries}


def test_a_receipt_of_an_anonymous_request_is_owed_to_nobody() -> None:
    event = examples(person_ref="")[intake.RequestSubmitted]
    assert domain.begin(EVENT, CASE, event, NOW, NOW) is None


@pytest.mark.parametrize("kind", NO_NEWS, ids=name_of)
def test_an_event_that_is_no_news_makes_no_notice(kind: type[Message]) -> None:
    assert domain.begin(EVENT, CASE, kind(), NOW, NOW) is None


def test_a_vacant_post_is_told_in_place_of_its_holder() -> None:
    event = routing.CaseRouted(case=reference(), assignment=owner(holder_ref=""))
    assert {who for who, _, _ in told(event)} == {"post:jili/c1"}


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


def test_the_readme_shows_the_whole_table() -> None:
    lines = README.read_text(encoding="utf-8").splitlines()
    rows = [
        f"| `{name_of(kind)}` | {owed.who.__name__} | `{owed.template}` | {', '.join(owed.channels)} |"
        for kind, news in OWED.items()
        for owed in news.owed
    ]
    assert [line for line in lines if line in set(rows)] == rows
    assert {name_of(kind) for kind in NOT_OWED} <= set(re.findall(r"`(\w+)`", "\n".join(lines)))
