"""Commands, keys, revisions, sizes, business time (chassis rules 2, 3, 4, 12, 17, 19)."""

import asyncio
import uuid
from datetime import timedelta

import pytest

from services.chassis import engine as engine_module
from services.chassis.commands import ATTEMPTS, NAMESPACE, Order, id_from, not_ahead
from services.chassis.engine import KEY_LIFETIME, Moment
from services.chassis.errors import (
    CommandError,
    Contended,
    Forbidden,
    Infrastructure,
    Invalid,
    KeyReused,
    NotFound,
    NotYetRouted,
    StaleRevision,
    TooLarge,
)
from services.chassis.model import NOTHING, Context, Decision, decided
from tests.kit import toy
from tests.kit.timing import START, run
from tests.kit.toy import PERIOD, REPLIES, SECOND
from tests.kit.world import MINUTE, M, World, total_of


def state_of(world: World, aggregate_id: str) -> toy.Toy:
    state = world.stored(aggregate_id).state
    assert state is not None
    return state


def test_the_same_key_with_the_same_body_gets_the_old_answer_and_changes_nothing() -> None:
    async def main() -> None:
        world = World()
        p = world.process()
        await p.create("a")
        assert await p.add("a", 5, "key") == b"5"
        assert await p.add("a", 7, "other") == b"12"
        before = world.memory.documents["a"]
        assert await p.add("a", 5, "key") == b"5"
        assert world.memory.documents["a"] == before

    run(main())


def test_the_same_key_with_another_body_is_refused() -> None:
    async def main() -> None:
        world = World()
        p = world.process()
        await p.create("a")
        await p.add("a", 5, "key")
        with pytest.raises(KeyReused):
            await p.add("a", 6, "key")
        with pytest.raises(KeyReused):
            await p.create("a", "another name")
        assert (await p.create("a")).version == 2

    run(main())


def test_keys_are_answered_for_seven_days_and_a_creations_for_ever() -> None:
    async def main() -> None:
        world = World()
        p = world.process()
        await p.create("a")
        await p.add("a", 5, "key")
        await asyncio.sleep(KEY_LIFETIME.total_seconds() - 3600)
        assert await p.add("a", 5, "key") == b"5"
        await asyncio.sleep(7200)
        await p.add("a", 1, "later")
        assert [given.key for given in world.stored("a").answered] == ["creation", "later"]
        await asyncio.sleep(timedelta(days=4000).total_seconds())
        await p.add("a", 1, "much later")
        again = await p.create("a")
        assert again.revision == world.stored("a").revision
        with pytest.raises(KeyReused):
            await p.create("a", "another name")

    run(main())


def test_a_creations_id_is_made_of_who_asks_and_their_key() -> None:
    assert id_from("caller", "key") == str(uuid.uuid5(NAMESPACE, "caller\0key"))
    assert id_from("ab", "c") != id_from("a", "bc")


def test_two_creations_with_one_id_at_once_make_one_aggregate() -> None:
    async def main() -> None:
        world = World()
        p, q = world.process(), world.process()
        world.pause = lambda: 0.01
        first, second = await asyncio.gather(p.create("a"), q.create("a"))
        assert first.commit_id == second.commit_id == world.stored("a").commit_id
        refused = await asyncio.gather(p.create("b", "x"), q.create("b", "y"), return_exceptions=True)
        assert sorted(type(each).__name__ for each in refused) == ["KeyReused", "Record"]
        world.pause = None
        await p.rest()
        assert set(world.own("a")) == {1}

    run(main())


def test_a_revision_moves_by_transitions_only() -> None:
    async def main() -> None:
        world = World()
        p = world.process()
        world.source("a", M["Open"](name="x"))
        await p.consume()
        before = world.stored("a")
        world.source("a", M["Shrug"](), first=2)
        await p.consume()
        await p.rest()
        order = Order("nothing", b"")
        await p.commands.execute("a", order, lambda _s, _c: NOTHING, authorize=lambda _s, _at: None)
        after = world.stored("a")
        assert after.version > before.version
        assert after.revision == before.revision == 1
        await p.add("a", 1, "key", revision=1)
        with pytest.raises(StaleRevision) as refused:
            await p.add("a", 1, "other", revision=1)
        assert refused.value.details == {"revision": "2"}
        assert world.own("a", REPLIES) == [1], "a reply is nobody's transition"

    run(main())


def test_checks_come_in_their_order_key_then_deadlines_then_owner_then_revision_then_transition() -> None:
    async def main() -> None:
        world = World()
        p = world.process()
        await p.create("a")
        await p.add("a", 1, "key")
        seen: list[str] = []

        def authorize(state: toy.Toy, _at: object) -> None:
            seen.append(f"owner at epoch {state.epoch}")
            raise Forbidden("no right")

        def decide(_state: toy.Toy, _context: Context) -> Decision:
            seen.append("decided")
            return NOTHING

        await asyncio.sleep((PERIOD + MINUTE).total_seconds())
        with pytest.raises(Forbidden):
            await p.commands.execute(
                "a", Order("other", b"", expected_revision=99), decide, authorize=authorize
            )
        assert seen == ["owner at epoch 2"], "the deadline fired before the owner was asked for"
        assert state_of(world, "a").epoch == 2, (
            "what fell due before a refused command has fired all the same"
        )
        # The key is looked at first: it is answered though the caller's right has gone meanwhile.
        again = await p.commands.execute(
            "a", Order("key", b"1"), decide, authorize=authorize, answer=total_of
        )
        assert (again, seen) == (b"1", ["owner at epoch 2"])
        with pytest.raises(StaleRevision):
            await p.commands.execute(
                "a", Order("third", b"", expected_revision=99), decide, authorize=lambda _s, _at: None
            )

    run(main())


def test_a_command_on_a_stub_is_told_to_try_again_and_one_on_nothing_that_there_is_none() -> None:
    async def main() -> None:
        world = World()
        p = world.process()
        early = toy.envelope("a", 1, M["Add"](amount=5), world.clock(), topic=SECOND)
        world.broker.put(toy.received(early, 0, SECOND))
        await p.consume(SECOND)
        with pytest.raises(NotYetRouted) as refused:
            await p.add("a", 1, "key")
        assert refused.value.reason == "not_yet_routed"
        assert int(refused.value.details["retry_after_ms"]) > 0
        with pytest.raises(NotFound):
            await p.add("nobody", 1, "key")

    run(main())


def test_contention_ends_in_a_refusal_that_is_safe_to_repeat() -> None:
    async def main() -> None:
        world = World()
        p, q = world.process(), world.process()
        await p.create("a")

        def another_was_quicker() -> None:
            record = q.repository.get(["a"])["a"]
            assert not q.repository.commit([record], q.wall.now()).lost

        p.faults.writes.extend([another_was_quicker] * ATTEMPTS)
        with pytest.raises(Contended):
            await p.add("a", 5, "key")
        assert await p.add("a", 5, "key") == b"5"

    run(main())


def test_a_business_time_later_than_now_is_refused_by_name() -> None:
    async def main() -> None:
        world = World()
        p = world.process()
        await p.create("a")
        with pytest.raises(Invalid) as refused:
            await p.add("a", 1, "key", occurred_at=START + MINUTE)
        assert [(v.field, v.reason) for v in refused.value.violations] == [
            ("meta.occurred_at", "later_than_now")
        ]

    run(main())


def test_a_senders_clock_may_be_a_second_ahead() -> None:
    async def main() -> None:
        world = World()
        p = world.process()
        await p.create("a")
        assert await p.add("a", 1, "key", occurred_at=START + timedelta(seconds=1)) == b"1"

    run(main())


def test_nobody_is_refused_because_a_clock_of_ours_is_behind() -> None:
    later = START + timedelta(hours=1)
    with pytest.raises(Infrastructure):
        not_ahead(later, Moment(START, START, latest=later))
    with pytest.raises(Invalid):
        not_ahead(later + MINUTE, Moment(START, START, latest=later))


def test_in_a_replay_what_happened_is_told_ahead_of_the_clock_and_fires_what_was_due_before() -> None:
    async def main() -> None:
        world = World(replay={toy.SITE: START - timedelta(days=1)})
        p = world.process()
        world.source("a", M["Open"](name="x"), at=START)
        await p.consume()
        await p.sweep()
        assert state_of(world, "a").epoch == 1, "the replay clock has not come there yet"
        await p.add("a", 1, "key", occurred_at=START + 2 * PERIOD + MINUTE)
        state = state_of(world, "a")
        assert state.ticked_at == (START + PERIOD, START + 2 * PERIOD), "each at its due time, with no grace"
        world.replay[toy.SITE] = START + 4 * PERIOD
        await p.sweep()
        assert state_of(world, "a").ticked_at[-1] == START + 3 * PERIOD

    run(main())


def test_a_late_entry_is_known_as_such() -> None:
    async def main() -> None:
        world = World()
        p = world.process()
        await p.create("a")
        await asyncio.sleep(120)
        await p.add("a", 1, "key")
        late: list[bool] = []

        def decide(state: toy.Toy, context: Context) -> Decision:
            late.append(context.late)
            return toy.add(state, 1)

        for key, at in (("past", START + MINUTE), ("now", None)):
            order = Order(key, b"", occurred_at=at)
            await p.commands.execute("a", order, decide, authorize=lambda _s, _at: None)
        assert late == [True, False]
        last_at = world.stored("a").last_at
        assert last_at is not None
        assert last_at >= START + 2 * MINUTE

    run(main())


def test_an_event_over_its_limit_is_an_error_to_the_caller_when_deciding() -> None:
    async def main() -> None:
        world = World()
        p = world.process()
        await p.create("a")
        await asyncio.sleep(1)
        before = world.memory.documents["a"]
        with pytest.raises(TooLarge):
            await p.add("a", 1, "key", padding="x" * engine_module.MAX_EVENT_BYTES)
        assert world.memory.documents["a"] == before
        assert await p.add("a", 1, "key") == b"1", "the key was not spent"

    run(main())


def test_a_document_near_the_stores_limit_is_an_error_to_its_caller_and_to_nobody_else() -> None:
    async def main() -> None:
        world = World()
        p = world.process()
        await p.create("a")
        await p.create("b")
        await asyncio.sleep(1)

        def much_text(_state: toy.Toy, _context: Context) -> Decision:
            return decided(M["Added"](amount=1), text="x" * 13 * 1024 * 1024)

        big = p.commands.execute("a", Order("big", b""), much_text, authorize=lambda _s, _at: None)
        results = await asyncio.gather(p.add("b", 1, "key"), big, p.create("c"), return_exceptions=True)
        assert [type(each).__name__ for each in results] == ["bytes", "TooLarge", "Record"]
        assert isinstance(results[1], CommandError)

    run(main())


def test_a_back_off_ends_with_the_deadline_that_failed() -> None:
    async def main() -> None:
        world = World()
        p = world.process()
        await p.create("a")
        world.quirks.raising = {"a"}
        await asyncio.sleep((PERIOD + MINUTE).total_seconds())
        for _ in range(8):
            await p.sweep()
            await asyncio.sleep(600)
        assert world.stored("a").retry_at is not None
        world.quirks.raising = set()
        await p.add("a", 1, "key")
        record = world.stored("a")
        assert (record.retry_at, record.failures) == (None, 0), (
            "the next deadline is not held back for the last one"
        )

    run(main())


def test_a_stored_due_time_that_a_new_build_reckons_otherwise_is_put_right_and_not_found_for_ever() -> None:
    async def main() -> None:
        world = World()
        p = world.process()
        await p.create("a")
        record = p.repository.get(["a"])["a"]
        record.next_due_at = START - MINUTE
        p.repository.commit([record], p.wall.now())
        await asyncio.sleep(1)
        await p.sweep()
        assert world.stored("a").next_due_at == START + PERIOD
        assert state_of(world, "a").epoch == 1

    run(main())
