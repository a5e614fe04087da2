"""A bench for one broker: topics, records, a group's commits; naive Faust apps and the chassis's worker."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import faust
from kafka import KafkaAdminClient, KafkaProducer

from services.chassis.consumer import Received
from services.chassis.readiness import Readiness
from services.chassis.settings import Settings
from services.chassis.topics import Topic, create
from services.chassis.worker import Worker
from tests.waiting import until, until_async

Offsets = dict[tuple[str, int], int]
ROOT = Path(__file__).parents[3]


@dataclass
class Member:
    """A worker of the chassis in this process; `take` sees each batch first and may fail or wait."""

    worker: Worker
    readiness: Readiness
    take: Callable[[Sequence[Received]], Awaitable[None]] | None = None
    batches: list[list[Received]] = field(default_factory=list)
    handled: list[Received] = field(default_factory=list)

    async def receive(self, batch: Sequence[Received]) -> None:
        self.batches.append(list(batch))
        if self.take is not None:
            await self.take(batch)
        self.handled += batch

    def partitions(self, topic: str) -> set[int]:
        return {tp.partition for tp in self.worker._assignment() if tp.topic == topic}

    @property
    def values(self) -> list[bytes | None]:
        return [record.value for record in self.handled]


@dataclass
class Lab:
    """`session_s` is the shortest session that the broker allows: the wheel's joins take half of it."""

    bootstrap: str
    suffix: str
    session_s: float
    _producer: Any = None

    @property
    def group(self) -> str:
        return f"fengqiao-lab-{self.suffix}"

    def topic(self, name: str, partitions: int = 1) -> str:
        made = f"lab.{name}.{self.suffix}"
        create(self.bootstrap, [Topic(made, "", "", (), (), "", partitions, -1, None)])
        return made

    async def send(
        self,
        topic: str,
        *values: bytes | None,
        partition: int = 0,
        key: bytes | None = b"k",
        headers: Any = None,
    ) -> list[int]:
        """Write records to one partition in one go; returns their offsets."""
        return await asyncio.to_thread(self._send, topic, values, partition, key, headers)

    def _send(
        self, topic: str, values: Sequence[bytes | None], partition: int, key: bytes | None, headers: Any
    ) -> list[int]:
        if self._producer is None:
            self._producer = KafkaProducer(bootstrap_servers=self.bootstrap, linger_ms=5)
        sent = [
            self._producer.send(topic, key=key, value=v, partition=partition, headers=headers or [])
            for v in values
        ]
        self._producer.flush()
        return [future.get(10).offset for future in sent]

    async def committed(self, group: str = "") -> Offsets:
        """What the broker knows of a group."""
        return await asyncio.to_thread(self._committed, group or self.group)

    def _committed(self, group: str) -> Offsets:
        admin: Any = KafkaAdminClient(bootstrap_servers=self.bootstrap)
        try:
            found = admin.list_group_offsets(group).get(group, {})
            return {(tp.topic, tp.partition): each.offset for tp, each in found.items() if each.offset >= 0}
        finally:
            admin.close()

    async def until_committed(self, expected: Offsets, group: str = "") -> None:
        async def there() -> Any:
            return (await self.committed(group)) == expected

        condition: Callable[[], Awaitable[Any]] = there
        await until_async(condition, what=f"{expected} to be committed")

    def naive(self, **settings: Any) -> Any:
        """A Faust app as one would write it, on raw values; only its timing is the lab's."""
        chosen: dict[str, Any] = {
            "broker": f"kafka://{self.bootstrap}",
            "store": "memory://",
            "value_serializer": "raw",
            "web_enabled": False,
            "topic_disable_leader": True,
            "topic_allow_declare": False,
            "consumer_auto_offset_reset": "earliest",
            "broker_session_timeout": self.session_s,
            "broker_heartbeat_interval": self.session_s / 5,
            "broker_request_timeout": self.session_s + 10,
            "broker_commit_interval": 0.1,
            "stream_wait_empty": False,
        }
        return faust.App(self.group, **(chosen | settings))

    @asynccontextmanager
    async def running(self, app: Any) -> AsyncIterator[Any]:
        """A naive app from joining to stopping."""
        app.finalize()
        await app.start()
        try:
            yield app
        finally:
            await app.stop()

    def settings(self, **changes: Any) -> Settings:
        chosen: dict[str, Any] = {
            "service": "lab",
            "kafka_bootstrap": self.bootstrap,
            "group_suffix": f"-{self.suffix}",
            "session_timeout_s": self.session_s,
            "heartbeat_interval_s": self.session_s / 5,
            "commit_interval_ms": 100,
            "partitions": 1,
        }
        return Settings(**(chosen | changes))

    @asynccontextmanager
    async def member(
        self,
        *topics: str,
        take: Callable[[Sequence[Received]], Awaitable[None]] | None = None,
        **changes: Any,
    ) -> AsyncIterator[Member]:
        """The chassis's worker over some topics, joined and holding partitions."""
        member = self.idle_member(*topics, take=take, **changes)
        await member.worker.start()
        try:
            await until_async(member.worker._assignment, timeout=30, what="partitions for the worker")
            yield member
        finally:
            await member.worker.stop()

    def idle_member(
        self,
        *topics: str,
        take: Callable[[Sequence[Received]], Awaitable[None]] | None = None,
        **changes: Any,
    ) -> Member:
        """The same, not started."""
        readiness = Readiness()
        member = Member(Worker(self.settings(**changes), readiness, topics[0], topics), readiness, take)
        for topic in topics:

            async def read(stream: Any) -> None:
                await member.worker.drain(stream, member.receive)

            member.worker.agent(topic)(read)
        return member

    def close(self) -> None:
        if self._producer is not None:
            self._producer.close()


@dataclass
class Process:
    """A service of the chassis's own runner in a process of its own (see `faust_member.py`)."""

    popen: "subprocess.Popen[str]"
    told: Path
    log: Path

    def lines(self) -> list[str]:
        return self.told.read_text().splitlines() if self.told.exists() else []

    def until_told(self, line: str) -> None:
        try:
            until(lambda: line in self.lines(), timeout=120, what=f"the process to say {line!r}")
        except AssertionError as error:
            raise AssertionError(
                f"{error}; it said {self.lines()}, its log:\n{self.log.read_text()[-3000:]}"
            ) from None

    def end(self, how: signal.Signals, within: float = 60) -> int:
        self.popen.send_signal(how)
        return self.popen.wait(within)


@contextmanager
def process(environment: dict[str, str], folder: Path, name: str) -> Iterator[Process]:
    """Run `faust_member.py`; it is killed when the test ends before it does."""
    told = folder / f"{name}.told"
    with (folder / f"{name}.log").open("w") as log:
        popen = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("faust_member.py")), "worker"],
            env=os.environ
            | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "protos/gen/python")]), "TOLD": str(told)}
            | environment,
            cwd=folder,
            stdout=log,
            stderr=log,
            text=True,
        )
        try:
            yield Process(popen, told, Path(log.name))
        finally:
            if popen.poll() is None:
                popen.kill()
                popen.wait()
