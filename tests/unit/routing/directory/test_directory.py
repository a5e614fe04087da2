"""Who is responsible for whom, and since when: units, households, leaders."""

from datetime import date, timedelta
from typing import Any

import pytest

from services.chassis.errors import CommandError, IllegalTransition, Invalid
from services.routing.domain.directory import commands as c
from services.routing.domain.directory import restructuring as r
from services.routing.domain.directory.territory import Breach, Gap, Ratio
from services.routing.domain.directory.unit import (
    LEADER,
    NEIGHBOURHOOD,
    SECTION,
    TEMPORARY,
    VILLAGE,
)
from tests.unit.routing.directory.register import (
    A_SECTION,
    A_VILLAGE,
    NEIGHBOURS,
    OFFICE,
    RESIDENTS,
    START,
    TOP,
    Register,
    small,
)

OTHER_SECTION, OTHER_NEIGHBOURS = "jili/hexi/s2", "jili/hexi/s1/n2"
NEXT_WEEK = START + timedelta(days=7)
IN_TWO_WEEKS = START + timedelta(days=14)
DAY = timedelta(days=1)


def nominate(person_ref: str, on: date = START, nominators: int = RESIDENTS) -> c.NominateLeader:
    return c.NominateLeader(LEADER, person_ref, on, nominators, OFFICE)


def vacate(on: date = START, reason: str = "resigned") -> c.VacatePost:
    return c.VacatePost(LEADER, on, reason, OFFICE)


def refusal(register: Register, code: str, command: Any) -> list[tuple[str, str]]:
    """Fields and reasons that an order is refused for; an order that is refused changes nothing."""
    before = dict(register.units)
    with pytest.raises(CommandError) as refused:
        register.order(code, command)
    assert register.units == before
    error = refused.value
    if isinstance(error, Invalid):
        return [(violation.field, violation.reason) for violation in error.violations]
    return [("", error.reason)]


# -- households and their leader ---------------------------------------------------------------------------


def test_every_household_has_its_neighbour_leader() -> None:
    register = small()
    assert register.territory.home("h-2", START) == NEIGHBOURS
    assert register.answering(NEIGHBOURS) == (NEIGHBOURS, "p-leader")
    assert list(register.territory.gaps(START)) == []


def test_a_household_without_leader_shows_in_the_gap_list() -> None:
    register = small().later(1).order(NEIGHBOURS, vacate(START + DAY))
    gaps = list(register.territory.gaps(START + DAY))
    assert gaps == [Gap(key, "vacant", NEIGHBOURS) for key in ("h-1", "h-2", "h-3")]
    assert list(register.territory.gaps(START)) == [], "the day before it had one"


def test_a_household_that_no_unit_has_shows_in_the_gap_list() -> None:
    register = small().order(NEIGHBOURS, c.ReleaseHouseholds(("h-2",), NEXT_WEEK))
    assert list(register.territory.gaps(NEXT_WEEK)) == [Gap("h-2", "no_unit")]


def test_a_household_is_of_one_neighbourhood_only() -> None:
    register = small().establish(OTHER_NEIGHBOURS, NEIGHBOURHOOD)
    command = c.SettleHouseholds(("h-9", "h-1", "h-2"), NEXT_WEEK)
    assert refusal(register, OTHER_NEIGHBOURS, command) == [
        ("households[1]", f"belongs_to:{NEIGHBOURS}"),
        ("households[2]", f"belongs_to:{NEIGHBOURS}"),
    ]
    assert refusal(register, OTHER_NEIGHBOURS, c.SettleHouseholds(("h-9", "h-9"), START)) == [
        ("households", "named_twice")
    ]


def test_a_household_that_moves_is_asked_for_by_day() -> None:
    register = small().establish(OTHER_NEIGHBOURS, NEIGHBOURHOOD)
    register.order(NEIGHBOURS, c.ReleaseHouseholds(("h-1",), NEXT_WEEK, OTHER_NEIGHBOURS))
    register.settle(OTHER_NEIGHBOURS, "h-1", on=NEXT_WEEK)
    homes = [register.territory.home("h-1", START + n * DAY) for n in (0, 6, 7, 400)]
    assert homes == [NEIGHBOURS, NEIGHBOURS, OTHER_NEIGHBOURS, OTHER_NEIGHBOURS]


def test_only_a_neighbourhood_has_households() -> None:
    assert refusal(small(), A_SECTION, c.SettleHouseholds(("h-9",), START)) == [
        ("code", "not_a_neighbourhood")
    ]


def test_a_household_that_is_not_here_is_not_released() -> None:
    command = c.ReleaseHouseholds(("h-1", "h-8"), START)
    assert refusal(small(), NEIGHBOURS, command) == [("households[1]", "not_here")]


def test_too_few_and_too_many_households_for_a_leader_are_listed() -> None:
    village = Ratio(5, 15, "directory.village_ratio@1")
    register = small()
    ratios = {VILLAGE: village}
    assert list(register.territory.breaches(START, ratios)) == [Breach(NEIGHBOURS, 3, village)]
    register.settle(NEIGHBOURS, "h-4", "h-5")
    assert list(register.territory.breaches(START, ratios)) == []
    register.settle(NEIGHBOURS, *(f"h-{n}" for n in range(10, 21)))
    assert list(register.territory.breaches(START, ratios)) == [Breach(NEIGHBOURS, 16, village)]


# -- leaders -----------------------------------------------------------------------------------------------


def test_nobody_is_appointed_whom_residents_did_not_nominate() -> None:
    register = small().order(NEIGHBOURS, vacate())
    assert refusal(register, NEIGHBOURS, c.AppointLeader(LEADER, "p-2", START, OFFICE)) == [
        ("", "not_nominated")
    ]
    assert refusal(register, NEIGHBOURS, nominate("p-2", nominators=0)) == [("nominators", "nobody")]


def test_nobody_is_appointed_before_being_vetted_and_approved() -> None:
    register = small().order(NEIGHBOURS, vacate()).order(NEIGHBOURS, nominate("p-2"))
    appoint = c.AppointLeader(LEADER, "p-2", START, OFFICE)
    assert refusal(register, NEIGHBOURS, appoint) == [("", "not_approved")]
    register.order(NEIGHBOURS, c.VetLeader(LEADER, "p-2", NEXT_WEEK, approved=True, decided_by=OFFICE))
    assert refusal(register, NEIGHBOURS, appoint) == [("", "not_approved")], "approved only from next week on"
    register.order(
        NEIGHBOURS, c.VetLeader(LEADER, "p-2", START, approved=False, decided_by=OFFICE, reason="unfit")
    )
    assert refusal(register, NEIGHBOURS, c.AppointLeader(LEADER, "p-2", NEXT_WEEK, OFFICE)) == [
        ("", "not_approved")
    ]


def test_who_is_not_approved_is_told_why() -> None:
    register = small().order(NEIGHBOURS, nominate("p-2"))
    command = c.VetLeader(LEADER, "p-2", START, approved=False, decided_by=OFFICE)
    assert refusal(register, NEIGHBOURS, command) == [("reason", "required")]


def test_nobody_vets_or_appoints_themselves() -> None:
    register = small().order(NEIGHBOURS, vacate()).order(NEIGHBOURS, nominate("p-2"))
    vet = c.VetLeader(LEADER, "p-2", START, approved=True, decided_by="p-2")
    appoint = c.AppointLeader(LEADER, "p-2", START, "p-2")
    for command in (vet, appoint):
        assert refusal(register, NEIGHBOURS, command) == [("person_ref", "decides_on_themselves")]


def test_a_post_that_is_held_gets_no_second_holder() -> None:
    register = small().order(NEIGHBOURS, nominate("p-2"))
    register.order(NEIGHBOURS, c.VetLeader(LEADER, "p-2", START, approved=True, decided_by=OFFICE))
    command = c.AppointLeader(LEADER, "p-2", START, OFFICE)
    assert refusal(register, NEIGHBOURS, command) == [("", "illegal_transition")]


def test_a_successor_is_appointed_from_the_day_on_which_a_term_is_over() -> None:
    register = small().order(NEIGHBOURS, vacate()).appoint(NEIGHBOURS, "p-2", until=NEXT_WEEK)
    register.order(NEIGHBOURS, nominate("p-3"))
    register.order(NEIGHBOURS, c.VetLeader(LEADER, "p-3", START, approved=True, decided_by=OFFICE))
    register.order(NEIGHBOURS, c.AppointLeader(LEADER, "p-3", NEXT_WEEK, OFFICE))
    assert register.answering(NEIGHBOURS, NEXT_WEEK - DAY) == (NEIGHBOURS, "p-2")
    assert register.answering(NEIGHBOURS, NEXT_WEEK) == (NEIGHBOURS, "p-3")


def test_nobody_leads_two_neighbourhoods_where_the_rule_forbids_it() -> None:
    register = small().establish(OTHER_NEIGHBOURS, NEIGHBOURHOOD)
    register.order(OTHER_NEIGHBOURS, nominate("p-leader"))
    vetted = c.VetLeader(LEADER, "p-leader", START, approved=True, decided_by=OFFICE)
    register.order(OTHER_NEIGHBOURS, vetted)
    command = c.AppointLeader(LEADER, "p-leader", START, OFFICE)
    assert refusal(register, OTHER_NEIGHBOURS, command) == [("person_ref", f"leads:{NEIGHBOURS}")]


def test_while_a_leader_is_on_leave_the_substitute_answers() -> None:
    leave = c.GrantLeave(LEADER, NEXT_WEEK, OFFICE, IN_TWO_WEEKS, "p-substitute")
    register = small().order(NEIGHBOURS, leave)
    answers = [
        register.answering(NEIGHBOURS, day) for day in (START, NEXT_WEEK, IN_TWO_WEEKS - DAY, IN_TWO_WEEKS)
    ]
    assert [answer[1] for answer in answers if answer] == [
        "p-leader",
        "p-substitute",
        "p-substitute",
        "p-leader",
    ]
    assert list(register.territory.gaps(NEXT_WEEK)) == [], "the household has its leader all the same"


def test_without_a_substitute_the_section_answers() -> None:
    register = small().order(NEIGHBOURS, c.GrantLeave(LEADER, START, OFFICE, NEXT_WEEK))
    assert register.answering(NEIGHBOURS) == (A_SECTION, "p-section")


def test_nobody_stands_in_for_themselves() -> None:
    command = c.GrantLeave(LEADER, START, OFFICE, NEXT_WEEK, "p-leader")
    assert refusal(small(), NEIGHBOURS, command) == [("substitute_ref", "is_the_holder")]


def test_who_is_back_early_answers_again() -> None:
    register = small().order(NEIGHBOURS, c.GrantLeave(LEADER, START, OFFICE, NEXT_WEEK)).later(2)
    register.order(NEIGHBOURS, c.EndLeave(LEADER, register.today, OFFICE))
    assert register.answering(NEIGHBOURS) == (NEIGHBOURS, "p-leader")
    assert register.answering(NEIGHBOURS, START) == (A_SECTION, "p-section")


def test_a_vacant_post_is_answered_for_by_the_next_unit_up_with_somebody_at_work() -> None:
    register = small().order(NEIGHBOURS, vacate()).order(A_SECTION, vacate())
    assert register.answering(NEIGHBOURS) == (A_VILLAGE, "p-village")


# -- what was stays ----------------------------------------------------------------------------------------


def test_nothing_is_decided_for_a_day_that_is_over() -> None:
    register = small().later(3)
    assert refusal(register, NEIGHBOURS, vacate(START)) == [("on", "in_the_past")]


def test_no_unit_begins_on_a_day_that_is_over() -> None:
    register = small().later(3)
    assert refusal(register, OTHER_NEIGHBOURS, c.EstablishUnit(OTHER_NEIGHBOURS, NEIGHBOURHOOD, START)) == [
        ("on", "in_the_past")
    ]


def test_a_resignation_leaves_the_days_before_as_they_were() -> None:
    register = small().later(7).order(NEIGHBOURS, vacate(NEXT_WEEK)).appoint(NEIGHBOURS, "p-2")
    assert register.answering(NEIGHBOURS, NEXT_WEEK - DAY) == (NEIGHBOURS, "p-leader")
    assert register.answering(NEIGHBOURS, NEXT_WEEK) == (NEIGHBOURS, "p-2")


def test_nobody_is_counted_twice() -> None:
    register = small().order(A_SECTION, vacate()).appoint(A_SECTION, "p-village")
    counts = register.territory.counts(START)
    assert (counts.posts, counts.vacant, counts.holders, counts.households) == (4, 0, 3, 3)


# -- units -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "kind", "wrong"),
    [
        ("jili/nowhere/s1", SECTION, ("code", "nothing_above")),
        ("jili/hexi/v2", VILLAGE, ("kind", "not_below:village")),
        ("jili/hexi/s1/n1/n2", NEIGHBOURHOOD, ("kind", "not_below:neighbourhood")),
    ],
)
def test_a_unit_has_its_place_in_the_tree(code: str, kind: str, wrong: tuple[str, str]) -> None:
    assert refusal(small(), code, c.EstablishUnit(code, kind, START)) == [wrong]


def test_a_section_moves_with_all_that_is_below_it() -> None:
    register = small().establish("jili/hedong", VILLAGE).later(1)
    new = "jili/hedong/s1"
    register.follow(r.move(register.territory, A_SECTION, new, NEXT_WEEK, OFFICE))
    assert register.territory.home("h-1", NEXT_WEEK - DAY) == NEIGHBOURS
    assert register.territory.home("h-1", NEXT_WEEK) == f"{new}/n1"
    assert register.answering(f"{new}/n1", NEXT_WEEK) == (f"{new}/n1", "p-leader"), "the leader goes along"
    assert register.answering(NEIGHBOURS, NEXT_WEEK) == (f"{new}/n1", "p-leader"), "so do open cases"
    assert register.territory.counts(NEXT_WEEK).units == register.territory.counts(START + DAY).units


def test_a_unit_does_not_move_within_itself() -> None:
    with pytest.raises(Invalid):
        r.move(small().territory, A_SECTION, f"{A_SECTION}/s9", START, OFFICE)


def test_two_neighbourhoods_become_one_and_its_leader_stays() -> None:
    register = small().establish(OTHER_NEIGHBOURS, NEIGHBOURHOOD).appoint(OTHER_NEIGHBOURS, "p-2")
    register.settle(OTHER_NEIGHBOURS, "h-8")
    register.follow(r.merge(register.territory, OTHER_NEIGHBOURS, NEIGHBOURS, NEXT_WEEK, OFFICE))
    assert register.territory.home("h-8", NEXT_WEEK) == NEIGHBOURS
    assert register.answering(OTHER_NEIGHBOURS, NEXT_WEEK) == (NEIGHBOURS, "p-leader")
    assert register.answering(OTHER_NEIGHBOURS, NEXT_WEEK - DAY) == (OTHER_NEIGHBOURS, "p-2")


def test_a_neighbourhood_is_split_and_its_leader_goes_on_in_the_first_part() -> None:
    register = small()
    first, second = "jili/hexi/s1/n11", "jili/hexi/s1/n12"
    parts = {first: ("h-1", "h-2"), second: ("h-3",)}
    register.follow(r.split(register.territory, NEIGHBOURS, parts, NEXT_WEEK, OFFICE))
    assert register.answering(first, NEXT_WEEK) == (first, "p-leader")
    assert list(register.territory.gaps(NEXT_WEEK)) == [Gap("h-3", "vacant", second)]
    assert register.answering(NEIGHBOURS, NEXT_WEEK) == (A_SECTION, "p-section"), "nobody knows which part"


def test_a_split_leaves_nobody_out() -> None:
    parts = {"jili/hexi/s1/n11": ("h-1", "h-2")}
    with pytest.raises(Invalid):
        r.split(small().territory, NEIGHBOURS, parts, NEXT_WEEK, OFFICE)


def test_what_was_planned_goes_along() -> None:
    register = small().settle(NEIGHBOURS, "h-9", on=IN_TWO_WEEKS)
    register.order(NEIGHBOURS, c.GrantLeave(LEADER, IN_TWO_WEEKS, OFFICE, substitute_ref="p-substitute"))
    register.follow(r.move(register.territory, NEIGHBOURS, f"{A_SECTION}/n7", NEXT_WEEK, OFFICE))
    moved = f"{A_SECTION}/n7"
    assert register.territory.home("h-9", NEXT_WEEK) == ""
    assert register.territory.home("h-9", IN_TWO_WEEKS) == moved
    assert register.answering(moved, IN_TWO_WEEKS) == (moved, "p-substitute")


def test_a_leave_after_the_end_of_a_term_is_none() -> None:
    register = small().order(NEIGHBOURS, c.GrantLeave(LEADER, IN_TWO_WEEKS, OFFICE))
    register.order(NEIGHBOURS, vacate(NEXT_WEEK))
    register.follow(r.move(register.territory, NEIGHBOURS, f"{A_SECTION}/n7", START, OFFICE))
    assert register.answering(f"{A_SECTION}/n7", NEXT_WEEK) == (A_SECTION, "p-section")


def test_no_unit_succeeds_itself_and_a_circle_of_successors_ends() -> None:
    register = small().establish(OTHER_NEIGHBOURS, NEIGHBOURHOOD)
    closing = c.CloseUnit(NEXT_WEEK, (NEIGHBOURS,))
    assert refusal(register, NEIGHBOURS, closing) == [("successors", "is_itself")]
    register.order(NEIGHBOURS, c.CloseUnit(NEXT_WEEK, (OTHER_NEIGHBOURS,)))
    register.order(OTHER_NEIGHBOURS, c.CloseUnit(NEXT_WEEK, (NEIGHBOURS,)))
    assert register.answering(NEIGHBOURS, NEXT_WEEK) == (A_SECTION, "p-section")


def test_a_closed_unit_takes_no_orders() -> None:
    register = small().order(NEIGHBOURS, c.CloseUnit(NEXT_WEEK))
    assert refusal(register, NEIGHBOURS, nominate("p-2", on=NEXT_WEEK)) == [("", "illegal_transition")]
    register.order(NEIGHBOURS, nominate("p-2"))


def test_a_night_market_takes_the_cases_of_its_place_while_it_lasts() -> None:
    market = "jili/hexi/night-market"
    register = (
        small().establish(market, TEMPORARY, until=NEXT_WEEK, covers=(A_SECTION,)).appoint(market, "p-market")
    )
    assert register.answering(NEIGHBOURS) == (market, "p-market")
    assert register.answering(NEIGHBOURS, NEXT_WEEK) == (NEIGHBOURS, "p-leader")
    assert register.territory.home("h-1", START) == NEIGHBOURS, "households stay where they are"


@pytest.mark.parametrize(
    ("command", "wrong"),
    [
        (c.EstablishUnit(f"{TOP}/m", TEMPORARY, START, NEXT_WEEK), ("covers", "required")),
        (c.EstablishUnit(f"{TOP}/m", TEMPORARY, START, covers=(TOP,)), ("until", "required")),
        (
            c.EstablishUnit(f"{TOP}/m", TEMPORARY, NEXT_WEEK, START, covers=(TOP,)),
            ("until", "not_after_the_first_day"),
        ),
        (c.EstablishUnit(f"{TOP}/v", VILLAGE, START, NEXT_WEEK), ("until", "not_for_this_kind")),
    ],
)
def test_a_temporary_unit_has_a_place_and_an_end(command: c.EstablishUnit, wrong: tuple[str, str]) -> None:
    assert refusal(small(), command.code, command) == [wrong]


def test_the_state_of_an_illegal_order_is_named() -> None:
    with pytest.raises(IllegalTransition) as refused:
        small().order(NEIGHBOURS, c.EndLeave(LEADER, START, OFFICE))
    assert refused.value.details["state"] == "held"
    assert "GrantLeave" in refused.value.details["allowed"]
