"""Queues, boards and sweeps where very many cases are stored: read by gRPC at a steady pace, swept by hand.

Routing's RPC process and a store, nothing else: cases are made by the ladder's own decisions and copied into
the store as documents, not submitted. What is measured of sweeps is the query that finds what is due, at each
level of closed cases, and one round that fires what was left lying.
"""

import asyncio
import itertools
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

from pymongo import MongoClient, WriteConcern

from deploy.local.issuer import Issuer
from deploy.local.parts import Kind, stores, take, wanted
from deploy.local.ports import free_port
from deploy.local.process import Spec
from deploy.local.supervisor import Supervisor
from fengqiao.routing.v1 import routing_service_pb2 as rpc
from fengqiao.routing.v1.routing_service_pb2_grpc import RoutingServiceStub
from services.chassis import client, indexes
from services.chassis.clock import monotonic
from services.chassis.foundation import Foundation, lay
from services.chassis.health import Serving
from services.chassis.record import SHARDS
from services.chassis.site import load_sites
from services.chassis.sweeper import Catchup
from services.routing.domain import Case, Ladder
from services.routing.settings import RoutingSettings
from services.routing.sitefiles import read_rules
from services.routing.store import model
from services.routing.store.documents import BESIDE_CASES, CaseDocument
from tests.bench.crowd_figures import BATCH, Crowd, Found, Level, Took
from tests.bench.crowd_models import ACCEPTED, DUE, ENDED, OVERDUE, SOON, UNASSIGNED, WAITING, Makers
from tests.bench.driver import NEIGHBOURS, SITE, STREET, TOKEN_LIFE
from tests.bench.figures import percentile
from tests.bench.processes import resident_mb
from tests.bench.stage import Variant, site_of
from tests.kit.edge import Broker

HOUR_MS = 3_600_000
ASKED = 40
WRITES = 5.0
"""Cases that change each second while others look on."""
MIX = {ACCEPTED: 0.7, WAITING: 0.1, SOON: 0.1, OVERDUE: 0.1}


@dataclass(frozen=True, slots=True)
class Sizes:
    """What is asked for."""

    stored: int = 1_000_000
    open: int = 100_000
    due: int = 10_000
    pace: float = 50.0
    seconds: float = 60.0

    @property
    def levels(self) -> list[int]:
        """Closed cases at which sweeps are measured."""
        most = self.stored - self.open
        return sorted({0, *(each for each in (100_000, 500_000) if each < most), most})


def measure(
    sizes: Sizes, variant: Variant, folder: Path, about: tuple[str, float], say: Callable[[str], None]
) -> Crowd:
    """One run in an empty folder; `about` is the machine and its load average before."""
    found = take(Kind.STORE, wanted(variant.parts, stores(sync_on_commit=False)), say).part
    sites, issuer = site_of(HOUR_MS, folder / "sites"), Issuer(folder / "issuer")
    with Supervisor() as supervisor:
        url = found.start(supervisor, folder)
        settings = RoutingSettings(
            mongo_url=url, sites=sites, environment="development", jwt_public_keys=issuer.public_keys
        )
        levels, rate = asyncio.run(_fill(sizes, settings, say))
        port = _serve(supervisor, url, settings, folder)
        say("asking")
        firsts, asked = asyncio.run(_ask(sizes, settings, issuer, port))
        memory = resident_mb(supervisor.status("routing").pid or 0)
        supervisor.stop("routing")
        say("sweeping")
        swept = asyncio.run(_sweep(sizes, settings))
    machine, load = about
    return Crowd(
        machine, found.name, sizes.stored, sizes.open, load, rate, firsts, asked, memory, levels, swept
    )


@asynccontextmanager
async def _base(settings: RoutingSettings, broker: Broker) -> AsyncIterator[tuple[Foundation[Case], Makers]]:
    sites = load_sites(settings.sites)
    rules = {site.id: read_rules(site) for site in sites.values()}
    ladder = Ladder(rules)
    base = lay(settings, model(ladder), CaseDocument, documents=BESIDE_CASES, producer=broker, sites=sites)
    try:
        yield base, Makers(rules[SITE], datetime.now(UTC))
    finally:
        await base.close()


async def _fill(
    sizes: Sizes, settings: RoutingSettings, say: Callable[[str], None]
) -> tuple[list[Level], float]:
    """All cases but those that are due, with the sweep's queries timed at each level of closed ones."""
    levels, wrote, began = list[Level](), 0, 0.0
    async with _base(settings, Broker()) as (base, makers):
        indexes.migrate(base.documents)
        with MongoClient[dict[str, Any]](settings.mongo_url) as store:
            cases: Any = store[settings.database].get_collection("cases", write_concern=WriteConcern(w=1))
            began = monotonic()
            for name, share in MIX.items():
                wrote += _insert(cases, makers, name, 0, round(sizes.open * share))
            closed = 0
            for level in sizes.levels:
                wrote += _insert(cases, makers, ENDED, closed, level - closed)
                closed = level
                spent = monotonic()
                levels.append(_level(base, cases, makers, closed))
                began += monotonic() - spent
                say(f"{wrote:,} cases, {wrote / (monotonic() - began):,.0f} a second")
        return levels, wrote / (monotonic() - began)


def _insert(cases: Any, makers: Makers, name: str, first: int, count: int) -> int:
    for start in range(first, first + count, BATCH):
        size = min(BATCH, first + count - start)
        cases.insert_many(list(makers.copies(name, start, size)), ordered=False)
    return count


def _level(base: Foundation[Case], cases: Any, makers: Makers, closed: int) -> Level:
    """The query of a sweep when nothing is due, and when a batch is."""
    repository, now = base.committer.repository, datetime.now(UTC)

    def due() -> None:
        repository.due(SITE, range(SHARDS), now, now, BATCH)

    idle = _timed("nothing due", due)
    # They are there for this question only.
    batch = list(makers.copies(DUE, 10_000_000 + closed, BATCH))
    cases.insert_many(batch)
    full = _timed(f"{BATCH} due", due)
    cases.delete_many({"_id": {"$in": [each["_id"] for each in batch]}})
    return Level(closed, idle, full)


def _timed(name: str, ask: Callable[[], object]) -> Took:
    took = []
    for _ in range(ASKED):
        began = monotonic()
        ask()
        took.append((monotonic() - began) * 1000)
    return _took(name, took)


def _took(name: str, took: Sequence[float]) -> Took:
    return Took(name, len(took), percentile(took, 0.5), percentile(took, 0.99), max(took))


def _serve(supervisor: Supervisor, url: str, settings: RoutingSettings, folder: Path) -> int:
    port = free_port()
    environment = {
        "MONGO_URL": url,
        "KAFKA_BOOTSTRAP": "127.0.0.1:9",
        "FENGQIAO_ENVIRONMENT": "development",
        "FENGQIAO_RPC_PORT": str(port),
        "FENGQIAO_SITES": str(settings.sites.resolve()),
        "FENGQIAO_JWT_PUBLIC_KEYS": str(settings.jwt_public_keys),
    }
    command = (sys.executable, "-m", "services.routing", "rpc")
    log = folder / "routing.log"
    supervisor.start(
        Spec(name="routing", command=command, log=log, ready=Serving(port), environment=environment)
    )
    supervisor.wait_ready("routing")
    return port


async def _ask(
    sizes: Sizes, settings: RoutingSettings, issuer: Issuer, port: int
) -> tuple[dict[str, float], list[Took]]:
    """Queues and boards, each at the pace for its time, while some cases change."""
    metadata = client.bearer(issuer.mint("desk", "desk-crowd", SITE, ("*",), TOKEN_LIFE))
    chance = Random(1)
    async with client.channel(f"127.0.0.1:{port}") as channel, _base(settings, Broker()) as (base, makers):
        stub: Any = RoutingServiceStub(channel)

        async def queue() -> None:
            request = rpc.GetQueueRequest(unit_id=chance.choice(NEIGHBOURS), page_size=50)
            await stub.GetQueue(request, metadata=metadata)

        async def whole() -> None:
            request = rpc.GetQueueRequest(unit_id=STREET, include_below=True, page_size=50)
            await stub.GetQueue(request, metadata=metadata)

        async def board() -> None:
            async for _ in stub.WatchBoard(rpc.WatchBoardRequest(site_id=SITE), metadata=metadata):
                pass

        async def attention() -> None:
            request = rpc.WatchAttentionRequest(unit_id=STREET, include_below=True, max_cases=50)
            async for _ in stub.WatchAttention(request, metadata=metadata):
                pass

        firsts = {}
        for name, ask in (("WatchAttention", attention), ("WatchBoard", board)):
            began = monotonic()
            await ask()
            firsts[name] = (monotonic() - began) * 1000
        changing = asyncio.create_task(_change(base, makers))
        kinds = {
            "GetQueue of a unit": queue,
            "GetQueue of all below": whole,
            "WatchBoard": board,
            "WatchAttention, first 50": attention,
        }
        try:
            return firsts, [await _paced(name, ask, sizes) for name, ask in kinds.items()]
        finally:
            changing.cancel()


async def _change(base: Foundation[Case], makers: Makers) -> None:
    """Some cases are written again and again, as when somebody reports what they did."""
    repository = base.committer.repository
    for number in range(10_000_000):
        [copy] = makers.copies(ACCEPTED, number, 1)
        if record := (await base.committer.get([copy["_id"]])).get(copy["_id"]):
            await base.threads.run(repository.commit, [record], base.wall.now())
        await asyncio.sleep(1 / WRITES)


async def _paced(name: str, ask: Callable[[], Awaitable[None]], sizes: Sizes) -> Took:
    """Ask at the pace whatever the answers take; a late answer delays no other question."""
    took: list[float] = []

    async def one(due: float) -> None:
        await asyncio.sleep(max(due - monotonic(), 0))
        await ask()
        # From when it was to be asked: waiting for this process counts too.
        took.append((monotonic() - due) * 1000)

    begin = monotonic() + 0.5
    async with asyncio.TaskGroup() as group:
        for number in range(int(sizes.pace * sizes.seconds)):
            group.create_task(one(begin + number / sizes.pace))
    return _took(name, took)


async def _sweep(sizes: Sizes, settings: RoutingSettings) -> Found:
    """What was left lying is fired in one round: each once, the oldest first."""
    broker = Broker()
    async with _base(settings, broker) as (base, makers):
        with MongoClient[dict[str, Any]](settings.mongo_url) as store:
            cases = store[settings.database]["cases"]
            unassigned = sizes.due // 5
            _insert(cases, makers, UNASSIGNED, 0, unassigned)
            _insert(cases, makers, DUE, 0, sizes.due - unassigned)
            # Fired by their own clocks, whatever of the others falls due meanwhile.
            due = {
                raw["_id"]: raw["next_due_at"]
                for raw in cases.find({"next_due_at": {"$lt": datetime.now(UTC)}}, {"next_due_at": 1})
            }
        began = monotonic()
        await base.sweeper(Catchup()).fire(range(SHARDS))
        seconds = monotonic() - began
        told = [record.key.decode() for record in broker.sent if record.topic.endswith(".events")]
        fired = [case_id for case_id in told if case_id in due]
        return Found(
            due=len(due),
            unassigned=unassigned,
            fired=len(set(fired)),
            once=len(fired) == len(set(fired)) == len(due),
            oldest_first=_in_batches([due[case_id].timestamp() for case_id in fired]),
            seconds=seconds,
        )


def _in_batches(times: Sequence[float]) -> bool:
    """Whether each batch of a sweep is of older ones than the next; within one they are written together."""
    batches = [times[start : start + BATCH] for start in range(0, len(times), BATCH)]
    return all(max(one) <= min(two) for one, two in itertools.pairwise(batches))
