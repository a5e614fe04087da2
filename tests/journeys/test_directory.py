"""Who is responsible for whom, through the running services: asked for by the day, told on a topic."""

from datetime import timedelta

import pytest

from fengqiao.routing.v1 import directory_service_pb2 as rpc
from tests.journeys.clients import JILI, PATIENCE_S, House, refusal
from tests.journeys.office import Office
from tests.waiting import until


@pytest.fixture(scope="module")
def office(house: House) -> Office:
    return Office(house, JILI).begin()


def test_every_household_is_answered_for_by_its_neighbour_leader(office: Office) -> None:
    key, leader = office.house.name("h"), office.house.name("p")
    code = office.neighbourhood(key, leader=leader)
    found = office.household(key)
    assert (found.code, found.leader_ref, found.answering_ref) == (code, leader, leader)


def test_a_household_without_leader_shows_as_a_gap_and_its_section_answers(office: Office) -> None:
    key = office.house.name("h")
    code = office.neighbourhood(key)
    request = rpc.ListGapsRequest(within=code)
    assert [gap.household for gap in office.desk.call(office.house.directory.ListGaps, request).gaps] == [key]
    assert office.household(key).answering_code == office.section


def test_while_the_leader_is_on_leave_the_substitute_answers_and_then_the_leader_again(
    office: Office,
) -> None:
    key, leader, substitute = (office.house.name(what) for what in ("h", "p", "p"))
    code = office.neighbourhood(key, leader=leader)
    on, until_day = (office.today + timedelta(days=days) for days in (1, 8))
    office.order(
        office.house.directory.GrantLeave,
        rpc.GrantLeaveRequest,
        code=code,
        on=on.isoformat(),
        until=until_day.isoformat(),
        substitute_ref=substitute,
    )
    assert [office.household(key, days).answering_ref for days in (0, 1, 8)] == [leader, substitute, leader]


def test_nobody_becomes_a_leader_whom_residents_did_not_nominate(office: Office) -> None:
    code = office.neighbourhood(office.house.name("h"))
    refused = refusal(
        lambda: office.order(
            office.house.directory.AppointLeader,
            rpc.AppointLeaderRequest,
            code=code,
            person_ref=office.house.name("p"),
        )
    )
    assert refused.reason == "not_nominated"


def test_each_decision_is_told_in_order_on_a_topic_of_its_own(office: Office) -> None:
    code = office.neighbourhood(office.house.name("h"), leader=office.house.name("p"))

    def told() -> list[str]:
        # A record may come twice; its sequence tells.
        records = {
            (int(record.headers["ce_sequence"]), record.headers["ce_type"])
            for record in office.house.topics.read("fengqiao.routing.directory")
            if code.encode() in (record.value or b"")
        }
        return [kind.rpartition(".")[2] for _, kind in sorted(records)]

    wanted = ["UnitEstablished", "HouseholdsSettled", "LeaderNominated", "LeaderVetted", "LeaderAppointed"]
    until(lambda: told() == wanted, PATIENCE_S, "every decision, once and in order")


def test_another_sites_desk_sees_nothing_of_it(office: Office) -> None:
    key = office.house.name("h")
    office.neighbourhood(key)
    stranger = office.house.desk("boston")
    request = rpc.FindHouseholdRequest(household=key)
    found = stranger.call(office.house.directory.FindHousehold, request)
    assert found == rpc.FindHouseholdResponse()
