"""Accusations without any I/O: what is one, what is asked, where it stands, for whom it is there."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.descriptor import Descriptor
from google.protobuf.descriptor_pool import Default
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from fengqiao.intake.v1 import events_pb2 as ev
from fengqiao.mediation.v1.events_pb2 import MediationReference, MediatorConfirmed, SessionRecorded
from fengqiao.petition.v1 import events_pb2 as petition
from fengqiao.routing.v1.early_warning_events_pb2 import EarlyWarningEnded
from fengqiao.routing.v1.events_pb2 import CaseReference, ReturnRuled
from services.chassis import model as chassis
from services.chassis import topics
from services.chassis.auth import Principal, Role
from services.chassis.commands import Order
from services.chassis.engine import Engine, Moment
from services.chassis.errors import IllegalTransition
from services.chassis.record import Record
from services.intake import accusations, domain, store, timeline
from services.intake.access import ACCUSATIONS, inspects, may_see, may_see_accusation, told_whom
from services.intake.accusations import RESTRICTED, TABLE, Accusation, accuses, status_of, wrong_unit
from services.intake.books import Entry, creation
from services.intake.domain import SETTLED, SUBMITTED, WITHDRAWN, Request
from services.intake.timeline import PERSONS, UNITS, to_entry
from tests.unit.intake.test_domain import SUBMISSION

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
README = Path(domain.__file__).with_name("README.md")
CASE = "5a3c1d3e-0000-5000-8000-000000000002"
ACCUSED = "jili/hexi"
SENT = replace(SUBMISSION, kind="accusation.misconduct", accused_unit_id=ACCUSED)
ANSWERS = ev.InboundPosition(topic="t", partition=1, offset=2)


class Walk:
    """One accusation, walked through commands by the chassis's engine."""

    def __init__(self, sent: domain.SubmitRequest = SENT, answers: ev.InboundPosition | None = None) -> None:
        self.engine = Engine(store.restricted())
        self.record: Record[Accusation] = Record(id=CASE, site="jili")
        self.moment = Moment(NOW, NOW)
        begun = creation(Entry(CASE, Order("key", b""), sent, answers))
        decision = begun.decide(chassis.Context(CASE, "jili", NOW, NOW, NOW))
        self.engine.create(self.record, decision, NOW, self.moment)

    @property
    def state(self) -> Accusation:
        assert self.record.state is not None
        return self.record.state

    def command(self, command: object) -> None:
        self.engine.command(
            self.record,
            lambda state, context: accusations.decide(state, command, context),
            self.moment,
            key=f"key-{self.record.revision}",
            body_hash=b"",
        )

    def told(self) -> list[tuple[str, str]]:
        return [(entry.topic, entry.type.rsplit(".", 1)[-1]) for entry in self.record.outbox]


# -- what is one ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["accusation", "accusation.misconduct", "accusation.officials.street"])
def test_a_kind_of_the_group_accusation_is_one(kind: str) -> None:
    assert accuses(kind)


@pytest.mark.parametrize(
    "kind", ["noise", "accusations", "accusation_x", "petition.accusation", "x.accusation"]
)
def test_a_kind_that_only_sounds_like_it_is_none(kind: str) -> None:
    assert not accuses(kind)


@pytest.mark.parametrize(
    ("kind", "unit_id", "wrong"),
    [
        ("accusation", ACCUSED, ""),
        ("noise", "", ""),
        ("accusation.misconduct", "", "required"),
        ("noise", ACCUSED, "only_for_accusations"),
        ("accusation", "jili/hexi/", "not_a_unit"),
        ("accusation", "jili//hexi", "not_a_unit"),
    ],
)
def test_an_accusation_names_a_unit_and_nothing_else_does(kind: str, unit_id: str, wrong: str) -> None:
    assert wrong_unit(kind, unit_id) == wrong


# -- where it goes -------------------------------------------------------------------------------------------


def test_an_accusation_is_told_on_the_restricted_topic_alone() -> None:
    walk = Walk()
    walk.command(domain.EscalateRequest("no_answer"))
    walk.command(domain.WithdrawRequest("mistake"))
    assert walk.told() == [
        (RESTRICTED, "AccusationSubmitted"),
        (RESTRICTED, "EscalationRequested"),
        (RESTRICTED, "WithdrawalRequested"),
    ]
    assert (walk.state.accused_unit_id, walk.state.submitted_at) == (ACCUSED, NOW)
    assert store.restricted().load(store.restricted().dump(walk.state)) == walk.state


def test_an_agency_is_answered_on_its_replies_and_told_nothing_there_but_the_case() -> None:
    walk = Walk(replace(SENT, source="hotline", reference="7"), ANSWERS)
    assert walk.told() == [
        (RESTRICTED, "AccusationSubmitted"),
        ("fengqiao.inbound.hotline.replies", "SubmissionAccepted"),
    ]
    reply = ev.SubmissionAccepted.FromString(walk.record.outbox[-1].data)
    assert (reply.reference, reply.case_id, reply.answers) == ("7", CASE, ANSWERS)


def test_no_word_of_an_accusation_and_no_place_is_in_its_events() -> None:
    walk = Walk(replace(SENT, unit_id="jili/place"))
    told = b"".join(entry.data for entry in walk.record.outbox)
    for word in ("Loud", "Every night", "floor", SENT.tracking_code, "jili/place"):
        assert word.encode() not in told
    assert (walk.record.private["title"], walk.record.private["unit_id"]) == (SENT.title, "jili/place")


@given(
    st.sampled_from(["accusation", "accusation.x", "accusationx", "noise", "noise.accusation"]),
    st.sampled_from(["", "hotline"]),
)
def test_an_accusation_cannot_be_begun_as_a_request_nor_a_request_as_an_accusation(
    kind: str, source: str
) -> None:
    sent = replace(SENT, kind=kind, source=source)
    entry = Entry(CASE, Order("key", b""), sent, ANSWERS if source else None)
    decision = creation(entry).decide(chassis.Context(CASE, "jili", NOW, NOW, NOW))
    wrong: Engine[Any] = Engine(store.model() if accuses(kind) else store.restricted())
    record: Record[Any] = Record(id=CASE, site="jili")
    with pytest.raises(KeyError):
        wrong.create(record, decision, NOW, Moment(NOW, NOW))
    assert record.outbox == []


# -- what may be asked ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [domain.RateOutcome(5, solved=True), domain.ReopenRequest("again")])
def test_an_accusation_is_neither_rated_nor_reopened_and_the_refusal_says_why(command: object) -> None:
    walk = Walk()
    with pytest.raises(
        IllegalTransition, match="not for accusations: they end with the inspectors' answer"
    ) as no:
        walk.command(command)
    assert no.value.details["allowed"] == "EscalateRequest,WithdrawRequest"
    assert walk.record.revision == 1


def test_the_readme_shows_the_table_of_accusations_as_it_is() -> None:
    drawn = chassis.diagram(TABLE, [(SUBMITTED, "SubmitRequest")])
    assert f"```mermaid\n{drawn}\n```" in README.read_text(encoding="utf-8"), (
        f"put this into README.md:\n{drawn}"
    )


def test_every_test_that_the_readme_names_is_there() -> None:
    tests = Path(__file__).parents[2]
    folders = (tests / "unit" / "intake", tests / "integration" / "intake")
    here = "\n".join(p.read_text(encoding="utf-8") for folder in folders for p in folder.glob("test_*.py"))
    named = set(re.findall(r"`(test_\w+)`", README.read_text(encoding="utf-8")))
    assert named
    assert [name for name in named if f"def {name}(" not in here] == []


# -- where it stands -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("end", "status"),
    [
        (petition.PetitionReplied, SETTLED),
        (petition.PetitionNotAccepted, SETTLED),
        (petition.OpinionDelivered, SETTLED),
        (petition.PetitionWithdrawn, WITHDRAWN),
    ],
)
def test_an_accusation_stands_where_petition_says_it_ended(end: type[Message], status: str) -> None:
    before = {
        name for name in topics.declared_types(timeline.RESTRICTED_TOPICS[1]) if name not in accusations.ENDS
    }
    assert status_of(before) == SUBMITTED
    assert status_of({*before, end.DESCRIPTOR.full_name}) == status


def test_every_end_is_declared_on_petitions_restricted_topic() -> None:
    assert accusations.ENDS.keys() <= topics.declared_types("fengqiao.petition.restricted")


# -- who reaches it ------------------------------------------------------------------------------------------

AGAINST = Accusation("JILI-1", "jili", "accusation", ACCUSED, "counter", "hotline", "p-1", NOW)


def who(role: Role, *units: str, subject: str = "somebody", site: str = "jili") -> Principal:
    return Principal(subject, role, site, units)


@pytest.mark.parametrize(
    "principal",
    [
        who(Role.RESIDENT, subject="p-1"),
        who(Role.AGENCY, subject="hotline"),
        who(Role.INSPECTOR, "jili"),
        who(Role.INSPECTOR, "jili/taoshu"),
        who(Role.INSPECTOR, "jili/hexi2"),
        who(Role.INSPECTOR, "*"),
        who(Role.INSPECTOR, "city/inspection", site="*"),
    ],
    ids=str,
)
def test_accuser_agency_and_inspectors_whom_it_is_not_about_reach_an_accusation(principal: Principal) -> None:
    assert may_see_accusation(principal, AGAINST)


@pytest.mark.parametrize(
    "principal",
    [
        who(Role.RESIDENT, subject="p-2"),
        who(Role.RESIDENT, subject="hotline"),
        who(Role.AGENCY, subject="p-1"),
        who(Role.AGENCY, subject="desk"),
        who(Role.RESIDENT, subject="p-1", site="boston"),
        who(Role.INSPECTOR),
        who(Role.INSPECTOR, "jili", site="boston"),
        who(Role.INSPECTOR, ACCUSED),
        who(Role.INSPECTOR, f"{ACCUSED}/s1/n1"),
        who(Role.INSPECTOR, "jili", f"{ACCUSED}/s1"),
    ],
    ids=str,
)
def test_strangers_and_inspectors_of_the_accused_unit_do_not(principal: Principal) -> None:
    assert not may_see_accusation(principal, AGAINST)


@pytest.mark.parametrize("role", sorted(set(Role) - ACCUSATIONS))
def test_no_other_role_reaches_an_accusation_whatever_its_units(role: Role) -> None:
    assert not may_see_accusation(who(role, "*", "jili", ACCUSED, subject="p-1", site="*"), AGAINST)


def test_an_accusation_that_names_nobody_is_nobodys() -> None:
    anonymous = replace(AGAINST, person_ref="", source="")
    for role in (Role.RESIDENT, Role.AGENCY):
        assert not may_see_accusation(who(role, subject=""), anonymous)


def test_an_inspector_sees_no_ordinary_request() -> None:
    request = Request("JILI-1", "jili", "noise", "jili/c1", "counter", "", "p-1", urgent=False,
                      submitted_at=NOW, due_at=None)  # fmt: skip
    assert not may_see(who(Role.INSPECTOR, "*", "jili", "jili/c1", site="*"), request)


def test_whom_it_is_about_is_told_to_the_accuser_and_inspectors_alone() -> None:
    assert {role for role in Role if told_whom(who(role))} == {Role.RESIDENT, Role.INSPECTOR}


@given(st.lists(st.sampled_from(["a", "ab", "b"]), min_size=1, max_size=4), st.integers(1, 4))
def test_every_unit_on_the_way_down_from_the_accused_one_is_kept_out(parts: list[str], depth: int) -> None:
    inspector = who(Role.INSPECTOR, "/".join(parts))
    assert not inspects(inspector, "/".join(parts[:depth]))
    assert inspects(inspector, "/".join([*parts, "below"]))


# -- what is hidden ------------------------------------------------------------------------------------------


def shown(event: Message, **hidden: Any) -> Any:
    raw = {
        "_id": "e",
        "service": "s",
        "type": event.DESCRIPTOR.full_name,
        "occurred_at": NOW,
        "sequence": 1,
        "data": event.SerializeToString(),
    }
    return json.loads(to_entry(raw, **hidden).data_json)


def test_repeated_references_are_dropped_whole_and_at_every_depth() -> None:
    mediation = MediationReference(
        person_ref="p", party_refs=["p-1", "p-2"], mediator_ref="m", unit_id="jili"
    )
    recorded = SessionRecorded(mediation=mediation, attended_refs=["p-1", "p-2"])
    assert shown(recorded) == {"mediation": {"unitId": "jili"}}
    assert shown(MediatorConfirmed(mediation=mediation)) == {"mediation": {"unitId": "jili"}}


def test_by_code_an_accusation_names_no_unit_and_nobody() -> None:
    reference = petition.PetitionReference(
        request_no="JILI-1", person_ref="p-1", unit_id="jili", accused_unit_id=ACCUSED
    )
    routed = petition.PetitionRouted(petition=reference, from_unit_id="jili/office")
    assert shown(routed) == {
        "petition": {"requestNo": "JILI-1", "unitId": "jili"}, "fromUnitId": "jili/office"
    }  # fmt: skip
    assert shown(routed, hidden=PERSONS | UNITS) == {"petition": {"requestNo": "JILI-1"}}


def names(message: Descriptor, seen: set[str]) -> set[str]:
    """Names of all fields of a message and of those within it."""
    if message.full_name in seen:
        return set()
    seen.add(message.full_name)
    below = [names(field.message_type, seen) for field in message.fields if field.message_type]
    return {field.name for field in message.fields}.union(*below)


def fields_on(collected: tuple[str, ...]) -> set[str]:
    topics.know_generated_types()
    seen: set[str] = set()
    found: set[str] = set()
    for topic in collected:
        for name in topics.declared_types(topic):
            found |= names(Default().FindMessageTypeByName(name), seen)
    return found


def test_every_field_that_refers_to_somebody_is_hidden_in_both_timelines() -> None:
    fields = fields_on(timeline.TOPICS) | fields_on(timeline.RESTRICTED_TOPICS)
    assert {name for name in fields if name.endswith(("_ref", "_refs"))} <= PERSONS
    assert fields >= PERSONS


def test_by_code_nobody_learns_who_of_the_staff_did_something() -> None:
    case = CaseReference(request_no="JILI-1")
    ruled = ReturnRuled(case=case, unit_id="jili/c1", ruled_by="p-chief")
    assert shown(ruled) == {"case": {"requestNo": "JILI-1"}, "unitId": "jili/c1"}
    ended = EarlyWarningEnded(case=case, unit_id="jili/c1", recorded_by="p-chief")
    assert shown(ended) == {"case": {"requestNo": "JILI-1"}, "unitId": "jili/c1"}


def test_every_field_that_names_a_unit_on_a_restricted_topic_is_hidden_from_who_only_has_the_code() -> None:
    assert {name for name in fields_on(timeline.RESTRICTED_TOPICS) if "unit" in name} == UNITS


def test_the_two_timelines_have_no_topic_in_common() -> None:
    assert not set(timeline.TOPICS) & set(timeline.RESTRICTED_TOPICS)
    assert [topic for topic in timeline.TOPICS if topic.endswith(".restricted")] == []
