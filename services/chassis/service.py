"""Runs a service: `migrate`, `rpc`, `worker`, or rpc and worker in one process (rule 20)."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import structlog
import uvloop

from services.chassis import indexes, logs, metrics, rpc
from services.chassis.almanac import PERIOD_S as ALMANAC_PERIOD_S
from services.chassis.almanac import Almanac
from services.chassis.auth import Rule
from services.chassis.consumer import Collecting
from services.chassis.errors import Infrastructure
from services.chassis.foundation import Foundation
from services.chassis.operations import OPERATIONS_RULES, Operations, add_operations
from services.chassis.settings import Settings
from services.chassis.site import SiteError
from services.chassis.sweeper import forever
from services.chassis.watch import Watch
from services.chassis.worker import Worker

log = structlog.get_logger()

T = TypeVar("T", bound=Settings)

ROLES = ("migrate", "rpc", "worker", "all")
HEAL_PERIOD_S = 1.0
TRIM_PERIOD_S = 1.0
ANCHOR_PERIOD_S = 60.0
INDEX_PERIOD_S = 1.0


@dataclass
class Service:
    """A wired service. `register(worker)` adds its agents; `loops` are further rounds of its worker, with
    their periods.
    """

    base: Foundation[Any]
    servicers: Sequence[tuple[Callable[[Any, Any], None], Any]]
    rules: Mapping[str, Rule]
    register: Callable[[Worker], None]
    lead_topic: str
    decides_on: Sequence[str]
    collectors: Mapping[str, Collecting] = field(default_factory=dict)
    loops: Sequence[tuple[str, float, Callable[[], Awaitable[object]]]] = ()
    migrations: Sequence[Callable[[], Awaitable[None]]] = ()
    started: Sequence[Callable[[Worker], Awaitable[None]]] = ()
    figures: Callable[[], dict[str, int]] = dict
    worker: Worker | None = field(default=None)


def main(settings: type[T], wire: Callable[[T], Service]) -> None:
    """Run the role that the command line names; exit 0 after SIGTERM or SIGINT, 1 when something failed."""
    role = sys.argv[1] if len(sys.argv) > 1 else "all"
    if role not in ROLES:
        sys.exit(f"usage: {sys.argv[0]} [{'|'.join(ROLES)}]")
    chosen = settings()
    logs.configure(chosen)
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())  # for the threads of Faust as well
    try:
        code = asyncio.run(run(chosen, wire, role))
    except SiteError as error:
        sys.exit(f"{chosen.service}: {error}")
    sys.exit(code)


async def run(settings: T, wire: Callable[[T], Service], role: str) -> int:
    """Run one role until it is told to stop; returns the exit code."""
    service = wire(settings)
    base = service.base
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        if role == "migrate":
            await base.threads.run(indexes.migrate, base.documents)
            for migration in service.migrations:
                await migration()
            return 0
        metrics.serve(settings, base.readiness)
        base.readiness.wait("starting", "not up yet")
        async with contextlib.AsyncExitStack() as stack:
            await _wait_for_indexes(service, stop)
            await stack.enter_async_context(_watching(base))
            # RPCs first: a service whose broker is away still takes commands.
            if role in {"rpc", "all"}:
                await stack.enter_async_context(_serving(service, settings))
            if role == "rpc":
                trimming = asyncio.create_task(forever(base.readiness, "trim", TRIM_PERIOD_S, base.trim))
                stack.callback(trimming.cancel)
            if role in {"worker", "all"}:
                await stack.enter_async_context(_working(service, stop))
            base.readiness.clear("starting")
            log.info("started", role=role)
            await stop.wait()
            base.readiness.wait("stopping", "asked to stop")
            log.info("stopping", role=role)
        return 1 if service.worker is not None and service.worker.failed.is_set() else 0
    finally:
        await base.close()


async def _wait_for_indexes(service: Service, stop: asyncio.Event) -> None:
    """Indexes are made by `migrate`, never silently; until they are there the service is not ready and says
    so.
    """
    base = service.base
    while not stop.is_set():
        try:
            missing = await base.threads.run(indexes.missing_indexes, base.documents)
        except Infrastructure as error:
            base.readiness.wait("store", str(error))
        else:
            base.readiness.clear("store")
            if not missing:
                base.readiness.clear("indexes")
                return
            base.readiness.wait("indexes", f"run migrate; missing: {', '.join(missing)}")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), INDEX_PERIOD_S)


@contextlib.asynccontextmanager
async def _watching(base: Foundation[Any]) -> Any:
    watch = Watch(base)
    looking = asyncio.create_task(watch.run())
    try:
        yield
    finally:
        looking.cancel()
        await asyncio.to_thread(watch.close)


@contextlib.asynccontextmanager
async def _serving(service: Service, settings: Settings) -> Any:
    operations = Operations(service, service.collectors)
    try:
        async with rpc.serving(
            settings,
            [*service.servicers, (add_operations, operations)],
            {**service.rules, **OPERATIONS_RULES},
            service.base.readiness,
        ):
            yield
    finally:
        await asyncio.to_thread(operations.close)


@contextlib.asynccontextmanager
async def _working(service: Service, stop: asyncio.Event) -> Any:
    base, settings = service.base, service.base.settings
    worker = Worker(settings, base.readiness, service.lead_topic, service.decides_on)
    service.worker = worker
    service.register(worker)
    sweeper = base.sweeper(worker.catchup)
    anchors = base.anchors()
    rounds: list[tuple[str, float, Callable[[], Awaitable[object]]]] = [
        ("sweep", settings.sweep_interval_ms / 1000, lambda: sweeper.run_once(worker.shards())),
        ("heal", HEAL_PERIOD_S, lambda: base.healer.run_once(worker.shards())),
        ("almanac", ALMANAC_PERIOD_S, Almanac(base).look),
        *service.loops,
    ]
    if anchors:
        rounds.append(("anchor", ANCHOR_PERIOD_S, lambda: base.threads.run(anchors.anchor, base.wall.now())))
    await _start(worker, base, stop)
    for started in service.started:
        await started(worker)
    tasks = [asyncio.create_task(forever(base.readiness, what, pause, once)) for what, pause, once in rounds]
    tasks.append(asyncio.create_task(worker.watch()))
    tasks.append(asyncio.create_task(_stop_when_failed(worker, stop)))
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await worker.stop()


async def _start(worker: Worker, base: Foundation[Any], stop: asyncio.Event) -> None:
    """Join the group; Faust waits for the broker by itself, so say so meanwhile."""
    base.readiness.wait("broker", "joining the consumer group")
    starting = asyncio.create_task(worker.start())
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if starting.done():
        await starting
        base.readiness.clear("broker")
    else:
        starting.cancel()


async def _stop_when_failed(worker: Worker, stop: asyncio.Event) -> None:
    await worker.failed.wait()
    stop.set()
