"""What the commands for joint meetings say to the service, and what they show of its answers."""

from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf.message import Message

from fengqiao.routing.v1 import meeting_service_pb2 as rpc
from fengqiao.routing.v1.meeting_service_pb2_grpc import add_MeetingServiceServicer_to_server
from tests.kit.terminal import Terminal, terminal_at

NEXT = "next"
MEETING = rpc.Meeting(
    meeting_id="m-1",
    unit_code="jili",
    on="2026-03-05",
    status=rpc.MEETING_STATUS_HELD,
    units=["jili/hexi"],
    departments=["works"],
    items=[
        rpc.AgendaItem(
            item_id="1", kind="noise.street", unit_code="jili/hexi", lead="works", assisting=["fire-rescue"]
        )
    ],
    tasks=[
        rpc.MeetingTask(
            task_id="1-a",
            item_id="1",
            unit_code="jili/hexi",
            due_on="2026-03-13",
            status=rpc.MEETING_TASK_STATUS_OPEN,
            overdue=True,
            times_told=2,
            text="装隔音屏",
        )
    ],
)


def answers(request: Message) -> Message:
    name = type(request).__name__.removesuffix("Request")
    if name == "ListMeetings":
        return rpc.ListMeetingsResponse(meetings=[MEETING], next_page_token=NEXT)
    response: Any = getattr(rpc, f"{name}Response")
    told: Message = response(meeting=MEETING)
    return told


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    with terminal_at("meeting", answers, add_MeetingServiceServicer_to_server) as there:
        yield there


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (
            "call jili 2026-03-05 --invite jili/hexi --department works",
            rpc.CallMeetingRequest(
                unit_code="jili", on="2026-03-05", units=["jili/hexi"], departments=["works"]
            ),
        ),
        (
            "agenda m-1 1 works --case c-1 --assist fire-rescue",
            rpc.PutOnAgendaRequest(
                meeting_id="m-1", item_id="1", lead="works", case_id="c-1", assisting=["fire-rescue"]
            ),
        ),
        (
            "agenda m-1 2 works --kind noise.street --place jili/hexi",
            rpc.PutOnAgendaRequest(
                meeting_id="m-1", item_id="2", lead="works", kind="noise.street", unit_code="jili/hexi"
            ),
        ),
        ("minutes m-1 1 议定", rpc.RecordMinutesRequest(meeting_id="m-1", item_id="1", text="议定")),
        (
            "task m-1 1 1-a jili/hexi 2026-03-13 装隔音屏",
            rpc.AssignMeetingTaskRequest(
                meeting_id="m-1",
                item_id="1",
                task_id="1-a",
                unit_code="jili/hexi",
                due_on="2026-03-13",
                text="装隔音屏",
            ),
        ),
        (
            "done m-1 1-a repaired",
            rpc.FinishMeetingTaskRequest(meeting_id="m-1", task_id="1-a", outcome="repaired"),
        ),
        (
            "leave-open m-1 1-a awaits_budget",
            rpc.LeaveMeetingTaskOpenRequest(meeting_id="m-1", task_id="1-a", reason="awaits_budget"),
        ),
        ("close m-1", rpc.CloseMeetingRequest(meeting_id="m-1")),
        ("cancel m-1 settled", rpc.CancelMeetingRequest(meeting_id="m-1", reason="settled")),
        ("show m-1", rpc.GetMeetingRequest(meeting_id="m-1")),
        (
            f"list --since 2026-03-01 --limit 7 --page {NEXT}",
            rpc.ListMeetingsRequest(since="2026-03-01", page_size=7, page_token=NEXT),
        ),
    ],
)
def test_a_command_says_what_was_typed(terminal: Terminal, words: str, expected: Message) -> None:
    assert terminal.type(*words.split()).exit_code == 0
    assert terminal.office.only() == expected


def test_a_meeting_is_shown_with_what_it_took_up_and_what_is_overdue(terminal: Terminal) -> None:
    shown = terminal.type("show", "m-1").stdout
    assert "item 1: noise.street at jili/hexi; works leads, with fire-rescue; no minutes" in shown
    assert "task 1-a: jili/hexi by 2026-03-13: open, overdue, told 2 times; 装隔音屏" in shown


def test_a_list_says_how_to_go_on(terminal: Terminal) -> None:
    shown = terminal.type("list").stdout
    assert "1 tasks open" in shown
    assert f"more: --page {NEXT}" in shown
