"""Where a case would start is asked for a day, and shown with the reasons in words."""

from google.protobuf.message import Message

from fengqiao.routing.v1 import routing_service_pb2 as rpc
from fengqiao.routing.v1.routing_service_pb2_grpc import add_RoutingServiceServicer_to_server
from services.cli.client import text
from tests.kit.terminal import terminal_at

WHY = rpc.WhyHere(code="lowest_capable_tier", zh="最低层级", en="the lowest tier")


def answers(_request: Message) -> Message:
    return rpc.RouteCaseResponse(
        capability_version="2", day="2026-07-01", emergency="flood@1", why=[WHY], risk=True
    )


def test_a_preview_says_which_version_decided_for_what_day_and_why() -> None:
    with terminal_at("route", answers, add_RoutingServiceServicer_to_server) as terminal:
        said = terminal.type("drain.blocked", "--place", "jili/hexi", "--on", "2026-07-01", "--site", "jili")
        assert said.exit_code == 0, said.output
        asked = rpc.RouteCaseRequest(
            site_id="jili", kind="drain.blocked", unit_id="jili/hexi", on="2026-07-01"
        )
        assert terminal.office.only() == asked
    for told in ("version 2 on 2026-07-01", "flood@1", "- the lowest tier · 最低层级"):
        assert told in said.stdout


def test_a_case_says_in_words_why_it_is_where_it_is() -> None:
    assert "- the lowest tier · 最低层级" in text.case(rpc.Case(why=[WHY]))
