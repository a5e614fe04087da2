"""The harness itself, without any part: seeds, journals, wires, mutations, and the reckoning of clocks."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from deploy.local.ports import LOOPBACK, free_port
from fengqiao.common.v1.common_pb2 import Tier
from fengqiao.routing.v1 import events_pb2 as ev
from services.chassis.consumer import Received
from services.chassis.envelope import Envelope
from services.chassis.protobuf import timestamp
from tests.faults import history, mutations
from tests.faults.evidence import Event, Landed
from tests.faults.invariants.timers import walk
from tests.faults.nemesis import FAULTS, schedule
from tests.faults.patched import Patch, patched
from tests.faults.proxy import FINE, PARTED, Weather, Wires
from tests.faults.stage import bug_of

# -- seeds, journals, patches --------------------------------------------------------------------------------


def test_a_seed_makes_one_schedule_that_ends_in_time() -> None:
    assert schedule(7, 90) == schedule(7, 90)
    assert schedule(7, 90) != schedule(8, 90)
    for seed in range(50):
        planned = schedule(seed, 90)
        assert len(planned) > 3
        assert all(p.begins + p.lasts < 90 and FAULTS[p.fault].mixed for p in planned)


def test_every_fault_comes_up_in_some_schedule_unless_it_needs_a_stage_of_its_own() -> None:
    seen = {planned.fault for seed in range(200) for planned in schedule(seed, 90)}
    assert seen == {name for name, fault in FAULTS.items() if fault.mixed and not fault.lacks()}


def test_a_journal_is_read_back_without_the_line_that_a_crash_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    journal = history.Journal(path)
    call = journal.write("invoke", "submit", key="k", case="")
    journal.write("ok", "submit", call=call, key="k", case="c", number="N-1")
    journal.close()
    path.write_text(path.read_text(encoding="utf-8") + '{"at": 1, "kind": "in', encoding="utf-8")
    entries = history.read(path).entries
    assert [(e.kind, e.op, e.call, e.key, e.case) for e in entries] == [
        ("invoke", "submit", 1, "k", ""),
        ("ok", "submit", 1, "k", "c"),
    ]
    assert [e.kind for e in history.read(path).of_case("c")] == ["invoke", "ok"]


def test_every_mutation_finds_its_text_and_a_fault_that_brings_it_to_light() -> None:
    listed = mutations.mutations()
    assert len(listed) >= 12
    assert [wrong for mutation in listed if (wrong := mutation.patch.misplaced())] == []
    assert {mutation.fault for mutation in listed} <= set(FAULTS)
    assert bug_of(Path("flag")).misplaced() == ""


def test_a_copy_has_the_change_and_the_checkout_has_not(tmp_path: Path) -> None:
    patch = mutations.mutations()[0].patch
    copy = patched(tmp_path, [patch])
    assert patch.put in (copy / patch.file).read_text(encoding="utf-8")
    assert patch.misplaced() == ""
    with pytest.raises(ValueError, match="0 times"):
        patched(tmp_path / "other", [Patch(patch.file, "nowhere to be found", "")])


# -- wires ---------------------------------------------------------------------------------------------------


@pytest.fixture
def wires() -> Iterator[Wires]:
    with Wires() as made:
        yield made


@asynccontextmanager
async def echo(wires: Wires) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection through a link to a server that says everything back."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(100):
                writer.write(data)
        except ConnectionError:
            pass
        finally:
            writer.close()
            gone.set()

    gone = asyncio.Event()
    server = await asyncio.start_server(answer, LOOPBACK, 0)
    port = free_port()
    await asyncio.to_thread(wires.lay, "a-store", port, server.sockets[0].getsockname()[1])
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    try:
        yield reader, writer
    finally:
        writer.close()
        await asyncio.wait_for(gone.wait(), 5)
        server.close()
        await asyncio.sleep(0)


async def test_a_link_passes_on_what_it_gets_slowly_when_told_so(wires: Wires) -> None:
    async with echo(wires) as (reader, writer):
        writer.write(b"hello")
        assert await reader.read(100) == b"hello"
        wires.turn({"a-store"}, Weather(delay_s=0.2))
        began = time.monotonic()
        writer.write(b"again")
        assert await reader.read(100) == b"again"
        assert time.monotonic() - began >= 0.4


async def test_parted_nothing_comes_and_afterwards_everything_does(wires: Wires) -> None:
    async with echo(wires) as (reader, writer):
        wires.turn({"a-store"}, PARTED)
        writer.write(b"hello")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(100), 0.3)
        wires.turn({"a-store"}, FINE)
        assert await asyncio.wait_for(reader.read(100), 5) == b"hello"


async def test_a_link_that_is_down_resets_and_refuses(wires: Wires) -> None:
    async with echo(wires) as (reader, writer):
        writer.write(b"hello")
        assert await reader.read(100) == b"hello"
        wires.turn({"a-store"}, Weather(down=True))
        assert await asyncio.wait_for(_ended(reader), 5)
        with socket.create_connection((LOOPBACK, wires.links[0].port), timeout=5) as again:
            again.settimeout(5)
            assert await asyncio.to_thread(_reads_nothing, again)


async def _ended(reader: asyncio.StreamReader) -> bool:
    try:
        return await reader.read(100) == b""
    except ConnectionError:
        return True


def _reads_nothing(connection: socket.socket) -> bool:
    try:
        return connection.recv(10) == b""
    except ConnectionError:
        return True


# -- clocks --------------------------------------------------------------------------------------------------

T0 = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def event(message: Any, when: float, recorded: float | None = None) -> Event:
    """An event of a case at some seconds after its beginning."""
    envelope = Envelope(
        id=f"{when}",
        type=message.DESCRIPTOR.full_name,
        source="/fengqiao/routing",
        subject="case",
        site="faults",
        time=at(when),
        recorded_at=at(when if recorded is None else recorded),
        sequence=1,
        head=b"",
        cause="",
        data=b"",
    )
    record = Received("t", 0, 0, b"case", b"", {})
    return Event(envelope, message, Landed(record, at(when).timestamp(), envelope))


def owned(tier: int) -> ev.Assignment:
    return ev.Assignment(tier=Tier.ValueType(tier))


def routed() -> Event:
    return event(ev.CaseRouted(assignment=owned(1)), 0)


def climb(tier: int, when: float, fired: float, epoch: int = 1) -> Event:
    message = ev.CaseEscalated(
        assignment=owned(tier + 1), clock=f"tier-{tier}", epoch=epoch, fired_at=timestamp(at(fired))
    )
    return event(message, when, fired)


def wrong(*events: Event, end: float = 100) -> list[str]:
    return [f"{w.invariant} {w.text}" for w in walk(events, 10, at(end).timestamp())]


SUPERVISED = event(ev.SupervisionOrdered(clock="tier-4", epoch=1, fired_at=timestamp(at(40.1))), 40, 40.1)
WHOLE = (routed(), climb(1, 10, 10.1), climb(2, 20, 20.1), climb(3, 30, 30.1), SUPERVISED)


def test_four_clocks_one_after_the_other_are_as_they_should_be() -> None:
    assert wrong(*WHOLE) == []


def test_a_clock_that_never_fires_is_missed_once_its_time_is_long_past() -> None:
    assert wrong(*WHOLE[:3], end=29) == []
    assert wrong(*WHOLE[:3], end=31)[0].startswith("I3 tier-3 of epoch 1 did not fire")


def test_firing_twice_early_for_another_time_or_after_the_end_is_noticed() -> None:
    assert wrong(*WHOLE[:2], climb(1, 10, 10.2), end=15) == ["I3 ('tier-1', 1) fired twice"]
    assert wrong(routed(), climb(1, 10, 9.9), end=15)[0].startswith("I4 ('tier-1', 1) fired at")
    assert wrong(routed(), climb(1, 11, 11.1), end=15)[0].startswith("I3 ('tier-1', 1) fired for")
    end = event(ev.CaseResolved(), 5)
    assert wrong(routed(), end, climb(1, 10, 10.1))[0].startswith("I6 ('tier-1', 1) fired, and no clock runs")


def test_what_was_due_before_a_thing_happened_must_have_fired_before_it() -> None:
    assert wrong(routed(), event(ev.CaseResolved(), 10), end=50) == []  # at the same instant the command wins
    assert wrong(routed(), event(ev.CaseResolved(), 10.001), end=50)[0].startswith(
        "I3 tier-1 of epoch 1 did not"
    )


def test_a_wish_that_lifts_the_case_leaves_the_clocks_of_its_new_tier() -> None:
    lifted = event(ev.CaseEscalated(assignment=owned(2)), 4)
    assert wrong(routed(), lifted, climb(2, 20, 20.1), end=25) == []
    assert wrong(routed(), lifted, climb(1, 10, 10.1), end=12)[0].startswith(
        "I3 ('tier-1', 1) fired, and tier-2"
    )


def test_a_reopened_case_has_fresh_clocks() -> None:
    reopened = event(ev.CaseReopened(assignment=owned(2)), 7)
    assert wrong(routed(), event(ev.CaseResolved(), 5), reopened, climb(2, 17, 17.2, epoch=2), end=20) == []


def test_a_promised_time_is_shared_in_whole_seconds() -> None:
    opened = ev.CaseRouted(assignment=owned(1), due_promised=True, due_at=timestamp(at(9.5)))
    # 9.5 s by four: 2.375, 4.75 and 7.125 are cut to 2, 4 and 7, the last is the time itself.
    events = (event(opened, 0), climb(1, 2, 2.1), climb(2, 4, 4.1), climb(3, 7, 7.1))
    assert wrong(*events, end=9) == []
    last = event(ev.SupervisionOrdered(clock="tier-4", epoch=1, fired_at=timestamp(at(9.6))), 9.5, 9.6)
    assert wrong(*events, last) == []
