"""A petition as its petitioner and the organ see and move it."""

from collections.abc import Callable, Mapping
from typing import Any

from fengqiao.petition.v1 import events_pb2 as events
from fengqiao.petition.v1 import petition_service_pb2 as rpc
from tests.journeys.clients import COMMUNITY, JILI, PATIENCE_S, STREET, Actor, House
from tests.waiting import until

PARTS = {
    "claim": "The wall of the new building leans on ours.",
    "facts_and_reasons": "Measured twice; it leans by four centimetres.",
    "outcome": events.OPINION_OUTCOME_SUPPORTED,
    "legal_basis": "Civil code, on neighbours.",
}


class Petition:
    """One petition, from its submission on."""

    def __init__(self, house: House, kind: str = "petition.claim", site: str = JILI, **fields: Any) -> None:
        """Submits it and waits until petition has it."""
        self.house = house
        self.petitioner = house.resident(site)
        self.officer = house.petition_officer(site=site)
        self.submitted = self.petitioner.submit(kind=kind, title="A petition", **fields)
        self.case_id = self.submitted.case_id
        self.until(rpc.PETITION_STATUS_RECEIVED)

    def get(self, actor: Actor | None = None) -> rpc.Petition:
        """The petition as somebody sees it; its officer if nobody is named."""
        request = rpc.GetPetitionRequest(case_id=self.case_id)
        return (actor or self.officer).call(self.house.petition.GetPetition, request).petition

    def until(self, status: rpc.PetitionStatus.ValueType) -> rpc.Petition:
        """Wait until it has come to a status."""

        def look() -> rpc.Petition | None:
            petition = self.get()
            return petition if petition.status == status else None

        return until(look, PATIENCE_S, f"petition {self.case_id}: {rpc.PetitionStatus.Name(status)}")

    # -- steps -------------------------------------------------------------------------------------------

    def register(
        self, kind: events.PetitionKind.ValueType = events.PETITION_KIND_CLAIM, branch: int = 6, **fields: Any
    ) -> rpc.Petition:
        """What it is."""
        given = {"kind": kind, "branch": branch, "content_code": "urban_construction", **fields}
        return self.order(self.house.petition.RegisterPetition, rpc.RegisterPetitionRequest, **given)

    def route(self, unit_id: str = STREET) -> rpc.Petition:
        """The sub-district keeps it."""
        return self.order(
            self.house.petition.RoutePetition,
            rpc.RoutePetitionRequest,
            manner=events.ROUTE_MANNER_OWN,
            unit_id=unit_id,
        )

    def notify(self) -> rpc.Petition:
        """The petitioner gets the written notice."""
        return self.order(self.house.petition.NotifyReceipt, rpc.NotifyReceiptRequest, manner="post")

    def accept(self) -> rpc.Petition:
        """The matter is accepted."""
        return self.order(self.house.petition.AcceptPetition, rpc.AcceptPetitionRequest)

    def extend(self, days: int) -> rpc.Petition:
        """The organ's head gives more time."""
        return self.order(
            self.house.petition.ExtendDeadline,
            rpc.ExtendDeadlineRequest,
            days=days,
            reason="complex_matter",
            approver_ref="head-of-organ",
        )

    def issue(self, actor: Actor | None = None, **parts: Any) -> rpc.Petition:
        """The opinion; `parts` replace its four."""
        content = rpc.OpinionContent(**{**PARTS, **parts})
        return self.order(
            self.house.petition.IssueOpinion, rpc.IssueOpinionRequest, actor=actor, opinion=content
        )

    def deliver(self) -> rpc.Petition:
        """The petitioner has it."""
        return self.order(self.house.petition.DeliverOpinion, rpc.DeliverOpinionRequest, manner="in_person")

    def reply(self, outcome: str = "suggestion_adopted") -> rpc.Petition:
        """An answer to what needs no opinion."""
        return self.order(self.house.petition.ReplyToPetition, rpc.ReplyToPetitionRequest, outcome=outcome)

    def accepted(self) -> "Petition":
        """Registered, routed, notified and accepted."""
        self.register()
        self.route()
        self.notify()
        self.accept()
        return self

    def order(
        self, method: Callable[..., Any], message: Any, *, actor: Actor | None = None, **fields: Any
    ) -> rpc.Petition:
        """Call a command as the officer, or as somebody else."""
        actor = actor or self.officer
        request = message(meta=actor.meta(), case_id=self.case_id, **fields)
        answer: rpc.Petition = actor.call(method, request).petition
        return answer


class Accusation(Petition):
    """A petition that the unit it is about must never hear of."""

    def __init__(self, house: House, accused: str = COMMUNITY, **fields: Any) -> None:
        """Submits it; an inspector handles it."""
        self.inspector = house.inspector()
        self.accused = accused
        super().__init__(house, "accusation.misconduct", accused_unit_id=accused, **fields)

    def get(self, actor: Actor | None = None) -> rpc.Petition:
        """As the inspector sees it if nobody is named."""
        return super().get(actor or self.inspector)

    def order(
        self, method: Callable[..., Any], message: Any, *, actor: Actor | None = None, **fields: Any
    ) -> rpc.Petition:
        """Call a command as the inspector, or as somebody else."""
        return super().order(method, message, actor=actor or self.inspector, **fields)


def calls_about(house: House, case_id: str) -> Mapping[str, Callable[[Actor], object]]:
    """Every way in which somebody could look at or move an accusation."""
    petition = house.petition
    return {
        "GetPetition": lambda a: a.call(petition.GetPetition, rpc.GetPetitionRequest(case_id=case_id)),
        "ExplainDeadline": lambda a: a.call(
            petition.ExplainDeadline, rpc.ExplainDeadlineRequest(case_id=case_id)
        ),
        "GetRequest": lambda a: a.request(case_id),
        "WatchTimeline": lambda a: a.timeline(case_id),
        "GetCase": lambda a: a.case(case_id),
    }
