"""Where one fault happens: the stage, a seeded chance, and how long it lasts."""

import asyncio
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import structlog

from deploy.local.runtime import SERVICES
from services.chassis.clock import monotonic
from tests.faults.crowd import Crowd
from tests.faults.stage import Stage

log = structlog.get_logger()

Run = Callable[["Scene"], None]


@dataclass(slots=True)
class Scene:
    """What a fault may use. It ends, healed, when `over` is set, at the latest after `seconds`."""

    stage: Stage
    chance: random.Random
    seconds: float
    over: threading.Event
    crowd: Crowd
    loop: asyncio.AbstractEventLoop
    """Where the crowd lives: its coroutines are run there."""
    size: int = 300
    """How many cases a herd has."""
    until: float = 0.0

    def __post_init__(self) -> None:
        """The time runs from now on."""
        self.until = monotonic() + self.seconds

    def wait(self, seconds: float) -> bool:
        """Let time pass; False when the fault has to end."""
        left = min(seconds, self.until - monotonic())
        return not self.over.wait(max(left, 0)) and monotonic() < self.until

    def last(self) -> None:
        """Let it last."""
        self.wait(self.seconds)

    def service(self) -> str:
        """Some service."""
        return self.chance.choice(sorted(SERVICES))

    def note(self, op: str, **fields: Any) -> None:
        """Write down what was done."""
        self.stage.journal.write("nemesis", op, **fields)

    def herd(self, size: int = 0, due_in: float | None = None, kind: str = "") -> list[str]:
        """Have many cases submitted at once, all due at one instant where `due_in` says when."""
        work = self.crowd.herd(size or self.size, due_in, kind)
        return asyncio.run_coroutine_threadsafe(work, self.loop).result()

    @contextmanager
    def held(self, *names: str) -> Iterator[None]:
        """These stand still."""
        held = []
        for name in names:
            try:
                self.stage.hold(name)
            except ProcessLookupError:
                log.info("nothing_to_hold", process=name)
            else:
                held.append(name)
        try:
            yield
        finally:
            for name in held:
                self.stage.let_go(name)

    @contextmanager
    def stopped(self, *names: str) -> Iterator[None]:
        """These are gone and nobody restarts them; routing's outage is written down for the checker."""
        began = time.time()
        for name in names:
            self.stage.kill(name)
        self.stage.supervisor.stop(*names)
        try:
            yield
        finally:
            for name in names:
                if name == "routing":
                    self.note("routing_back", since=began)
                self.stage.supervisor.again(name)


@dataclass(frozen=True, slots=True)
class Fault:
    """A named fault. `run` injects it, lets it last and heals it."""

    name: str
    what: str
    run: Run
    seconds: float = 12.0
    """How long it lasts when nobody says otherwise."""
    needs: Mapping[str, Any] = field(default_factory=dict)
    """What the stage must have been laid with; see `Wanted`."""
    lacks: Callable[[], str | None] = lambda: None
    """Why it can't be done on this machine."""
    mixed: bool = True
    """Whether it goes with others in a random schedule."""
    genuine_broker: bool = False
    alone_is_slow: float = 0.0
    """Seconds that its full form takes, where the usual one is shorter."""
