"""What is told of a unit on a day, and what makes an import differ from it."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from services.routing.domain.directory import commands as c
from services.routing.domain.directory import restructuring as r
from services.routing.domain.directory.exporting import agrees, tell
from services.routing.domain.directory.folding import taken_over
from services.routing.domain.directory.unit import LEADER, Selection, Tenure, Unit
from services.routing.store import dump_unit, load_unit
from tests.unit.routing.directory.register import (
    A_VILLAGE,
    NEIGHBOURS,
    OFFICE,
    RESIDENTS,
    START,
    Register,
    small,
)

NEXT_WEEK = START + timedelta(days=7)
IN_TWO_WEEKS = START + timedelta(days=14)


def there(register: Register | None = None) -> Unit:
    return (register or small()).units[NEIGHBOURS]


def tenure(unit: Unit) -> Tenure:
    [post] = unit.posts
    return post.tenures[-1]


def test_how_somebody_came_to_a_post_is_kept_while_they_hold_it() -> None:
    assert tenure(there()).selection == Selection(START, RESIDENTS, START)


def test_how_a_leader_came_to_the_post_goes_along_when_the_unit_moves() -> None:
    register = small().later(30)
    new = f"{A_VILLAGE}/s9"
    steps = r.move(register.territory, NEIGHBOURS.rpartition("/")[0], new, register.today, OFFICE)
    moved = register.follow(steps).units[f"{new}/n1"]
    assert tenure(moved).selection == Selection(START, RESIDENTS, START)
    assert tell(moved, register.today).posts[0].nominated_on == START.isoformat()


def test_what_was_stored_before_this_was_kept_is_still_read() -> None:
    unit = there()
    plain = dump_unit(unit)
    for each in plain["posts"][0]["tenures"]:
        del each["selection"]
    assert tenure(load_unit(plain)).selection == Selection()
    assert load_unit(dump_unit(unit)) == unit


def test_an_import_that_tells_more_than_was_kept_agrees() -> None:
    unit = there()
    forgotten = unit.with_post(
        replace(unit.posts[0], tenures=(replace(tenure(unit), selection=Selection()),))
    )
    assert agrees(unit, forgotten, START)
    assert not agrees(forgotten, unit, START)


def test_only_what_holds_on_the_day_is_told() -> None:
    register = small()
    register.order(NEIGHBOURS, c.GrantLeave(LEADER, NEXT_WEEK, OFFICE, IN_TWO_WEEKS, "p-substitute"))
    register.order(NEIGHBOURS, c.SettleHouseholds(("h-9",), NEXT_WEEK))
    register.order(NEIGHBOURS, c.VacatePost(LEADER, IN_TWO_WEEKS, "resigned", OFFICE))
    register.order(NEIGHBOURS, c.ReleaseHouseholds(("h-1",), IN_TWO_WEEKS))
    unit = there(register)

    def told(day: date) -> tuple[str, str, list[str]]:
        event = tell(unit, day)
        keys = [key for group in event.households for key in group.keys]
        return event.posts[0].person_ref, event.posts[0].leave_since, keys

    assert told(START) == ("p-leader", "", ["h-2", "h-3", "h-1"])
    assert told(NEXT_WEEK) == ("p-leader", NEXT_WEEK.isoformat(), ["h-2", "h-3", "h-1", "h-9"])
    assert told(IN_TWO_WEEKS) == ("", "", ["h-2", "h-3", "h-9"])


@pytest.mark.parametrize(
    ("command", "differs"),
    [
        (c.GrantLeave(LEADER, START, OFFICE), True),
        (c.GrantLeave(LEADER, NEXT_WEEK, OFFICE), False),
        (c.VacatePost(LEADER, START, "resigned", OFFICE), True),
        (c.VacatePost(LEADER, NEXT_WEEK, "resigned", OFFICE), True),
        (c.NominateLeader(LEADER, "p-next", START, RESIDENTS, OFFICE), False),
        (c.SettleHouseholds(("h-9",), START), True),
        (c.SettleHouseholds(("h-9",), NEXT_WEEK), False),
        (c.ReleaseHouseholds(("h-1",), NEXT_WEEK), True),
        (c.CloseUnit(NEXT_WEEK), True),
        (
            c.DrawBoundary((((120.0, 30.0), (120.01, 30.0), (120.01, 30.01), (120.0, 30.0)),), START, OFFICE),
            False,
        ),
    ],
)
def test_an_import_differs_once_what_it_tells_of_the_day_does_not_hold_any_more(
    command: Any, *, differs: bool
) -> None:
    register = small()
    told = taken_over(tell(there(register), START))
    assert agrees(told, there(register), START)
    assert agrees(told, there(register.order(NEIGHBOURS, command)), START) is not differs
