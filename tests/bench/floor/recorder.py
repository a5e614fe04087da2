"""Runs a service with an ear on its store client: every write command goes into a file as it was sent."""

import os
import runpy
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import bson
from pymongo import monitoring

FOLDER = "BENCH_RECORD_TO"
WRITES = frozenset({"insert", "update", "delete", "findAndModify"})
READS = frozenset({"find", "aggregate", "count", "getMore", "distinct"})
BESIDE = frozenset({"lsid", "$clusterTime", "$db", "txnNumber"})
"""What a client adds to each command for itself."""


class Ear(monitoring.CommandListener):
    """Writes down write commands whole, and of reads only that there was one."""

    def __init__(self, file: BinaryIO) -> None:
        """`file` is this process's own."""
        self._file = file
        self._lock = threading.Lock()

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        """Called by the client before it sends."""
        name = event.command_name
        if name in WRITES:
            command = {key: value for key, value in event.command.items() if key not in BESIDE}
        elif name in READS:
            command = {}
        else:
            return
        line = bson.encode({"database": event.database_name, "name": name, "command": command})
        with self._lock:
            self._file.write(line)
            self._file.flush()

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Nothing to write down."""

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """Nothing to write down."""


def record(module: str) -> None:
    """Run a service's module as Python's `-m` would, recorded into the folder that the environment names."""
    path = Path(os.environ[FOLDER]) / f"{module}-{os.getpid()}.bson"
    monitoring.register(Ear(path.open("ab")))
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def recorded(folder: Path) -> Iterator[Mapping[str, Any]]:
    """Every command of every process, in order within each."""
    for path in sorted(folder.glob("*.bson")):
        with path.open("rb") as file:
            yield from bson.decode_file_iter(file)
