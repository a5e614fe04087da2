"""中止与延期: clocks stand still only by rule, granted by somebody else; each step is explained."""

from fengqiao.routing.v1 import routing_service_pb2 as routing
from fengqiao.routing.v1.clock_events_pb2 import PAUSE_KIND_EXPERT_APPRAISAL
from services.chassis.protobuf import instant
from services.cli.client import text
from services.cli.demo.second.days import at, working_days
from services.cli.demo.second.matter import submit
from services.cli.demo.second.people import COMMUNITY, STREET, leader_of
from services.cli.demo.second.scene import Scene

OPENS, ASKED, PAUSED, RESUMED, EXTENDED, SETTLED = (
    at(7, 27, 9),
    at(7, 27, 10),
    at(7, 27, 11),
    at(7, 29, 11),
    at(7, 29, 14),
    at(7, 30, 10),
)


async def play(scene: Scene) -> None:
    """A balcony is appraised for two days; then one more working day is granted."""
    resident = await scene.town.resident("董洁", "dong.jie@example.org")
    community = scene.town.handler(leader_of(COMMUNITY), COMMUNITY)
    superior = scene.town.handler(leader_of(STREET), STREET)

    await scene.clock.until(OPENS)
    matter = await submit(scene, resident, "property_management.balcony", "阳台裂缝")
    before = await matter.until_case()
    scene.tell("submitted")

    await scene.clock.until(ASKED)
    ask = routing.AskForPauseRequest(
        case_id=matter.case_id, kind=PAUSE_KIND_EXPERT_APPRAISAL, length=3, note="等房屋鉴定"
    )
    asked = (await community.does(ask)).case
    scene.tell("asked")
    scene.check("asking stops no clock", asked.clock_due_at, before.clock_due_at)
    grant = routing.GrantTimeRequest(case_id=matter.case_id, ask=asked.asked.number)
    scene.check("nobody grants their own pause", await community.refused(grant), "PERMISSION_DENIED")

    await scene.clock.until(PAUSED)
    paused = (await superior.does(grant)).case
    scene.tell("paused")
    scene.holds("no clock of the tier runs", not paused.HasField("clock_due_at"))

    await scene.clock.until(RESUMED)
    resumed = (await community.does(routing.ResumeCaseRequest(case_id=matter.case_id, note="已出报告"))).case
    scene.tell("resumed")
    later = instant(resumed.due_at) - instant(before.due_at)
    scene.check("only the time that it lasted was given", later, RESUMED - PAUSED)

    await scene.clock.until(EXTENDED)
    longer = routing.AskForExtensionRequest(case_id=matter.case_id, length=1, note="等材料")
    asked = (await community.does(longer)).case
    more = routing.GrantTimeRequest(case_id=matter.case_id, ask=asked.asked.number)
    extended = (await superior.does(more)).case
    due = instant(extended.due_at)
    scene.tell("extended", due=f"{due.astimezone(OPENS.tzinfo):%Y-%m-%d %H:%M}")
    scene.check(
        "one working day more", due, working_days(instant(resumed.due_at).astimezone(OPENS.tzinfo), 1)
    )
    far = routing.AskForExtensionRequest(case_id=matter.case_id, length=5, note="再等")
    scene.check("never beyond the cap", await community.refused(far), "INVALID_ARGUMENT")
    explained = await community.does(routing.ExplainDeadlineRequest(case_id=matter.case_id))
    scene.shown = "\n".join(
        text.clock(clock, running=clock.name == explained.running) for clock in explained.clocks
    )

    await scene.clock.until(SETTLED)
    await community.does(routing.ResolveCaseRequest(case_id=matter.case_id, outcome="repaired"))
    await matter.rate(4)
    scene.tell("closed")
    await matter.until_happened("ClocksPaused", "ClocksResumed", "DueTimeExtended", "RequestClosed")
    await matter.ends()
