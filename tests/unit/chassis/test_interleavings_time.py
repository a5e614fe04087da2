"""Interleavings of firings, commands and late events (chassis rules 5, 12, 16 to 18)."""

import asyncio
from datetime import datetime, timedelta

import pytest

from services.chassis.commands import id_from
from services.chassis.errors import CommandError, IllegalTransition
from services.chassis.model import decided
from tests.kit import ladder, toy
from tests.kit.timing import START, run
from tests.kit.toy import OUTCOMES, PERIOD, SOURCE
from tests.kit.world import ALL, MINUTE, M, World, until_dead_or_done


def state_of(world: World, aggregate_id: str) -> toy.Toy:
    state = world.stored(aggregate_id).state
    assert state is not None
    return state


async def at(moment: datetime) -> None:
    """Wait in virtual time."""
    await asyncio.sleep((moment - START).total_seconds() - asyncio.get_running_loop().time())


def test_a_case_whose_firing_always_raises_among_a_thousand_good_ones_then_withdrawn_by_its_resident() -> (
    None
):
    async def main() -> None:
        world = World()
        p = world.process()
        world.quirks.raising = {"bad"}
        world.source("bad", M["Open"](name="bad"))
        for n in range(1000):
            world.source(f"good{n}", M["Open"](name="x"))
        while await p.consume(size=500):
            pass
        await at(START + PERIOD + MINUTE)
        await p.sweep()
        good = [state_of(world, f"good{n}") for n in range(1000)]
        assert {state.epoch for state in good} == {2}, "one bad case starves nobody"
        bad = world.stored("bad")
        assert (bad.failures, bad.retry_reason) == (1, "firing_failed:RuntimeError")
        assert [(r.code, r.detail, r.blocks) for r in p.readiness.reasons] == [
            ("firing_failed", "1: bad", False)
        ]
        assert p.readiness.ready
        waits = []
        for _ in range(15):
            before = world.stored("bad")
            assert before.retry_at is not None
            await at(before.retry_at + timedelta(milliseconds=1))
            await p.sweep()
            after = world.stored("bad")
            assert after.retry_at is not None
            waits.append(after.retry_at - before.retry_at)
        assert waits == sorted(waits), "it backs off"
        assert timedelta(minutes=59) < waits[-1] <= timedelta(hours=1, milliseconds=1), (
            "up to hourly, for ever"
        )
        # The resident withdraws: the command goes past the failing firing, which ends with its deadline.
        world.source("bad", M["Close"](), first=2)
        await p.consume()
        bad = world.stored("bad")
        assert not state_of(world, "bad").open
        assert (bad.retry_at, bad.failures, bad.next_due_at) == (None, 0, None)
        await p.sweep()
        assert p.readiness.reasons == []

    run(main())


def test_a_command_proceeds_past_a_failing_firing() -> None:
    async def main() -> None:
        world = World()
        p = world.process()
        world.quirks.raising = {"a"}
        await p.create("a")
        await at(START + PERIOD + MINUTE)
        assert await p.add("a", 3, "key") == b"3"
        assert world.stored("a").failures == 1
        world.quirks.raising = set()
        await at(START + PERIOD + 2 * MINUTE)
        assert await p.add("a", 4, "other") == b"7"
        record = world.stored("a")
        assert (state_of(world, "a").epoch, record.failures, record.retry_at) == (2, 0, None)

    run(main())


def test_rebalances_every_two_seconds_while_deadlines_fall_due_fire_each_exactly_once() -> None:
    async def main() -> None:
        world = World()
        workers = [world.process(), world.process()]
        for n in range(60):
            world.source(f"a{n}", M["Open"](name="x"), at=START + n * timedelta(milliseconds=500))
        await workers[0].consume()
        world.pause = lambda: 0.05
        await at(START + PERIOD - timedelta(seconds=5))
        for turn in range(60):
            # Both hold the moved half for a while: the one has not yet heard that it lost it.
            half = [shard for shard in ALL if shard % 2 == turn % 2]
            await asyncio.gather(
                workers[0].sweeper.fire(ALL), workers[1].sweeper.fire(half), asyncio.sleep(2)
            )
        world.pause = None
        await workers[0].rest()
        assert {state_of(world, f"a{n}").epoch for n in range(60)} == {2}
        for n in range(60):
            ticked = [
                e.sequence for e in world.broker.events(toy.EVENTS, f"a{n}") if e.type == "kit.v1.Ticked"
            ]
            assert sorted(set(ticked)) == [2]

    run(main())


def test_a_producers_clock_one_second_ahead_fires_nothing_early() -> None:
    async def main() -> None:
        world = World()
        p = world.process()
        world.source("a", M["Open"](name="x"), at=START)
        await p.consume()
        due = START + PERIOD
        await at(due - timedelta(milliseconds=500))
        world.source("a", M["Add"](amount=1), at=due + timedelta(milliseconds=500), first=2)
        await p.consume()
        assert state_of(world, "a").epoch == 1, (
            "before its due time nothing fires, whatever a producer's clock says"
        )
        await p.add("a", 2, "key")
        assert world.stored("a").last_at == due + timedelta(milliseconds=500)
        await asyncio.sleep(0.1)
        times = [event.time for event in world.broker.events(toy.EVENTS, "a")]
        assert len(times) == 3
        assert times == sorted(times), "a command without a business time happens after all that is known"
        await at(due + timedelta(milliseconds=1))
        await p.sweep()
        assert state_of(world, "a").ticked_at == (due,)

    run(main())


def test_a_crash_after_the_insert_of_an_inbound_submission_redelivered_makes_one_case_and_one_reply() -> None:
    async def main() -> None:
        world = World()
        case_id = id_from("hotline", "ref-1")
        assert case_id == id_from("hotline", "ref-1") != id_from("hotline", "ref-2")
        p = world.process()
        p.crash_at = "after commit"
        assert not await until_dead_or_done(p, [lambda: p.create(case_id, "ref-1"), lambda: asyncio.sleep(1)])
        assert world.broker.records(toy.EVENTS) == [], "stored, not published"
        again = world.process()
        record = await again.create(case_id, "ref-1")
        assert record.version == 1
        await asyncio.sleep(3)
        await again.rest()
        assert world.own(case_id) == [1]

    run(main())


def test_withdrawal_requested_while_another_end_is_decided_exactly_one_end_wins() -> None:
    async def main() -> None:
        world = World()
        p, q = world.process(), world.process()
        world.source("a", M["Open"](name="x"))
        await p.consume()
        world.source("a", M["Close"](), first=2)

        def resolved_meanwhile() -> None:
            records = q.repository.get(["a"])
            q.engine.command(
                records["a"],
                lambda _s, _c: decided(M["Closed"]()),
                q.clocks.read()["site"],
                key="k",
                body_hash=b"",
            )
            assert not q.repository.commit([records["a"]], q.wall.now()).lost

        p.faults.writes.append(resolved_meanwhile)
        await p.consume()
        state = state_of(world, "a")
        assert (state.open, state.ignored) == (False, 1), (
            "the later one finds the end and is recorded, never poison"
        )
        assert world.stored("a").behind == {}
        await p.rest()
        assert world.own("a", OUTCOMES) == []

    run(main())


def test_a_timer_racing_a_close_exactly_one_wins() -> None:
    async def main() -> None:
        world = World()
        p, q = world.process(), world.process()
        world.source("a", M["Open"](name="x"))
        await p.consume()
        await at(START + PERIOD + MINUTE)
        world.source("a", M["Close"](), at=START + MINUTE, first=2)

        def closed_meanwhile() -> None:
            records = q.repository.get(["a"])
            arrived = world.arrived(SOURCE)[1]
            q.engine.consume(
                records["a"], arrived.envelope, SOURCE, arrived.position, q.clocks.read()["site"]
            )
            assert not q.repository.commit([records["a"]], q.wall.now()).lost

        p.faults.writes.append(closed_meanwhile)
        await p.sweep()
        assert state_of(world, "a").ticked_at == ()
        assert world.stored("a").next_due_at is None

    run(main())


# -- with the ladder's own rules -----------------------------------------------------------------------------


def test_a_resolve_from_9_50_arrives_at_10_05_after_the_climb_fired_at_10_00() -> None:
    case = ladder.LadderCase(submitted=ladder.clock("09:00"), promised=ladder.clock("13:00"))
    case.sweep(now=ladder.clock("10:01"))
    assert case.state.tier == 2
    with pytest.raises(CommandError):
        case.command(ladder.accept, at=ladder.clock("09:50"), now=ladder.clock("10:05"), unit="top/v/q/n")
    case.command(ladder.resolve, at=ladder.clock("09:50"), now=ladder.clock("10:05"), unit="top/v/q/n")
    state = case.state
    assert (state.status, state.resolved_at) == ("resolved", ladder.clock("09:50"))
    assert [(s.from_tier, s.to_tier, s.at) for s in state.steps] == [(1, 2, ladder.clock("10:00"))]
    assert not state.overdue(ladder.clock("23:00")), "business times are compared"
    event = case.last_event()
    assert (event.unit_id, event.tier, event.late_entry, event.overdue) == ("top/v/q/n", 1, True, False)
    assert case.record.next_due_at is None


def test_what_was_due_before_a_command_fires_first_in_its_commit() -> None:
    case = ladder.LadderCase(submitted=ladder.clock("09:00"), promised=ladder.clock("13:00"))
    case.command(ladder.resolve, at=ladder.clock("10:03"), now=ladder.clock("10:03"), unit="top/v/q")
    assert [(step.at, step.to_tier) for step in case.state.steps] == [(ladder.clock("10:00"), 2)]
    assert (case.state.status, case.state.resolved_at) == ("resolved", ladder.clock("10:03"))


def test_at_the_same_instant_the_command_wins() -> None:
    case = ladder.LadderCase(submitted=ladder.clock("09:00"), promised=ladder.clock("13:00"))
    case.command(ladder.resolve, at=ladder.clock("10:00"), now=ladder.clock("10:00"), unit="top/v/q/n")
    assert (case.state.steps, case.state.status) == ((), "resolved")


def test_within_the_grace_a_clock_starts_at_the_due_time_and_after_an_outage_nobody_is_skipped() -> None:
    punctual = ladder.LadderCase(submitted=ladder.clock("09:00"), promised=ladder.clock("13:00"))
    assert punctual.sweep(now=ladder.clock("10:05")) == 1
    assert punctual.record.next_due_at == ladder.clock("11:00")
    after_outage = ladder.LadderCase(submitted=ladder.clock("09:00"), promised=ladder.clock("13:00"))
    assert after_outage.sweep(now=ladder.clock("11:30")) == 1, "tier 2 gets its hour, though 11:00 has passed"
    assert (after_outage.state.tier, after_outage.record.next_due_at) == (2, ladder.clock("12:30"))
    assert after_outage.state.steps[0].at == ladder.clock("10:00"), "the climb stands at its due time"
    assert after_outage.state.due_at == ladder.clock("13:00"), "what was promised does not move"


def test_a_withdrawal_after_the_case_was_settled_is_declined_and_answered() -> None:
    case = ladder.LadderCase(submitted=ladder.clock("09:00"), promised=ladder.clock("13:00"))
    case.command(ladder.resolve, at=ladder.clock("09:30"), now=ladder.clock("09:30"), unit="top/v/q/n")
    case.withdraw(now=ladder.clock("09:31"))
    assert case.state.status == "resolved"
    assert (case.last_event().wish, case.record.behind) == ("withdrawal", {})
    withdrawn = ladder.LadderCase(submitted=ladder.clock("09:00"), promised=ladder.clock("13:00"))
    withdrawn.withdraw(now=ladder.clock("09:29"))
    with pytest.raises(IllegalTransition):
        withdrawn.command(
            ladder.resolve, at=ladder.clock("09:30"), now=ladder.clock("09:30"), unit="top/v/q/n"
        )
    assert withdrawn.state.status == "withdrawn"
    assert withdrawn.record.next_due_at is None
