"""What faults are done to: a runtime of its own, whose processes are killed and stopped as clients go on."""

import asyncio
import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import docker
import pytest
import structlog

from deploy.local.folders import RUNTIME_FILE
from deploy.local.parts import Choice
from deploy.local.runtime import SERVICES, Options, Runtime
from deploy.local.supervisor import State, Status
from services.cli.calls import Caller
from services.cli.demo.command import demo_sites
from tests.faults.city import Nothing, Report, mint, run_the_city, without_numbers
from tests.faults.conserved import violations
from tests.journeys.clients import House
from tests.waiting import until

JILI = Path(__file__).parents[1] / "journeys" / "sites" / "jili"
REST_S = 100.0
STOP_S = 15.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Ground:
    """A started runtime, actors that call it, and the record of what they were told."""

    runtime: Runtime
    house: House
    accepted: set[str] = field(default_factory=set)
    """Request numbers that clients were told."""

    def pid(self, name: str) -> int:
        """The process that runs something now, as `runtime.json` tells everybody."""
        text = (Path(self.runtime.running.data_dir) / RUNTIME_FILE).read_text(encoding="utf-8")
        pid: int | None = json.loads(text)["processes"][name]["pid"]
        if pid is None:
            raise ProcessLookupError(name)
        return pid

    def kill(self, name: str) -> None:
        """SIGKILL; the supervisor restarts it."""
        os.kill(self.pid(name), signal.SIGKILL)
        log.info("killed", process=name)

    def ask_to_stop(self, name: str) -> Status:
        """SIGTERM; returns how it ended, before the supervisor restarts it."""
        asked = time.monotonic()
        os.kill(self.pid(name), signal.SIGTERM)

        def ended() -> Status | None:
            status = self.runtime.supervisor.status(name)
            return status if status.state is State.DOWN else None

        status = until(ended, STOP_S, f"the end of {name}")
        log.info("stopped", process=name, seconds=round(time.monotonic() - asked, 1))
        return status

    @contextmanager
    def standing_still(self, name: str) -> Iterator[None]:
        """A process or a container gets no more time, keeps its connections, and goes on afterwards."""
        if container := self.runtime.supervisor.containers().get(name):
            with paused(container):
                yield
            return
        pid = self.pid(name)
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    def until_ready(self) -> None:
        """Wait until every service is ready again, by itself."""
        until(
            lambda: all(self.runtime.supervisor.status(name).state is State.READY for name in SERVICES),
            REST_S,
            "services that are ready again",
        )

    def rests(self) -> bool:
        """Whether nothing is on its way, by what the services say: asked before all of it is read.

        Raises AssertionError that names what is.
        """
        waiting: dict[str, object] = {}
        for status in (self.house.operator().status(name) for name in SERVICES):
            counts = {"outbox": status.outbox_waiting, "behind": status.behind, "due": status.due_unfired}
            counts |= {topic: lag for topic, lag in status.lag.items() if lag}
            if status.service == "notify":
                counts["waiting"] = status.figures["waiting"]
            waiting |= {f"{status.service} {what}": count for what, count in counts.items() if count}
        assert not waiting, waiting
        return True

    def until_conserved(self) -> None:
        """Wait for rest, and that nothing was lost, doubled, reordered or left over."""
        self.until_ready()
        until(self.rests, REST_S, "services at rest")
        found = ["not looked yet"]

        def holds() -> bool:
            found[:] = violations(self.runtime.running, self.runtime.options.sites, self.accepted)
            return not found

        try:
            until(holds, REST_S, "conservation")
        except AssertionError:
            pytest.fail("\n".join(found[:20]))


@contextmanager
def paused(container_id: str) -> Iterator[None]:
    """A container of this machine's engine, standing still."""
    client = docker.from_env()
    try:
        container = client.containers.get(container_id)
        container.pause()
        try:
            yield
        finally:
            container.unpause()
    finally:
        client.close()


@contextmanager
def laid(folder: Path, choice: Choice) -> Iterator[Ground]:
    """Lay a ground in a folder: both sites, empty stores and topics."""
    sites = folder / "sites"
    sites.mkdir()
    demo_sites(sites)
    (sites / "jili").symlink_to(JILI, target_is_directory=True)
    options = Options(sites=sites, name="faults", data_dir=folder / "runtime", parts=choice, fresh=True)
    with Runtime(options, print) as runtime, House(runtime.running) as house:
        yield Ground(runtime, house)


@pytest.fixture(scope="session")
def choice(request: pytest.FixtureRequest) -> Choice:
    """Which parts."""
    return Choice(request.config.getoption("--parts"))


@pytest.fixture(scope="package")
def ground(tmp_path_factory: pytest.TempPathFactory, choice: Choice) -> Iterator[Ground]:
    """Where all faults happen, one test after another: what one leaves broken, the next one finds."""
    with laid(tmp_path_factory.mktemp("faults"), choice) as made:
        yield made


@pytest.fixture(scope="package")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, choice: Choice) -> Report:
    """What the city's day comes to when nothing happens to the services."""
    with laid(tmp_path_factory.mktemp("undisturbed"), choice) as quiet:
        result = asyncio.run(run_the_city(quiet, Caller(lambda: mint(quiet)), Nothing()))
        quiet.until_conserved()
    return without_numbers(result)
