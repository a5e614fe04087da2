"""The floor: what the records, the writes and the calls of one run cost without our services.

A run is recorded once. Then its store writes, its Kafka records and its calls are replayed at the same time
on the same parts, each by the fastest client in a process of its own.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from deploy.local.parts import Kind, brokers, stores, take, wanted
from deploy.local.ports import LOOPBACK, answers, free_port
from deploy.local.process import Spec
from deploy.local.runtime import SERVICES
from deploy.local.supervisor import Supervisor
from tests.bench.driver import Driver
from tests.bench.figures import FloorRun, Used
from tests.bench.floor import kafka
from tests.bench.floor.batches import by_collection
from tests.bench.floor.recorder import FOLDER, READS, recorded
from tests.bench.processes import Meter
from tests.bench.stage import Stage, Variant, collections, settle, stage

CLOCK_MS = 50
RECORDS, INDEXES, ABOUT = "records.bin", "indexes.json", "about.json"


def record(cases: int, variant: Variant, folder: Path, say: Callable[[str], None]) -> None:
    """Run E4-T once with ears on all store clients; leaves in `folder` what the replays need."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.bson"):
        old.unlink()
    services = {name: f"tests.bench.floor.recorded.{name}" for name in SERVICES}
    os.environ[FOLDER] = str(folder.resolve())
    try:
        with stage(CLOCK_MS, variant, services=services) as place:
            say(f"floor: recording {cases} cases on {place.running.broker}, {place.running.store}")
            settle(place, Meter(place.pids()), asyncio.run(_drive(place, cases)))
            records = kafka.save(place.running.kafka_bootstrap, folder / RECORDS, cases)
            (folder / INDEXES).write_text(json.dumps(_indexes(place)), encoding="utf-8")
    finally:
        del os.environ[FOLDER]
    about = {"cases": cases, "records": records, **_counted(folder)}
    (folder / ABOUT).write_text(json.dumps(about), encoding="utf-8")


async def _drive(place: Stage, cases: int) -> list[str]:
    return list((await Driver(place.running, cases).run()).began_at)


def _indexes(place: Stage) -> list[list[Any]]:
    """Database, collection, keys, options of every index but those on `_id`."""
    found: list[list[Any]] = []
    with MongoClient[dict[str, Any]](place.running.mongo_url) as client:
        for collection in collections(client):
            for name, index in collection.index_information().items():
                if name != "_id_":
                    options = {key: index[key] for key in ("unique", "sparse") if key in index}
                    found.append([collection.database.name, collection.name, index["key"], options])
    return found


def _counted(folder: Path) -> dict[str, int]:
    names = Counter(each["name"] for each in recorded(folder))
    writes = by_collection(recorded(folder)).values()
    return {
        "commands": sum(each.commands for each in writes),
        "statements": sum(len(s) for each in writes for s in each.rounds.values()),
        "reads": sum(names[name] for name in READS),
    }


def measure(variant: Variant, folder: Path, say: Callable[[str], None]) -> FloorRun:
    """Replay what was recorded, once."""
    about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
    cases = about["cases"]
    load_before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="fengqiao-floor-") as name, Supervisor() as supervisor:
        broker = take(Kind.BROKER, wanted(variant.parts, brokers()), say).part
        store = take(Kind.STORE, wanted(variant.parts, stores(sync_on_commit=variant.sync)), say).part
        bootstrap = broker.start(supervisor, Path(name))
        url = store.start(supervisor, Path(name))
        port = free_port()
        _serve(supervisor, Path(name), port)
        with MongoClient[dict[str, Any]](url) as client:
            for database, collection, keys, options in json.loads(
                (folder / INDEXES).read_text(encoding="utf-8")
            ):
                client[database][collection].create_index([tuple(key) for key in keys], **options)
        say(f"floor: replaying {cases} cases on {broker.name}, {store.name}")
        work = {
            "store client": ("store", str(folder), url),
            "kafka client": ("kafka", str(folder / RECORDS), bootstrap),
            "gRPC client": ("rpc", "call", str(port), str(cases)),
        }
        with _ready(work) as clients:
            parts = {status.name: status.pid for status in supervisor.statuses() if status.pid}
            pids = {**parts, **{each: process.pid for each, process in clients.items()}}
            meter = Meter(pids)
            took = _run(clients, meter, pids)
    return FloorRun(
        parts=str(variant.parts),
        broker=broker.name,
        store=store.name,
        sync=variant.sync,
        cases=cases,
        load_before=load_before,
        took_s=took,
        per_case={key: about[key] / cases for key in ("records", "commands", "statements", "reads")},
        used={
            process: Used(1000 * used.cpu_s / cases, used.peak_mb) for process, used in meter.used().items()
        },
    )


def _serve(supervisor: Supervisor, folder: Path, port: int) -> None:
    supervisor.start(
        Spec(
            name="gRPC server",
            command=(sys.executable, "-m", "tests.bench.floor.rpc", "serve", str(port)),
            log=folder / "log" / "rpc.log",
            ready=lambda: None if answers(port) else f"nothing listens at {LOOPBACK}:{port}",
        )
    )
    supervisor.wait_ready("gRPC server")


@contextmanager
def _ready(work: dict[str, tuple[str, ...]]) -> Iterator[dict[str, "subprocess.Popen[str]"]]:
    """The clients, each with everything prepared."""
    clients = {
        name: subprocess.Popen(
            (sys.executable, "-m", f"tests.bench.floor.{module}", *arguments),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name, (module, *arguments) in work.items()
    }
    try:
        for name, process in clients.items():
            _line(name, process, "ready")
        yield clients
    finally:
        for process in clients.values():
            process.kill()
            process.communicate()


def _run(clients: dict[str, "subprocess.Popen[str]"], meter: Meter, pids: dict[str, int]) -> dict[str, float]:
    """Let all go at once; seconds that each took."""
    for process in clients.values():
        if process.stdin:
            process.stdin.write("go\n")
            process.stdin.flush()
    took: dict[str, float] = {}
    while len(took) < len(clients):
        for name in clients.keys() - took.keys():
            took[name] = float(_line(name, clients[name]))
            meter.look(pids)
    return took


def _line(name: str, process: "subprocess.Popen[str]", wanted: str = "") -> str:
    line = process.stdout.readline().strip() if process.stdout else ""
    if not line or (wanted and line != wanted):
        raise RuntimeError(f"{name} failed")
    return line
