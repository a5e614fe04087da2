"""What the board's commands ask, and how they tell it."""

from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf.message import Message

from fengqiao.routing.v1 import routing_service_pb2 as rpc
from fengqiao.routing.v1.routing_service_pb2_grpc import add_RoutingServiceServicer_to_server
from services.cli.client.watching import attention
from tests.kit.terminal import terminal_at

CASE = "5d2b7c1e-0000-4000-8000-000000000001"
TOKEN = "abc"  # noqa: S105 - opaque, and no secret
OVERDUE = rpc.AttentionCase(
    case_id=CASE,
    request_no="JILI-1",
    unit_id="jili/hexi",
    kinds=[rpc.ATTENTION_KIND_OVERDUE, rpc.ATTENTION_KIND_RETURNED_TWICE],
)


def answers(request: Message) -> Any:
    if isinstance(request, rpc.WatchBoardRequest):
        return iter([rpc.WatchBoardResponse(climbs=7)])
    return _two()


def _two() -> Iterator[rpc.WatchAttentionResponse]:
    yield rpc.WatchAttentionResponse(snapshot=True, cases=[OVERDUE], total=2, more=True)
    counts = [rpc.AttentionCount(kind=rpc.ATTENTION_KIND_OVERDUE, count=2)]
    yield rpc.WatchAttentionResponse(total=2, counts=counts, resume_token=TOKEN, gone_case_ids=["gone"])


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], rpc.WatchBoardRequest(site_id="boston")),
        (["--watch", "jili"], rpc.WatchAttentionRequest(unit_id="jili")),
        (
            ["--watch", "jili", "--below", "-f", "--only", "overdue", "--only", "returned-twice"],
            rpc.WatchAttentionRequest(
                unit_id="jili",
                include_below=True,
                follow=True,
                kinds=[rpc.ATTENTION_KIND_OVERDUE, rpc.ATTENTION_KIND_RETURNED_TWICE],
            ),
        ),
        (
            ["--watch", "jili", "--since", TOKEN, "--limit", "5"],
            rpc.WatchAttentionRequest(unit_id="jili", resume_token=TOKEN, max_cases=5),
        ),
    ],
)
def test_what_is_typed_is_what_is_asked(words: list[str], expected: Message) -> None:
    with terminal_at("board", answers, add_RoutingServiceServicer_to_server) as terminal:
        said = terminal.type(*words)
        assert said.exit_code == 0, said.output
        assert terminal.office.only() == expected


def test_what_wants_attention_is_told_with_the_reasons_and_the_token_to_resume_by() -> None:
    with terminal_at("board", answers, add_RoutingServiceServicer_to_server) as terminal:
        said = terminal.type("--watch", "jili").output
    assert "overdue, returned twice" in said
    assert "the list from the beginning" in said
    assert "gone" in said
    assert "2 in all (2 overdue)" in said
    assert "resume: --since abc" in said
    assert "in all" not in attention(rpc.WatchAttentionResponse(more=True))


def test_options_of_the_list_without_a_unit_are_refused() -> None:
    with terminal_at("board", answers, add_RoutingServiceServicer_to_server) as terminal:
        said = terminal.type("--below")
        assert said.exit_code == 2
        assert "--watch" in said.output
