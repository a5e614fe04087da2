"""A mediation as its parties, its mediator and its committee see and move it."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from fengqiao.mediation.v1 import events_pb2 as events
from fengqiao.mediation.v1 import mediation_service_pb2 as rpc
from services.chassis.clock import process_time
from services.chassis.protobuf import timestamp
from tests.journeys.clients import COMMUNITY, JILI, PATIENCE_S, Actor, House
from tests.waiting import until

MEDIATOR = "mediator-peng"


class Dispute:
    """A quarrel of two, from its submission on; the first party is the one who submitted it."""

    def __init__(self, house: House, kind: str = "dispute.family", site: str = JILI) -> None:
        """Submits it and waits until mediation has it."""
        self.house = house
        self.parties = [house.resident(site), house.resident(site)]
        self.leader = house.leader(COMMUNITY, site)
        self.mediator = house.mediator(MEDIATOR, site)
        self.submitted = self.parties[0].submit(kind=kind, title="A quarrel")
        self.case_id = self.submitted.case_id
        self.until(rpc.MEDIATION_STATUS_RECEIVED)

    @property
    def refs(self) -> list[str]:
        """The parties' references."""
        return [party.subject for party in self.parties]

    def get(self, actor: Actor | None = None) -> rpc.Mediation:
        """The mediation as somebody sees it; the committee's leader if nobody is named."""
        request = rpc.GetMediationRequest(case_id=self.case_id)
        return (actor or self.leader).call(self.house.mediation.GetMediation, request).mediation

    def until(self, status: rpc.MediationStatus.ValueType) -> rpc.Mediation:
        """Wait until it has come to a status."""

        def look() -> rpc.Mediation | None:
            mediation = self.get()
            return mediation if mediation.status == status else None

        return until(look, PATIENCE_S, f"mediation {self.case_id}: {rpc.MediationStatus.Name(status)}")

    # -- steps -------------------------------------------------------------------------------------------

    def open(self) -> rpc.Mediation:
        """The committee names the parties."""
        return self._order(
            self.leader,
            self.house.mediation.OpenMediation,
            rpc.OpenMediationRequest,
            party_refs=self.refs,
            dispute_type="01",
        )

    def consent(self, party: Actor) -> rpc.Mediation:
        """A party consents for itself."""
        return self._order(
            party,
            self.house.mediation.GiveConsent,
            rpc.GiveConsentRequest,
            party_ref=party.subject,
            manner="online",
        )

    def refuse(self, party: Actor) -> rpc.Mediation:
        """A party does not want it, or leaves."""
        return self._order(
            party, self.house.mediation.RefuseMediation, rpc.RefuseMediationRequest, party_ref=party.subject
        )

    def choose(self, party: Actor, ref: str = MEDIATOR) -> rpc.Mediation:
        """A party names the mediator it wants."""
        return self._order(
            party,
            self.house.mediation.ChooseMediator,
            rpc.ChooseMediatorRequest,
            party_ref=party.subject,
            mediator_ref=ref,
        )

    def confirm(self, mediator: Actor | None = None, **answer: Any) -> rpc.Mediation:
        """The mediator takes it on, or declines."""
        return self._order(
            mediator or self.mediator,
            self.house.mediation.ConfirmMediator,
            rpc.ConfirmMediatorRequest,
            **(answer or {"accept": True}),
        )

    def schedule(self) -> rpc.Mediation:
        """A session is fixed for now."""
        return self._order(
            self.mediator,
            self.house.mediation.ScheduleSession,
            rpc.ScheduleSessionRequest,
            at=timestamp(process_time()),
            manner="in_person",
        )

    def record(self, record: str = "Both told their side.") -> rpc.Mediation:
        """The first session is recorded."""
        return self._order(
            self.mediator,
            self.house.mediation.RecordSession,
            rpc.RecordSessionRequest,
            session=1,
            attended_refs=self.refs,
            record=record,
        )

    def propose(
        self,
        form: events.AgreementForm.ValueType = events.AGREEMENT_FORM_WRITTEN,
        *,
        due_at: datetime | None = None,
        without_term: bool = False,
        text: str = "Meals are cooked in turns.",
    ) -> rpc.Mediation:
        """The mediator writes down what they agree on."""
        term = rpc.Term(text=text, party_ref=self.refs[1], manner="apology")
        if not without_term:
            term.due_at.CopyFrom(timestamp(due_at or process_time() + timedelta(days=7)))
        return self._order(
            self.mediator,
            self.house.mediation.ProposeAgreement,
            rpc.ProposeAgreementRequest,
            form=form,
            content=rpc.AgreementContent(facts="They live together.", terms=[term]),
        )

    def sign(
        self,
        actor: Actor,
        capacity: events.SignerCapacity.ValueType = events.SIGNER_CAPACITY_PARTY,
        ref: str = "",
    ) -> rpc.Mediation:
        """Somebody signs."""
        return self._order(
            actor,
            self.house.mediation.SignAgreement,
            rpc.SignAgreementRequest,
            capacity=capacity,
            signer_ref=ref or actor.subject,
        )

    def sign_all(self) -> rpc.Mediation:
        """Parties and mediator sign, the committee seals."""
        for party in self.parties:
            self.sign(party)
        self.sign(self.mediator, events.SIGNER_CAPACITY_MEDIATOR)
        return self.sign(self.leader, events.SIGNER_CAPACITY_COMMITTEE, COMMUNITY)

    def end(self, reason: events.EndReason.ValueType) -> rpc.Mediation:
        """The mediator ends it."""
        return self._order(
            self.mediator, self.house.mediation.EndMediation, rpc.EndMediationRequest, reason=reason
        )

    # -- ways --------------------------------------------------------------------------------------------

    def consented(self) -> "Dispute":
        """Opened, and both have consented."""
        self.open()
        for party in self.parties:
            self.consent(party)
        return self

    def mediating(self) -> "Dispute":
        """Under way with the mediator whom both want."""
        self.consented()
        for party in self.parties:
            self.choose(party)
        self.confirm()
        return self

    def agreed(self) -> "Dispute":
        """An agreement is in force."""
        self.mediating()
        self.schedule()
        self.record()
        self.propose()
        self.sign_all()
        return self

    def _order(self, actor: Actor, method: Callable[..., Any], message: Any, **fields: Any) -> rpc.Mediation:
        request = message(meta=actor.meta(), case_id=self.case_id, **fields)
        answer: rpc.Mediation = actor.call(method, request).mediation
        return answer
