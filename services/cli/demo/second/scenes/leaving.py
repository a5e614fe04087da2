"""邻里纠纷: mediation is voluntary; whoever leaves loses nothing, and the case goes on one tier up."""

from functools import partial

from fengqiao.common.v1.common_pb2 import TIER_SUB_DISTRICT
from fengqiao.mediation.v1 import mediation_service_pb2 as rpc
from fengqiao.routing.v1 import routing_service_pb2 as routing
from fengqiao.routing.v1.events_pb2 import MOVE_REASON_REFERRAL_ENDED, MoveReason
from services.chassis.protobuf import instant
from services.cli.demo.second import days
from services.cli.demo.second.days import at
from services.cli.demo.second.dispute import Dispute, begin, end_word
from services.cli.demo.second.matter import kind_of
from services.cli.demo.second.people import STREET
from services.cli.demo.second.scene import Scene

OPENS, SETTLED = at(7, 27, 9), at(7, 29, 10)
PROMISE_DAYS = 5
NEIGHBOURS_DISPUTE = "02"
OPEN_WAYS = {"arbitration", "litigation"}


async def play(scene: Scene) -> None:
    """One consents, the other leaves; the sub-district takes it with fresh clocks, and both are told."""
    asker = await scene.town.resident("林海", "lin.hai@example.org")
    neighbour = await scene.town.resident("冯涛", "feng.tao@example.org")

    await scene.clock.until(OPENS)
    dispute = await begin(scene, (asker, neighbour), "dispute.neighbour", "邻居的围墙占了过道")
    await dispute.open(NEIGHBOURS_DISPUTE)
    await dispute.consent(asker)
    scene.tell("consented")
    ended = await dispute.orders(
        neighbour, rpc.RefuseMediationRequest(case_id=dispute.case_id, party_ref=neighbour.ref)
    )
    scene.tell("left")
    scene.check("it ended because a party left", end_word(ended), "party_unwilling")
    scene.holds("other ways stay open", set(ended.other_ways) >= OPEN_WAYS)
    await _one_tier_up(scene, dispute)
    await _both_are_told(scene, dispute)

    await scene.clock.until(SETTLED)
    street = scene.town.leader(STREET)
    await street.does(routing.ResolveCaseRequest(case_id=dispute.case_id, outcome="boundary_measured"))
    await dispute.matter.until_settled()
    scene.tell("settled")
    await dispute.matter.ends("mediation", end_word(ended))


async def _one_tier_up(scene: Scene, dispute: Dispute) -> None:
    """The sub-district has it, and its clock starts anew."""
    case = await dispute.matter.until_case(lambda case: case.steps, "the step up")
    [step] = case.steps
    scene.tell("up")
    reason = MoveReason.Name(step.reason)
    scene.check("it went on", reason, MoveReason.Name(MOVE_REASON_REFERRAL_ENDED))
    scene.check("to the sub-district", (step.to_unit_id, step.to_tier), (STREET, TIER_SUB_DISTRICT))
    scene.check("on the ladder again", case.status, routing.CASE_STATUS_ASSIGNED)
    fresh = days.working_days(OPENS, PROMISE_DAYS)
    scene.check("its clock began afresh", instant(case.clock_due_at), fresh)


async def _both_are_told(scene: Scene, dispute: Dispute) -> None:
    entries = await dispute.matter.until_happened("MediationEnded")
    [end] = [entry.event_id for entry in entries if kind_of(entry) == "MediationEnded"]
    for party in dispute.parties:
        await scene.until(
            partial(dispute.matter.told, party),
            lambda deliveries: any(each.about_event_id == end for each in deliveries),
            "news of the end to both parties",
        )
    scene.tell("told")
