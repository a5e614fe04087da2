"""The peers: how each is started, how it keeps what it acknowledges, and what it leaves out."""

import json
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deploy.local.ports import LOOPBACK, free_port
from tests.bench.peers import temporal_server
from tests.bench.peers.ground import Ground, Peer, answering, listening

FSYNC, NO_FSYNC = True, False
NOT_DONE = (
    "no fan-out of events through Kafka, one store for all, no timeline, notices, audit chain or rights"
)


@dataclass(frozen=True, slots=True)
class Restate:
    """A server with a log of its own; our code is called by it."""

    name: str = "restate"
    folder: str = "restate"
    title: str = "Restate 1.7.12, Python SDK 1.3.0 (Hypercorn, uvloop): one call sleeps through the case"
    handler: str = "Case"
    durability: Mapping[bool, str] = field(
        default_factory=lambda: {
            FSYNC: "replicated log of one node, RocksDB WAL with fsync (its default)",
            NO_FSYNC: "the same, rocksdb-disable-wal-fsync",
        }
    )
    not_done: str = NOT_DONE

    def start(self, ground: Ground) -> Callable[[str], str]:
        """The application, the server, and their acquaintance."""
        app, node, ingress, admin = (free_port() for _ in range(4))
        ground.python(
            "app",
            self.folder,
            ("hypercorn", "app:app", "--bind", f"{LOOPBACK}:{app}", "--worker-class", "uvloop"),
            listening(app),
        )
        off = "false" if ground.fsync else "true"
        environment = {
            "RESTATE_BASE_DIR": str(ground.data / "restate"),
            "RESTATE_NODE_NAME": "e4",
            "RESTATE_BIND_IP": LOOPBACK,
            "RESTATE_BIND_PORT": str(node),
            "RESTATE_ADVERTISED_ADDRESS": f"http://{LOOPBACK}:{node}/",
            "RESTATE_INGRESS__BIND_ADDRESS": f"{LOOPBACK}:{ingress}",
            "RESTATE_ADMIN__BIND_ADDRESS": f"{LOOPBACK}:{admin}",
            "RESTATE_LISTEN_MODE": "tcp",
            "RESTATE_DISABLE_TELEMETRY": "true",
            "RESTATE_LOG_FILTER": "warn",
            "RESTATE_BIFROST__LOCAL__ROCKSDB_DISABLE_WAL_FSYNC": off,
            "RESTATE_LOG_SERVER__ROCKSDB_DISABLE_WAL_FSYNC": off,
        }
        server = str((ground.installed / "restate-server").resolve())
        ground.run("server", (server,), answering(f"http://{LOOPBACK}:{admin}/health"), environment)
        request = urllib.request.Request(
            f"http://{LOOPBACK}:{admin}/deployments",
            json.dumps({"uri": f"http://{LOOPBACK}:{app}"}).encode(),
            {"content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30):  # noqa: S310
            pass
        return lambda case_id: f"http://{LOOPBACK}:{ingress}/{self.handler}/{case_id}/submit/send"


POSTGRESQL = {
    FSYNC: "PostgreSQL, fsync=on, synchronous_commit=on",
    NO_FSYNC: "PostgreSQL, fsync=off",
}


@dataclass(frozen=True, slots=True)
class Dbos:
    """A library that keeps workflows in PostgreSQL."""

    name: str = "dbos"
    folder: str = "dbos"
    title: str = "DBOS 3.4.0 on PostgreSQL (Starlette, uvicorn, uvloop)"
    durability: Mapping[bool, str] = field(default_factory=lambda: POSTGRESQL)
    not_done: str = NOT_DONE

    def start(self, ground: Ground) -> Callable[[str], str]:
        """PostgreSQL and the application."""
        return _web_application(ground, self.folder, E4_DATABASE=ground.postgresql())


@dataclass(frozen=True, slots=True)
class Scan:
    """Today's practice: a table, and a task that looks through it every second."""

    name: str = "scan"
    folder: str = "scan"
    title: str = "Celery 5.7.0: beat scans every second; PostgreSQL, Redis 7 (appendonly, everysec)"
    durability: Mapping[bool, str] = field(default_factory=lambda: POSTGRESQL)
    not_done: str = f"{NOT_DONE}; clocks fire up to a second late by design"

    def start(self, ground: Ground) -> Callable[[str], str]:
        """PostgreSQL, Redis, the application, two workers, beat."""
        database, port = ground.postgresql(), free_port()
        folder = ground.data / "redis"
        folder.mkdir()
        server = (str((ground.installed / "redis-server").absolute()), "--port", str(port))
        libraries = ":".join(str(path) for path in ground.installed.glob("debian/usr/lib/*-linux-gnu"))
        ground.run(
            "redis",
            (*server, "--bind", LOOPBACK, "--dir", str(folder), "--appendonly", "yes"),
            listening(port),
            {"LD_LIBRARY_PATH": libraries},
        )
        settings = {"E4_DATABASE": database, "E4_REDIS": f"redis://{LOOPBACK}:{port}/0"}
        url = _web_application(ground, self.folder, **settings)
        worker = ("celery", "-A", "tasks", "worker", "--concurrency", "2", "--loglevel", "WARNING")
        quiet = ("--without-gossip", "--without-mingle")
        ground.python("worker", self.name, (*worker, *quiet), lambda: None, **settings)
        beat = ("celery", "-A", "tasks", "beat", "--loglevel", "WARNING", "--schedule", str(folder / "beat"))
        ground.python("beat", self.name, beat, lambda: None, **settings)
        return url


@dataclass(frozen=True, slots=True)
class Temporal:
    """A server that keeps each workflow's history in PostgreSQL; our code polls it for work."""

    name: str = "temporal"
    folder: str = "temporal"
    title: str = "Temporal 1.29.1 (64 shards, PostgreSQL), Python SDK 1.35.0 (Starlette, uvicorn, uvloop)"
    durability: Mapping[bool, str] = field(default_factory=lambda: POSTGRESQL)
    not_done: str = NOT_DONE

    def start(self, ground: Ground) -> Callable[[str], str]:
        """PostgreSQL, the server, the application."""
        return _web_application(ground, self.folder, E4_TEMPORAL=temporal_server.start(ground))


RESTATE_CALLS = Restate(
    name="restate-calls",
    title="Restate 1.7.12, Python SDK 1.3.0 (Hypercorn, uvloop): a delayed call for each clock",
    handler="OpenCase",
)
ALL: tuple[Peer, ...] = (Restate(), RESTATE_CALLS, Dbos(), Scan(), Temporal())
PEERS: Mapping[str, Peer] = {peer.name: peer for peer in ALL}


def _web_application(ground: Ground, folder: str, **settings: str) -> Callable[[str], str]:
    """The ASGI application of a peer's folder."""
    port = free_port()
    base = f"http://{LOOPBACK}:{port}"
    command = ("uvicorn", "app:app", "--host", LOOPBACK, "--port", str(port), "--no-access-log")
    ground.python("app", folder, (*command, "--log-level", "warning"), answering(f"{base}/ready"), **settings)
    return lambda case_id: f"{base}/cases/{case_id}"


def installed(folder: Path, peer: Peer) -> Path:
    """Where a peer's setup script put it."""
    return folder / peer.folder
