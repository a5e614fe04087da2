"""Each fault that mends itself is counted and said in the log: once for a batch, whatever it holds."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
from prometheus_client import REGISTRY, Gauge
from structlog.testing import capture_logs

from services.chassis import lateness
from services.chassis.errors import Contended
from services.chassis.lateness import Lateness
from services.chassis.metrics import METRICS
from tests.kit.broker import Fate
from tests.kit.timing import run
from tests.kit.toy import PERIOD, SOURCE
from tests.kit.world import ALL, MINUTE, M, World


@dataclass
class Seen:
    """What changed in the metrics, and what the log got."""

    metrics: dict[str, float] = field(default_factory=dict)
    lines: list[dict[str, Any]] = field(default_factory=list)

    @property
    def events(self) -> list[str]:
        return [line["event"] for line in self.lines]


def samples() -> dict[str, float]:
    """Every counter and gauge of the chassis; labels left out, their values added up."""
    found: dict[str, float] = {}
    for metric in REGISTRY.collect():
        for sample in metric.samples:
            if metric.name.startswith("fengqiao_") and sample.name in {metric.name, f"{metric.name}_total"}:
                found[sample.name] = found.get(sample.name, 0.0) + sample.value
    return found


def put_gauges_down() -> None:
    """As in a process that has just begun: what a test before left in them would go down to nothing later."""
    for metric in vars(METRICS).values():
        if isinstance(metric, Gauge) and metric._labelnames:
            metric.clear()
        elif isinstance(metric, Gauge):
            metric.set(0)


@contextmanager
def watching() -> Iterator[Seen]:
    put_gauges_down()
    seen, before = Seen(), samples()
    with capture_logs() as lines:
        yield seen
    seen.lines = [dict(line) for line in lines]
    seen.metrics = {
        name: value - before.get(name, 0.0)
        for name, value in samples().items()
        if value != before.get(name, 0.0)
    }


def seen_in(scene: Callable[[World], Awaitable[object]], world: World | None = None) -> Seen:
    """What a scene leaves in metrics and log."""
    with watching() as seen:
        run(_played(scene, world or World()))
    return seen


async def _played(scene: Callable[[World], Awaitable[object]], world: World) -> None:
    await scene(world)


def test_events_that_come_again_are_counted_and_said_once_for_their_batch() -> None:
    async def replayed(world: World) -> None:
        p = world.process()
        for name in ("a", "b", "c"):
            world.source(name, M["Open"](name="x"), M["Add"](amount=1))
        await p.consume()
        world.offsets[SOURCE] = 0
        await p.consume()
        await p.consume()

    seen = seen_in(replayed)
    assert seen.metrics["fengqiao_duplicates_total"] == 6
    told = [line for line in seen.lines if line["event"] == "duplicates_dropped"]
    assert [(line["topic"], line["count"]) for line in told] == [(SOURCE, 6)]


@pytest.mark.parametrize(
    ("fault", "counted"),
    [("executed", True), ("half", True), ("lost", True), ("", False)],
)
def test_a_bulk_of_which_nobody_knows_the_outcome_is_counted(fault: str, *, counted: bool) -> None:
    async def unsure(world: World) -> None:
        p = world.process()
        p.faults.writes.append(fault)
        with suppress(Contended):
            await p.create("a")

    seen = seen_in(unsure)
    assert ("fengqiao_commits_unsure_total" in seen.metrics) is counted
    assert ("commit_unsure" in seen.events) is counted


def test_a_lost_race_is_counted_and_is_no_unknown_outcome() -> None:
    async def raced(world: World) -> None:
        p, q = world.process(), world.process()
        await p.create("a")

        def quicker() -> None:
            records = q.repository.get(["a"])
            records["a"].private["seen"] = 1
            assert not q.repository.commit([records["a"]], q.wall.now()).lost

        p.faults.writes.append(quicker)
        await p.add("a", 1, "key")

    seen = seen_in(raced)
    assert seen.metrics["fengqiao_commit_losers_total"] == 1
    assert "race_lost" in seen.events
    assert "fengqiao_commits_unsure_total" not in seen.metrics


def test_a_store_that_does_not_answer_is_counted_by_what_it_was() -> None:
    async def away(world: World) -> None:
        p = world.process()
        p.faults.blind = 2
        world.source("a", M["Open"](name="x"))
        await p.consume()

    seen = seen_in(away)
    assert seen.metrics["fengqiao_store_failures_total"] == 2
    assert [(line["event"], line["code"]) for line in seen.lines] == [
        ("not_ready", "consumer"),
        ("wait_over", "consumer"),
    ]


def test_records_that_the_broker_does_not_take_are_counted_from_commands_and_from_consuming() -> None:
    async def refused(world: World) -> None:
        p = world.process()
        await p.create("a")
        world.source("b", M["Open"](name="x"))
        await p.consume()
        await asyncio.sleep(1)

    seen = seen_in(refused, World(fate=lambda topic, _key, _headers: Fate.EXPIRED))
    assert seen.metrics["fengqiao_unacknowledged_records_total"] == 3, "one event of a, two of b"
    assert seen.events.count("not_acknowledged") == 2


def test_a_gap_and_its_healing_are_counted() -> None:
    async def gap(world: World) -> None:
        p = world.process()
        world.source("a", M["Add"](amount=1), first=2)
        await p.consume()
        await p.heal()
        world.source("a", M["Open"](name="x"))
        await p.consume()
        p.deciding.stirred.add("a")
        await p.heal()
        assert p.readiness.reasons
        await p.heal()

    seen = seen_in(gap)
    assert (seen.metrics["fengqiao_gaps_total"], seen.metrics["fengqiao_healed_total"]) == (1, 1)
    assert {"gap", "still_behind", "healed"} <= set(seen.events)


def test_poison_and_the_flood_that_it_becomes_are_counted() -> None:
    async def flood(world: World) -> None:
        p = world.process(flood_limit=2)
        for name in ("a", "b", "c"):
            world.source(name, M["Strange"]())
        await p.consume()

    seen = seen_in(flood)
    assert (seen.metrics["fengqiao_dead_letters_total"], seen.metrics["fengqiao_floods_total"]) == (3, 1)
    assert (seen.events.count("poison"), seen.events.count("flood")) == (3, 1)


def test_late_firings_are_said_once_for_their_batch_with_the_worst() -> None:
    async def late(world: World) -> None:
        p = world.process()
        for name in ("a", "b"):
            await p.create(name)
        await asyncio.sleep((PERIOD + MINUTE).total_seconds())
        await p.sweep()

    told = [line for line in seen_in(late).lines if line["event"] == "fired_late"]
    assert [(line["count"], line["worst_s"]) for line in told] == [(2, 60.0)]


def test_a_deadline_that_was_over_when_its_case_came_in_is_not_late() -> None:
    async def backdated(world: World) -> None:
        p = world.process()
        await p.create("a")
        await asyncio.sleep((PERIOD + MINUTE).total_seconds())
        world.quirks.known_since = p.wall.now()
        await p.sweep()

    world = World()
    assert "fired_late" not in seen_in(backdated, world).events
    assert world.quirks.fired == [("a", 1)]


def test_a_firing_that_fails_is_counted_while_it_does() -> None:
    async def failing(world: World) -> None:
        p = world.process()
        await p.create("a")
        world.quirks.raising = {"a"}
        await asyncio.sleep((PERIOD + MINUTE).total_seconds())
        await p.sweep()
        assert samples()["fengqiao_failing_firings"] == 1
        world.quirks.raising = set()
        await asyncio.sleep(2)
        await p.sweep()

    seen = seen_in(failing)
    assert samples()["fengqiao_failing_firings"] == 0
    assert "firing_failed" in seen.events


def test_the_worst_lateness_is_that_of_the_last_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(lateness, "monotonic", lambda: now[0])
    measured = Lateness()
    assert measured.worst() == 0.0
    measured.note([])
    measured.note([0.1, 3.0, 0.2])
    now[0] = 40.0
    measured.note([0.5])
    assert measured.worst() == 3.0
    now[0] = 61.0
    assert measured.worst() == 0.5
    now[0] = 101.0
    assert measured.worst() == 0.0


def test_nothing_is_counted_and_nothing_logged_when_all_goes_well() -> None:
    async def well(world: World) -> None:
        p = world.process()
        world.source("a", M["Open"](name="x"), M["Add"](amount=1))
        await p.consume()
        await p.add("a", 1, "key")
        await asyncio.sleep(PERIOD.total_seconds() + 0.1)
        await p.sweeper.fire(ALL)
        await p.rest()

    seen = seen_in(well)
    assert seen.metrics == {}
    assert seen.lines == []
