"""What the commands for emergencies say to the service, and what they show of its answers."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from google.protobuf.message import Message

from fengqiao.routing.v1 import emergency_events_pb2 as ev
from fengqiao.routing.v1 import emergency_service_pb2 as rpc
from fengqiao.routing.v1.emergency_service_pb2_grpc import add_EmergencyServiceServicer_to_server
from services.chassis.protobuf import timestamp
from tests.kit.terminal import Terminal, terminal_at

NEXT = "next"
ID = "9b1e7c52-3a4d-5f68-8c21-6d0b9f3e7a14"
BEGINS, UNTIL = (timestamp(datetime(2026, 6, day, 1, 5, tzinfo=UTC)) for day in (20, 23))
FLOOD = rpc.Emergency(
    emergency_id=ID,
    unit_code="jili/hexi",
    profile="flood@1",
    begins_at=BEGINS,
    ends_at=UNTIL,
    reason="flood_warning",
    in_force=True,
)


def answers(request: Message) -> Message:
    name = type(request).__name__.removesuffix("Request")
    if name == "ListEmergencies":
        ended = rpc.Emergency(profile="snow@2", ended_at=UNTIL, end=ev.EMERGENCY_END_RAN_OUT)
        return rpc.ListEmergenciesResponse(
            emergencies=[FLOOD, ended], next_page_token=NEXT, profiles=["flood@1", "snow@2"]
        )
    response: Any = getattr(rpc, f"{name}Response")
    told: Message = response(emergency=FLOOD)
    return told


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    with terminal_at("emergency", answers, add_EmergencyServiceServicer_to_server) as there:
        yield there


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (
            "declare flood jili/hexi 2026-06-23T01:05:00Z flood_warning --from 2026-06-20T01:05:00Z",
            rpc.DeclareEmergencyRequest(
                profile="flood",
                unit_code="jili/hexi",
                begins_at=BEGINS,
                until=UNTIL,
                reason="flood_warning",
            ),
        ),
        (
            "declare flood jili/hexi 2026-06-23T01:05:00Z flood_warning",
            rpc.DeclareEmergencyRequest(
                profile="flood", unit_code="jili/hexi", until=UNTIL, reason="flood_warning"
            ),
        ),
        (f"end {ID} water_fell", rpc.EndEmergencyRequest(emergency_id=ID, reason="water_fell")),
        (
            "list --standing --limit 7 --page next",
            rpc.ListEmergenciesRequest(standing=True, page_size=7, page_token=NEXT),
        ),
    ],
)
def test_a_command_says_what_was_typed(terminal: Terminal, words: str, expected: Message) -> None:
    said = terminal.type(*words.split())
    assert said.exit_code == 0, said.output
    assert terminal.office.only() == expected


def test_an_emergency_is_shown_with_its_area_time_and_state(terminal: Terminal) -> None:
    shown = terminal.type("end", ID, "water_fell").stdout
    for told in ("flood@1 (not in the site's files)", "jili/hexi", "2026-06-20", "in force", "flood_warning"):
        assert told in shown


def test_a_list_says_what_has_ended_what_can_be_declared_and_how_to_go_on(terminal: Terminal) -> None:
    shown = terminal.type("list").stdout
    assert "ended" in shown
    assert "profiles: flood@1, snow@2" in shown
    assert "more: --page next" in shown
