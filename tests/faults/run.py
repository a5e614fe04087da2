"""One run: lay the stage, let the crowd in, do what is planned, heal, wait for rest, look at the evidence."""

import asyncio
import contextlib
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import structlog
from pymongo import MongoClient

from deploy.local.runtime import SERVICES
from services.chassis.clock import monotonic, process_time
from services.chassis.store import EPOCH
from tests.faults.agency import Agency, look_on
from tests.faults.crowd import Crowd, Load
from tests.faults.evidence import Evidence, Tally, evidence_of
from tests.faults.history import read as read_history
from tests.faults.invariants import look_at
from tests.faults.nemesis import FAULTS, Planned, Scene
from tests.faults.stage import Stage, Wanted, laid
from tests.journeys.clients import House

log = structlog.get_logger()

READY_S = 90.0
REST_S = 150.0
AFTER_S = 5.0
LOOK_S = 0.3
SOON = timedelta(days=1)
SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a run."""

    name: str
    seed: int
    schedule: Sequence[Planned]
    parts: str
    checks: int
    violations: list[str]
    stories: list[str]
    by_invariant: Mapping[str, int]
    """How many violations of each."""
    figures: Mapping[str, Any] = field(default_factory=dict)

    @property
    def line(self) -> str:
        """The last line of a run."""
        return f"{len(self.violations)} violations of {self.checks} checks"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What to run."""

    name: str
    seed: int
    schedule: Sequence[Planned]
    seconds: float
    wanted: Wanted = field(default_factory=Wanted)
    load: Load = field(default_factory=Load)
    size: int = 300
    rest_s: float = REST_S
    """How long it may take until all is at rest."""


def wanted_for(order: Order) -> Wanted:
    """The stage that the planned faults need."""
    needs: dict[str, Any] = {}
    for planned in order.schedule:
        needs |= FAULTS[planned.fault].needs
    return replace(order.wanted, **needs, clock_ms=int(order.load.clock_s * 1000))


def run(order: Order, folder: Path, say: Callable[[str], None]) -> Outcome:
    """Run it in an empty folder; what it leaves there tells everything."""
    with laid(folder, wanted_for(order)) as stage:
        return run_on(stage, order, say)


def run_on(stage: Stage, order: Order, say: Callable[[str], None]) -> Outcome:
    """Run it on a stage where others may have run before: all that they left is looked at again."""
    say(f"{order.name}, seed {order.seed}, on {stage.running.broker}, {stage.running.store}")
    for planned in order.schedule:
        say(f"  {planned.begins:5.1f} s  {planned.fault} for {planned.lasts:g} s")
    asyncio.run(_act(order, stage))
    evidence = gather(stage, order.load.clock_s)
    figures = _figures(evidence, stage)
    parts = f"{stage.running.broker}; {stage.running.store}"
    return _outcome(order, parts, evidence, look_at(evidence), figures)


def act_and_gather(order: Order, folder: Path) -> Evidence:
    """Run it, and give what is left to look at."""
    folder.mkdir(exist_ok=True)
    with laid(folder, wanted_for(order)) as stage:
        asyncio.run(_act(order, stage))
        return gather(stage, order.load.clock_s)


async def _act(order: Order, stage: Stage) -> None:
    stage.journal.write("nemesis", "run", order=order.name, seed=order.seed)
    seed = f"{order.name}/{order.seed}"
    crowd = Crowd(stage.running, stage.journal, order.load, seed)
    bootstrap = stage.running.kafka_bootstrap
    agency = Agency(bootstrap, stage.journal, order.load.agency or order.load.pace / 4, seed)
    tasks = [asyncio.create_task(work) for work in (agency.run(), look_on(bootstrap, stage.journal))]
    opening = asyncio.create_task(crowd.run())
    over = threading.Event()
    try:
        began = monotonic()
        await asyncio.gather(*(_do(planned, order, stage, crowd, over) for planned in order.schedule))
        await asyncio.sleep(max(began + order.seconds - monotonic(), 0))
        await asyncio.to_thread(heal, stage)
        stage.journal.write("nemesis", "healed")
        await asyncio.to_thread(_until_ready, stage)
        await asyncio.sleep(AFTER_S)
        tasks[0].cancel()
        if not await crowd.finish(order.rest_s):
            stage.journal.write("nemesis", "left", what=f"{crowd.under_way} calls of clients")
        await asyncio.to_thread(_until_rest, stage, order.rest_s)
        for what in crowd.broken:
            stage.journal.write("nemesis", "broken", what=what)
    finally:
        over.set()
        for task in (*tasks, opening):
            task.cancel()
        await asyncio.gather(*tasks, opening, return_exceptions=True)
        await crowd.disconnect()


async def _do(planned: Planned, order: Order, stage: Stage, crowd: Crowd, over: threading.Event) -> None:
    await asyncio.sleep(planned.begins)
    chance = random.Random(f"{planned.fault}/{planned.begins}/{order.seed}")
    scene = Scene(stage, chance, planned.lasts, over, crowd, asyncio.get_running_loop(), order.size)
    stage.journal.write("nemesis", "begins", fault=planned.fault)
    try:
        await asyncio.to_thread(FAULTS[planned.fault].run, scene)
    except Exception as error:  # a fault that can't be put in is no proof of anything
        log.exception("fault_failed", fault=planned.fault)
        stage.journal.write("nemesis", "broken", what=f"{planned.fault}: {type(error).__name__}: {error}")
    stage.journal.write("nemesis", "ends", fault=planned.fault)


def heal(stage: Stage) -> None:
    """Whatever a fault left behind, it is over."""
    for name in list(stage.held):
        stage.let_go(name)
    stage.wires.calm()
    for service in (*SERVICES, "routing-worker"):
        stage.plan(service)
        stage.shift_clock(service, "+0")


def _until_ready(stage: Stage) -> None:
    try:
        stage.until_ready(READY_S)
    except AssertionError as error:
        stage.journal.write("nemesis", "left", what=str(error)[:500])
    else:
        stage.journal.write("nemesis", "ready")


def _until_rest(stage: Stage, patience_s: float) -> None:
    """Wait until nothing is on its way, twice in a row."""
    end, quiet, told = monotonic() + patience_s, 0, ""
    with House(stage.running) as house:
        while monotonic() < end:
            told = _moves(stage, house)
            quiet = 0 if told else quiet + 1
            if quiet >= 2:
                stage.journal.write("nemesis", "rested")
                return
            time.sleep(LOOK_S)
    stage.journal.write("nemesis", "left", what=told)


def _moves(stage: Stage, house: House) -> str:
    """What still moves; empty when nothing does."""
    operator = house.operator()
    found = []
    for name in SERVICES:
        try:
            status = operator.status(name)
        except grpc.RpcError as error:
            return f"{name}: {error}"
        lag = {topic: records for topic, records in status.lag.items() if records}
        counts = {"behind": status.behind, "outboxes": status.outbox_waiting, "due": status.due_unfired}
        counts["waiting"] = status.figures["waiting"] if name == "notify" else 0
        if lag or any(counts.values()) or not status.ready:
            found.append(f"{name}: lag {lag} {counts} {[r.code for r in status.reasons]}")
    with MongoClient[dict[str, Any]](stage.running.mongo_url) as client:
        # A supervision order is due in days, and again for as long as its case is open.
        soon = {"next_due_at": {"$gt": EPOCH, "$lt": process_time() + SOON}}
        if running := client["fengqiao_routing"]["cases"].count_documents(soon):
            found.append(f"{running} clocks run")
    return "; ".join(found)


def gather(stage: Stage, clock_s: float) -> Evidence:
    """Everything that a run left."""
    history = read_history(stage.folder / "history.jsonl")
    return evidence_of(stage.running, stage.runtime.options.sites, history, clock_s)


def _figures(evidence: Evidence, stage: Stage) -> dict[str, Any]:
    history = evidence.history.last_run()
    begun = min((entry.at for entry in history.of("nemesis", "run")), default=0.0)
    firings = [
        event.landed.at - event.at
        for events in evidence.events("fengqiao.routing.events").values()
        for event in events
        if getattr(event.message, "clock", "") and event.at > begun
    ]
    requests = evidence.of("intake", "requests")
    marks = {op: entry.at for op in ("healed", "ready", "rested") for entry in history.of("nemesis", op)}
    found: dict[str, Any] = {
        "cases": sum(raw["updated_at"].timestamp() > begun for raw in requests.values()),
        "events": sum(each.at > begun for records in evidence.topics.values() for each in records),
        "calls": sum(1 for _ in history.of("invoke")),
        "unknown": sum(1 for _ in history.of("info")),
        "firings": len(firings),
        "restarts": sum(status.restarts for status in stage.supervisor.statuses()),
        "repeated_mails": len(evidence.mails) - len(set(evidence.mails)),
        "letters": sum(len(r) for topic, r in evidence.topics.items() if topic.endswith(".dead")),
    }
    if firings:
        found["latest_s"] = round(max(firings), 2)
    for op in ("ready", "rested"):
        if op in marks:
            found[f"{op}_s"] = round(marks[op] - marks["healed"], 1)
    return found


def _outcome(
    order: Order, parts: str, evidence: Evidence, tally: Tally, figures: Mapping[str, Any]
) -> Outcome:
    lines = [f"{v.invariant}  {v.case or '-'}  {v.text}" for v in tally.violations]
    cases = list(dict.fromkeys(v.case for v in tally.violations if v.case))[:SHOWN]
    counts: dict[str, int] = {}
    for violation in tally.violations:
        counts[violation.invariant] = counts.get(violation.invariant, 0) + 1
    with contextlib.suppress(Exception):
        stories = [f"  {case}\n{evidence.story(case)}" for case in cases]
    return Outcome(
        name=order.name,
        seed=order.seed,
        schedule=order.schedule,
        parts=parts,
        checks=tally.count,
        violations=lines,
        stories=stories,
        by_invariant=counts,
        figures=figures,
    )
