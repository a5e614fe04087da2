"""What the light reporter's commands say to intake, and what they show of its answers."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from typer.testing import CliRunner, Result

from fengqiao.intake.v1 import events_pb2 as ev
from fengqiao.intake.v1 import intake_service_pb2 as rpc
from fengqiao.intake.v1.intake_service_pb2_grpc import add_IntakeServiceServicer_to_server
from services.cli.__main__ import app

PHOTO = "photos/3f1c7a52"


@dataclass
class Counter:
    """Takes sightings in, and keeps what it was asked."""

    asked: list[Any] = field(default_factory=list)

    def __getattr__(self, _method: str) -> Any:
        return self.answer

    def answer(self, request: Message, _context: grpc.ServicerContext) -> Any:
        self.asked.append(request)
        if isinstance(request, rpc.GetFeedbackRequest):
            return rpc.GetFeedbackResponse(feedback=ev.FEEDBACK_BEING_HANDLED, on="2026-03-03")
        return rpc.ReportSightingResponse(request_no="JILI-000001")


@pytest.fixture
def counter() -> Counter:
    return Counter()


@pytest.fixture
def address(counter: Counter) -> Iterator[str]:
    server = grpc.server(ThreadPoolExecutor(2))
    fake: Any = counter
    add_IntakeServiceServicer_to_server(fake, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(None).wait()


def typed(address: str, *words: str) -> Result:
    result = CliRunner(env={"FENGQIAO_TOKEN": "a-token"}).invoke(app, [*words, "--address", address])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.mark.parametrize(
    ("words", "place"),
    [
        ("--place jili/hexi", {"unit_id": "jili/hexi"}),
        ("--point 120.217,30.214", {"point": rpc.SightingPoint(longitude=120.217, latitude=30.214)}),
    ],
)
def test_a_sighting_is_sent_as_it_was_typed_and_answered_with_its_number(
    counter: Counter, address: str, words: str, place: dict[str, Any]
) -> None:
    said = typed(address, "report", "drain.blocked", "--photo", PHOTO, "--site", "jili", *words.split())
    assert said.stdout == "JILI-000001\n"
    [asked] = counter.asked
    assert asked.meta.idempotency_key
    asked.ClearField("meta")
    assert asked == rpc.ReportSightingRequest(site_id="jili", kind="drain.blocked", photo_ref=PHOTO, **place)


@pytest.mark.parametrize("point", ["120.217", "here,there", "120.217;30.214"])
def test_a_point_that_is_none_is_refused_before_anything_is_asked(
    counter: Counter, address: str, point: str
) -> None:
    said = typed(address, "report", "drain.blocked", "--photo", PHOTO, "--point", point)
    assert (said.exit_code, counter.asked) == (2, [])


def test_feedback_is_a_word_and_a_day(counter: Counter, address: str) -> None:
    assert typed(address, "feedback", "JILI-000001").stdout == "being_handled since 2026-03-03\n"
    assert counter.asked == [rpc.GetFeedbackRequest(request_no="JILI-000001")]
