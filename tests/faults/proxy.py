"""A wire between two processes that can be cut, slowed down and made to lie: a TCP proxy per link.

What TCP makes of lost packets is what is made here: a delay (it is sent again), now and then a reset.
"""

import asyncio
import contextlib
import random
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Self

from pymongo.errors import PyMongoError

from tests.faults.unjournaled import Unjournaled, command_of, message_from

LOOPBACK = "127.0.0.1"
CHUNK = 65_536
RESEND_S = 0.25
FIT_S = (1.0, 3.0)

Way = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True, slots=True)
class Weather:
    """How a link is. `delay_s` each way; `loss` share of the chunks lost; `fits`: share of the chunks that
    are held up for seconds while other connections pass; `deaf`: nothing comes back, `mute`: nothing goes out
    (the connection stays); `down`: refused and reset.
    """

    delay_s: float = 0.0
    loss: float = 0.0
    fits: float = 0.0
    deaf: bool = False
    mute: bool = False
    down: bool = False


FINE = Weather()
PARTED = Weather(deaf=True, mute=True)


class Link:
    """One way from a port of this machine to another."""

    def __init__(self, name: str, port: int, to: int, unjournaled: Unjournaled | None = None) -> None:
        """`name` is `<service>-store` or `<service>-broker`."""
        self.name = name
        self.port = port
        self._to = to
        self._unjournaled = unjournaled
        self.weather = FINE
        self._writers: set[asyncio.StreamWriter] = set()
        self._changed = asyncio.Event()

    async def serve(self) -> asyncio.Server:
        """Listen."""
        return await asyncio.start_server(self._connect, LOOPBACK, self.port)

    def turn(self, weather: Weather) -> None:
        """Change the weather; on the proxy's loop."""
        self.weather = weather
        self._changed.set()
        self._changed = asyncio.Event()
        if weather.down:
            self._reset()

    def _reset(self) -> None:
        for writer in list(self._writers):
            writer.transport.abort()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        out = writer
        try:
            if self.weather.down:
                return
            if self._unjournaled:
                await self._unjournaled.forget()
            there, out = await asyncio.open_connection(LOOPBACK, self._to)
            self._writers.add(out)
            if self._unjournaled:
                await self._watch(self._unjournaled, (reader, out), (there, writer))
            else:
                await asyncio.gather(
                    self._pump(reader, out, going=True), self._pump(there, writer, going=False)
                )
        except (OSError, PyMongoError, asyncio.IncompleteReadError):
            return  # nobody there: as if the link were down
        finally:
            self._writers -= {writer, out}
            for each in (writer, out):
                each.transport.abort()

    async def _watch(self, unjournaled: Unjournaled, going: Way, coming: Way) -> None:
        """Message by message; a write is not followed by another of anybody's until it is answered."""
        under_way: list[Mapping[str, Any] | None] = []
        settled = asyncio.Event()

        async def back() -> None:
            while True:
                answer = await message_from(coming[0])
                if under_way:  # before whoever asked can know of it, and kill the store
                    unjournaled.answered(under_way.pop())
                    settled.set()
                coming[1].write(answer)

        answering = asyncio.create_task(back())
        try:
            while True:
                message = await message_from(going[0])
                command = command_of(message)
                if await unjournaled.note(command):
                    under_way.append(command)
                    settled.clear()
                going[1].write(message)
                if under_way:
                    answered = asyncio.create_task(settled.wait())
                    await asyncio.wait({answered, answering}, return_when=asyncio.FIRST_COMPLETED)
                    answered.cancel()
                if answering.done():
                    return
        finally:
            if under_way:
                unjournaled.given_up()
            answering.cancel()
            await asyncio.gather(answering, return_exceptions=True)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, going: bool) -> None:
        with contextlib.suppress(ConnectionError, OSError):
            while chunk := await reader.read(CHUNK):
                while self.weather.mute if going else self.weather.deaf:
                    await self._changed.wait()
                weather = self.weather
                if weather.delay_s:
                    await asyncio.sleep(weather.delay_s)
                if weather.fits and random.random() < weather.fits:
                    await asyncio.sleep(random.uniform(*FIT_S))
                while weather.loss and random.random() < weather.loss:
                    if random.random() < 0.05:
                        writer.transport.abort()
                        return
                    await asyncio.sleep(RESEND_S)
                writer.write(chunk)
                await writer.drain()
        # One side has ended: the other learns of it.
        with contextlib.suppress(Exception):
            writer.transport.abort() if self.weather.down else writer.close()


class Wires:
    """All links, in a thread of their own. A context manager."""

    def __init__(self) -> None:
        """No link yet."""
        self.links: list[Link] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="wires", daemon=True)
        self._servers: list[asyncio.Server] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def lay(self, name: str, port: int, to: int, unjournaled: Unjournaled | None = None) -> None:
        """Add a link that listens at once; `unjournaled` makes it play a store that forgets."""
        link = Link(name, port, to, unjournaled)
        self._servers.append(self._run(link.serve()))
        self.links.append(link)

    def turn(self, names: Iterable[str], weather: Weather, **changes: Any) -> None:
        """Change the weather of all links of these names."""
        wanted = set(names)
        for link in self.links:
            if link.name in wanted:
                self._loop.call_soon_threadsafe(link.turn, replace(weather, **changes))

    def call(self, what: Callable[[], object]) -> None:
        """Do something on the proxy's loop."""
        self._loop.call_soon_threadsafe(what)

    def calm(self) -> None:
        """Fine weather everywhere."""
        self.turn({link.name for link in self.links}, FINE)

    async def _end(self) -> None:
        for server in self._servers:
            server.close()
        for link in self.links:
            link.turn(Weather(down=True))
        await asyncio.sleep(0.05)  # who was just let in finds the link down
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0.05)  # a transport that was aborted closes at a later turn of the loop

    def _run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)
