"""Services killed in the midst of a city's day, or asked to stop: nothing is lost, nothing comes twice."""

import asyncio
import random
import threading
import time

import grpc
import pytest

from deploy.local.runtime import SERVICES
from services.cli.calls import Caller
from services.cli.demo.pump import Progress
from services.cli.demo.run import Figures
from tests.faults.city import Report, mint, run_the_city, without_numbers
from tests.faults.conftest import Ground
from tests.journeys.clients import Actor
from tests.waiting import until

pytestmark = pytest.mark.kafka

PAUSE_S = 0.15
"""Between two submissions of a client: some are always under way, and the stores stay small."""


class Onlooker:
    """Looks on, and kills one service after another as the work passes fixed shares."""

    def __init__(self, ground: Ground, victims: list[str]) -> None:
        self._ground = ground
        self.victims = victims
        self.killed: list[str] = []
        self._watching: asyncio.Task[None] | None = None

    def show(self, progress: Progress, figures: Figures) -> None:
        del figures
        if self._watching is None:
            self._watching = asyncio.create_task(self._watch(progress))

    async def _watch(self, progress: Progress) -> None:
        while len(self.killed) < len(self.victims):
            done = progress.submitted + progress.closed
            share = (len(self.killed) + 1) / (len(self.victims) + 1)
            if progress.total and done >= share * (progress.total + progress.to_close):
                victim = self.victims[len(self.killed)]
                self._ground.kill(victim)
                self.killed.append(victim)
            await asyncio.sleep(0.01)


@pytest.mark.timeout(400)
async def test_a_city_with_each_service_killed_once_midway_gives_the_undisturbed_report(
    undisturbed: Report, ground: Ground
) -> None:
    onlooker = Onlooker(ground, random.sample(sorted(SERVICES), len(SERVICES)))
    disturbed = await run_the_city(ground, Caller(lambda: mint(ground)), onlooker)
    assert onlooker.killed == onlooker.victims
    await asyncio.to_thread(ground.until_conserved)
    restarts = {name: ground.runtime.supervisor.status(name).restarts for name in SERVICES}
    assert all(restarts.values()), restarts
    assert without_numbers(disturbed) == undisturbed


class Submitting(threading.Thread):
    """A client that submits without pause, and repeats with the same key what was not answered."""

    def __init__(self, ground: Ground, resident: Actor) -> None:
        super().__init__(name="submitting")
        self._ground = ground
        self._resident = resident
        self._stopped = threading.Event()
        self.refused: list[str] = []
        self.count = 0

    def run(self) -> None:
        while not self._stopped.wait(PAUSE_S):
            submission = self._resident.submission()
            while True:
                try:
                    answer = self._resident.call(
                        self._ground.house.intake.SubmitRequest, submission, timeout=10
                    )
                except grpc.RpcError as error:
                    if error.code() not in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}:
                        self.refused.append(str(error))
                        return
                    time.sleep(0.1)
                else:
                    self._ground.accepted.add(answer.request_no)
                    self.count += 1
                    break

    def until_more(self) -> None:
        """Wait for a few more submissions."""
        wanted = self.count + 10
        until(lambda: self.count >= wanted, 60, "submissions")

    def finish(self) -> None:
        """Finish what is under way."""
        self._stopped.set()
        self.join()
        assert not self.refused


@pytest.mark.timeout(240)
def test_a_service_that_is_asked_to_stop_ends_with_0_within_seconds_and_loses_nothing(ground: Ground) -> None:
    ground.until_ready()
    client = Submitting(ground, ground.house.resident())
    client.start()
    try:
        for name in SERVICES:
            client.until_more()
            assert ground.ask_to_stop(name).reason == "ended with 0"
        ground.until_ready()
    finally:
        client.finish()
    ground.until_conserved()


@pytest.mark.timeout(240)
def test_a_service_killed_again_and_again_under_load_loses_nothing(ground: Ground) -> None:
    ground.until_ready()
    client = Submitting(ground, ground.house.resident())
    client.start()
    try:
        for name in random.sample(sorted(SERVICES), len(SERVICES)):
            client.until_more()
            ground.kill(name)
        ground.until_ready()
    finally:
        client.finish()
    ground.until_conserved()
