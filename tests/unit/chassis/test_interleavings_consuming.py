"""Interleavings of consuming, marking, healing and crashing (chassis rules 10 to 13)."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from services.chassis.errors import Infrastructure
from services.chassis.rebuild import differences, fold
from tests.kit import toy
from tests.kit.broker import Fate
from tests.kit.timing import run
from tests.kit.toy import EVENTS, OUTCOMES, REPLIES, SECOND, SOURCE
from tests.kit.world import CRASH_POINTS, M, Process, World


def state_of(world: World, aggregate_id: str) -> toy.Toy:
    state = world.stored(aggregate_id).state
    assert state is not None
    return state


def adds(*amounts: int) -> list[object]:
    return [M["Add"](amount=amount) for amount in amounts]


def letters(world: World) -> list[tuple[str, int]]:
    return [
        (r.headers["dead-reason"], int(r.headers["dead-offset"])) for r in world.broker.records("toy.dead")
    ]


def test_poison_5_between_4_and_6_healed_while_7_and_8_arrive() -> None:
    async def main() -> None:
        world = World()
        world.quirks.poison = {13}
        world.source("a", M["Open"](name="x"), *adds(1, 2, 3, 13, 6))
        world.source("b", M["Open"](name="y"), *adds(1))
        old = world.process("1")
        await old.consume()
        mark = world.stored("a").behind[SOURCE]
        assert (mark.reason, mark.upto, world.stored("a").seen[SOURCE].sequence) == (
            "raised:ValueError",
            6,
            4,
        )
        assert state_of(world, "b").total == 1, "neighbours go on"
        assert await old.heal() == 0, "the same build does not try the same bug again"
        assert letters(world) == [("raised:ValueError", 4)]

        world.quirks.poison = set()
        new = world.process("2")
        read = new.reader.read

        def seven_arrives(topic: str, partition: int, offset: int, keys: frozenset[str]) -> list[object]:
            found = read(topic, partition, offset, keys)
            world.source("a", *adds(7, 8), first=7)
            new.reader.read = read  # type: ignore[method-assign]  # once
            return list(found)

        new.reader.read = seven_arrives  # type: ignore[method-assign, assignment]  # the fault
        healing = asyncio.create_task(new.heal())
        await old.consume()
        await healing
        await old.consume()
        await new.rest()
        record = world.stored("a")
        assert (record.behind, record.seen[SOURCE].sequence) == ({}, 8)
        assert state_of(world, "a").total == 1 + 2 + 3 + 13 + 6 + 7 + 8

    run(main())


def test_the_mark_clears_only_where_seen_has_reached_upto() -> None:
    async def main() -> None:
        world = World()
        world.quirks.poison = {13}
        world.source("a", M["Open"](name="x"), *adds(13, 2))
        p = world.process("1")
        await p.consume()
        world.quirks.poison = set()
        # The healer has read up to 3; before it commits, 4 arrives at another worker and raises upto.
        healer, other = world.process("2"), world.process("2")
        source = world.broker.records(SOURCE)[:]
        world.source("a", *adds(4), first=4)
        healer.reader.read = lambda *_args: source  # type: ignore[method-assign]  # read before 4 came

        def four_is_skipped() -> None:
            record = other.repository.get(["a"])["a"]
            arrived = world.arrived(SOURCE)[3]
            other.engine.consume(
                record, arrived.envelope, SOURCE, arrived.position, other.clocks.read()["site"]
            )
            assert not other.repository.commit([record], other.wall.now()).lost

        healer.faults.writes.append(four_is_skipped)
        await healer.heal()
        mark = world.stored("a").behind[SOURCE]
        assert (mark.upto, world.stored("a").seen[SOURCE].sequence) == (4, 3)
        await other.rest()
        assert state_of(world, "a").total == 19

    run(main())


def test_a_batch_with_two_events_of_one_case_and_a_duplicate() -> None:
    async def main() -> None:
        world = World()
        world.source("a", M["Open"](name="x"))
        world.source("b", M["Open"](name="y"))
        world.source("a", *adds(1, 2), first=2)
        world.source("a", *adds(1), first=2)
        p = world.process()
        await p.consume()
        record = world.stored("a")
        assert (state_of(world, "a").total, record.version, record.seen[SOURCE].sequence) == (3, 1, 3)
        assert world.own("a") == [1, 2, 3]
        assert world.own("b") == [1]

    run(main())


def test_zombie_commits_after_a_rebalance_change_nothing_twice() -> None:
    async def main() -> None:
        world = World()
        world.source("a", M["Open"](name="x"), *adds(1))
        await world.process().rest()
        world.source("a", *adds(10, 100), first=3)
        zombie, owner = world.process(), world.process()
        # In mid-batch the partition goes to another, which does the whole batch; both do all of it.
        world.pause = lambda: 0.01
        await asyncio.gather(zombie.consume(size=2), owner.consume(size=2))
        assert state_of(world, "a").total == 111
        world.offsets[SOURCE] = 2  # the zombie's ack comes last, and lower
        await zombie.consume()
        await owner.rest()
        assert state_of(world, "a").total == 111
        assert sorted(set(world.own("a"))) == [1, 2, 3, 4]

    run(main())


def test_a_zombie_that_had_decided_before_the_rebalance_loses_and_decides_again() -> None:
    async def main() -> None:
        world = World()
        world.source("a", M["Open"](name="x"))
        await world.process().rest()
        world.source("a", *adds(10, 100), first=2)
        zombie, owner = world.process(), world.process()

        def meanwhile() -> None:
            records = owner.repository.get(["a"])
            for arrived in world.arrived(SOURCE)[1:]:
                moment = owner.clocks.read()["site"]
                owner.engine.consume(records["a"], arrived.envelope, SOURCE, arrived.position, moment)
            assert not owner.repository.commit(list(records.values()), owner.wall.now()).lost

        zombie.faults.writes.append(meanwhile)
        await zombie.consume(size=1)
        assert state_of(world, "a").total == 110
        assert world.stored("a").version == 2, "the owner's commit alone"
        await owner.rest()
        assert sorted(set(world.own("a"))) == [1, 2, 3]

    run(main())


def test_the_whole_topic_replayed_from_0_changes_nothing() -> None:
    async def main() -> None:
        world = World()
        for name in ("a", "b", "c"):
            world.source(name, M["Open"](name=name), *adds(1, 2, 3), M["Close"]())
        p = world.process()
        await p.rest()
        before = dict(world.memory.documents), {t: len(r) for t, r in world.broker.topics.items()}
        world.offsets.clear()
        await world.process().rest()
        assert (dict(world.memory.documents), {t: len(r) for t, r in world.broker.topics.items()}) == before

    run(main())


@pytest.mark.parametrize("where", CRASH_POINTS)
@pytest.mark.parametrize("size", [1, 100])
def test_a_crash_between_any_two_steps_ends_in_the_same_state_and_the_same_events(
    where: str, size: int
) -> None:
    assert run(_crashing(where, size)) == run(_crashing("", size))


async def _crashing(where: str, size: int) -> tuple[object, ...]:
    world = World()
    world.source("a", M["Open"](name="x"), *adds(1, 2, 3))
    world.source("b", M["Open"](name="y"), *adds(1), M["Close"]())
    p = world.process()
    p.crash_at = where
    steps: list[Callable[[], Awaitable[object]]] = [lambda: p.consume(size=size) for _ in range(8)]
    alive = True
    for each in (*steps, lambda: asyncio.sleep(3), p.sweep):
        alive = alive and await p.survives(each())
    assert alive == (not where), "the crash must have happened"
    await asyncio.sleep(3)
    again = world.process()
    await again.rest()
    states = [state_of(world, name) for name in ("a", "b")]
    events = {
        (topic, e.subject, e.sequence, e.type, e.data)
        for topic in (EVENTS, OUTCOMES, REPLIES)
        for name in ("a", "b")
        for e in world.broker.events(topic, name)
    }
    for name in ("a", "b"):
        sequences = sorted(set(world.own(name)))
        assert sequences == list(range(1, len(sequences) + 1))
        assert not world.stored(name).outbox
    rebuilt = fold(again.engine.model, world.arrived(EVENTS, OUTCOMES, REPLIES))
    assert [differences(rebuilt[name], world.stored(name)) for name in ("a", "b")] == [[], []]
    # `due_at` hangs on the time of the opening alone, so nothing of the crash is in the states.
    return tuple(states), frozenset(events)


def test_nothing_is_acknowledged_while_the_store_is_away_and_readiness_says_so() -> None:
    async def main() -> None:
        world = World()
        world.source("a", M["Open"](name="x"))
        p = world.process()
        p.faults.blind = 5
        task = asyncio.create_task(p.consume())
        await asyncio.sleep(0.3)
        assert [reason.code for reason in p.readiness.reasons] == ["consumer"]
        assert [reason.blocks for reason in p.readiness.reasons] == [True]
        assert world.offsets == {}
        await task
        assert p.readiness.ready
        assert world.offsets == {SOURCE: 1}

    run(main())


def test_the_store_away_when_the_flood_is_asked_about_is_waited_for_as_well() -> None:
    async def main() -> None:
        world = World()
        world.source("a", M["Open"](name="x"))
        p = world.process()
        answers = iter([Infrastructure("store: away"), Infrastructure("store: away")])

        def stopped() -> bool:
            for error in answers:
                raise error
            return False

        p.flood._stopped = stopped  # type: ignore[method-assign]  # the fault
        await p.consume()
        assert state_of(world, "a").open

    run(main())


def test_a_record_without_usable_key_or_envelope_is_reported_alone_and_neighbours_go_on() -> None:
    async def main() -> None:
        world = World()
        world.source("a", M["Open"](name="x"))
        good = toy.envelope("a", 2, M["Add"](amount=1), world.clock())
        world.broker.append(SOURCE, b"a", None, toy.received(good, 0).headers)
        world.broker.append(SOURCE, b"", good.data, toy.received(good, 0).headers)
        world.broker.append(SOURCE, b"a", b"x", {})
        world.broker.put(toy.received(good, 0, key=b"b"))
        world.source("b", M["Open"](name="y"))
        p = world.process()
        await p.consume()
        assert [reason for reason, _ in letters(world)] == [
            "null_value",
            "key_is_not_the_subject",
            "not_cloudevents",
            "key_is_not_the_subject",
        ]
        assert state_of(world, "b").open
        world.source("a", *adds(5), first=3)
        await p.consume()
        assert world.stored("a").behind[SOURCE].reason == "gap", (
            "what was reported alone shows as a gap later"
        )

    run(main())


def test_a_record_under_another_key_is_not_applied_by_a_heal_either() -> None:
    async def main() -> None:
        world = World()
        world.source("a", M["Open"](name="x"))
        world.source("b", M["Open"](name="y"))
        world.source("a", *adds(5), first=3)
        # Under a's key, but it speaks of b, and it would be b's next.
        forged = toy.envelope("b", 2, M["Add"](amount=1000), world.clock())
        world.broker.put(toy.received(forged, 0, key=b"a"))
        p = world.process()
        await p.consume()
        await p.heal()
        assert state_of(world, "b").total == 0
        assert world.stored("b").seen[SOURCE].sequence == 1

    run(main())


def test_an_undeclared_type_is_poison_and_a_declared_one_without_handler_advances_seen() -> None:
    async def main() -> None:
        world = World()
        world.source("a", M["Open"](name="x"), M["Shrug"](), *adds(2), M["Strange"](), *adds(3))
        p = world.process()
        await p.consume()
        record = world.stored("a")
        assert record.seen[SOURCE].sequence == 3
        assert (record.behind[SOURCE].reason, record.behind[SOURCE].upto) == ("undeclared_type", 5)
        assert state_of(world, "a").total == 2

    run(main())


def test_broken_bytes_are_poison_for_their_case_alone() -> None:
    async def main() -> None:
        world = World()
        world.source("a", M["Open"](name="x"))
        broken = toy.received(toy.envelope("a", 2, M["Add"](amount=1), world.clock()), 0)
        world.broker.append(SOURCE, b"a", b"\xff\xff\xff", broken.headers)
        world.source("b", M["Open"](name="y"))
        p = world.process()
        await p.consume()
        assert world.stored("a").behind[SOURCE].reason == "bad_protobuf"
        assert state_of(world, "b").open

    run(main())


def test_events_before_their_aggregate_wait_on_a_stub_and_are_applied_in_the_opening_commit() -> None:
    async def main() -> None:
        world = World()
        early = toy.envelope("a", 1, M["Add"](amount=5), world.clock(), topic=SECOND)
        world.broker.put(toy.received(early, 0, SECOND))
        p = world.process()
        await p.consume(SECOND)
        stub = world.stored("a")
        assert (stub.state, len(stub.facts), stub.seen[SECOND].sequence) == (None, 1, 1)
        assert world.broker.records(EVENTS) == []
        world.source("a", M["Open"](name="x"))
        await p.consume()
        assert (state_of(world, "a").total, world.stored("a").facts) == (5, [])
        assert world.stored("a").version == 2
        assert world.own("a") == [1, 2]

    run(main())


def test_a_broken_fact_on_a_stub_does_not_spoil_the_opening_event() -> None:
    async def main() -> None:
        world = World()
        early = toy.received(toy.envelope("a", 1, M["Add"](amount=5), world.clock(), topic=SECOND), 0, SECOND)
        world.broker.append(SECOND, b"a", b"\xff\xff\xff", early.headers)
        p = world.process()
        await p.consume(SECOND)
        assert world.stored("a").behind[SECOND].reason == "bad_protobuf"
        world.source("a", M["Open"](name="x"))
        await p.consume()
        assert state_of(world, "a").open

    run(main())


def test_a_gap_on_an_unknown_aggregate_marks_a_stub() -> None:
    async def main() -> None:
        world = World()
        world.source("a", *adds(5), first=2)
        p = world.process()
        await p.consume()
        stub = world.stored("a")
        assert (stub.state, stub.behind[SOURCE].reason, stub.behind[SOURCE].upto) == (None, "gap", 2)

    run(main())


def test_a_fact_that_comes_too_late_is_recorded_and_ignored() -> None:
    async def main() -> None:
        world = World()
        world.source("a", M["Open"](name="x"), M["Close"](), *adds(5), M["Close"]())
        p = world.process()
        await p.rest()
        state = state_of(world, "a")
        assert (state.open, state.total, state.ignored, world.stored("a").behind) == (False, 0, 2, {})
        assert world.own("a") == [1, 2, 3, 4]
        assert world.own("a", OUTCOMES) == [1], "each topic counts for itself"

    run(main())


def test_an_operator_drops_one_event_and_the_rest_is_healed() -> None:
    async def main() -> None:
        world = World()
        world.quirks.poison = {13}
        world.source("a", M["Open"](name="x"), *adds(1, 13, 2, 3))
        p = world.process()
        await p.consume()
        assert not await p.healer.drop("a", SOURCE, 4), "not the next one"
        assert await p.healer.drop("a", SOURCE, 3)
        assert (state_of(world, "a").total, world.stored("a").behind) == (6, {})
        assert not await p.healer.drop("a", SOURCE, 6)

    run(main())


def test_replaying_a_letter_heals_now_under_the_same_build() -> None:
    async def main() -> None:
        world = World()
        world.quirks.poison = {13}
        world.source("a", M["Open"](name="x"), *adds(13, 2))
        p = world.process()
        await p.consume()
        assert not await p.healer.heal("a", SOURCE)
        assert world.stored("a").behind[SOURCE].upto == 3
        world.quirks.poison = set()
        assert await p.healer.heal("a", SOURCE)
        assert state_of(world, "a").total == 15

    run(main())


def test_a_gap_that_never_closes_is_read_less_and_less_often_until_something_arrives() -> None:
    async def main() -> None:
        world = World()
        world.source("a", M["Open"](name="x"))
        world.source("a", *adds(3), first=3)
        p = world.process()
        await p.consume()
        for _ in range(100):
            assert await p.heal() == 1
        assert p.reader.readings <= 8
        assert [(r.code, r.blocks) for r in p.readiness.reasons] == [("behind", False)]
        assert p.readiness.ready
        world.source("a", *adds(2), first=2)
        await p.consume()
        assert await p.heal() == 0
        assert state_of(world, "a").total == 5
        await p.heal()
        assert p.readiness.reasons == []

    run(main())


def test_many_poisoned_cases_do_not_hide_a_gap_from_the_healer() -> None:
    async def main() -> None:
        world = World()
        world.quirks.poison = {13}
        for n in range(250):
            world.source(f"p{n}", M["Open"](name="x"), *adds(13))
        p = world.process(flood_limit=1000)
        await p.consume(size=1000)
        await asyncio.sleep(1)
        world.source("a", M["Open"](name="x"))
        world.source("a", *adds(3), first=3)
        await p.consume()
        world.source("a", *adds(2), first=2)
        await p.consume()
        assert await p.heal() == 0
        assert state_of(world, "a").total == 5

    run(main())


def test_a_document_over_its_limit_is_poison_for_its_case_alone() -> None:
    async def main() -> None:
        world = World()
        world.source("a", M["Open"](name="x"))
        world.source("b", M["Open"](name="y"))
        p = world.process()
        # Within an event's limit each, together over the document's, while the broker does not take them.
        world.broker.away = True
        big = [M["Add"](amount=1, padding="x" * 500_000) for _ in range(30)]
        world.source("a", *big, first=2)
        world.source("b", *adds(1), first=2)
        await p.consume(size=5)
        world.broker.away = False
        p.producer.fate = _only_letters
        await p.consume()
        record = world.stored("a")
        assert record.behind[SOURCE].reason == "too_large"
        assert record.behind[SOURCE].upto == 31
        assert 10 < record.seen[SOURCE].sequence < 31
        assert state_of(world, "b").total == 1
        p.producer.fate = _everything
        await asyncio.sleep(3)
        await p.sweep()
        await p.sweep()
        assert await p.healer.heal("a", SOURCE)
        assert state_of(world, "a").total == 30

    run(main())


def _only_letters(topic: str, _key: bytes, _headers: dict[str, str]) -> Fate:
    return Fate.DELIVERED if topic == "toy.dead" else Fate.EXPIRED


def _everything(_topic: str, _key: bytes, _headers: dict[str, str]) -> Fate:
    return Fate.DELIVERED


def test_a_flood_of_poisoned_cases_stops_consuming_until_an_operator_resumes_also_after_a_restart() -> None:
    async def main() -> None:
        world = World()
        world.quirks.poison = {13}
        for n in range(12):
            world.source(f"a{n}", M["Open"](name="x"), *adds(13))
        p = world.process(flood_limit=5)
        await p.consume(size=20)
        assert world.stops == {"flood"}
        restarted = world.process()
        world.source("b", M["Open"](name="y"))
        consuming: list[tuple[Process, asyncio.Task[int]]] = [
            (each, asyncio.create_task(each.consume())) for each in (p, restarted)
        ]
        await asyncio.sleep(600)
        for each, task in consuming:
            assert not task.done()
            assert not each.readiness.ready
            assert [reason.code for reason in each.readiness.reasons] == ["flood"]
        restarted.flood.resume()
        await asyncio.gather(*(task for _, task in consuming))
        assert state_of(world, "b").open
        assert restarted.readiness.ready

    run(main())


def test_many_poisoned_events_of_one_case_are_no_flood() -> None:
    async def main() -> None:
        world = World()
        world.quirks.poison = {13}
        world.source("a", M["Open"](name="x"), *adds(*[13] * 40))
        p = world.process(flood_limit=2)
        await p.consume()
        assert world.stops == set()

    run(main())


def test_a_round_that_is_repeated_reports_its_dead_letters_once() -> None:
    async def main() -> None:
        world = World()
        world.quirks.poison = {13}
        world.source("a", M["Open"](name="x"), *adds(13))
        p = world.process()
        p.faults.writes.extend(["lost", "lost", "unknown"])
        await p.rest()
        assert letters(world) == [("raised:ValueError", 1)]

    run(main())
