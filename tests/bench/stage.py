"""Where a measurement takes place: a runtime of the real services, what its processes use, what it stores."""

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from pymongo import MongoClient
from pymongo.collection import Collection

from deploy.local.parts import Choice
from deploy.local.runtime import SERVICES, Options, Running, Runtime
from services.chassis.clock import monotonic
from tests.bench.processes import Meter

SITE = Path(__file__).parent / "site"
QUIET_S = 2.0
LOOK_S = 0.1


@dataclass(frozen=True, slots=True)
class Variant:
    """What is measured on; `sync`: SecantusDB's journaled writes reach the disk before their answer."""

    parts: Choice
    sync: bool = True
    workers: int = 1
    """Of routing."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A started runtime."""

    runtime: Runtime
    variant: Variant
    load_before: float

    @property
    def running(self) -> Running:
        """Where everything is."""
        return self.runtime.running

    @property
    def durability(self) -> str:
        """How the store was told to keep what it acknowledges."""
        journaled = "w=majority, j=true"
        if "secantus" not in self.running.store.lower():
            return journaled
        return f"{journaled}, " + ("sync on commit" if self.variant.sync else "no sync on commit")

    def pids(self) -> dict[str, int]:
        """The processes of now, the harness itself as `driver`; a routing worker counts as routing's."""
        found = {status.name: status.pid for status in self.runtime.statuses() if status.pid}
        return {**found, "driver": os.getpid()}

    def whole(self) -> None:
        """Raises RuntimeError when a process died meanwhile: that is no run to measure."""
        if died := [status.name for status in self.runtime.statuses() if status.restarts]:
            raise RuntimeError(f"not a run to measure: {', '.join(died)} died and was restarted")

    def described(self) -> dict[str, Any]:
        """What every record says of the parts."""
        return {
            "parts": str(self.variant.parts),
            "broker": self.running.broker,
            "store": self.running.store,
            "durability": self.durability,
            "load_before": self.load_before,
        }


@contextmanager
def stage(
    clock_ms: int,
    variant: Variant,
    *,
    folder: Path | None = None,
    services: Mapping[str, str] = SERVICES,
    sites: Callable[[Path], None] = lambda _folder: None,
    say: Callable[[str], None] = lambda _line: None,
) -> Iterator[Stage]:
    """Start everything with clocks of `clock_ms`. In a `folder` it goes on with what earlier runs left;
    `sites` may change what the folder of sites says.
    """
    load_before = os.getloadavg()[0]
    with ExitStack() as stack:
        name = stack.enter_context(tempfile.TemporaryDirectory(prefix="fengqiao-bench-"))
        folder_of_sites = site_of(clock_ms, Path(name) / "sites")
        sites(folder_of_sites)
        options = Options(
            sites=folder_of_sites,
            name="bench",
            data_dir=folder or Path(name) / "data",
            parts=variant.parts,
            fresh=folder is None,
            sync_on_commit=variant.sync,
            services=services,
            workers={"routing": variant.workers},
        )
        yield Stage(stack.enter_context(Runtime(options, say)), variant, load_before)


def site_of(clock_ms: int, folder: Path) -> Path:
    """A folder of sites with the bench's, its clocks as long as wanted."""
    site = folder / "bench"
    shutil.copytree(SITE, site)
    path = site / "site.yaml"
    raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    raw["default_profile"]["length"] = clock_ms
    path.write_text(yaml.safe_dump(raw), encoding="utf-8")
    return folder


def collections(client: MongoClient[dict[str, Any]]) -> list[Collection[dict[str, Any]]]:
    """Every collection of every service."""
    return [
        client[database][collection]
        for database in client.list_database_names()
        if database.startswith("fengqiao_")
        for collection in client[database].list_collection_names()
    ]


def settle(place: Stage, meter: Meter, cases: Iterable[str]) -> float:
    """Wait until no document of these cases has been added for two seconds.

    Returns when the last one was (monotonic); the meter was read then last. It asks by indexes: counting all
    that is stored would be most of the store's work where much is.
    """
    of_them = {"case_id": {"$in": sorted(cases)}}
    lately = {"updated_at": {"$gte": datetime.now(UTC) - timedelta(hours=1)}}
    with MongoClient[dict[str, Any]](place.running.mongo_url) as client:
        aggregates = [each for each in collections(client) if "updated_at_1" in each.index_information()]
        timeline = client["fengqiao_intake"]["timeline"]
        count, changed_at = -1, monotonic()
        while monotonic() - changed_at < QUIET_S:
            now = timeline.count_documents(of_them)
            now += sum(each.count_documents(lately) for each in aggregates)
            if now != count:
                count, changed_at = now, monotonic()
                meter.look(place.pids())
            time.sleep(LOOK_S)
    return changed_at


def contents(place: Stage) -> dict[str, float]:
    """Documents by collection, and commits of those that have versions; that reads them all."""
    found: dict[str, float] = {}
    with MongoClient[dict[str, Any]](place.running.mongo_url) as client:
        for collection in collections(client):
            name = f"{collection.database.name.removeprefix('fengqiao_')}.{collection.name}"
            if documents := collection.estimated_document_count():
                found[name] = documents
            if (first := collection.find_one()) and "version" in first:
                [total] = collection.aggregate([{"$group": {"_id": None, "commits": {"$sum": "$version"}}}])
                found[f"{name}, commits"] = total["commits"]
    return found
