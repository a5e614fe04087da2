"""E4-H: deadlines that fall due within one second, and what submitters feel meanwhile.

The cases are real ones: a clerk submits each with a promised time, at the top, where one clock is left. The
promise spreads them evenly over one second that lies after the last submission.
"""

import asyncio
import contextlib
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from fengqiao.intake.v1.intake_service_pb2_grpc import IntakeServiceStub
from fengqiao.routing.v1 import events_pb2 as routed
from services.chassis import client
from services.chassis.clock import monotonic, process_time
from services.chassis.protobuf import instant, timestamp
from services.cli.calls import Caller
from tests.bench.driver import SITE, STREET, SUBMITTERS, TOKEN_LIFE, TOPICS, reader, submission, watch
from tests.bench.figures import HerdRun, Lateness, percentile
from tests.bench.measure import per_case
from tests.bench.processes import Meter
from tests.bench.stage import Stage, Variant, stage

HOUR_MS = 3_600_000
LEAD_S = 3.0
DRAIN_S = 300.0
FIRED = routed.SupervisionOrdered.DESCRIPTOR.full_name
ROUTED = routed.CaseRouted.DESCRIPTOR.full_name


class TooSlowError(Exception):
    """The herd was not in place before it fell due."""


@dataclass
class _Seen:
    routed: set[str] = field(default_factory=set)
    late_ms: dict[str, float] = field(default_factory=dict)
    early: int = 0
    submitted: list[tuple[float, float]] = field(default_factory=list)
    """When each submission of the time of the herd began (monotonic), and how long it took."""
    drained_at: float = 0.0


def measure(
    deadlines: int, pace: float, loading_s: float, variant: Variant, say: Callable[[str], None]
) -> HerdRun:
    """One run. `loading_s` seconds are given to bring the cases in before they fall due."""
    with stage(HOUR_MS, variant) as place:
        say(f"E4-H: {deadlines} deadlines on {place.running.broker}, {place.running.store}")
        return asyncio.run(_Herd(place, deadlines, pace, loading_s, say).run())


class _Herd:
    def __init__(
        self, place: Stage, deadlines: int, pace: float, loading_s: float, say: Callable[[str], None]
    ) -> None:
        self._place, self._deadlines, self._pace = place, deadlines, pace
        self._loading_s, self._say = loading_s, say
        self._seen = _Seen()
        token = place.running.issuer.mint("clerk", "clerk-herd", SITE, ("*",), TOKEN_LIFE)
        self._caller = Caller(lambda: token)

    async def run(self) -> HerdRun:
        running = self._place.running
        async with (
            client.channel(running.rpc["intake"]) as channel,
            reader(running.kafka_bootstrap, *TOPICS) as consumer,
        ):
            stub = IntakeServiceStub(channel)
            watching = asyncio.create_task(watch(consumer, self._look))
            try:
                due_at = process_time() + timedelta(seconds=self._loading_s)
                await self._bring_in(stub, due_at)
                await asyncio.sleep((due_at - process_time()).total_seconds() - LEAD_S)
                meter = Meter(self._place.pids())
                due = monotonic() + (due_at - process_time()).total_seconds()
                await self._meanwhile(stub)
                meter.look(self._place.pids())
            finally:
                watching.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await watching
        self._place.whole()
        late = sorted(self._seen.late_ms.values())
        took = [t for began, t in self._seen.submitted if due <= began <= self._seen.drained_at]
        return HerdRun(
            deadlines=self._deadlines,
            pace=self._pace,
            drained_s=self._seen.drained_at - due,
            lateness=replace(Lateness.of(late), early=self._seen.early),
            late_ms=tuple(percentile(late, share / 100) for share in range(1, 101)),
            submissions=len(took),
            submit_p50_ms=1000 * percentile(took, 0.5),
            submit_p99_ms=1000 * percentile(took, 0.99),
            used=per_case(meter, self._deadlines),
            **self._place.described(),
        )

    async def _bring_in(self, stub: Any, due_at: datetime) -> None:
        """Submit all, each with its promise, and wait until routing has them."""
        numbers = iter(range(self._deadlines))

        async def submit() -> None:
            for number in numbers:
                request = submission(number, STREET)
                promise = due_at + timedelta(seconds=number / self._deadlines)
                request.request.due_at.CopyFrom(timestamp(promise))
                await self._caller.call(stub.SubmitRequest, request)

        began = monotonic()
        await asyncio.gather(*(submit() for _ in range(SUBMITTERS)))
        while len(self._seen.routed) < self._deadlines:
            await asyncio.sleep(0.1)
            if process_time() > due_at:
                break
        took = monotonic() - began
        self._say(f"in place after {took:.0f} of {self._loading_s:.0f} s")
        if process_time() > due_at - timedelta(seconds=LEAD_S):
            raise TooSlowError(
                f"{len(self._seen.routed)} of {self._deadlines} cases were in place after {took:.0f} s: "
                f"give them more than {self._loading_s:.0f} s"
            )

    async def _meanwhile(self, stub: Any) -> None:
        """Submit at the pace, whether or not earlier ones were answered, until the last deadline fired."""
        began, tasks = monotonic(), set()

        async def submit(number: int) -> None:
            at = monotonic()
            await self._caller.call(stub.SubmitRequest, submission(number))
            self._seen.submitted.append((at, monotonic() - at))

        async with asyncio.timeout(LEAD_S + DRAIN_S), asyncio.TaskGroup() as group:
            for number in itertools.count():
                if self._seen.drained_at:
                    break
                tasks.add(group.create_task(submit(number)))
                await asyncio.sleep(began + (number + 1) / self._pace - monotonic())

    def _look(self, headers: dict[str, str], data: bytes) -> None:
        kind, case_id = headers["ce_type"], headers["ce_subject"]
        if kind == ROUTED:
            self._seen.routed.add(case_id)
        elif kind == FIRED:
            # Seen, not `fired_at`: one time stands for a whole round of a sweep, however long that takes.
            due_at = datetime.fromisoformat(headers["ce_time"])
            self._seen.late_ms.setdefault(case_id, (process_time() - due_at) / timedelta(milliseconds=1))
            self._seen.early += instant(routed.SupervisionOrdered.FromString(data).fired_at) < due_at
            if len(self._seen.late_ms) == self._deadlines and not self._seen.drained_at:
                self._seen.drained_at = monotonic()
