"""Faust acknowledges what was never handled (pitfalls 1, 2, 8): naive agents lose it, the chassis doesn't."""

import ast
import asyncio
import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from faust.types import TP

from services.chassis import worker as worker_module
from services.chassis.consumer import Received
from tests.integration.chassis.faust_lab import ROOT, Lab
from tests.waiting import until_async

pytestmark = pytest.mark.kafka


async def test_naively_an_exception_in_an_agent_commits_the_event_that_was_lost(lab: Lab) -> None:
    topic, app, handled = lab.topic("naive"), lab.naive(), []

    @app.agent(app.topic(topic))
    async def agent(stream: Any) -> None:
        async for value in stream:
            if value == b"2":
                raise ValueError
            handled.append(value)

    await lab.send(topic, b"1", b"2", b"3")
    async with lab.running(app):
        await lab.until_committed({(topic, 0): 3})
    assert handled == [b"1", b"3"], "2 is lost for ever"


async def test_naively_manual_acks_commit_over_the_hole_that_an_exception_left(lab: Lab) -> None:
    topic, app, handled = lab.topic("naive"), lab.naive(stream_ack_exceptions=False), []

    @app.agent(app.topic(topic))
    async def agent(stream: Any) -> None:
        async for event in stream.noack().events():
            if event.value == b"2":
                raise ValueError
            handled.append(event.value)
            await stream.ack(event)

    await lab.send(topic, b"1")
    async with lab.running(app):
        await lab.until_committed({(topic, 0): 1})
        await lab.send(topic, b"2", b"3")
        await lab.until_committed({(topic, 0): 3})
    assert handled == [b"1", b"3"], "2 is lost although nobody acknowledged it"


async def test_what_a_batch_raises_ends_the_worker_and_the_next_one_gets_the_batch_again(lab: Lab) -> None:
    topic = lab.topic("batch")
    await lab.send(topic, b"1", b"2", b"3")

    async def fail_on_2(batch: Sequence[Received]) -> None:
        if batch[0].value == b"2":
            raise ValueError

    async with lab.member(topic, take=fail_on_2, batch_max=1) as member:
        await asyncio.wait_for(member.worker.failed.wait(), 10)
        await lab.until_committed({(topic, 0): 1})
    assert member.values == [b"1"]
    assert [batch[0].value for batch in member.batches] == [b"1", b"2"], "nothing is taken after a failure"
    assert await lab.committed() == {(topic, 0): 1}, "stopping commits nothing more"
    async with lab.member(topic) as again:
        await lab.until_committed({(topic, 0): 3})
    assert again.values == [b"2", b"3"]


async def test_naively_two_coroutines_commit_past_an_event_in_flight(lab: Lab) -> None:
    topic, app, handled, gate = lab.topic("naive"), lab.naive(), [], asyncio.Event()

    @app.agent(app.topic(topic), concurrency=2)
    async def agent(stream: Any) -> None:
        async for value in stream:
            if value == b"0":
                await gate.wait()
            handled.append(value)

    async with lab.running(app):
        await lab.send(topic, *(b"%d" % n for n in range(10)))
        await lab.until_committed({(topic, 0): 10})
        assert b"0" not in handled, "committed while it is in flight: a crash now loses it"
        gate.set()


async def test_faust_commits_over_a_gap_of_one(lab: Lab) -> None:
    # faust#606, without a broker's part in it: committed 10 and 11 acknowledged, 10 itself still in flight.
    app = lab.naive()
    consumer, tp = app._new_consumer(), TP("t", 0)
    consumer._committed_offset[tp] = 10
    consumer._acked[tp] = [11]
    assert consumer._new_offset(tp) == 12
    consumer._thread.thread_loop.close()


async def test_nothing_is_committed_past_a_batch_in_flight(lab: Lab) -> None:
    topic, gate = lab.topic("flight"), asyncio.Event()

    async def wait_on_0(batch: Sequence[Received]) -> None:
        if batch[0].value == b"0":
            await gate.wait()

    async with lab.member(topic, take=wait_on_0, batch_max=1) as member:
        await lab.send(topic, *(b"%d" % n for n in range(10)))
        await until_async(lambda: member.batches)
        await member.worker.app.consumer.commit()
        assert await lab.committed() == {}
        assert len(member.batches) == 1, "the next batch waits for this one"
        gate.set()
        await lab.until_committed({(topic, 0): 10})
        assert member.values == [b"%d" % n for n in range(10)]
        assert {agent.concurrency for agent in member.worker.app.agents.values()} == {1}


@functools.cache
def calls(folder: str) -> list[tuple[Path, ast.Call]]:
    return [
        (path, node)
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
    ]


def test_no_agent_of_the_house_has_a_concurrency_but_one() -> None:
    found = [
        (path.name, ast.unparse(keyword.value))
        for path, call in calls("services")
        for keyword in call.keywords
        if keyword.arg == "concurrency"
    ]
    assert found == [("worker.py", "1")]


def test_agents_are_made_by_the_worker_alone_and_never_take_what_acknowledges_by_itself() -> None:
    names = [
        (path.name, call.func.attr)
        for path, call in calls("services")
        if isinstance(call.func, ast.Attribute)
    ]
    assert [
        name for name in names if name[1] in {"take_events", "take_with_timestamp", "Table", "GlobalTable"}
    ] == []
    assert [name for name in names if name[1] == "noack_take"] == [("worker.py", "noack_take")]
    imports = {
        path.name
        for path in (ROOT / "services").rglob("*.py")
        if "import faust" in path.read_text(encoding="utf-8")
    }
    assert imports == {"worker.py"}


@pytest.mark.parametrize("form", ["take", "take_events"])
async def test_naively_take_acknowledges_its_batch_whatever_happened_inside(lab: Lab, form: str) -> None:
    topic, app, begun = lab.topic("naive"), lab.naive(), []

    @app.agent(app.topic(topic))
    async def agent(stream: Any) -> None:
        async for batch in getattr(stream, form)(3, within=60):
            begun.append(batch)
            raise ValueError

    await lab.send(topic, b"1", b"2", b"3")
    async with lab.running(app):
        await lab.until_committed({(topic, 0): 3})
    assert len(begun) == 1, "three events are lost"


async def test_naively_stopping_commits_the_event_whose_handler_was_cut_off(lab: Lab) -> None:
    topic, app, steps = lab.topic("naive"), lab.naive(), []

    @app.agent(app.topic(topic))
    async def agent(stream: Any) -> None:
        async for value in stream:
            steps.append(f"began {value.decode()}")
            await asyncio.Event().wait()
            steps.append(f"ended {value.decode()}")

    await lab.send(topic, b"1", b"2")
    async with lab.running(app):
        await until_async(lambda: steps)
    assert steps == ["began 1"]
    assert await lab.committed() == {(topic, 0): 1}, "1 is lost by an orderly stop"


async def test_stopping_finishes_the_batch_in_flight_and_commits_it(lab: Lab) -> None:
    topic, gate = lab.topic("stop"), asyncio.Event()

    async def wait(_batch: Sequence[Received]) -> None:
        await gate.wait()

    async with lab.member(topic, take=wait, batch_max=1) as member:
        await lab.send(topic, b"1", b"2")
        await until_async(lambda: member.batches)
        asyncio.get_running_loop().call_later(0.2, gate.set)
    assert member.values == [b"1"], "nothing new is begun"
    assert await lab.committed() == {(topic, 0): 1}


async def test_stopping_gives_up_a_batch_that_does_not_end_and_commits_nothing_of_it(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "IN_FLIGHT_GRACE_S", 0.1)
    topic = lab.topic("stop")

    async def hang(_batch: Sequence[Received]) -> None:
        await asyncio.Event().wait()

    async with lab.member(topic, take=hang) as member:
        await lab.send(topic, b"1")
        await until_async(lambda: member.batches)
    assert await lab.committed() == {}
    async with lab.member(topic) as again:
        await until_async(lambda: again.values == [b"1"])


async def test_an_agent_that_ends_unasked_ends_the_worker_and_acknowledges_nothing(lab: Lab) -> None:
    topic, gate = lab.topic("ends"), asyncio.Event()

    async def wait(_batch: Sequence[Received]) -> None:
        await gate.wait()

    async with lab.member(topic, take=wait, batch_max=1) as member:
        await lab.send(topic, b"1", b"2", b"3")
        await until_async(lambda: member.batches)
        for agent in member.worker.app.agents.values():
            agent.cancel()
        gate.set()
        await asyncio.wait_for(member.worker.failed.wait(), 10)
    assert member.values == [b"1"]
    assert await lab.committed() == {(topic, 0): 1}


async def test_a_record_that_cannot_even_be_described_ends_the_worker(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_headers: object) -> dict[str, str]:
        raise TypeError

    topic = lab.topic("odd")
    async with lab.member(topic) as member:
        monkeypatch.setattr(worker_module, "header_map", refuse)
        await lab.send(topic, b"1")
        await asyncio.wait_for(member.worker.failed.wait(), 10)
    assert await lab.committed() == {}
