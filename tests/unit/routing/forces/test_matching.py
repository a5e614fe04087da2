"""Matching (S8): by skill, place and time, the nearest in front, each with the reasons."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from services.routing.domain.directory.days import Days
from services.routing.domain.forces.matching import LEVELS, Wanted, availability, nearness, suggest
from services.routing.domain.forces.person import VOLUNTEER, Membership, Offer, Person, Role
from services.routing.domain.rosters.department import Hours

ZONE = ZoneInfo("Asia/Shanghai")
MONDAY_TEN = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
HERE = "jili/hexi/s1/n1"
WANTED = Wanted("first_aid", HERE, MONDAY_TEN, MONDAY_TEN + timedelta(hours=2))
ALWAYS = Days(date(2026, 1, 1))


def volunteer(
    ref: str, unit: str = HERE, skills: tuple[str, ...] = ("first_aid",), **offer: object
) -> Person:
    role = Role(VOLUNTEER, "", unit, ALWAYS)
    return Person(ref, "jili", (role,), offer=Offer(skills, **offer))  # type: ignore[arg-type]


def refs(*people: Person, **more: object) -> list[str]:
    return [each.person_ref for each in suggest(people, WANTED, ZONE, **more)]  # type: ignore[arg-type]


def test_neighbours_come_before_those_who_live_farther() -> None:
    far, near, next_door = (
        volunteer("far", "jili/hedong"),
        volunteer("near", "jili/hexi"),
        volunteer("next_door"),
    )
    assert refs(far, near, next_door) == ["next_door", "near", "far"]


def test_each_is_suggested_with_the_reasons() -> None:
    [suggestion] = suggest([volunteer("a", "jili/hexi/s1/n2")], WANTED, ZONE, loads={"a": 2})
    assert [(each.code, each.value) for each in suggestion.reasons] == [
        ("skill", "first_aid"),
        ("place", "same_section"),
        ("time", "not_stated"),
        ("load", "2"),
    ]


def test_who_lacks_the_skill_is_not_suggested() -> None:
    assert refs(volunteer("a", skills=("night_patrol",))) == []


def test_who_is_called_out_elsewhere_is_not_suggested() -> None:
    assert refs(volunteer("a"), volunteer("b"), busy={"a"}) == ["b"]


def test_whoever_was_called_out_less_comes_first() -> None:
    assert refs(volunteer("a"), volunteer("b"), loads={"a": 3}) == ["b", "a"]


def test_who_said_they_are_free_comes_before_who_said_nothing() -> None:
    assert refs(volunteer("a"), volunteer("b", weekdays=(1,))) == ["b", "a"]


def test_of_a_team_only_its_members_are_suggested() -> None:
    member = Person(
        "m",
        "jili",
        (Role(VOLUNTEER, "", HERE, ALWAYS),),
        (Membership("team", ALWAYS),),
        Offer(("first_aid",)),
    )
    assert refs(member, volunteer("a"), force="team") == ["m"]


def test_who_is_a_volunteer_no_longer_is_not_suggested() -> None:
    over = Days(date(2026, 1, 1), date(2026, 3, 2))
    assert refs(Person("a", "jili", (Role(VOLUNTEER, "", HERE, over),), offer=Offer(("first_aid",)))) == []


@pytest.mark.parametrize(
    ("offer", "expected"),
    [
        (Offer(), "not_stated"),
        (Offer((), (1,)), "free"),
        (Offer((), (2,)), ""),
        (Offer((), (), Hours("09:00", "12:00")), "free"),
        (Offer((), (), Hours("10:30", "12:00")), ""),
        (Offer((), (), Hours("09:00", "11:59")), ""),
        (Offer((), (1,), Hours("10:00", "24:00")), "free"),
    ],
)
def test_a_volunteer_is_free_for_the_whole_time_or_not_at_all(offer: Offer, expected: str) -> None:
    assert availability(offer, WANTED, ZONE) == expected


@pytest.mark.parametrize(
    ("unit", "place", "expected"),
    [
        (HERE, HERE, "same_neighbourhood"),
        ("jili/hexi/s1/n2", HERE, "same_section"),
        ("jili/hexi", HERE, "same_community"),
        ("jili/hedong/s1/n1", HERE, "same_sub_district"),
        ("other/hexi", HERE, "elsewhere"),
        (HERE, "jili/hexi", "same_community"),
    ],
)
def test_how_near_somebody_is(unit: str, place: str, expected: str) -> None:
    assert LEVELS[nearness(unit, place)] == expected
