"""Forces and persons are taken over, each whole or not at all, and given out as they came."""

import asyncio
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import grpc
import pytest

from fengqiao.routing.v1 import force_events_pb2 as ev
from fengqiao.routing.v1 import force_service_pb2 as rpc
from fengqiao.routing.v1 import person_service_pb2 as persons
from services.cli.sheets import synthetic
from services.cli.sheets.collected import Sheets
from services.cli.sheets.enlisting import send_forces, send_persons
from services.cli.sheets.export import all_forces, all_persons
from services.cli.sheets.forces import force_rows, person_rows
from services.cli.sheets.grouping import gather
from services.cli.sheets.reading import read_folder
from services.cli.sheets.sending import send, send_rosters
from services.cli.sheets.table import FORCES, PERSONS, Row, Wrong
from services.cli.sheets.writing import files
from tests.integration.routing.conftest import DESK, NEIGHBOUR_SITE, NEIGHBOURS, TOP, VILLAGE, House
from tests.integration.routing.test_import import village
from tests.kit.edge import Who

EVENTS = "fengqiao.routing.persons"
TODAY, NEXT_WEEK, SINCE = "2026-03-02", "2026-03-09", "2024-06-01"
THERE = Who("desk", ("*",), "p-desk", NEIGHBOUR_SITE)


def team(code: str = "red", number: int = 2, **cells: str) -> Row:
    given = {"force": code, "kind": "team", "unit": TOP, "skills": "first_aid rescue", "speaker": "p-9"}
    return Row("forces", number, {**given, "since": SINCE, **cells})


def role(person: str = "p-1", name: str = "volunteer", number: int = 2, **cells: str) -> Row:
    given = {"person": person, "role": name, "unit": NEIGHBOURS, "since": SINCE}
    return Row("persons", number, {**given, **cells})


SOUND = (
    team(),
    team("women", 3, kind="association", skills=""),
    role(skills="first_aid", weekdays="6 7", hours="08:00-12:00", member_of="red women@2025-01-01"),
    role(name="mediator", number=3, capacity="part_time", unit=VILLAGE, until="2027-01-01"),
    role("p-n1", number=4, skills="first_aid"),
    role("p-3", "party_member", number=5, unit=TOP),
)


class Sent:
    """What became of forces and persons."""

    def __init__(self, forces: Any, people: Any) -> None:
        self.created = forces.answer.created, people.answer.created
        self.unchanged = forces.answer.unchanged, people.answer.unchanged
        self.wrong: list[Wrong] = [*forces.wrong, *people.wrong]


async def taken(
    house: House, rows: Sequence[Row] | Sheets, who: Who = DESK, *, dry_run: bool = False
) -> Sent:
    sheets = rows if isinstance(rows, Sheets) else gather(rows)
    assert sheets.wrong == []
    call = house.caller(who)
    forces = await send_forces(call, stub(house, rpc), sheets, dry_run=dry_run)
    refused = frozenset(forces.refused)
    people = await send_persons(call, stub(house, persons), sheets, lambda _: None, refused, dry_run=dry_run)
    return Sent(forces, people)


def stub(house: House, module: Any) -> Any:
    return next(stub for each, stub in house.stubs if each is module)


async def exported(house: House, folder: Path, who: Who = DESK, day: str = TODAY) -> dict[str, bytes]:
    call = house.caller(who)
    with files(folder, sheets=(FORCES, PERSONS)) as write:
        async for force in all_forces(call, stub(house, rpc)):
            for row in force_rows(force, day):
                write(row)
        async for person in all_persons(call, stub(house, persons), day):
            for row in person_rows(person, day):
                write(row)
    return contents(folder)


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.fixture
async def home(house: House) -> House:
    """A village on either site."""
    await house.take_over(*village())
    await house.take_over(*village(), who=THERE)
    return house


async def test_persons_are_taken_over_with_all_that_they_are_and_are_found_as_volunteers(home: House) -> None:
    sent = await taken(home, SOUND)
    assert (sent.created, sent.unchanged, sent.wrong) == ((2, 3), (0, 0), [])
    both = ["RoleGranted"] * 2
    joined = ["ForceJoined"] * 2
    assert home.broker.types(EVENTS)[:6] == ["PersonRegistered", *both, "OfferStated", *joined]
    counts = await home.call("CountPersons", within=TOP)
    assert (counts.volunteers, counts.party_members, counts.mediators_part_time) == (2, 1, 1)
    assert (counts.persons, counts.in_several_roles) == (6, 2)
    found = await home.call("SuggestVolunteers", skill="first_aid", unit_id=NEIGHBOURS)
    assert [each.person_ref for each in found.suggestions] == ["p-n1"]  # p-1 comes at weekends


async def test_an_import_repeated_changes_nothing_and_goes_on_where_it_was_interrupted(home: House) -> None:
    await taken(home, SOUND[:4])
    sent = await taken(home, SOUND)
    assert (sent.created, sent.unchanged, sent.wrong) == ((0, 2), (2, 1), [])
    before = len(home.broker.sent)
    for dry_run in (True, False):
        sent = await taken(home, SOUND, dry_run=dry_run)
        assert (sent.created, sent.unchanged, sent.wrong) == ((0, 0), (2, 3), [])
    assert len(home.broker.sent) == before


async def test_two_imports_at_once_make_each_person_once(home: House) -> None:
    rows = [team(), *(role(f"p-{n}", number=n, skills="first_aid", member_of="red") for n in range(10, 60))]
    first, second = await asyncio.gather(taken(home, rows), taken(home, rows))
    assert home.broker.types(EVENTS).count("PersonRegistered") == 50
    assert (first.wrong, second.wrong) == ([], [])


async def test_a_dry_run_keeps_nothing_and_takes_what_the_sheets_bring_for_granted(house: House) -> None:
    units = [
        Row("units", 2, {"code": TOP, "kind": "sub_district", "since": "2024-01-01"}),
        Row("units", 3, {"code": VILLAGE, "kind": "village", "since": "2024-01-01"}),
        Row("units", 4, {"code": NEIGHBOURS, "kind": "neighbourhood", "since": "2024-01-01"}),
    ]
    sent = await taken(house, [*units, *SOUND], dry_run=True)
    assert (sent.created, sent.wrong) == ((2, 3), [])
    assert house.broker.types(EVENTS) == []
    alone = await taken(house, SOUND, dry_run=True)
    assert {each.reason for each in alone.wrong} == {"no_such_unit", "no_such_force"}
    assert alone.created == (0, 0)


@pytest.mark.parametrize("dry_run", [True, False])
@pytest.mark.parametrize(
    ("rows", "wrong"),
    [
        ([team("No 1")], Wrong("forces", 2, "force", "no_code")),
        ([team(since="2024-13-01")], Wrong("forces", 2, "since", "no_such_day")),
        ([team(unit="jili/nowhere")], Wrong("forces", 2, "unit", "no_such_unit")),
        ([team(skills="First")], Wrong("forces", 2, "skills", "no_skill")),
        ([role(unit="jili/nowhere")], Wrong("persons", 2, "unit", "no_such_unit")),
        ([role(since="yesterday")], Wrong("persons", 2, "since", "no_such_day")),
        ([role(until=SINCE)], Wrong("persons", 2, "until", "not_after_the_first_day")),
        ([role(), role(number=3)], Wrong("persons", 3, "role", "has_it_already")),
        ([role(name="mediator")], Wrong("persons", 2, "capacity", "required")),
        ([role(skills="First")], Wrong("persons", 2, "skills", "no_skill")),
        ([role(hours="18:00-08:00")], Wrong("persons", 2, "hours", "not_after_opening")),
        ([role(member_of="blue")], Wrong("persons", 2, "member_of", "no_such_force")),
        ([role(name="party_member", skills="first_aid")], Wrong("persons", 2, "person", "no_volunteer")),
    ],
)
async def test_what_is_wrong_is_named_with_its_row_and_nothing_of_it_is_kept(
    home: House, rows: list[Row], wrong: Wrong, *, dry_run: bool
) -> None:
    sent = await taken(home, [*rows, role("p-sound", number=9)], dry_run=dry_run)
    assert sent.wrong == [wrong]
    kept = [each.person_ref async for each in all_persons(home.caller(), stub(home, persons), TODAY)]
    assert kept == ([] if dry_run else ["p-sound"])


async def test_who_is_there_and_different_is_refused(home: House) -> None:
    await taken(home, SOUND)
    await home.call("GrantRole", person_ref="p-3", role=ev.PERSON_ROLE_VOLUNTEER, unit_id=TOP)
    await home.call("NameSpeaker", code="red", speaker_ref="p-new")
    assert (await taken(home, SOUND)).wrong == [
        Wrong("forces", 2, "force", "differs_from_what_is_there"),
        Wrong("persons", 5, "person", "differs_from_what_is_there"),
    ]


async def test_an_export_imports_elsewhere_and_is_exported_again_as_the_same_bytes(
    home: House, tmp_path: Path
) -> None:
    await taken(home, SOUND)
    await home.call("LeaveForce", person_ref="p-1", force="women")
    await home.call("EndRole", person_ref="p-3", role=ev.PERSON_ROLE_PARTY_MEMBER, unit_id=TOP, on=NEXT_WEEK)
    await home.call("GrantRole", person_ref="p-3", role=3, capacity=1, unit_id=TOP, on=NEXT_WEEK)
    await home.call("DisbandForce", code="women")
    first = await exported(home, tmp_path / "first")
    sheets = gather(read_folder(tmp_path / "first"))
    again = await taken(home, sheets)
    assert (again.created, again.unchanged, again.wrong) == ((0, 0), (1, 3), [])
    there = await taken(home, sheets, THERE)
    assert (there.created, there.wrong) == ((1, 3), [])
    assert await exported(home, tmp_path / "again", THERE) == first


async def test_pages_of_an_export_are_by_reference_and_of_the_callers_persons_only(home: House) -> None:
    await taken(home, SOUND)
    page = await home.call("ExportPersons", page_size=2)
    assert [each.person_ref for each in page.persons] == ["p-1", "p-3"]
    rest = await home.call("ExportPersons", page_size=2, page_token=page.next_page_token, day=page.day)
    assert [each.person_ref for each in rest.persons] == ["p-n1"]
    village_desk = Who("desk", (VILLAGE,), "p-village")
    own = await home.call("ExportPersons", village_desk)
    assert [each.person_ref for each in own.persons] == ["p-1", "p-n1"]


async def test_nobody_is_imported_to_units_that_are_not_the_callers_or_by_a_handler(home: House) -> None:
    other = Who("supervisor", ("jili/hedong",), "p-other")
    sent = await taken(home, SOUND, other)
    assert {each.reason for each in sent.wrong} == {"not_your_unit"}
    with pytest.raises(grpc.aio.AioRpcError, match="PERMISSION_DENIED"):
        await taken(home, SOUND, Who("handler"))


async def test_a_made_up_sub_district_comes_in_with_its_departments_teams_and_volunteers(
    house: House,
) -> None:
    wanted = synthetic.Wanted(TOP, 30, seed=7, on=date.fromisoformat(TODAY), volunteers=120)
    sheets = gather(synthetic.sub_district(wanted))
    checked = await taken(house, sheets, dry_run=True)
    assert (checked.created, checked.wrong) == ((30, 120), [])
    call = house.caller()
    assert (await send(call, house.stub, sheets, lambda _: None)).wrong == []
    assert (await send_rosters(call, house.rosters(), sheets, dry_run=False)).wrong == []
    sent = await taken(house, sheets)
    assert (sent.created, sent.wrong) == ((30, 120), [])
    departments = (await house.call("ListDepartments", page_size=100)).departments
    assert [len(departments), *(each.code for each in departments if each.holes)] == [35]
    leaders = {post.person_ref for each in sheets.units.values() for post in each.unit.posts}
    volunteers = {
        who
        for who, each in sheets.people.items()
        if any(role.role == ev.PERSON_ROLE_VOLUNTEER for role in each.person.roles)
    }
    counts = await house.call("CountPersons", within=TOP)
    assert counts.volunteers == len(volunteers) == 120
    assert counts.persons == len((leaders - {""}) | volunteers)
