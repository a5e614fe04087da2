"""信访: a claim to its written opinion; three moments, each with its clock, and at last it is final."""

from fengqiao.petition.v1 import petition_service_pb2 as rpc
from fengqiao.petition.v1.events_pb2 import (
    OPINION_OUTCOME_SUPPORTED,
    PETITION_KIND_CLAIM,
    ROUTE_MANNER_OWN,
)
from fengqiao.routing.v1.events_pb2 import TRACK_PETITION
from services.chassis.protobuf import instant
from services.cli.demo.second import days
from services.cli.demo.second.days import at
from services.cli.demo.second.matter import Matter, kind_of, submit
from services.cli.demo.second.people import STREET, Person
from services.cli.demo.second.scene import Scene

ARRIVES, ACCEPTED, ANSWERED, PAST = at(7, 27, 9), at(8, 3, 9), at(9, 4, 10), at(10, 9, 9)
OPINION_DAYS, REVIEW_DAYS = 60, 30
OPINION_BRANCH = 6
OPINION = rpc.OpinionContent(
    claim="请求查清新楼基坑施工造成的墙体开裂并修复。",
    facts_and_reasons="经两次测量，裂缝宽四毫米，与施工时间吻合。",
    outcome=OPINION_OUTCOME_SUPPORTED,
    legal_basis="《民法典》第二百九十五条。",
)


async def play(scene: Scene) -> None:
    """Received, registered, routed, notified, accepted, answered in writing; after thirty days final."""
    petitioner = await scene.town.resident("许芳", "xu.fang@example.org")
    officer = scene.town.officer()

    await scene.clock.until(ARRIVES)
    matter = await submit(scene, petitioner, "petition.claim", "旁边工地施工，我家墙裂了")
    await _register(scene, matter, officer)

    await scene.clock.until(ACCEPTED)
    await officer.does(rpc.NotifyReceiptRequest(case_id=matter.case_id, manner="post"))
    accepted = (await officer.does(rpc.AcceptPetitionRequest(case_id=matter.case_id))).petition
    strict, rolled = days.calendar_days(ACCEPTED.date(), OPINION_DAYS)
    _check_clock(scene, accepted, "p4", (days.end_of(strict), days.end_of(rolled)))
    scene.tell("accepted", strict=strict.isoformat(), rolled=rolled.isoformat())

    await scene.clock.until(ANSWERED)
    await officer.does(rpc.IssueOpinionRequest(case_id=matter.case_id, opinion=OPINION))
    delivered = rpc.DeliverOpinionRequest(case_id=matter.case_id, manner="in_person")
    answered = (await officer.does(delivered)).petition
    strict, rolled = days.calendar_days(ANSWERED.date(), REVIEW_DAYS)
    _check_clock(scene, answered, "p6", (days.end_of(strict), days.end_of(rolled)))
    scene.tell("answered", review=rolled.isoformat())
    await _read(scene, matter)
    await matter.until_settled()

    await scene.clock.until(PAST)
    final = await matter.petition(officer)
    scene.check("nobody asked for a review: it is final", final.status, rpc.PETITION_STATUS_FINAL)
    entries = await matter.until_happened("PetitionReceived", "ReceiptNotified", "OpinionBecameFinal")
    [became] = [instant(e.occurred_at) for e in entries if kind_of(e) == "OpinionBecameFinal"]
    scene.check("since the very end of its last day", became, days.end_of(rolled))
    scene.tell("final")
    await matter.ends(
        "petition", rpc.PetitionStatus.Name(final.status).removeprefix("PETITION_STATUS_").lower()
    )


async def _register(scene: Scene, matter: Matter, officer: Person) -> None:
    """The sub-district's petition office registers it and keeps it."""
    case = await matter.until_case()
    scene.check("it is on the way of petitions", case.track, TRACK_PETITION)
    scene.check("the sub-district answers for it", case.assignment.unit_id, STREET)
    await scene.until(
        lambda: matter.petition(officer),
        lambda found: found.status == rpc.PETITION_STATUS_RECEIVED,
        "the petition",
    )
    scene.tell("received")
    await officer.does(
        rpc.RegisterPetitionRequest(
            case_id=matter.case_id,
            kind=PETITION_KIND_CLAIM,
            branch=OPINION_BRANCH,
            content_code="urban_construction",
        )
    )
    await officer.does(
        rpc.RoutePetitionRequest(case_id=matter.case_id, manner=ROUTE_MANNER_OWN, unit_id=STREET)
    )
    scene.tell("registered")


async def _read(scene: Scene, matter: Matter) -> None:
    """The petitioner has the opinion with its four parts, and the three moments stand apart."""
    shown = await matter.petition(matter.resident)
    scene.check("the petitioner reads all four parts", shown.opinion, OPINION)
    moments = [instant(moment) for moment in (shown.received_at, shown.notified_at, shown.accepted_at)]
    scene.check("received, notified and accepted stand apart", moments, [ARRIVES, ACCEPTED, ACCEPTED])
    scene.check("no duty was late", list(shown.overdue), [])


def _check_clock(scene: Scene, petition: rpc.Petition, name: str, expected: tuple[object, object]) -> None:
    """A clock runs, with the dates that were reckoned anew."""
    found = [(instant(c.due_at), instant(c.rolled_due_at)) for c in petition.clocks if c.name == name]
    scene.check(f"{name} ends at its strict and its rolled date", found, [expected])
