"""What the commands about whose case it is say to the service."""

from typing import Any

import pytest
from google.protobuf.message import Message

from fengqiao.routing.v1 import clock_events_pb2 as clocks
from fengqiao.routing.v1 import events_pb2 as ev
from fengqiao.routing.v1 import followup_events_pb2 as fu
from fengqiao.routing.v1 import handling_events_pb2 as hv
from fengqiao.routing.v1 import routing_service_pb2 as rpc
from fengqiao.routing.v1.routing_service_pb2_grpc import add_RoutingServiceServicer_to_server
from services.cli.client import text
from services.routing.rpc import to_explanation
from tests.kit.terminal import terminal_at
from tests.unit.routing.clocked import SHANGHAI, walk

ORDER = rpc.SupervisionOrder(number=1, status=rpc.ORDER_STATUS_STANDING, repeats=2)
CASE = "5d2b7c1e-0000-4000-8000-000000000001"
LEAD = "5d2b7c1e-0000-4000-8000-000000000002"


def answers(request: Message) -> Message:
    name = type(request).__name__.removesuffix("Request")
    if name == "ListOrders":
        return rpc.ListOrdersResponse(orders=[rpc.ListedOrder(case=rpc.Case(case_id=CASE, order=ORDER))])
    if name == "ListAssistances":
        return rpc.ListAssistancesResponse(cases=[rpc.Case(case_id=CASE)])
    if name == "GetTeam":
        assisting = rpc.Assistance(number=1, unit_id="jili/hexi", status=rpc.ASSISTANCE_STATUS_ASKED)
        return rpc.GetTeamResponse(case=rpc.Case(case_id=CASE), assistances=[assisting])
    if name == "ListFollowUps":
        return rpc.ListFollowUpsResponse(cases=[rpc.Case(case_id=CASE, review=rpc.Review(number=1))])
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
            ["call-back", CASE, "4", "--solved", "--note", "说修好了"],
            rpc.RecordCallBackRequest(case_id=CASE, reached=True, solved=True, rating=4, note="说修好了"),
        ),
        (["call-back", CASE, "--not-reached"], rpc.RecordCallBackRequest(case_id=CASE)),
        (
            ["review", CASE, "1", "upheld"],
            rpc.RecordReviewRequest(case_id=CASE, number=1, finding=fu.REVIEW_FINDING_UPHELD),
        ),
        (
            ["follow-ups", "jili/hexi", "--below"],
            rpc.ListFollowUpsRequest(unit_id="jili/hexi", include_below=True, page_size=50),
        ),
        (
            ["supervision", "list", "jili/hexi", "--below"],
            rpc.ListOrdersRequest(unit_id="jili/hexi", include_below=True, page_size=50),
        ),
        (
            ["resolve", CASE, "agreed", "--feeling", "情", "--reason", "理", "--law", "法"],
            rpc.ResolveCaseRequest(
                case_id=CASE,
                outcome="agreed",
                plan=rpc.PlanTexts(feeling="情", reason="理", law="法"),
            ),
        ),
        (
            ["split-off", CASE, "civil", "only-a-court", "房屋产权"],
            rpc.SplitOffRequest(
                case_id=CASE,
                route=hv.COURT_ROUTE_CIVIL,
                reason=hv.SPLIT_REASON_ONLY_A_COURT,
                note="房屋产权",
            ),
        ),
        (
            ["delegation", "give", CASE, "p-deputy", "2026-03-09"],
            rpc.DelegateCaseRequest(case_id=CASE, person_ref="p-deputy", until="2026-03-09"),
        ),
        (["delegation", "end", CASE], rpc.EndDelegationRequest(case_id=CASE)),
        (
            ["recuse", CASE, "是我表哥"],
            rpc.RecuseHandlerRequest(case_id=CASE, note="是我表哥"),
        ),
        (
            ["assist", "ask", CASE, "jili/hexi/s2", "inspect_wiring", "--note", "请派电工"],
            rpc.AskForAssistanceRequest(
                case_id=CASE, unit_id="jili/hexi/s2", task="inspect_wiring", note="请派电工"
            ),
        ),
        (
            ["assist", "ask", CASE, "fire-rescue", "look", "--department"],
            rpc.AskForAssistanceRequest(case_id=CASE, department="fire-rescue", task="look"),
        ),
        (
            ["assist", "answer", CASE, "1", "declined", "--result", "no_electrician", "--text", "没有电工"],
            rpc.AnswerAssistanceRequest(
                case_id=CASE,
                assistance=1,
                answer=hv.ASSISTANCE_ANSWER_DECLINED,
                result="no_electrician",
                text="没有电工",
            ),
        ),
        (["assist", "end", CASE, "1"], rpc.EndAssistanceRequest(case_id=CASE, assistance=1)),
        (["assist", "team", CASE], rpc.GetTeamRequest(case_id=CASE)),
        (
            ["assist", "list", "jili/hexi"],
            rpc.ListAssistancesRequest(unit_id="jili/hexi", page_size=50),
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


def test_an_explanation_says_what_each_step_adds_up_to_and_when_the_holder_is_warned() -> None:
    explained = to_explanation(walk().submit().case, SHANGHAI)
    lines = text.clock(explained.first_contact, running=True).splitlines()
    assert lines[0].startswith("first_contact: due 2026-03-02T06:30")
    assert [line.split()[1:3] for line in lines[1:]] == [
        ["start", "0"],
        ["working_hours", "10800"],
        ["off_hours", "5400"],
        ["working_hours", "3600"],
    ]
    assert lines[-1].endswith(f"→ {text.at(explained.first_contact.due_at)}")
    assert text.clock(explained.clocks[0], running=True).splitlines()[-1].split()[1:] == ["warning", "2"]


def test_a_case_says_who_assists() -> None:
    assisting = rpc.Assistance(number=1, unit_id="jili/hexi", status=rpc.ASSISTANCE_STATUS_ACCEPTED)
    assert "1 jili/hexi accepted" in text.case(rpc.Case(case_id=CASE, assistances=[assisting]))


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


def test_a_call_back_without_an_answer_and_an_answer_of_nobody_are_refused() -> None:
    with terminal_at("call-back", answers, add_RoutingServiceServicer_to_server) as terminal:
        for words in ([CASE, "4"], [CASE, "4", "--solved", "--not-reached"]):
            assert terminal.type(*words).exit_code == 2


def test_a_settled_case_says_who_calls_what_was_answered_and_what_closed_it() -> None:
    case = rpc.Case(
        case_id=CASE,
        call_back=rpc.CallBack(caller_unit_id="jili/hexi", attempts=1, repeats=2),
        answer=rpc.Answer(solved=True, rating=2, way=fu.ANSWER_WAY_RATING),
        review=rpc.Review(number=1),
        closed_by=fu.CLOSED_BY_UNREACHABLE,
    )
    shown = text.case(case)
    for words in (
        "jili/hexi by",
        "1 times not reached, asked of the next 2 times",
        "solved, 2 of 5 (rating)",
        "1 by desk until",
        "unreachable",
    ):
        assert words in shown
