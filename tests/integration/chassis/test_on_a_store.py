"""What the chassis keeps in the store beside aggregates: clocks, stops, waits, anchors (rules 4, 13 on)."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pymongo.errors import BulkWriteError

from services.chassis import audit, clock, indexes, store
from services.chassis.anchors import Anchors
from services.chassis.errors import Infrastructure, Invalid, NotFound
from services.chassis.flood import Flood
from services.chassis.foundation import Foundation
from services.chassis.readiness import Readiness
from services.chassis.record import SHARDS
from services.chassis.site import SiteError, load_site
from services.chassis.sweeper import CATCH_UP_LIMIT, Catchup
from tests.integration.chassis.kept import ALIAS, KeptToy, Wall, begin, kept
from tests.kit import toy
from tests.kit.toy import EVENTS
from tests.waiting import until_async

ALL = list(range(SHARDS))


@pytest.fixture
def wall() -> Wall:
    """The process's clock."""
    return Wall()


@pytest.fixture
async def base(
    request: pytest.FixtureRequest, database_name: str, wall: Wall
) -> AsyncIterator[Foundation[toy.Toy]]:
    """A service's foundation on the real store and a broker in memory."""
    async with kept(request.getfixturevalue("store"), database_name, wall) as made:
        yield made


async def test_a_sweeper_that_starts_before_the_consumer_after_an_hours_outage_waits_at_most_five_minutes(
    base: Foundation[toy.Toy], wall: Wall
) -> None:
    await begin(base, "a")
    fall_due(base, "a", timedelta(minutes=30))
    short = [True]
    sweeper = base.sweeper(Catchup(lambda: short[0]))
    # The store's clock can't be moved along: it is not asked, and what it said is forgotten.
    base.wall.measure = lambda _alias: None  # type: ignore[method-assign, assignment]  # as said
    base.wall._theirs = base.wall._read
    assert await sweeper.run_once(ALL) == 0, "what had been published is not consumed yet"
    assert [reason.code for reason in base.readiness.reasons] == ["catch_up"]
    # A rebalance: another sweeper, the same wait, which is not prolonged by it.
    wall.ahead += CATCH_UP_LIMIT - timedelta(seconds=30)
    second = base.sweeper(Catchup(lambda: short[0]))
    assert await second.run_once(ALL) == 0
    short[0] = False
    assert await second.run_once(ALL) == 1
    assert base.readiness.ready
    third = base.sweeper(Catchup(lambda: True))
    await begin(base, "b")
    fall_due(base, "b", timedelta(minutes=5))
    wall.ahead += timedelta(hours=1)
    assert await third.run_once(ALL) == 0, "a new wait counts from its own start"
    wall.ahead += CATCH_UP_LIMIT
    assert await third.run_once(ALL) == 1, "after five minutes it goes on, with an alarm"


def fall_due(base: Foundation[toy.Toy], name: str, ago: timedelta) -> None:
    """Let the first deadline have fallen due during the outage."""
    repository = base.committer.repository
    record = repository.get([name])[name]
    assert record.state is not None
    due = base.wall.now() - ago
    record.state = replace(record.state, due_at=due)
    record.next_due_at = due
    assert not repository.commit([record], base.wall.now()).lost


async def test_a_rebalance_while_offsets_are_asked_for_is_not_forgotten(base: Foundation[toy.Toy]) -> None:
    catchup = Catchup()

    def rebalanced() -> bool:
        catchup.behind = lambda: True
        return False

    catchup.behind = rebalanced
    sweeper = base.sweeper(catchup)
    await begin(base, "a")
    await sweeper.run_once(ALL)
    assert catchup.behind is not None
    await sweeper.run_once(ALL)
    assert [reason.code for reason in base.readiness.reasons] == ["catch_up"]


async def test_clocks_that_differ_by_more_than_two_seconds_stop_firing_and_nothing_fires_early(
    base: Foundation[toy.Toy], wall: Wall
) -> None:
    await begin(base, "a")
    sweeper = base.sweeper(Catchup())
    wall.ahead = timedelta(hours=1)
    assert await sweeper.run_once(ALL) == 0
    assert [reason.code for reason in base.readiness.reasons] == ["clock"]
    assert base.wall.now() < clock.process_time() + timedelta(seconds=2), "the earlier of both clocks"
    wall.ahead = timedelta(hours=-1)
    await sweeper.run_once(ALL)
    assert not base.readiness.ready
    assert base.wall.now() < clock.process_time() - timedelta(minutes=59)
    wall.ahead = timedelta(0)
    await sweeper.run_once(ALL)
    assert base.readiness.ready


async def test_a_clock_that_jumps_is_not_believed_until_it_is_compared_again(
    base: Foundation[toy.Toy], wall: Wall
) -> None:
    # What a command or a consumed event decides by is up to a second old: a jump within it must fire nothing.
    base.wall.measure(ALIAS)
    wall.ahead = timedelta(hours=1)
    assert base.wall.now() < clock.process_time() + timedelta(seconds=2)
    wall.ahead = timedelta(0)
    assert abs(base.wall.now() - clock.process_time()) < timedelta(seconds=1)


async def test_a_process_that_never_sweeps_compares_clocks_as_well(
    base: Foundation[toy.Toy], wall: Wall
) -> None:
    wall.ahead = timedelta(hours=1)
    moment = await base.threads.run(base.clocks.moment, toy.SITE)
    assert moment.now < clock.process_time() + timedelta(seconds=2)


async def test_a_replay_clock_is_moved_by_hand_never_back_and_only_where_there_is_one(
    base: Foundation[toy.Toy],
) -> None:
    assert base.clocks.moment("past").now == store.EPOCH
    later = store.EPOCH + timedelta(days=365)
    assert base.clocks.move("past", later) == later
    assert base.clocks.move("past", store.EPOCH) == later
    moment = base.clocks.moment("past")
    assert (moment.now, moment.replay) == (later, True)
    with pytest.raises(Invalid):
        base.clocks.move(toy.SITE, later)
    with pytest.raises(NotFound):
        base.clocks.move("nowhere", later)
    with pytest.raises(Invalid):
        base.clocks.moment("nowhere")


def test_a_replay_clock_is_impossible_in_production(tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text("id: s\nzone: UTC\nclock: replay\n", encoding="utf-8")
    with pytest.raises(SiteError, match="impossible in production"):
        load_site(tmp_path, production=True)


async def test_a_flood_stop_is_in_the_store_and_survives_restarts(base: Foundation[toy.Toy]) -> None:
    first = Flood(ALIAS, base.threads, base.readiness, base.wall, limit=1)
    await first.wait_until_open()
    for name in ("a", "a", "b"):
        await first.count(name)
    readiness = Readiness()
    restarted = Flood(ALIAS, base.threads, readiness, base.wall)
    waiting = asyncio.create_task(restarted.wait_until_open())
    await until_async(lambda: not readiness.ready)
    assert not waiting.done()
    await base.threads.run(restarted.resume)
    await asyncio.wait_for(waiting, 10)
    await asyncio.wait_for(first.wait_until_open(), 10)
    assert readiness.ready


async def test_the_sweep_publishes_what_a_dead_process_left_and_trims_it(base: Foundation[toy.Toy]) -> None:
    await begin(base, "a")
    await asyncio.gather(*base.publisher._running)
    assert base.publisher.take_trimmable() == {}, "it has not rested long enough"
    base.publisher._trim_after_s = 0.0
    await base.sweeper(Catchup()).run_once(ALL)
    assert base.committer.repository.get(["a"])["a"].outbox == []
    assert base.committer.repository.get(["a"])["a"].version == 1


async def test_indexes_are_made_by_command_and_named_while_they_lack(base: Foundation[toy.Toy]) -> None:
    await begin(base, "a")
    missing = indexes.missing_indexes([KeptToy])
    assert "toys.next_due_at" in missing
    indexes.migrate([KeptToy])
    indexes.migrate([KeptToy])
    assert indexes.missing_indexes([KeptToy]) == []


async def test_anchors_are_signed_and_miss_no_commit_that_lands_after_them_with_an_earlier_time(
    base: Foundation[toy.Toy],
) -> None:
    key = Ed25519PrivateKey.generate()
    anchors = Anchors(ALIAS, [base.committer.repository], key)
    start = base.wall.now()
    assert anchors.anchor(start) == 0
    await begin(base, "a")
    now = base.wall.now() + timedelta(seconds=1)
    assert anchors.anchor(now) == 1
    await begin(base, "b")  # stamped before the anchor that was just made
    assert anchors.anchor(now + timedelta(seconds=1)) == 2
    kept = list(store.database(ALIAS)["anchors"].find(sort=[("at", 1)]))
    for each in kept:
        heads = [(h["aggregate"], h["topic"], bytes(h["head"])) for h in each["heads"]]
        audit.verify(key.public_key(), audit.anchor(heads), each["at"], each["signature"])
    record = base.committer.repository.get(["b"])["b"]
    assert ("b", EVENTS, record.heads[EVENTS]) in heads


async def test_what_has_no_event_of_its_own_is_looked_at_once_and_not_with_every_anchor(
    base: Foundation[toy.Toy],
) -> None:
    anchors = Anchors(ALIAS, [base.committer.repository], Ed25519PrivateKey.generate())
    base.committer.repository.commit([base.committer.repository.fresh("silent", toy.SITE)], base.wall.now())
    now = base.wall.now() + timedelta(seconds=1)
    assert anchors.anchor(now) == 1
    assert anchors.anchor(now + timedelta(minutes=2)) == 1, "it may have come late"
    assert anchors.anchor(now + timedelta(minutes=4)) == 0


async def test_what_only_collects_is_inserted_once_however_often_it_comes(base: Foundation[toy.Toy]) -> None:
    entries = store.database(ALIAS)["entries"]
    assert store.insert_only(entries, []) == 0
    assert store.insert_only(entries, [{"_id": "e1", "n": 1}, {"_id": "e2", "n": 2}]) == 2
    assert store.insert_only(entries, [{"_id": "e2", "n": 99}, {"_id": "e3", "n": 3}]) == 1
    assert [raw["n"] for raw in entries.find().sort("_id", 1)] == [1, 2, 3]
    assert base.readiness.ready


def test_an_insert_that_is_not_known_to_be_durable_is_repeated() -> None:
    class Unsure:
        def with_options(self, **_options: object) -> "Unsure":
            return self

        def insert_many(self, _documents: object, *, ordered: bool) -> None:
            assert not ordered
            raise BulkWriteError({"writeErrors": [], "writeConcernErrors": [{"code": 64}]})

    with pytest.raises(Infrastructure):
        store.insert_only(cast("Any", Unsure()), [{"_id": 1}])


async def test_numbers_are_taken_once_by_whoever_takes_them(base: Foundation[toy.Toy]) -> None:
    first, second = store.Blocks(ALIAS, size=3), store.Blocks(ALIAS, size=3)
    taken = [blocks.reserve("n") for blocks in (first, second, first)]
    assert taken == [range(1, 4), range(4, 7), range(7, 10)]
    assert base.readiness.ready
