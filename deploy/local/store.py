"""Stores of the MongoDB protocol that a runtime can start or be given.

SecantusDB is GPL-2.0: always a process of its own, never imported. Without `--sync-on-commit` its journaled
writes don't reach the disk; with it the wheel is 3 % slower here, `secantusd-rs` up to six times in bulk and
still twice as fast as the wheel. So it is on, and `--no-sync` is for measurements.
"""

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from deploy.local import containers
from deploy.local.ports import LOOPBACK, answers, free_port
from deploy.local.process import Spec
from deploy.local.supervisor import Supervisor

_REPLICA_SET = "fengqiao"


class Primary:
    """Readiness of a store: it once called itself a writable primary, since then its port answers."""

    def __init__(self, port: int, initiate: str | None = None) -> None:
        """Asks nothing yet. `initiate` is the address by which a new MongoDB shall call itself when made a
        replica set of one.
        """
        self._port = port
        self._initiate = initiate
        self._met = False

    def __call__(self) -> str | None:
        """What it isn't ready for, or None."""
        if not answers(self._port):
            return f"nothing listens on port {self._port}"
        if self._met:
            return None
        with MongoClient[dict[str, object]](url(self._port), serverSelectionTimeoutMS=1_000) as client:
            try:
                if not client.admin.command("hello").get("isWritablePrimary"):
                    if self._initiate:
                        self._make_primary(client, self._initiate)
                    return "is no primary yet"
            except PyMongoError as error:
                return f"no answer: {type(error).__name__}"
        self._met = True
        return None

    @staticmethod
    def _make_primary(client: MongoClient[dict[str, object]], address: str) -> None:
        members = {"_id": _REPLICA_SET, "members": [{"_id": 0, "host": address}]}
        try:
            client.admin.command("replSetInitiate", members)
        except OperationFailure as error:
            if error.code != 23:  # noqa: PLR2004 - AlreadyInitialized
                raise


def url(port: int) -> str:
    """The address for clients."""
    return f"mongodb://{LOOPBACK}:{port}/?directConnection=true"


@dataclass(frozen=True, slots=True)
class GivenStore:
    """The servers named by MONGO_URL."""

    address: str
    name: str = "the store at MONGO_URL"
    durable: bool = True
    genuine: bool = True
    ours: bool = False

    def lacks(self) -> str | None:
        """Whether it answers."""
        try:
            with MongoClient[dict[str, object]](self.address, serverSelectionTimeoutMS=5_000) as client:
                client.admin.command("ping")
        except PyMongoError as error:
            return f"no answer ({type(error).__name__})"
        return None

    def prepare(self, say: Callable[[str], None]) -> None:
        """Nothing to fetch."""

    def start(self, supervisor: Supervisor, folder: Path) -> str:  # noqa: ARG002 - runs already
        """Its address."""
        return self.address


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelStore:
    """SecantusDB from its wheel: WiredTiger on disk, one node."""

    sync_on_commit: bool = True
    name: str = "SecantusDB 0.7.0b3 (wheel)"
    durable: bool = True
    genuine: bool = False
    ours: bool = True

    def lacks(self) -> str | None:
        """Whether the wheel is installed."""
        if find_spec("secantus") and _launcher().exists():
            return None
        return "the package SecantusDB: pip install --pre 'fengqiao[embedded]'"

    def prepare(self, say: Callable[[str], None]) -> None:
        """Nothing to fetch."""

    def start(self, supervisor: Supervisor, folder: Path) -> str:
        """Up in about a second."""
        command = (sys.executable, str(_launcher()), *_secantus_flags(sync_on_commit=self.sync_on_commit))
        return _start(supervisor, folder, command, "--storage-path")


@dataclass(frozen=True, slots=True)
class PathStore:
    """`mongod` or `secantusd-rs` (the fast build of SecantusDB) on PATH."""

    program: str
    sync_on_commit: bool = True
    """For secantusd-rs; mongod honours journaled writes by itself."""
    durable: bool = True
    ours: bool = True

    @property
    def name(self) -> str:
        """What it is."""
        return f"{self.program} on PATH"

    @property
    def genuine(self) -> bool:
        """Whether it is MongoDB itself."""
        return self.program == "mongod"

    def lacks(self) -> str | None:
        """Whether it is there."""
        return None if shutil.which(self.program) else f"{self.program} on PATH"

    def prepare(self, say: Callable[[str], None]) -> None:
        """Nothing to fetch."""

    def start(self, supervisor: Supervisor, folder: Path) -> str:
        """Up in about a second."""
        program = shutil.which(self.program) or self.program
        if self.genuine:
            command = (program, "--bind_ip", LOOPBACK, "--replSet", _REPLICA_SET, "--quiet")
            return _start(supervisor, folder, command, "--dbpath")
        flags = _secantus_flags(sync_on_commit=self.sync_on_commit)
        return _start(supervisor, folder, (program, *flags), "--storage-path")


@dataclass(frozen=True, slots=True)
class DockerMongo:
    """The public image of MongoDB in a container, a replica set of one; its data go with the container."""

    image: str = "mongo:8"
    name: str = "MongoDB (Docker image mongo:8)"
    durable: bool = False
    genuine: bool = True
    ours: bool = True

    def lacks(self) -> str | None:
        """Whether an engine answers."""
        return containers.lacks()

    def prepare(self, say: Callable[[str], None]) -> None:
        """Pull the image unless it is there."""
        containers.pull(self.image, say)

    def start(self, supervisor: Supervisor, folder: Path) -> str:  # noqa: ARG002 - logs stay with the engine
        """Start it and make it a primary."""
        port = free_port()
        command = ("--replSet", _REPLICA_SET, "--bind_ip_all", "--quiet")
        box = containers.Box("store", self.image, {}, command, {27017: port}, "Waiting for connections")
        containers.run(supervisor, box, Primary(port, initiate="localhost:27017"))
        return url(port)


def _start(supervisor: Supervisor, folder: Path, command: tuple[str, ...], data_flag: str) -> str:
    port = free_port()
    data = folder / "store"
    data.mkdir(parents=True, exist_ok=True)
    supervisor.start(
        Spec(
            name="store",
            command=(*command, "--port", str(port), data_flag, str(data)),
            log=folder / "log" / "store.log",
            ready=Primary(port, initiate=f"{LOOPBACK}:{port}" if data_flag == "--dbpath" else None),
            grace=30,
        )
    )
    supervisor.wait_ready("store")
    return url(port)


def _secantus_flags(*, sync_on_commit: bool) -> tuple[str, ...]:
    flags = ("--host", LOOPBACK, "--cache-size", "512M", "--log-level", "WARNING")
    return (*flags, "--sync-on-commit") if sync_on_commit else flags


def _launcher() -> Path:
    return Path(sys.executable).with_name("secantusd-py")
