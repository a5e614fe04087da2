"""What the watch says of a real store: away, its clock off, events that wait, deadlines that nobody fires."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from pymongo.uri_parser import parse_uri

from services.chassis import standing, watch
from services.chassis.foundation import Foundation
from services.chassis.glance import Glance
from services.chassis.metrics import METRICS
from services.chassis.readiness import Readiness
from services.chassis.record import SHARDS
from services.chassis.store import BEHIND
from services.chassis.sweeper import Catchup
from services.chassis.watch import Watch
from tests.integration.chassis.kept import Wall, begin, kept
from tests.kit import toy
from tests.kit.broker import FakeBroker
from tests.waiting import until_async

ALL = list(range(SHARDS))
SAID_S = watch.PERIOD_S + standing.STORE_TIMEOUT_S + 3.0
"""How soon readiness must name a store that fell silent."""


class Link:
    """A connection to the store that can fall silent: what was accepted stays open, nothing comes through.

    In threads: some of what a test calls blocks its loop.
    """

    def __init__(self, host: str, port: int) -> None:
        self._there = host, port
        self._closing = threading.Event()
        self._through = threading.Event()
        self._through.set()

    @contextlib.contextmanager
    def listening(self) -> Iterator[str]:
        with contextlib.ExitStack() as stack:
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            listener.settimeout(0.1)
            accepting = threading.Thread(target=self._accept, args=(listener, stack))
            accepting.start()
            try:
                yield f"mongodb://127.0.0.1:{listener.getsockname()[1]}/?directConnection=true"
            finally:
                self._closing.set()
                self._through.set()
                accepting.join()

    @contextlib.contextmanager
    def silent(self) -> Iterator[None]:
        self._through.clear()
        try:
            yield
        finally:
            self._through.set()

    def _accept(self, listener: socket.socket, stack: contextlib.ExitStack) -> None:
        pumps = []
        while not self._closing.is_set():
            with contextlib.suppress(TimeoutError):
                ours = stack.enter_context(listener.accept()[0])
                theirs = stack.enter_context(socket.create_connection(self._there))
                for source, sink in ((ours, theirs), (theirs, ours)):
                    pumps.append(threading.Thread(target=self._pump, args=(source, sink)))
                    pumps[-1].start()
        for pump in pumps:
            pump.join()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        source.settimeout(0.1)
        while not self._closing.is_set():
            try:
                if not (data := source.recv(65536)):
                    break
                self._through.wait()
                sink.sendall(data)
            except TimeoutError:
                continue
            except OSError:
                break
        # The other direction sees its end, and nobody closes under its hands.
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
def broker() -> FakeBroker:
    return FakeBroker()


@pytest.fixture
async def link(store: str) -> Link:
    return Link(*parse_uri(store)["nodelist"][0])


@pytest.fixture
async def base(
    link: Link, store: str, database_name: str, wall: Wall, broker: FakeBroker
) -> AsyncIterator[Foundation[toy.Toy]]:
    with link.listening() as url:
        async with kept(url, database_name, wall, broker) as made:
            yield made


@pytest.fixture
async def watching(base: Foundation[toy.Toy]) -> AsyncIterator[Watch]:
    made = Watch(base)
    yield made
    await asyncio.to_thread(made.close)


def codes(readiness: Readiness) -> list[str]:
    return [reason.code for reason in readiness.reasons]


async def test_a_store_that_falls_silent_is_named_within_seconds_and_forgotten_when_it_answers(
    base: Foundation[toy.Toy], link: Link, watching: Watch
) -> None:
    figures = Glance(lambda: standing.soon(lambda: standing.count(base.kinds, BEHIND)))
    running = asyncio.create_task(watching.run())
    assert await figures.ask() == 0
    try:
        with link.silent():
            await until_async(lambda: codes(base.readiness) == ["store"], SAID_S, "the silent store")
            assert not base.readiness.ready
            assert await figures.ask() is None, "who asks for figures is not kept waiting for the store"
        await until_async(lambda: base.readiness.ready, SAID_S, "the store that answers")
        assert await figures.ask() == 0
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await asyncio.to_thread(figures.close)


async def test_a_process_that_never_sweeps_names_the_clock_that_is_off(
    base: Foundation[toy.Toy], wall: Wall, watching: Watch
) -> None:
    wall.ahead = timedelta(hours=1)
    await watching.look()
    assert codes(base.readiness) == ["clock"]
    assert not base.readiness.ready
    assert -3601 < METRICS.clock_skew_seconds._value.get() < -3599
    earlier, later = base.wall.span()
    assert timedelta(minutes=59) < later - earlier < timedelta(minutes=61), "between them nobody can tell"
    wall.ahead = timedelta(0)
    await watching.look()
    assert codes(base.readiness) == []
    assert abs(METRICS.clock_skew_seconds._value.get()) < 2


async def test_events_that_wait_for_the_broker_are_named_and_block_nothing(
    base: Foundation[toy.Toy], broker: FakeBroker, watching: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "OUTBOX_SAID", timedelta(seconds=0.2))
    broker.away = True
    await begin(base, "a")

    async def named() -> Any:
        await watching.look()
        return codes(base.readiness) == ["outbox"]

    await until_async(named)
    assert base.readiness.ready
    broker.away = False
    base.publisher._trim_after_s = 0.0
    monkeypatch.setattr("services.chassis.sweeper.OUTBOX_AGE", timedelta(0))
    sweeper = base.sweeper(Catchup())

    async def forgotten() -> Any:
        await sweeper.sweep_outboxes(ALL)
        await watching.look()
        return not base.readiness.reasons

    await until_async(forgotten)


async def test_a_deadline_that_nobody_fires_is_named_until_somebody_does(
    base: Foundation[toy.Toy], watching: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "UNFIRED_SAID_S", 0.2)
    await begin(base, "a")
    repository = base.committer.repository
    record = repository.get(["a"])["a"]
    assert record.state is not None
    due = base.wall.now() - timedelta(minutes=1)
    record.state, record.next_due_at = replace(record.state, due_at=due), due
    assert not repository.commit([record], base.wall.now()).lost

    async def named() -> Any:
        await watching.look()
        return codes(base.readiness) == ["unfired"]

    await watching.look()
    assert codes(base.readiness) == [], "it has only just been seen"
    await until_async(named)
    assert base.readiness.ready
    assert await base.sweeper(Catchup()).run_once(ALL) == 1
    await watching.look()
    assert base.readiness.reasons == []
