"""联席会议: an agenda item has a lead and a dated task; closed when that is done."""

from fengqiao.routing.v1 import meeting_service_pb2 as meetings
from fengqiao.routing.v1 import roster_service_pb2 as roster
from fengqiao.routing.v1.roster_events_pb2 import ROSTER_MODE_ROTATING
from services.cli.demo.second.days import at
from services.cli.demo.second.people import COMMUNITY, STREET, leader_of
from services.cli.demo.second.scene import Scene

LEAD, ASSISTING = "city-management", "traffic-police"
CALLED, HELD, OVERDUE, DONE = at(7, 27, 9), at(7, 29, 15), at(8, 4, 9, 30), at(8, 4, 16)
DUE_ON = "2026-08-03"
ITEM, TASK = "parking", "lines"


async def play(scene: Scene) -> None:
    """Cars in the fire lane: two departments, one task, told of when it is late."""
    desk = scene.town.desk()
    community = scene.town.handler(leader_of(COMMUNITY), COMMUNITY)

    await scene.clock.until(CALLED)
    for code in (LEAD, ASSISTING):
        known = roster.EstablishDepartmentRequest(code=code, mode=ROSTER_MODE_ROTATING, kinds=["parking.*"])
        await desk.does(known)
    called = meetings.CallMeetingRequest(
        unit_code=STREET, on=HELD.date().isoformat(), units=[COMMUNITY], departments=[LEAD, ASSISTING]
    )
    meeting_id = (await desk.does(called)).meeting.meeting_id
    scene.case_id = meeting_id
    item = meetings.PutOnAgendaRequest(
        meeting_id=meeting_id,
        item_id=ITEM,
        kind="parking.fire_lane",
        unit_code=COMMUNITY,
        lead=LEAD,
        assisting=[ASSISTING],
    )
    await desk.does(item)
    scene.tell("called")

    await scene.clock.until(HELD)
    minutes = meetings.RecordMinutesRequest(meeting_id=meeting_id, item_id=ITEM, text="划线，装隔离桩。")
    await desk.does(minutes)
    task = meetings.AssignMeetingTaskRequest(
        meeting_id=meeting_id,
        task_id=TASK,
        item_id=ITEM,
        unit_code=COMMUNITY,
        due_on=DUE_ON,
        text="消防通道划线。",
    )
    await desk.does(task)
    scene.tell("held", due=DUE_ON)
    close = meetings.CloseMeetingRequest(meeting_id=meeting_id)
    scene.holds("it can't be closed with a task open", await desk.refused(close))

    await scene.clock.until(OVERDUE)

    async def look() -> meetings.Meeting:
        answer = await community.does(meetings.GetMeetingRequest(meeting_id=meeting_id))
        found: meetings.Meeting = answer.meeting
        return found

    meeting = await scene.until(look, lambda found: found.tasks[0].times_told, "the reminder")
    scene.tell("overdue")
    scene.check(
        "it is overdue, and was told of once",
        (meeting.tasks[0].overdue, meeting.tasks[0].times_told),
        (True, 1),
    )

    await scene.clock.until(DONE)
    done = meetings.FinishMeetingTaskRequest(meeting_id=meeting_id, task_id=TASK, outcome="lines_painted")
    await community.does(done)
    closed = (await desk.does(close)).meeting
    scene.tell("closed")
    scene.check("the meeting is closed", closed.status, meetings.MEETING_STATUS_CLOSED)
    scene.state = "closed"
