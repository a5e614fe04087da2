"""检举控告: what accuses a unit never reaches it; an inspector handles it, the accuser follows it."""

from google.protobuf.message import Message

from fengqiao.intake.v1 import intake_service_pb2 as intake
from fengqiao.petition.v1 import petition_service_pb2 as rpc
from fengqiao.petition.v1.events_pb2 import PETITION_KIND_ACCUSATION, ROUTE_MANNER_OWN
from fengqiao.routing.v1 import routing_service_pb2 as routing
from services.cli.demo.second.days import at
from services.cli.demo.second.matter import Matter, status_word, submit
from services.cli.demo.second.people import COMMUNITY, SITE, STREET, Person
from services.cli.demo.second.scene import Scene

OPENS, LATER = at(7, 27, 9), at(7, 28, 14)
DENIED, UNKNOWN = "PERMISSION_DENIED", "NOT_FOUND"


async def play(scene: Scene) -> None:
    """Submitted against the community; its people look everywhere and find nothing."""
    accuser = await scene.town.resident("匿名居民", "accuser@example.org")
    inspector = scene.town.inspector()

    before = await _on_the_board(scene)
    await scene.clock.until(OPENS)
    matter = await submit(scene, accuser, "accusation.misconduct", "社区干部优亲厚友", accused=COMMUNITY)
    scene.listener = accuser
    found = await scene.until(lambda: matter.petition(inspector), lambda _found: True, "the accusation")
    scene.tell("submitted")
    scene.check("the inspector sees whom it is about", found.reference.accused_unit_id, COMMUNITY)

    await scene.clock.until(LATER)
    await _nobody_else_sees_it(scene, matter)
    await _on_no_list(scene, matter, before)
    scene.tell("hidden")
    await _inspect(matter, inspector)
    await matter.until_settled()
    tracked = await scene.until(
        lambda: accuser.does(intake.TrackRequestRequest(tracking_code=matter.tracking_code)),
        lambda tracked: any(entry.type.endswith(".PetitionReplied") for entry in tracked.entries),
        "the reply under the tracking code",
    )
    scene.holds("the tracking code does not name the accused", COMMUNITY not in str(tracked))
    scene.tell("answered")
    answered = await matter.petition(inspector)
    end = rpc.PetitionStatus.Name(answered.status).removeprefix("PETITION_STATUS_").lower()
    scene.path = ("restricted", end)
    scene.state = status_word(await matter.request())


async def _nobody_else_sees_it(scene: Scene, matter: Matter) -> None:
    """The accused unit's handler, the counter and the command desk get a no wherever they ask."""
    looks: dict[str, Message] = {
        "the request": intake.GetRequestRequest(case_id=matter.case_id),
        "its timeline": intake.WatchTimelineRequest(case_id=matter.case_id),
        "the case": routing.GetCaseRequest(case_id=matter.case_id),
        "the petition": rpc.GetPetitionRequest(case_id=matter.case_id),
        "the list of accusations": rpc.ListPetitionsRequest(unit_id=COMMUNITY, restricted=True),
    }
    town = scene.town
    for who in (town.leader(COMMUNITY), town.clerk(), town.desk()):
        for what, request in looks.items():
            answer = await who.refused(request)
            scene.holds(f"a {who.role} does not see {what}", answer in {DENIED, UNKNOWN})
        told = await matter.told(who)
        scene.check(f"a {who.role} is told nothing of it", [each.template for each in told], [])


async def _on_no_list(scene: Scene, matter: Matter, before: int) -> None:
    """No queue has it, and the board has grown by the other cases alone."""
    desk = scene.town.desk()
    queued = await desk.does(routing.GetQueueRequest(unit_id=STREET, include_below=True, page_size=500))
    known = await desk.does(routing.BatchGetCasesRequest(case_ids=scene.town.case_ids))
    for where, cases in (("queue", queued.cases), ("routing", known.cases)):
        scene.holds(f"it is not in {where}", matter.case_id not in {case.case_id for case in cases})
    scene.check("the board counts the others alone", await _on_the_board(scene) - before, len(known.cases))


async def _on_the_board(scene: Scene) -> int:
    request = routing.WatchBoardRequest(site_id=SITE)
    board = (await scene.town.desk().reads(request))[-1]
    return int(board.not_yet_routed + sum(cell.count for cell in board.cells))


async def _inspect(matter: Matter, inspector: Person) -> None:
    """The inspector takes it through its moments and answers the accuser."""
    case_id = matter.case_id
    for order in (
        rpc.RegisterPetitionRequest(
            case_id=case_id, kind=PETITION_KIND_ACCUSATION, content_code="discipline_inspection"
        ),
        rpc.RoutePetitionRequest(case_id=case_id, manner=ROUTE_MANNER_OWN),
        rpc.NotifyReceiptRequest(case_id=case_id, manner="online"),
        rpc.AcceptPetitionRequest(case_id=case_id),
        rpc.ReplyToPetitionRequest(case_id=case_id, outcome="handed_to_discipline"),
    ):
        await inspector.does(order)
