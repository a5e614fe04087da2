"""The directory at the size of a county: made up, checked, taken over, and asked 100 times a second.

84,200 neighbour leaders in 23 sub-districts and over a million households, through the two commands that an
operator has, on the site of the measurements with its ladder asking the directory.
"""

import asyncio
import json
import random
import resource
import subprocess
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil
import yaml

from fengqiao.common.v1.common_pb2 import CommandMeta
from fengqiao.routing.v1 import directory_service_pb2 as rpc
from fengqiao.routing.v1 import roster_service_pb2 as roster_rpc
from fengqiao.routing.v1.directory_events_pb2 import Point, Ring
from fengqiao.routing.v1.directory_service_pb2_grpc import DirectoryServiceStub
from fengqiao.routing.v1.roster_events_pb2 import ROSTER_MODE_ON_CALL
from fengqiao.routing.v1.roster_service_pb2_grpc import RosterServiceStub
from services.chassis import client
from services.chassis.clock import monotonic
from tests.bench.driver import SITE, TOKEN_LIFE
from tests.bench.figures import percentile
from tests.bench.stage import Stage, Variant, stage

HOUR_MS = 3_600_000
PACE, ASKED_S = 100.0, 30.0
DRAWN, ROW, SIDE = 3_000, 60, 0.004
"""Neighbourhoods with a boundary: how many, how many side by side, and their width in degrees."""
DEPARTMENTS, GROUPS = 23 * 35, 40
BEGIN, END = "<!-- county: written by make bench-county -->", "<!-- end of county -->"


@dataclass(frozen=True, slots=True)
class Step:
    """One command: how long it took, and what it and routing had in memory at most."""

    name: str
    seconds: float
    units: int
    own_mb: float
    routing_mb: float


@dataclass(frozen=True, slots=True)
class Asked:
    """One kind of look-up at a steady pace."""

    name: str
    count: int
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class County:
    """All that was measured."""

    broker: str
    store: str
    durability: str
    households: int
    steps: Sequence[Step]
    asked: Sequence[Asked]


def measure(variant: Variant, folder: Path, say: Callable[[str], None]) -> County:
    """One run in an empty folder."""
    with stage(HOUR_MS, variant, sites=by_directory) as place:
        sheets = folder / "county"
        steps = [_command(place, "synth", "synth", "county", "--seed", "1", "--to", str(sheets))]
        units, households = _lines(sheets / "units.csv"), _lines(sheets / "households.csv")
        data = ("--site", SITE, "--data-dir", str(place.running.data_dir))
        for name, *options in (("dry run", "--dry-run"), ("import",), ("import again",)):
            say(f"county: {name} of {units:,} units")
            steps.append(_command(place, name, "import", str(sheets), *options, *data, units=units))
        say("county: look-ups")
        asked = asyncio.run(_ask(place, sheets))
        place.whole()
        about = place.described()
        return County(about["broker"], about["store"], about["durability"], households, steps, asked)


def by_directory(folder: Path) -> None:
    """The bench's site with its ladder asking the directory."""
    path = folder / SITE / "territory.yaml"
    raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    path.write_text(yaml.safe_dump(raw | {"source": "directory"}, allow_unicode=True), encoding="utf-8")


def _command(place: Stage, name: str, *words: str, units: int = 0) -> Step:
    began = monotonic()
    done = subprocess.run(
        (sys.executable, "-m", "services.cli", *words), check=False, capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(f"{name}: {done.stdout[-500:]} {done.stderr[-1500:]}")
    took = monotonic() - began
    own = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return Step(name, took, units, own, _memory_mb(place))


def _memory_mb(place: Stage) -> float:
    return max(
        psutil.Process(pid).memory_info().rss / 1e6 for name, pid in place.pids().items() if name == "routing"
    )


async def _ask(place: Stage, sheets: Path) -> list[Asked]:
    """Leaders of households and units, each at the pace, one kind after the other."""
    token = place.running.issuer.mint("desk", "desk-county", SITE, ("*",), TOKEN_LIFE)
    chance = random.Random(1)
    households = [line.split(",")[1] for line in _sample(sheets / "households.csv", chance)]
    units = [line.split(",")[0] for line in _sample(sheets / "units.csv", chance)]
    async with client.channel(place.running.rpc["routing"]) as channel:
        stub: Any = DirectoryServiceStub(channel)
        roster: Any = RosterServiceStub(channel)
        metadata = client.bearer(token)
        drawn = await _draw(stub, metadata, sheets)
        kinds_of_matters = await _staff(roster, metadata)

        async def household() -> None:
            request = rpc.FindHouseholdRequest(household=chance.choice(households))
            answer = await stub.FindHousehold(request, metadata=metadata)
            if not answer.answering_ref:
                raise RuntimeError(f"nobody answers for {request.household}")

        async def unit() -> None:
            await stub.GetUnit(rpc.GetUnitRequest(code=chance.choice(units)), metadata=metadata)

        async def page() -> None:
            code = chance.choice(units)
            await stub.ListUnits(rpc.ListUnitsRequest(within=code, page_size=50), metadata=metadata)

        async def point() -> None:
            code, west, south = chance.choice(drawn)
            place = Point(longitude=west + chance.uniform(0.1, 0.9) * SIDE, latitude=south + SIDE / 2)
            answer = await stub.FindPoint(rpc.FindPointRequest(point=place), metadata=metadata)
            if answer.code != code:
                raise RuntimeError(f"{place} is in {answer.code}, not in {code}")

        async def duty() -> None:
            request = roster_rpc.FindOnDutyRequest(kind=chance.choice(kinds_of_matters))
            answer = await roster.FindOnDuty(request, metadata=metadata)
            if not answer.on_duty[0].person_refs:
                raise RuntimeError(f"nobody is on duty for {request.kind}")

        kinds = {
            "household → leader": household,
            "point → leader": point,
            "kind → on duty": duty,
            "unit": unit,
            "units below": page,
        }
        return [await _paced(name, ask) for name, ask in kinds.items()]


async def _draw(stub: Any, metadata: Any, sheets: Path) -> list[tuple[str, float, float]]:
    """Squares side by side for some neighbourhoods: code, west and south of each."""
    lines = (sheets / "units.csv").read_text(encoding="utf-8").splitlines()[1:]
    codes = [code for code, kind, *_ in (line.split(",") for line in lines) if kind == "neighbourhood"]
    places = [
        (code, 119.0 + nth % ROW * SIDE, 30.0 + nth // ROW * SIDE) for nth, code in enumerate(codes[:DRAWN])
    ]
    for number, (code, west, south) in enumerate(places):
        corners = ((0.0, 0.0), (SIDE, 0.0), (SIDE, SIDE), (0.0, SIDE), (0.0, 0.0))
        ring = Ring(points=[Point(longitude=west + x, latitude=south + y) for x, y in corners])
        meta = CommandMeta(idempotency_key=f"county-boundary-{number}")
        request = rpc.DrawBoundaryRequest(meta=meta, code=code, rings=[ring])
        await stub.DrawBoundary(request, metadata=metadata)
    return places


async def _staff(roster: Any, metadata: Any) -> list[str]:
    """Departments as a county has them, each for a kind of its own, with three on call."""
    kinds = []
    for number in range(DEPARTMENTS):
        code, kind = f"d{number}", f"group{number % GROUPS}.kind{number}"
        request = roster_rpc.EstablishDepartmentRequest(
            meta=CommandMeta(idempotency_key=f"county-{code}"),
            code=code,
            mode=ROSTER_MODE_ON_CALL,
            kinds=[kind],
        )
        await roster.EstablishDepartment(request, metadata=metadata)
        for nth in range(3):
            plan = roster_rpc.PlanDutyRequest(
                meta=CommandMeta(idempotency_key=f"county-{code}-{nth}"),
                code=code,
                duty_id=f"duty-{nth}",
                person_ref=f"p-{code}-{nth}",
            )
            await roster.PlanDuty(plan, metadata=metadata)
        kinds.append(kind)
    return kinds


async def _paced(name: str, ask: Callable[[], Awaitable[None]]) -> Asked:
    """Ask at the pace whatever the answers take; a late answer delays no other question."""
    took: list[float] = []

    async def one(due: float) -> None:
        await asyncio.sleep(max(due - monotonic(), 0))
        began = monotonic()
        await ask()
        took.append((monotonic() - began) * 1000)

    begin = monotonic() + 0.5
    async with asyncio.TaskGroup() as group:
        for number in range(int(PACE * ASKED_S)):
            group.create_task(one(begin + number / PACE))
    return Asked(name, len(took), percentile(took, 0.5), percentile(took, 0.99))


def _lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(1 for _ in file) - 1


def _sample(path: Path, chance: random.Random) -> list[str]:
    lines = path.read_text(encoding="utf-8").splitlines()[1:]
    return chance.sample(lines, 2_000)


def write(county: County, out: Path) -> None:
    """The figures as JSON, and as tables where docs/bench.md has a place for them."""
    (out / "bench-county.json").write_text(json.dumps(asdict(county), indent=1) + "\n", encoding="utf-8")
    path = out / "bench.md"
    before, _, rest = path.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    path.write_text(f"{before}{BEGIN}\n{tables(county)}\n{END}{after}", encoding="utf-8")


def tables(county: County) -> str:
    """What was measured, as Markdown."""
    units = max(step.units for step in county.steps)
    of = f"{units:,} units, {county.households:,} households"
    lines = [
        f"{of} on {county.broker}, {county.store}, {county.durability}.",
        "",
        "| | s | units a second | command, MB | routing, MB |",
        "|---|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {s.name} | {s.seconds:.1f} | {s.units / s.seconds:,.0f} | {s.own_mb:.0f} | {s.routing_mb:.0f} |"
        if s.units
        else f"| {s.name} | {s.seconds:.1f} | | {s.own_mb:.0f} | |"
        for s in county.steps
    ]
    lines += ["", f"| look-up, {PACE:.0f} a second | p50, ms | p99, ms |", "|---|---:|---:|"]
    lines += [f"| {a.name} | {a.p50_ms:.1f} | {a.p99_ms:.1f} |" for a in county.asked]
    return "\n".join(lines)
