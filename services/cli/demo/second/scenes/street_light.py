"""路灯: the community hands the work to a department, and stays the one who answers for it."""

import json

from fengqiao.common.v1.common_pb2 import TIER_COMMUNITY
from fengqiao.routing.v1 import routing_service_pb2 as routing
from services.cli.demo.second.days import at
from services.cli.demo.second.matter import Matter, kind_of, submit
from services.cli.demo.second.people import COMMUNITY
from services.cli.demo.second.scene import Scene

OPENS, REPAIRED = at(7, 27, 9), at(7, 29, 10)
SENT, DONE = "work_order_sent", "work_order_done"


async def play(scene: Scene) -> None:
    """The community sends a work order, reports it done, and resolves the case."""
    walker = await scene.town.resident("吴磊", "wu.lei@example.org")
    community = scene.town.leader(COMMUNITY)

    await scene.clock.until(OPENS)
    matter = await submit(scene, walker, "street_light.out", "巷口的路灯不亮")
    case = await matter.until_case()
    scene.tell("submitted")
    scene.check("it starts at the community", case.start_tier, TIER_COMMUNITY)
    scene.check("the community has it", case.assignment.unit_id, COMMUNITY)

    await community.does(routing.AcceptCaseRequest(case_id=matter.case_id))
    await community.does(
        routing.ReportProgressRequest(case_id=matter.case_id, progress=SENT, note="派单至市政照明所")
    )
    scene.tell("sent")

    await scene.clock.until(REPAIRED)
    await community.does(routing.ReportProgressRequest(case_id=matter.case_id, progress=DONE))
    scene.tell("done")
    await community.does(routing.ResolveCaseRequest(case_id=matter.case_id, outcome="repaired"))
    await matter.rate(5)
    scene.tell("closed")
    scene.check("both work orders are on the timeline, in order", await _progress(matter), [SENT, DONE])
    case = await matter.case()
    scene.check("the community kept it to the end", case.assignment.unit_id, COMMUNITY)
    await matter.ends()


async def _progress(matter: Matter) -> list[str]:
    entries = await matter.until_happened("ProgressReported", "RequestClosed")
    return [json.loads(e.data_json)["progress"] for e in entries if kind_of(e) == "ProgressReported"]
