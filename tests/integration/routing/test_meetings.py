"""Joint meetings by gRPC on a real store: agenda, minutes, tasks that are told of until done, closure."""

import asyncio
from datetime import timedelta
from typing import Any

import grpc
import pytest

from fengqiao.routing.v1 import meeting_events_pb2 as ev
from fengqiao.routing.v1 import meeting_service_pb2 as rpc
from fengqiao.routing.v1 import roster_events_pb2 as rosters
from services.chassis.record import SHARDS
from services.chassis.sweeper import Catchup
from services.routing.domain.meetings.meeting import EVENTS
from services.routing.domain.meetings.tasks import digest_of
from tests.integration.routing.conftest import DESK, NEIGHBOURS, SECTION, TOP, VILLAGE, House, meta
from tests.kit.edge import Who

LEADER = Who("handler", (SECTION,), "p-s1")
VILLAGERS = Who("supervisor", (VILLAGE,), "p-hexi")
STRANGER = Who("supervisor", ("jili/hedong",), "p-stranger")
WORDS, TODO = "议定：夜间不施工。", "张贴告示。"
ON, DUE = "2026-03-02", "2026-03-04"


async def fire(house: House) -> None:
    await house.base.sweeper(Catchup()).fire(range(SHARDS))


async def called(house: House, **more: Any) -> rpc.Meeting:
    await house.settled()
    await house.following.fresh()
    for code in ("works", "fire-rescue"):
        await house.call(
            "EstablishDepartment", code=code, mode=rosters.ROSTER_MODE_ROTATING, kinds=["noise.street"]
        )
    given: dict[str, Any] = {"unit_code": TOP, "on": ON, "units": [VILLAGE], "departments": ["works"], **more}
    meeting: rpc.Meeting = (await house.call("CallMeeting", **given)).meeting
    return meeting


async def tasked(house: House) -> str:
    """A meeting with a case in the minutes, and a task of the section; its id."""
    meeting_id = (await called(house)).meeting_id
    case_id = await house.case_at(NEIGHBOURS)
    item: dict[str, Any] = {"meeting_id": meeting_id, "item_id": "1"}
    await house.call("PutOnAgenda", case_id=case_id, lead="works", assisting=["fire-rescue"], **item)
    await house.call("RecordMinutes", text=WORDS, **item)
    await house.call("AssignMeetingTask", task_id="a", unit_code=SECTION, due_on=DUE, text=TODO, **item)
    return meeting_id


async def shown(house: House, meeting_id: str, who: Who = DESK) -> rpc.Meeting:
    meeting: rpc.Meeting = (await house.call("GetMeeting", who, meeting_id=meeting_id)).meeting
    return meeting


async def test_from_the_agenda_to_the_closure(house: House) -> None:
    meeting_id = await tasked(house)
    there = await shown(house, meeting_id)
    [item], [task] = there.items, there.tasks
    assert (item.request_no, item.lead, list(item.assisting)) == ("JILI-1", "works", ["fire-rescue"])
    assert (item.minutes, item.minutes_number) == (WORDS, 1)
    assert (task.unit_code, task.due_on, task.text, task.overdue) == (SECTION, DUE, TODO, False)
    refused = await house.refusal("CloseMeeting", meeting_id=meeting_id)
    assert refused.fields == ["tasks.a: open"]
    await house.call("FinishMeetingTask", LEADER, meeting_id=meeting_id, task_id="a", outcome="posted")
    closed = (await house.call("CloseMeeting", meeting_id=meeting_id)).meeting
    assert closed.status == rpc.MEETING_STATUS_CLOSED
    assert house.broker.types(EVENTS) == [
        "MeetingCalled",
        "AgendaItemAdded",
        "MinutesRecorded",
        "MeetingTaskAssigned",
        "MeetingTaskDone",
        "MeetingClosed",
    ]


async def test_no_word_of_minutes_or_tasks_leaves_the_store_by_an_event(house: House) -> None:
    await tasked(house)
    sent = [record for record in house.broker.sent if record.topic == EVENTS]
    assert not [record for record in sent if WORDS.encode() in record.value or TODO.encode() in record.value]
    assert ev.MinutesRecorded.FromString(sent[2].value).digest == digest_of(WORDS)


async def test_what_is_overdue_is_told_each_working_day_and_by_two_sweepers_once(house: House) -> None:
    meeting_id = await tasked(house)
    house.clock.move(timedelta(days=2, hours=16))
    await asyncio.gather(fire(house), fire(house))
    assert house.broker.types(EVENTS).count("MeetingTaskOverdue") == 1
    house.clock.move(timedelta(days=1))
    await fire(house)
    [task] = (await shown(house, meeting_id)).tasks
    assert (task.overdue, task.times_told) == (True, 2)
    given: dict[str, Any] = {"meeting_id": meeting_id, "task_id": "a"}
    await house.call("LeaveMeetingTaskOpen", reason="awaits_budget", **given)
    house.clock.move(timedelta(days=4))
    await fire(house)
    [task] = (await shown(house, meeting_id)).tasks
    assert (task.overdue, task.times_told, task.outcome) == (False, 2, "awaits_budget")
    assert (await house.call("CloseMeeting", meeting_id=meeting_id)).meeting.revision


async def test_a_meeting_that_nobody_held_is_told_to_the_desk(house: House) -> None:
    meeting_id = (await called(house)).meeting_id
    house.clock.move(timedelta(days=1))
    await fire(house)
    assert house.broker.types(EVENTS) == ["MeetingCalled", "MeetingMissed"]
    cancelled = await house.call("CancelMeeting", meeting_id=meeting_id, reason="matter_settled")
    assert cancelled.meeting.reason == "matter_settled"


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({"unit_code": "jili/nowhere"}, "unit_code: not_standing"),
        ({"due_on": "2026-03-01"}, "due_on: before_the_meeting"),
        ({"due_on": ON}, "due_on: not_after_today"),
        ({"due_on": "2026-02-30"}, "due_on: no_such_day"),
        ({"task_id": "a"}, "task_id: twice"),
        ({"item_id": "7"}, "item_id: no_such_item"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_task_that_is_wrong_is_refused_by_its_field(
    house: House, given: dict[str, Any], wrong: str
) -> None:
    meeting_id = await tasked(house)
    before = await shown(house, meeting_id)
    usual: dict[str, Any] = {
        "item_id": "1",
        "task_id": "b",
        "unit_code": SECTION,
        "due_on": DUE,
        "text": TODO,
    }
    refused = await house.refusal("AssignMeetingTask", meeting_id=meeting_id, **{**usual, **given})
    assert (refused.code, refused.fields) == (grpc.StatusCode.INVALID_ARGUMENT, [wrong])
    assert await shown(house, meeting_id) == before


async def test_a_task_of_a_unit_that_was_closed_is_refused(house: House) -> None:
    meeting_id = await tasked(house)
    await house.call("ReleaseHouseholds", code=NEIGHBOURS, households=["h-1", "h-2"])
    await house.call("CloseUnit", code=NEIGHBOURS)
    given: dict[str, Any] = {
        "meeting_id": meeting_id,
        "item_id": "1",
        "task_id": "b",
        "due_on": DUE,
        "text": TODO,
    }
    refused = await house.refusal("AssignMeetingTask", unit_code=NEIGHBOURS, **given)
    assert refused.fields == ["unit_code: not_standing"]


async def test_a_call_names_each_who_does_not_stand(house: House) -> None:
    await called(house)
    refused = await house.refusal(
        "CallMeeting", unit_code=TOP, on=ON, units=[VILLAGE, "jili/x"], departments=["nobody", "works"]
    )
    assert refused.fields == ["departments[0]: not_standing", "units[1]: not_standing"]


async def test_an_item_twice_is_refused(house: House) -> None:
    meeting_id = (await called(house)).meeting_id
    given: dict[str, Any] = {
        "meeting_id": meeting_id,
        "kind": "noise.street",
        "unit_code": VILLAGE,
        "lead": "works",
    }
    await house.call("PutOnAgenda", item_id="1", **given)
    for item_id, wrong in (("1", "item_id: twice"), ("2", "kind: twice")):
        assert (await house.refusal("PutOnAgenda", item_id=item_id, **given)).fields == [wrong]


async def test_who_takes_part_sees_all_who_has_a_task_sees_it_and_a_stranger_nothing(house: House) -> None:
    meeting_id = await tasked(house)
    assert (await shown(house, meeting_id, VILLAGERS)).items[0].minutes == WORDS
    theirs = await shown(house, meeting_id, LEADER)
    assert (theirs.items[0].minutes, theirs.tasks[0].text) == ("", TODO)
    refused = await house.refusal("GetMeeting", STRANGER, meeting_id=meeting_id)
    assert refused.code is grpc.StatusCode.PERMISSION_DENIED
    for who in (VILLAGERS, STRANGER):
        refused = await house.refusal("CloseMeeting", who, meeting_id=meeting_id)
        assert refused.code is grpc.StatusCode.PERMISSION_DENIED
    elsewhere = Who("handler", ("jili/hedong",), "p-x")
    done: dict[str, Any] = {"meeting_id": meeting_id, "task_id": "a", "outcome": "posted"}
    refused = await house.refusal("FinishMeetingTask", elsewhere, **done)
    assert refused.code is grpc.StatusCode.PERMISSION_DENIED
    assert (await house.refusal("GetMeeting", meeting_id="none")).code is grpc.StatusCode.PERMISSION_DENIED
    assert (await house.call("ListMeetings", STRANGER)).meetings == []


async def test_an_order_is_answered_alike_on_every_retry(house: House) -> None:
    key = meta()
    first = await called(house, meta=key)
    given: dict[str, Any] = {"unit_code": TOP, "on": ON, "units": [VILLAGE], "departments": ["works"]}
    again = (await house.call("CallMeeting", meta=key, **given)).meeting
    assert again.meeting_id == first.meeting_id
    item: dict[str, Any] = {"meeting_id": first.meeting_id, "item_id": "1"}
    second = meta()
    await house.call("PutOnAgenda", kind="noise.street", unit_code=VILLAGE, lead="works", **item)
    one = await house.call("RecordMinutes", meta=second, text=WORDS, **item)
    house.clock.move(timedelta(minutes=1))
    assert await house.call("RecordMinutes", meta=second, text=WORDS, **item) == one


async def test_meetings_are_listed_by_day_page_by_page_without_texts(house: House) -> None:
    await tasked(house)
    for day in ("2026-03-20", "2026-03-10"):
        await house.call("CallMeeting", unit_code=TOP, on=day, units=[VILLAGE])
    first = await house.call("ListMeetings", page_size=2)
    rest = await house.call("ListMeetings", page_size=2, page_token=first.next_page_token)
    found = [each for page in (first, rest) for each in page.meetings]
    assert [each.on for each in found] == [ON, "2026-03-10", "2026-03-20"]
    assert not found[0].items[0].minutes
    later = await house.call("ListMeetings", since="2026-03-10")
    assert [each.on for each in later.meetings] == ["2026-03-10", "2026-03-20"]
