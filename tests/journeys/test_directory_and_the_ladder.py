"""Cases go to whom the directory names, and are with nobody who can't act (家家有人管、户户有人联)."""

import pytest

from fengqiao.routing.v1 import directory_events_pb2 as ev
from fengqiao.routing.v1 import directory_service_pb2 as rpc
from fengqiao.routing.v1 import routing_service_pb2 as routing
from fengqiao.routing.v1.events_pb2 import MOVE_REASON_UNIT_CLOSED, MOVE_REASON_VACANCY
from tests.journeys.clients import SONGXI, Actor, House
from tests.journeys.office import Office, leader_of


@pytest.fixture(scope="module")
def office(house: House) -> Office:
    return Office(house, SONGXI).begin()


def case_at(office: Office, code: str, holder_ref: str) -> routing.Case:
    """A case of a place, once somebody has it."""
    # Another process may have learnt of them a second later; the standing sweep sees to it.
    submitted = office.house.clerk(SONGXI).submit(unit_id=code)
    return held_by(office, submitted.case_id, holder_ref)


def held_by(office: Office, case_id: str, holder_ref: str) -> routing.Case:
    """A case, once somebody has it."""
    return office.desk.until_case(case_id, lambda case: case.assignment.holder_ref == holder_ref)


def test_a_case_goes_to_the_neighbour_leader_of_its_place(office: Office) -> None:
    code = office.neighbourhood(leader=(leader := office.house.name("p")))
    case = case_at(office, code, leader)
    assert (case.assignment.unit_id, case.assignment.tier) == (code, 1)


def test_while_a_leader_is_on_leave_their_cases_are_with_the_substitute_and_then_with_them_again(
    office: Office,
) -> None:
    leader, substitute = office.house.name("p"), office.house.name("p")
    code = office.neighbourhood(leader=leader)
    case = case_at(office, code, leader)
    office.leave(code, substitute)
    stood_in = held_by(office, case.case_id, substitute)
    assert (stood_in.assignment.unit_id, stood_in.clock_due_at) == (code, case.clock_due_at)
    office.back(code)
    assert held_by(office, case.case_id, leader).clock_due_at == case.clock_due_at


def test_when_a_post_falls_vacant_its_open_cases_go_to_the_section_and_their_clocks_run_on(
    office: Office,
) -> None:
    code = office.neighbourhood(leader=(leader := office.house.name("p")))
    case = case_at(office, code, leader)
    office.vacate(code)
    moved = held_by(office, case.case_id, leader_of(office.section))
    assert moved.assignment.unit_id == office.section
    assert list(moved.assignment.reasons) == [f"vacant:{code}"]
    assert moved.steps[-1].reason == MOVE_REASON_VACANCY
    assert (moved.clock_due_at, moved.due_at) == (case.clock_due_at, case.due_at)
    office.desk.until_told(case.case_id, "CaseReassigned")


def test_a_new_holder_gets_new_cases_and_what_went_to_the_section_stays_there(office: Office) -> None:
    code = office.neighbourhood(leader=(former := office.house.name("p")))
    old = case_at(office, code, former)
    office.vacate(code)
    held_by(office, old.case_id, leader_of(office.section))
    office.appoint(code, successor := office.house.name("p"))
    case_at(office, code, successor)
    assert office.desk.case(old.case_id).assignment.unit_id == office.section


def test_a_leader_of_former_cases_can_no_longer_act_and_the_section_can(office: Office) -> None:
    code = office.neighbourhood(leader=(leader := office.house.name("p")))
    case = case_at(office, code, leader)
    office.vacate(code)
    held_by(office, case.case_id, leader_of(office.section))
    section = office.house.leader(office.section, SONGXI)
    assert section.resolve(case.case_id).status == routing.CASE_STATUS_RESOLVED


def test_a_night_market_takes_the_cases_of_its_place_while_it_lasts(office: Office) -> None:
    code = office.neighbourhood(leader=office.house.name("p"))
    market, warden = f"{office.section}/{office.house.name('market').lower()}", office.house.name("p")
    office.order(
        office.house.directory.EstablishUnit,
        rpc.EstablishUnitRequest,
        code=market,
        kind=ev.UNIT_KIND_TEMPORARY,
        until=office.day(30),
        covers=[code],
    )
    office.appoint(market, warden)
    assert case_at(office, code, warden).assignment.unit_id == market


def test_when_a_unit_is_closed_its_cases_go_to_the_one_that_took_over(office: Office) -> None:
    leader, successor = office.house.name("p"), office.house.name("p")
    code, other = office.neighbourhood(leader=leader), office.neighbourhood(leader=successor)
    case = case_at(office, code, leader)
    office.order(office.house.directory.CloseUnit, rpc.CloseUnitRequest, code=code, successors=[other])
    moved = held_by(office, case.case_id, successor)
    assert (moved.assignment.unit_id, moved.steps[-1].reason) == (other, MOVE_REASON_UNIT_CLOSED)


def test_the_command_desk_looks_from_a_leader_to_households_and_cases_and_supervision_sees_why(
    office: Office,
) -> None:
    house, leader, key = office.house, office.house.name("p"), office.house.name("h")
    code = office.neighbourhood(key, leader=leader)
    case = case_at(office, code, leader)
    request = rpc.LookUpCasesRequest(leader_ref=leader, purpose="inspection")
    found = office.desk.call(house.directory.LookUpCases, request)
    assert [(unit.code, list(unit.households)) for unit in found.units] == [(code, [key])]
    assert [each.case_id for each in found.cases] == [case.case_id]
    supervisor = Actor(house, "supervisor", house.name("supervisor"), SONGXI, (SONGXI,))
    listed = supervisor.call(house.directory.ListLookUps, rpc.ListLookUpsRequest(leader_ref=leader))
    assert [(each.by, each.purpose) for each in listed.look_ups] == [(office.desk.subject, "inspection")]
