"""A service of the chassis as a process on real parts: how it ends, and what the next one gets."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import pytest
from mongoengine import connect
from mongoengine.connection import disconnect

from services.chassis.indexes import migrate
from services.chassis.store import AggregateDocument
from tests.integration.chassis.faust_lab import Lab, Process, process

Start = Callable[..., AbstractContextManager[Process]]


pytestmark = pytest.mark.kafka


@pytest.fixture
def start(lab: Lab, store: str, database_name: str, tmp_path: Path) -> Iterator[Start]:
    """`start(topic, name, fault, **environment)` runs a member in a group of its own name."""

    class Toys(AggregateDocument):
        meta = {"collection": "toys", "db_alias": "bench", "auto_create_index": False}  # noqa: RUF012

    connect(db=f"{database_name}_lab", host=store, alias="bench", uuidRepresentation="standard")
    migrate([Toys])
    common = {
        "KAFKA_BOOTSTRAP": lab.bootstrap,
        "MONGO_URL": store,
        "FENGQIAO_DATABASE_PREFIX": database_name,
        "FENGQIAO_SESSION_TIMEOUT_S": str(lab.session_s),
        "FENGQIAO_HEARTBEAT_INTERVAL_S": str(lab.session_s / 5),
        "FENGQIAO_COMMIT_INTERVAL_MS": "100",
        "FENGQIAO_PARTITIONS": "1",
        "FENGQIAO_BATCH_MAX": "1",
    }

    def run(topic: str, name: str, fault: str = "", **more: str) -> AbstractContextManager[Process]:
        own = {"TOPIC": topic, "FAULT": fault, "FENGQIAO_GROUP_SUFFIX": f"-{lab.suffix}-{name}"}
        return process(common | own | more, tmp_path, name)

    yield run
    disconnect("bench")


@pytest.mark.timeout(300)  # five interpreters start: seconds when alone, minutes on a crowded machine
async def test_how_a_service_ends_and_what_it_leaves(lab: Lab, start: Start) -> None:
    topic = lab.topic("ends")
    await lab.send(topic, b"1", b"2", b"3")
    with ExitStack() as stack:
        raising = stack.enter_context(start(topic, "raising", "raise"))
        stalled = stack.enter_context(start(topic, "stalled", "hang", STALL_S="1"))
        stopped = stack.enter_context(start(topic, "stopped", "slow"))
        killed = stack.enter_context(start(topic, "killed", "hang"))
        for each in (raising, stalled, stopped, killed):
            await asyncio.to_thread(each.until_told, "took 1")

        assert await asyncio.to_thread(stopped.end, signal.SIGTERM) == 0
        lines = stopped.lines()
        assert [line.removeprefix("did ") for line in lines[1::2]] == [
            line.removeprefix("took ") for line in lines[::2]
        ], "SIGTERM finishes the batch that was begun"
        group = f"{lab.group}-stopped"
        assert await lab.committed(group) == {(topic, 0): len(lines) // 2}, "and commits it"

        killed.end(signal.SIGKILL)
        assert await lab.committed(f"{lab.group}-killed") == {}
        with start(topic, "killed") as after:
            for value in "123":
                await asyncio.to_thread(after.until_told, f"did {value}")
        assert after.lines()[:3] == ["took 1", "took 1", "did 1"], (
            "what was not committed comes again, in order"
        )

        assert await asyncio.to_thread(raising.popen.wait, 60) == 1, "what a batch raises ends the process"
        assert raising.lines() == ["took 1", "did 1", "took 2"]
        assert await lab.committed(f"{lab.group}-raising") == {(topic, 0): 1}

        assert await asyncio.to_thread(stalled.popen.wait, 60) == 1, "a stall ends the process"
        assert stalled.lines() == ["took 1"]
        assert await lab.committed(f"{lab.group}-stalled") == {}
