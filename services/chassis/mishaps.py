"""Faults put into a service from within, for tests alone: off unless `FENGQIAO_MISHAPS` names a plan, and
then impossible in production.

The plan is a JSON file that is read again whenever it changes, so that a test can begin and end a fault
while the service runs:

    {"seed": 7, "store": 0.03, "broker": 0.03, "crash": {"point": "after_write", "nth": 5}}

`store` and `broker` are shares of calls: a third of those is not carried out (unavailable), a third not
carried out and late (timeout), a third carried out, and the caller sees a timeout. `crash` kills the process
with SIGKILL the nth time that it comes to a point.
"""

import asyncio
import json
import os
import random
import signal
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

from pymongo.collection import Collection
from pymongo.cursor import Cursor
from pymongo.errors import AutoReconnect, NetworkTimeout

from services.chassis.envelope import Headers
from services.chassis.publisher import Producer

WRITES = (
    "bulk_write",
    "insert_one",
    "insert_many",
    "replace_one",
    "update_one",
    "update_many",
    "delete_one",
    "delete_many",
)
READS = ("count_documents",)


class Point(StrEnum):
    """Where a process can be made to end."""

    BEFORE_WRITE = "before_write"
    """Between claim (or decision) and write."""
    MID_BULK = "mid_bulk"
    """When the first half of a bulk has been written."""
    AFTER_WRITE = "after_write"
    """After the store's word, before anything is published."""
    AFTER_PUBLISH = "after_publish"
    """After the broker's word, before the consumed record is acknowledged."""


class Plan:
    """What the plan's file says now."""

    def __init__(self, path: Path, end: Callable[[], None] | None = None) -> None:
        """`end` ends the process: SIGKILL, unless a test looks on."""
        self._path = path
        self._end = end or (lambda: os.kill(os.getpid(), signal.SIGKILL))
        self._read: tuple[int, int] = 0, 0
        self._content: dict[str, Any] = {}
        self._random = random.Random(os.getpid())
        self._passed: dict[str, int] = {}

    def passes(self, point: Point) -> None:
        """The process comes to a point, perhaps for the last time."""
        crash = self._now().get("crash")
        if crash and crash["point"] == point:
            self._passed[point] = self._passed.get(point, 0) + 1
            if self._passed[point] >= crash["nth"]:
                self._end()

    def due(self, point: Point) -> bool:
        """Whether the next `passes` of a point ends the process."""
        crash: dict[str, Any] = self._now().get("crash") or {"point": ""}
        return bool(crash["point"] == point and self._passed.get(point, 0) + 1 >= crash["nth"])

    def mishap(self, what: str) -> str:
        """`unavailable`, `timeout`, `executed`, or nothing, for one call of `store` or `broker`."""
        if self._random.random() >= self._now().get(what, 0.0):
            return ""
        return self._random.choice(("unavailable", "timeout", "executed"))

    def _now(self) -> dict[str, Any]:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return {}
        if (found.st_mtime_ns, found.st_ino) != self._read:
            self._read = found.st_mtime_ns, found.st_ino
            self._content = json.loads(self._path.read_text(encoding="utf-8") or "{}")
            self._passed.clear()
            self._random = random.Random(f"{self._content.get('seed', 0)}/{os.getpid()}")
        return self._content


class FaultyProducer:
    """A producer that may fail as a broker's client does."""

    def __init__(self, producer: Producer, plan: Plan) -> None:
        """`producer` is the real one."""
        self._producer = producer
        self._plan = plan

    def send(self, topic: str, key: bytes, value: bytes, headers: Headers) -> "asyncio.Future[bool]":
        """See `Producer.send`; what is not sent, or sent and not known to be, is answered with False."""
        mishap = self._plan.mishap("broker")
        if mishap in {"unavailable", "timeout"}:
            refused: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
            refused.set_result(False)
            return refused
        sent = self._producer.send(topic, key, value, headers)
        sent.add_done_callback(lambda _sent: self._plan.passes(Point.AFTER_PUBLISH))
        if not mishap:
            return sent
        unknown: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

        def tell(_sent: "asyncio.Future[bool]") -> None:
            if not unknown.done():
                unknown.set_result(False)

        sent.add_done_callback(tell)
        return unknown

    async def close(self) -> None:
        """See `Producer.close`."""
        await self._producer.close()


def install(path: Path, producer: Producer, plan: Plan | None = None) -> FaultyProducer:
    """Put the plan's faults into this process's store client and into a producer; for the process's life."""
    plan = plan or Plan(path)
    for name in WRITES:
        setattr(Collection, name, _writing(getattr(Collection, name), plan, bulk=name == "bulk_write"))
    for name in READS:
        setattr(Collection, name, _reading(getattr(Collection, name), plan))
    # Where a cursor asks the server: `find` itself asks nothing.
    Cursor._refresh = _reading(Cursor._refresh, plan)  # type: ignore[method-assign]  # noqa: SLF001 - as above
    return FaultyProducer(producer, plan)


def _writing(method: Callable[..., Any], plan: Plan, *, bulk: bool) -> Callable[..., Any]:
    def write(collection: Any, *args: Any, **kwargs: Any) -> Any:
        plan.passes(Point.BEFORE_WRITE)
        if bulk and plan.due(Point.MID_BULK):
            operations: Sequence[Any] = args[0]
            if half := operations[: len(operations) // 2]:
                method(collection, half, *args[1:], **kwargs)
            plan.passes(Point.MID_BULK)
        elif bulk:
            plan.passes(Point.MID_BULK)
        result = _with_mishap(lambda: method(collection, *args, **kwargs), plan)
        plan.passes(Point.AFTER_WRITE)
        return result

    return write


def _reading(method: Callable[..., Any], plan: Plan) -> Callable[..., Any]:
    def read(*args: Any, **kwargs: Any) -> Any:
        return _with_mishap(lambda: method(*args, **kwargs), plan)

    return read


def _with_mishap(call: Callable[[], Any], plan: Plan) -> Any:
    mishap = plan.mishap("store")
    if mishap == "unavailable":
        raise AutoReconnect("injected: connection lost before the call")
    if mishap == "timeout":
        raise NetworkTimeout("injected: timed out, nothing was done")
    result = call()
    if mishap == "executed":
        raise NetworkTimeout("injected: timed out, and it was done")
    return result
