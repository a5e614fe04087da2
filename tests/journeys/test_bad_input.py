"""Bad input gets an answer that says what is wrong (field, state, right), and changes nothing."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from fengqiao.common.v1 import operations_service_pb2 as operations
from fengqiao.common.v1.common_pb2 import CommandMeta
from fengqiao.intake.v1 import intake_service_pb2 as intake
from fengqiao.notify.v1 import notify_service_pb2 as notify
from fengqiao.routing.v1 import routing_service_pb2 as routing
from services.chassis.clock import process_time
from tests.journeys.clients import BOSTON, JILI, NEIGHBOURS, Actor, House, refusal


def endless(clerk: Actor) -> intake.SubmitRequestRequest:
    """A submission whose times are far beyond any date."""
    submission = clerk.submission()
    submission.meta.occurred_at.seconds = 10**15
    submission.request.due_at.nanos = -1
    return submission


NOT_OURS = "x"

FIELDS: dict[str, tuple[str, Callable[[House], object], dict[str, str]]] = {
    "every wrong field of a submission is named": (
        "intake",
        lambda house: house.clerk().submit(
            key="short",
            site_id="Jili!",
            kind="NOISE",
            unit_id="Up/There",
            channel="Counter 1",
            title="",
            person_ref="Mr X",
            attributes={"": "x"},
        ),
        {
            "meta.idempotency_key": "string.min_len",
            "request.site_id": "string.pattern",
            "request.kind": "string.pattern",
            "request.unit_id": "string.pattern",
            "request.channel": "string.pattern",
            "request.title": "string.min_len",
            "request.person_ref": "string.pattern",
            "request.attributes[]": "string.min_len",
        },
    ),
    "an empty submission": (
        "intake",
        lambda house: house.clerk().call(house.intake.SubmitRequest, intake.SubmitRequestRequest()),
        {"meta": "required", "request": "required"},
    ),
    "a site that is none of ours": (
        "intake",
        lambda house: house.replay_everywhere().submit(site_id="atlantis", unit_id=""),
        {"request.site_id": "unknown_site"},
    ),
    "a person whom nobody put into the vault": (
        "intake",
        lambda house: house.clerk().submit(person_ref="p-nobody"),
        {"request.person_ref": "unknown_person"},
    ),
    "a time that is still to come": (
        "intake",
        lambda house: house.resident().submit(at=process_time() + timedelta(minutes=5)),
        {"meta.occurred_at": "later_than_now"},
    ),
    "a contact that can't be one": (
        "intake",
        lambda house: house.clerk().put_contact(email="nowhere", phone="call me", locale="tlh"),
        {
            "contact.email": "contact.email",
            "contact.phone": "string.pattern",
            "contact.locale": "string.in",
        },
    ),
    "times that no calendar has": (
        "intake",
        lambda house: house.clerk().call(house.intake.SubmitRequest, endless(house.clerk())),
        {"meta.occurred_at": "no_such_time", "request.due_at": "no_such_time"},
    ),
    "a case id that is none": (
        "routing",
        lambda house: house.desk().case("42"),
        {"case_id": "string.uuid"},
    ),
    "a return without a reason": (
        "routing",
        lambda house: house.desk().give_back(str(uuid4()), note=""),
        {"note": "string.min_len"},
    ),
    "a queue's token that is not ours": (
        "routing",
        lambda house: house.desk().call(
            house.routing.GetQueue, routing.GetQueueRequest(unit_id=JILI, page_token=NOT_OURS)
        ),
        {"page_token": "not_a_token_of_ours"},
    ),
    "a timeline's cursor that is not ours": (
        "intake",
        lambda house: house.clerk().timeline(house.clerk().submit().case_id, cursor="yesterday"),
        {"cursor": "not_a_cursor_of_ours"},
    ),
    "a page of notices that is too large": (
        "notify",
        lambda house: house.desk().call(
            house.notify.ListDeliveries, notify.ListDeliveriesRequest(page_size=501)
        ),
        {"page_size": "int32.gte_lte"},
    ),
    "a replay clock without a time": (
        "routing",
        lambda house: house.replay().call(
            house.operations["routing"].MoveReplayClock,
            operations.MoveReplayClockRequest(site_id=BOSTON),
        ),
        {"to": "required"},
    ),
}


@pytest.mark.parametrize("what", FIELDS)
def test_wrong_fields_are_named(house: House, what: str) -> None:
    service, call, fields = FIELDS[what]
    refused = refusal(lambda: call(house))
    assert refused.code.name == "INVALID_ARGUMENT"
    assert refused.fields == fields
    assert house.operator().status(service).ready


@dataclass(slots=True)
class Scene:
    """A case on its first tier, and those who deal with it."""

    house: House
    case_id: str = ""
    resident: Any = None
    leader: Any = None
    desk: Any = None
    revision: int = field(default=0)


@pytest.fixture
def scene(house: House) -> Scene:
    resident = house.resident()
    case_id = resident.submit().case_id
    case = resident.until_case(case_id)
    return Scene(house, case_id, resident, house.leader(NEIGHBOURS), house.desk(), case.revision)


REFUSALS: dict[str, tuple[Callable[[Scene], object], str, str, dict[str, str]]] = {
    "a request that there is none of": (
        lambda s: s.desk.request(str(uuid4())),
        "NOT_FOUND",
        "not_found",
        {},
    ),
    "a case that there is none of": (
        lambda s: s.desk.case(str(uuid4())),
        "NOT_FOUND",
        "not_found",
        {},
    ),
    "a command on a case that there is none of": (
        lambda s: s.desk.accept(str(uuid4())),
        "NOT_FOUND",
        "not_found",
        {},
    ),
    "a tracking code that was never given": (
        lambda s: s.resident.track("ABCDEFGHJKLM"),
        "NOT_FOUND",
        "not_found",
        {},
    ),
    "a rating before anything was done": (
        lambda s: s.resident.rate(s.case_id, 3, solved=True),
        "FAILED_PRECONDITION",
        "illegal_transition",
        {"state": "submitted", "allowed": "EscalateRequest,ReferRequest,WithdrawRequest"},
    ),
    "accepting twice": (
        lambda s: (s.leader.accept(s.case_id), s.leader.accept(s.case_id)),
        "FAILED_PRECONDITION",
        "illegal_transition",
        {
            "state": "in_progress",
            "allowed": "AnswerAssistance,AnswerSupervision,AskForAssistance,AskForExtension,AskForPause,"
            "DelegateCase,EndAssistance,EndDelegation,EscalateCase,GrantTime,JoinCase,"
            "JudgeAnswer,OrderSupervision,RecuseHandler,ReferCase,RefuseTime,ReportProgress,"
            "ResolveCase,ResumeCase,ReturnCase,RuleOnReturn,SplitOff,TransferCase",
        },
    ),
    "progress on what is settled": (
        lambda s: (s.leader.resolve(s.case_id), s.leader.progress(s.case_id)),
        "FAILED_PRECONDITION",
        "illegal_transition",
        {"state": "resolved", "allowed": "RecordCallBack,RecordEnd,RecordReview"},
    ),
    "a revision that is stale": (
        lambda s: (s.leader.accept(s.case_id), s.leader.progress(s.case_id, revision=s.revision)),
        "ABORTED",
        "stale_revision",
        {"revision": "2"},
    ),
    "a resident who would settle their own case": (
        lambda s: s.resident.resolve(s.case_id),
        "PERMISSION_DENIED",
        "permission_denied",
        {},
    ),
    "a leader who would withdraw for the resident": (
        lambda s: s.leader.withdraw(s.case_id),
        "PERMISSION_DENIED",
        "permission_denied",
        {},
    ),
    "a resident who would act for another": (
        lambda s: s.resident.submit(person_ref=s.house.resident().subject),
        "PERMISSION_DENIED",
        "permission_denied",
        {},
    ),
    "a site of somebody else": (
        lambda s: s.resident.submit(site_id=BOSTON),
        "PERMISSION_DENIED",
        "permission_denied",
        {},
    ),
    "a handler who would register a source": (
        lambda s: s.leader.register_source("mine"),
        "PERMISSION_DENIED",
        "permission_denied",
        {},
    ),
    "a key that was used for another submission": (
        lambda s: (
            s.resident.submit("key-of-mine-1", title="One"),
            s.resident.submit("key-of-mine-1", title="Two"),
        ),
        "ALREADY_EXISTS",
        "idempotency_key_reused",
        {},
    ),
    "a key that was used for another command": (
        lambda s: (
            s.leader.progress(s.case_id, "one", key="key-2-progress"),
            s.leader.progress(s.case_id, "two", key="key-2-progress"),
        ),
        "ALREADY_EXISTS",
        "idempotency_key_reused",
        {},
    ),
    "a command from the future": (
        lambda s: s.leader.accept(s.case_id, at=process_time() + timedelta(minutes=5)),
        "INVALID_ARGUMENT",
        "invalid_argument",
        {},
    ),
}


@pytest.mark.parametrize("what", REFUSALS)
def test_a_refusal_says_why_and_leaves_the_case_as_it_was(scene: Scene, what: str) -> None:
    call, code, reason, facts = REFUSALS[what]
    refused = refusal(lambda: call(scene))
    assert (refused.code.name, refused.reason) == (code, reason)
    assert refused.facts == facts
    before = scene.desk.case(scene.case_id)
    again = refusal(lambda: call(scene)) if code in {"NOT_FOUND", "PERMISSION_DENIED"} else refused
    assert again == refused
    assert scene.desk.case(scene.case_id) == before


def test_the_same_key_with_the_same_body_gets_the_same_answer(scene: Scene) -> None:
    meta = CommandMeta(idempotency_key=scene.house.name("key"))
    request = routing.ReportProgressRequest(meta=meta, case_id=scene.case_id, progress="visited")
    report = scene.house.routing.ReportProgress
    answers = [scene.leader.call(report, request) for _ in range(3)]
    assert answers[0] == answers[1] == answers[2]
    assert scene.desk.case(scene.case_id).revision == scene.revision + 1
    submission = scene.resident.submission(scene.house.name("key"))
    submitted = [scene.resident.call(scene.house.intake.SubmitRequest, submission) for _ in range(3)]
    assert submitted[0] == submitted[1] == submitted[2]
