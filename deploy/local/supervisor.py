"""Keeps processes running: starts them, waits for them, restarts those that died, stops them all."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Self

import structlog

from deploy.local.errors import RuntimeFailed
from deploy.local.process import Process, Reaper, Spec, last_lines
from services.chassis.clock import monotonic

log = structlog.get_logger()

_PAUSE = 0.1
"""Seconds between two looks at the processes."""

_ASK_EVERY = 1.0
"""Seconds between two questions for the readiness of a ready process; others are asked at every look."""

_FIRST_DELAY, _LAST_DELAY, _STEADY = 0.5, 15.0, 30.0
"""Back-off: the first wait before a restart, the longest, and the time up after which it begins anew;
seconds.
"""


class State(StrEnum):
    """Where a supervised process stands."""

    STARTING = "starting"
    READY = "ready"
    UNREADY = "not ready"
    DOWN = "waiting to restart"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Status:
    """A look at one process."""

    name: str
    state: State
    pid: int | None
    restarts: int
    reason: str
    """What it isn't ready for, or how it ended."""


class _Kept:
    """A spec with the process that runs it now and its history."""

    def __init__(self, spec: Spec, process: Process) -> None:
        self.spec = spec
        self.process: Process | None = process
        self.state = State.STARTING
        self.started = monotonic()
        self.asked = 0.0
        self.restarts = 0
        self.delay = _FIRST_DELAY
        self.restart_at = 0.0
        self.reason = ""

    def status(self) -> Status:
        return Status(
            self.spec.name, self.state, self.process.pid if self.process else None, self.restarts, self.reason
        )


class Supervisor:
    """Owns the processes it started and no others. A context manager; leaving it stops them, last started
    first.
    """

    def __init__(self, on_change: Callable[[], None] = lambda: None) -> None:
        """Starts nothing yet. `on_change` is called on the watch's thread when a process changes."""
        self._on_change = on_change
        self._kept: dict[str, _Kept] = {}
        self._closers: list[tuple[str, str, Callable[[], None]]] = []
        self._lock = threading.RLock()
        self._stopping = threading.Event()
        self._reaper: Reaper | None = None
        self._watcher: threading.Thread | None = None

    def __enter__(self) -> Self:
        """Starts the reaper and the watch."""
        self._reaper = Reaper()
        self._watcher = threading.Thread(target=self._watch, name="supervisor", daemon=True)
        self._watcher.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stops everything."""
        self.stop()

    def start(self, spec: Spec) -> None:
        """Start a process and watch over it; returns before it is ready. Raises RuntimeFailed when it can't
        be run.
        """
        if self._reaper is None:
            raise RuntimeError("enter the supervisor first")
        try:
            process = Process(spec, self._reaper)
        except OSError as error:
            raise RuntimeFailed(f"{spec.name} can't be started: {error}") from error
        with self._lock:
            self._kept[spec.name] = _Kept(spec, process)
        log.info("started", process=spec.name, pid=process.pid)

    def adopt_container(self, name: str, container_id: str, stop: Callable[[], None]) -> None:
        """Have a container stopped with everything else, also when this process is killed."""
        if self._reaper is None:
            raise RuntimeError("enter the supervisor first")
        self._reaper.began("c", container_id)
        self._closers.append((name, container_id, stop))

    def containers(self) -> dict[str, str]:
        """Ids of the containers that were adopted, by name."""
        return {name: container_id for name, container_id, _ in self._closers}

    def run(self, spec: Spec) -> None:
        """Run something to its end. Raises RuntimeFailed, with the end of its log, unless it exits with 0 in
        time.
        """
        if self._reaper is None:
            raise RuntimeError("enter the supervisor first")
        try:
            process = Process(spec, self._reaper)
        except OSError as error:
            raise RuntimeFailed(f"{spec.name} can't be started: {error}") from error
        end = monotonic() + spec.ready_within
        try:
            while (code := process.exit_code()) is None:
                if monotonic() > end:
                    raise RuntimeFailed(
                        f"{spec.name} did not end within {spec.ready_within:g} s\n{last_lines(spec.log)}"
                    )
                self._stopping.wait(_PAUSE / 2)
        finally:
            process.stop()
        if code:
            raise RuntimeFailed(f"{spec.name} ended with {code}\n{last_lines(spec.log)}")

    def wait_ready(self, *names: str) -> None:
        """Wait until these have been ready once.

        Raises RuntimeFailed, with the end of the log, when one failed or wasn't ready in its time. A process
        that dies while starting is restarted meanwhile: its time runs from the call.
        """
        begun = monotonic()
        waiting = set(names)
        while waiting:
            with self._lock:
                for name in sorted(waiting):
                    kept = self._kept[name]
                    if kept.state is State.READY:
                        waiting.discard(name)
                    elif kept.state in {State.FAILED, State.STOPPED} or (
                        monotonic() - begun > kept.spec.ready_within
                    ):
                        told = f"{kept.state}: {kept.reason}" if kept.reason else kept.state
                        raise RuntimeFailed(
                            f"{name} is not ready after {monotonic() - begun:.0f} s ({told}); "
                            f"its log {kept.spec.log} ends with\n{last_lines(kept.spec.log)}"
                        )
            self._stopping.wait(_PAUSE / 2)

    def pause(self) -> None:
        """Wait a moment between two looks, less when everything is being stopped."""
        self._stopping.wait(_PAUSE)

    def statuses(self) -> list[Status]:
        """Every process in the order of its start."""
        with self._lock:
            return [kept.status() for kept in self._kept.values()]

    def status(self, name: str) -> Status:
        """One process. Raises KeyError for a name that was never started."""
        with self._lock:
            return self._kept[name].status()

    def failed(self) -> Status | None:
        """The process whose end can't be mended, if there is one: the runtime has to stop."""
        return next((status for status in self.statuses() if status.state is State.FAILED), None)

    def stop(self, *names: str) -> None:
        """Stop these, or everything (then for good), last started first; services get their signal at the
        same time.
        """
        everything = not names
        if everything:
            self._stopping.set()
            if self._watcher:
                self._watcher.join()
        with self._lock:
            chosen = [kept for name, kept in reversed(self._kept.items()) if everything or name in names]
            for kept in chosen:
                kept.state, kept.reason = State.STOPPED, "stopped"
        for group in _waves(chosen):
            for process in group:
                process.ask_to_stop()
            for process in group:
                process.stop()
        with self._lock:
            for kept in chosen:
                kept.process = None
        if everything:
            self._close_rest()

    def again(self, name: str) -> None:
        """Start once more what was stopped by name. Raises KeyError for an unknown name, RuntimeFailed."""
        with self._lock:
            spec = self._kept[name].spec
        self.start(spec)

    def kill(self, name: str) -> None:
        """SIGKILL one process, as a fault; the watch restarts it. Raises KeyError for an unknown name."""
        with self._lock:
            process = self._kept[name].process
        if process:
            process.kill()

    def _close_rest(self) -> None:
        for name, container_id, stop in reversed(self._closers):
            try:
                stop()
            except Exception as error:  # noqa: BLE001 - whatever it is, the reaper removes the container
                log.warning("container not stopped", container=name, error=type(error).__name__)
            else:
                if self._reaper:
                    self._reaper.ended("c", container_id)
        self._closers.clear()
        if self._reaper:
            self._reaper.close()
            self._reaper = None

    def _watch(self) -> None:
        told: list[Status] = []
        while not self._stopping.wait(_PAUSE):
            if told != (now := self.statuses()):
                told = now
                self._on_change()
            with self._lock:
                everyone = list(self._kept.values())
            for kept in everyone:
                if self._stopping.is_set():
                    return
                self._look_at(kept)

    def _look_at(self, kept: _Kept) -> None:
        now = monotonic()
        with self._lock:
            process = kept.process
            if kept.state in {State.STOPPED, State.FAILED}:
                return
            if process is None:
                if now >= kept.restart_at:
                    self._restart(kept)
                return
            code = process.exit_code()
            if code is not None:
                self._died(kept, code)
                return
            if kept.state is State.READY and now - kept.asked < _ASK_EVERY:
                return
            kept.asked = now
        lacking = kept.spec.ready()  # asked outside the lock: it may block
        with self._lock:
            if kept.process is not process or kept.status().state is State.STOPPED:
                return
            if lacking is None:
                kept.state, kept.reason = State.READY, ""
            elif kept.state is State.READY:
                kept.state, kept.reason = State.UNREADY, lacking
            else:
                kept.reason = lacking

    def _died(self, kept: _Kept, code: int) -> None:
        kept.process = None
        kept.reason = f"killed by signal {-code}" if code < 0 else f"ended with {code}"
        if not kept.spec.restart:
            kept.state = State.FAILED
            log.error("ended for good", process=kept.spec.name, code=code)
            return
        if monotonic() - kept.started > _STEADY:
            kept.delay = _FIRST_DELAY
        kept.state = State.DOWN
        kept.restart_at = monotonic() + kept.delay
        log.warning("died", process=kept.spec.name, code=code, restart_in_s=kept.delay)
        kept.delay = min(kept.delay * 2, _LAST_DELAY)

    def _restart(self, kept: _Kept) -> None:
        if self._reaper is None:
            return
        kept.restarts += 1
        kept.started = monotonic()
        try:
            kept.process = Process(kept.spec, self._reaper)
        except OSError as error:
            kept.restart_at = monotonic() + kept.delay
            kept.reason = str(error)
            return
        kept.state = State.STARTING
        log.info("restarted", process=kept.spec.name, pid=kept.process.pid, restarts=kept.restarts)


def _waves(chosen: list[_Kept]) -> list[list[Process]]:
    """Processes to stop together: services first, then the parts that they need, one after another."""
    services = [kept.process for kept in chosen if kept.process and kept.spec.together]
    return [services, *([kept.process] for kept in chosen if kept.process and not kept.spec.together)]
