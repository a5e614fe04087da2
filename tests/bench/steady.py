"""Memory of each process under a steady pace: whether it stays flat."""

import asyncio
import contextlib
from collections.abc import Callable

from services.chassis.clock import monotonic
from tests.bench.driver import Driver
from tests.bench.figures import SteadyRun
from tests.bench.processes import resident_mb
from tests.bench.stage import Stage, Variant, stage

CLOCK_MS = 500
LOOK_S = 5.0


def measure(seconds: float, pace: float, variant: Variant, say: Callable[[str], None]) -> SteadyRun:
    """One run: as many cases as the pace makes in the time, closed as in E4-T."""
    with stage(CLOCK_MS, variant) as place:
        cases = int(seconds * pace)
        say(f"memory: {cases} cases at {pace:g} a second on {place.running.broker}, {place.running.store}")
        points = asyncio.run(_drive(place, cases, pace))
        place.whole()
        return SteadyRun(
            pace=pace,
            seconds=seconds,
            cases=cases,
            points={name: tuple(found) for name, found in points.items()},
            **place.described(),
        )


async def _drive(place: Stage, cases: int, pace: float) -> dict[str, list[tuple[float, float]]]:
    points: dict[str, list[tuple[float, float]]] = {}
    began = monotonic()

    async def look() -> None:
        while True:
            for name, pid in place.pids().items():
                if name != "driver":
                    point = (round(monotonic() - began, 1), round(resident_mb(pid), 1))
                    points.setdefault(name, []).append(point)
            await asyncio.sleep(LOOK_S)

    looking = asyncio.create_task(look())
    try:
        await Driver(place.running, cases, pace).run()
    finally:
        looking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await looking
    return points
