"""What faults are done to: a runtime of the real services on real parts, laid out so that everything can be
broken: links that can be cut, plans of mishaps, disks that can be full, clocks that can be false.
"""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import structlog
import yaml

from deploy.local.broker import WheelBroker
from deploy.local.cluster import MavenCluster
from deploy.local.parts import Part
from deploy.local.ports import free_port
from deploy.local.runtime import SERVICES, Options, Running, Runtime
from deploy.local.store import PathStore, WheelStore
from deploy.local.supervisor import State, Supervisor
from tests.faults.history import Journal
from tests.faults.patched import Patch, patched
from tests.faults.proxy import Wires
from tests.faults.unjournaled import Unjournaled
from tests.waiting import until

SITE = Path(__file__).parent / "site"
FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")
GROUPS = (*SERVICES, "routing-worker")
DISK_MB = 768
SHIM = """\
# libfaketime answers Python's way to sleep (clock_nanosleep, absolute) with EINVAL: sleep otherwise.
import select
import time

time.sleep = lambda seconds: select.select([], [], [], seconds) and None
"""
BUG = "bug"
PLACED = "        placement = rules.place(event.kind, event.unit_id, urgent=event.urgent)\n        promised ="

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a stage is laid with."""

    brokers: int = 3
    """0: the wheel's broker, in memory."""
    wheel_store: bool = False
    links: bool = True
    forgetful: bool = False
    """The store, when it is killed, forgets what it was not asked to journal."""
    small_disks: bool = False
    """The parts' data on a memory disk of their own, which can be filled. Needs root."""
    clocks: bool = False
    """Services' clocks can be moved (libfaketime). Costs some speed."""
    routing_workers: int = 1
    clock_ms: int = 1200
    source: Path | None = None
    """A copy of the services' code to run instead of the checkout's."""
    bug: bool = False
    """Routing's handler raises on kinds `bug.*` while `Stage.bug` exists."""


@dataclass(slots=True)
class Stage:
    """A started runtime and what it can be broken with."""

    runtime: Runtime
    wires: Wires
    folder: Path
    journal: Journal
    wanted: Wanted
    broker: Part
    unjournaled: Unjournaled | None = None
    held: set[str] = field(default_factory=set)
    """Processes that stand still now."""

    @property
    def running(self) -> Running:
        """Where everything is."""
        return self.runtime.running

    @property
    def supervisor(self) -> Supervisor:
        """Keeps the processes."""
        return self.runtime.supervisor

    @property
    def brokers(self) -> list[str]:
        """The brokers' processes."""
        return cluster.names if (cluster := cluster_of(self.broker)) else ["broker"]

    @property
    def bug(self) -> Path:
        """The handler's bug is there as long as this file is."""
        return self.folder / BUG

    def pid(self, name: str) -> int:
        """The process that runs something now. Raises ProcessLookupError while there is none."""
        pid = self.supervisor.status(name).pid
        if pid is None:
            raise ProcessLookupError(name)
        return pid

    def kill(self, name: str) -> None:
        """SIGKILL; the supervisor restarts it."""
        self.supervisor.kill(name)
        if name == "store" and self.unjournaled:
            self.wires.call(self.unjournaled.killed)

    def hold(self, name: str) -> None:
        """No more time for a process; its connections stay."""
        os.kill(self.pid(name), signal.SIGSTOP)
        self.held.add(name)

    def let_go(self, name: str) -> None:
        """It goes on."""
        self.held.discard(name)
        try:
            os.kill(self.pid(name), signal.SIGCONT)
        except ProcessLookupError:
            log.info("gone_meanwhile", process=name)

    def plan(self, service: str, **content: Any) -> None:
        """What mishaps a service has from now on; none without content. See `services.chassis.mishaps`."""
        path = self.plan_of(service)
        unfinished = path.with_suffix(".part")
        unfinished.write_text(json.dumps(content), encoding="utf-8")
        unfinished.replace(path)

    def plan_of(self, service: str) -> Path:
        """The file of a service's plan."""
        return self.folder / "plans" / f"{service}.json"

    def clock_of(self, group: str) -> Path:
        """The file that says how far a group of processes' clocks are off."""
        return self.folder / "clocks" / group

    def shift_clock(self, group: str, offset: str) -> None:
        """Move the clock of processes, for example `+3600s` or `+0 x1.0005`; `+0` is the true one."""
        path = self.clock_of(group)
        unfinished = path.with_suffix(".part")
        unfinished.write_text(offset + "\n", encoding="utf-8")
        unfinished.replace(path)

    def until_ready(self, patience_s: float) -> None:
        """Wait until everything is ready, by itself."""
        everything = [
            status.name for status in self.supervisor.statuses() if status.state is not State.STOPPED
        ]
        until(
            lambda: all(self.supervisor.status(name).state is State.READY for name in everything),
            patience_s,
            "everything ready again: "
            + ", ".join(f"{s.name} {s.state} {s.reason}" for s in self.supervisor.statuses()),
        )


@contextmanager
def laid(folder: Path, wanted: Wanted) -> Iterator[Stage]:
    """Lay a stage in a folder: empty stores and topics, everything ready."""
    for name in ("plans", "clocks"):
        (folder / name).mkdir(parents=True)
    for group in GROUPS:
        (folder / "clocks" / group).write_text("+0\n", encoding="utf-8")
        (folder / "plans" / f"{group}.json").write_text("{}", encoding="utf-8")
    if wanted.clocks:
        (folder / "shim").mkdir()
        (folder / "shim" / "sitecustomize.py").write_text(SHIM, encoding="utf-8")
    if wanted.bug:
        source = patched(folder / "source", [bug_of(folder / BUG)])
        wanted = replace(wanted, source=source)
    with ExitStack() as stack:
        wires = stack.enter_context(Wires())
        broker, store = parts(wanted, stack)
        unjournaled: list[Unjournaled] = []  # the store's port is known when it has started
        options = Options(
            sites=site_of(wanted, folder / "sites"),
            name="faults",
            data_dir=folder / "runtime",
            broker=broker,
            store=store,
            fresh=True,
            replication_factor=max(1, wanted.brokers),
            workers={"routing": wanted.routing_workers},
            environment=_Environment(folder, wanted, wires, broker, unjournaled),
            ready_within=150,
        )
        journal = Journal(folder / "history.jsonl")
        stack.callback(journal.close)
        runtime = stack.enter_context(Runtime(options, lambda line: log.info("stage", line=line)))
        forgets = next(iter(unjournaled), None)
        stage = Stage(runtime, wires, folder, journal, wanted, broker, forgets)
        stack.callback(_release, stage)
        yield stage


def bug_of(flag: Path) -> Patch:
    """A handler that raises on some cases, until a file is gone."""
    condition = f'event.kind.startswith("bug.") and __import__("os").path.exists({str(flag)!r})'
    bug = f'        if {condition}:\n            raise RuntimeError("a bug in a handler")\n'
    return Patch("services/routing/domain/decisions.py", PLACED, bug + PLACED)


def parts(wanted: Wanted, stack: ExitStack) -> tuple[Part, Part]:
    """Broker and store as they are wanted, the best store that there is."""
    broker: Part = WheelBroker()
    if wanted.brokers:
        doors = [_door(group) for group in GROUPS] if wanted.links else []
        broker = MavenCluster(size=wanted.brokers, doors=doors)
    store: Part = WheelStore()
    for program in ("mongod", "secantusd-rs"):
        if not wanted.wheel_store and PathStore(program).lacks() is None:
            store = PathStore(program)
            break
    if wanted.small_disks:
        broker, store = SmallDisk(broker, "kafka", stack), SmallDisk(store, "store", stack)
    return broker, store


@dataclass(frozen=True, slots=True)
class SmallDisk:
    """A part whose data are on a disk of their own."""

    part: Part
    name_of_folder: str
    stack: ExitStack

    @property
    def name(self) -> str:
        return self.part.name

    @property
    def durable(self) -> bool:
        return self.part.durable

    @property
    def genuine(self) -> bool:
        return self.part.genuine

    @property
    def ours(self) -> bool:
        return self.part.ours

    def lacks(self) -> str | None:
        return self.part.lacks() or no_mounts()

    def prepare(self, say: Any) -> None:
        self.part.prepare(say)

    def start(self, supervisor: Supervisor, folder: Path) -> str:
        disk = folder / self.name_of_folder
        disk.mkdir()
        tmpfs = ("/bin/mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(disk))
        subprocess.run(tmpfs, check=True)
        self.stack.callback(subprocess.run, ("/bin/umount", "-l", str(disk)), check=False)
        return self.part.start(supervisor, folder)


def cluster_of(broker: Part) -> MavenCluster | None:
    """The brokers from the jars, if it is those."""
    part = broker.part if isinstance(broker, SmallDisk) else broker
    return part if isinstance(part, MavenCluster) else None


def no_mounts() -> str | None:
    """Why no disk can be mounted here; None when one can."""
    if os.geteuid() or not Path("/bin/mount").exists():
        return "root, to mount a small disk"
    return None


def site_of(wanted: Wanted, folder: Path) -> Path:
    """A folder of sites with the faults' one, its clocks as long as wanted."""
    shutil.copytree(SITE, folder / "faults")
    path = folder / "faults" / "site.yaml"
    raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    raw["default_profile"]["length"] = wanted.clock_ms
    path.write_text(yaml.safe_dump(raw), encoding="utf-8")
    return folder


@dataclass(frozen=True, slots=True)
class _Environment:
    """Leads a service through its links, and tells it of its plan, its clock and its code."""

    folder: Path
    wanted: Wanted
    wires: Wires
    broker: Part
    unjournaled: list[Unjournaled]
    laid: set[str] = field(default_factory=set)

    def __call__(self, group: str, running: Running) -> Mapping[str, str]:
        found = {"FENGQIAO_MISHAPS": str(self.folder / "plans" / f"{group}.json")}
        if self.wanted.clocks:
            found |= {
                "LD_PRELOAD": str(FAKETIME),
                "FAKETIME_TIMESTAMP_FILE": str(self.folder / "clocks" / group),
                "FAKETIME_CACHE_DURATION": "1",  # read at each look, it would be all that a service does
                "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            }
        shim = self.folder / "shim" if self.wanted.clocks else None
        if code := [str(path) for path in (shim, self.wanted.source) if path]:
            found["PYTHONPATH"] = ":".join(code)
        if group.endswith("-worker"):
            found["FENGQIAO_BUILD"] = "next"  # a rolling restart: the old build and the new one side by side
        if self.wanted.links:
            found |= self._links(group, running)
        return found

    def _links(self, group: str, running: Running) -> Mapping[str, str]:
        found = {}
        store_port = int(running.mongo_url.partition("127.0.0.1:")[2].partition("/")[0])
        port_file = self.folder / f"port-{group}"
        if group not in self.laid:
            port = free_port()
            port_file.write_text(str(port), encoding="utf-8")
            if self.wanted.forgetful and not self.unjournaled:
                self.unjournaled.append(Unjournaled(running.mongo_url))
            self.wires.lay(f"{group}-store", port, store_port, next(iter(self.unjournaled), None))
        port = int(port_file.read_text(encoding="utf-8"))
        found["MONGO_URL"] = running.mongo_url.replace(str(store_port), str(port))
        if cluster := cluster_of(self.broker):
            if group not in self.laid:
                for name, doors in cluster.made.items():
                    for door in doors:
                        if door.name == _door(group):
                            self.wires.lay(f"{group}-broker", door.advertised, door.listens)
                            log.debug("link", broker=name, group=group)
            found["KAFKA_BOOTSTRAP"] = cluster.through(_door(group))
        self.laid.add(group)
        return found


def _door(group: str) -> str:
    return group.replace("-", "_").upper()


def _release(stage: Stage) -> None:
    """Nobody stands still when all is stopped, or stopping would take for ever."""
    for name in list(stage.held):
        stage.let_go(name)
