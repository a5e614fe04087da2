"""One person, many roles; volunteers come when they are called, and learn nothing of a case (S7, S8)."""

from typing import Any

import grpc
import pytest

from fengqiao.routing.v1 import directory_service_pb2 as directory
from fengqiao.routing.v1 import force_events_pb2 as ev
from fengqiao.routing.v1 import force_service_pb2 as rpc
from fengqiao.routing.v1 import person_service_pb2 as persons
from fengqiao.routing.v1 import routing_service_pb2 as routing
from tests.journeys.clients import PATIENCE_S, SONGXI, Actor
from tests.journeys.office import Office
from tests.waiting import until


def register(office: Office, unit: str, ref: str = "") -> Actor:
    """A volunteer of a unit who can give first aid, acting as one."""
    ref = ref or office.house.name("v")
    request = persons.RegisterPersonRequest(
        meta=office.desk.meta(),
        person_ref=ref,
        roles=[persons.RoleToGrant(role=ev.PERSON_ROLE_VOLUNTEER, unit_id=unit)],
        offer=persons.Offer(skills=["first_aid"]),
    )
    office.desk.call(office.house.persons.RegisterPerson, request)
    return Actor(office.house, "volunteer", ref, SONGXI)


def call_out(office: Office, who: Actor, **given: Any) -> rpc.CallOut:
    """Somebody calls for first aid."""
    request = rpc.CallOutVolunteersRequest(meta=who.meta(), skill="first_aid", **given)
    called: rpc.CallOut = who.call(office.house.forces.CallOutVolunteers, request).call_out
    return called


def test_neighbours_are_called_to_a_case_and_know_the_place_and_nothing_of_the_case(songxi: Office) -> None:
    house, leader = songxi.house, songxi.house.name("p")
    code = songxi.neighbourhood(leader=leader)
    helper = register(songxi, code)
    submitted = house.clerk(SONGXI).submit(unit_id=code)
    holds = songxi.desk.until_case(submitted.case_id, lambda case: case.assignment.holder_ref == leader)
    called = call_out(songxi, house.leader(code, SONGXI), case_id=holds.case_id)
    assert helper.subject in [each.person_ref for each in called.volunteers]

    [notice] = until(helper.notices, PATIENCE_S, "a notice to the volunteer")
    assert code in notice.subject
    assert submitted.request_no not in notice.subject + notice.text
    seen = helper.call(
        house.forces.GetCallOut, rpc.GetCallOutRequest(call_out_id=called.call_out_id)
    ).call_out
    assert (seen.unit_id, seen.case_id, seen.request_no) == (code, "", "")
    with pytest.raises(grpc.RpcError) as refused:
        helper.call(house.routing.GetCase, routing.GetCaseRequest(case_id=holds.case_id))
    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED


def test_who_came_and_went_has_hours_and_whoever_called_sees_who_was_there(songxi: Office) -> None:
    house, leader = songxi.house, songxi.house.name("p")
    code = songxi.neighbourhood(leader=leader)
    helper = register(songxi, code)
    caller = house.leader(code, SONGXI)
    id_ = call_out(songxi, caller, unit_id=code).call_out_id
    part = {"call_out_id": id_, "person_ref": helper.subject}
    helper.call(house.forces.AnswerCallOut, rpc.AnswerCallOutRequest(meta=helper.meta(), accept=True, **part))
    helper.call(house.forces.CheckIn, rpc.CheckInRequest(meta=helper.meta(), **part))
    helper.call(house.forces.CheckOut, rpc.CheckOutRequest(meta=helper.meta(), **part))
    shown = caller.call(house.forces.GetCallOut, rpc.GetCallOutRequest(call_out_id=id_)).call_out
    status = {each.person_ref: each.status for each in shown.volunteers}
    assert status[helper.subject] == rpc.VOLUNTEER_STATUS_LEFT
    request = rpc.GetLedgerRequest(person_ref=helper.subject)
    assert len(helper.call(house.forces.GetLedger, request).entries) == 1


def test_too_few_volunteers_are_told_to_the_unit_and_the_desk_at_once(songxi: Office) -> None:
    leader = songxi.house.name("p")
    code = songxi.neighbourhood(leader=leader)
    called = call_out(songxi, songxi.house.leader(code, SONGXI), unit_id=code, needed=200)

    def told() -> set[str]:
        return {each.recipient_ref for each in songxi.desk.deliveries(called.call_out_id)}

    expected = {f"unit:{code}", f"desk:{SONGXI}"}
    until(lambda: expected <= told(), PATIENCE_S, "the notices of a short call-out")


def test_a_leader_who_is_a_volunteer_too_is_one_person_with_a_post_and_a_role(songxi: Office) -> None:
    house, leader = songxi.house, songxi.house.name("p")
    code = songxi.neighbourhood(leader=leader)
    as_volunteer = register(songxi, code, leader)
    shown = songxi.desk.call(house.persons.GetPerson, persons.GetPersonRequest(person_ref=leader)).person
    assert [(post.unit_id, post.post_id) for post in shown.posts] == [(code, "leader")]
    assert [role.role for role in shown.roles] == [ev.PERSON_ROLE_VOLUNTEER]
    counts = songxi.desk.call(house.persons.CountPersons, persons.CountPersonsRequest(within=code))
    assert (counts.persons, counts.leaders, counts.volunteers, counts.in_several_roles) == (1, 1, 1, 1)
    with pytest.raises(grpc.RpcError) as refused:
        as_volunteer.call(house.directory.GetUnit, directory.GetUnitRequest(code=code))
    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
