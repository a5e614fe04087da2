"""Workers of one service that come and go while a city's day is handled: the results are the same."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from deploy.local.parts import Choice
from services.cli.calls import Caller
from services.cli.demo.pump import Progress
from services.cli.demo.run import Figures
from tests.faults.city import ROWS, Report, mint, run_the_city, without_numbers
from tests.faults.conftest import Ground, laid
from tests.waiting import until_async

SOON_S = 60.0
FEW = 8
"""Calls at once: were it all of them, all would be under way before anything happens in mid-run."""
LONG_S = 600 + ROWS

Step = Callable[[], Awaitable[None]]


class Held(Caller):
    """Calls that can be made to wait: what happens meanwhile happens in mid-run, however quick the run is."""

    def __init__(self, token: Callable[[], str]) -> None:
        super().__init__(token)
        self.go_on = asyncio.Event()
        self.go_on.set()
        self._few = asyncio.Semaphore(FEW)

    async def call(self, method: Callable[..., Any], request: Any, *, wait_for_it: bool = False) -> Any:
        async with self._few:
            await self.go_on.wait()
            return await super().call(method, request, wait_for_it=wait_for_it)


class Director:
    """Takes one step after another as the work passes equal shares, and lets no more work in meanwhile."""

    def __init__(self, caller: Held, steps: Sequence[Step]) -> None:
        self._caller = caller
        self._steps = steps
        self._watching: asyncio.Task[None] | None = None

    def show(self, progress: Progress, figures: Figures) -> None:
        del figures
        if self._watching is None:
            self._watching = asyncio.create_task(self._watch(progress))

    async def _watch(self, progress: Progress) -> None:
        before = 0.0
        for left, step in zip(range(len(self._steps), 0, -1), self._steps, strict=True):
            # Calls that were under way went on during the last step: what counts is what comes after it.
            share = before + (1 - before) / (left + 1)
            await until_async(lambda: self._done(progress) >= share, LONG_S, f"{share:.0%} of the work")  # noqa: B023 - awaited here
            self._caller.go_on.clear()
            try:
                await step()
            finally:
                before = self._done(progress)
                self._caller.go_on.set()

    @staticmethod
    def _done(progress: Progress) -> float:
        done, all_of_it = progress.submitted + progress.closed, progress.total + progress.to_close
        return done / all_of_it if progress.total else 0.0

    async def finish(self) -> None:
        """Raises what a step raised, and what was never reached."""
        assert self._watching is not None
        async with asyncio.timeout(SOON_S):
            await self._watching


class Workers:
    """Routing's further workers: added, seen at work, killed, removed."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self.names: list[str] = []

    async def add(self) -> None:
        runtime = self._ground.runtime
        self.names.append(await asyncio.to_thread(runtime.add_worker, "routing"))
        await asyncio.to_thread(runtime.supervisor.wait_ready, self.names[-1])

    async def kill_the_last_at_work(self) -> None:
        """SIGKILL once it has done some of the work; its supervisor starts it anew."""
        await until_async(lambda: self.batches(self.names[-1]), SOON_S, "batches of the further worker")
        self._ground.kill(self.names[-1])

    async def remove_the_last(self) -> None:
        await asyncio.to_thread(self._ground.runtime.remove_worker, self.names[-1])

    def batches(self, name: str) -> float:
        """How many batches a worker has handled, by its metrics."""
        with urlopen(f"http://{self._ground.runtime.running.metrics[name]}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
        return sum(
            float(line.split()[-1]) for line in lines if line.startswith("fengqiao_batch_records_count")
        )


@pytest.mark.broker
@pytest.mark.timeout(LONG_S)
async def test_a_city_with_a_further_worker_added_killed_and_removed_gives_the_undisturbed_report(
    undisturbed: Report, tmp_path: Path, choice: Choice
) -> None:
    with laid(tmp_path, choice) as busy:
        workers = Workers(busy)
        caller = Held(lambda: mint(busy))
        director = Director(caller, [workers.add, workers.kill_the_last_at_work, workers.remove_the_last])
        disturbed = await run_the_city(busy, caller, director)
        await director.finish()
        await asyncio.to_thread(busy.until_conserved)
    assert without_numbers(disturbed) == undisturbed
