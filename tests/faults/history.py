"""What clients did and were told, written outside the system as it happens: one JSON line each, on disk
before the next step.

`kind` is `invoke`, then `ok`, `fail` (refused: it had no effect) or `info` (nobody knows); besides `seen` (an
event on a topic, with the time at which an outsider saw it) and `nemesis` (a fault begins or ends).
"""

import json
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Entry:
    """One line. `at` is wall-clock seconds, `call` joins an outcome with its invocation."""

    at: float
    kind: str
    op: str
    call: int = 0
    key: str = ""
    case: str = ""
    more: dict[str, Any] = field(default_factory=dict)


class Journal:
    """Writes the lines; safe to use from several threads."""

    def __init__(self, path: Path) -> None:
        """Begins the file."""
        self._file = path.open("a", encoding="utf-8")
        self._lock = threading.Lock()
        self._calls = 0

    def write(self, kind: str, op: str, **fields: Any) -> int:
        """Write a line; returns the number of the call, a new one for an invocation."""
        with self._lock:
            if kind == "invoke":
                self._calls += 1
                fields["call"] = self._calls
            line = {"at": time.time(), "kind": kind, "op": op, **fields}
            self._file.write(json.dumps(line, ensure_ascii=False) + "\n")
            if kind != "seen":
                self._file.flush()
                os.fdatasync(self._file.fileno())
            return self._calls

    def close(self) -> None:
        """End the file."""
        with self._lock:
            self._file.close()


@dataclass(frozen=True, slots=True)
class History:
    """The lines, read back."""

    entries: tuple[Entry, ...]

    def of(self, kind: str, *ops: str) -> Iterator[Entry]:
        """Lines of a kind, and of some operations."""
        return (e for e in self.entries if e.kind == kind and (not ops or e.op in ops))

    def last_run(self) -> "History":
        """What was written since the last run began."""
        begun = max((e.at for e in self.of("nemesis", "run")), default=0.0)
        return History(tuple(e for e in self.entries if e.at >= begun))

    def of_case(self, case_id: str) -> Iterator[Entry]:
        """Lines that speak of a case, and the invocations behind them."""
        calls = {e.call for e in self.entries if e.case == case_id and e.call}
        return (e for e in self.entries if e.case == case_id or (e.call and e.call in calls))


def read(path: Path) -> History:
    """Read a journal; a last line that a crash cut short is left out."""
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            raw = json.loads(line)
        except ValueError:
            continue
        named = {name: raw.pop(name) for name in ("at", "kind", "op", "call", "key", "case") if name in raw}
        found.append(Entry(**named, more=raw))
    return History(tuple(found))
