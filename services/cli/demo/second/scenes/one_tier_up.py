"""再往上走一级: whoever asks to go up goes up; nobody can bury a case at the bottom."""

from fengqiao.common.v1.common_pb2 import TIER_NEIGHBOURHOOD, TIER_SECTION
from fengqiao.intake.v1 import intake_service_pb2 as intake
from fengqiao.routing.v1 import routing_service_pb2 as routing
from fengqiao.routing.v1.events_pb2 import MOVE_REASON_RESIDENT, MoveReason
from services.cli.demo.second.days import at
from services.cli.demo.second.matter import submit
from services.cli.demo.second.people import NEIGHBOURS, SECTION
from services.cli.demo.second.scene import Scene

OPENS, SETTLED = at(7, 27, 9), at(7, 28, 14)


async def play(scene: Scene) -> None:
    """The resident asks at the neighbourhood, is not content, and the section has to take it."""
    sleeper = await scene.town.resident("郑宁", "zheng.ning@example.org")
    section = scene.town.leader(SECTION)

    await scene.clock.until(OPENS)
    matter = await submit(scene, sleeper, "neighbours.noise", "楼上半夜装修")
    case = await matter.until_case()
    scene.tell("submitted")
    scene.check("it starts in the neighbourhood", case.start_tier, TIER_NEIGHBOURHOOD)
    scene.check("the neighbour leader has it", case.assignment.unit_id, NEIGHBOURS)

    wish = intake.RequestEscalationRequest(case_id=matter.case_id, reason="neighbour_leader_is_a_friend")
    await sleeper.does(wish)
    case = await matter.until_case(lambda case: case.steps, "the step up")
    [step] = case.steps
    scene.tell("up")
    scene.check("it went from the neighbourhood …", step.from_unit_id, NEIGHBOURS)
    scene.check("… one tier up, to the section", (step.to_unit_id, step.to_tier), (SECTION, TIER_SECTION))
    reason = MoveReason.Name(step.reason)
    scene.check("the step says that the resident asked", reason, MoveReason.Name(MOVE_REASON_RESIDENT))

    await scene.clock.until(SETTLED)
    await section.does(routing.ResolveCaseRequest(case_id=matter.case_id, outcome="agreed"))
    await matter.rate(4)
    scene.tell("closed")
    await matter.until_happened("EscalationRequested", "CaseEscalated", "RequestClosed")
    await matter.ends()
