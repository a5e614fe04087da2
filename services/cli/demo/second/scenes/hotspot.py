"""同类问题研判: more of one kind comes in at one place than before, and the place is named."""

from datetime import timedelta

from fengqiao.routing.v1 import analysis_service_pb2 as analysis
from fengqiao.routing.v1 import routing_service_pb2 as routing
from services.cli.demo.second.days import at
from services.cli.demo.second.matter import Matter, submit
from services.cli.demo.second.people import STREET, Person, leader_of
from services.cli.demo.second.scene import Scene

KIND, PLACE = "rubbish.heap", "jili/taoshu/s1/n1"
OPENS, WEEK, BEFORE, MANY = at(7, 27, 10), timedelta(days=7), 8, 6
WINDOW = OPENS + BEFORE * WEEK
LOOKED, LAST_DAY = WINDOW + timedelta(days=5), (WINDOW + timedelta(days=6)).date()


async def play(scene: Scene) -> None:
    """One heap of rubbish a week for eight weeks, then six in one."""
    resident = await scene.town.resident("冯涛", "feng.tao@example.org")
    leader = scene.town.handler(leader_of(PLACE), PLACE)

    for week in range(BEFORE):
        await scene.clock.until(OPENS + week * WEEK)
        await _cleared(await _heap(scene, resident), leader)
    scene.tell("before", weeks=str(BEFORE))
    for day in range(MANY):
        await scene.clock.until(WINDOW + timedelta(days=day, hours=1) if day < MANY - 1 else LOOKED)
        matter = await _heap(scene, resident)
        await _cleared(matter, leader)
    scene.tell("many", many=str(MANY))

    seen: analysis.ListHotspotsResponse = await scene.until(
        lambda: leader_sees(scene), lambda seen: any(h.kind == KIND for h in seen.hotspots), "the hotspot"
    )
    spot = next(h for h in seen.hotspots if h.kind == KIND)
    scene.tell("named", chance=f"{spot.p_value:.4f}", expected=f"{spot.expected:.1f}")
    scene.check("the smallest place that holds it is named", spot.unit_code, PLACE)
    scene.check("with what came in", spot.count, MANY)
    scene.check("against one a week before", round(spot.expected, 1), 1.0)
    scene.holds(
        "it stands out after adjusting for all that was tested", spot.adjusted <= seen.false_alarm_rate
    )
    await matter.ends()


async def leader_sees(scene: Scene) -> analysis.ListHotspotsResponse:
    """What the sub-district's look at a week shows."""
    look = analysis.ListHotspotsRequest(unit_code=STREET, window_days=WEEK.days, day=LAST_DAY.isoformat())
    found: analysis.ListHotspotsResponse = await scene.town.desk().does(look)
    return found


async def _heap(scene: Scene, resident: Person) -> Matter:
    return await submit(scene, resident, KIND, "垃圾成堆", place=PLACE)


async def _cleared(matter: Matter, leader: Person) -> None:
    await matter.until_case()
    await leader.does(routing.ResolveCaseRequest(case_id=matter.case_id, outcome="cleared"))
    await matter.rate(4)
