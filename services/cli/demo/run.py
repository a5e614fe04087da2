"""One run of the demo against running services: pump, move the clock, wait for rest, report, compare."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from kafka import KafkaConsumer, TopicPartition

from fengqiao.common.v1 import operations_service_pb2 as operations
from fengqiao.common.v1.operations_service_pb2_grpc import OperationsServiceStub
from fengqiao.intake.v1.intake_service_pb2_grpc import IntakeServiceStub
from fengqiao.notify.v1 import notify_service_pb2 as notify
from fengqiao.notify.v1.notify_service_pb2_grpc import NotifyServiceStub
from fengqiao.routing.v1 import events_pb2 as events
from fengqiao.routing.v1 import routing_service_pb2 as routing
from fengqiao.routing.v1.routing_service_pb2_grpc import RoutingServiceStub
from services.chassis import client
from services.chassis.clock import monotonic
from services.chassis.offsets import exact_ends
from services.chassis.protobuf import instant, instant_or_none, timestamp
from services.chassis.threads import Threads
from services.chassis.topics import load
from services.cli.calls import Caller
from services.cli.demo import oracle
from services.cli.demo.pump import Progress, Pump
from services.cli.demo.report import RESOLVED, TIMEOUT, Climb, ReportRow
from services.cli.demo.rest import unrest
from services.cli.demo.rows import Row, Verdict
from services.cli.demo.site import Site

SERVICES = ("intake", "routing", "notify")
BATCH = 200
POLL_S = 0.5
WATCH_S = 2.0
REST_POLLS = 2
REST_WITHIN_S = 900.0

STATUSES = {
    routing.CASE_STATUS_ASSIGNED: "assigned",
    routing.CASE_STATUS_IN_PROGRESS: "in_progress",
    routing.CASE_STATUS_RESOLVED: RESOLVED,
    routing.CASE_STATUS_WITHDRAWN: "withdrawn",
}
REASONS = {
    events.MOVE_REASON_TIMEOUT: TIMEOUT,
    events.MOVE_REASON_HANDLER: "handler",
    events.MOVE_REASON_RESIDENT: "resident",
    events.MOVE_REASON_RETURNED: "returned",
    events.MOVE_REASON_REOPENED: "reopened",
}


@dataclass(slots=True)
class Figures:
    """What the live view shows beside the pump's progress."""

    board: routing.WatchBoardResponse | None = None
    status: dict[str, operations.GetStatusResponse] = field(default_factory=dict)
    away: set[str] = field(default_factory=set)
    events: int = 0
    phase: str = "starting"


@dataclass(slots=True)
class Result:
    """What a run came to; `latencies` are seconds from a submission's commit to a handler's queue."""

    rows: list[ReportRow]
    wrong: list[tuple[Row, list[str]]]
    latencies: list[float]
    seconds: float
    events: int
    notices: dict[str, int]


class View(Protocol):
    """Shows a run while it goes on."""

    def show(self, progress: Progress, figures: Figures) -> None:
        """Called about twice a second."""
        ...


class NoRest(Exception):
    """The services did not come to rest in time; the message says what was left."""


class Run:
    """A run over rows, at one site."""

    def __init__(
        self, site: Site, rows: Sequence[Row], addresses: dict[str, str], bootstrap: str, caller: Caller
    ) -> None:
        """`addresses` are the services' gRPC addresses by name."""
        self._site = site
        self._rows = list(rows)
        self._caller = caller
        self._channels = {name: client.channel(addresses[name]) for name in SERVICES}
        self._operations = {name: OperationsServiceStub(self._channels[name]) for name in SERVICES}
        self._routing = RoutingServiceStub(self._channels["routing"])
        self._notify = NotifyServiceStub(self._channels["notify"])
        self._intake = IntakeServiceStub(self._channels["intake"])
        self._bootstrap = bootstrap
        self._published = Published(bootstrap)
        self.figures = Figures()

    async def go(self, until: datetime, run_id: str, view: View) -> Result:
        """Run to the end.

        Raises:
            NoRest: the services did not come to rest.
            grpc.aio.AioRpcError: a command was refused.
        """
        await self._check_clock()
        started = monotonic()
        pump = Pump(self._site.id, self._caller, self._intake, self._routing, self._bootstrap, run_id)
        watching = asyncio.create_task(self._watch(pump.progress, view))
        try:
            self.figures.phase = "requests and closes go in, in order of business time"
            pumped = await pump.run(self._rows)
            self.figures.phase = "the clock goes to the end; what is due fires"
            await self._move_clocks(until)
            await self._rest(len(pumped.case_ids))
            seconds = monotonic() - started
            self.figures.phase = "report"
            cases = await self._read(list(pumped.case_ids.values()))
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
        view.show(pump.progress, self.figures)
        rows = [self._report(row, cases.get(pumped.case_ids.get(row.line, ""))) for row in self._rows]
        wrong = [
            (row, found)
            for row, actual in zip(self._rows, rows, strict=True)
            if (found := oracle.mismatches(row, actual, self._site, until))
        ]
        return Result(
            rows=rows,
            wrong=wrong,
            latencies=[latency(case) for case in cases.values()],
            seconds=seconds,
            events=await self._published.exactly(),
            notices=dict(self.figures.status["notify"].figures),
        )

    async def close(self) -> None:
        """Let go of broker and services."""
        await self._published.close()
        await asyncio.gather(*(channel.close() for channel in self._channels.values()))

    async def _check_clock(self) -> None:
        """A replay begins before its first request: a clock that is past it would fire what must wait."""
        first = min((row.opened_at for row in self._rows if row.opened_at), default=None)
        status = await self._caller.call(self._operations["routing"].GetStatus, operations.GetStatusRequest())
        for site in status.sites:
            if first and site.site_id == self._site.id and instant(site.now) > first:
                raise NoRest(
                    f"{site.site_id} stands at {site.now.ToJsonString()}, after the first request: "
                    "a replay needs a fresh runtime (`fengqiao up --fresh`)"
                )

    async def _move_clocks(self, until: datetime) -> None:
        request = operations.MoveReplayClockRequest(site_id=self._site.id, to=timestamp(until))
        for name in SERVICES:
            await self._caller.call(self._operations[name].MoveReplayClock, request)

    async def _rest(self, cases: int) -> None:
        """Wait until every case is routed and nothing is on its way: lag, outbox, due clocks, notices."""
        end, quiet = monotonic() + REST_WITHIN_S, 0
        while quiet < REST_POLLS:
            if monotonic() > end:
                raise NoRest("; ".join(self._unrest(cases)))
            await asyncio.sleep(POLL_S)
            await self._poll()
            quiet = 0 if self._unrest(cases) or await self._untold() else quiet + 1

    def _unrest(self, cases: int) -> list[str]:
        left = [f"{name} is away" for name in self.figures.away]
        left += unrest(self.figures.status)
        routed = self.figures.status["routing"].aggregates if "routing" in self.figures.status else 0
        return left if routed >= cases else [*left, f"routing: {cases - routed} cases to route"]

    async def _untold(self) -> bool:
        for status in (notify.DELIVERY_STATUS_PENDING, notify.DELIVERY_STATUS_SENDING):
            request = notify.ListDeliveriesRequest(status=status, page_size=1)
            if (await self._caller.call(self._notify.ListDeliveries, request)).deliveries:
                return True
        return False

    async def _watch(self, progress: Progress, view: View) -> None:
        """Show the pump's own figures often, the services' seldom: counting costs the store."""
        asked_at = 0.0
        while True:
            if monotonic() - asked_at >= WATCH_S:
                await self._poll()
                await self._poll_board()
                asked_at = monotonic()
            view.show(progress, self.figures)
            await asyncio.sleep(POLL_S)

    async def _poll(self) -> None:
        """How each service is; one that is away is shown as away."""
        quick = Caller(self._caller.token, patience_s=0)
        for name in SERVICES:
            try:
                status = await quick.call(self._operations[name].GetStatus, operations.GetStatusRequest())
            except Exception:  # noqa: BLE001 - the view must go on whatever a poll says
                self.figures.away.add(name)
            else:
                self.figures.away.discard(name)
                self.figures.status[name] = status

    async def _poll_board(self) -> None:
        try:
            self.figures.events = await self._published.about()
            boards = self._routing.WatchBoard(
                routing.WatchBoardRequest(site_id=self._site.id),
                metadata=client.bearer(self._caller.token()),
                timeout=10,
            )
            async for board in boards:
                self.figures.board = board
        except Exception:  # noqa: BLE001 - the view goes on without a board
            self.figures.away.add("routing")

    async def _read(self, case_ids: list[str]) -> dict[str, routing.Case]:
        found: dict[str, routing.Case] = {}
        for start in range(0, len(case_ids), BATCH):
            request = routing.BatchGetCasesRequest(case_ids=case_ids[start : start + BATCH])
            response = await self._caller.call(self._routing.BatchGetCases, request)
            found |= {case.case_id: case for case in response.cases}
        return found

    def _report(self, row: Row, case: routing.Case | None) -> ReportRow:
        if row.verdict is not Verdict.ACCEPTED or case is None:
            reason = row.reason if row.verdict is not Verdict.ACCEPTED else "system: no case"
            return ReportRow(row.external_id, row.verdict.value, reason)
        return ReportRow(
            external_id=row.external_id,
            verdict=row.verdict.value,
            reason=row.reason,
            request_no=case.request_no,
            start_tier=int(case.start_tier),
            due_at=instant(case.due_at),
            steps=tuple(
                Climb(int(step.from_tier), int(step.to_tier), instant(step.at), REASONS[step.reason])
                for step in case.steps
            ),
            overdue=case.overdue if case.due_promised else None,
            supervised_at=instant_or_none(case.supervised_at),
            resolved_at=instant_or_none(case.resolved_at),
            status=STATUSES[case.status],
        )


class Published:
    """How many events the topics of the house hold; one connection, asked from one thread."""

    def __init__(self, bootstrap: str) -> None:
        """Connects when first asked."""
        self._bootstrap = bootstrap
        self._threads = Threads(1)
        self._consumer: Any = None

    async def about(self) -> int:
        """Quickly; on the wheel broker it may miss the end of the last batch."""
        return await self._threads.run(lambda: sum(self._open().end_offsets(self._there()).values()))

    async def exactly(self) -> int:
        """By the records themselves."""
        return await self._threads.run(lambda: sum(exact_ends(self._open(), self._there()).values()))

    async def close(self) -> None:
        """Disconnect."""
        if self._consumer is not None:
            await self._threads.run(self._consumer.close)
        self._threads.close()

    def _open(self) -> Any:
        if self._consumer is None:
            self._consumer = KafkaConsumer(
                bootstrap_servers=self._bootstrap, group_id=None, enable_auto_commit=False
            )
        return self._consumer

    def _there(self) -> list[TopicPartition]:
        topics = [topic.name for topic in load() if topic.types and not topic.per_source]
        return [TopicPartition(t, p) for t in topics for p in self._open().partitions_for_topic(t) or ()]


def latency(case: routing.Case) -> float:
    """Seconds of wall clock from the submission's commit to the first owner's queue."""
    return (instant(case.routed_recorded_at) - instant(case.submitted_recorded_at)) / timedelta(seconds=1)
