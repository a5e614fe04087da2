"""A person is taken over whole or not at all; whether they are there already is judged by the day."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from services.chassis.errors import Invalid
from services.chassis.model import Context
from services.routing.domain.directory.days import Days
from services.routing.domain.forces.force import EstablishForce
from services.routing.domain.forces.importing import (
    TakeOver,
    agrees,
    person_of,
    take_over_force,
    take_over_person,
    told_on,
)
from services.routing.domain.forces.person import Membership, Offer, Person, Role
from services.routing.domain.forces.registering import GrantRole, JoinForce
from services.routing.domain.rosters.department import Hours

NOW = datetime(2026, 3, 2, 4, tzinfo=UTC)
CONTEXT = Context("p", "jili", NOW, NOW, NOW)
SINCE, LATER, TODAY = date(2020, 1, 1), date(2026, 9, 1), date(2026, 3, 2)
OFFER = Offer(("first_aid",), (6, 7), Hours("08:00", "12:00"))


def role(name: str = "volunteer", unit: str = "jili/a", capacity: str = "", **more: Any) -> GrantRole:
    given: dict[str, Any] = {"on": SINCE, "until": None, "decided_by": "p-desk", **more}
    return GrantRole(name, capacity, unit, **given)


def whole(**more: Any) -> TakeOver:
    given: dict[str, Any] = {"roles": (role(),), "offer": OFFER, "joins": (), **more}
    return TakeOver("p-1", taken_by="p-desk", **given)


def made(command: TakeOver) -> Person:
    return person_of(take_over_person(command, CONTEXT), CONTEXT)


def test_somebody_is_taken_over_with_all_that_they_are_from_days_that_are_over() -> None:
    join = JoinForce("red", SINCE, "p-desk", LATER)
    person = made(whole(roles=(role(), role("mediator", "jili", "mass")), joins=(join,)))
    assert [each.name for each in person.roles] == ["volunteer", "mediator"]
    assert person.memberships == (Membership("red", Days(SINCE, LATER)),)
    assert (person.offer, person.forces) == (OFFER, ("jili|red",))
    assert "jili|first_aid@jili" in person.offers


@pytest.mark.parametrize(
    ("command", "wrong"),
    [
        (whole(roles=(), offer=Offer()), [("roles", "required")]),
        (whole(roles=(role(), role())), [("roles[1].role", "has_it_already")]),
        (whole(roles=(role(), role("mediator"))), [("roles[1].capacity", "required")]),
        (whole(roles=(role(until=SINCE),)), [("roles[0].until", "not_after_the_first_day")]),
        (whole(roles=(role("party_member"),)), [("person_ref", "no_volunteer")]),
        (whole(offer=replace(OFFER, skills=("First aid",))), [("offer.skills", "no_skill")]),
        (whole(offer=replace(OFFER, weekdays=(1, 1))), [("offer.weekdays", "no_weekdays")]),
        (
            whole(offer=replace(OFFER, hours=Hours("12:00", "08:00"))),
            [("offer.hours.closes", "not_after_opening")],
        ),
        (
            whole(joins=(JoinForce("red", SINCE, "p"), JoinForce("red", LATER, "p"))),
            [("memberships[1].force", "member_already")],
        ),
        (replace(whole(), person_ref=""), [("person_ref", "required")]),
        (replace(whole(), person_ref="p" * 129), [("person_ref", "too_long")]),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_taken_over(
    command: TakeOver, wrong: list[tuple[str, str]]
) -> None:
    with pytest.raises(Invalid) as error:
        take_over_person(command, CONTEXT)
    found = [(each.field, each.reason) for each in error.value.violations]
    assert [each for each in found if each[0] != "person_ref"] == [e for e in wrong if e[0] != "person_ref"]
    assert wrong[0] in found


@pytest.mark.parametrize(
    ("more", "wrong"),
    [
        ({"code": "No 1"}, ("code", "no_code")),
        ({"kind": ""}, ("kind", "required")),
        ({"skills": ()}, ("skills", "required")),
        ({"skills": ("a", "a")}, ("skills", "named_twice")),
        ({"speaker_ref": ""}, ("speaker_ref", "required")),
        ({"until": SINCE}, ("until", "not_after_the_first_day")),
    ],
)
def test_what_is_wrong_with_a_force_is_named(more: dict[str, Any], wrong: tuple[str, str]) -> None:
    sound = EstablishForce("red", "team", "jili", ("first_aid",), "p-9", SINCE, "p-desk")
    assert take_over_force(sound, CONTEXT).events
    with pytest.raises(Invalid) as error:
        take_over_force(replace(sound, **more), CONTEXT)
    assert [(each.field, each.reason) for each in error.value.violations] == [wrong]


def test_what_was_over_before_or_begins_later_makes_no_difference() -> None:
    there = made(whole(joins=(JoinForce("red", SINCE, "p"),)))
    over = Role("party_member", "", "jili", Days(SINCE, date(2021, 1, 1)))
    later = Role("party_member", "", "jili", Days(LATER))
    left = Membership("blue", Days(SINCE, date(2021, 1, 1)))
    grown = replace(there, roles=(*there.roles, over, later), memberships=(left, *there.memberships)).found()
    assert agrees(told_on(grown, TODAY), grown, TODAY)
    assert agrees(there, grown, TODAY)
    assert not agrees(there, grown, LATER)


@pytest.mark.parametrize(
    "changed",
    [
        lambda there: replace(there, roles=()),
        lambda there: replace(there, offer=Offer()),
        lambda there: replace(there, memberships=()),
        lambda there: replace(there, memberships=(Membership("blue", Days(SINCE)),)),
        lambda there: replace(there, roles=(*there.roles, Role("party_member", "", "jili", Days(SINCE)))),
    ],
)
def test_what_is_there_and_different_is_not_the_same(changed: Any) -> None:
    there = made(whole(joins=(JoinForce("red", SINCE, "p"),)))
    assert not agrees(there, changed(there), TODAY)


def test_who_volunteers_no_longer_is_told_without_an_offer_and_agrees_all_the_same() -> None:
    there = made(
        whole(
            roles=(role(until=date(2026, 1, 1)), role("party_member")), joins=(JoinForce("red", SINCE, "p"),)
        )
    )
    told = told_on(there, TODAY)
    assert (len(told.roles), told.offer, told.memberships) == (1, Offer(), ())
    assert agrees(told, there, TODAY)
