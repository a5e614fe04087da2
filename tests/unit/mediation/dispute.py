"""A small sub-district with four mediators, and a dispute in mediation without broker or store."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self
from zoneinfo import ZoneInfo

from fengqiao.mediation.v1 import events_pb2 as ev
from fengqiao.routing.v1.events_pb2 import TRACK_MEDIATION, Assignment, CaseReference, CaseReferred
from fengqiao.routing.v1.events_pb2 import ReferralRecalled as Recalled
from services import mediation
from services.chassis import terms
from services.chassis.calendar import DATA, FileCalendar
from services.chassis.site import Site
from services.mediation import domain
from services.mediation.domain import REFERRALS, Committee, Dispute
from services.mediation.rules import Mediator, Rules
from services.mediation.store import model
from tests.kit.walking import Walking

ZONE = ZoneInfo("Asia/Shanghai")
OPENED = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
STREET, HEXI, TAOSHU = "jili", "jili/hexi", "jili/taoshu"
MOTHER, DAUGHTER, STRANGER = "p-mother", "p-daughter", "p-stranger"
PENG, ZHOU, TAN, HE = "m-peng", "m-zhou", "m-tan", "m-he"
SHIPPED = terms.read_rules(Path(mediation.__file__).with_name("rules.yaml"))
TERM = domain.Term("Meals in turns.", DAUGHTER, "apology", OPENED + timedelta(days=60))


def rules(*mediators: Mediator, **profile: Any) -> Rules:
    """Two committees with mediators of their own, and one above; `profile` is what site.yaml adds."""
    site = Site(
        "jili",
        ZONE,
        FileCalendar(DATA / "cn_holidays"),
        replay=False,
        locale="zh-CN",
        folder=Path(),
        profile=profile,
    )
    listed = mediators or (
        Mediator(PENG, HEXI),
        Mediator(ZHOU, HEXI),
        Mediator(TAN, TAOSHU),
        Mediator(HE, STREET),
    )
    return Rules(site, terms.rules_of(site, SHIPPED), listed)


class Walk(Walking[Dispute]):
    """A dispute that messages are sent to."""

    def __init__(self, given: Rules | None = None) -> None:
        self.rules = given or rules()
        self.committee = Committee({"jili": self.rules})
        self.cells = domain.table(self.committee)
        super().__init__(model(self.committee), OPENED)

    def refer(self, referral: int = 1, unit_id: str = HEXI) -> Self:
        event = CaseReferred(
            case=CaseReference(request_no="JILI-000001", site_id="jili", person_ref=MOTHER),
            track=TRACK_MEDIATION,
            referral=referral,
            kind="dispute.family",
            assignment=Assignment(unit_id=unit_id),
        )
        self.hear(REFERRALS, event)
        return self

    def recall(self, wish: str, referral: int = 1) -> Self:
        self.hear(REFERRALS, Recalled(track=TRACK_MEDIATION, referral=referral, wish=wish))
        return self

    def order(self, command: object, at: datetime | None = None) -> Self:
        self.command(domain.deciding(self.committee, self.cells, command), repr(command), at)
        return self

    def wait(self, duration: timedelta) -> Self:
        self.pass_by(duration)
        return self

    # -- ways --------------------------------------------------------------------------------------------

    def opened(self) -> Self:
        return self.refer().order(domain.OpenMediation((MOTHER, DAUGHTER), "01"))

    def consent(self, party: str) -> Self:
        return self.order(domain.GiveConsent(party, "online"))

    def consented(self) -> Self:
        return self.opened().consent(MOTHER).consent(DAUGHTER)

    def choose(self, party: str, mediator: str = PENG) -> Self:
        return self.order(domain.ChooseMediator(party, mediator))

    def asked(self) -> Self:
        return self.consented().choose(MOTHER).choose(DAUGHTER)

    def confirm(self) -> Self:
        return self.order(domain.ConfirmMediator(accept=True))

    def mediating(self) -> Self:
        return self.asked().confirm()

    def schedule(self) -> Self:
        return self.order(domain.ScheduleSession(self.now + timedelta(days=1), "in_person"))

    def record_session(self, *attended: str, number: int = 1) -> Self:
        return self.order(domain.RecordSession(number, attended or (MOTHER, DAUGHTER), "Canary said so."))

    def propose(
        self, form: int = ev.AGREEMENT_FORM_WRITTEN, term: domain.Term = TERM, *, partial: bool = False
    ) -> Self:
        return self.order(domain.ProposeAgreement(form, partial, "Canary facts", "", "", (term,)))

    def sign(self, capacity: int, ref: str, *, in_person: bool = True) -> Self:
        return self.order(domain.SignAgreement(capacity, ref, in_person))

    def signed_by_all(self) -> Self:
        for party in (MOTHER, DAUGHTER):
            self.sign(ev.SIGNER_CAPACITY_PARTY, party)
        self.sign(ev.SIGNER_CAPACITY_MEDIATOR, PENG)
        return self.sign(ev.SIGNER_CAPACITY_COMMITTEE, HEXI)


def untimed(term: domain.Term = TERM) -> domain.Term:
    """The same term without a time of performance."""
    return replace(term, due_at=None)
