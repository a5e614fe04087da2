"""The resident asks for mediation or petition handling: never blocked, and one way at a time."""

import pytest

from fengqiao.intake.v1.events_pb2 import (
    WISHED_TRACK_MEDIATION,
    WISHED_TRACK_PETITION,
    ReferralRequested,
    WithdrawalRequested,
)
from fengqiao.mediation.v1.events_pb2 import END_REASON_PARTY_UNWILLING
from fengqiao.routing.v1 import events_pb2 as ev
from services.routing import domain
from services.routing.domain.case import DISPUTES, OUTCOMES, PETITIONS
from tests.unit.routing.ladder import NEIGHBOURS, STREET, VILLAGE, Walk
from tests.unit.routing.test_callbacks import SETTLED, settled

MEDIATION = ReferralRequested(track=WISHED_TRACK_MEDIATION, reason="resident_asked")
PETITION = ReferralRequested(track=WISHED_TRACK_PETITION, reason="resident_asked")


def declined(walk: Walk) -> tuple[str, str, str]:
    assert walk.events[-1] == "WishDeclined"
    told = ev.WishDeclined.FromString(walk.record.outbox[-1].data)
    assert walk.sent(OUTCOMES)[-1] == "WishDeclined"
    return told.wish, told.reason, told.way_on


@pytest.mark.parametrize("command", [None, domain.AcceptCase()])
def test_a_petition_goes_to_the_organ_at_the_top_from_whatever_tier(command: object) -> None:
    walk = Walk().submit()
    if command:
        walk.order(command)
    walk.hear(PETITION)
    assert walk.events[-2:] == ["CaseEscalated", "CaseReferred"]
    assert walk.sent(PETITIONS) == ["CaseReferred"]
    case = walk.case
    assert (case.status, case.track, case.unit_id) == (domain.REFERRED, ev.TRACK_PETITION, STREET)
    assert case.steps[-1].reason == ev.MOVE_REASON_RESIDENT
    assert walk.record.next_due_at is None


def test_mediation_goes_to_the_committee_of_the_place() -> None:
    walk = Walk().submit().hear(MEDIATION)
    assert (walk.case.track, walk.case.unit_id) == (ev.TRACK_MEDIATION, VILLAGE)
    assert walk.sent(DISPUTES) == ["CaseReferred"]
    high = Walk().submit(unit_id=STREET).hear(MEDIATION)
    assert (high.events[-1], high.case.unit_id) == ("CaseReferred", STREET)


def test_nobody_is_mediated_again_after_a_party_refused_but_may_petition() -> None:
    walk = Walk().submit().hear(MEDIATION).mediated(END_REASON_PARTY_UNWILLING)
    assert walk.case.status == domain.ASSIGNED
    assert declined(walk.hear(MEDIATION)) == ("mediation", "party_refused", "petition")
    assert walk.hear(PETITION).case.track == ev.TRACK_PETITION


def test_a_matter_is_on_one_track_at_a_time() -> None:
    walk = Walk().submit().hear(MEDIATION)
    before = walk.case
    assert declined(walk.hear(PETITION)) == ("petition", "on_a_track", "escalation")
    assert walk.case == before


def test_a_settled_or_closed_case_goes_on_where_the_resident_asks() -> None:
    for walk in (settled(), Walk().submit().order(SETTLED)):
        walk.hear(PETITION)
        assert walk.events[-2:] == ["CaseReopened", "CaseReferred"]
        assert (walk.case.status, walk.case.unit_id) == (domain.REFERRED, STREET)
        assert walk.record.next_due_at is None
    assert settled(NEIGHBOURS).hear(MEDIATION).case.unit_id == VILLAGE


def test_after_an_opinion_the_way_on_is_a_review() -> None:
    walk = Walk().submit().hear(PETITION).answered("explained")
    assert declined(walk.hear(PETITION)) == ("petition", "opinion_given", "review")


def test_what_is_withdrawn_stays_so() -> None:
    walk = Walk().submit().hear(WithdrawalRequested(reason="mistake"))
    assert declined(walk.hear(MEDIATION)) == ("mediation", "withdrawn", "new_request")
