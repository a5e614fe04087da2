"""Departments and their duties are read from sheets; what is wrong is named with its row."""

import pytest

from services.cli.sheets.grouping import gather
from services.cli.sheets.table import Row, Wrong

FIRE = {"department": "fire", "mode": "轮驻", "kinds": "fire_hazard gas.*", "since": "2026-01-01"}
MONDAY = {"department": "fire", "duty": "mon", "person": "p-1", "since": "2026-01-01"}


def department(number: int = 2, **cells: str) -> Row:
    return Row("departments", number, {**FIRE, **cells})


def duty(number: int = 2, **cells: str) -> Row:
    return Row("duties", number, {**MONDAY, **cells})


def test_a_department_has_its_duties_in_the_order_of_their_rows() -> None:
    rows = [duty(2), department(), duty(3, duty="tue", weekdays="2, 4", hours="08:30-12:00")]
    sheets = gather(rows)
    told = sheets.rosters["fire"].department
    assert sheets.wrong == []
    assert list(told.kinds) == ["fire_hazard", "gas.*"]
    assert not told.HasField("hours")
    assert {each.duty_id: list(each.weekdays) for each in told.duties} == {"mon": [], "tue": [2, 4]}


@pytest.mark.parametrize(
    ("rows", "wrong"),
    [
        ([department(mode="常设")], Wrong("departments", 2, "mode", "unknown_mode")),
        ([department(answer_within_s="soon")], Wrong("departments", 2, "answer_within_s", "no_number")),
        ([department(hours="all day")], Wrong("departments", 2, "hours", "no_hours")),
        ([department(), department(3)], Wrong("departments", 3, "department", "twice:row 2")),
        ([duty()], Wrong("duties", 2, "department", "no_such_department")),
        ([department(), duty(weekdays="Mon")], Wrong("duties", 2, "weekdays", "no_weekdays")),
        ([department(), duty(person="张三")], Wrong("duties", 2, "person", "no_reference")),
    ],
)
def test_what_is_wrong_is_named_with_its_row(rows: list[Row], wrong: Wrong) -> None:
    assert gather(rows).wrong == [wrong]


def test_a_refused_field_leads_back_to_its_row() -> None:
    place = gather([department(7), duty(4), duty(9, duty="tue")]).rosters["fire"].place
    assert place("code") == ("departments", 7, "department")
    assert place("hours.opens") == ("departments", 7, "hours")
    assert place("duties[1].person_ref") == ("duties", 9, "person")
    assert place("duties[0].hours.closes") == ("duties", 4, "hours")
