"""What is exported can be read again as it was, and a file is there when all of it is."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest
from typer.testing import CliRunner, Result

from fengqiao.routing.v1 import directory_service_pb2 as rpc
from fengqiao.routing.v1 import force_service_pb2 as force_rpc
from fengqiao.routing.v1 import person_service_pb2 as person_rpc
from fengqiao.routing.v1 import roster_service_pb2 as roster_rpc
from fengqiao.routing.v1.directory_events_pb2 import Days, ImportedHouseholds, ImportedPost, UnitKind
from fengqiao.routing.v1.directory_service_pb2_grpc import add_DirectoryServiceServicer_to_server
from fengqiao.routing.v1.force_events_pb2 import ForceKind, MediatorCapacity, PersonRole
from fengqiao.routing.v1.force_service_pb2_grpc import add_ForceServiceServicer_to_server
from fengqiao.routing.v1.person_service_pb2_grpc import add_PersonServiceServicer_to_server
from fengqiao.routing.v1.roster_events_pb2 import Hours, RosterMode
from fengqiao.routing.v1.roster_service_pb2_grpc import add_RosterServiceServicer_to_server
from services.cli.__main__ import app
from services.cli.sheets import writing
from services.cli.sheets.grouping import gather
from services.cli.sheets.reading import read_file, read_folder, read_workbook
from services.cli.sheets.table import CHINESE_WORDS, Read, Row
from services.cli.sheets.writing import TooManyRows, Write, files, one_file, workbook

DAY, NEXT = "2026-03-02", "next"
DEPARTMENT = roster_rpc.Department(
    code="fire-rescue",
    mode=RosterMode.ROSTER_MODE_ROTATING,
    kinds=["fire_hazard", "gas.*"],
    hours=Hours(opens="08:30", closes="17:30"),
    answer_within_s=600,
    days=Days(since="2026-01-01"),
    duties=[
        roster_rpc.Duty(
            duty_id="mon",
            person_ref="p-1",
            weekdays=[1, 3],
            hours=Hours(opens="08:30", closes="12:00"),
            days=Days(since="2026-01-01", until="2026-06-01"),
        )
    ],
)
SINCE = Days(since="2026-01-01")
FORCE = force_rpc.Force(
    code="blue-sky",
    kind=ForceKind.FORCE_KIND_TEAM,
    unit_id="jili",
    skills=["first_aid", "rescue"],
    speaker_ref="p-7",
    days=SINCE,
)
GONE_FORCE = force_rpc.Force(code="gone", days=Days(since="2025-01-01", until="2026-01-01"))
PERSONS = [
    person_rpc.Person(
        person_ref="p-1",
        roles=[
            person_rpc.GrantedRole(role=PersonRole.PERSON_ROLE_VOLUNTEER, unit_id="jili/n1", days=SINCE),
            person_rpc.GrantedRole(
                role=PersonRole.PERSON_ROLE_MEDIATOR,
                capacity=MediatorCapacity.MEDIATOR_CAPACITY_PART_TIME,
                unit_id="jili",
                days=Days(since="2026-02-01", until="2027-02-01"),
            ),
        ],
        offer=person_rpc.Offer(
            skills=["first_aid"], weekdays=[6, 7], hours=Hours(opens="08:00", closes="12:00")
        ),
        memberships=[
            person_rpc.Membership(force="blue-sky", days=SINCE),
            person_rpc.Membership(force="red", days=Days(since="2026-02-01", until="2026-09-01")),
            person_rpc.Membership(force="yellow", days=Days(since="2026-02-02")),
        ],
    ),
    person_rpc.Person(
        person_ref="p-2",
        roles=[person_rpc.GrantedRole(role=PersonRole.PERSON_ROLE_PARTY_MEMBER, unit_id="jili", days=SINCE)],
    ),
]
GONE = roster_rpc.Department(code="gone", days=Days(since="2025-01-01", until="2026-01-01"))
UNITS = [
    rpc.ImportedUnit(code="jili", kind=UnitKind.UNIT_KIND_SUB_DISTRICT, since="2026-01-01"),
    rpc.ImportedUnit(
        code="jili/n1",
        kind=UnitKind.UNIT_KIND_NEIGHBOURHOOD,
        since="2026-01-01",
        posts=[ImportedPost(post_id="leader", person_ref="=p-1", nominators=9, appointed_on="2026-02-01")],
        households=[ImportedHouseholds(keys=["h-1", "h-2"], since="2026-01-01", until="2026-06-01")],
    ),
]
ROWS = [
    Row("units", 2, {"code": "jili", "kind": "sub_district", "since": DAY}),
    Row("posts", 2, {"unit": "jili", "post": "leader", "person": "=p-1"}),
    Row("households", 2, {"unit": "jili", "household": "000017"}),
]

Writing = Callable[[Path], AbstractContextManager[Write]]
Reading = Callable[[Path], Read]
EACH: list[tuple[str, Writing, Reading]] = [
    ("folder", files, read_folder),
    ("all.csv", one_file, read_file),
    ("all.xlsx", workbook, read_workbook),
]


@pytest.mark.parametrize(("name", "write_to", "read"), EACH)
def test_what_is_written_is_read_as_it_was(
    tmp_path: Path, name: str, write_to: Writing, read: Reading
) -> None:
    with write_to(tmp_path / name) as write:
        for row in ROWS:
            write(row)
    found = [each for each in read(tmp_path / name) if isinstance(each, Row)]
    assert [(each.sheet, {k: v for k, v in each.cells.items() if v and k != "sheet"}) for each in found] == [
        (row.sheet, row.cells) for row in ROWS
    ]


@pytest.mark.parametrize(("name", "write_to", "_read"), EACH)
def test_what_was_not_finished_is_not_there(
    tmp_path: Path, name: str, write_to: Writing, _read: Reading
) -> None:
    def break_off() -> None:
        with write_to(tmp_path / name) as write:
            write(ROWS[0])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        break_off()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_workbook_that_is_full_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "MOST_ROWS", 2)

    def fill() -> None:
        with workbook(tmp_path / "all.xlsx") as write:
            for row in (ROWS[0], ROWS[1], ROWS[0]):
                write(row)

    with pytest.raises(TooManyRows, match="units"):
        fill()


def test_chinese_sheets_say_kinds_and_headings_in_chinese(tmp_path: Path) -> None:
    with files(tmp_path, CHINESE_WORDS, "gb18030") as write:
        write(ROWS[0])
    said = (tmp_path / "units.csv").read_text(encoding="gb18030").splitlines()
    assert said[0].startswith("单位代码,类型,起始日期,终止日期")
    assert said[1].startswith(f"jili,街道,{DAY}")


# -- the command -------------------------------------------------------------------------------------------


@dataclass
class Office:
    """Tells two units, a page for each."""

    asked: list[rpc.ExportUnitsRequest] = field(default_factory=list)

    def ExportUnits(  # noqa: N802 - the contract's name
        self, request: rpc.ExportUnitsRequest, _context: grpc.ServicerContext
    ) -> rpc.ExportUnitsResponse:
        self.asked.append(request)
        [unit] = UNITS[1:] if request.page_token else UNITS[:1]
        token = "" if request.page_token else NEXT
        return rpc.ExportUnitsResponse(units=[unit], day=DAY, next_page_token=token)

    def ListDepartments(  # noqa: N802 - as above
        self, request: roster_rpc.ListDepartmentsRequest, _context: grpc.ServicerContext
    ) -> roster_rpc.ListDepartmentsResponse:
        if request.page_token:
            return roster_rpc.ListDepartmentsResponse(departments=[GONE])
        return roster_rpc.ListDepartmentsResponse(departments=[DEPARTMENT], next_page_token=NEXT)

    def ListForces(  # noqa: N802 - as above
        self, _request: force_rpc.ListForcesRequest, _context: grpc.ServicerContext
    ) -> force_rpc.ListForcesResponse:
        return force_rpc.ListForcesResponse(forces=[FORCE, GONE_FORCE])

    def ExportPersons(  # noqa: N802 - as above
        self, request: person_rpc.ExportPersonsRequest, _context: grpc.ServicerContext
    ) -> person_rpc.ExportPersonsResponse:
        assert request.day == DAY
        found = PERSONS[1:] if request.page_token else PERSONS[:1]
        return person_rpc.ExportPersonsResponse(
            persons=found, day=DAY, next_page_token="" if request.page_token else NEXT
        )

    def __getattr__(self, _method: str) -> Any:
        return lambda *_: None


@pytest.fixture
def office() -> Iterator[tuple[Office, str]]:
    office, server = Office(), grpc.server(ThreadPoolExecutor(2))
    fake: Any = office
    add_DirectoryServiceServicer_to_server(fake, server)
    add_RosterServiceServicer_to_server(fake, server)
    add_ForceServiceServicer_to_server(fake, server)
    add_PersonServiceServicer_to_server(fake, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield office, f"127.0.0.1:{port}"
    server.stop(None).wait()


def export(address: str, *words: str) -> Result:
    given = ["export", *words, "--address", address]
    return CliRunner(env={"FENGQIAO_TOKEN": "a-token"}).invoke(app, given)


def test_the_sheets_go_to_the_pipe_and_how_far_it_is_does_not(office: tuple[Office, str]) -> None:
    result = export(office[1])
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert [line.split(",")[0] for line in lines] == [
        "sheet",
        "units",
        "units",
        "posts",
        "households",
        "households",
        "departments",
        "duties",
        "forces",
        "persons",
        "persons",
        "persons",
    ]
    assert f"2 units, 11 rows as of {DAY}" in result.stderr


def test_all_pages_are_asked_for_of_the_day_of_the_first(office: tuple[Office, str], tmp_path: Path) -> None:
    there, address = office
    assert export(address, str(tmp_path / "all.xlsx"), "--within", "jili").exit_code == 0
    assert [(each.within, each.day, each.page_token) for each in there.asked] == [
        ("jili", "", ""),
        ("jili", DAY, NEXT),
    ]
    sheets = gather(read_workbook(tmp_path / "all.xlsx"))
    assert (sheets.wrong, sheets.as_of) == ([], DAY)
    assert [each.message() for each in sheets.in_order()] == UNITS


@pytest.mark.parametrize("language", ["en", "zh-CN"])
@pytest.mark.parametrize("name", ["all.csv", "all.xlsx"])
def test_forces_and_persons_are_exported_as_an_import_takes_them(
    office: tuple[Office, str], tmp_path: Path, language: str, name: str
) -> None:
    assert export(office[1], str(tmp_path / name), "--language", language).exit_code == 0
    sheets = gather((read_file if name.endswith("csv") else read_workbook)(tmp_path / name))
    assert sheets.wrong == []
    assert [each.force for each in sheets.forces.values()] == [FORCE]
    assert [each.person for each in sheets.people.values()] == PERSONS


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_departments_that_are_there_on_the_day_are_exported_as_an_import_takes_them(
    office: tuple[Office, str], tmp_path: Path, language: str
) -> None:
    assert export(office[1], str(tmp_path / "all.csv"), "--language", language).exit_code == 0
    sheets = gather(read_file(tmp_path / "all.csv"))
    assert sheets.wrong == []
    assert [each.department for each in sheets.rosters.values()] == [DEPARTMENT]


def test_a_pipe_is_in_utf_8_only(office: tuple[Office, str]) -> None:
    there, address = office
    assert export(address, "--encoding", "gb18030").exit_code == 2
    assert there.asked == []
