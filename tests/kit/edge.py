"""A service behind its gRPC edge on a real store: who calls, how it refuses, what went to the broker."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import grpc

from services.chassis.envelope import Headers, header_map


@dataclass(slots=True)
class Sent:
    """One record as it went to the broker."""

    topic: str
    key: bytes
    value: bytes
    headers: dict[str, str]


@dataclass(slots=True)
class Broker:
    """A producer that keeps what it is given."""

    sent: list[Sent] = field(default_factory=list)

    def send(self, topic: str, key: bytes, value: bytes, headers: Headers) -> "asyncio.Future[bool]":
        self.sent.append(Sent(topic, key, value, header_map(headers)))
        done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        done.set_result(True)
        return done

    async def close(self) -> None:
        """Nothing to end."""

    def types(self, topic: str) -> list[str]:
        on = [record for record in self.sent if record.topic == topic]
        return [record.headers["ce_type"].rsplit(".", 1)[-1] for record in on]


@dataclass(slots=True)
class Clock:
    """A clock that stands until it is moved."""

    now: datetime = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

    def move(self, by: timedelta) -> None:
        self.now += by


@dataclass(frozen=True, slots=True)
class Refusal:
    """A failed call, as a client sees it."""

    code: grpc.StatusCode
    reason: str
    fields: list[str]
    message: str
    rule: str


@dataclass(frozen=True, slots=True)
class Who:
    """A caller."""

    role: str
    units: tuple[str, ...] = ("jili",)
    sub: str = "somebody"
    site: str = "jili"
