"""并案与分案: what looks like one matter is joined by a person, and one case parted again."""

from fengqiao.intake.v1 import intake_service_pb2 as intake
from fengqiao.routing.v1 import routing_service_pb2 as routing
from fengqiao.routing.v1.events_pb2 import JOIN_REASON_SAME_MATTER, PART_REASON_DIFFERENT_MATTER
from services.chassis.protobuf import instant
from services.cli.demo.second.days import at
from services.cli.demo.second.matter import submit
from services.cli.demo.second.people import COMMUNITY, leader_of
from services.cli.demo.second.scene import Scene

KIND = "street_light.dark"
OPENS, JOINED, PARTED, SETTLED = at(7, 27, 9), at(7, 27, 11), at(7, 28, 11), at(7, 29, 10)


async def play(scene: Scene) -> None:
    """Two are one matter and settled with one plan; the third was another lamp."""
    desk, leader = scene.town.desk(), scene.town.handler(leader_of(COMMUNITY), COMMUNITY)
    first, second, third = [
        await scene.town.resident(name, f"{mail}@example.org")
        for name, mail in (("彭飞", "peng.fei"), ("曾琴", "zeng.qin"), ("肖亮", "xiao.liang"))
    ]

    await scene.clock.until(OPENS)
    lead = await submit(scene, first, KIND, "幸福路口的路灯不亮")
    same = await submit(scene, second, KIND, "幸福路路口路灯坏了不亮")
    other = await submit(scene, third, KIND, "幸福路小学门口路灯不亮")
    for each in (lead, same, other):
        before = await each.until_case()
    scene.tell("submitted")
    found = (await desk.does(intake.SuggestDuplicatesRequest(case_id=same.case_id))).suggestions
    suggested = {each.request.case_id: each.score for each in found}
    scene.holds("the first is suggested to be the same matter", lead.case_id in suggested)

    await scene.clock.until(JOINED)
    for each in (same, other):
        await desk.does(_join(each.case_id, lead.case_id))
    joined = await other.case()
    scene.tell("joined", score=f"{suggested.get(lead.case_id, 0):.2f}")
    scene.check("it is joined with the first", joined.status, routing.CASE_STATUS_JOINED)
    scene.holds("and no clock of it runs", not joined.HasField("clock_due_at"))
    circle = _join(lead.case_id, same.case_id)
    scene.check("no circle: what leads others joins none", await desk.refused(circle), "INVALID_ARGUMENT")

    await scene.clock.until(PARTED)
    part = routing.PartCaseRequest(
        case_id=other.case_id, reason=PART_REASON_DIFFERENT_MATTER, note="另一盏灯"
    )
    alone = (await desk.does(part)).case
    scene.tell("parted")
    scene.check("the community has it as before", alone.assignment.unit_id, COMMUNITY)
    later = instant(alone.due_at) - instant(before.due_at)
    scene.check("the day that it was joined does not count", later, PARTED - JOINED)

    await scene.clock.until(SETTLED)
    await leader.does(routing.ResolveCaseRequest(case_id=lead.case_id, outcome="repaired"))
    case = await same.until_case(lambda case: case.HasField("resolved_at"), "the joined case's settlement")
    scene.check("the joined case is settled with it", case.status, routing.CASE_STATUS_RESOLVED)
    await leader.does(routing.ResolveCaseRequest(case_id=other.case_id, outcome="repaired"))
    for each in (lead, same, other):
        await each.rate(5)
    scene.tell("closed")
    await other.until_happened("CaseJoined", "CaseParted", "CaseResolved", "RequestClosed")
    await same.until_happened("CaseJoined", "CaseResolved", "RequestClosed")
    await same.ends()


def _join(case_id: str, lead_case_id: str) -> routing.JoinCaseRequest:
    return routing.JoinCaseRequest(case_id=case_id, lead_case_id=lead_case_id, reason=JOIN_REASON_SAME_MATTER)
