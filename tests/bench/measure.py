"""One run of a workload that submits cases and sees them closed: E4-T, A, C, S, W."""

import asyncio
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from deploy.local.supervisor import State
from tests.bench import conserved
from tests.bench.driver import Driver, Seen
from tests.bench.figures import Lateness, Run, Used, percentile
from tests.bench.processes import Meter
from tests.bench.stage import Stage, Variant, contents, settle, stage

WARM_UP = 64
"""Cases before the measured ones."""
KILLS = 5
VICTIMS = ("intake", "routing", "mediation", "petition", "notify")


@dataclass(frozen=True, slots=True)
class Workload:
    """What is asked of the services: `cases` with four clocks of `clock_ms`, `pace` submissions a second at
    most. With a `seed`, five times one of the services is killed.
    """

    name: str
    cases: int
    clock_ms: int
    pace: float | None = None
    seed: int | None = None


def measure(
    workload: Workload,
    variant: Variant,
    say: Callable[[str], None],
    started: Callable[[Mapping[str, int]], None] = lambda _pids: None,
    *,
    folder: Path | None = None,
    stored: int = 0,
) -> Run:
    """Run a workload once. `started` is told the processes (a profiler may want to know)."""
    with stage(workload.clock_ms, variant, folder=folder) as place:
        started(place.pids())
        return measure_on(place, workload, say, stored=stored)


def measure_on(place: Stage, workload: Workload, say: Callable[[str], None], *, stored: int = 0) -> Run:
    """Run a workload on a stage with clocks of its length."""
    say(f"{workload.name}: {workload.cases} cases on {place.running.broker}, {place.running.store}")
    # What comes first opens connections and fills caches; the peers' first cases don't count either.
    warmed = asyncio.run(_warm_up(place))
    settle(place, Meter(place.pids()), warmed.began_at)
    held = {} if stored else contents(place)
    meter = Meter(place.pids())
    seen, killed = asyncio.run(_drive(place, workload, meter, say))
    settled_at = settle(place, meter, seen.began_at)
    if workload.seed is None:
        place.whole()
    elif len(killed) < KILLS:
        raise RuntimeError(f"over after {len(killed)} of {KILLS} kills: take more cases")
    accepted = warmed.accepted | seen.accepted
    violations = conserved.violations(place, accepted) if workload.seed is not None else []
    return Run(
        workload=workload.name,
        clock_ms=workload.clock_ms,
        rate_settled=workload.cases / (settled_at - seen.first_at),
        used=per_case(meter, workload.cases),
        written={
            what: (count - held.get(what, 0)) / workload.cases
            for what, count in ({} if stored else contents(place)).items()
        },
        stored=stored,
        workers=place.variant.workers,
        killed=tuple(killed),
        violations=tuple(violations),
        **place.described(),
        **_of_the_driver(seen),
    )


def per_case(meter: Meter, cases: int) -> dict[str, Used]:
    """What the processes used, by case; further workers of a service count as the service."""
    found: dict[str, Used] = {}
    for process, used in meter.used().items():
        name = process.partition("-worker-")[0]
        other = found.get(name, Used(0, 0))
        found[name] = Used(
            other.cpu_ms_per_case + 1000 * used.cpu_s / cases, max(other.peak_mb, used.peak_mb)
        )
    return found


async def _warm_up(place: Stage) -> Seen:
    return await Driver(place.running, WARM_UP).run()


async def _drive(
    place: Stage, workload: Workload, meter: Meter, say: Callable[[str], None]
) -> tuple[Seen, list[str]]:
    driver = Driver(place.running, workload.cases, workload.pace)
    if workload.seed is None:
        return await driver.run(), []
    say(f"seed {workload.seed}")
    killer = _Killer(place, driver.seen, workload, meter)
    killer.start()
    try:
        return await driver.run(), killer.killed
    finally:
        killer.done.set()
        await asyncio.to_thread(killer.join)


class _Killer(threading.Thread):
    """Kills one of the services that are ready each time that a further sixth of the cases is closed."""

    def __init__(self, place: Stage, seen: Seen, workload: Workload, meter: Meter) -> None:
        super().__init__(name="killer", daemon=True)
        self.killed: list[str] = []
        self.done = threading.Event()
        self._place, self._seen, self._meter = place, seen, meter
        self._cases = workload.cases
        self._random = Random(workload.seed)

    def run(self) -> None:
        supervisor = self._place.runtime.supervisor
        while len(self.killed) < KILLS and not self.done.wait(0.05):
            wanted = self._cases * (len(self.killed) + 1) // (KILLS + 1)
            ready = [name for name in VICTIMS if supervisor.status(name).state is State.READY]
            if len(self._seen.closed_at) >= wanted and ready:
                victim = self._random.choice(ready)
                self._meter.look(self._place.pids())
                supervisor.kill(victim)
                self.killed.append(victim)


def _of_the_driver(seen: Seen) -> dict[str, Any]:
    took = [seen.closed_at[case] - began for case, began in seen.began_at.items()]
    return {
        "cases": len(seen.closed_at),
        "rate": len(seen.closed_at) / (seen.last_at - seen.first_at),
        "submit_p50_ms": 1000 * percentile(seen.submitted_in, 0.5),
        "submit_p99_ms": 1000 * percentile(seen.submitted_in, 0.99),
        "close_p50_ms": 1000 * percentile(took, 0.5),
        "close_p99_ms": 1000 * percentile(took, 0.99),
        "lateness": Lateness.of(seen.late_ms),
        "repeated_calls": seen.repeated_calls,
    }
