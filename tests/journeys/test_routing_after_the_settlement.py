"""办结不是终点: call-back, the answer, a review by somebody else, and other routes never blocked."""

from fengqiao.common.v1 import common_pb2 as common
from fengqiao.intake.v1 import events_pb2 as wishes
from fengqiao.intake.v1 import intake_service_pb2 as intake
from fengqiao.routing.v1 import events_pb2 as events
from fengqiao.routing.v1 import followup_events_pb2 as followup
from fengqiao.routing.v1 import routing_service_pb2 as routing
from tests.journeys.clients import NEIGHBOURS, SECTION, STREET, Actor, House


def settled(house: House, resident: Actor) -> str:
    """A case that the neighbourhood settled, and the resident is asked about."""
    case_id = resident.submit().case_id
    resident.until_case(case_id)
    house.leader(NEIGHBOURS).resolve(case_id)
    resident.until_request(case_id, intake.REQUEST_STATUS_SETTLED)
    return case_id


def test_a_settled_case_is_called_back_about_and_closed_by_the_answer(house: House) -> None:
    resident, section = house.resident(), house.leader(SECTION)
    case_id = settled(house, resident)
    assert section.case(case_id).call_back.caller_unit_id == SECTION
    closed = section.superior("RecordCallBack", case_id, reached=True, solved=True, rating=5)
    assert closed.closed_by == followup.CLOSED_BY_ANSWER
    resident.until_request(case_id, intake.REQUEST_STATUS_CLOSED)


def test_what_the_resident_calls_poor_is_reviewed_by_who_did_not_handle_it(house: House) -> None:
    resident, section = house.resident(), house.leader(SECTION)
    case_id = settled(house, resident)
    resident.rate(case_id, 2, solved=True)
    case = resident.until_case(case_id, lambda c: c.HasField("review"))
    assert case.review.reviewer_unit_id == SECTION
    upheld = {"number": 1, "finding": followup.REVIEW_FINDING_UPHELD}
    case = section.superior("RecordReview", case_id, **upheld)
    assert (case.assignment.tier, case.order.reason) == (common.TIER_SECTION, events.MOVE_REASON_REVIEW)
    resident.until_request(case_id, intake.REQUEST_STATUS_SUBMITTED)
    resident.until_told(case_id, "ReviewRecorded", "CaseReopened", "SupervisionOrdered")


def test_the_resident_asks_for_a_petition_and_the_sub_district_has_it(house: House) -> None:
    resident = house.resident()
    case_id = settled(house, resident)
    wish = intake.RequestReferralRequest(
        meta=resident.meta(),
        case_id=case_id,
        track=wishes.WISHED_TRACK_PETITION,
        reason="resident_asked",
    )
    resident.call(house.intake.RequestReferral, wish)
    case = resident.until_case(case_id, lambda c: c.status == routing.CASE_STATUS_REFERRED)
    assert (case.assignment.unit_id, case.track) == (STREET, events.TRACK_PETITION)
    resident.until_told(case_id, "ReferralRequested", "CaseReopened", "CaseReferred", "PetitionReceived")
