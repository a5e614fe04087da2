"""What the commands for screening campaigns say to the services, and what they show of the answers."""

from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf.message import Message

from fengqiao.common.v1.common_pb2 import TIER_NEIGHBOURHOOD, TIER_SECTION
from fengqiao.intake.v1 import intake_service_pb2 as intake
from fengqiao.intake.v1.intake_service_pb2_grpc import add_IntakeServiceServicer_to_server
from fengqiao.routing.v1 import early_warning_events_pb2 as ew
from fengqiao.routing.v1 import routing_service_pb2 as routing
from fengqiao.routing.v1 import screening_events_pb2 as ev
from fengqiao.routing.v1 import screening_service_pb2 as rpc
from fengqiao.routing.v1.routing_service_pb2_grpc import add_RoutingServiceServicer_to_server
from fengqiao.routing.v1.screening_service_pb2_grpc import add_ScreeningServiceServicer_to_server
from tests.kit.terminal import Terminal, terminal_at

NEXT = "next"
LEADING = "--lead works --every 2 --period weeks"
SCREENING = rpc.Screening(
    code="gas-safety",
    unit_code="jili/hexi",
    kinds=["gas.safety"],
    tier=TIER_SECTION,
    repeat_every=3,
    repeat_unit=ev.REPEAT_UNIT_MONTHS,
    status=rpc.SCREENING_STATUS_UNDER_WAY,
    round=2,
    since="2026-03-02",
    until="2026-03-13",
    due_on="2026-03-10",
    times_told=2,
    pieces=[
        rpc.ScreeningPiece(
            unit_code="jili/hexi/s1",
            reported=True,
            visited=61,
            households=64,
            findings=[ev.ScreeningFinding(kind="gas.safety", count=2)],
            cases=1,
            late=True,
        ),
        rpc.ScreeningPiece(unit_code="jili/hexi/s2", overdue=True, households=12),
    ],
    cases=[rpc.ScreeningCase(case_id="c-1", unit_code="jili/hexi/s1/n1", kind="gas.safety")],
    rounds=[
        rpc.ScreeningRound(
            round=1,
            since="2025-12-02",
            until="2025-12-13",
            reported=1,
            visited=60,
            left=[ev.ScreeningLeft(unit_id="jili/hexi/s2", reason="not_reported")],
        )
    ],
)


def answers(request: Message) -> Message:
    name = type(request).__name__.removesuffix("Request")
    if name == "ListScreenings":
        return rpc.ListScreeningsResponse(screenings=[SCREENING], next_page_token=NEXT)
    response: Any = getattr(rpc, f"{name}Response")
    told: Message = response(screening=SCREENING)
    return told


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    with terminal_at("screening", answers, add_ScreeningServiceServicer_to_server) as there:
        yield there


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (
            "plan gas jili/hexi 2026-03-02 2026-03-13 --kind gas.safety --kind fire.hazard",
            rpc.PlanScreeningRequest(
                code="gas",
                unit_code="jili/hexi",
                kinds=["gas.safety", "fire.hazard"],
                tier=TIER_NEIGHBOURHOOD,
                since="2026-03-02",
                until="2026-03-13",
            ),
        ),
        (
            "plan gas jili 2026-03-02 2026-03-13 --kind gas.safety --by section --due 2026-03-10 " + LEADING,
            rpc.PlanScreeningRequest(
                code="gas",
                unit_code="jili",
                kinds=["gas.safety"],
                tier=TIER_SECTION,
                since="2026-03-02",
                until="2026-03-13",
                due_on="2026-03-10",
                lead="works",
                repeat_every=2,
                repeat_unit=ev.REPEAT_UNIT_WEEKS,
            ),
        ),
        (
            "report gas jili/hexi/s1 61 --finding gas.safety=2",
            rpc.ReportScreeningRequest(
                code="gas",
                unit_code="jili/hexi/s1",
                visited=61,
                findings=[ev.ScreeningFinding(kind="gas.safety", count=2)],
            ),
        ),
        (
            "close gas called_off --left jili/hexi/s2=flood --for-good",
            rpc.CloseScreeningRequest(
                code="gas", reasons={"jili/hexi/s2": "flood"}, reason="called_off", for_good=True
            ),
        ),
        ("show gas", rpc.GetScreeningRequest(code="gas")),
        (f"list --limit 7 --page {NEXT}", rpc.ListScreeningsRequest(page_size=7, page_token=NEXT)),
    ],
)
def test_a_command_says_what_was_typed(terminal: Terminal, words: str, expected: Message) -> None:
    assert terminal.type(*words.split()).exit_code == 0
    assert terminal.office.only() == expected


@pytest.mark.parametrize("finding", ["gas.safety", "gas.safety=many"])
def test_a_finding_is_a_kind_and_a_number(terminal: Terminal, finding: str) -> None:
    assert terminal.type("report", "gas", "jili/hexi/s1", "61", "--finding", finding).exit_code != 0


def test_a_campaign_is_shown_with_its_parts_its_cases_and_its_rounds(terminal: Terminal) -> None:
    shown = terminal.type("show", "gas-safety").stdout
    assert "2026-03-02 to 2026-03-13, reports by 2026-03-10" in shown
    assert "jili/hexi/s1: visited 61 of 64, 2 findings, 1 cases, late" in shown
    assert "jili/hexi/s2: overdue, 12 households" in shown
    assert "case c-1: gas.safety at jili/hexi/s1/n1" in shown
    assert (
        "round 1 (2025-12-02 to 2025-12-13): 1 reported, 60 visits, 0 findings; jili/hexi/s2: not_reported"
        in shown
    )


def test_a_list_says_how_to_go_on(terminal: Terminal) -> None:
    shown = terminal.type("list").stdout
    assert "round 2" in shown
    assert f"more: --page {NEXT}" in shown


def test_a_risk_is_taken_in_by_intake_without_a_person() -> None:
    def taken(_request: Message) -> Message:
        return intake.SubmitRequestResponse(case_id="c-1", request_no="JILI-000001")

    with terminal_at("screening", taken, add_IntakeServiceServicer_to_server) as there:
        words = ("risk", "gas", "jili/hexi/s1/n1", "gas.safety", "旧胶管", "--note", "已老化", "--urgent")
        shown = there.type(*words, "--site", "jili").stdout
        asked = there.office.only().request
    assert ("c-1" in shown, "JILI-000001" in shown) == (True, True)
    assert asked == intake.RequestBody(
        site_id="jili",
        kind="gas.safety",
        unit_id="jili/hexi/s1/n1",
        channel="screening",
        title="旧胶管",
        description="已老化",
        urgent=True,
        screening_code="gas",
    )


def test_a_superior_puts_the_end_of_an_early_warning_on_record() -> None:
    case = routing.Case(case_id="c-1", screening_code="gas", lawful_end=ew.LAWFUL_END_NO_RISK)
    case.end_awaited.superior_unit_id = "jili/hexi"

    def taken(_request: Message) -> Message:
        return routing.RecordEndResponse(case=case)

    with terminal_at("screening", taken, add_RoutingServiceServicer_to_server) as there:
        shown = there.type("end", "c-1", "sent-back", "--note", "阀门仍漏").stdout
        asked = there.office.only()
        assert "to be put on record by jili/hexi" in shown
        case.ClearField("end_awaited")
        assert "no_risk" in there.type("end", "c-1", "no-risk").stdout
    expected = routing.RecordEndRequest(case_id="c-1", end=ew.LAWFUL_END_SENT_BACK, note="阀门仍漏")
    assert asked == expected
