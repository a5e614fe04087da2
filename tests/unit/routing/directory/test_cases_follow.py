"""An open case is with somebody who can act, whatever becomes of units and posts; its clocks don't notice."""

from dataclasses import replace
from datetime import timedelta

import pytest

from fengqiao.routing.v1 import events_pb2 as ev
from services.routing.domain import AcceptCase, EscalateCase
from services.routing.domain.directory import commands as c
from services.routing.domain.directory.ground import Ground
from services.routing.domain.directory.restructuring import merge, move
from services.routing.domain.directory.unit import LEADER, NEIGHBOURHOOD, SECTION, TEMPORARY
from tests.unit.routing.directory.cases import FILE, Followed, submitted
from tests.unit.routing.directory.register import (
    A_SECTION,
    A_VILLAGE,
    NEIGHBOURS,
    OFFICE,
    START,
    TOP,
    Register,
    small,
)

TOMORROW = START + timedelta(days=1)
"""Before any clock runs out."""


def vacate(register: Register, code: str) -> None:
    register.order(code, c.VacatePost(LEADER, register.today, "resigned", OFFICE))


def clocks(followed: Followed) -> object:
    return followed.case.plan, followed.case.running, followed.case.due_at


def test_until_the_directory_has_a_sub_district_the_sites_file_answers() -> None:
    ground = Ground(FILE)
    ground.turn(START)
    assert (ground.top, ground.post(TOP).holder_ref, ground.idle) == (TOP, "by-the-file", [])


def test_a_vacant_posts_case_goes_to_the_section_and_its_clocks_run_on() -> None:
    followed = submitted(small(), NEIGHBOURS)
    assert followed.owner == (NEIGHBOURS, "p-leader")
    before = clocks(followed)
    vacate(followed.register, NEIGHBOURS)
    followed.sweep()
    assert followed.owner == (A_SECTION, "p-section")
    assert followed.case.reasons == (f"vacant:{NEIGHBOURS}",)
    assert clocks(followed) == before
    assert followed.case.steps[-1].reason == ev.MOVE_REASON_VACANCY


def test_the_clock_of_the_vacant_post_runs_out_and_the_sections_own_begins() -> None:
    followed = submitted(small(), NEIGHBOURS)
    vacate(followed.register, NEIGHBOURS)
    steps = len(followed.sweep().case.steps)
    clock = followed.case.clock
    assert clock is not None
    followed.walk.wait(clock.due_at - followed.walk.now + timedelta(seconds=1))
    assert (followed.owner, followed.case.running) == ((A_SECTION, "p-section"), 2)
    assert len(followed.case.steps) == steps, "it stayed where it was"
    clock = followed.case.clock
    assert clock is not None
    followed.walk.wait(clock.due_at - followed.walk.now + timedelta(seconds=1))
    assert (followed.owner, followed.case.running) == ((A_VILLAGE, "p-village"), 3)


def test_who_takes_over_has_to_accept_it_again() -> None:
    followed = submitted(small(), NEIGHBOURS)
    followed.walk.order(AcceptCase())
    vacate(followed.register, NEIGHBOURS)
    assert followed.sweep().case.status == "assigned"


def test_a_substitute_has_the_case_during_a_leave_and_the_leader_afterwards() -> None:
    followed = submitted(small(), NEIGHBOURS)
    leave = c.GrantLeave(LEADER, START, OFFICE, TOMORROW, "p-substitute")
    followed.register.order(NEIGHBOURS, leave)
    steps = followed.case.steps
    assert followed.sweep().owner == (NEIGHBOURS, "p-substitute")
    followed.register.later(1)
    assert followed.sweep().owner == (NEIGHBOURS, "p-leader")
    assert followed.case.steps == steps, "it never left the unit"
    assert followed.walk.events.count("CaseReassigned") == 2


def test_on_leave_without_a_substitute_the_section_has_the_case() -> None:
    followed = submitted(small(), NEIGHBOURS)
    followed.register.order(NEIGHBOURS, c.GrantLeave(LEADER, START, OFFICE, TOMORROW))
    assert followed.sweep().owner == (A_SECTION, "p-section")
    assert followed.case.steps[-1].reason == ev.MOVE_REASON_LEAVE
    followed.register.later(1)
    assert followed.sweep().owner == (A_SECTION, "p-section"), "back only by an explicit move"


def test_a_case_of_a_unit_that_moved_goes_along() -> None:
    followed = submitted(small(), NEIGHBOURS)
    register, new = followed.register, f"{A_VILLAGE}/s2/n1"
    register.establish(f"{A_VILLAGE}/s2", SECTION)
    register.follow(move(register.territory, NEIGHBOURS, new, START, OFFICE))
    assert followed.sweep().owner == (new, "p-leader")
    assert followed.case.steps[-1].reason == ev.MOVE_REASON_UNIT_CLOSED


def test_a_case_of_a_merged_neighbourhood_goes_to_its_new_leader() -> None:
    followed = submitted(small(), NEIGHBOURS)
    register, other = followed.register, f"{A_SECTION}/n2"
    register.establish(other, NEIGHBOURHOOD).appoint(other, "p-other")
    register.follow(merge(register.territory, NEIGHBOURS, other, START, OFFICE))
    assert followed.sweep().owner == (other, "p-other")


def test_a_night_market_takes_new_cases_and_leaves_old_ones_where_they_are() -> None:
    old = submitted(small(), NEIGHBOURS)
    market = f"{A_VILLAGE}/market"
    register = old.register.establish(market, TEMPORARY, until=TOMORROW, covers=(A_SECTION,))
    register.appoint(market, "p-market")
    assert submitted(register, NEIGHBOURS).owner == (market, "p-market")
    assert old.sweep().owner == (NEIGHBOURS, "p-leader")


def test_when_the_market_is_over_its_open_cases_go_to_the_village() -> None:
    market = f"{A_VILLAGE}/market"
    register = small().establish(market, TEMPORARY, until=TOMORROW, covers=(A_SECTION,))
    followed = submitted(register.appoint(market, "p-market"), NEIGHBOURS)
    register.later(1)
    assert followed.sweep().owner == (A_VILLAGE, "p-village")


@pytest.mark.parametrize("post", [A_SECTION, A_VILLAGE])
def test_a_case_climbs_past_whoever_is_not_there(post: str) -> None:
    followed = submitted(small(), NEIGHBOURS)
    vacate(followed.register, post)
    followed.look()
    seen = [followed.case.unit_id]
    while followed.case.tier < 4:
        followed.walk.order(EscalateCase())
        seen.append(followed.case.unit_id)
    assert post not in seen
    assert followed.owner == (TOP, "p-top")


def test_nothing_moves_when_everybody_is_there() -> None:
    followed = submitted(small(), NEIGHBOURS)
    before = replace(followed.case)
    assert followed.sweep().case == before
