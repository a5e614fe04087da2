"""What the person and force commands say to the service, and what they show of its answers."""

from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf.message import Message

from fengqiao.routing.v1 import directory_events_pb2 as directory
from fengqiao.routing.v1 import force_events_pb2 as ev
from fengqiao.routing.v1 import force_service_pb2 as rpc
from fengqiao.routing.v1 import person_service_pb2 as persons
from fengqiao.routing.v1 import roster_events_pb2 as rosters
from fengqiao.routing.v1.force_service_pb2_grpc import add_ForceServiceServicer_to_server
from fengqiao.routing.v1.person_service_pb2_grpc import add_PersonServiceServicer_to_server
from tests.kit.terminal import Terminal, terminal_at

NEXT = "next"
DAYS = directory.Days(since="2026-03-02")
PERSON = persons.Person(
    person_ref="p-1",
    roles=[
        persons.GrantedRole(
            role=ev.PERSON_ROLE_MEDIATOR, capacity=ev.MEDIATOR_CAPACITY_MASS, unit_id="jili/hexi", days=DAYS
        )
    ],
    offer=persons.Offer(skills=["first_aid"], weekdays=[6, 7]),
    posts=[persons.HeldPost(unit_id="jili/hexi/s1", post_id="leader", on_leave=True)],
)
FORCE = rpc.Force(code="blue-sky", kind=ev.FORCE_KIND_TEAM, unit_id="jili", days=DAYS)
CALL_OUT = rpc.CallOut(
    call_out_id="o-1",
    status=rpc.CALL_OUT_STATUS_GATHERING,
    unit_id="jili/hexi",
    volunteers=[
        rpc.CalledVolunteer(
            person_ref="p-1",
            status=rpc.VOLUNTEER_STATUS_COMING,
            reasons=[ev.Reason(code="place", value="same_section")],
        )
    ],
)
ANSWERS: dict[str, Message] = {
    "CountPersons": persons.CountPersonsResponse(persons=7, volunteers=5, in_several_roles=2),
    "ListForces": rpc.ListForcesResponse(forces=[FORCE], next_page_token=NEXT),
    "SuggestVolunteers": rpc.SuggestVolunteersResponse(
        suggestions=[
            ev.AskedVolunteer(person_ref="p-1", reasons=[ev.Reason(code="skill", value="first_aid")])
        ]
    ),
    "GetLedger": rpc.GetLedgerResponse(entries=[rpc.LedgerEntry(minutes=90, by_end=True)], minutes=90),
}


def answers(request: Message) -> Message:
    name = type(request).__name__.removesuffix("Request")
    if name in ANSWERS:
        return ANSWERS[name]
    if hasattr(persons, f"{name}Response"):
        person: Message = getattr(persons, f"{name}Response")(person=PERSON)
        return person
    response: Any = getattr(rpc, f"{name}Response")
    about_force = "force" in response.DESCRIPTOR.fields_by_name
    told: Message = response(force=FORCE) if about_force else response(call_out=CALL_OUT)
    return told


@pytest.fixture
def person() -> Iterator[Terminal]:
    with terminal_at("person", answers, add_PersonServiceServicer_to_server) as there:
        yield there


@pytest.fixture
def force() -> Iterator[Terminal]:
    with terminal_at("force", answers, add_ForceServiceServicer_to_server) as there:
        yield there


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (
            "register p-1 --as volunteer@jili/hexi --as mediator.mass@jili --skill x --hours 08:00-20:00",
            persons.RegisterPersonRequest(
                person_ref="p-1",
                roles=[
                    persons.RoleToGrant(role=ev.PERSON_ROLE_VOLUNTEER, unit_id="jili/hexi"),
                    persons.RoleToGrant(
                        role=ev.PERSON_ROLE_MEDIATOR, capacity=ev.MEDIATOR_CAPACITY_MASS, unit_id="jili"
                    ),
                ],
                offer=persons.Offer(skills=["x"], hours=rosters.Hours(opens="08:00", closes="20:00")),
            ),
        ),
        (
            "grant p-1 mediator jili --capacity mass --until 2026-05-01",
            persons.GrantRoleRequest(
                person_ref="p-1",
                role=ev.PERSON_ROLE_MEDIATOR,
                capacity=ev.MEDIATOR_CAPACITY_MASS,
                unit_id="jili",
                until="2026-05-01",
            ),
        ),
        (
            "end p-1 party_member jili",
            persons.EndRoleRequest(person_ref="p-1", role=ev.PERSON_ROLE_PARTY_MEMBER, unit_id="jili"),
        ),
        (
            "offer p-1 --skill night_patrol --weekday 6",
            persons.StateOfferRequest(
                person_ref="p-1", offer=persons.Offer(skills=["night_patrol"], weekdays=[6])
            ),
        ),
        ("join p-1 blue-sky", persons.JoinForceRequest(person_ref="p-1", force="blue-sky")),
        ("leave p-1 blue-sky", persons.LeaveForceRequest(person_ref="p-1", force="blue-sky")),
        ("show p-1 --day 2026-01-01", persons.GetPersonRequest(person_ref="p-1", day="2026-01-01")),
        ("count jili", persons.CountPersonsRequest(within="jili")),
    ],
)
def test_a_person_command_says_what_was_typed(person: Terminal, words: str, expected: Message) -> None:
    assert person.type(*words.split()).exit_code == 0
    assert person.office.only() == expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (
            "establish blue-sky team jili p-1 --skill first_aid",
            rpc.EstablishForceRequest(
                code="blue-sky",
                kind=ev.FORCE_KIND_TEAM,
                unit_id="jili",
                speaker_ref="p-1",
                skills=["first_aid"],
            ),
        ),
        ("speaker blue-sky p-2", rpc.NameSpeakerRequest(code="blue-sky", speaker_ref="p-2")),
        ("disband blue-sky", rpc.DisbandForceRequest(code="blue-sky")),
        ("show blue-sky", rpc.GetForceRequest(code="blue-sky")),
        (f"list --limit 7 --page {NEXT}", rpc.ListForcesRequest(page_size=7, page_token=NEXT)),
        (
            "suggest first_aid jili/hexi --force blue-sky --limit 3",
            rpc.SuggestVolunteersRequest(skill="first_aid", unit_id="jili/hexi", force="blue-sky", limit=3),
        ),
        (
            "call-out first_aid --case c-1 --needed 3 --person p-1 --person p-2",
            rpc.CallOutVolunteersRequest(
                skill="first_aid", case_id="c-1", needed=3, person_refs=["p-1", "p-2"]
            ),
        ),
        ("ask o-1 p-3", rpc.AskVolunteersRequest(call_out_id="o-1", person_refs=["p-3"])),
        ("answer o-1 p-1", rpc.AnswerCallOutRequest(call_out_id="o-1", person_ref="p-1", accept=True)),
        ("answer o-1 p-1 --decline", rpc.AnswerCallOutRequest(call_out_id="o-1", person_ref="p-1")),
        ("check-in o-1 p-1", rpc.CheckInRequest(call_out_id="o-1", person_ref="p-1")),
        ("check-out o-1 p-1", rpc.CheckOutRequest(call_out_id="o-1", person_ref="p-1")),
        ("end o-1", rpc.EndCallOutRequest(call_out_id="o-1")),
        ("cancel o-1", rpc.CancelCallOutRequest(call_out_id="o-1")),
        ("called o-1", rpc.GetCallOutRequest(call_out_id="o-1")),
        ("hours p-1 --since 2026-01-01", rpc.GetLedgerRequest(person_ref="p-1", since="2026-01-01")),
    ],
)
def test_a_force_command_says_what_was_typed(force: Terminal, words: str, expected: Message) -> None:
    assert force.type(*words.split()).exit_code == 0
    assert force.office.only() == expected


def test_times_are_sent_as_they_were_typed(force: Terminal) -> None:
    assert force.type("suggest", "x", "jili", "--begins", "2026-03-02T10:00:00+08:00").exit_code == 0
    assert force.office.only().begins_at.ToJsonString() == "2026-03-02T02:00:00Z"


@pytest.mark.parametrize("role", ["volunteer", "cook@jili", "mediator.loud@jili"])
def test_a_role_that_is_none_is_refused_before_anything_is_asked(person: Terminal, role: str) -> None:
    assert person.type("register", "p-1", "--as", role).exit_code == 2
    assert person.office.asked == []


def test_somebody_is_shown_with_roles_and_posts(person: Terminal) -> None:
    shown = person.type("show", "p-1").stdout
    assert "mediator (mass) at jili/hexi since 2026-03-02" in shown
    assert "leader of jili/hexi/s1 (on leave)" in shown
    assert "on weekdays  6,7" in shown


def test_a_count_says_who_is_in_several_roles(person: Terminal) -> None:
    assert "in several roles" in person.type("count", "jili").stdout


def test_a_call_out_is_shown_with_who_comes_and_why_they_were_asked(force: Terminal) -> None:
    assert "p-1  coming  place: same_section" in force.type("called", "o-1").stdout


def test_hours_are_told_one_by_one_and_in_all(force: Terminal) -> None:
    shown = force.type("hours", "p-1").stdout
    assert "90 min (until its end)" in shown
    assert "in all 1 h 30 min" in shown
