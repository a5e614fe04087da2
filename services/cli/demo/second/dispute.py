"""A dispute of two people before the mediation committee: what the scenes of mediation have in common."""

from dataclasses import dataclass

from google.protobuf.message import Message

from fengqiao.mediation.v1 import mediation_service_pb2 as rpc
from fengqiao.mediation.v1.events_pb2 import EndReason
from fengqiao.routing.v1 import routing_service_pb2 as routing
from fengqiao.routing.v1.events_pb2 import TRACK_MEDIATION
from services.cli.demo.second.matter import Matter, submit
from services.cli.demo.second.people import COMMUNITY, Person
from services.cli.demo.second.scene import Scene


@dataclass(frozen=True, slots=True)
class Dispute:
    """The matter, its two parties (the first of them brought it), and the committee that mediates."""

    matter: Matter
    parties: tuple[Person, Person]
    committee: Person

    @property
    def refs(self) -> list[str]:
        """The parties' references."""
        return [party.ref for party in self.parties]

    @property
    def case_id(self) -> str:
        """The case."""
        return self.matter.case_id

    async def now(self) -> rpc.Mediation:
        """The mediation as the committee sees it."""
        return await self.matter.mediation(self.committee)

    async def open(self, dispute_type: str) -> None:
        """The committee names the parties; each is asked for consent."""
        await self.orders(
            self.committee,
            rpc.OpenMediationRequest(case_id=self.case_id, party_refs=self.refs, dispute_type=dispute_type),
        )

    async def consent(self, party: Person) -> None:
        """A party consents, for nobody but itself."""
        await self.orders(
            party, rpc.GiveConsentRequest(case_id=self.case_id, party_ref=party.ref, manner="online")
        )

    async def orders(self, who: Person, request: Message) -> rpc.Mediation:
        """Somebody moves the mediation; returns how it stands then."""
        answer = await who.does(request)
        mediation: rpc.Mediation = answer.mediation
        return mediation


async def begin(scene: Scene, parties: tuple[Person, Person], kind: str, title: str) -> Dispute:
    """The first party submits it; it is referred to mediation at once, and the community answers for it."""
    matter = await submit(scene, parties[0], kind, title)
    case = await matter.until_case()
    scene.check("it is referred at once", case.status, routing.CASE_STATUS_REFERRED)
    scene.check("to mediation", case.track, TRACK_MEDIATION)
    scene.check("its community stays responsible", case.assignment.unit_id, COMMUNITY)
    dispute = Dispute(matter, parties, scene.town.leader(COMMUNITY))
    await scene.until(
        dispute.now, lambda found: found.status == rpc.MEDIATION_STATUS_RECEIVED, "the mediation"
    )
    return dispute


def end_word(mediation: rpc.Mediation) -> str:
    """How a mediation ended, as a word of the texts."""
    return EndReason.Name(mediation.end_reason).removeprefix("END_REASON_").lower()
