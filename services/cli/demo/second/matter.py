"""A matter that a resident brought: how the scenes submit it, follow it and bring it to its end."""

from collections.abc import Callable
from dataclasses import dataclass

from fengqiao.intake.v1 import intake_service_pb2 as intake
from fengqiao.mediation.v1 import mediation_service_pb2 as mediation
from fengqiao.notify.v1 import notify_service_pb2 as notify
from fengqiao.petition.v1 import petition_service_pb2 as petition
from fengqiao.routing.v1 import routing_service_pb2 as routing
from services.cli.demo.second.people import NEIGHBOURS, SITE, Person
from services.cli.demo.second.scene import Scene


@dataclass(frozen=True, slots=True)
class Matter:
    """A case as its resident and the desk see it."""

    scene: Scene
    resident: Person
    case_id: str
    request_no: str
    tracking_code: str

    async def case(self) -> routing.Case:
        """The case on the ladder."""
        answer = await self.scene.town.desk().does(routing.GetCaseRequest(case_id=self.case_id))
        case: routing.Case = answer.case
        return case

    async def request(self) -> intake.Request:
        """What the resident asked, and whether it is settled."""
        answer = await self.resident.does(intake.GetRequestRequest(case_id=self.case_id))
        request: intake.Request = answer.request
        return request

    async def timeline(self) -> list[intake.TimelineEntry]:
        """Everything that happened, in all services, as the resident sees it."""
        answers = await self.resident.reads(intake.WatchTimelineRequest(case_id=self.case_id))
        return [answer.entry for answer in answers]

    async def mediation(self, who: Person) -> mediation.Mediation:
        """The mediation as somebody sees it."""
        answer = await who.does(mediation.GetMediationRequest(case_id=self.case_id))
        found: mediation.Mediation = answer.mediation
        return found

    async def petition(self, who: Person) -> petition.Petition:
        """The petition as somebody sees it."""
        answer = await who.does(petition.GetPetitionRequest(case_id=self.case_id))
        found: petition.Petition = answer.petition
        return found

    async def until_case(
        self,
        holds: Callable[[routing.Case], object] = lambda _case: True,
        what: str = "the case on the ladder",
    ) -> routing.Case:
        """Wait until routing has the case and something holds of it."""
        return await self.scene.until(self.case, holds, what)

    async def until_happened(self, *types: str) -> list[intake.TimelineEntry]:
        """Wait until the timeline shows events of all these types (`CaseResolved`); returns it."""
        return await self.scene.until(
            self.timeline,
            lambda entries: set(types) <= {kind_of(entry) for entry in entries},
            f"{', '.join(types)} in the timeline",
            lambda entries: ", ".join(map(kind_of, entries)),
        )

    async def until_settled(self) -> None:
        """Wait until the resident is asked for an answer."""
        await self._until_request(intake.REQUEST_STATUS_SETTLED)

    async def rate(self, stars: int) -> None:
        """The resident says that it is solved: only now is the request closed."""
        await self.until_settled()
        await self.resident.does(intake.RateOutcomeRequest(case_id=self.case_id, rating=stars, solved=True))
        await self._until_request(intake.REQUEST_STATUS_CLOSED)

    async def told(self, who: Person) -> list[notify.Delivery]:
        """The deliveries about this case that somebody may list; a resident's are their own."""
        answer = await who.does(notify.ListDeliveriesRequest(case_id=self.case_id, page_size=500))
        return list(answer.deliveries)

    async def ends(self, *beside: str) -> None:
        """Note for the summary which way the case took; `beside` are the words of a way beside the ladder."""
        case = await self.case()
        first, *others = tier_words(case)
        self.scene.path = (first, *beside, *others)
        self.scene.state = status_word(await self.request())

    async def _until_request(self, status: intake.RequestStatus.ValueType) -> None:
        await self.scene.until(
            self.request,
            lambda request: request.status == status,
            f"the request's {intake.RequestStatus.Name(status)}",
        )


async def submit(
    scene: Scene, resident: Person, kind: str, title: str, *, place: str = NEIGHBOURS, accused: str = ""
) -> Matter:
    """A resident submits online; the answer is a number to follow it by."""
    body = intake.RequestBody(
        site_id=SITE,
        kind=kind,
        unit_id=place,
        channel="online",
        title=title,
        person_ref=resident.ref,
        accused_unit_id=accused,
    )
    answer = await resident.does(intake.SubmitRequestRequest(request=body))
    scene.case_id = answer.case_id
    scene.town.case_ids.append(answer.case_id)
    return Matter(scene, resident, answer.case_id, answer.request_no, answer.tracking_code)


def kind_of(entry: intake.TimelineEntry) -> str:
    """`CaseEscalated` of a timeline's entry."""
    return entry.type.rpartition(".")[2]


def tier_words(case: routing.Case) -> list[str]:
    """The tiers that a case came by, as words of the texts."""
    return [f"tier_{tier}" for tier in (case.start_tier, *(step.to_tier for step in case.steps))]


def status_word(request: intake.Request) -> str:
    """A request's status as a word of the texts."""
    return intake.RequestStatus.Name(request.status).removeprefix("REQUEST_STATUS_").lower()
