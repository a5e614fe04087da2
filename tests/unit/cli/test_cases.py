"""What the commands about whose case it is say to the service."""

from typing import Any

import pytest
from google.protobuf.message import Message

from fengqiao.routing.v1 import clock_events_pb2 as clocks
from fengqiao.routing.v1 import events_pb2 as ev
from fengqiao.routing.v1 import routing_service_pb2 as rpc
from fengqiao.routing.v1.routing_service_pb2_grpc import add_RoutingServiceServicer_to_server
from services.cli.client import text
from tests.kit.terminal import terminal_at

ORDER = rpc.SupervisionOrder(number=1, status=rpc.ORDER_STATUS_STANDING, repeats=2)
CASE = "5d2b7c1e-0000-4000-8000-000000000001"
LEAD = "5d2b7c1e-0000-4000-8000-000000000002"


def answers(request: Message) -> Message:
    name = type(request).__name__.removesuffix("Request")
    if name == "ListOrders":
        return rpc.ListOrdersResponse(orders=[rpc.ListedOrder(case=rpc.Case(case_id=CASE, order=ORDER))])
    response: Any = getattr(rpc, f"{name}Response")
    told: Message = response(case=rpc.Case(case_id=CASE))
    return told


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (
            ["return", CASE, "not ours", "--reason", "other-place", "--to", "jili/hexi/s2"],
            rpc.ReturnCaseRequest(
                case_id=CASE,
                note="not ours",
                reason=ev.RETURN_REASON_OTHER_PLACE,
                proposed_unit_id="jili/hexi/s2",
            ),
        ),
        (["return", CASE, "not ours"], rpc.ReturnCaseRequest(case_id=CASE, note="not ours")),
        (
            ["rule", CASE, "goes", "--to", "jili/hexi/s2"],
            rpc.RuleOnReturnRequest(case_id=CASE, ruling=ev.RULING_GOES, unit_id="jili/hexi/s2"),
        ),
        (
            ["transfer", CASE, "jili/hexi/s2", "direct-interest"],
            rpc.TransferCaseRequest(
                case_id=CASE, unit_id="jili/hexi/s2", reason=ev.TRANSFER_REASON_DIRECT_INTEREST
            ),
        ),
        (
            ["supervision", "order", CASE, "no-progress", "--note", "三天没有动静"],
            rpc.OrderSupervisionRequest(
                case_id=CASE, reason=ev.ORDER_REASON_NO_PROGRESS, note="三天没有动静"
            ),
        ),
        (
            ["supervision", "answer", CASE, "1", "visited", "约好周四修"],
            rpc.AnswerSupervisionRequest(case_id=CASE, order=1, result="visited", text="约好周四修"),
        ),
        (
            ["supervision", "judge", CASE, "1", "sent-back"],
            rpc.JudgeAnswerRequest(case_id=CASE, order=1, judgement=rpc.JUDGEMENT_SENT_BACK),
        ),
        (
            ["time", "pause", CASE, "expert-appraisal", "等鉴定", "--length", "3"],
            rpc.AskForPauseRequest(
                case_id=CASE, kind=clocks.PAUSE_KIND_EXPERT_APPRAISAL, length=3, note="等鉴定"
            ),
        ),
        (
            ["time", "extend", CASE, "2", "等材料"],
            rpc.AskForExtensionRequest(case_id=CASE, length=2, note="等材料"),
        ),
        (["time", "grant", CASE, "1"], rpc.GrantTimeRequest(case_id=CASE, ask=1)),
        (
            ["time", "refuse", CASE, "1", "--note", "no"],
            rpc.RefuseTimeRequest(case_id=CASE, ask=1, note="no"),
        ),
        (
            ["join", CASE, LEAD, "same-request", "--note", "同一水管"],
            rpc.JoinCaseRequest(
                case_id=CASE, lead_case_id=LEAD, reason=ev.JOIN_REASON_SAME_REQUEST, note="同一水管"
            ),
        ),
        (
            ["part", CASE, "resident"],
            rpc.PartCaseRequest(case_id=CASE, reason=ev.PART_REASON_RESIDENT),
        ),
        (["time", "resume", CASE], rpc.ResumeCaseRequest(case_id=CASE)),
        (
            ["supervision", "list", "jili/hexi", "--below"],
            rpc.ListOrdersRequest(unit_id="jili/hexi", include_below=True, page_size=50),
        ),
    ],
    ids=lambda given: " ".join(given[:1]) if isinstance(given, list) else "",
)
def test_what_is_typed_is_what_is_asked(words: list[str], expected: Any) -> None:
    with terminal_at(words[0], answers, add_RoutingServiceServicer_to_server) as terminal:
        said = terminal.type(*words[1:])
        assert said.exit_code == 0, said.output
        assert terminal.office.only() == expected


def test_a_case_that_waits_for_a_ruling_says_whose_and_until_when() -> None:
    case = rpc.Case(
        case_id=CASE,
        returned=rpc.Return(number=1, reason=ev.RETURN_REASON_OTHER_PLACE, superior_unit_id="jili/hexi"),
    )
    assert "1 other_place; jili/hexi rules by" in text.case(case)


def test_a_case_under_an_order_says_which_and_how_often_it_was_repeated() -> None:
    assert "1 standing, repeated 2 times" in text.case(rpc.Case(case_id=CASE, order=ORDER))


def test_a_joined_case_says_what_leads_it_and_a_leading_one_whom_it_leads() -> None:
    joined = rpc.Joined(lead_case_id=LEAD, lead_request_no="JILI-2", reason=ev.JOIN_REASON_SAME_MATTER)
    assert f"{LEAD} (JILI-2) since , same_matter" in text.case(rpc.Case(case_id=CASE, joined=joined))
    assert LEAD in text.case(rpc.Case(case_id=CASE, joined_case_ids=[LEAD]))


def test_a_case_says_what_was_asked_for_and_that_it_is_paused() -> None:
    asked = rpc.TimeAsked(number=2, length=3, rule="routing.extension@1", note="等材料")
    pause = rpc.Pause(number=1, kind=clocks.PAUSE_KIND_COURT)
    told = text.case(rpc.Case(case_id=CASE, asked=asked, pause=pause))
    assert "2 extension, 3 by routing.extension@1; the desk decides: 等材料" in told
    assert "1 court since" in told
