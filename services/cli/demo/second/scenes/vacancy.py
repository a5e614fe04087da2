"""岗位空缺: a post falls vacant with a case open; the same day the section has it, and the clock runs on."""

from fengqiao.common.v1.common_pb2 import TIER_SECTION
from fengqiao.routing.v1 import directory_service_pb2 as directory
from fengqiao.routing.v1 import routing_service_pb2 as routing
from fengqiao.routing.v1.directory_events_pb2 import VACANCY_REASON_RESIGNED
from fengqiao.routing.v1.events_pb2 import MOVE_REASON_VACANCY, MoveReason
from services.cli.demo.second.days import at
from services.cli.demo.second.matter import submit
from services.cli.demo.second.people import leader_of
from services.cli.demo.second.scene import Scene

PLACE, ABOVE = "jili/taoshu/s1/n2", "jili/taoshu/s1"
OPENS, RESIGNS, SETTLED = at(7, 27, 9), at(7, 27, 16), at(7, 28, 14)


async def play(scene: Scene) -> None:
    """The leader resigns; the section takes over what they had, and settles it."""
    resident = await scene.town.resident("罗成", "luo.cheng@example.org")

    await scene.clock.until(OPENS)
    matter = await submit(scene, resident, "neighbours.noise", "楼道里堆满纸箱", place=PLACE)
    before = await matter.until_case()
    scene.tell("submitted")
    scene.check("the neighbour leader has it", before.assignment.holder_ref, leader_of(PLACE))

    await scene.clock.until(RESIGNS)
    await scene.town.desk().does(directory.VacatePostRequest(code=PLACE, reason=VACANCY_REASON_RESIGNED))
    case = await matter.until_case(lambda case: case.steps, "the section's case")
    [step] = case.steps
    scene.tell("moved")
    scene.check("it went one tier up, to the section", (step.to_unit_id, step.to_tier), (ABOVE, TIER_SECTION))
    reason = MoveReason.Name(step.reason)
    scene.check("the step says that the post is vacant", reason, MoveReason.Name(MOVE_REASON_VACANCY))
    scene.check("its clock runs on", (case.clock_due_at, case.due_at), (before.clock_due_at, before.due_at))

    await scene.clock.until(SETTLED)
    section = scene.town.handler(leader_of(ABOVE), ABOVE)
    await section.does(routing.ResolveCaseRequest(case_id=matter.case_id, outcome="agreed"))
    await matter.rate(4)
    scene.tell("closed")
    await matter.until_happened("CaseReassigned", "CaseResolved", "RequestClosed")
    await matter.ends()
