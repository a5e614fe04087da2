"""夜市: a temporary unit takes the cases of its place while it lasts."""

import asyncio

from fengqiao.common.v1.common_pb2 import TIER_NEIGHBOURHOOD
from fengqiao.routing.v1 import directory_service_pb2 as directory
from fengqiao.routing.v1 import routing_service_pb2 as routing
from fengqiao.routing.v1.directory_events_pb2 import UNIT_KIND_TEMPORARY
from services.cli.demo.second.days import at
from services.cli.demo.second.matter import submit
from services.cli.demo.second.scene import Scene

MARKET, COVERS, PLACE, WARDEN = "jili/hexi/night-market", "jili/hexi/s2", "jili/hexi/s2/n1", "warden-lin"
OPENS, SUBMITS, SETTLED = at(7, 27, 9), at(7, 27, 20), at(7, 27, 21)
KNOWN_S = 1.2
"""Other processes of routing know what one of them was told within a second."""


async def play(scene: Scene) -> None:
    """The market opens with a warden of its own; what its neighbours complain of is the warden's."""
    resident, desk = await scene.town.resident("谢敏", "xie.min@example.org"), scene.town.desk()

    await scene.clock.until(OPENS)
    market = directory.EstablishUnitRequest(
        code=MARKET, kind=UNIT_KIND_TEMPORARY, until="2026-08-31", covers=[COVERS]
    )
    await desk.does(market)
    await desk.does(directory.NominateLeaderRequest(code=MARKET, person_ref=WARDEN, nominators=12))
    await desk.does(directory.VetLeaderRequest(code=MARKET, person_ref=WARDEN, approved=True))
    await desk.does(directory.AppointLeaderRequest(code=MARKET, person_ref=WARDEN))
    await asyncio.sleep(KNOWN_S)
    scene.tell("opened")

    await scene.clock.until(SUBMITS)
    matter = await submit(scene, resident, "neighbours.noise", "夜市音响太吵", place=PLACE)
    case = await matter.until_case()
    scene.tell("submitted")
    scene.check("the market has it, not the neighbourhood", case.assignment.unit_id, MARKET)
    scene.check("its warden answers", case.assignment.holder_ref, WARDEN)
    scene.check("it starts at the lowest tier", case.start_tier, TIER_NEIGHBOURHOOD)

    await scene.clock.until(SETTLED)
    warden = scene.town.handler(WARDEN, MARKET)
    await warden.does(routing.ResolveCaseRequest(case_id=matter.case_id, outcome="agreed"))
    await matter.rate(5)
    scene.tell("closed")
    await matter.until_happened("CaseResolved", "RequestClosed")
    await matter.ends()
