"""What is never left to Faust's defaults: delivery, sending, tables, web server, the loop (3 to 5, 7, 9)."""

import ast
import asyncio
import time
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import click
import faust
import pytest
from faust.cli.worker import worker as worker_command
from faust.exceptions import ProducerSendError

from services.chassis.consumer import Received
from services.chassis.publisher import KafkaPythonProducer
from services.chassis.threads import Threads
from tests.integration.chassis.faust_lab import ROOT, Lab
from tests.waiting import until_async


async def test_the_worker_runs_at_least_once_without_tables_or_a_leader(lab: Lab) -> None:
    # exactly_once fails on Tansu and under rebalances (faust#323, #517, #177): not tried, not used.
    conf = lab.idle_member(lab.topic("plain")).worker.app.conf
    assert conf.processing_guarantee == faust.types.enums.ProcessingGuarantee.AT_LEAST_ONCE
    assert str(conf.store) == "memory:"
    assert conf.topic_disable_leader
    assert not conf.topic_allow_declare
    assert not conf.worker_redirect_stdouts
    assert (conf.key_serializer, conf.value_serializer) == ("raw", "raw")
    assert not conf.stream_wait_empty
    assert 0 < conf.broker_max_poll_records <= conf.stream_buffer_maxsize < 4096


async def test_nothing_in_the_house_sends_through_faust_or_keeps_a_table() -> None:
    tree = ast.parse((ROOT / "services/chassis/worker.py").read_text(encoding="utf-8"))
    used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert used.isdisjoint(
        {"Table", "SetTable", "GlobalTable", "send", "send_soon", "cast", "ask", "sink", "crontab"}
    )


async def test_naively_a_send_that_was_awaited_is_only_enqueued(lab: Lab) -> None:
    topic, app = lab.topic("naive"), lab.naive()
    channel = app.topic(topic)

    @app.agent(channel)
    async def agent(stream: object) -> None:
        await asyncio.Event().wait()

    async with lab.running(app):
        await until_async(app.consumer.assignment)
        sent = await channel.send(value=b"1")
        assert not sent.done(), "the await says nothing about the broker"
        await asyncio.wait_for(asyncio.shield(sent), 10)
        assert app.producer._producer._txn_manager is None, (
            "not idempotent: a repeat after a lost answer doubles"
        )
        # On this version what is too large is refused at once; earlier ones took the whole app down later.
        with pytest.raises(ProducerSendError):
            await channel.send(value=b"x" * 2_000_000)


async def test_the_house_s_producer_says_whether_the_broker_took_it(lab: Lab) -> None:
    topic, producer = lab.topic("sent"), KafkaPythonProducer(lab.bootstrap, "lab")
    results = await asyncio.gather(
        *(producer.send(topic, b"k", v, []) for v in (b"1", b"x" * 2_000_000, b"2"))
    )
    await producer.close()
    assert results == [True, False, True]


def test_naively_the_web_server_is_on_open_to_all_and_the_command_line_overrules_the_setting() -> None:
    conf = faust.App("naive").conf
    assert conf.web_enabled
    assert (str(conf.web_bind), conf.web_port) == ("0.0.0.0", 6066)  # noqa: S104 - Faust's own
    # `faust worker` has no third state: without `--without-web` it says yes, whatever the app says.
    command = worker_command.worker_options[0](click.command()(lambda: None))
    [option] = command.params
    assert (option.name, option.default) == ("with_web", True)
    app = faust.App("naive", web_enabled=False)
    given = dict.fromkeys(("web_port", "web_bind", "web_host", "web_transport"))
    given_to: Any = worker_command
    given_to._init_worker_options(SimpleNamespace(app=app), with_web=option.default, **given)
    assert app.conf.web_enabled


async def test_the_worker_has_no_web_server_and_no_command_line(lab: Lab) -> None:
    member = lab.idle_member(lab.topic("plain"))
    assert not member.worker.app.conf.web_enabled
    words = [
        p.name for p in (ROOT / "services").rglob("*.py") if "faust.cli" in p.read_text(encoding="utf-8")
    ]
    assert words == []


async def longest_pause(during: Callable[[], bool]) -> float:
    """The longest time in seconds that the loop let nobody else run."""
    longest, before = 0.0, time.monotonic()
    while not during():
        await asyncio.sleep(0.005)
        now = time.monotonic()
        longest, before = max(longest, now - before), now
    return longest


@pytest.mark.parametrize("inline", [True, False])
async def test_a_blocking_call_stalls_the_loop_inline_and_does_not_in_a_thread(
    lab: Lab, *, inline: bool
) -> None:
    topic, threads = lab.topic("block"), Threads(2)

    async def take(_batch: Sequence[Received]) -> None:
        if inline:
            time.sleep(0.5)  # noqa: ASYNC251 - the fault
        else:
            await threads.run(time.sleep, 0.5)

    async with lab.member(topic, take=take) as member:
        await lab.send(topic, b"1")
        pause = await longest_pause(lambda: bool(member.handled))
    threads.close()
    assert (pause >= 0.5) is inline
