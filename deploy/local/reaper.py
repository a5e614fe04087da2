"""Ends what a runtime started when the runtime itself was killed. Run as a script, standard library only.

The runtime holds the other end of this process's standard input and writes one line per change:
`+g PID` and `-g PID` for a process group that began and ended, `+c ID` and `-c ID` for a container.
The end of input means that the runtime is gone: groups get SIGTERM, after five seconds SIGKILL; containers
are removed. A pipe does this on every system, while a parent-death signal is Linux's own and follows a
thread, not a process.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time

_GRACE = 5.0


def main() -> None:
    """Reads until the end of input, then ends what is still registered."""
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    living: dict[str, set[str]] = {"g": set(), "c": set()}
    for line in sys.stdin:
        change, name = line.split()
        known = living[change[1]]
        (known.add if change[0] == "+" else known.discard)(name)
    groups = {int(name) for name in living["g"]}
    _signal(groups, signal.SIGTERM)
    end = time.monotonic() + _GRACE
    while groups and time.monotonic() < end:
        time.sleep(0.05)
        groups = {group for group in groups if _alive(group)}
    _signal(groups, signal.SIGKILL)
    docker = shutil.which("docker")
    if docker and living["c"]:
        subprocess.run([docker, "rm", "--force", "--volumes", *living["c"]], check=False, capture_output=True)


def _signal(groups: set[int], number: signal.Signals) -> None:
    for group in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, number)


def _alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # some systems say so of a group of zombies
        return False
    return True


if __name__ == "__main__":
    main()
