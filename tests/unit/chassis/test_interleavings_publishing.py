"""Interleavings of committing, publishing and trimming (chassis rules 2, 7, 8)."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest

from services.chassis import audit
from services.chassis.errors import Infrastructure
from services.chassis.model import Context, Decision
from tests.kit import toy
from tests.kit.broker import FakeProducer, Fate
from tests.kit.timing import run
from tests.kit.toy import EVENTS
from tests.kit.world import ALL, M, World


async def _with_three_events(world: World) -> None:
    world.source("a", M["Open"](name="x"), M["Add"](amount=1), M["Add"](amount=2))
    await world.process().rest()
    assert world.own("a") == [1, 2, 3]


def test_a_commits_4_and_pauses_while_b_publishes_4_and_5_and_then_a_wakes() -> None:
    async def main() -> None:
        world = World()
        await _with_three_events(world)
        a, b = world.process(), world.process()
        a.producer.hold()
        await a.add("a", 10, "key-4")
        await b.add("a", 100, "key-5")
        await asyncio.sleep(1)
        assert world.own("a") == [1, 2, 3, 4, 5]
        a.producer.release()
        await asyncio.sleep(1)
        assert world.own("a") == [1, 2, 3, 4, 5, 4]
        assert audit.first_break(world.broker.events(EVENTS, "a"), world.stored("a").heads[EVENTS]) is None
        await b.rest()
        assert world.stored("a").outbox == []

    run(main())


def test_4_expires_while_5_is_acknowledged_and_both_are_sent_again_in_order() -> None:
    async def main() -> None:
        world = World()
        await _with_three_events(world)
        p = world.process()
        p.producer.fate = lambda _t, _k, h: Fate.EXPIRED if h["ce_sequence"] == "4" else Fate.DELIVERED
        await p.add("a", 10, "key-4")
        await p.add("a", 100, "key-5")
        await asyncio.sleep(1)
        assert world.own("a") == [1, 2, 3, 5]
        assert [e.sequence for e in world.stored("a").outbox] == [4, 5], "5 must not go before 4 has gone"
        p.producer.fate = lambda _t, _k, _h: Fate.DELIVERED
        await asyncio.sleep(2)
        await p.rest()
        assert world.own("a") == [1, 2, 3, 5, 4, 5]
        assert world.stored("a").outbox == []

    run(main())


def test_a_consumer_heals_from_a_topic_in_which_5_stands_before_4() -> None:
    async def main() -> None:
        world = World()
        events = [M["Open"](name="x"), *(M["Add"](amount=n) for n in (1, 2, 3, 4))]
        world.source("a", *events[:3])
        world.source("a", events[4], first=5)
        p = world.process()
        await p.consume()
        assert world.stored("a").behind["source.events"].reason == "gap"
        world.source("a", *events[3:], first=4)
        await p.rest()
        record = world.stored("a")
        assert (record.behind, record.seen["source.events"].sequence) == ({}, 5)
        assert total(world, "a") == 10

    run(main())


def test_two_committers_from_v5_to_v6_in_one_bulk_each_both_unsure() -> None:
    for fault_a, fault_b in (
        ("executed", "executed"),
        ("executed", "lost"),
        ("lost", "executed"),
        ("half", "half"),
    ):
        run(_both_unsure(fault_a, fault_b))


async def _both_unsure(fault_a: str, fault_b: str) -> None:
    world = World()
    first = world.process()
    for name in ("a", "b"):
        await first.create(name)
        for n in range(4):
            await first.add(name, 1, f"key-{n}")
    a, b = world.process(), world.process()
    now = a.wall.now()
    moment = a.clocks.read()["site"]
    drafts = []
    for process, amount in ((a, 10), (b, 100)):
        records = process.repository.get(["a", "b"])
        assert {record.version for record in records.values()} == {5}
        for record in records.values():
            process.engine.command(record, adding(amount), moment, key=str(amount), body_hash=b"")
        drafts.append(list(records.values()))
    a.faults.writes.append(fault_a)
    b.faults.writes.append(fault_b)
    won_a, won_b = a.repository.commit(drafts[0], now), b.repository.commit(drafts[1], now)
    for name in ("a", "b"):
        winners = [w for w in (won_a, won_b) if name in {r.id for r in w.stored}]
        there = world.stored(name)
        assert len(winners) <= 1, "nobody may win twice"
        if winners:
            assert there.commit_id in {r.commit_id for r in winners[0].stored}
        assert there.version == 5 + len(winners)
        assert (name in won_a.lost) != (name in {r.id for r in won_a.stored})
        assert (name in won_b.lost) != (name in {r.id for r in won_b.stored})


def total(world: World, aggregate_id: str) -> int:
    state = world.stored(aggregate_id).state
    assert state is not None
    return state.total


def adding(amount: int) -> Callable[[toy.Toy, Context], Decision]:
    return lambda state, _context: toy.add(state, amount)


def test_executed_but_the_caller_saw_a_timeout_changes_the_state_once() -> None:
    async def main() -> None:
        world = World()
        p = world.process()
        await p.create("a")
        p.faults.writes.append("executed")
        assert await p.add("a", 7, "key") == b"7", "the re-read finds its own commit_id: it was stored"
        p.faults.writes.append("executed")
        world.source("b", M["Open"](name="x"), M["Add"](amount=5))
        await p.rest()
        assert total(world, "b") == 5
        assert world.own("b") == [1, 2]

    run(main())


def test_executed_and_then_nothing_to_be_known_is_settled_by_the_same_key() -> None:
    async def main() -> None:
        world = World()
        p = world.process()
        await p.create("a")
        p.faults.writes.append("unknown")
        with pytest.raises(Infrastructure):
            await p.add("a", 7, "key")
        assert await p.add("a", 7, "key") == b"7"
        assert total(world, "a") == 7

    run(main())


def test_a_trim_that_races_a_commit_loses_no_event() -> None:
    async def main() -> None:
        world = World()
        await _with_three_events(world)
        a, b = world.process(), world.process()
        await a.add("a", 10, "key-4")
        await asyncio.sleep(1)
        trimmable = a.publisher.take_trimmable()
        b.producer.hold()
        await b.add("a", 100, "key-5")
        assert a.repository.trim(trimmable) == 0, "the version has moved on: the trim finds nothing"
        assert [e.sequence for e in world.stored("a").outbox][-1] == 5
        b.producer.release()
        await asyncio.sleep(1)
        await b.rest()
        assert world.own("a") == [1, 2, 3, 4, 4, 5]
        assert world.stored("a").outbox == []

    run(main())


def test_a_stale_replacement_brings_trimmed_entries_back_and_they_are_harmless() -> None:
    async def main() -> None:
        world = World()
        await _with_three_events(world)
        a, b = world.process(), world.process()
        await a.add("a", 10, "key-4")
        await asyncio.sleep(1)
        stale = b.repository.get(["a"])["a"]
        assert a.repository.trim(a.publisher.take_trimmable()) == 1
        moment = b.clocks.read()["site"]
        b.engine.command(stale, adding(100), moment, key="key-5", body_hash=b"")
        await b.committer.commit([stale])
        assert [e.sequence for e in world.stored("a").outbox] == [4, 5]
        await asyncio.sleep(3)
        await b.rest()
        assert world.own("a") == [1, 2, 3, 4, 4, 5]

    run(main())


def test_an_entry_whose_acknowledgement_was_lost_is_sent_again_and_then_trimmed() -> None:
    async def main() -> None:
        world = World()
        await _with_three_events(world)
        p = world.process()
        p.producer.fate = lambda _t, _k, _h: Fate.UNSURE
        await p.add("a", 10, "key-4")
        await asyncio.sleep(1)
        assert [e.sequence for e in world.stored("a").outbox] == [4]
        p.producer.fate = lambda _t, _k, _h: Fate.DELIVERED
        await asyncio.sleep(2)
        await p.rest()
        assert world.own("a") == [1, 2, 3, 4, 4]
        assert world.stored("a").outbox == []

    run(main())


def test_after_a_long_outage_of_the_broker_everything_that_waited_is_sent_at_once() -> None:
    async def main() -> None:
        world = World()
        p = world.process()
        world.broker.away = True
        for n in range(450):
            await p.create(f"a{n}")
        await asyncio.sleep(120)
        assert await p.sweeper.sweep_outboxes(ALL) == 200, "one batch, and no more while it is refused"
        assert world.broker.records(EVENTS) == []
        world.broker.away = False
        assert await p.sweeper.sweep_outboxes(ALL) == 450
        assert len(world.broker.records(EVENTS)) == 450
        await p.rest()
        assert p.repository.count({"waiting_since": {"$exists": True}}) == 0

    run(main())


def test_publishing_is_never_given_up() -> None:
    async def main() -> None:
        world = World()
        p = world.process()
        world.broker.away = True
        await p.create("a")
        for _ in range(50):
            await asyncio.sleep(timedelta(hours=1).total_seconds())
            assert await p.sweeper.sweep_outboxes(ALL) == 1
        world.broker.away = False
        await p.rest()
        assert world.own("a")[:1] == [1]
        assert world.stored("a").outbox == []

    run(main())


def test_a_send_that_never_ends_well_does_not_leave_the_publisher_waiting() -> None:
    async def main() -> None:
        world = World()
        producer = FakeProducer(world.broker, lambda _t, _k, _h: Fate.EXPIRED)
        assert await producer.send("t", b"k", b"v", []) is False
        await producer.close()

    run(main())
