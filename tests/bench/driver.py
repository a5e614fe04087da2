"""Drives cases through the services' public interfaces: submits them, watches the topics, closes them.

A case is closed when the driver has seen both routing's `CaseResolved` and intake's `RequestSettled` on their
topics: each was committed before it could be seen.
"""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from aiokafka import AIOKafkaConsumer

from deploy.local.runtime import Running
from fengqiao.common.v1.common_pb2 import CommandMeta
from fengqiao.intake.v1 import intake_service_pb2 as intake
from fengqiao.intake.v1.events_pb2 import RequestSettled
from fengqiao.intake.v1.intake_service_pb2_grpc import IntakeServiceStub
from fengqiao.routing.v1 import events_pb2 as routed
from fengqiao.routing.v1 import routing_service_pb2 as routing
from fengqiao.routing.v1.routing_service_pb2_grpc import RoutingServiceStub
from services.chassis import client
from services.chassis.clock import monotonic
from services.chassis.protobuf import instant
from services.cli.calls import Caller

SITE = "bench"
STREET = "bench"
NEIGHBOURS = tuple(f"bench/c1/s1/n{n}" for n in (1, 2, 3, 4))
TOPICS = ("fengqiao.routing.events", "fengqiao.intake.events")
BODY_BYTES = 700
ATTRIBUTES = 10
SUBMITTERS = 64
CLOSERS = 64
PATIENCE_S = 300.0
SLOWEST = 5.0
"""Cases per second that a run may be slow, beyond its patience."""
TOKEN_LIFE = timedelta(minutes=55)
FIRINGS: dict[str, Any] = {
    kind.DESCRIPTOR.full_name: kind for kind in (routed.CaseEscalated, routed.SupervisionOrdered)
}
SUPERVISED = routed.SupervisionOrdered.DESCRIPTOR.full_name
RESOLVED = routed.CaseResolved.DESCRIPTOR.full_name
SETTLED = RequestSettled.DESCRIPTOR.full_name


@dataclass
class Seen:
    """What the driver measured; times are monotonic seconds."""

    submitted_in: list[float] = field(default_factory=list)
    began_at: dict[str, float] = field(default_factory=dict)
    closed_at: dict[str, float] = field(default_factory=dict)
    accepted: set[str] = field(default_factory=set)
    """Request numbers that clients were told."""
    late_ms: list[float] = field(default_factory=list)
    repeated_calls: int = 0
    first_at: float = 0.0
    last_at: float = 0.0


class Driver:
    """One run: make it in the event loop, use it once."""

    def __init__(self, running: Running, cases: int, pace: float | None = None) -> None:
        """`pace`: submissions per second at most; None: as fast as 64 submitters get their answers."""
        self._running = running
        self._cases = cases
        self._pace = pace
        self.seen = self._seen = Seen()
        self._halves: dict[str, set[str]] = {}
        self._events: set[str] = set()
        self._unknown: dict[str, list[tuple[dict[str, str], bytes]]] = {}
        """What was seen of cases whose submission is not answered yet, or that others submitted."""
        self._closers = asyncio.Semaphore(CLOSERS)
        self._tasks: set[asyncio.Task[None]] = set()
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def run(self) -> Seen:
        """Submit all, close all; returns when the last one is closed."""
        async with contextlib.AsyncExitStack() as stack:
            intake_channel = await stack.enter_async_context(client.channel(self._running.rpc["intake"]))
            routing_channel = await stack.enter_async_context(client.channel(self._running.rpc["routing"]))
            self._intake = IntakeServiceStub(intake_channel)
            self._routing = RoutingServiceStub(routing_channel)
            self._handler = self._caller("handler", "leader-street", (STREET,))
            consumer = await stack.enter_async_context(reader(self._running.kafka_bootstrap, *TOPICS))
            self._start(watch(consumer, self._look))
            self._seen.first_at = monotonic()
            numbers = iter(range(self._cases))
            patience = PATIENCE_S + self._cases / (self._pace or SLOWEST)
            for submitter in range(SUBMITTERS):
                self._start(self._submit(submitter, numbers))
            try:
                async with asyncio.timeout(patience):
                    await self._ended
            except TimeoutError:
                closed = f"{len(self._seen.closed_at)} of {self._cases} cases"
                raise TimeoutError(f"{closed} were closed in {patience:.0f} s") from None
            finally:
                for task in self._tasks:
                    task.cancel()
                await asyncio.gather(*self._tasks, return_exceptions=True)
        self._seen.last_at = max(self._seen.closed_at.values())
        return self._seen

    async def _submit(self, submitter: int, numbers: Any) -> None:
        """Submit, wait for the answer, submit the next one: a closed loop."""
        caller = self._caller("clerk", f"clerk-{submitter}", ("*",))
        for number in numbers:
            if self._pace:
                await asyncio.sleep(self._seen.first_at + number / self._pace - monotonic())
            request = submission(number)
            began = monotonic()
            answer = await self._call(caller, self._intake.SubmitRequest, request)
            self._seen.submitted_in.append(monotonic() - began)
            self._seen.began_at[answer.case_id] = began
            self._seen.accepted.add(answer.request_no)
            for seen in self._unknown.pop(answer.case_id, ()):
                self._look(*seen)

    def _look(self, headers: dict[str, str], data: bytes) -> None:
        kind, case_id = headers["ce_type"], headers["ce_subject"]
        if case_id not in self._seen.began_at:
            self._unknown.setdefault(case_id, []).append((headers, data))
        elif kind in FIRINGS:
            if headers["ce_id"] in self._events:
                return  # at least once: sent again
            self._events.add(headers["ce_id"])
            fired_at = instant(FIRINGS[kind].FromString(data).fired_at)
            # The business time of a firing is its due time.
            late = fired_at - datetime.fromisoformat(headers["ce_time"])
            self._seen.late_ms.append(late / timedelta(milliseconds=1))
            if kind == SUPERVISED:
                self._start(self._close(case_id))
        elif kind in {RESOLVED, SETTLED}:
            halves = self._halves.setdefault(case_id, set())
            halves.add(kind)
            if len(halves) == 2:
                self._seen.closed_at.setdefault(case_id, monotonic())
                if len(self._seen.closed_at) == self._cases and not self._ended.done():
                    self._ended.set_result(None)

    async def _close(self, case_id: str) -> None:
        meta = CommandMeta(idempotency_key=str(uuid.uuid4()))
        request = routing.ResolveCaseRequest(meta=meta, case_id=case_id, outcome="settled")
        async with self._closers:
            await self._call(self._handler, self._routing.ResolveCase, request)

    async def _call(self, caller: Caller, method: Any, request: Any) -> Any:
        tries = 0

        def counted(*args: Any, **kwargs: Any) -> Any:
            nonlocal tries
            tries += 1
            return method(*args, **kwargs)

        answer = await caller.call(counted, request)
        self._seen.repeated_calls += tries - 1
        return answer

    def _caller(self, role: str, subject: str, units: Sequence[str]) -> Caller:
        token = self._running.issuer.mint(role, subject, SITE, units, TOKEN_LIFE)
        return Caller(lambda: token)

    def _start(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._drop)

    def _drop(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error and not self._ended.done():
            self._ended.set_exception(error)


def submission(number: int, unit_id: str = "") -> intake.SubmitRequestRequest:
    """A request whose body is 700 bytes on the wire, with ten attributes; from one of the neighbourhoods
    unless a unit is named.
    """
    body = intake.RequestBody(
        site_id=SITE,
        kind="noise.night",
        unit_id=unit_id or NEIGHBOURS[number % len(NEIGHBOURS)],
        channel="phone",
        title=f"Noise at night, building {number % 1000}",
        attributes={f"attribute_{n}": f"value {n} of it" for n in range(ATTRIBUTES)},
    )
    body.description = "x" * 300
    body.description = "x" * (300 + BODY_BYTES - body.ByteSize())
    return intake.SubmitRequestRequest(meta=CommandMeta(idempotency_key=str(uuid.uuid4())), request=body)


@contextlib.asynccontextmanager
async def reader(bootstrap: str, *topics: str) -> AsyncIterator[AIOKafkaConsumer]:
    """A reader of topics from now on; it belongs to no group."""
    consumer = AIOKafkaConsumer(
        *topics, bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="latest"
    )
    await consumer.start()
    await consumer.seek_to_end()
    try:
        yield consumer
    finally:
        await consumer.stop()


async def watch(consumer: AIOKafkaConsumer, look: Callable[[dict[str, str], bytes], None]) -> None:
    """Give headers and value of every record to `look`, until cancelled."""
    while True:
        for records in (await consumer.getmany(timeout_ms=1_000)).values():
            for record in records:
                look({name: value.decode() for name, value in record.headers}, record.value)
