"""信访: a petition to its opinion, each moment apart, each clock by its rule."""

from datetime import timedelta
from functools import partial

import pytest

from fengqiao.intake.v1 import intake_service_pb2 as intake
from fengqiao.petition.v1 import events_pb2 as events
from fengqiao.petition.v1 import petition_service_pb2 as rpc
from fengqiao.routing.v1 import events_pb2 as moves
from fengqiao.routing.v1 import routing_service_pb2 as routing
from services.chassis.protobuf import instant
from tests.journeys.clients import COMMUNITY, STREET, House, refusal
from tests.journeys.petitioning import PARTS, Petition
from tests.waiting import until


def days(clock: object) -> int:
    started, due = instant(clock.started_at), instant(clock.due_at)  # type: ignore[attr-defined] # a Clock
    shanghai = timedelta(hours=8)
    return ((due + shanghai).date() - (started + shanghai).date()).days


def clock_of(petition: rpc.Petition, name: str) -> object:
    return next(clock for clock in petition.clocks if clock.name == name)


def test_a_petition_is_received_notified_accepted_and_answered_by_an_opinion_of_four_parts(
    house: House,
) -> None:
    petition = Petition(house)
    case = petition.petitioner.case(petition.case_id)
    assert (case.track, case.assignment.unit_id) == (moves.TRACK_PETITION, STREET)
    assert days(clock_of(petition.get(), "p1")) == 15
    petition.register()
    assert days(clock_of(petition.route(), "p2")) == 15
    petition.notify()
    accepted = petition.accept()
    assert days(clock_of(accepted, "p4")) == 60
    moments = [instant(at) for at in (accepted.received_at, accepted.notified_at, accepted.accepted_at)]
    assert moments == sorted(moments)
    petition.issue()
    petition.deliver()
    petitioner = petition.petitioner
    shown = petition.get(petitioner)
    assert shown.status == rpc.PETITION_STATUS_OPINION_DELIVERED
    assert shown.opinion.legal_basis == PARTS["legal_basis"]
    assert days(clock_of(shown, "p6")) == 30
    petitioner.until_request(petition.case_id, intake.REQUEST_STATUS_SETTLED)
    assert petitioner.case(petition.case_id).status == routing.CASE_STATUS_RESOLVED
    petitioner.until_told(
        petition.case_id, "PetitionReceived", "ReceiptNotified", "PetitionAccepted", "OpinionDelivered"
    )


def test_a_committee_assists_with_petitions_and_never_issues_an_opinion(house: House) -> None:
    petition = Petition(house).accepted()
    refused = refusal(lambda: petition.issue(house.petition_officer(COMMUNITY)))
    assert refused.code.name == "PERMISSION_DENIED"
    assert refusal(lambda: petition.issue(house.leader(STREET))).code.name == "PERMISSION_DENIED"


def test_a_suggestion_is_answered_without_an_opinion(house: House) -> None:
    petition = Petition(house, "petition.suggestion")
    petition.register(events.PETITION_KIND_SUGGESTION, 0)
    petition.route()
    petition.notify()
    assert not petition.accept().clocks
    assert petition.reply().status == rpc.PETITION_STATUS_REPLIED
    petition.petitioner.until_request(petition.case_id, intake.REQUEST_STATUS_SETTLED)


def test_the_petitioner_can_take_it_back(house: House) -> None:
    petition = Petition(house)
    petition.register()
    petition.petitioner.withdraw(petition.case_id)
    petition.until(rpc.PETITION_STATUS_WITHDRAWN)
    petition.petitioner.until_request(petition.case_id, intake.REQUEST_STATUS_WITHDRAWN)


def test_who_asks_to_go_up_gets_a_supervision_order_and_the_organ_goes_on(house: House) -> None:
    petition = Petition(house)
    petition.petitioner.ask_up(petition.case_id)
    petition.petitioner.until_case(petition.case_id, lambda case: case.HasField("supervised_at"))
    until(lambda: petition.get().supervision_asked, 30, "the wish in petition")
    assert petition.register().status == rpc.PETITION_STATUS_REGISTERED


def test_the_petitioner_is_told_of_receipt_acceptance_extension_and_opinion(house: House) -> None:
    petition = Petition(house).accepted()
    petition.extend(30)
    petition.issue()
    petition.deliver()
    wanted = {"petition_receipt", "petition_accepted", "petition_extended", "opinion_delivered"}

    def told() -> bool:
        return wanted <= {sent.template for sent in petition.petitioner.deliveries(petition.case_id)}

    until(told, 30, "notices to the petitioner")


def test_nobody_without_right_sees_a_petition(house: House) -> None:
    petition = Petition(house)
    for stranger in (house.resident(), house.petition_officer(COMMUNITY), house.mediator("mediator-peng")):
        assert refusal(partial(petition.get, stranger)).code.name == "PERMISSION_DENIED"


# -- bad input -------------------------------------------------------------------------------------------


def opinion_without_legal_basis(petition: Petition) -> object:
    petition.accepted()
    return petition.issue(legal_basis=" ")


def acceptance_before_registration(petition: Petition) -> object:
    return petition.accept()


def extension_past_its_cap(petition: Petition) -> object:
    petition.accepted()
    return petition.extend(31)


def six_representatives(petition: Petition) -> object:
    return petition.register(petitioners=40, representative_refs=[f"p-{n}" for n in range(6)])


@pytest.mark.parametrize(
    ("wrong", "code", "field"),
    [
        (opinion_without_legal_basis, "INVALID_ARGUMENT", "opinion.legal_basis"),
        (acceptance_before_registration, "FAILED_PRECONDITION", ""),
        (extension_past_its_cap, "INVALID_ARGUMENT", "days"),
        (six_representatives, "INVALID_ARGUMENT", "representative_refs"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_breaks_a_rule_is_refused_by_its_name_and_changes_nothing(
    house: House, wrong: object, code: str, field: str
) -> None:
    petition = Petition(house)
    refused = refusal(lambda: wrong(petition))  # type: ignore[operator] # one of the functions above
    assert refused.code.name == code
    assert refused.facts["rule"].startswith("petition.")
    assert not field or field in refused.fields
    assert petition.get().status in {rpc.PETITION_STATUS_RECEIVED, rpc.PETITION_STATUS_ACCEPTED}
