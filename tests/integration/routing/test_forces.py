"""Persons, forces and call-outs by gRPC on a real store: who fits, who comes, whose hours."""

import asyncio
from datetime import timedelta
from typing import Any

import grpc

from fengqiao.routing.v1 import force_events_pb2 as ev
from fengqiao.routing.v1 import force_service_pb2 as rpc
from fengqiao.routing.v1 import person_service_pb2 as persons
from services.chassis.protobuf import timestamp
from services.chassis.record import SHARDS
from services.chassis.sweeper import Catchup
from tests.integration.routing.conftest import (
    KINDS,
    NEIGHBOURS,
    SECTION,
    TOP,
    VILLAGE,
    House,
    meta,
)
from tests.kit.edge import Who

LEADER = Who("handler", (NEIGHBOURS,), "p-n1")
STRANGER = Who("handler", ("jili/hedong",), "p-stranger")
FIRST_AID = persons.Offer(skills=["first_aid"])
TEAM = "blue-sky"
DENIED = grpc.StatusCode.PERMISSION_DENIED


def volunteer(name: str) -> Who:
    """Somebody acting as volunteer, who has no unit."""
    return Who("volunteer", (), name)


async def register(house: House, ref: str, unit: str = NEIGHBOURS, **more: Any) -> persons.Person:
    role = persons.RoleToGrant(role=ev.PERSON_ROLE_VOLUNTEER, unit_id=unit)
    given = {"roles": [role], "offer": FIRST_AID, **more}
    answer = await house.call("RegisterPerson", person_ref=ref, **given)
    person: persons.Person = answer.person
    return person


async def team(house: House, code: str = TEAM, **more: Any) -> rpc.Force:
    given = {"kind": ev.FORCE_KIND_TEAM, "unit_id": TOP, "skills": ["first_aid"], **more}
    answer = await house.call("EstablishForce", code=code, speaker_ref="p-speaker", **given)
    force: rpc.Force = answer.force
    return force


async def call_out(house: House, who: Who = LEADER, **more: Any) -> rpc.CallOut:
    given = {"skill": "first_aid", "unit_id": NEIGHBOURS, **more}
    answer = await house.call("CallOutVolunteers", who, **given)
    called: rpc.CallOut = answer.call_out
    return called


async def fire(house: House) -> None:
    await house.base.sweeper(Catchup()).fire(range(SHARDS))


def asked(called: rpc.CallOut) -> list[str]:
    return [each.person_ref for each in called.volunteers]


async def test_a_person_shows_with_all_roles_and_posts(house: House) -> None:
    await house.settled()
    await register(house, "p-n1")
    await house.call(
        "GrantRole", person_ref="p-n1", role=ev.PERSON_ROLE_MEDIATOR, capacity=3, unit_id=VILLAGE
    )
    shown = (await house.call("GetPerson", person_ref="p-n1")).person
    assert [(each.role, each.unit_id) for each in shown.roles] == [
        (ev.PERSON_ROLE_VOLUNTEER, NEIGHBOURS),
        (ev.PERSON_ROLE_MEDIATOR, VILLAGE),
    ]
    assert [(each.unit_id, each.post_id) for each in shown.posts] == [(NEIGHBOURS, "leader")]
    leader_only = (await house.call("GetPerson", person_ref="p-s1")).person
    assert [each.unit_id for each in leader_only.posts] == [SECTION]


async def test_nobody_is_counted_twice_over_posts_and_roles(house: House) -> None:
    await house.settled()
    for ref in ("p-n1", "p-2"):
        await register(house, ref)
    await house.call("GrantRole", person_ref="p-2", role=ev.PERSON_ROLE_PARTY_MEMBER, unit_id=VILLAGE)
    counts = await house.call("CountPersons", within=VILLAGE)
    assert (counts.leaders, counts.volunteers, counts.party_members) == (3, 2, 1)
    assert (counts.persons, counts.in_several_roles) == (4, 2)


async def test_an_order_about_a_person_is_answered_alike_on_every_retry(house: House) -> None:
    await house.settled()
    key = meta()
    first = await register(house, "p-1", meta=key)
    house.clock.move(timedelta(minutes=5))
    again = await register(house, "p-1", meta=key)
    assert (again.revision, house.broker.types("fengqiao.routing.persons").count("PersonRegistered")) == (
        first.revision,
        1,
    )
    refused = await house.refusal("RegisterPerson", person_ref="p-1")
    assert refused.fields == ["person_ref: taken"]


async def test_roles_are_of_units_that_stand_and_are_the_callers(house: House) -> None:
    await house.settled()
    await register(house, "p-1")
    nowhere = await house.refusal("GrantRole", person_ref="p-1", role=2, unit_id="jili/nowhere")
    assert nowhere.fields == ["unit_id: no_such_unit"]
    other = Who("desk", ("jili/hedong",), "p-other")
    assert (await house.refusal("GrantRole", other, person_ref="p-1", role=2, unit_id=VILLAGE)).code == DENIED
    assert (await house.refusal("GetPerson", other, person_ref="p-1")).code == DENIED


async def test_a_volunteer_speaks_for_themselves_only(house: House) -> None:
    await house.settled()
    await register(house, "p-1")
    await register(house, "p-2")
    offer = persons.Offer(skills=["night_patrol"], weekdays=[6])
    mine = await house.call("StateOffer", volunteer("p-1"), person_ref="p-1", offer=offer)
    assert list(mine.person.offer.skills) == ["night_patrol"]
    theirs = await house.refusal("StateOffer", volunteer("p-1"), person_ref="p-2", offer=offer)
    assert theirs.code == DENIED
    assert (await house.refusal("GetPerson", volunteer("p-1"), person_ref="p-2")).code == DENIED
    assert (await house.refusal("GetUnit", volunteer("p-1"), code=NEIGHBOURS)).code == DENIED


async def test_the_nearest_are_suggested_first_with_their_reasons(house: House) -> None:
    await house.settled()
    await register(house, "p-far", VILLAGE)
    await register(house, "p-near")
    answer = await house.call("SuggestVolunteers", LEADER, skill="first_aid", unit_id=NEIGHBOURS)
    assert [each.person_ref for each in answer.suggestions] == ["p-near", "p-far"]
    assert [(reason.code, reason.value) for reason in answer.suggestions[0].reasons] == [
        ("skill", "first_aid"),
        ("place", "same_neighbourhood"),
        ("time", "not_stated"),
        ("load", "0"),
    ]
    elsewhere = await house.refusal("SuggestVolunteers", STRANGER, skill="first_aid", unit_id=NEIGHBOURS)
    assert elsewhere.code == DENIED


async def test_a_call_out_to_a_case_leaves_it_where_it_is_and_its_volunteers_see_nothing_of_it(
    house: House,
) -> None:
    await house.settled()
    await house.following.fresh()
    await register(house, "p-1")
    await register(house, "p-2")
    case_id = await house.case_at(NEIGHBOURS)
    before = await house.case(case_id)
    called = await call_out(house, case_id=case_id, unit_id="")
    assert (called.case_id, called.request_no, sorted(asked(called))) == (case_id, "JILI-1", ["p-1", "p-2"])
    seen = (await house.call("GetCallOut", volunteer("p-1"), call_out_id=called.call_out_id)).call_out
    assert (seen.case_id, seen.request_no, asked(seen), seen.unit_id) == ("", "", ["p-1"], NEIGHBOURS)
    assert await house.case(case_id) == before


async def test_who_came_and_for_how_long_makes_the_ledger(house: House) -> None:
    await house.settled()
    await register(house, "p-1")
    called = await call_out(house)
    me, id_ = volunteer("p-1"), called.call_out_id
    await house.call("AnswerCallOut", me, call_out_id=id_, person_ref="p-1", accept=True)
    house.clock.move(timedelta(minutes=30, seconds=1))
    await fire(house)
    await house.call("CheckIn", me, call_out_id=id_, person_ref="p-1")
    house.clock.move(timedelta(minutes=90))
    await house.call("CheckOut", me, call_out_id=id_, person_ref="p-1")
    ledger = await house.call("GetLedger", me, person_ref="p-1")
    assert ([each.minutes for each in ledger.entries], ledger.minutes) == ([90], 90)
    assert (await house.refusal("GetLedger", volunteer("p-2"), person_ref="p-1")).code == DENIED
    assert (await house.call("GetLedger", person_ref="p-1")).minutes == 90
    before = await house.call("GetLedger", me, person_ref="p-1", until="2026-01-01")
    assert (list(before.entries), before.minutes) == ([], 0)


async def test_who_is_called_out_is_not_asked_elsewhere_at_that_time(house: House) -> None:
    await house.settled()
    await register(house, "p-1")
    await call_out(house)
    assert asked(await call_out(house)) == []
    refused = await house.refusal(
        "CallOutVolunteers", LEADER, skill="first_aid", unit_id=NEIGHBOURS, person_refs=["p-1", "p-x"]
    )
    assert refused.fields == ["person_refs[0]: called_out_elsewhere", "person_refs[1]: no_volunteer"]
    later = timestamp(house.clock.now + timedelta(days=1))
    assert asked(await call_out(house, begins_at=later)) == ["p-1"]


async def test_too_few_volunteers_is_published_at_once_and_when_it_begins(house: House) -> None:
    await house.settled()
    await register(house, "p-1")
    await call_out(house, needed=2)
    topic = "fengqiao.routing.callouts"
    assert house.broker.types(topic) == ["VolunteersCalledOut", "VolunteersAsked", "CallOutRanShort"]
    house.clock.move(timedelta(minutes=30, seconds=1))
    await fire(house)
    assert house.broker.types(topic)[3:] == ["CallOutBegan", "CallOutRanShort"]
    house.clock.move(timedelta(hours=4))
    await fire(house)
    assert house.broker.types(topic)[5:] == ["CallOutEnded"]


async def test_of_a_team_its_members_are_asked_and_for_an_association_its_speaker(house: House) -> None:
    await house.settled()
    for ref in ("p-1", "p-2"):
        await register(house, ref)
    await team(house)
    await team(house, "women", kind=ev.FORCE_KIND_ASSOCIATION, skills=[])
    await house.call("JoinForce", person_ref="p-2", force=TEAM)
    assert asked(await call_out(house, force=TEAM, needed=5)) == ["p-2"]
    assert asked(await call_out(house, force="women", skill="comfort")) == ["p-speaker"]
    wrong = await house.refusal("CallOutVolunteers", LEADER, skill="cooking", unit_id=NEIGHBOURS, force=TEAM)
    assert wrong.fields == ["skill: none_of_the_team"]


async def test_of_a_team_the_nearest_come_first_and_one_from_anywhere_at_last(house: House) -> None:
    await house.settled()
    await team(house)
    for ref, unit in (("p-far", TOP), ("p-near", NEIGHBOURS), ("p-other", VILLAGE)):
        await register(house, ref, unit)
        await house.call("JoinForce", person_ref=ref, force=TEAM)
    await register(house, "p-none")
    fits = {"skill": "first_aid", "unit_id": NEIGHBOURS, "force": TEAM}

    async def suggested(**more: Any) -> list[str]:
        answer = await house.call("SuggestVolunteers", **{**fits, **more})
        return [each.person_ref for each in answer.suggestions]

    assert await suggested() == ["p-near", "p-other", "p-far"]
    assert await suggested(limit=1) == ["p-near"]
    everywhere = Who("desk", ("*",), "p-county")
    await house.call("EstablishUnit", everywhere, code="lishan", kind=KINDS[TOP])
    role = persons.RoleToGrant(role=ev.PERSON_ROLE_VOLUNTEER, unit_id="lishan")
    await house.call("RegisterPerson", everywhere, person_ref="p-else", roles=[role], offer=FIRST_AID)
    await house.call("JoinForce", everywhere, person_ref="p-else", force=TEAM)
    assert await suggested() == ["p-near", "p-other", "p-far", "p-else"]


async def test_a_disbanded_force_is_neither_joined_nor_called(house: House) -> None:
    await house.settled()
    await register(house, "p-1")
    await team(house)
    await house.call("DisbandForce", code=TEAM)
    joined = await house.refusal("JoinForce", person_ref="p-1", force=TEAM)
    assert joined.fields == ["force: no_such_force"]
    listed = await house.call("ListForces")
    assert [(each.code, bool(each.days.until)) for each in listed.forces] == [(TEAM, True)]


async def test_the_same_call_out_is_made_once_however_often_it_is_ordered(house: House) -> None:
    await house.settled()
    await register(house, "p-1")
    key = meta()
    both = await asyncio.gather(call_out(house, meta=key), call_out(house, meta=key))
    house.clock.move(timedelta(hours=2))
    again = await call_out(house, meta=key)
    assert {each.call_out_id for each in (*both, again)} == {again.call_out_id}
    assert house.broker.types("fengqiao.routing.callouts").count("VolunteersCalledOut") == 1


async def test_more_can_be_asked_and_a_retry_of_it_is_answered_alike(house: House) -> None:
    await house.settled()
    await register(house, "p-1")
    called = await call_out(house)
    await register(house, "p-2")
    key = meta()
    for _ in range(2):
        answer = await house.call(
            "AskVolunteers", LEADER, meta=key, call_out_id=called.call_out_id, person_refs=["p-2"]
        )
        assert asked(answer.call_out) == ["p-1", "p-2"]
    twice = await house.refusal("AskVolunteers", LEADER, call_out_id=called.call_out_id, person_refs=["p-2"])
    assert twice.fields == ["person_refs[0]: asked_already"]


async def test_strangers_see_and_change_no_call_out(house: House) -> None:
    await house.settled()
    await register(house, "p-1")
    called = await call_out(house)
    for name in ("GetCallOut", "EndCallOut", "CancelCallOut"):
        assert (await house.refusal(name, STRANGER, call_out_id=called.call_out_id)).code == DENIED
    other = volunteer("p-2")
    assert (await house.refusal("GetCallOut", other, call_out_id=called.call_out_id)).code == DENIED
    refused = await house.refusal("CheckIn", other, call_out_id=called.call_out_id, person_ref="p-1")
    assert refused.code == DENIED
