"""One process of this machine: its command, its log, its readiness, its end."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deploy.local import reaper


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """What to run and how to treat it."""

    name: str
    command: tuple[str, ...]
    log: Path
    """Standard output and error are appended here."""
    ready: Callable[[], str | None]
    """Says what it is not ready for, None when ready; called about once a second, may block for a second."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Added to this process's own."""
    ready_within: float = 60.0
    """Seconds from the start after which a process that isn't ready counts as failed to start."""
    stop_signal: signal.Signals = signal.SIGTERM
    grace: float = 15.0
    """Seconds from the stop signal to SIGKILL."""
    restart: bool = True
    """False for what loses its memory with its life: its end ends the runtime."""
    together: bool = False
    """Stopped at the same time as others that say so, before all the rest: for processes that need only the
    rest.
    """


class Reaper:
    """The helper process that ends our children when we are killed; see `reaper`."""

    def __init__(self) -> None:
        """Starts it, in a session of its own: Ctrl-C in the terminal doesn't reach it."""
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-I", reaper.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            text=True,
        )

    def began(self, kind: str, name: str) -> None:
        """Register a process group (kind `g`) or a container (`c`)."""
        self._tell(f"+{kind} {name}")

    def ended(self, kind: str, name: str) -> None:
        """Forget it: it ended, and its number may soon be another's."""
        self._tell(f"-{kind} {name}")

    def close(self) -> None:
        """Ends the helper; what is still registered ends with it."""
        if self._process.stdin:
            self._process.stdin.close()
        self._process.wait()

    def _tell(self, line: str) -> None:
        with self._lock:
            if self._process.stdin and not self._process.stdin.closed:
                self._process.stdin.write(f"{line}\n")
                self._process.stdin.flush()


class Process:
    """A started spec: the leader of its own session, so that a signal to the terminal doesn't reach it."""

    def __init__(self, spec: Spec, watch: Reaper) -> None:
        """Starts it. Raises OSError when the command can't be run."""
        self.spec = spec
        self._watch = watch
        self._swept = False
        spec.log.parent.mkdir(parents=True, exist_ok=True)
        with spec.log.open("ab") as log:
            self._popen = subprocess.Popen(
                spec.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **spec.environment},
                cwd=spec.log.parent,
                start_new_session=True,
            )
        watch.began("g", str(self.pid))

    @property
    def pid(self) -> int:
        """Its number, also that of its process group."""
        return self._popen.pid

    def exit_code(self) -> int | None:
        """None while it runs; negative when a signal ended it."""
        code = self._popen.poll()
        if code is not None:
            self._sweep_group()
        return code

    def stop(self) -> int:
        """Ask it to stop, wait, insist; then end what it left behind in its group. Returns the exit code."""
        if self._popen.poll() is None:
            self._popen.send_signal(self.spec.stop_signal)
            try:
                self._popen.wait(self.spec.grace)
            except subprocess.TimeoutExpired:
                self._popen.kill()
        code = self._popen.wait()
        self._sweep_group()
        return code

    def ask_to_stop(self) -> None:
        """Send the stop signal and return; `stop` then waits for less."""
        if self._popen.poll() is None:
            self._popen.send_signal(self.spec.stop_signal)

    def kill(self) -> None:
        """SIGKILL, as a fault would."""
        if self._popen.poll() is None:
            self._popen.kill()

    def _sweep_group(self) -> None:
        if self._swept:  # once: the number may be another's by now
            return
        self._swept = True
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self._watch.ended("g", str(self.pid))


def last_lines(log: Path, count: int = 12) -> str:
    """The end of a log, for a message about a process that failed."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 8192))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-count:])
