"""Services killed in the midst of a city's day, or asked to stop: nothing is lost, nothing comes twice."""

import asyncio
import os
import random
import secrets
import threading
import time
from datetime import datetime
from pathlib import Path

import grpc
import pytest

from deploy.local.parts import Choice
from deploy.local.runtime import SERVICES
from services.cli.calls import Caller
from services.cli.demo import BOSTON, boston_site, oracle
from services.cli.demo.pump import Progress
from services.cli.demo.rows import Row, read
from services.cli.demo.run import Figures, Result, Run
from tests.faults.conftest import Ground, laid
from tests.journeys.clients import Actor
from tests.waiting import until

pytestmark = pytest.mark.kafka

ROWS = int(os.environ.get("FENGQIAO_FAULTS_ROWS", "150"))
"""How much of the city's slice is run; 600 is all of it."""

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


def the_city() -> tuple[list[Row], datetime]:
    """The first rows of the slice, and where its clock ends."""
    site = boston_site()
    rows = read(BOSTON / "requests.csv.gz", ROWS, site.zone, site.places)
    end = oracle.default_until(rows)
    assert end is not None
    return rows, end


async def run_the_city(ground: Ground, victims: list[str]) -> Result:
    """Pump the city's rows through the services, killing some meanwhile."""
    rows, end = the_city()
    running = ground.runtime.running
    caller = Caller(lambda: running.issuer.mint("replay", "replay", "boston"))
    run = Run(boston_site(), rows, running.rpc, running.kafka_bootstrap, caller)
    onlooker = Onlooker(ground, victims)
    try:
        result = await run.go(end, secrets.token_hex(4), onlooker)
    finally:
        await run.close()
    assert onlooker.killed == victims
    ground.accepted.update({row.request_no for row in result.rows if row.request_no})
    return result


def without_numbers(result: Result) -> list[dict[str, object]]:
    """The report, but for the request numbers: they depend on who came first."""
    return [{**row.as_json(), "request_no": None} for row in result.rows]


@pytest.mark.timeout(400)
async def test_a_city_with_each_service_killed_once_midway_gives_the_undisturbed_report(
    ground: Ground, tmp_path: Path, choice: Choice
) -> None:
    victims = random.sample(sorted(SERVICES), len(SERVICES))
    disturbed = await run_the_city(ground, victims)
    assert [found for _, found in disturbed.wrong] == []
    await asyncio.to_thread(ground.until_conserved)
    restarts = {name: ground.runtime.supervisor.status(name).restarts for name in SERVICES}
    assert all(restarts.values()), restarts
    with laid(tmp_path, choice) as quiet:
        undisturbed = await run_the_city(quiet, [])
        assert [found for _, found in undisturbed.wrong] == []
        await asyncio.to_thread(quiet.until_conserved)
    assert without_numbers(disturbed) == without_numbers(undisturbed)


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
