"""Departments are taken over with their rosters, whole or not at all, and given out as they came."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from fengqiao.routing.v1 import roster_service_pb2 as rpc
from services.cli.sheets.collected import Sheets
from services.cli.sheets.export import departments
from services.cli.sheets.grouping import gather
from services.cli.sheets.reading import read_folder
from services.cli.sheets.rosters import rows_of
from services.cli.sheets.sending import SentRosters, send_rosters
from services.cli.sheets.table import ROSTERS, Row, Wrong
from services.cli.sheets.writing import files
from tests.integration.routing.conftest import DESK, NEIGHBOUR_SITE, House
from tests.kit.edge import Who

EVENTS = "fengqiao.routing.rosters"
TODAY, NEXT_WEEK = "2026-03-02", "2026-03-09"
THERE = Who("desk", ("*",), "p-desk", NEIGHBOUR_SITE)


def department(code: str = "fire", mode: str = "on_call", number: int = 2, **cells: str) -> Row:
    given = {"department": code, "mode": mode, "kinds": "fire_hazard", "since": "2024-01-01"}
    return Row("departments", number, {**given, **cells})


def duty(person: str, code: str = "fire", number: int = 2, **cells: str) -> Row:
    given = {"department": code, "duty": f"d-{person}", "person": person, "since": "2024-01-01"}
    return Row("duties", number, {**given, **cells})


SOUND = (
    department(),
    duty("p-1", weekdays="1 2 3", until=NEXT_WEEK),
    duty("p-2", hours="18:00-24:00"),
    duty("p-0"),
    department("law", "resident", number=3, desk="w1"),
    duty("p-3", "law"),
)


async def taken(
    house: House, rows: Sequence[Row] | Sheets, who: Who = DESK, *, dry_run: bool = False
) -> SentRosters:
    sheets = rows if isinstance(rows, Sheets) else gather(rows)
    assert sheets.wrong == []
    return await send_rosters(house.caller(who), house.rosters(), sheets, dry_run=dry_run)


def counted(sent: SentRosters) -> tuple[int, int, list[Wrong]]:
    return sent.answer.created, sent.answer.unchanged, sent.wrong


async def exported(house: House, folder: Path, who: Who = DESK, day: str = TODAY) -> dict[str, bytes]:
    with files(folder, sheets=ROSTERS) as write:
        async for each in departments(house.caller(who), house.rosters()):
            for row in rows_of(each, day):
                write(row)
    return contents(folder)


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


async def test_departments_are_taken_over_with_their_duties_in_the_order_of_being_asked(house: House) -> None:
    assert counted(await taken(house, SOUND)) == (2, 0, [])
    begun, planned = "DepartmentEstablished", "DutyPlanned"
    assert house.broker.types(EVENTS) == [begun, planned, planned, planned, begun, planned]
    answer = await house.call("FindOnDuty", kind="fire_hazard")
    assert {each.department: list(each.person_refs) for each in answer.on_duty} == {
        "fire": ["p-1", "p-0"],
        "law": ["p-3"],
    }


async def test_a_dry_run_says_the_same_and_keeps_nothing(house: House) -> None:
    assert counted(await taken(house, SOUND, dry_run=True)) == (2, 0, [])
    assert house.broker.types(EVENTS) == []
    assert list((await house.call("ListDepartments")).departments) == []


async def test_an_import_repeated_changes_nothing(house: House) -> None:
    await taken(house, SOUND)
    before = len(house.broker.sent)
    assert counted(await taken(house, SOUND)) == (0, 2, [])
    assert counted(await taken(house, SOUND, dry_run=True)) == (0, 2, [])
    assert len(house.broker.sent) == before


@pytest.mark.parametrize("dry_run", [True, False])
@pytest.mark.parametrize(
    ("rows", "wrong"),
    [
        ([department("No 1")], Wrong("departments", 2, "department", "no_code")),
        ([department(kinds="fire fire")], Wrong("departments", 2, "kinds", "named_twice")),
        ([department(since="2024-13-01")], Wrong("departments", 2, "since", "no_such_day")),
        ([department(until="2023-01-01")], Wrong("departments", 2, "until", "not_after_the_first_day")),
        ([department(mode="resident")], Wrong("departments", 2, "desk", "required")),
        ([department(hours="18:00-08:00")], Wrong("departments", 2, "hours", "not_after_opening")),
        (
            [department(answer_within_s="90000")],
            Wrong("departments", 2, "answer_within_s", "not_within_a_day"),
        ),
        (
            [department(), duty("p-1", since="2023-01-01")],
            Wrong("duties", 2, "since", "before_the_department"),
        ),
        ([department(), duty("p-1", duty="No 1")], Wrong("duties", 2, "duty", "no_code")),
        (
            [department(), duty("p-1"), duty("p-2", duty="d-p-1", number=3)],
            Wrong("duties", 3, "duty", "taken"),
        ),
        ([department(), duty("p-1", weekdays="1 1")], Wrong("duties", 2, "weekdays", "no_weekdays")),
        (
            [department(mode="resident", desk="w1"), duty("p-1"), duty("p-2", number=3)],
            Wrong("duties", 3, "person", "desk_taken_by:d-p-1"),
        ),
        (
            [
                department("a", "resident", desk="w1"),
                department("b", "resident", number=3, desk="w1"),
            ],
            Wrong("departments", 3, "desk", "taken_by:a"),
        ),
    ],
)
async def test_what_is_wrong_is_named_with_its_row_and_nothing_of_it_is_kept(
    house: House, rows: list[Row], wrong: Wrong, *, dry_run: bool
) -> None:
    assert (await taken(house, rows, dry_run=dry_run)).wrong == [wrong]
    kept = [each.code for each in (await house.call("ListDepartments")).departments]
    assert kept == (["a"] if len(rows) == 2 and rows[1].sheet == "departments" and not dry_run else [])


async def test_what_is_there_and_different_is_refused(house: House) -> None:
    await taken(house, SOUND)
    await house.call("CancelDuty", code="fire", duty_id="d-p-2")
    sent = await taken(house, SOUND)
    assert counted(sent) == (0, 1, [Wrong("departments", 2, "department", "differs_from_what_is_there")])


async def test_an_export_imports_elsewhere_and_is_exported_again_as_the_same_bytes(
    house: House, tmp_path: Path
) -> None:
    await taken(house, SOUND)
    await house.call("CancelDuty", code="fire", duty_id="d-p-0")
    await house.call("PlanDuty", code="fire", duty_id="later", person_ref="p-4", on=NEXT_WEEK)
    await house.call("CloseDepartment", code="law", on=NEXT_WEEK)
    first = await exported(house, tmp_path / "first")
    sheets = gather(read_folder(tmp_path / "first"))
    assert counted(await taken(house, sheets)) == (0, 2, [])
    assert counted(await taken(house, sheets, THERE)) == (2, 0, [])
    assert await exported(house, tmp_path / "again", THERE) == first
    [fire, _] = [each async for each in departments(house.caller(THERE), house.rosters())]
    assert [each.duty_id for each in fire.duties] == ["d-p-1", "d-p-2"]


async def test_a_handler_imports_nothing(house: House) -> None:
    with pytest.raises(Exception, match="PERMISSION_DENIED"):
        await taken(house, SOUND, Who("handler"))
    assert isinstance(await house.call("ListDepartments"), rpc.ListDepartmentsResponse)
