"""What processes use, read from Linux's /proc: CPU seconds and memory, of a process and its descendants."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU seconds so far, and the most memory it ever had (MB)."""

    cpu_s: float
    peak_mb: float


def usage(pids: Mapping[str, int]) -> dict[str, Usage]:
    """The usage of each named process together with the processes it started; gone ones are left out."""
    children: dict[int, list[int]] = {}
    for stat in PROC.glob("[0-9]*/stat"):
        if fields := _stat(stat):
            children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found = {}
    for name, pid in pids.items():
        own = _stat(PROC / str(pid) / "stat")
        if own is not None:
            # The harness has started all the others: of itself alone.
            family = [pid] if pid == os.getpid() else _family(pid, children)
            found[name] = Usage(sum(map(_cpu, family)), sum(map(_peak, family)))
    return found


class Meter:
    """What named processes use from its making on, also those that are killed and come back meanwhile."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        """`pids` are the processes of now; what they used before does not count."""
        self._first = {(name, pids[name]): found.cpu_s for name, found in usage(pids).items()}
        self._last: dict[tuple[str, int], Usage] = {}
        self.look(pids)

    def look(self, pids: Mapping[str, int]) -> None:
        """Read them now. What a process used after the last look before its end is not known."""
        for name, found in usage(pids).items():
            self._last[name, pids[name]] = found

    def used(self) -> dict[str, Usage]:
        """By name: CPU seconds of all its processes until the last look, and the most memory of any."""
        found: dict[str, Usage] = {}
        for (name, pid), last in self._last.items():
            before = found.get(name, Usage(0, 0))
            cpu_s = last.cpu_s - self._first.get((name, pid), 0.0)
            found[name] = Usage(before.cpu_s + cpu_s, max(before.peak_mb, last.peak_mb))
        return found


def resident_mb(pid: int) -> float:
    """Memory of a process and those it started, now, in MB; 0 when it is gone."""
    children: dict[int, list[int]] = {}
    for stat in PROC.glob("[0-9]*/stat"):
        if fields := _stat(stat):
            children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    return sum(_memory(each, "VmRSS:") for each in _family(pid, children))


def _family(pid: int, children: Mapping[int, list[int]]) -> list[int]:
    return [pid, *(each for child in children.get(pid, ()) for each in _family(child, children))]


def _stat(path: Path) -> list[str] | None:
    """The fields after the command's name, which may hold spaces; None when the process is gone."""
    try:
        return path.read_text(encoding="utf-8").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def _cpu(pid: int) -> float:
    fields = _stat(PROC / str(pid) / "stat")
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") if fields else 0.0


def _peak(pid: int) -> float:
    return _memory(pid, "VmHWM:")


def _memory(pid: int, field: str) -> float:
    try:
        lines = (PROC / str(pid) / "status").read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024
