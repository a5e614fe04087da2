"""The town's clock: when all scenes wait, it goes to the earliest moment that one of them waits for."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime


class TownClock:
    """Shared by the scenes of one act. Nobody waits for time: it is moved, and what is due fires."""

    def __init__(self, scenes: int, move: Callable[[datetime], Awaitable[None]]) -> None:
        """`move` sets the clocks of all services and returns when what is due has fired."""
        self._scenes = scenes
        self._move = move
        self._waiting: dict[asyncio.Future[None], datetime] = {}
        self._moving: asyncio.Task[None] | None = None
        self.now: datetime | None = None
        self.moves = 0

    async def until(self, moment: datetime) -> None:
        """Wait until the clock stands there. Raises what moving it raises."""
        arrived = asyncio.get_running_loop().create_future()
        self._waiting[arrived] = moment
        self._consider()
        await arrived

    def leave(self) -> None:
        """A scene has ended: the others need not wait for it."""
        self._scenes -= 1
        self._consider()

    def _consider(self) -> None:
        if self._waiting and len(self._waiting) == self._scenes:
            self._moving = asyncio.create_task(self._advance(min(self._waiting.values())))

    async def _advance(self, moment: datetime) -> None:
        arrived = [waiting for waiting, at in self._waiting.items() if at == moment]
        try:
            await self._move(moment)
        except Exception as error:  # noqa: BLE001 - told to the scenes that wait for this moment
            for waiting in arrived:
                del self._waiting[waiting]
                waiting.set_exception(error)
            return
        self.now = moment
        self.moves += 1
        for waiting in arrived:
            del self._waiting[waiting]
            waiting.set_result(None)
