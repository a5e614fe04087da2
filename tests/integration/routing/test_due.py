"""What is due is found however much there is: each once, the oldest first, whoever has it."""

import asyncio
import itertools
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from fengqiao.routing.v1 import routing_service_pb2 as rpc
from services.chassis import sweeper
from services.chassis.record import SHARDS
from services.chassis.sweeper import Catchup
from services.routing.domain import EVENTS
from tests.integration.routing.conftest import DESK, NEIGHBOURS, TOP, House

MANY = 220
BATCH = 50


@pytest.fixture
async def crowd(house: House, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Cases due a second after one another, every fifth of which nobody has; the oldest first."""
    monkeypatch.setattr(sweeper, "HERD", BATCH)
    await house.settled()
    await house.following.fresh()
    ids = []
    for number in range(MANY):
        ids.append(await house.case_at(TOP if number % 5 == 0 else NEIGHBOURS))
        house.clock.move(timedelta(seconds=1))
    cases = house.base.committer.repository.collection
    cases.update_many({"_id": {"$in": ids[::5]}}, {"$set": {"state.holder_ref": ""}})
    return ids


def fired(house: House) -> list[str]:
    """The cases that climbed, in order."""
    sent = [record for record in house.broker.sent if record.topic == EVENTS]
    return [record.key.decode() for record in sent if record.headers["ce_type"].endswith("CaseEscalated")]


def oldest_first(fired: Sequence[str], ids: Sequence[str]) -> bool:
    """Each batch of a sweep before the next; within a batch they are written together."""
    places = {case_id: number for number, case_id in enumerate(ids)}
    batches = [[places[each] for each in fired[at : at + BATCH]] for at in range(0, len(fired), BATCH)]
    return all(max(one) < min(two) for one, two in itertools.pairwise(batches))


async def sweep(house: House) -> int:
    return await house.base.sweeper(Catchup()).fire(range(SHARDS))


async def test_only_the_newest_100_cases_looked_at(house: House, crowd: list[str]) -> None:
    """The known failure of others: what is older than the newest hundred never escalates."""
    below = [case_id for number, case_id in enumerate(crowd) if number % 5]
    house.clock.move(timedelta(hours=1))
    assert await sweep(house) == len(below)
    assert sorted(fired(house)) == sorted(below), "each once"
    assert oldest_first(fired(house), below)
    assert await sweep(house) == 0, "and none again"


async def test_an_unassigned_case_that_never_escalates(house: House, crowd: list[str]) -> None:
    """The known failure of others: only what somebody has is looked at."""
    nobodys = crowd[::5]
    house.clock.move(timedelta(hours=4))
    await sweep(house)
    told = [
        record for record in house.broker.sent if record.headers["ce_type"].endswith("SupervisionOrdered")
    ]
    ordered = [record.key.decode() for record in told]
    assert set(nobodys) <= set(ordered)
    assert len(ordered) == len(set(ordered)), "each once"
    for case_id in (nobodys[0], nobodys[-1]):
        case = await house.case(case_id)
        assert (case.holder_ref, case.supervised_at is not None) == ("", True)


async def test_two_schedulers_escalate_twice(house: House, crowd: list[str]) -> None:
    """The known failure of others: two instances, two escalations."""
    house.clock.move(timedelta(hours=1))
    below = [case_id for number, case_id in enumerate(crowd) if number % 5]
    await asyncio.gather(*(sweep(house) for _ in range(3)))
    assert sorted(fired(house)) == sorted(below), "whoever came first, each was lifted once"
    for case_id in (below[0], below[-1]):
        assert [step.to_tier for step in (await house.case(case_id)).steps] == [2]


async def test_who_looks_on_sees_every_overdue_case_once_the_oldest_first(
    house: House, crowd: list[str]
) -> None:
    house.clock.move(timedelta(hours=5))
    stub: Any = next(stub for module, stub in house.stubs if module is rpc)
    request = rpc.WatchAttentionRequest(unit_id=TOP, include_below=True, kinds=[rpc.ATTENTION_KIND_OVERDUE])
    token = (("authorization", f"Bearer {house.issuer.mint(DESK.role, DESK.sub, DESK.site, DESK.units)}"),)
    listed = [
        case.case_id async for each in stub.WatchAttention(request, metadata=token) for case in each.cases
    ]
    assert listed == crowd


async def test_a_queue_is_the_same_from_memory_and_from_the_store(house: House, crowd: list[str]) -> None:
    async def pages(*, below: bool, size: int) -> list[str]:
        found, token = list[str](), ""
        while True:
            page = await house.call(
                "GetQueue", unit_id=TOP, include_below=below, page_size=size, page_token=token
            )
            found += [case.case_id for case in page.cases]
            token = page.next_page_token
            if not token:
                return found

    from_the_store = [await pages(below=below, size=500) for below in (True, False)]
    # Nobody was kept waiting until all was loaded; from now on it is there.
    await house.call("GetQueue", unit_id=TOP)
    stub: Any = next(stub for module, stub in house.stubs if module is rpc)
    token = (("authorization", f"Bearer {house.issuer.mint(DESK.role, DESK.sub, DESK.site, DESK.units)}"),)
    async for _ in stub.WatchBoard(rpc.WatchBoardRequest(site_id="jili"), metadata=token):
        pass
    assert from_the_store == [crowd, crowd[::5]]
    for size in (7, 500):
        assert [await pages(below=below, size=size) for below in (True, False)] == from_the_store
    await house.call("ResolveCase", case_id=crowd[0], outcome="repaired")
    accepted = (await house.call("AcceptCase", case_id=crowd[5])).case
    page = await house.call("GetQueue", unit_id=TOP, include_below=False, page_size=1)
    assert [case.case_id for case in page.cases] == [crowd[5]]
    assert page.cases[0].status == accepted.status
    house.clock.move(timedelta(hours=5))
    page = await house.call("GetQueue", unit_id=TOP, include_below=False, page_size=1)
    assert page.cases[0].overdue
