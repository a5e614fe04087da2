"""Persons (S7, S16): one person, many roles; nobody is counted twice."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.errors import Invalid
from services.chassis.model import Context, Decision
from services.routing.domain.directory.days import Days
from services.routing.domain.forces import registering as r
from services.routing.domain.forces.counting import LEADER, count
from services.routing.domain.forces.folding import evolve_person
from services.routing.domain.forces.person import (
    MASS,
    MEDIATOR,
    PARTY_MEMBER,
    PROFESSIONAL,
    VOLUNTEER,
    Offer,
    Person,
    Role,
)
from services.routing.domain.rosters.department import Hours

ZONE = ZoneInfo("Asia/Shanghai")
START = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
TODAY = date(2026, 3, 2)
HOME, SECTION, VILLAGE = "jili/hexi/s1/n1", "jili/hexi/s1", "jili/hexi"
FIRST_AID = Offer(("first_aid",), (6, 7), Hours("08:00", "20:00"))


def context(at: datetime = START) -> Context:
    return Context("p", "jili", at, at, at)


def grant(role: str = VOLUNTEER, unit: str = HOME, capacity: str = "", on: date = TODAY) -> r.GrantRole:
    return r.GrantRole(role, capacity, unit, on, None, "desk")


def folded(decision: Decision, person: Person | None = None) -> Person:
    for emit in decision.events:
        person = evolve_person(person, emit.message, context())
    assert person is not None
    return person


def registered(*roles: r.GrantRole, offer: Offer | None = None) -> Person:
    command = r.RegisterPerson("p-1", roles, offer or Offer(), TODAY, "desk")
    return folded(r.register(command, context(), ZONE))


def after(person: Person, command: Any, at: datetime = START) -> Person:
    return folded(r.decide_person(person, command, context(at), ZONE), person)


def refusal(person: Person, command: Any) -> str:
    with pytest.raises(Invalid) as error:
        r.decide_person(person, command, context(), ZONE)
    [violation] = error.value.violations
    return f"{violation.field}: {violation.reason}"


def test_one_person_has_many_roles() -> None:
    person = registered(grant(), grant(PARTY_MEMBER, VILLAGE), grant(MEDIATOR, SECTION, MASS))
    assert [(role.name, role.unit_id, role.capacity) for role in person.roles_on(TODAY)] == [
        (VOLUNTEER, HOME, ""),
        (PARTY_MEMBER, VILLAGE, ""),
        (MEDIATOR, SECTION, MASS),
    ]


def test_a_role_holds_on_its_days_and_the_days_before_keep_it() -> None:
    person = after(registered(grant()), r.EndRole(VOLUNTEER, HOME, TODAY + timedelta(days=3), "desk"))
    assert person.volunteers_at(TODAY + timedelta(days=2)) == [HOME]
    assert person.volunteers_at(TODAY + timedelta(days=3)) == []


def test_nobody_has_a_role_twice_at_one_unit() -> None:
    assert refusal(registered(grant()), grant()) == "role: has_it_already"
    ended = after(registered(grant()), r.EndRole(VOLUNTEER, HOME, TODAY, "desk"))
    assert after(ended, grant()).volunteers_at(TODAY) == [HOME]


def test_a_mediator_has_a_capacity_and_nobody_else() -> None:
    person = registered()
    assert refusal(person, grant(MEDIATOR)) == "capacity: required"
    assert refusal(person, grant(VOLUNTEER, capacity=MASS)) == "capacity: only_of_a_mediator"


def test_nothing_is_granted_for_a_day_that_is_over() -> None:
    assert refusal(registered(), grant(on=TODAY - timedelta(days=1))) == "on: in_the_past"


def test_who_is_no_volunteer_offers_nothing_and_joins_nothing() -> None:
    person = registered(grant(PARTY_MEMBER))
    assert refusal(person, r.StateOffer(FIRST_AID, TODAY)) == "person_ref: no_volunteer"
    assert refusal(person, r.JoinForce("blue-sky", TODAY, "desk")) == "person_ref: no_volunteer"


def test_hours_of_an_offer_are_in_order() -> None:
    wrong = Offer(("first_aid",), (), Hours("20:00", "08:00"))
    assert refusal(registered(grant()), r.StateOffer(wrong, TODAY)) == "offer.hours.closes: not_after_opening"


def test_who_ends_a_role_ends_what_was_to_begin_later() -> None:
    later = after(registered(grant()), r.EndRole(VOLUNTEER, HOME, TODAY + timedelta(days=1), "desk"))
    later = after(later, grant(on=TODAY + timedelta(days=1)))
    ended = after(later, r.EndRole(VOLUNTEER, HOME, TODAY, "desk"))
    assert [ended.volunteers_at(TODAY + timedelta(days=ahead)) for ahead in range(3)] == [[], [], []]


def test_a_member_joins_once_and_can_leave() -> None:
    member = after(registered(grant()), r.JoinForce("blue-sky", TODAY, "desk"))
    assert member.belongs("blue-sky", TODAY)
    assert refusal(member, r.JoinForce("blue-sky", TODAY, "desk")) == "force: member_already"
    left = after(member, r.LeaveForce("blue-sky", TODAY, "p-1"))
    assert not left.belongs("blue-sky", TODAY)
    assert refusal(left, r.LeaveForce("blue-sky", TODAY, "p-1")) == "force: no_member"


def test_a_volunteer_is_found_by_skill_at_home_and_above() -> None:
    person = registered(grant(), offer=FIRST_AID)
    assert set(person.offers) == {
        "jili|first_aid@jili",
        f"jili|first_aid@{VILLAGE}",
        f"jili|first_aid@{SECTION}",
        f"jili|first_aid@{HOME}",
    }


def test_nobody_is_counted_twice() -> None:
    leader_too = registered(grant(), grant(PARTY_MEMBER), grant(VOLUNTEER, SECTION))
    counts = count([leader_too], {"p-1", "p-2"}, VILLAGE, TODAY)
    assert (counts.persons, counts.in_several_roles) == (2, 1)
    assert counts.by_role == {LEADER: 2, VOLUNTEER: 1, PARTY_MEMBER: 1}


def test_a_count_is_of_the_unit_and_those_below_it_only() -> None:
    elsewhere = registered(grant(VOLUNTEER, "jili/hexi2/s1/n1"))
    assert count([elsewhere], (), VILLAGE, TODAY).persons == 0


def test_mediators_are_counted_by_capacity_and_are_one_role() -> None:
    both = registered(grant(MEDIATOR, VILLAGE, MASS), grant(MEDIATOR, SECTION, PROFESSIONAL))
    counts = count([both], (), VILLAGE, TODAY)
    assert counts.by_role == {f"{MEDIATOR}.{MASS}": 1, f"{MEDIATOR}.{PROFESSIONAL}": 1}
    assert (counts.persons, counts.in_several_roles) == (1, 0)


refs = st.sampled_from("abcdef")
roles = st.builds(
    Role,
    name=st.sampled_from([VOLUNTEER, PARTY_MEMBER]),
    capacity=st.just(""),
    unit_id=st.sampled_from([HOME, SECTION, "jili/hedong"]),
    days=st.just(Days(TODAY)),
)


@given(
    st.dictionaries(st.sampled_from("abcdef"), st.lists(roles, max_size=4)),
    st.sets(st.sampled_from("abcdef")),
)
def test_whatever_people_are_each_counts_once(given_roles: dict[str, list[Role]], leaders: set[str]) -> None:
    people = [Person(ref, "jili", tuple(each)) for ref, each in given_roles.items()]
    counts = count(people, leaders, "jili", TODAY)
    assert counts.persons == len(leaders | {ref for ref, each in given_roles.items() if each})
    assert counts.persons <= sum(counts.by_role.values())
    assert all(number <= counts.persons for number in counts.by_role.values())


steps = st.lists(
    st.tuples(
        st.sampled_from(["grant", "end", "join", "leave"]),
        st.sampled_from([HOME, SECTION]),
        st.integers(min_value=0, max_value=4),
    ),
    max_size=12,
)


@given(steps)
def test_after_any_orders_each_day_answers_as_the_orders_said(orders: list[tuple[str, str, int]]) -> None:
    person, expected = registered(), dict[tuple[str, int], bool]()
    for what, unit, ahead in orders:
        on = TODAY + timedelta(days=ahead)
        command = {
            "grant": grant(unit=unit, on=on),
            "end": r.EndRole(VOLUNTEER, unit, on, "desk"),
            "join": r.JoinForce("f", on, "desk"),
            "leave": r.LeaveForce("f", on, "desk"),
        }[what]
        try:
            person = after(person, command)
        except Invalid:
            continue
        if what in {"grant", "end"}:
            expected |= {(unit, day): what == "grant" for day in range(ahead, 6)}
    for (unit, ahead), holds in expected.items():
        assert (unit in person.volunteers_at(TODAY + timedelta(days=ahead))) == holds
