"""Faults from within: seeded, begun and ended by a file, and impossible in production."""

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from pymongo.collection import Collection
from pymongo.cursor import Cursor
from pymongo.errors import NetworkTimeout, PyMongoError

from services.chassis import mishaps
from services.chassis.mishaps import Plan, Point, install
from services.chassis.settings import Settings
from tests.kit.broker import FakeBroker, FakeProducer


class Dead(BaseException):
    """The process would have ended here."""


def die() -> None:
    raise Dead


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "plan.json"


@pytest.fixture(autouse=True)
def kept_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test installs is gone after it."""
    for name in (*mishaps.WRITES, *mishaps.READS):
        monkeypatch.setattr(Collection, name, getattr(Collection, name))
    monkeypatch.setattr(Cursor, "_refresh", Cursor._refresh)


def written(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What reaches the store by `bulk_write`."""
    there: list[Any] = []
    monkeypatch.setattr(Collection, "bulk_write", lambda _self, operations, **_: there.extend(operations))
    return there


def bulk(operations: list[Any]) -> None:
    Collection.bulk_write(None, operations)  # type: ignore[arg-type]  # the fake above asks for no collection


def test_in_production_faults_are_refused_at_the_start(path: Path) -> None:
    with pytest.raises(ValidationError, match="never in production"):
        Settings(service="toy", mishaps=path)
    assert Settings(service="toy", environment="development", mishaps=path).mishaps == path
    assert Settings(service="toy").mishaps is None


def test_without_a_plan_nothing_happens(path: Path) -> None:
    plan = Plan(path, die)
    plan.passes(Point.AFTER_WRITE)
    assert not any(plan.mishap("store") for _ in range(100))


def test_a_share_of_the_calls_fails_in_three_ways_and_stops_when_the_plan_says_so(path: Path) -> None:
    plan = Plan(path, die)
    path.write_text(json.dumps({"seed": 7, "store": 0.3}), encoding="utf-8")
    found = Counter(plan.mishap("store") for _ in range(3000))
    assert set(found) == {"", "unavailable", "timeout", "executed"}
    assert 700 < found.total() - found[""] < 1100
    assert not plan.mishap("broker")
    path.unlink()
    assert not any(plan.mishap("store") for _ in range(100))


def test_the_process_ends_the_nth_time_that_it_comes_to_the_point(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = written(monkeypatch)
    install(path, FakeProducer(FakeBroker()), Plan(path, die))
    path.write_text(json.dumps({"crash": {"point": "after_write", "nth": 2}}), encoding="utf-8")
    bulk([1])
    with pytest.raises(Dead):
        bulk([2])
    assert there == [1, 2]


def test_before_a_write_nothing_is_written_and_in_the_middle_of_a_bulk_half_of_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = written(monkeypatch)
    install(path, FakeProducer(FakeBroker()), Plan(path, die))
    path.write_text(json.dumps({"crash": {"point": "before_write", "nth": 1}}), encoding="utf-8")
    with pytest.raises(Dead):
        bulk([1, 2, 3, 4])
    assert there == []
    path.write_text(json.dumps({"crash": {"point": "mid_bulk", "nth": 1}, "seed": 2}), encoding="utf-8")
    with pytest.raises(Dead):
        bulk([1, 2, 3, 4])
    assert there == [1, 2]


def test_what_was_executed_is_done_and_the_caller_sees_a_timeout(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = written(monkeypatch)
    plan = Plan(path, die)
    install(path, FakeProducer(FakeBroker()), plan)
    for mishap, done in (("executed", [1]), ("timeout", []), ("unavailable", [])):
        there.clear()
        monkeypatch.setattr(plan, "mishap", lambda _what, mishap=mishap: mishap)
        with pytest.raises(NetworkTimeout if mishap != "unavailable" else PyMongoError):
            bulk([1])
        assert there == done, mishap


async def test_a_record_is_refused_or_sent_and_not_known_to_be(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker, plan = FakeBroker(), Plan(path, die)
    producer = install(path, FakeProducer(broker), plan)
    for mishap, acknowledged, there in (("executed", False, 1), ("timeout", False, 1), ("", True, 2)):
        monkeypatch.setattr(plan, "mishap", lambda _what, mishap=mishap: mishap)
        async with asyncio.timeout(5):
            assert await producer.send("topic", b"key", b"value", []) is acknowledged
        assert len(broker.records("topic")) == there, mishap
