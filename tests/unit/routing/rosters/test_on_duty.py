"""Who is on duty at a moment (S15): by mode, day, hour, calendar and make-up workday; and when nobody is."""

from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fengqiao.routing.v1 import roster_events_pb2 as ev
from services.chassis.calendar import LibraryCalendar
from services.chassis.errors import CommandError, IllegalTransition, Invalid
from services.chassis.model import Context, Decision
from services.routing.domain.directory.days import Days
from services.routing.domain.rosters import planning as p
from services.routing.domain.rosters.department import (
    OFFICE,
    ON_CALL,
    RESIDENT,
    ROTATING,
    WHOLE_DAY,
    Department,
    Duty,
    Hours,
)
from services.routing.domain.rosters.folding import evolve

SHANGHAI = ZoneInfo("Asia/Shanghai")
CHINA = LibraryCalendar("CN")
MONDAY = date(2026, 3, 2)
NEW_YEAR = date(2026, 1, 1)
MADE_UP = date(2026, 2, 28)
"""A Saturday that is worked, for a day off at the Spring Festival (国办发明电〔2025〕7号)."""
SINCE = Days(date(2025, 12, 1))


def at(day: date, text: str = "10:00") -> datetime:
    return datetime.combine(day, time.fromisoformat(text), SHANGHAI)


def duty(name: str, *weekdays: int, hours: Hours = OFFICE, days: Days = SINCE) -> Duty:
    return Duty(name, f"p-{name}", days, weekdays, hours)


def department(mode: str, *duties: Duty, hours: Hours | None = None) -> Department:
    whole = hours or (WHOLE_DAY if mode == ON_CALL else OFFICE)
    return Department("fire-rescue", "jili", mode, ("fire_hazard",), whole, "w1", 900, SINCE, duties)


def on_duty(there: Department, day: date, text: str = "10:00") -> list[str]:
    return there.on_duty(at(day, text), SHANGHAI, CHINA)


def context(day: date = MONDAY) -> Context:
    return Context("d", "jili", at(day), at(day), at(day))


def test_a_resident_sits_at_the_desk_on_each_worked_day_in_its_hours() -> None:
    there = department(RESIDENT, duty("a"))
    assert on_duty(there, MONDAY, "08:30") == ["p-a"]
    assert on_duty(there, MONDAY, "08:29") == on_duty(there, MONDAY, "17:30") == []
    assert on_duty(there, MONDAY + timedelta(days=5)) == on_duty(there, NEW_YEAR) == []


def test_a_make_up_workday_is_worked_by_those_of_every_worked_day() -> None:
    assert MADE_UP.isoweekday() == 6
    assert on_duty(department(RESIDENT, duty("a")), MADE_UP) == ["p-a"]
    turns = department(ROTATING, *(duty(str(n), n) for n in range(1, 6)))
    assert on_duty(turns, MADE_UP) == []
    assert [hole.day for hole in turns.holes(at(MADE_UP), SHANGHAI, CHINA)] == [MADE_UP]


def test_turns_go_by_weekday_and_hour_and_nobody_takes_one_on_a_holiday() -> None:
    there = department(
        ROTATING, duty("m", 1, 3, hours=Hours("08:30", "12:00")), duty("n", 1, hours=Hours("12:00", "17:30"))
    )
    assert on_duty(there, MONDAY, "11:59") == ["p-m"]
    assert on_duty(there, MONDAY, "12:00") == ["p-n"]
    assert on_duty(there, MONDAY + timedelta(days=1)) == []
    assert NEW_YEAR.isoweekday() == 4
    assert on_duty(department(ROTATING, duty("t", 4)), NEW_YEAR) == []


def test_whoever_is_on_call_is_so_on_holidays_and_at_night_in_the_order_of_the_roster() -> None:
    there = department(ON_CALL, duty("b", hours=WHOLE_DAY), duty("a", hours=WHOLE_DAY))
    assert on_duty(there, NEW_YEAR, "03:00") == ["p-b", "p-a"]
    assert on_duty(there, NEW_YEAR, "23:59") == ["p-b", "p-a"]
    assert list(there.holes(at(NEW_YEAR), SHANGHAI, CHINA)) == []


def test_the_day_is_the_sites_day() -> None:
    there = department(RESIDENT, duty("a"))
    late_on_sunday = datetime(2026, 3, 2, 1, 0, tzinfo=ZoneInfo("UTC"))
    assert there.on_duty(late_on_sunday, SHANGHAI, CHINA) == ["p-a"]
    assert there.on_duty(late_on_sunday, ZoneInfo("America/New_York"), CHINA) == []


def test_nobody_is_on_duty_before_a_duty_begins_after_it_ended_or_in_a_closed_department() -> None:
    there = department(RESIDENT, duty("a", days=Days(MONDAY, MONDAY + timedelta(days=1))))
    assert on_duty(there, MONDAY) == ["p-a"]
    assert on_duty(there, MONDAY + timedelta(days=1)) == on_duty(there, MONDAY - timedelta(days=3)) == []
    closed = evolve(
        department(RESIDENT, duty("a")),
        ev.DepartmentClosed(department=ev.DepartmentReference(), on=MONDAY.isoformat()),
        context(),
    )
    assert on_duty(closed, MONDAY) == []
    assert list(closed.holes(at(MONDAY), SHANGHAI, CHINA)) == []


minutes = st.integers(0, 24 * 60 - 1).map(lambda n: f"{n // 60:02}:{n % 60:02}")
hours = st.tuples(minutes, minutes).filter(lambda each: each[0] < each[1]).map(lambda each: Hours(*each))
duties = st.lists(st.builds(Duty, minutes, minutes, st.just(SINCE), st.just(()), hours), max_size=5)


@given(st.sampled_from([RESIDENT, ON_CALL]), duties, hours, minutes)
def test_a_time_is_in_a_hole_if_and_only_if_it_is_in_the_hours_and_nobody_is_on_duty(
    mode: str, turns: list[Duty], whole: Hours, when: str
) -> None:
    there = department(mode, *turns, hours=whole)
    holes = [hole for hole in there.holes(at(MONDAY, "00:00"), SHANGHAI, CHINA) if hole.day == MONDAY]
    nobody = when in whole and not on_duty(there, MONDAY, when)
    assert any(when in hole.hours for hole in holes) == nobody


# -- orders --------------------------------------------------------------------------------------------------


def plan(name: str = "b", **changes: Any) -> p.PlanDuty:
    given: dict[str, Any] = {
        "duty_id": name,
        "person_ref": f"p-{name}",
        "on": MONDAY,
        "until": None,
        "weekdays": (),
        "hours": None,
        "decided_by": "desk-1",
        **changes,
    }
    return p.PlanDuty(**given)


def decide(there: Department, command: Any, day: date = MONDAY) -> Decision:
    return p.decide(there, command, context(day), SHANGHAI)


def refusal(error: CommandError) -> list[tuple[str, str]]:
    assert isinstance(error, Invalid)
    return [(each.field, each.reason) for each in error.violations]


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (plan("a"), ("duty_id", "taken")),
        (plan(until=MONDAY), ("until", "not_after_the_first_day")),
        (plan(on=MONDAY - timedelta(days=1)), ("on", "in_the_past")),
        (plan(hours=Hours("12:00", "08:00")), ("hours.closes", "not_after_opening")),
        (plan(hours=Hours("8:00", "12:00")), ("hours.opens", "no_such_time")),
        (plan(hours=Hours("08:00", "24:30")), ("hours.closes", "no_such_time")),
        (plan(), ("person_ref", "desk_taken_by:a")),
        (p.CancelDuty("b", MONDAY, "desk-1"), ("duty_id", "no_such_duty")),
    ],
    ids=lambda value: value[1] if isinstance(value, tuple) else "",
)
def test_an_order_that_is_wrong_is_refused_with_its_field(command: Any, expected: tuple[str, str]) -> None:
    with pytest.raises(Invalid) as caught:
        decide(department(RESIDENT, duty("a")), command)
    assert refusal(caught.value) == [expected]


def test_two_may_sit_at_one_desk_one_after_the_other() -> None:
    there = department(RESIDENT, duty("a", hours=Hours("08:30", "12:00")))
    assert decide(there, plan(hours=Hours("12:00", "17:30"))).events
    other_days = department(RESIDENT, duty("a", 1, 2))
    assert decide(other_days, plan(weekdays=(3, 4))).events


def test_several_may_be_on_call_at_once() -> None:
    assert decide(department(ON_CALL, duty("a", hours=WHOLE_DAY)), plan()).events


def test_a_duty_that_was_cancelled_ends_on_that_day() -> None:
    there = department(RESIDENT, duty("a"))
    [emit] = decide(there, p.CancelDuty("a", MONDAY, "desk-1")).events
    after = evolve(there, emit.message, context())
    assert on_duty(after, MONDAY) == []
    assert on_duty(after, MONDAY - timedelta(days=3)) == ["p-a"]


def test_a_closed_department_takes_no_orders() -> None:
    [emit] = decide(department(RESIDENT), p.CloseDepartment(MONDAY)).events
    closed = evolve(department(RESIDENT), emit.message, context())
    with pytest.raises(IllegalTransition):
        decide(closed, plan())


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"desk": ""}, ("desk", "required")),
        ({"seated": "police"}, ("desk", "taken_by:police")),
        ({"hours": Hours("09:00", "09:00")}, ("hours.closes", "not_after_opening")),
        ({"on": MONDAY - timedelta(days=1)}, ("on", "in_the_past")),
    ],
    ids=str,
)
def test_a_department_that_cannot_be_is_refused(changes: Any, expected: tuple[str, str]) -> None:
    given: dict[str, Any] = {
        "code": "fire-rescue",
        "mode": RESIDENT,
        "kinds": ("fire_hazard",),
        "hours": OFFICE,
        "desk": "w1",
        "answer_within_s": 900,
        "on": MONDAY,
        **changes,
    }
    with pytest.raises(Invalid) as caught:
        p.establish(p.EstablishDepartment(**given), context(), SHANGHAI)
    assert refusal(caught.value) == [expected]


def test_a_department_is_as_its_events_say() -> None:
    command = p.EstablishDepartment("fire-rescue", ON_CALL, ("fire_hazard",), WHOLE_DAY, "", 600, MONDAY)
    [emit] = p.establish(command, context(), SHANGHAI).events
    there = evolve(None, emit.message, context())
    assert (there.mode, there.hours, there.answer_within_s) == (ON_CALL, WHOLE_DAY, 600)
    [emit] = decide(there, plan(weekdays=(1, 7))).events
    assert evolve(there, emit.message, context()).duties == (
        Duty("b", "p-b", Days(MONDAY), (1, 7), WHOLE_DAY),
    )
