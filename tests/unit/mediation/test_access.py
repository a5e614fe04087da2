"""Who may do what with which dispute."""

from collections.abc import Iterable

import pytest

from fengqiao.mediation.v1 import events_pb2 as ev
from services.chassis.auth import Principal, Role
from services.mediation import domain
from services.mediation.access import may_act, may_read, may_see
from services.mediation.domain import Dispute
from tests.unit.mediation.dispute import (
    DAUGHTER,
    HEXI,
    MOTHER,
    PENG,
    STRANGER,
    STREET,
    TAOSHU,
    TERM,
    ZHOU,
    Walk,
)

CONSENT = domain.GiveConsent(MOTHER, "online")
LEAVE = domain.RefuseMediation(MOTHER)
SIGN = domain.SignAgreement(ev.SIGNER_CAPACITY_PARTY, MOTHER, in_person=True)
LEAD = (
    domain.ConfirmMediator(accept=True),
    domain.ExtendTerm(5, (MOTHER,)),
    domain.ProposeAgreement(ev.AGREEMENT_FORM_WRITTEN, partial=False, facts="", disputed_points="",
                            responsibilities="", terms=(TERM,)),
)  # fmt: skip
END = domain.EndMediation(ev.END_REASON_OTHER)
OPEN = domain.OpenMediation((MOTHER, DAUGHTER), "01")


def who(role: Role, subject: str = "somebody", units: Iterable[str] = (), site: str = "jili") -> Principal:
    return Principal(subject, role, site, tuple(units))


@pytest.fixture
def dispute() -> Dispute:
    return Walk().mediating().state


def test_a_party_speaks_and_signs_for_itself_and_not_for_the_other(dispute: Dispute) -> None:
    mother, daughter = who(Role.RESIDENT, MOTHER), who(Role.RESIDENT, DAUGHTER)
    for command in (CONSENT, LEAVE):
        assert may_act(mother, dispute, command)
        assert not may_act(daughter, dispute, command)
    assert may_act(mother, dispute, SIGN)
    assert not may_act(mother, dispute, END)


def test_mediator_and_committee_write_down_what_a_party_said(dispute: Dispute) -> None:
    for other in (who(Role.MEDIATOR, PENG), who(Role.HANDLER, units=[HEXI]), who(Role.CLERK)):
        assert may_act(other, dispute, CONSENT)
        assert may_act(other, dispute, LEAVE)


def test_only_the_mediator_of_the_dispute_leads_it(dispute: Dispute) -> None:
    for command in LEAD:
        assert may_act(who(Role.MEDIATOR, PENG), dispute, command)
        for other in (who(Role.MEDIATOR, ZHOU), who(Role.HANDLER, PENG, [HEXI]), who(Role.DESK, units=["*"])):
            assert not may_act(other, dispute, command)


def test_a_committee_names_the_parties_of_its_own_disputes(dispute: Dispute) -> None:
    assert may_act(who(Role.HANDLER, units=[HEXI]), dispute, OPEN)
    assert may_act(who(Role.HANDLER, units=[STREET]), dispute, OPEN)
    assert not may_act(who(Role.HANDLER, units=[TAOSHU]), dispute, OPEN)
    assert not may_act(who(Role.MEDIATOR, PENG), dispute, OPEN)


def test_strangers_other_committees_and_other_sites_see_nothing(dispute: Dispute) -> None:
    for other in (
        who(Role.RESIDENT, STRANGER),
        who(Role.MEDIATOR, ZHOU),
        who(Role.HANDLER, units=[TAOSHU]),
        who(Role.DESK, units=["*"], site="other"),
        who(Role.PETITION_OFFICER, units=[STREET]),
        who(Role.OPERATOR, units=["*"]),
    ):
        assert not may_see(other, dispute)
        assert not may_act(other, dispute, LEAVE)


def test_a_site_reads_where_a_dispute_stands_and_not_what_was_said(dispute: Dispute) -> None:
    for reader in (who(Role.DESK, units=["*"]), who(Role.SUPERVISOR), who(Role.CLERK)):
        assert may_see(reader, dispute)
        assert not may_read(reader, dispute)
    for within in (who(Role.RESIDENT, DAUGHTER), who(Role.MEDIATOR, PENG), who(Role.HANDLER, units=[HEXI])):
        assert may_read(within, dispute)


def test_who_made_the_request_and_is_no_party_sees_where_it_stands() -> None:
    received = Walk().refer().state
    asker = who(Role.RESIDENT, MOTHER)
    assert may_see(asker, received)
    assert not may_read(asker, received)
