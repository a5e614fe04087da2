"""What wants attention, by gRPC on a real store: who sees what, how soon, and how to resume."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import grpc
import pytest

from fengqiao.routing.v1 import routing_service_pb2 as rpc
from services.chassis.client import bearer, details_of
from services.chassis.record import SHARDS
from services.chassis.sweeper import Catchup
from services.routing.watching import onlookers
from services.routing.watching.overview import Overview
from tests.integration.routing.conftest import DESK, NEIGHBOURS, SECTION, TOP, VILLAGE, House
from tests.kit.edge import Who

CHIEF = Who("supervisor", (SECTION,), "p-chief")
STRANGER = Who("supervisor", ("jili/hedong",), "p-stranger")
SOON_S = 2.0


@pytest.fixture
async def settled(house: House) -> House:
    await house.settled()
    await house.following.fresh()
    return house


def watch(house: House, unit: str = TOP, who: Who = DESK, **asked: Any) -> Any:
    """The messages to somebody who looks on."""
    stub = next(stub for module, stub in house.stubs if module is rpc)
    request = rpc.WatchAttentionRequest(unit_id=unit, include_below=True, **asked)
    return stub.WatchAttention(
        request, metadata=bearer(house.issuer.mint(who.role, who.sub, who.site, who.units))
    )


async def listed(house: House, *args: Any, **asked: Any) -> list[rpc.WatchAttentionResponse]:
    """All that is told to who does not follow."""
    return [message async for message in watch(house, *args, **asked)]


def ids(message: rpc.WatchAttentionResponse) -> list[str]:
    return [each.case_id for each in message.cases]


@asynccontextmanager
async def following(house: House, *args: Any, **asked: Any) -> AsyncIterator[Any]:
    """Reads the next message, within two seconds."""
    stream = watch(house, *args, follow=True, **asked)
    messages = stream.__aiter__()

    async def next_message() -> rpc.WatchAttentionResponse:
        message: rpc.WatchAttentionResponse = await asyncio.wait_for(anext(messages), SOON_S)
        return message

    try:
        yield next_message
    finally:
        stream.cancel()


async def refusal(stream: Any) -> tuple[grpc.StatusCode, list[str]]:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        async for _ in stream:
            pass
    return error.value.code(), sorted(details_of(error.value)[1])


async def test_what_wants_attention_is_told_with_the_reason_and_counted(settled: House) -> None:
    case_id = await settled.case_at(NEIGHBOURS)
    settled.clock.move(timedelta(hours=5))
    [message] = await listed(settled)
    assert message.snapshot
    assert not message.more
    [case] = message.cases
    assert (case.case_id, list(case.kinds)) == (case_id, [rpc.ATTENTION_KIND_OVERDUE])
    assert (case.unit_id, case.status) == (NEIGHBOURS, rpc.CASE_STATUS_ASSIGNED)
    assert {each.kind: each.count for each in message.counts if each.count} == {rpc.ATTENTION_KIND_OVERDUE: 1}
    assert message.total == 1


async def test_a_change_is_told_within_two_seconds_and_what_time_alone_brings_as_well(settled: House) -> None:
    async with following(settled) as told:
        assert (await told()).snapshot
        # Four hours were promised: it is due soon at once.
        case_id = await settled.case_at(NEIGHBOURS)
        came = await told()
        assert (ids(came), came.snapshot) == ([case_id], False)
        assert list(came.cases[0].kinds) == [rpc.ATTENTION_KIND_DUE_SOON]
        settled.clock.move(timedelta(hours=4, seconds=1))
        late = await told()
        assert list(late.cases[0].kinds) == [rpc.ATTENTION_KIND_OVERDUE]
        await settled.call("ResolveCase", case_id=case_id, outcome="repaired")
        gone = await told()
        assert (list(gone.gone_case_ids), gone.total) == ([case_id], 0)


async def test_who_comes_back_with_a_token_gets_what_has_changed_since(settled: House) -> None:
    stays, ends = [await settled.case_at(NEIGHBOURS) for _ in range(2)]
    [first] = await listed(settled)
    assert sorted(ids(first)) == sorted([stays, ends])
    settled.clock.move(timedelta(minutes=1))
    await settled.call("ResolveCase", case_id=ends, outcome="repaired")
    comes = await settled.case_at(NEIGHBOURS)
    settled.clock.move(timedelta(minutes=1))
    [later] = await listed(settled, resume_token=first.resume_token)
    assert not later.snapshot
    assert comes in ids(later)
    assert list(later.gone_case_ids) == [ends]
    assert later.total == 2
    settled.clock.move(timedelta(minutes=1))
    [same] = await listed(settled, resume_token=later.resume_token)
    assert (same.snapshot, ids(same), list(same.gone_case_ids), same.total) == (False, [], [], 2)


async def test_what_became_overdue_meanwhile_is_told_to_who_comes_back(settled: House) -> None:
    case_id = await settled.case_at(NEIGHBOURS)
    settled.clock.move(timedelta(hours=3, minutes=59))
    [before] = await listed(settled)
    settled.clock.move(timedelta(minutes=2))
    [after] = await listed(settled, resume_token=before.resume_token)
    assert (after.snapshot, ids(after)) == (False, [case_id])
    assert list(after.cases[0].kinds) == [rpc.ATTENTION_KIND_OVERDUE]


async def test_a_process_that_was_not_there_then_resumes_as_well(settled: House) -> None:
    ends = await settled.case_at(NEIGHBOURS)
    [first] = await listed(settled)
    settled.clock.move(timedelta(seconds=30))
    await settled.call("ResolveCase", case_id=ends, outcome="repaired")
    # Another process: all that it knows is what it loads now.
    other = onlookers.Onlookers(Overview(settled.base, settled.ladder._rules))
    await other.overview.fresh()
    one = onlookers.Onlooker(other.overview, "jili", (TOP, True, frozenset()))
    [later] = [message async for message in one.told(onlookers.read(first.resume_token), 0)]
    assert (later.snapshot, list(later.gone_case_ids)) == (False, [ends])


@pytest.mark.parametrize("why", ["too old", "another list", "none"])
async def test_without_a_token_that_can_tell_the_list_begins_anew_and_says_so(
    settled: House, why: str
) -> None:
    case_id = await settled.case_at(NEIGHBOURS)
    [first] = await listed(settled)
    if why == "too old":
        settled.clock.move(onlookers.RESUMABLE + timedelta(seconds=1))
    asked = {"unit": VILLAGE} if why == "another list" else {}
    token = "" if why == "none" else first.resume_token
    [later] = await listed(settled, resume_token=token, **asked)
    assert (later.snapshot, ids(later)) == (True, [case_id])


async def test_a_long_list_comes_in_parts_and_the_last_one_bears_the_token(
    settled: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onlookers, "CHUNK", 2)
    cases = [await settled.case_at(NEIGHBOURS) for _ in range(5)]
    messages = await listed(settled)
    assert [(each.snapshot, each.more, bool(each.resume_token)) for each in messages] == [
        (True, True, False),
        (False, True, False),
        (False, False, True),
    ]
    assert sorted(case for each in messages for case in ids(each)) == sorted(cases)
    [few] = await listed(settled, max_cases=1)
    assert (len(few.cases), few.total) == (1, 5)


async def test_only_the_kinds_that_are_asked_for_are_told(settled: House) -> None:
    await settled.case_at(NEIGHBOURS)
    [message] = await listed(settled, kinds=[rpc.ATTENTION_KIND_OVERDUE])
    assert (ids(message), message.total) == ([], 0)
    assert [each.kind for each in message.counts] == [rpc.ATTENTION_KIND_OVERDUE]


async def test_everybody_sees_the_list_of_their_own_units_and_no_other(settled: House) -> None:
    at_the_top = await settled.case_at(TOP)
    below = await settled.case_at(NEIGHBOURS)
    [all_] = await listed(settled)
    [chiefs] = await listed(settled, SECTION, CHIEF)
    assert sorted(ids(all_)) == sorted([at_the_top, below])
    assert ids(chiefs) == [below]
    denied: tuple[grpc.StatusCode, list[str]] = (grpc.StatusCode.PERMISSION_DENIED, [])
    assert await refusal(watch(settled, TOP, CHIEF)) == denied
    assert await refusal(watch(settled, SECTION, STRANGER)) == denied
    assert await refusal(watch(settled, SECTION, Who("resident", (), "p"))) == denied


async def test_who_resumes_hears_nothing_of_the_cases_of_others(settled: House) -> None:
    elsewhere = await settled.case_at(TOP)
    [first] = await listed(settled, SECTION, CHIEF)
    settled.clock.move(timedelta(seconds=1))
    await settled.call("ResolveCase", case_id=elsewhere, outcome="repaired")
    [later] = await listed(settled, SECTION, CHIEF, resume_token=first.resume_token)
    assert (later.snapshot, ids(later), list(later.gone_case_ids)) == (False, [], [])


async def test_a_case_that_climbs_leaves_the_list_of_the_unit_that_had_it(settled: House) -> None:
    async with following(settled, SECTION, CHIEF) as told:
        assert (await told()).snapshot
        case_id = await settled.case_at(NEIGHBOURS)
        assert ids(await told()) == [case_id]
        for unit in (SECTION, VILLAGE):
            settled.clock.move(timedelta(hours=1, seconds=1))
            await settled.base.sweeper(Catchup()).fire(range(SHARDS))
            assert (await settled.case(case_id)).unit_id == unit
            if unit == SECTION:
                assert [each.unit_id for each in (await told()).cases] == [SECTION]
        assert list((await told()).gone_case_ids) == [case_id]


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"resume_token": "rubbish"}, "resume_token: not_a_token_of_ours"),
        ({"max_cases": 5, "follow": True}, "max_cases: not_where_it_is_followed"),
        ({"kinds": [0]}, "kinds[0]"),
        ({"unit": "JILI"}, "unit_id"),
    ],
)
async def test_a_request_that_is_wrong_is_refused_by_the_field(
    settled: House, asked: dict[str, Any], field: str
) -> None:
    code, fields = await refusal(watch(settled, **asked))
    assert code == grpc.StatusCode.INVALID_ARGUMENT
    assert fields[0].startswith(field)


async def test_the_board_counts_what_is_open_and_what_has_ended_as_it_changes(settled: House) -> None:
    async def cells() -> dict[tuple[int, int], int]:
        stub = next(stub for module, stub in settled.stubs if module is rpc)
        token = bearer(settled.issuer.mint(DESK.role, DESK.sub, DESK.site, DESK.units))
        [board] = [
            each async for each in stub.WatchBoard(rpc.WatchBoardRequest(site_id="jili"), metadata=token)
        ]
        return {(each.tier, each.status): each.count for each in board.cells}

    before = await settled.case_at(NEIGHBOURS)
    await settled.call("ResolveCase", case_id=before, outcome="repaired")
    assert await cells() == {(1, rpc.CASE_STATUS_RESOLVED): 1}
    cases = [await settled.case_at(NEIGHBOURS) for _ in range(3)]
    assert await cells() == {(1, rpc.CASE_STATUS_ASSIGNED): 3, (1, rpc.CASE_STATUS_RESOLVED): 1}
    await settled.call("AcceptCase", case_id=cases[0])
    await settled.call("ResolveCase", case_id=cases[1], outcome="repaired")
    between = await settled.case_at(NEIGHBOURS)
    await settled.call("ResolveCase", case_id=between, outcome="repaired")
    assert await cells() == {
        (1, rpc.CASE_STATUS_ASSIGNED): 1,
        (1, rpc.CASE_STATUS_IN_PROGRESS): 1,
        (1, rpc.CASE_STATUS_RESOLVED): 3,
    }


async def test_who_follows_the_board_is_told_of_counts_and_not_of_time(settled: House) -> None:
    stub = next(stub for module, stub in settled.stubs if module is rpc)
    token = bearer(settled.issuer.mint(DESK.role, DESK.sub, DESK.site, DESK.units))
    stream = stub.WatchBoard(rpc.WatchBoardRequest(site_id="jili", follow=True), metadata=token)
    boards = stream.__aiter__()
    assert not (await anext(boards)).cells
    settled.clock.move(timedelta(seconds=1))
    await settled.case_at(NEIGHBOURS)
    assert [cell.count for cell in (await asyncio.wait_for(anext(boards), SOON_S)).cells] == [1]
    stream.cancel()
