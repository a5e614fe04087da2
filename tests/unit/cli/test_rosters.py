"""What the roster commands say to the service, and what they show of its answers."""

from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf.message import Message

from fengqiao.routing.v1 import directory_events_pb2 as directory
from fengqiao.routing.v1 import roster_events_pb2 as ev
from fengqiao.routing.v1 import roster_service_pb2 as rpc
from fengqiao.routing.v1.roster_service_pb2_grpc import add_RosterServiceServicer_to_server
from tests.kit.terminal import Terminal, terminal_at

NEXT = "next"
HOURS = ev.Hours(opens="08:30", closes="12:00")
DEPARTMENT = rpc.Department(
    code="fire-rescue",
    mode=ev.ROSTER_MODE_ROTATING,
    kinds=["fire_hazard"],
    hours=HOURS,
    days=directory.Days(since="2026-03-02"),
    duties=[
        rpc.Duty(
            duty_id="mon",
            person_ref="p-1",
            weekdays=[1],
            hours=HOURS,
            days=directory.Days(since="2026-03-02", until="2026-06-01"),
        )
    ],
    holes=[rpc.Hole(day="2026-03-03", hours=HOURS)],
)
SUMMONS = rpc.Summons(
    summons_id="s-1", department="fire-rescue", status=rpc.SUMMONS_STATUS_WAITING, person_ref="p-1", asked=1
)


def answers(request: Message) -> Message:
    name = type(request).__name__.removesuffix("Request")
    if name == "ListDepartments":
        return rpc.ListDepartmentsResponse(departments=[DEPARTMENT], next_page_token=NEXT)
    if name == "FindOnDuty":
        return rpc.FindOnDutyResponse(
            on_duty=[rpc.OnDuty(department="fire-rescue", mode=ev.ROSTER_MODE_ON_CALL)]
        )
    response: Any = getattr(rpc, f"{name}Response")
    told: Message = response(summons=SUMMONS) if "Summon" in name else response(department=DEPARTMENT)
    return told


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    with terminal_at("roster", answers, add_RosterServiceServicer_to_server) as there:
        yield there


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (
            "establish fire-rescue on_call fire_hazard flood --answer-within 600 --hours 08:30-12:00",
            rpc.EstablishDepartmentRequest(
                code="fire-rescue",
                mode=ev.ROSTER_MODE_ON_CALL,
                kinds=["fire_hazard", "flood"],
                answer_within_s=600,
                hours=HOURS,
            ),
        ),
        (
            "close fire-rescue --on 2026-05-01",
            rpc.CloseDepartmentRequest(code="fire-rescue", on="2026-05-01"),
        ),
        (
            "plan fire-rescue mon p-1 --weekday 1 --weekday 3 --until 2026-05-01",
            rpc.PlanDutyRequest(
                code="fire-rescue", duty_id="mon", person_ref="p-1", weekdays=[1, 3], until="2026-05-01"
            ),
        ),
        ("cancel fire-rescue mon", rpc.CancelDutyRequest(code="fire-rescue", duty_id="mon")),
        ("show fire-rescue", rpc.GetDepartmentRequest(code="fire-rescue")),
        (f"list --limit 7 --page {NEXT}", rpc.ListDepartmentsRequest(page_size=7, page_token=NEXT)),
        ("duty fire_hazard", rpc.FindOnDutyRequest(kind="fire_hazard")),
        ("summon fire-rescue c-1", rpc.SummonDepartmentRequest(department="fire-rescue", case_id="c-1")),
        ("answer s-1 p-1", rpc.AnswerSummonsRequest(summons_id="s-1", person_ref="p-1", accept=True)),
        ("answer s-1 p-1 --decline", rpc.AnswerSummonsRequest(summons_id="s-1", person_ref="p-1")),
        ("withdraw s-1", rpc.WithdrawSummonsRequest(summons_id="s-1")),
        ("summons s-1", rpc.GetSummonsRequest(summons_id="s-1")),
    ],
)
def test_a_command_says_what_was_typed(terminal: Terminal, words: str, expected: Message) -> None:
    assert terminal.type(*words.split()).exit_code == 0
    assert terminal.office.only() == expected


def test_a_moment_is_sent_as_it_was_typed(terminal: Terminal) -> None:
    assert terminal.type("duty", "fire_hazard", "--at", "2026-03-02T10:00:00+08:00").exit_code == 0
    assert terminal.office.asked[0].at.ToJsonString() == "2026-03-02T02:00:00Z"


def test_hours_that_are_none_are_refused_before_anything_is_asked(terminal: Terminal) -> None:
    refused = terminal.type("plan", "fire-rescue", "mon", "p-1", "--hours", "0830")
    assert refused.exit_code == 2
    assert terminal.office.asked == []


def test_a_department_is_shown_with_its_roster_and_when_nobody_is_on_duty(terminal: Terminal) -> None:
    shown = terminal.type("show", "fire-rescue").stdout
    assert "mon: p-1 on 1 08:30-12:00 until 2026-06-01" in shown
    assert "nobody on duty" in shown
    assert "2026-03-03 08:30-12:00" in shown


def test_a_kind_without_anybody_on_duty_says_so(terminal: Terminal) -> None:
    assert "nobody" in terminal.type("duty", "fire_hazard").stdout


def test_a_list_says_how_to_go_on(terminal: Terminal) -> None:
    assert f"more: --page {NEXT}" in terminal.type("list").stdout
