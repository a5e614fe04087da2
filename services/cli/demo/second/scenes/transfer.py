"""移送管辖: the desk moves a case to the unit that it belongs to; history and promised time go along."""

from fengqiao.routing.v1 import routing_service_pb2 as routing
from fengqiao.routing.v1.events_pb2 import MOVE_REASON_TRANSFER, TRANSFER_REASON_OTHER_PLACE, MoveReason
from services.cli.demo.second.days import at
from services.cli.demo.second.matter import submit
from services.cli.demo.second.people import NEIGHBOURS, leader_of
from services.cli.demo.second.scene import Scene

THERE = "jili/taoshu/s1/n1"
OPENS, MOVED, SETTLED = at(7, 27, 9), at(7, 27, 15), at(7, 28, 9)


async def play(scene: Scene) -> None:
    """It was recorded at the wrong neighbourhood, in another village altogether."""
    resident, desk = await scene.town.resident("韩雪", "han.xue@example.org"), scene.town.desk()

    await scene.clock.until(OPENS)
    matter = await submit(scene, resident, "neighbours.noise", "广场舞音响太大", place=NEIGHBOURS)
    before = await matter.until_case()
    scene.tell("submitted")
    scene.check("it starts where it was recorded", before.assignment.unit_id, NEIGHBOURS)

    await scene.clock.until(MOVED)
    there = scene.town.handler(leader_of(THERE), THERE)
    move = routing.TransferCaseRequest(
        case_id=matter.case_id, unit_id=THERE, reason=TRANSFER_REASON_OTHER_PLACE
    )
    scene.check("whoever is to have it can't take it", await there.refused(move), "PERMISSION_DENIED")
    case = (await desk.does(move)).case
    [step] = case.steps
    scene.tell("moved")
    scene.check("it is the other village's", case.assignment.unit_id, THERE)
    reason = MoveReason.Name(step.reason)
    scene.check("the step says why", reason, MoveReason.Name(MOVE_REASON_TRANSFER))
    clocks = (before.due_at, before.clock_due_at)
    scene.check("the promised time went along", (case.due_at, case.clock_due_at), clocks)

    await scene.clock.until(SETTLED)
    await there.does(routing.ResolveCaseRequest(case_id=matter.case_id, outcome="agreed"))
    await matter.rate(4)
    scene.tell("closed")
    await matter.until_happened("CaseReassigned", "CaseResolved", "RequestClosed")
    await matter.ends()
