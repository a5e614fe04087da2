"""One suite over the store in memory and the real one: what holds for the fake holds (rules 1 to 4, 8)."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from mongoengine import connect
from mongoengine.connection import disconnect

from services.chassis import indexes
from services.chassis import store as chassis_store
from services.chassis.engine import Engine, Moment
from services.chassis.errors import Infrastructure
from services.chassis.model import Context, Decision
from services.chassis.record import SHARDS, Behind, Position, Record, shard_of
from services.chassis.store import AggregateDocument, Repository
from tests.kit import toy
from tests.kit.storage import FakeRepository, Faults, FaultyRepository, MemoryCollection
from tests.kit.timing import START
from tests.kit.toy import EVENTS, SOURCE

ALL = list(range(SHARDS))
NOW = START + timedelta(hours=1)
MOMENT = Moment(START, START)


class ToyDocument(AggregateDocument):
    """Where toys are kept."""

    meta = {"db_alias": "kit", "collection": "toys"}  # noqa: RUF012 - mongoengine reads a plain class attribute


@pytest.fixture
def real_store(store: str, database_name: str) -> Iterator[str]:
    """The alias of a connection to a fresh database."""
    ToyDocument._collection = None
    connect(
        db=database_name,
        host=store,
        alias="kit",
        tz_aware=True,
        uuidRepresentation="standard",
        retryWrites=False,
        serverSelectionTimeoutMS=3_000,
    )
    indexes.migrate([ToyDocument])
    yield "kit"
    disconnect("kit")
    ToyDocument._collection = None


@pytest.fixture(params=["fake", "real"])
def repository(request: pytest.FixtureRequest) -> Repository[Any]:
    """The repository under test, with its faults."""
    if request.param == "fake":
        return FakeRepository(MemoryCollection(), toy.model())
    request.getfixturevalue("real_store")
    return FaultyRepository(ToyDocument, toy.model(), Faults())


def faults(repository: Repository[Any]) -> Faults:
    assert isinstance(repository, FakeRepository | FaultyRepository)
    return repository.faults


def total(repository: Repository[Any]) -> int:
    state = repository.get(["a"])["a"].state
    assert isinstance(state, toy.Toy)
    return state.total


def made(name: str) -> Record[Any]:
    record: Record[Any] = Record(id=name, site=toy.SITE)
    Engine(toy.model()).create(record, toy.open_toy(name), START, MOMENT)
    return record


def added(repository: Repository[Any], name: str, amount: int) -> Record[Any]:
    record = repository.get([name])[name]

    def decide(state: toy.Toy, _context: Context) -> Decision:
        return toy.add(state, amount)

    Engine(toy.model()).command(record, decide, MOMENT, key=str(amount), body_hash=b"\x01")
    return record


def test_what_is_committed_is_read_back_the_same(repository: Repository[Any]) -> None:
    record = made("a")
    record.seen[SOURCE] = Position(3, 0, 7)
    record.behind["x.y"] = Behind("gap", 4, 0, 8, "1")
    record.private["note"] = "text"
    assert repository.commit([record], NOW).stored == [record]
    found = repository.get(["a", "nobody"])
    assert found == {"a": record}
    assert found["a"].outbox[0].occurred_at == START


def test_an_insert_of_what_is_there_loses(repository: Repository[Any]) -> None:
    first, second = made("a"), made("a")
    assert repository.commit([first], NOW).lost == set()
    committed = repository.commit([second, made("b")], NOW)
    assert (committed.lost, [r.id for r in committed.stored]) == ({"a"}, ["b"])
    assert repository.get(["a"])["a"].commit_id == first.commit_id


def test_a_replacement_of_an_older_version_loses_and_its_neighbours_win(repository: Repository[Any]) -> None:
    repository.commit([made(name) for name in ("a", "b", "c")], NOW)
    stale, other, fresh = added(repository, "a", 1), added(repository, "b", 2), added(repository, "a", 3)
    assert not repository.commit([fresh], NOW).lost
    committed = repository.commit([stale, other, made("d")], NOW)
    assert (committed.lost, {r.id for r in committed.stored}) == ({"a"}, {"b", "d"})
    assert total(repository) == 3


def test_among_many_replacements_a_stale_one_loses_and_the_others_win(repository: Repository[Any]) -> None:
    repository.commit([made(name) for name in "abc"], NOW)
    stale = added(repository, "a", 1)
    assert not repository.commit([added(repository, "a", 2)], NOW).lost
    committed = repository.commit([stale, added(repository, "b", 3), added(repository, "c", 4)], NOW)
    assert (committed.lost, {r.id for r in committed.stored}) == ({"a"}, {"b", "c"})
    assert [repository.get([name])[name].version for name in "abc"] == [2, 2, 2]


@pytest.mark.parametrize("fault", ["executed", "lost", "half"])
def test_an_unknown_outcome_is_settled_by_the_commit_id(repository: Repository[Any], fault: str) -> None:
    repository.commit([made("a")], NOW)
    faults(repository).writes.append(fault)
    committed = repository.commit([added(repository, "a", 1), made("b")], NOW)
    there = repository.get(["a", "b"])
    won = {"executed": {"a", "b"}, "lost": set(), "half": {"a"}}[fault]
    assert {r.id for r in committed.stored} == won
    assert committed.lost == {"a", "b"} - won
    assert {name for name, record in there.items() if record.version == (2 if name == "a" else 1)} == won


def test_when_nothing_can_be_known_it_is_infrastructure(repository: Repository[Any]) -> None:
    faults(repository).writes.append("unknown")
    with pytest.raises(Infrastructure):
        repository.commit([made("a")], NOW)
    assert repository.get(["a"])["a"].version == 1


def test_a_document_over_its_limit_is_left_out_alone(repository: Repository[Any]) -> None:
    big = made("big")
    big.private["text"] = "x" * (chassis_store.MAX_DOCUMENT_BYTES + 1)
    committed = repository.commit([big, made("a")], NOW)
    assert (committed.too_large, committed.lost, [r.id for r in committed.stored]) == ({"big"}, set(), ["a"])
    assert set(repository.get(["big", "a"])) == {"a"}
    assert repository.commit([], NOW).stored == []


def test_a_trim_empties_the_outbox_of_its_own_version_only_and_leaves_the_version(
    repository: Repository[Any],
) -> None:
    repository.commit([made("a"), made("b")], NOW)
    repository.commit([added(repository, "b", 1)], NOW)
    assert repository.trim({"a": 1, "b": 1}) == 1
    assert repository.trim({}) == 0
    a, b = (repository.get(["a", "b"])[name] for name in ("a", "b"))
    assert (a.outbox, a.version) == ([], 1)
    assert [e.sequence for e in b.outbox] == [1, 2]
    assert [r.id for r in repository.waiting(ALL, NOW, 10)] == ["b"]
    assert repository.commit([added(repository, "a", 1)], NOW).lost == set()


def test_what_is_acknowledged_is_dropped_by_the_next_replacement(repository: Repository[Any]) -> None:
    repository._acknowledged = lambda _id: {EVENTS: 1}
    repository.commit([made("a")], NOW)
    repository.commit([added(repository, "a", 1)], NOW)
    assert [e.sequence for e in repository.get(["a"])["a"].outbox] == [2]


def test_due_is_strictly_before_by_shard_and_without_those_that_rest(repository: Repository[Any]) -> None:
    resting = made("resting")
    resting.retry_at = NOW + timedelta(minutes=1)
    repository.commit([made("a"), made("b"), resting], NOW)
    due = START + toy.PERIOD
    moment = timedelta(milliseconds=1)

    def found(before: Any, wall: Any = NOW, shards: list[int] = ALL) -> set[str]:
        return {r.id for r in repository.due(toy.SITE, shards, before, wall, 10)}

    assert found(due) == set()
    assert found(due + moment) == {"a", "b"}
    assert found(due + moment, shards=[shard_of("a")]) == {"a"}
    assert found(due + moment, wall=NOW + timedelta(minutes=1)) == {"a", "b", "resting"}
    assert repository.due("elsewhere", ALL, due + moment, NOW, 10) == []


def test_behind_finds_gaps_and_what_another_build_could_not_apply(repository: Repository[Any]) -> None:
    records = {name: made(name) for name in ("gap", "old", "same", "well")}
    records["gap"].behind[SOURCE] = Behind("gap", 4, 0, 8, "2")
    records["old"].behind[SOURCE] = Behind("raised:ValueError", 4, 0, 8, "1")
    records["same"].behind[SOURCE] = Behind("raised:ValueError", 4, 0, 8, "2")
    repository.commit(list(records.values()), NOW)
    assert {r.id for r in repository.behind(ALL, "2", 10)} == {"gap", "old"}
    assert repository.count({"behind_since": {"$exists": True}}) == 3
    count, named = repository.sample({"behind_since": {"$gt": chassis_store.EPOCH}}, 2)
    assert (count, len(named)) == (3, 2)


def test_many_threads_that_change_one_document_each_win_once(real_store: str) -> None:
    repository: Repository[Any] = Repository(ToyDocument, toy.model())
    repository.commit([made("a")], NOW)

    def until_won(amount: int) -> int:
        for attempt in range(200):
            if not repository.commit([added(repository, "a", amount)], NOW).lost:
                return attempt
        raise AssertionError("never won")

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(until_won, range(1, 25)))
    record = repository.get(["a"])["a"]
    assert total(repository) == sum(range(1, 25))
    assert record.version == 25
    assert [e.sequence for e in record.outbox] == list(range(1, 26))
