"""A bounded thread pool for blocking clients, as inline they would stall the event loop; and how threads hand
things over.
"""

import asyncio
import functools
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Threads:
    """Runs blocking calls; at most `size` at once, the rest wait in line."""

    def __init__(self, size: int = 8) -> None:
        """One pool per process."""
        self._pool = ThreadPoolExecutor(size, thread_name_prefix="blocking")

    async def run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Await a blocking call's result; a cancelled caller does not stop the call itself."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, functools.partial(call, *args, **kwargs))

    def submit(self, call: Callable[[], None]) -> None:
        """Run a blocking call that reports by itself; with one thread, calls run in the order given."""
        self._pool.submit(call)

    def close(self) -> None:
        """Wait for what runs, take nothing new."""
        self._pool.shutdown(wait=True, cancel_futures=True)


class Heap(Generic[T]):
    """What one thread puts down for another, in order; who finds it empty wakes the other."""

    def __init__(self) -> None:
        """Empty."""
        self._lock = threading.Lock()
        self._items: list[T] = []

    def add(self, item: T) -> bool:
        """Put one down; True when nothing lay there, so that somebody must come and take."""
        with self._lock:
            self._items.append(item)
            return len(self._items) == 1

    def take(self) -> list[T]:
        """Everything that lies there."""
        with self._lock:
            items, self._items = self._items, []
            return items
