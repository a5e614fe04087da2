"""夜宵摊的下水道: small matters don't leave the section (小事不出片组)."""

from datetime import datetime

from fengqiao.common.v1.common_pb2 import TIER_SECTION
from fengqiao.routing.v1 import routing_service_pb2 as routing
from services.chassis.protobuf import instant
from services.cli.demo.second import days
from services.cli.demo.second.days import at
from services.cli.demo.second.matter import submit
from services.cli.demo.second.people import SECTION
from services.cli.demo.second.scene import Scene

OPENS, CLEARED = at(7, 27, 9), at(7, 28, 14)
PROMISE_DAYS = 5


def due(opened: datetime) -> datetime:
    """The site's promise: five working days, at the time of day it came."""
    return days.working_days(opened, PROMISE_DAYS)


async def play(scene: Scene) -> None:
    """The stallholder submits, the section takes it on and clears it, the stallholder closes it."""
    stallholder = await scene.town.resident("周敏", "zhou.min@example.org")
    section = scene.town.leader(SECTION)

    await scene.clock.until(OPENS)
    matter = await submit(scene, stallholder, "drain.blocked", "夜宵摊门口的下水道堵了")
    case = await matter.until_case()
    scene.tell("submitted", number=matter.request_no)
    scene.check("it starts at the section", case.start_tier, TIER_SECTION)
    scene.check("the section has it", case.assignment.unit_id, SECTION)
    scene.check("it is due after five working days", instant(case.due_at), due(OPENS))

    await section.does(routing.AcceptCaseRequest(case_id=matter.case_id))
    scene.tell("accepted")

    await scene.clock.until(CLEARED)
    await section.does(routing.ResolveCaseRequest(case_id=matter.case_id, outcome="cleared"))
    scene.tell("settled")

    await matter.rate(5)
    scene.tell("closed")
    case = await matter.case()
    scene.check("it was settled where it started", list(case.steps), [])
    scene.holds("it was in time", not case.overdue)
    await matter.until_happened("CaseAccepted", "CaseResolved", "OutcomeRated", "RequestClosed")
    await matter.ends()
