"""Returns, rulings and transfers by gRPC on a real store: who may, what is refused, and what stays."""

from datetime import timedelta
from typing import Any

import grpc
import pytest

from fengqiao.routing.v1 import directory_events_pb2 as directory_ev
from fengqiao.routing.v1 import events_pb2 as ev
from fengqiao.routing.v1 import handling_events_pb2 as hv
from fengqiao.routing.v1 import roster_events_pb2 as roster
from fengqiao.routing.v1 import routing_service_pb2 as rpc
from services.chassis.protobuf import instant
from services.chassis.record import SHARDS
from services.chassis.sweeper import Catchup
from services.routing.domain import EVENTS
from tests.integration.routing.conftest import DESK, KINDS, NEIGHBOURS, OTHER_NEIGHBOURS, SECTION, House, meta
from tests.kit.edge import Who

LEADER = Who("handler", (NEIGHBOURS,), "p-n1")
NEXT_DOOR = Who("handler", (OTHER_NEIGHBOURS,), "p-n2")
CHIEF = Who("handler", (SECTION,), "p-s1")
STRANGER = Who("handler", ("jili/hedong",), "p-stranger")


@pytest.fixture
async def case_id(house: House) -> str:
    """A case of the settled village, which has two neighbourhoods."""
    await house.settled()
    await house.call("EstablishUnit", code=OTHER_NEIGHBOURS, kind=KINDS[NEIGHBOURS])
    await house.appoint(OTHER_NEIGHBOURS, "p-n2")
    await house.following.fresh()
    return await house.case_at(NEIGHBOURS)


async def appoint_to(house: House, code: str, post: str, person: str) -> None:
    """Somebody holds another post of a unit than the leader's."""
    named: dict[str, Any] = {"code": code, "post_id": post, "person_ref": person}
    await house.call("NominateLeader", DESK, nominators=9, **named)
    await house.call("VetLeader", DESK, approved=True, **named)
    await house.call("AppointLeader", DESK, **named)


async def give_back(house: House, case_id: str, who: Who = LEADER, to: str = OTHER_NEIGHBOURS) -> None:
    given = {"case_id": case_id, "note": "不是我们的", "proposed_unit_id": to}
    await house.call("ReturnCase", who, reason=ev.RETURN_REASON_OTHER_PLACE, **given)


async def test_a_return_is_ruled_on_by_the_superior_and_goes_to_the_other_unit(
    house: House, case_id: str
) -> None:
    before = await house.case(case_id)
    await give_back(house, case_id)
    told = (await house.call("GetCase", CHIEF, case_id=case_id)).case
    assert (told.assignment.unit_id, told.returned.superior_unit_id) == (NEIGHBOURS, SECTION)
    explained = await house.call("ExplainDeadline", LEADER, case_id=case_id)
    assert (explained.ruling.rule, instant(explained.ruling.due_at)) == (
        "routing.ruling@1",
        instant(told.returned.rule_by),
    )
    fields = {"ruling": ev.RULING_GOES, "unit_id": OTHER_NEIGHBOURS}
    case = (await house.call("RuleOnReturn", CHIEF, case_id=case_id, **fields)).case
    assert (case.assignment.unit_id, case.assignment.holder_ref) == (OTHER_NEIGHBOURS, "p-n2")
    assert instant(case.due_at) == before.due_at
    assert not case.HasField("returned")
    assert house.broker.types(EVENTS) == ["CaseRouted", "CaseReturned", "ReturnRuled", "CaseReassigned"]


async def test_only_the_superior_or_the_desk_rules_and_nobody_on_their_own_return(
    house: House, case_id: str
) -> None:
    both = Who("handler", (SECTION,), "p-n1")
    await give_back(house, case_id)
    stays = {"case_id": case_id, "ruling": ev.RULING_STAYS}
    for who in (LEADER, NEXT_DOOR, STRANGER):
        assert (await house.refusal("RuleOnReturn", who, **stays)).code == grpc.StatusCode.PERMISSION_DENIED
    assert (await house.refusal("RuleOnReturn", both, **stays)).reason == "own_return"
    key = meta()
    first = await house.call("RuleOnReturn", DESK, meta=key, **stays)
    again = await house.call("RuleOnReturn", DESK, meta=key, **stays)
    assert first.case == again.case
    refused = await house.refusal(
        "ReturnCase", LEADER, case_id=case_id, note="nein", reason=ev.RETURN_REASON_OTHER_REMIT
    )
    assert (refused.code, refused.reason, refused.rule) == (
        grpc.StatusCode.FAILED_PRECONDITION,
        "ruled_already",
        "routing.ruling@1",
    )


async def test_a_return_that_proposes_a_unit_that_does_not_stand_is_refused(
    house: House, case_id: str
) -> None:
    given = {"case_id": case_id, "note": "x", "reason": ev.RETURN_REASON_OTHER_PLACE}
    wrong = await house.refusal("ReturnCase", LEADER, proposed_unit_id="jili/nowhere", **given)
    assert (wrong.code, wrong.fields) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        ["proposed_unit_id: unknown_unit"],
    )


async def test_a_return_without_a_ruling_goes_up_when_its_clock_is_over(house: House, case_id: str) -> None:
    await house.call(
        "TransferCase", DESK, case_id=case_id, unit_id=SECTION, reason=ev.TRANSFER_REASON_WORKLOAD
    )
    await give_back(house, case_id, CHIEF, to="")
    record = await house.base.committer.get_one(case_id)
    assert record is not None
    assert record.next_due_at is not None
    case = await house.case(case_id)
    assert case.returned is not None
    # The tier's clock is sooner here (a promise of four hours): the return ends with the climb.
    house.clock.move(case.returned.clock.due_at - house.clock.now + timedelta(seconds=1))
    await house.base.sweeper(Catchup()).fire(range(SHARDS))
    after = await house.case(case_id)
    assert after.returned is None
    assert after.tier > case.tier


async def test_the_desk_and_a_common_superior_transfer_a_case_and_nobody_else(
    house: House, case_id: str
) -> None:
    given = {"case_id": case_id, "unit_id": OTHER_NEIGHBOURS, "reason": ev.TRANSFER_REASON_OTHER_PLACE}
    for who in (LEADER, NEXT_DOOR, STRANGER):
        assert (await house.refusal("TransferCase", who, **given)).code == grpc.StatusCode.PERMISSION_DENIED
    case = (await house.call("TransferCase", CHIEF, **given)).case
    assert case.assignment.unit_id == OTHER_NEIGHBOURS
    up = {**given, "unit_id": "jili/hexi"}
    assert (await house.refusal("TransferCase", CHIEF, **up)).code == grpc.StatusCode.PERMISSION_DENIED
    assert (await house.call("TransferCase", DESK, **up)).case.assignment.unit_id == "jili/hexi"
    [first, second] = (await house.call("GetCase", LEADER, case_id=case_id)).case.steps
    assert (first.from_unit_id, second.to_unit_id) == (NEIGHBOURS, "jili/hexi")
    nowhere = await house.refusal("TransferCase", DESK, **{**given, "unit_id": "jili/nowhere"})
    assert (nowhere.code, nowhere.fields) == (grpc.StatusCode.INVALID_ARGUMENT, ["unit_id: unknown_unit"])


# -- supervision orders --------------------------------------------------------------------------------------


async def test_an_order_is_answered_in_writing_and_the_answer_sent_back_then_accepted(
    house: House, case_id: str
) -> None:
    village = Who("handler", ("jili/hexi",), "p-hexi")
    ordered = {"case_id": case_id, "reason": ev.ORDER_REASON_NO_PROGRESS}
    for who in (LEADER, STRANGER):
        assert (
            await house.refusal("OrderSupervision", who, **ordered)
        ).code == grpc.StatusCode.PERMISSION_DENIED
    case = (await house.call("OrderSupervision", village, **ordered)).case
    assert (case.order.number, case.order.orderer_unit_id) == (1, "jili/hexi")
    assert case.order.clock.rule == "supervision.answer@1"
    answer = {"case_id": case_id, "order": 1, "result": "visited", "text": "约好周四修。"}
    assert (await house.refusal("AnswerSupervision", STRANGER, **answer)).code == (
        grpc.StatusCode.PERMISSION_DENIED
    )
    await house.call("AnswerSupervision", LEADER, **answer)
    [listed] = (await house.call("ListOrders", village, unit_id="jili/hexi", include_below=True)).orders
    assert (listed.case.case_id, listed.answer) == (case_id, "约好周四修。")
    assert listed.case.order.status == rpc.ORDER_STATUS_ANSWERED
    judged = {"case_id": case_id, "order": 1}
    sent_back, accepted = rpc.JUDGEMENT_SENT_BACK, rpc.JUDGEMENT_ACCEPTED
    refused = await house.refusal("JudgeAnswer", CHIEF, judgement=accepted, **judged)
    assert refused.code == grpc.StatusCode.PERMISSION_DENIED
    await house.call("JudgeAnswer", village, judgement=sent_back, **judged)
    await house.call("AnswerSupervision", LEADER, **answer)
    done = (await house.call("JudgeAnswer", village, judgement=accepted, **judged)).case
    assert not done.HasField("order")
    assert not (await house.call("ListOrders", village, unit_id="jili/hexi", include_below=True)).orders
    assert house.broker.types(EVENTS) == [
        "CaseRouted",
        "SupervisionOrdered",
        "SupervisionAnswered",
        "AnswerSentBack",
        "SupervisionAnswered",
        "AnswerAccepted",
    ]


async def test_an_unanswered_order_is_repeated_to_the_desk_and_listed_until_the_case_is_settled(
    house: House, case_id: str
) -> None:
    await house.call("OrderSupervision", DESK, case_id=case_id, reason=ev.ORDER_REASON_RISK)
    house.clock.move(timedelta(days=8))
    await house.base.sweeper(Catchup()).fire(range(SHARDS))
    explained = await house.call("ExplainDeadline", DESK, case_id=case_id)
    assert (explained.order.name, explained.order.rule) == ("supervision", "supervision.answer@1")
    [listed] = (await house.call("ListOrders", DESK, unit_id="jili", include_below=True)).orders
    assert (listed.case.order.number, listed.case.order.orderer_unit_id) == (1, "")
    assert listed.case.order.repeats >= 1
    assert "SupervisionRepeated" in house.broker.types(EVENTS)
    await house.call("ResolveCase", DESK, case_id=case_id, outcome="mended")
    assert not (await house.call("ListOrders", DESK, unit_id="jili", include_below=True)).orders
    others = await house.refusal("ListOrders", CHIEF, unit_id="jili")
    assert others.code == grpc.StatusCode.PERMISSION_DENIED


# -- assisting units -----------------------------------------------------------------------------------------


async def test_a_unit_is_asked_to_assist_sees_the_case_answers_and_the_owner_leads(
    house: House, case_id: str
) -> None:
    asking = {"case_id": case_id, "unit_id": OTHER_NEIGHBOURS, "task": "lend_pump", "note": "借水泵"}
    for who in (NEXT_DOOR, STRANGER):
        denied = await house.refusal("AskForAssistance", who, **asking)
        assert denied.code == grpc.StatusCode.PERMISSION_DENIED
    assert (await house.refusal("GetCase", NEXT_DOOR, case_id=case_id)).code == (
        grpc.StatusCode.PERMISSION_DENIED
    )
    case = (await house.call("AskForAssistance", LEADER, **asking)).case
    assert case.assistances[0].clock.rule == "routing.assistance@1"
    assert (await house.call("GetCase", NEXT_DOOR, case_id=case_id)).case.assignment.unit_id == NEIGHBOURS
    [listed] = (await house.call("ListAssistances", NEXT_DOOR, unit_id=OTHER_NEIGHBOURS)).cases
    assert listed.case_id == case_id
    answer = {"case_id": case_id, "assistance": 1, "answer": hv.ASSISTANCE_ANSWER_ACCEPTED}
    denied = await house.refusal("AnswerAssistance", STRANGER, **answer)
    assert denied.code == grpc.StatusCode.PERMISSION_DENIED
    await house.call("AnswerAssistance", NEXT_DOOR, text="下午送到", **answer)
    [assisting] = (await house.call("GetTeam", LEADER, case_id=case_id)).assistances
    assert (assisting.status, assisting.asked, assisting.answered) == (
        rpc.ASSISTANCE_STATUS_ACCEPTED,
        "借水泵",
        "下午送到",
    )
    settled = (await house.call("ResolveCase", LEADER, case_id=case_id, outcome="pumped_out")).case
    assert settled.assistances[0].status == rpc.ASSISTANCE_STATUS_ENDED
    assert not (await house.call("ListAssistances", NEXT_DOOR, unit_id=OTHER_NEIGHBOURS)).cases
    assert (await house.refusal("GetTeam", NEXT_DOOR, case_id=case_id)).code == (
        grpc.StatusCode.PERMISSION_DENIED
    )


async def test_an_assistance_that_nobody_answers_is_told_to_the_superior(house: House, case_id: str) -> None:
    asking = {"case_id": case_id, "unit_id": OTHER_NEIGHBOURS, "task": "lend_pump"}
    await house.call("AskForAssistance", LEADER, **asking)
    house.clock.move(timedelta(days=8))
    await house.base.sweeper(Catchup()).fire(range(SHARDS))
    [assist] = (await house.case(case_id)).assists
    assert assist.repeats >= 1
    assert "AssistanceOverdue" in house.broker.types(EVENTS)


async def test_a_department_that_stands_assists_through_whoever_is_on_duty(
    house: House, case_id: str
) -> None:
    asking = {"case_id": case_id, "department": "fire-rescue", "task": "inspect"}
    wrong = await house.refusal("AskForAssistance", LEADER, **asking)
    assert wrong.fields == ["department: unknown_department"]
    await house.call(
        "EstablishDepartment", code="fire-rescue", mode=roster.ROSTER_MODE_ON_CALL, kinds=["fire.*"]
    )
    await house.call("PlanDuty", code="fire-rescue", duty_id="d-1", person_ref="p-fire")
    case = (await house.call("AskForAssistance", LEADER, **asking)).case
    assert case.assistances[0].department == "fire-rescue"
    fire = Who("handler", ("jili/hedong",), "p-fire")
    done = {"case_id": case_id, "assistance": 1, "answer": hv.ASSISTANCE_ANSWER_DONE, "result": "inspected"}
    after = (await house.call("AnswerAssistance", fire, **done)).case
    assert after.assistances[0].status == rpc.ASSISTANCE_STATUS_DONE


# -- recusal -------------------------------------------------------------------------------------------------


async def test_whoever_is_recused_has_the_case_no_more_and_can_do_nothing_with_it(
    house: House, case_id: str
) -> None:
    given = {"case_id": case_id, "note": "是我表哥"}
    colleague = Who("handler", (NEIGHBOURS,), "p-colleague")
    for who in (NEXT_DOOR, STRANGER, colleague):
        assert (await house.refusal("RecuseHandler", who, **given)).code == grpc.StatusCode.PERMISSION_DENIED
    case = (await house.call("RecuseHandler", LEADER, **given)).case
    assert (case.assignment.unit_id, case.assignment.holder_ref) == (SECTION, "p-s1")
    assert list(case.recused_refs) == ["p-n1"]
    assert await house.standing.sweep() == 0
    house.standing.everything_at = float("-inf")
    assert await house.standing.sweep() == 0
    # The chief's units, and the recused person's token: the person is what counts.
    substitute = Who("handler", (SECTION,), "p-n1")
    assert (await house.refusal("AcceptCase", substitute, case_id=case_id)).reason == "recused"
    resolved = {"case_id": case_id, "outcome": "mended"}
    assert (await house.refusal("ResolveCase", substitute, **resolved)).reason == "recused"
    summoned = {"case_id": case_id, "department": "fire-rescue"}
    assert (await house.refusal("SummonDepartment", substitute, **summoned)).reason == "recused"
    back = {"case_id": case_id, "unit_id": NEIGHBOURS, "reason": ev.TRANSFER_REASON_WORKLOAD}
    assert (await house.refusal("TransferCase", DESK, **back)).fields == ["unit_id: recused"]
    assert "HandlerRecused" in house.broker.types(EVENTS)


# -- delegation ----------------------------------------------------------------------------------------------


async def test_a_colleague_has_a_case_for_its_holder_and_the_sweep_leaves_it_until_they_go(
    house: House, case_id: str
) -> None:
    del case_id
    unit = "jili/hexi/s1/n3"
    await house.call("EstablishUnit", code=unit, kind=KINDS[NEIGHBOURS], posts=["leader", "deputy"])
    await house.appoint(unit, "p-n3")
    await appoint_to(house, unit, "deputy", "p-deputy")
    await house.following.fresh()
    theirs = await house.case_at(unit)
    holder, deputy = Who("handler", (unit,), "p-n3"), Who("handler", (unit,), "p-deputy")
    until = (house.clock.now + timedelta(days=3)).date().isoformat()
    given = {"case_id": theirs, "person_ref": "p-deputy", "until": until}
    refused = await house.refusal("DelegateCase", deputy, **given)
    assert refused.code == grpc.StatusCode.PERMISSION_DENIED
    case = (await house.call("DelegateCase", holder, **given)).case
    assert (case.assignment.holder_ref, case.delegation.from_ref) == ("p-deputy", "p-n3")
    house.standing.everything_at = float("-inf")
    assert await house.standing.sweep() == 0
    await house.call("VacatePost", code=unit, post_id="deputy", reason=directory_ev.VACANCY_REASON_RESIGNED)
    await house.following.fresh()
    assert await house.standing.sweep() == 1
    after = await house.case(theirs)
    assert (after.holder_ref, after.delegation) == ("p-n3", None)


# -- several holders of a unit -------------------------------------------------------------------------------


async def test_cases_of_a_unit_with_handlers_go_to_whoever_has_the_least_to_do(
    house: House, case_id: str
) -> None:
    del case_id
    unit = "jili/hexi/s1/n4"
    await house.call("EstablishUnit", code=unit, kind=KINDS[NEIGHBOURS], posts=["leader", "handler_a"])
    await house.appoint(unit, "p-n4")
    await appoint_to(house, unit, "handler_a", "p-a")
    owners = list[str]()
    for _ in range(4):
        house.following.stale()
        await house.following.fresh()
        owners.append((await house.case(await house.case_at(unit))).holder_ref)
    assert owners == ["p-a", "p-n4", "p-a", "p-n4"]
    house.standing.everything_at = float("-inf")
    assert await house.standing.sweep() == 0
