"""按需入驻: a department on call is summoned at night and nobody answers; the desk is told."""

from fengqiao.notify.v1 import notify_service_pb2 as notify
from fengqiao.routing.v1 import roster_service_pb2 as roster
from fengqiao.routing.v1 import routing_service_pb2 as routing
from fengqiao.routing.v1.roster_events_pb2 import ROSTER_MODE_ON_CALL
from services.cli.demo.second.days import at
from services.cli.demo.second.matter import submit
from services.cli.demo.second.people import leader_of
from services.cli.demo.second.scene import Scene

PLACE, VILLAGE = "jili/taoshu/s2/n1", "jili/taoshu"
GAS, FIRST, SECOND = "gas-safety", "gas-officer-1", "gas-officer-2"
PLANNED, OPENS, NEXT, NOBODY, SETTLED = (
    at(7, 27, 9),
    at(7, 27, 20),
    at(7, 27, 20, 16),
    at(7, 27, 20, 32),
    at(7, 27, 21),
)


async def play(scene: Scene) -> None:
    """Two are on call; neither answers within their quarter of an hour."""
    resident, desk = await scene.town.resident("邓丽", "deng.li@example.org"), scene.town.desk()

    await scene.clock.until(PLANNED)
    gas = roster.EstablishDepartmentRequest(code=GAS, mode=ROSTER_MODE_ON_CALL, kinds=["gas.*"])
    await desk.does(gas)
    for each in (FIRST, SECOND):
        await desk.does(roster.PlanDutyRequest(code=GAS, duty_id=each, person_ref=each))

    await scene.clock.until(OPENS)
    matter = await submit(scene, resident, "gas.smell", "楼道里有煤气味", place=PLACE)
    case = await matter.until_case()
    found = await desk.does(roster.FindOnDutyRequest(kind="gas.smell"))
    scene.tell("submitted")
    scene.check("it is urgent, and the village's at once", case.assignment.unit_id, VILLAGE)
    on_duty = [(each.department, tuple(each.person_refs)) for each in found.on_duty]
    scene.check("two are on call at night", on_duty, [(GAS, (FIRST, SECOND))])

    leader = scene.town.handler(leader_of(VILLAGE), VILLAGE)
    given = roster.SummonDepartmentRequest(department=GAS, case_id=matter.case_id)
    summons = (await leader.does(given)).summons
    ask = roster.GetSummonsRequest(summons_id=summons.summons_id)
    scene.tell("summoned")
    scene.check("the first is asked", summons.person_ref, FIRST)

    await scene.clock.until(NEXT)
    summons = (await leader.does(ask)).summons
    scene.tell("passed_on")
    scene.check("after a quarter of an hour the second is", (summons.person_ref, summons.asked), (SECOND, 2))

    await scene.clock.until(NOBODY)
    summons = (await leader.does(ask)).summons
    scene.check("nobody came", summons.status, roster.SUMMONS_STATUS_UNANSWERED)

    async def told() -> set[str]:
        request = notify.ListDeliveriesRequest(case_id=summons.summons_id, page_size=50)
        return {each.recipient_ref for each in (await desk.does(request)).deliveries}

    everybody = {FIRST, SECOND, f"unit:{VILLAGE}", "desk:jili"}
    await scene.until(told, everybody.__le__, "the notices of the summons")
    scene.tell("unanswered")
    after = await matter.case()
    scene.check("its clock runs on", after.clock_due_at, case.clock_due_at)

    await scene.clock.until(SETTLED)
    await leader.does(routing.ResolveCaseRequest(case_id=matter.case_id, outcome="repaired"))
    await matter.rate(4)
    scene.tell("closed")
    await matter.until_happened("AnswererSummoned", "SummonsUnanswered", "CaseResolved", "RequestClosed")
    await matter.ends()
