"""Cases go to whom the directory names, and are with nobody who can't act (家家有人管、户户有人联)."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from fengqiao.routing.v1 import directory_events_pb2 as ev
from fengqiao.routing.v1 import directory_service_pb2 as rpc
from fengqiao.routing.v1 import routing_service_pb2 as routing
from fengqiao.routing.v1.events_pb2 import MOVE_REASON_UNIT_CLOSED, MOVE_REASON_VACANCY
from services.cli.__main__ import app
from tests.journeys.clients import PATIENCE_S, SONGXI, Actor
from tests.journeys.office import Office, leader_of
from tests.waiting import until


@pytest.fixture(scope="module")
def office(songxi: Office) -> Office:
    return songxi


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


def test_what_a_courier_saw_is_settled_by_the_village_code_and_the_courier_is_told_that_it_is_done(
    office: Office, tmp_path: Path
) -> None:
    def typed(*words: str) -> str:
        where = ["--data-dir", office.house.running.data_dir, "--site", SONGXI]
        said = CliRunner().invoke(app, [*words, *where])
        assert said.exit_code == 0, said.stderr
        return said.stdout.strip()

    code = office.neighbourhood(leader=(leader := office.house.name("p")))
    (file := tmp_path / "code.txt").write_text(
        "3.2 晚上十点以后不放鞭炮。\n12 红白事从简。\n", encoding="utf-8"
    )
    typed("code", "adopt", office.village, str(file), "--adopted-on", office.day(-3))
    courier = Actor(office.house, "reporter", office.house.name("courier"), SONGXI)
    me = ("--subject", courier.subject)
    number = typed("report", "noise.night", "--place", code, "--photo", "photos/3f1c7a52", *me)
    assert typed("feedback", number, *me) == f"received since {office.day(0)}"

    handler = office.house.leader(code, SONGXI)
    [case_id] = until(lambda: handler.queue(code), PATIENCE_S, "the case in the neighbourhood's queue")
    held_by(office, case_id, leader)
    handler.accept(case_id)
    taken_on = f"being_handled since {office.day(0)}"
    until(lambda: typed("feedback", number, *me) == taken_on, PATIENCE_S, "feedback")
    resolved = typed("resolve", case_id, "quiet_again", "--clause", "12", "--unit", code)
    assert f"12 ({office.village}, version 1)" in resolved
    cited = '"number":"12"'
    until(lambda: cited in typed("timeline", case_id).replace(" ", ""), PATIENCE_S, "the citation")
    until(lambda: typed("feedback", number, *me) == f"done since {office.day(0)}", PATIENCE_S, "its end")
    [notice] = until(courier.notices, PATIENCE_S, "a notice to the courier")
    assert number in notice.subject
    assert code not in notice.subject + notice.text


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
