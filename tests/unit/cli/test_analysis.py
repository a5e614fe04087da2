"""What `fengqiao hotspots` says to the service, and what it shows of the answer."""

from collections.abc import Iterator

import pytest
from google.protobuf.message import Message

from fengqiao.routing.v1 import analysis_service_pb2 as rpc
from fengqiao.routing.v1.analysis_service_pb2_grpc import add_AnalysisServiceServicer_to_server
from tests.kit.terminal import Terminal, terminal_at

FOUND = rpc.ListHotspotsResponse(
    hotspots=[
        rpc.Hotspot(
            unit_code="jili/hexi", kind="noise.street", count=9, expected=1.25, p_value=1e-5, adjusted=2e-4
        )
    ],
    since="2026-02-24",
    until="2026-03-02",
    compared_since="2025-12-30",
    tested=20,
    false_alarm_rate=0.05,
)


@pytest.fixture
def answers() -> list[rpc.ListHotspotsResponse]:
    return [FOUND]


@pytest.fixture
def terminal(answers: list[rpc.ListHotspotsResponse]) -> Iterator[Terminal]:
    def answer(_request: Message) -> Message:
        return answers[-1]

    with terminal_at("hotspots", answer, add_AnalysisServiceServicer_to_server) as there:
        yield there


def test_weeks_are_sent_as_days(terminal: Terminal) -> None:
    assert terminal.type("jili", "--weeks", "2", "--day", "2026-03-02").exit_code == 0
    expected = rpc.ListHotspotsRequest(unit_code="jili", window_days=14, day="2026-03-02")
    assert terminal.office.only() == expected


def test_what_stands_out_is_shown_with_how_often_that_is_chance(terminal: Terminal) -> None:
    shown = terminal.type("jili").stdout
    assert "jili/hexi  noise.street  9         1.2       1.0e-05  2.0e-04" in shown
    assert "2026-02-24 to 2026-03-02, compared with the days since 2025-12-30; 20 pairs tested" in shown
    assert "false alarms in 5% of all looks at most" in shown


def test_indicators_are_shown_with_what_they_are_of() -> None:
    units = [
        rpc.UnitIndicators(
            unit_code="jili",
            turns=4,
            answered=3,
            response_rate=0.75,
            due=2,
            resolved=1,
            resolution_rate=0.5,
            answers=2,
            satisfied=1,
            satisfaction_rate=0.5,
            unanswered=3,
        ),
        rpc.UnitIndicators(unit_code="jili/hexi", withdrawn=1),
    ]

    def answer(_request: Message) -> Message:
        return rpc.GetIndicatorsResponse(units=units)

    with terminal_at("indicators", answer, add_AnalysisServiceServicer_to_server) as there:
        shown = there.type("jili", "2026-03-01", "2026-03-31").stdout
        expected = rpc.GetIndicatorsRequest(unit_code="jili", since="2026-03-01", until="2026-03-31")
        assert there.office.only() == expected
    assert "3 of 4 = 75.0%  1 of 2 = 50.0%  1 of 2 = 50.0%  3          0          0" in shown
    assert "jili/hexi  0 of 0          0 of 0          0 of 0          0          1" in shown


def test_nothing_and_too_little_are_told_apart(
    terminal: Terminal, answers: list[rpc.ListHotspotsResponse]
) -> None:
    answers.append(rpc.ListHotspotsResponse(tested=3))
    assert "nothing stands out" in terminal.type("jili").stdout
    answers.append(rpc.ListHotspotsResponse(too_little_known=True, since="2026-02-24"))
    assert terminal.type("jili").stdout == "too little is known before 2026-02-24 to compare with\n"
