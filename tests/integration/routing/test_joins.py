"""Cases of one matter by gRPC on a real store: joined, parted, and settled with what leads them."""

import asyncio
from datetime import timedelta
from typing import Any

import grpc
import pytest

from fengqiao.intake.v1.events_pb2 import WithdrawalRequested
from fengqiao.routing.v1 import events_pb2 as ev
from fengqiao.routing.v1 import routing_service_pb2 as rpc
from services.chassis.commands import Order
from services.chassis.model import Context, Decision, transition
from services.chassis.protobuf import instant
from services.chassis.record import SHARDS
from services.chassis.sweeper import Catchup
from services.routing.domain import EVENTS, JOINED, OUTCOMES, RESOLVED, Case, table
from services.routing.moves.joining import CLAIMED
from tests.integration.routing.conftest import DESK, NEIGHBOURS, SECTION, House, meta
from tests.kit.edge import Who

LEADER = Who("handler", (NEIGHBOURS,), "p-n1")
CHIEF = Who("handler", (SECTION,), "p-s1")
STRANGER = Who("handler", ("jili/hedong",), "p-stranger")
RESIDENT = Who("resident", (), "p")
SAME = {"reason": ev.JOIN_REASON_SAME_MATTER}
DIFFERENT = {"reason": ev.PART_REASON_DIFFERENT_MATTER}


@pytest.fixture
async def two(house: House) -> tuple[str, str]:
    """A case and one that could lead it."""
    await house.settled()
    await house.following.fresh()
    return await house.case_at(NEIGHBOURS), await house.case_at(NEIGHBOURS)


async def withdraw(house: House, case_id: str) -> None:
    """Its resident takes a case back."""

    def decide(case: Case, context: Context) -> Decision:
        wish = WithdrawalRequested(reason="mistake")
        return transition(table(house.ladder), case.status, case, wish, context)

    order = Order(f"wish-{case_id}", b"")
    await house.base.commands.execute(case_id, order, decide, authorize=lambda _case, _at: None)


async def test_joined_cases_are_settled_with_what_leads_them_each_with_a_reply_of_its_own(
    house: House, two: tuple[str, str]
) -> None:
    one, lead = two
    other = await house.case_at(NEIGHBOURS)
    for case_id in (one, other):
        told = (await house.call("JoinCase", DESK, case_id=case_id, lead_case_id=lead, **SAME)).case
        assert (told.status, told.joined.lead_case_id) == (rpc.CASE_STATUS_JOINED, lead)
    leading = (await house.call("GetCase", LEADER, case_id=lead)).case
    assert sorted(leading.joined_case_ids) == sorted([one, other])
    assert not (await house.call("GetCase", RESIDENT, case_id=lead)).case.joined_case_ids
    own = (await house.call("GetCase", RESIDENT, case_id=one)).case.joined
    assert (own.reason, own.lead_case_id, own.lead_request_no, own.joined_by) == (
        ev.JOIN_REASON_SAME_MATTER,
        "",
        "",
        "",
    )
    assert await house.joining.sweep() == 0
    house.clock.move(timedelta(hours=20))
    await house.call("ResolveCase", DESK, case_id=lead, outcome="mended")
    assert await house.joining.sweep() == 2
    ended = await house.case(lead)
    for case_id in (one, other):
        case = await house.case(case_id)
        assert (case.status, case.outcome, case.resolved_at) == (RESOLVED, "mended", ended.resolved_at)
        assert case.resolved_at
        assert case.resolved_at <= case.due_at
    assert house.broker.types(OUTCOMES).count("CaseResolved") == 3
    assert await house.joining.sweep() == 0


async def test_two_sweepers_settle_a_joined_case_once_and_one_that_crashed_before_is_made_up_for(
    house: House, two: tuple[str, str]
) -> None:
    one, lead = two
    await house.call("JoinCase", DESK, case_id=one, lead_case_id=lead, **SAME)
    await house.call("ResolveCase", LEADER, case_id=lead, outcome="mended")
    assert (await house.case(one)).status == JOINED, "nothing but a sweep follows, whenever it comes"
    await asyncio.gather(*(house.joining.sweep() for _ in range(3)))
    assert (await house.case(one)).status == RESOLVED
    assert house.broker.types(OUTCOMES) == ["CaseJoined", "CaseResolved", "CaseResolved"]


async def test_when_what_leads_is_withdrawn_the_joined_case_goes_on_by_itself(
    house: House, two: tuple[str, str]
) -> None:
    one, lead = two
    before = await house.case(one)
    await house.call("JoinCase", DESK, case_id=one, lead_case_id=lead, **SAME)
    house.clock.move(timedelta(minutes=30))
    await withdraw(house, lead)
    house.clock.move(timedelta(minutes=10))
    assert await house.joining.sweep() == 1
    case = await house.case(one)
    assert (case.status, case.unit_id) == (before.status, before.unit_id)
    # As of the withdrawal, however late the sweep came.
    assert case.due_at == before.due_at + timedelta(minutes=30)


async def test_a_merged_case_never_escalates_and_parted_its_clock_goes_on(
    house: House, two: tuple[str, str]
) -> None:
    one, lead = two
    before = await house.case(one)
    await house.call("JoinCase", CHIEF, case_id=one, lead_case_id=lead, **SAME)
    house.clock.move(timedelta(hours=30))
    await house.base.sweeper(Catchup()).fire(range(SHARDS))
    assert (await house.case(one)).unit_id == NEIGHBOURS
    assert (await house.case(lead)).tier > 1
    explained = await house.call("ExplainDeadline", DESK, case_id=one)
    assert explained.running == ""
    key = meta()
    parted = (await house.call("PartCase", DESK, case_id=one, meta=key, **DIFFERENT)).case
    assert (await house.call("PartCase", DESK, case_id=one, meta=key, **DIFFERENT)).case == parted
    assert (parted.status, parted.HasField("joined")) == (rpc.CASE_STATUS_ASSIGNED, False)
    assert instant(parted.due_at) == before.due_at + timedelta(hours=30)
    explained = await house.call("ExplainDeadline", DESK, case_id=one)
    assert [s.amount for s in explained.clocks[-1].explanation if s.code == "joined"] == [108_000]
    house.clock.move(timedelta(hours=2))
    await house.base.sweeper(Catchup()).fire(range(SHARDS))
    assert (await house.case(one)).unit_id == SECTION


async def test_only_the_desk_and_a_superior_of_both_join_and_part(house: House, two: tuple[str, str]) -> None:
    one, lead = two
    given: dict[str, Any] = {"case_id": one, "lead_case_id": lead, **SAME}
    for who in (LEADER, STRANGER):
        assert (await house.refusal("JoinCase", who, **given)).code == grpc.StatusCode.PERMISSION_DENIED
    await house.call("JoinCase", CHIEF, **given)
    for who in (LEADER, STRANGER):
        refused = await house.refusal("PartCase", who, case_id=one, **DIFFERENT)
        assert refused.code == grpc.StatusCode.PERMISSION_DENIED
    await house.call("PartCase", CHIEF, case_id=one, **DIFFERENT)
    ended = await house.refusal("PartCase", DESK, case_id=one, reason=ev.PART_REASON_LEAD_ENDED)
    assert ended.code == grpc.StatusCode.INVALID_ARGUMENT
    again = await house.refusal("PartCase", DESK, case_id=one, **DIFFERENT)
    assert again.code == grpc.StatusCode.FAILED_PRECONDITION


async def test_a_merge_with_itself_or_around_a_circle_is_refused_by_field_and_rule(
    house: House, two: tuple[str, str]
) -> None:
    one, lead = two
    third = await house.case_at(NEIGHBOURS)

    async def why(case_id: str, lead_case_id: str) -> tuple[list[str], str]:
        refused = await house.refusal("JoinCase", DESK, case_id=case_id, lead_case_id=lead_case_id, **SAME)
        return refused.fields, refused.rule

    assert await why(one, one) == (["lead_case_id: same_case"], "routing.join@1")
    nowhere = "5d2b7c1e-0000-4000-8000-00000000000f"
    assert await why(one, nowhere) == (["lead_case_id: unknown_case"], "routing.join@1")
    await house.call("JoinCase", DESK, case_id=one, lead_case_id=lead, **SAME)
    assert await why(lead, third) == (["case_id: leads_others"], "routing.join@1")
    assert await why(lead, one) == (["case_id: leads_others"], "routing.join@1")
    assert await why(third, one) == (["lead_case_id: joined_itself"], "routing.join@1")
    await house.call("ResolveCase", DESK, case_id=third, outcome="mended")
    assert await why(lead, third) == (["case_id: leads_others"], "routing.join@1")
    fourth = await house.case_at(NEIGHBOURS)
    assert await why(fourth, third) == (["lead_case_id: ended"], "routing.join@1")


async def test_while_something_else_is_decided_about_either_neither_joins(
    house: House, two: tuple[str, str]
) -> None:
    one, lead = two
    for each in two:
        async with house.claims.held(CLAIMED, {each}):
            refused = await house.refusal("JoinCase", DESK, case_id=one, lead_case_id=lead, **SAME)
            assert refused.reason == "contended"
    await house.call("JoinCase", DESK, case_id=one, lead_case_id=lead, **SAME)


async def test_two_that_join_around_a_circle_at_once_close_none(house: House, two: tuple[str, str]) -> None:
    one, lead = two
    tries = (
        house.call("JoinCase", DESK, case_id=a, lead_case_id=b, **SAME) for a, b in ((one, lead), (lead, one))
    )
    results = await asyncio.gather(*tries, return_exceptions=True)
    joined = [case_id for case_id in two if (await house.case(case_id)).status == JOINED]
    assert len(joined) == len([each for each in results if not isinstance(each, BaseException)]) <= 1
    assert house.broker.types(EVENTS).count("CaseJoined") == len(joined)
