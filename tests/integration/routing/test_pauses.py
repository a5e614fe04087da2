"""Pauses and extensions by gRPC on a real store: who may, what is refused, and how a due time was found."""

from datetime import timedelta

import grpc
import pytest

from fengqiao.routing.v1 import clock_events_pb2 as ev
from services.chassis.protobuf import instant
from services.chassis.record import SHARDS
from services.chassis.sweeper import Catchup
from services.routing.domain import EVENTS
from tests.integration.routing.conftest import DESK, NEIGHBOURS, SECTION, House, meta
from tests.kit.edge import Who

LEADER = Who("handler", (NEIGHBOURS,), "p-n1")
CHIEF = Who("handler", (SECTION,), "p-s1")
STRANGER = Who("handler", ("jili/hedong",), "p-stranger")
RESIDENT = Who("resident", (), "p")
APPRAISAL = ev.PAUSE_KIND_EXPERT_APPRAISAL


@pytest.fixture
async def case_id(house: House) -> str:
    await house.settled()
    await house.following.fresh()
    return await house.case_at(NEIGHBOURS)


async def test_a_pause_is_asked_for_granted_and_ends_and_each_step_is_explained(
    house: House, case_id: str
) -> None:
    before = await house.case(case_id)
    asked = {"case_id": case_id, "kind": APPRAISAL, "length": 1, "note": "等鉴定结论"}
    await house.call("AskForPause", LEADER, **asked)
    told = (await house.call("GetCase", CHIEF, case_id=case_id)).case
    assert (told.asked.approver_unit_id, told.asked.note) == (SECTION, "等鉴定结论")
    assert not (await house.call("GetCase", RESIDENT, case_id=case_id)).case.asked.note
    key = meta()
    granted = (await house.call("GrantTime", CHIEF, case_id=case_id, ask=1, meta=key)).case
    assert (await house.call("GrantTime", CHIEF, case_id=case_id, ask=1, meta=key)).case == granted
    assert instant(granted.due_at) == before.due_at + timedelta(days=1)
    assert not granted.HasField("clock_due_at")
    explained = await house.call("ExplainDeadline", LEADER, case_id=case_id)
    assert (explained.running, explained.pause.rule) == ("", "routing.pause.expert_appraisal@1")
    house.clock.move(timedelta(hours=25, minutes=30))
    await house.base.sweeper(Catchup()).fire(range(SHARDS))
    case = (await house.call("GetCase", LEADER, case_id=case_id)).case
    assert (case.assignment.unit_id, case.HasField("pause")) == (SECTION, False)
    explained = await house.call("ExplainDeadline", LEADER, case_id=case_id)
    assert [step.amount for step in explained.clocks[-1].explanation if step.code == "paused"] == [86_400]
    assert house.broker.types(EVENTS) == [
        "CaseRouted",
        "PauseAsked",
        "ClocksPaused",
        "ClocksResumed",
        "CaseEscalated",
    ]


async def test_a_cap_a_kind_and_an_approver_are_refused_by_field_and_rule_and_nothing_changes(
    house: House, case_id: str
) -> None:
    before = await house.case(case_id)
    kindless = await house.refusal("AskForPause", LEADER, case_id=case_id, note="x")
    assert (kindless.code, [each.partition(":")[0] for each in kindless.fields]) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        ["kind"],
    )
    long = await house.refusal("AskForExtension", LEADER, case_id=case_id, length=6, note="x")
    assert (long.fields, long.rule) == (["length: cap_exceeded"], "routing.extension@1")
    asked = {"case_id": case_id, "length": 1, "note": "x"}
    assert (await house.refusal("AskForExtension", STRANGER, **asked)).code == (
        grpc.StatusCode.PERMISSION_DENIED
    )
    assert await house.case(case_id) == before
    await house.call("AskForExtension", LEADER, **asked)
    grant = {"case_id": case_id, "ask": 1}
    own = await house.refusal("GrantTime", LEADER, **grant)
    assert (own.code, own.reason, own.rule) == (
        grpc.StatusCode.PERMISSION_DENIED,
        "own_ask",
        "routing.extension@1",
    )
    colleague = Who("handler", (NEIGHBOURS,), "p-n2")
    not_theirs = await house.refusal("GrantTime", colleague, **grant)
    assert (not_theirs.reason, not_theirs.rule) == ("not_the_approver", "routing.extension@1")
    assert (await house.refusal("GrantTime", STRANGER, **grant)).reason == "permission_denied"
    await house.call("RefuseTime", CHIEF, **grant)
    await house.call("AskForExtension", LEADER, **asked)
    case = (await house.call("GrantTime", DESK, case_id=case_id, ask=2)).case
    assert instant(case.due_at) > before.due_at + timedelta(hours=23)


async def test_the_owner_ends_a_pause_early(house: House, case_id: str) -> None:
    before = await house.case(case_id)
    await house.call("AskForPause", LEADER, case_id=case_id, kind=APPRAISAL, note="x")
    await house.call("GrantTime", DESK, case_id=case_id, ask=1)
    house.clock.move(timedelta(hours=2))
    assert (await house.refusal("ResumeCase", STRANGER, case_id=case_id)).code == (
        grpc.StatusCode.PERMISSION_DENIED
    )
    case = (await house.call("ResumeCase", LEADER, case_id=case_id)).case
    assert instant(case.due_at) == before.due_at + timedelta(hours=2)
