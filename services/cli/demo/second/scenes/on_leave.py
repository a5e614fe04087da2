"""邻长请假: whoever stands in for a leader has their cases, and the resident waits no longer for it."""

from fengqiao.routing.v1 import directory_service_pb2 as directory
from fengqiao.routing.v1 import routing_service_pb2 as routing
from services.cli.demo.second.days import at
from services.cli.demo.second.matter import submit
from services.cli.demo.second.people import leader_of
from services.cli.demo.second.scene import Scene

PLACE, SUBSTITUTE = "jili/taoshu/s1/n1", "substitute-he"
OPENS, LEAVES, SETTLED = at(7, 27, 9), at(7, 27, 15), at(7, 28, 9)


async def play(scene: Scene) -> None:
    """The leader goes on leave with a case in hand; the substitute settles it."""
    resident = await scene.town.resident("韩雪", "han.xue@example.org")
    substitute = scene.town.handler(SUBSTITUTE, PLACE)

    await scene.clock.until(OPENS)
    matter = await submit(scene, resident, "neighbours.noise", "隔壁深夜打麻将", place=PLACE)
    before = await matter.until_case()
    scene.tell("submitted")
    scene.check("the neighbour leader has it", before.assignment.holder_ref, leader_of(PLACE))

    await scene.clock.until(LEAVES)
    leave = directory.GrantLeaveRequest(code=PLACE, until="2026-08-03", substitute_ref=SUBSTITUTE)
    await scene.town.desk().does(leave)
    case = await matter.until_case(
        lambda case: case.assignment.holder_ref == SUBSTITUTE, "the substitute's case"
    )
    scene.tell("handed_over")
    scene.check("it is still the neighbourhood's", case.assignment.unit_id, PLACE)
    scene.check("its clock runs on", case.clock_due_at, before.clock_due_at)

    await scene.clock.until(SETTLED)
    await substitute.does(routing.ResolveCaseRequest(case_id=matter.case_id, outcome="agreed"))
    await matter.rate(5)
    scene.tell("closed")
    await matter.until_happened("CaseReassigned", "CaseResolved", "RequestClosed")
    await matter.ends()
