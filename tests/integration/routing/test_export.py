"""What is exported can be imported: elsewhere it makes the same, where it is from it changes nothing."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest

from fengqiao.routing.v1 import directory_service_pb2 as rpc
from fengqiao.routing.v1.directory_events_pb2 import Point, Ring, UnitKind
from services.cli.sheets import synthetic
from services.cli.sheets.collected import Sheets
from services.cli.sheets.export import WORDS, Language, pages, rows_of
from services.cli.sheets.grouping import gather
from services.cli.sheets.reading import read_folder, read_workbook
from services.cli.sheets.sending import send
from services.cli.sheets.writing import files, workbook
from tests.integration.routing.conftest import DESK, NEIGHBOUR_SITE, House
from tests.kit.edge import Who

TODAY = date(2026, 3, 2)
NEXT_WEEK = "2026-03-09"
THERE = Who("desk", ("*",), "p-desk", NEIGHBOUR_SITE)
SQUARE = [Point(longitude=120 + x / 100, latitude=30 + y / 100) for x, y in ((0, 0), (1, 0), (1, 1), (0, 0))]


async def exported(
    house: House, who: Who = DESK, within: str = "jili", day: str = ""
) -> list[rpc.ImportedUnit]:
    """The units of an export, and that each is told of the same day."""
    found: list[rpc.ImportedUnit] = []
    async for page in pages(house.caller(who), house.stub, within, day):
        found += page.units
    return found


async def written(house: House, folder: Path, who: Who = DESK, **asked: str) -> dict[str, bytes]:
    """The files of an export."""
    with files(folder) as write:
        await _write(house, write, who, **asked)
    return contents(folder)


def contents(folder: Path) -> dict[str, bytes]:
    """What is in its files."""
    return {file.name: file.read_bytes() for file in folder.iterdir()}


async def _write(house: House, write: Any, who: Who = DESK, within: str = "jili", day: str = "") -> None:
    async for page in pages(house.caller(who), house.stub, within, day):
        for unit in page.units:
            for row in rows_of(unit, page.day):
                write(row)


async def taken(house: House, sheets: Sheets, who: Who = DESK, *, dry_run: bool = False) -> tuple[int, int]:
    """How many units were new and how many the same; none was refused."""
    assert sheets.wrong == []
    sent = await send(house.caller(who), house.stub, sheets, lambda _: None, dry_run=dry_run)
    assert sent.wrong == []
    return sent.answer.created, sent.answer.unchanged


@pytest.fixture
async def town(house: House) -> tuple[House, list[str]]:
    """A made-up sub-district in which a lot has been decided since it was taken over; its neighbourhoods."""
    made = synthetic.sub_district(synthetic.Wanted("jili", 30, seed=7, on=TODAY))
    sheets = gather(made)
    await taken(house, sheets)
    n = [code for code, each in sheets.units.items() if each.unit.kind == UnitKind.UNIT_KIND_NEIGHBOURHOOD]
    led = [code for code in n if sheets.units[code].unit.posts[0].person_ref]
    assert len(led) > 20
    for nth, substitute in enumerate(("p-substitute", "")):
        await house.call("GrantLeave", code=led[nth], substitute_ref=substitute, until=NEXT_WEEK)
    await house.call("VacatePost", code=led[2], reason=1)
    await house.call("VacatePost", code=led[3], reason=1, on=NEXT_WEEK)
    await house.call("VacatePost", code=led[4], reason=1)
    await house.appoint(led[4], "p-new", term_until="2029-03-02")
    [moving, staying] = keys(sheets, led[5])[:2]
    await house.call("ReleaseHouseholds", code=led[5], households=[moving], to_unit=led[6])
    await house.call("SettleHouseholds", code=led[6], households=[moving])
    await house.call("ReleaseHouseholds", code=led[5], households=[staying], on=NEXT_WEEK)
    await house.call("SettleHouseholds", code=led[6], households=[staying], on=NEXT_WEEK)
    await house.call(
        "EstablishUnit",
        code="jili/market",
        kind=UnitKind.UNIT_KIND_TEMPORARY,
        until=NEXT_WEEK,
        covers=[led[0], led[1]],
        posts=["leader", "first_aid"],
    )
    await house.call("DrawBoundary", code=led[7], rings=[Ring(points=SQUARE)])
    await house.call("NominateLeader", code=led[8], person_ref="p-next", nominators=9)
    section, other = led[9].rpartition("/")[0], led[-1].rpartition("/")[0].rpartition("/")[0]
    await house.call("MoveUnit", code=section, new_code=f"{other}/s99")
    await house.call("MergeUnit", code=led[-1], into=next(c for c in led if c[:-2] == led[-1][:-2]))
    await house.call("CloseUnit", code=led[12], on=NEXT_WEEK)
    return house, led


def keys(sheets: Sheets, code: str) -> list[str]:
    return [key for group, _ in sheets.units[code].households.values() for key in group]


async def test_an_export_imports_elsewhere_without_a_fault_and_is_exported_again_as_the_same_bytes(
    town: tuple[House, list[str]], tmp_path: Path
) -> None:
    house, _ = town
    first = await written(house, tmp_path / "first")
    units = len(await exported(house))
    assert await taken(house, gather(read_folder(tmp_path / "first")), THERE, dry_run=True) == (units, 0)
    assert await exported(house, THERE, "") == []
    assert await taken(house, gather(read_folder(tmp_path / "first")), THERE) == (units, 0)
    assert await written(house, tmp_path / "again", THERE, within="") == first
    assert {len(content.splitlines()) > 10 for content in first.values()} == {True}


async def test_an_export_imported_where_it_is_from_changes_nothing(
    town: tuple[House, list[str]], tmp_path: Path
) -> None:
    house, _ = town
    await written(house, tmp_path / "first")
    units, before = len(await exported(house)), len(house.broker.sent)
    assert await taken(house, gather(read_folder(tmp_path / "first"))) == (0, units)
    assert await taken(house, gather(read_folder(tmp_path / "first")), dry_run=True) == (0, units)
    assert len(house.broker.sent) == before


async def test_it_changes_nothing_a_week_later_either_nor_does_one_of_an_earlier_day(
    town: tuple[House, list[str]], tmp_path: Path
) -> None:
    house, _ = town
    units = len(await exported(house))
    await written(house, tmp_path / "today")
    house.clock.move(timedelta(days=8))
    assert await taken(house, gather(read_folder(tmp_path / "today"))) == (0, units)
    await written(house, tmp_path / "now")
    [now, then] = [(tmp_path / name / "units.csv").read_bytes() for name in ("now", "today")]
    assert b"jili/market" in then
    assert b"jili/market" not in now
    assert await written(house, tmp_path / "then", day=TODAY.isoformat()) == contents(tmp_path / "today")


async def test_what_was_decided_since_makes_an_old_export_different(
    town: tuple[House, list[str]], tmp_path: Path
) -> None:
    house, led = town
    await written(house, tmp_path / "first")
    await house.call("VacatePost", code=led[7], reason=1)
    sheets = gather(read_folder(tmp_path / "first"))
    sent = await send(house.caller(), house.stub, sheets, lambda _: None)
    assert [(each.code, each.reason) for each in sent.answer.refused] == [
        (led[7], "differs_from_what_is_there")
    ]


async def test_a_workbook_and_chinese_csv_in_gb18030_hold_the_same(
    town: tuple[House, list[str]], tmp_path: Path
) -> None:
    house, _ = town
    units = len(await exported(house))
    words = WORDS[Language.CHINESE]
    with workbook(tmp_path / "directory.xlsx", words) as write:
        await _write(house, write)
    with files(tmp_path / "csv", words, "gb18030") as write:
        await _write(house, write)
    assert "单位代码".encode("gb18030") in (tmp_path / "csv" / "units.csv").read_bytes()
    assert await taken(house, gather(read_folder(tmp_path / "csv"))) == (0, units)
    assert await taken(house, gather(read_workbook(tmp_path / "directory.xlsx")), THERE) == (units, 0)
    assert await written(house, tmp_path / "there", THERE, within="") == await written(
        house, tmp_path / "here"
    )


async def test_it_tells_leaves_and_how_holders_came_to_their_posts(town: tuple[House, list[str]]) -> None:
    house, led = town
    units = {unit.code: unit for unit in await exported(house)}
    [away] = units[led[0]].posts
    assert (away.leave_since, away.leave_until, away.substitute_ref) == (
        TODAY.isoformat(),
        NEXT_WEEK,
        "p-substitute",
    )
    [new] = units[led[4]].posts
    assert (new.person_ref, new.nominated_on, new.nominators, new.vetted_on, new.appointed_on) == (
        "p-new",
        TODAY.isoformat(),
        9,
        TODAY.isoformat(),
        TODAY.isoformat(),
    )
    carried = [unit for code, unit in units.items() if "/s99/" in code]
    assert carried
    assert all(
        post.nominated_on < post.appointed_on for unit in carried for post in unit.posts if post.person_ref
    )
    assert [post.post_id for post in units["jili/market"].posts] == ["leader", "first_aid"]
    assert list(units["jili/market"].covers) == [led[0], led[1]]


async def test_below_a_unit_is_only_what_is_below_it_and_nobody_exports_more_than_their_own(
    town: tuple[House, list[str]],
) -> None:
    house, led = town
    village = "/".join(led[0].split("/")[:2])
    some = await exported(house, within=village)
    assert {unit.code.startswith(village) for unit in some} == {True}
    assert some[0].code == village
    supervisor = Who("supervisor", (village,), "p-supervisor")
    assert await exported(house, supervisor, village) == some
    for within in ("", "jili"):
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await exported(house, supervisor, within)
        assert error.value.code() is grpc.StatusCode.PERMISSION_DENIED
    assert (await house.refusal("ExportUnits", Who("handler"), within="jili")).reason == "permission_denied"
