"""Failures of systems that escalate which only many cases on a store can show: each impossible here."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from fengqiao.intake.v1.events_pb2 import RequestSubmitted
from services.chassis import sweeper
from services.chassis.commands import Creation, Order
from services.chassis.protobuf import instant, timestamp
from services.chassis.record import SHARDS, Record
from services.chassis.sweeper import Catchup
from services.routing.domain import EVENTS, Case
from tests.integration.routing.conftest import NEIGHBOURS, SECTION, TOP, VILLAGE, House

MANY, HERD = 110, 40
HOUR, SHORT = timedelta(hours=1), timedelta(seconds=1)


async def cases(house: House, name: str, places: Sequence[str], due_in: timedelta) -> list[str]:
    """A case of each place, whose first clock ends a second before that of the one before; their ids."""
    creations = list[Creation[Case]]()
    for number, place in enumerate(places):
        submitted = RequestSubmitted(
            request_no=f"JILI-{number}",
            site_id="jili",
            kind="noise.street",
            unit_id=place,
            due_at=timestamp(house.clock.now + due_in + 4 * (len(places) - number) * SHORT),
        )
        key = f"{name}-{number:04d}"
        creations.append(Creation(key, "jili", Order(key, b""), partial(house.ladder.open, None, submitted)))
    begun = await house.base.commands.create_many(creations)
    return [each.id for each in begun if isinstance(each, Record)]


async def climbs(house: House, case_ids: Sequence[str]) -> Counter[int]:
    """How many of these cases took how many steps."""
    found = await house.base.committer.get(list(case_ids))
    states: list[Case] = [record.state for record in found.values() if record.state]
    assert len(states) == len(case_ids)
    return Counter(len(case.steps) for case in states)


def escalated(house: House) -> list[str]:
    """Whose climbs were published, in order."""
    sent = [each for each in house.broker.sent if each.topic == EVENTS]
    return [each.key.decode() for each in sent if each.headers["ce_type"].endswith(".CaseEscalated")]


async def test_every_overdue_case_is_found_however_many_newer_ones_there_are(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Schedulers that look at the newest hundred tickets: what is old enough to be off the page is never
    escalated, and those are the ones that wait longest.
    """
    monkeypatch.setattr(sweeper, "HERD", HERD)
    await house.settled()
    await house.following.fresh()
    old = await cases(house, "old", [NEIGHBOURS] * MANY, 4 * HOUR)
    house.clock.move(HOUR)
    newer = await cases(house, "new", [NEIGHBOURS] * MANY, 40 * HOUR)
    house.clock.move((MANY + 1) * SHORT)
    await house.base.sweeper(Catchup()).fire(range(SHARDS))
    assert await climbs(house, old) == {1: MANY}
    assert await climbs(house, newer) == {0: MANY}
    assert len(escalated(house)) == len(set(escalated(house))) == MANY


async def test_what_is_overdue_longest_escalates_first(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same with a page that is taken from the wrong end: a flood of newer ones starves the oldest."""
    monkeypatch.setattr(sweeper, "HERD", HERD)
    await house.settled()
    await house.following.fresh()
    order = await cases(house, "old", [NEIGHBOURS] * MANY, 4 * HOUR)
    house.clock.move(2 * HOUR)
    await house.base.sweeper(Catchup()).fire(range(SHARDS))
    herds = [set(escalated(house)[n : n + HERD]) for n in range(0, MANY, HERD)]
    soonest = order[::-1]
    assert herds == [set(soonest[n : n + HERD]) for n in range(0, MANY, HERD)]


async def test_a_queue_goes_on_after_its_hundredth_case_soonest_due_first(house: House) -> None:
    """Queues that show the newest hundred and no way to the rest."""
    await house.settled()
    await house.following.fresh()
    order = await cases(house, "old", [NEIGHBOURS] * MANY, 4 * HOUR)
    found, token = list[Any](), ""
    while True:
        page = await house.call("GetQueue", unit_id=TOP, include_below=True, page_size=100, page_token=token)
        found += page.cases
        token = page.next_page_token
        if not token:
            break
    assert [each.case_id for each in found] == order[::-1]
    assert [instant(each.due_at) for each in found] == sorted(instant(each.due_at) for each in found)


async def test_two_schedulers_that_read_the_same_overdue_cases_escalate_each_once(house: House) -> None:
    """Two schedulers that both see a case overdue before either has written: it goes up two tiers at once,
    past one that never had it. The commit is guarded by the version that was read.
    """
    await house.settled()
    await house.following.fresh()
    ids = await cases(house, "due", [NEIGHBOURS] * 20, 4 * HOUR)
    house.clock.move(HOUR + 21 * SHORT)
    kind, moments = house.base.first, await house.base.clocks.look(house.base.threads)
    moment = moments["jili"]
    read = [
        kind.committer.repository.due("jili", range(SHARDS), moment.now, moment.recorded_at, 100)
        for _scheduler in range(2)
    ]
    for records in read:
        assert len(records) == 20
        for record in records:
            assert kind.engine.fire_due(record, moment.now, moment)
    first, second = [await kind.committer.commit(records) for records in read]
    assert (len(first.stored), len(second.stored), len(second.lost)) == (20, 0, 20)
    assert await climbs(house, ids) == {1: 20}


async def test_two_schedulers_that_run_at_once_escalate_each_case_once(house: House) -> None:
    """The same, as it happens: both sweep all shards, over and over."""
    await house.settled()
    await house.following.fresh()
    ids = await cases(house, "due", [NEIGHBOURS] * MANY, 4 * HOUR)
    house.clock.move(HOUR + (MANY + 1) * SHORT)
    pair = [house.base.sweeper(Catchup()) for _ in range(2)]
    await asyncio.gather(*(each.fire(range(SHARDS)) for each in pair * 2))
    assert await climbs(house, ids) == {1: MANY}
    assert Counter(escalated(house)) == dict.fromkeys(ids, 1)


async def test_cases_that_nobody_was_assigned_to_escalate_with_the_others(house: House) -> None:
    """Schedulers that join overdue cases with their assignee, or with a unit they know: those of a vacant
    post, of a place that nobody can name and of none at all are never found.
    """
    await house.settled()
    await house.call("VacatePost", code=SECTION, reason=1)
    await house.following.fresh()
    places = [SECTION, "jili/nowhere", "", f"{VILLAGE}/s9", NEIGHBOURS] * 5
    ids = await cases(house, "due", places, 4 * HOUR)
    for record in (await house.base.committer.get(ids)).values():
        assert record.state
        assert record.state.holder_ref
    house.clock.move(timedelta(days=1))
    for _ in range(4):
        await house.base.sweeper(Catchup()).fire(range(SHARDS))
        house.clock.move(timedelta(days=1))
    for record in (await house.base.committer.get(ids)).values():
        assert record.state
        assert (record.state.unit_id, record.state.order is not None) == (TOP, True)
