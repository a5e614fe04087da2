"""Virtual time: the loop jumps to the next timer instead of waiting for it."""

import asyncio
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

T = TypeVar("T")

START = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)


class Stuck(AssertionError):
    """Nothing is ready and nothing will be: a real system would hang here."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop without waiting; deterministic as long as nobody uses threads."""

    def __init__(self) -> None:
        super().__init__()
        self._virtual = 0.0
        self._clock_resolution = 1e-4  # or a timer far in the future is never quite due

    def time(self) -> float:
        return self._virtual

    def _run_once(self) -> None:
        ready: Any = self._ready  # type: ignore[attr-defined]  # asyncio's own queue
        scheduled: Any = self._scheduled  # type: ignore[attr-defined]  # and its heap of timers
        if not ready and not self.is_running_down:
            live = [timer for timer in scheduled if not timer.cancelled()]
            if not live:
                raise Stuck("nothing is ready and no timer is set")
            self._virtual = max(self._virtual, min(timer.when() for timer in live))
        super()._run_once()  # type: ignore[misc]  # private, and the one place to jump in

    @property
    def is_running_down(self) -> bool:
        return bool(self._stopping)  # type: ignore[attr-defined]


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in virtual time; what it leaves behind is cancelled."""
    loop = VirtualLoop()
    try:
        asyncio.set_event_loop(loop)
        result = loop.run_until_complete(main)
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        return result
    finally:
        asyncio.set_event_loop(None)
        loop.close()


class ManualClock:
    """A wall clock that goes with the running loop's time; `ahead` shifts it, `move` lets it jump."""

    def __init__(self, ahead: timedelta = timedelta(0)) -> None:
        self._ahead = ahead

    def __call__(self) -> datetime:
        """The time now."""
        try:
            passed = asyncio.get_running_loop().time()
        except RuntimeError:
            passed = 0.0
        return START + timedelta(seconds=passed) + self._ahead

    def move(self, by: timedelta) -> None:
        """Jump."""
        self._ahead += by
