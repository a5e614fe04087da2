"""What the commands about requests of one matter say to intake, and what they show of its answers."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from typer.testing import CliRunner, Result

from fengqiao.intake.v1 import intake_service_pb2 as rpc
from fengqiao.intake.v1.intake_service_pb2_grpc import add_IntakeServiceServicer_to_server
from services.cli.__main__ import app

CASE, OTHER = "5a3c1d3e-0000-5000-8000-000000000001", "5a3c1d3e-0000-5000-8000-000000000002"
SUGGESTION = rpc.Suggestion(
    request=rpc.RelatedRequest(case_id=OTHER, request_no="JILI-000002", status=rpc.REQUEST_STATUS_SUBMITTED),
    title="路灯不亮",
    score=0.91,
    parts=[
        rpc.SuggestionPart(name=rpc.SUGGESTION_PART_NAME_PLACE, score=1, reason="same_unit"),
        rpc.SuggestionPart(name=rpc.SUGGESTION_PART_NAME_KIND, score=1, reason="same_kind"),
    ],
)


@dataclass
class Desk:
    """Suggests one request, unless told otherwise, and keeps what it was asked."""

    asked: list[Any] = field(default_factory=list)
    suggests: rpc.SuggestDuplicatesResponse = field(
        default_factory=lambda: rpc.SuggestDuplicatesResponse(suggestions=[SUGGESTION], compared=7)
    )

    def __getattr__(self, _method: str) -> Any:
        return self.answer

    def answer(self, request: Message, _context: grpc.ServicerContext) -> Any:
        self.asked.append(request)
        if isinstance(request, rpc.SuggestDuplicatesRequest):
            return self.suggests
        if isinstance(request, rpc.LinkRequestsRequest):
            return rpc.LinkRequestsResponse(revision=4)
        return rpc.RejectDuplicateResponse(revision=5)


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def address(desk: Desk) -> Iterator[str]:
    server = grpc.server(ThreadPoolExecutor(2))
    fake: Any = desk
    add_IntakeServiceServicer_to_server(fake, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(None).wait()


def typed(address: str, *words: str) -> Result:
    result = CliRunner(env={"FENGQIAO_TOKEN": "a-token"}).invoke(
        app, ["request", *words, "--address", address]
    )
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_suggestions_are_shown_with_score_and_reasons(desk: Desk, address: str) -> None:
    said = typed(address, "duplicates", CASE, "--days", "14", "--limit", "5").stdout
    for told in (OTHER, "JILI-000002", "submitted", "0.91", "same_unit, same_kind", "路灯不亮", "7 compared"):
        assert told in said
    assert desk.asked == [rpc.SuggestDuplicatesRequest(case_id=CASE, window_days=14, limit=5)]


def test_it_says_when_nothing_is_like_it_and_when_not_all_were_compared(desk: Desk, address: str) -> None:
    desk.suggests = rpc.SuggestDuplicatesResponse(compared=200, truncated=True)
    said = typed(address, "duplicates", CASE).stdout
    assert said == "nothing like it\n200 compared; there were more, farther off\n"


@pytest.mark.parametrize(
    ("command", "asked", "told"),
    [
        ("link", rpc.LinkRequestsRequest, "linked; revision 4 of the later one\n"),
        ("reject", rpc.RejectDuplicateRequest, "kept apart; revision 5 of the later one\n"),
    ],
)
def test_what_is_said_of_two_requests_is_sent_as_typed(
    desk: Desk, address: str, command: str, asked: Any, told: str
) -> None:
    assert typed(address, command, CASE, OTHER).stdout == told
    [sent] = desk.asked
    assert sent.meta.idempotency_key
    sent.ClearField("meta")
    assert sent == asked(case_id=CASE, other_case_id=OTHER)
