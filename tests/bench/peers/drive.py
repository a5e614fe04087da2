"""Drives E4 through a peer: the same closed loop, the same body, and each case timed from its submission to
its end.
"""

import asyncio
import contextlib
import json
import os
import shutil
import socket
import tempfile
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from deploy.local.supervisor import Supervisor
from services.chassis.clock import monotonic
from tests.bench.driver import ATTRIBUTES, BODY_BYTES, PATIENCE_S, SLOWEST, SUBMITTERS
from tests.bench.figures import PeerRun, Used, percentile
from tests.bench.measure import WARM_UP
from tests.bench.peers.ground import Ground, Peer, listen
from tests.bench.processes import usage

CLOSED = "closed.sock"


@dataclass
class Seen:
    """What was measured; times are monotonic seconds."""

    submitted_in: list[float] = field(default_factory=list)
    began_at: dict[str, float] = field(default_factory=dict)
    closed_at: dict[str, float] = field(default_factory=dict)
    first_at: float = 0.0


def body(number: int) -> bytes:
    """A request of 700 bytes of JSON with ten attributes."""
    content = {
        "site_id": "bench",
        "kind": "noise.night",
        "unit_id": f"bench/c1/s1/n{number % 4 + 1}",
        "channel": "phone",
        "title": f"Noise at night, building {number % 1000}",
        "attributes": {f"attribute_{n}": f"value {n} of it" for n in range(ATTRIBUTES)},
        "description": "",
    }
    content["description"] = "x" * (BODY_BYTES - len(json.dumps(content)))
    return json.dumps(content).encode()


async def drive(address: Callable[[str], str], heard: socket.socket, cases: int) -> Seen:
    """Submit all, and wait until all are closed. Raises TimeoutError when they aren't in time."""
    seen, numbers, ended = Seen(), iter(range(cases)), asyncio.Event()
    patience = PATIENCE_S + cases / SLOWEST
    loop = asyncio.get_running_loop()

    def hear() -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                case_id = heard.recv(256).decode()
                if case_id not in seen.began_at:
                    continue  # told again, of an earlier drive
                seen.closed_at.setdefault(case_id, monotonic())
                if len(seen.closed_at) == cases:
                    ended.set()

    async def submit(session: aiohttp.ClientSession) -> None:
        for number in numbers:
            case_id = str(uuid.uuid4())
            began = seen.began_at[case_id] = monotonic()
            async with session.post(address(case_id), data=body(number)) as answer:
                if answer.status >= 300:
                    raise RuntimeError(f"refused with {answer.status}: {await answer.text()}")
                await answer.read()
            seen.submitted_in.append(monotonic() - began)

    loop.add_reader(heard, hear)
    try:
        connector = aiohttp.TCPConnector(limit=SUBMITTERS)
        headers = {"content-type": "application/json"}
        async with (
            asyncio.timeout(patience),
            aiohttp.ClientSession(connector=connector, headers=headers) as session,
        ):
            seen.first_at = monotonic()
            await asyncio.gather(*(submit(session) for _ in range(SUBMITTERS)))
            await ended.wait()
    except TimeoutError:
        closed = f"{len(seen.closed_at)} of {cases} cases"
        raise TimeoutError(f"{closed} were closed in {patience:.0f} s") from None
    finally:
        loop.remove_reader(heard)
    return seen


def measure(
    peer: Peer, installed: Path, cases: int, clock_ms: int, say: Callable[[str], None], *, fsync: bool
) -> PeerRun:
    """One run of a peer from an empty store."""
    load_before = os.getloadavg()[0]
    with _folder() as data, Supervisor() as supervisor, listen(data / CLOSED) as heard:
        (data / CLOSED).chmod(0o777)
        ground = Ground(
            installed=installed,
            data=data,
            supervisor=supervisor,
            clock_ms=clock_ms,
            closed=data / CLOSED,
            fsync=fsync,
        )
        address = peer.start(ground)
        say(f"{peer.name}: {cases} cases, {peer.durability[fsync]}")
        pids = {status.name: status.pid for status in supervisor.statuses() if status.pid}
        pids["driver"] = os.getpid()
        asyncio.run(drive(address, heard, WARM_UP))
        before = usage(pids)
        seen = asyncio.run(drive(address, heard, cases))
        after = usage(pids)
    took = [seen.closed_at[case] - began for case, began in seen.began_at.items()]
    return PeerRun(
        peer=peer.name,
        title=peer.title,
        not_done=peer.not_done,
        durability=peer.durability[fsync],
        fsync=fsync,
        cases=cases,
        clock_ms=clock_ms,
        load_before=load_before,
        rate=cases / (max(seen.closed_at.values()) - seen.first_at),
        submit_p50_ms=1000 * percentile(seen.submitted_in, 0.5),
        submit_p99_ms=1000 * percentile(seen.submitted_in, 0.99),
        close_p50_ms=1000 * percentile(took, 0.5),
        close_p99_ms=1000 * percentile(took, 0.99),
        used={
            name: Used(1000 * (after[name].cpu_s - before[name].cpu_s) / cases, after[name].peak_mb)
            for name in after
            if name in before
        },
    )


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    """A short path, since a Unix socket's name has room for 107 bytes."""
    folder = Path(tempfile.mkdtemp(prefix="e4-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
