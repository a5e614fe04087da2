"""A terminal at which client commands are typed, and an office that answers them by gRPC."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf.message import Message
from typer.testing import CliRunner, Result

from services.cli.__main__ import app


@dataclass
class Office:
    """Answers every method by `answers`, and keeps what it was asked."""

    answers: Callable[[Message], Message]
    asked: list[Any] = field(default_factory=list)

    def __getattr__(self, _method: str) -> Any:
        return self.answer

    def answer(self, request: Message, _context: grpc.ServicerContext) -> Message:
        """One call."""
        self.asked.append(request)
        return self.answers(request)

    def only(self) -> Any:
        """The one thing that was asked; an order without its key, which is there."""
        [asked] = self.asked
        if "meta" in asked.DESCRIPTOR.fields_by_name:
            assert asked.meta.idempotency_key
            asked.ClearField("meta")
        return asked


@dataclass
class Terminal:
    """Types commands at an office."""

    office: Office
    group: str
    address: str

    def type(self, *words: str) -> Result:
        """One command of the group."""
        given = [self.group, *words, "--address", self.address]
        result = CliRunner(env={"FENGQIAO_TOKEN": "a-token"}).invoke(app, given)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result


@contextmanager
def terminal_at(
    group: str, answers: Callable[[Message], Message], *adders: Callable[[Any, grpc.Server], None]
) -> Iterator[Terminal]:
    """A terminal whose commands reach an office; `adders` put it into the server, a service each."""
    office, server = Office(answers), grpc.server(ThreadPoolExecutor(2))
    for add in adders:
        add(office, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield Terminal(office, group, f"127.0.0.1:{port}")
    finally:
        server.stop(None).wait()
