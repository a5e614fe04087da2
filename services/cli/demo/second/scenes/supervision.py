"""督办: a superior orders a unit to act; unanswered it goes higher, and it ends with an answer in writing."""

from datetime import timedelta

from fengqiao.routing.v1 import routing_service_pb2 as routing
from fengqiao.routing.v1.events_pb2 import ORDER_REASON_NO_PROGRESS
from services.chassis.protobuf import instant
from services.cli.demo.second.days import at, working_days
from services.cli.demo.second.matter import submit
from services.cli.demo.second.people import COMMUNITY, STREET, leader_of
from services.cli.demo.second.scene import Scene

OPENS, ORDERED = at(7, 27, 9), at(7, 27, 10)
DUE = working_days(ORDERED, 3)
UNANSWERED = DUE + timedelta(minutes=1)
"""At the very instant an answer would still be in time."""
ANSWERED, JUDGED, SETTLED = at(7, 30, 11), at(7, 30, 15), at(7, 30, 17)


async def play(scene: Scene) -> None:
    """The sub-district orders; after three working days without an answer the desk sees to it."""
    resident, desk = await scene.town.resident("曹军", "cao.jun@example.org"), scene.town.desk()
    community = scene.town.handler(leader_of(COMMUNITY), COMMUNITY)
    superior = scene.town.handler(leader_of(STREET), STREET)

    await scene.clock.until(OPENS)
    matter = await submit(scene, resident, "property_management.lift", "电梯停运一周")
    before = await matter.until_case()
    scene.tell("submitted")

    await scene.clock.until(ORDERED)
    given = routing.OrderSupervisionRequest(case_id=matter.case_id, reason=ORDER_REASON_NO_PROGRESS)
    scene.check("nobody orders themselves", await community.refused(given), "PERMISSION_DENIED")
    order = (await superior.does(given)).case.order
    scene.tell("ordered")
    scene.check("to be answered in three working days", instant(order.clock.due_at), DUE)

    await scene.clock.until(UNANSWERED)
    case = await matter.until_case(lambda case: case.order.repeats, "the order again")
    scene.tell("repeated")
    scene.check("now the desk sees to it", (case.order.repeats, case.order.orderer_unit_id), (1, ""))

    await scene.clock.until(ANSWERED)
    answer = routing.AnswerSupervisionRequest(
        case_id=matter.case_id,
        order=case.order.number,
        result="repair_begun",
        text="维保单位已进场，今日恢复。",
    )
    await community.does(answer)
    scene.tell("answered")

    await scene.clock.until(JUDGED)
    judged = routing.JudgeAnswerRequest(
        case_id=matter.case_id, order=case.order.number, judgement=routing.JUDGEMENT_ACCEPTED
    )
    scene.check("nobody judges their own answer", await community.refused(judged), "PERMISSION_DENIED")
    case = (await desk.does(judged)).case
    scene.tell("judged")
    scene.holds("the order has ended", not case.HasField("order"))
    clocks = (before.due_at, before.clock_due_at)
    scene.check("the case's own clocks never moved", (case.due_at, case.clock_due_at), clocks)

    await scene.clock.until(SETTLED)
    await community.does(routing.ResolveCaseRequest(case_id=matter.case_id, outcome="repaired"))
    await matter.rate(3)
    scene.tell("closed")
    await matter.until_happened(
        "SupervisionOrdered", "SupervisionRepeated", "SupervisionAnswered", "AnswerAccepted", "RequestClosed"
    )
    await matter.ends()
