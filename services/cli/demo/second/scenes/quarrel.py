"""婆媳: a family quarrel to an agreement that both have signed, by a mediator whom both have chosen."""

from fengqiao.mediation.v1 import mediation_service_pb2 as rpc
from fengqiao.mediation.v1.events_pb2 import (
    AGREEMENT_FORM_WRITTEN,
    SIGNER_CAPACITY_COMMITTEE,
    SIGNER_CAPACITY_MEDIATOR,
    SIGNER_CAPACITY_PARTY,
)
from services.chassis.protobuf import instant, timestamp
from services.cli.demo.second import days
from services.cli.demo.second.days import at
from services.cli.demo.second.dispute import Dispute, begin, end_word
from services.cli.demo.second.people import COMMUNITY, Person
from services.cli.demo.second.scene import Scene

OPENS, MEETS = at(7, 27, 9), at(7, 28, 14)
TERM_DAYS = 30
PERFORMED_BY = at(8, 31, 18)
FAMILY = "01"
MEDIATOR = "mediator-peng"


async def play(scene: Scene) -> None:
    """Consent, choice, session, agreement, signatures; then the case is settled and rated."""
    wife = await scene.town.resident("何静", "he.jing@example.org")
    mother = await scene.town.resident("陈玉兰")
    mediator = scene.town.mediator(MEDIATOR)

    await scene.clock.until(OPENS)
    dispute = await begin(scene, (wife, mother), "dispute.family", "婆媳为带孩子的事吵得厉害")
    scene.tell("referred")
    await dispute.open(FAMILY)
    for party in dispute.parties:
        await dispute.consent(party)
    scene.tell("consented")
    await _choose(scene, dispute, mediator)

    await scene.clock.until(MEETS)
    await _meet(dispute, mediator)
    scene.tell("met")
    await _agree(scene, dispute, mediator)
    scene.tell("agreed")

    await dispute.matter.rate(5)
    scene.tell("closed")
    await dispute.matter.until_happened(
        "MediationOpened", "AgreementTookEffect", "CaseResolved", "RequestClosed"
    )
    await dispute.matter.ends("mediation", end_word(await dispute.now()))


async def _choose(scene: Scene, dispute: Dispute, mediator: Person) -> None:
    """Both name the same mediator, who is thereby appointed, and confirms."""
    for party in dispute.parties:
        await dispute.orders(
            party,
            rpc.ChooseMediatorRequest(
                case_id=dispute.case_id, party_ref=party.ref, mediator_ref=mediator.ref
            ),
        )
    confirmed = await dispute.orders(
        mediator, rpc.ConfirmMediatorRequest(case_id=dispute.case_id, accept=True)
    )
    scene.tell("chosen")
    scene.check("the mediator is whom both chose", confirmed.reference.mediator_ref, mediator.ref)
    strict, _ = days.calendar_days(OPENS.date(), TERM_DAYS)
    scene.check("the term is thirty days", days.on(instant(confirmed.clock.due_at)), strict)


async def _meet(dispute: Dispute, mediator: Person) -> None:
    await dispute.orders(
        mediator,
        rpc.ScheduleSessionRequest(case_id=dispute.case_id, at=timestamp(MEETS), manner="in_person"),
    )
    await dispute.orders(
        mediator,
        rpc.RecordSessionRequest(
            case_id=dispute.case_id,
            session=1,
            attended_refs=dispute.refs,
            record="双方各自说了难处；婆婆想帮忙，儿媳想自己做主。",
        ),
    )


async def _agree(scene: Scene, dispute: Dispute, mediator: Person) -> None:
    """An agreement with a term of performance; in force with the last signature, not before."""
    term = rpc.Term(
        text="带孩子的分工写成日程，每周日一起商量下一周。",
        party_ref=dispute.refs[1],
        manner="conduct",
        due_at=timestamp(PERFORMED_BY),
    )
    content = rpc.AgreementContent(facts="双方同住，共同照看一个两岁的孩子。", terms=[term])
    await dispute.orders(
        mediator,
        rpc.ProposeAgreementRequest(case_id=dispute.case_id, form=AGREEMENT_FORM_WRITTEN, content=content),
    )
    signers = [
        *((party, SIGNER_CAPACITY_PARTY, party.ref) for party in dispute.parties),
        (mediator, SIGNER_CAPACITY_MEDIATOR, mediator.ref),
        (dispute.committee, SIGNER_CAPACITY_COMMITTEE, COMMUNITY),
    ]
    in_force = []
    for who, capacity, ref in signers:
        signed = await dispute.orders(
            who, rpc.SignAgreementRequest(case_id=dispute.case_id, capacity=capacity, signer_ref=ref)
        )
        in_force.append(signed.agreement.HasField("in_force_at"))
    scene.check("it is in force with the last signature", in_force, [False, False, False, True])
    ended = await dispute.now()
    scene.check("the mediation ended with the agreement", end_word(ended), "agreement")
    moment = instant(ended.agreement.in_force_at)
    scene.check("on the day of the session", days.on(moment), MEETS.date())
