"""退回与裁定: a case that its unit says is not its own; the superior of both rules."""

from datetime import datetime

from fengqiao.routing.v1 import routing_service_pb2 as routing
from fengqiao.routing.v1.events_pb2 import RETURN_REASON_OTHER_PLACE, RULING_GOES
from services.chassis.protobuf import instant
from services.cli.demo.second.days import at, working_days
from services.cli.demo.second.matter import submit
from services.cli.demo.second.people import COMMUNITY, NEIGHBOURS, leader_of
from services.cli.demo.second.scene import Scene

FIRST, OTHER = "jili/hexi/s1", "jili/hexi/s2"
OPENS, RETURNED, RULED, SETTLED = at(7, 27, 9), at(7, 27, 14), at(7, 27, 17), at(7, 28, 10)


async def play(scene: Scene) -> None:
    """The first section says it is the second's; the community, above both, agrees."""
    resident = await scene.town.resident("唐燕", "tang.yan@example.org")
    first = scene.town.handler(leader_of(FIRST), FIRST)
    superior = scene.town.handler(leader_of(COMMUNITY), COMMUNITY)

    await scene.clock.until(OPENS)
    matter = await submit(scene, resident, "drain.blocked", "两片交界处的下水道堵塞", place=NEIGHBOURS)
    before = await matter.until_case()
    scene.tell("submitted")
    scene.check("the first section has it", before.assignment.unit_id, FIRST)

    await scene.clock.until(RETURNED)
    ask = routing.ReturnCaseRequest(
        case_id=matter.case_id,
        reason=RETURN_REASON_OTHER_PLACE,
        proposed_unit_id=OTHER,
        note="在第二片组辖区",
    )
    case = (await first.does(ask)).case
    scene.tell("returned")
    scene.check("it stays with the first section until it is ruled on", case.assignment.unit_id, FIRST)
    scene.check("the community, above both, rules", case.returned.superior_unit_id, COMMUNITY)
    scene.check("within one working day", instant(case.returned.rule_by), working_days(RETURNED, 1))
    scene.check("no clock has moved", _clocks(case), _clocks(before))
    ruling = routing.RuleOnReturnRequest(case_id=matter.case_id, ruling=RULING_GOES, unit_id=OTHER)
    scene.check("the first section can't rule on it", await first.refused(ruling), "PERMISSION_DENIED")

    await scene.clock.until(RULED)
    case = (await superior.does(ruling)).case
    scene.tell("ruled")
    scene.check("the second section has it", case.assignment.unit_id, OTHER)
    scene.check("and has it with the same clock", _clocks(case), _clocks(before))

    await scene.clock.until(SETTLED)
    second = scene.town.handler(leader_of(OTHER), OTHER)
    await second.does(routing.ResolveCaseRequest(case_id=matter.case_id, outcome="repaired"))
    await matter.rate(5)
    scene.tell("closed")
    await matter.until_happened("CaseReturned", "ReturnRuled", "CaseReassigned", "RequestClosed")
    await matter.ends()


def _clocks(case: routing.Case) -> tuple[datetime, datetime]:
    return instant(case.due_at), instant(case.clock_due_at)
