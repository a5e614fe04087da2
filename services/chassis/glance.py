"""Something slow that an operator asks for: one question at a time, and no longer than patience lasts."""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

from services.chassis.errors import Infrastructure
from services.chassis.threads import Threads

T = TypeVar("T")

PATIENCE_S = 2.5


class Glance(Generic[T]):
    """Who asks while another's question is under way shares its answer."""

    def __init__(self, look: Callable[[], T]) -> None:
        """`look` blocks, and may raise Infrastructure."""
        self._look = look
        self._threads = Threads(1)
        self._asking: asyncio.Task[T | None] | None = None

    async def ask(self) -> T | None:
        """The answer; None when whoever knows it is away, or takes too long."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask())
        done, _ = await asyncio.wait({self._asking}, timeout=PATIENCE_S)
        return self._asking.result() if done else None

    async def _ask(self) -> T | None:
        try:
            return await self._threads.run(self._look)
        except Infrastructure:
            return None

    def close(self) -> None:
        """Wait for the last look."""
        self._threads.close()
