"""Whom a sheet names is put into the vault before anything is imported, and is told to nobody else."""

import csv
import io
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest
from typer.testing import CliRunner, Result

from fengqiao.intake.v1 import intake_service_pb2 as intake
from fengqiao.intake.v1.intake_service_pb2_grpc import add_IntakeServiceServicer_to_server
from fengqiao.routing.v1 import directory_service_pb2 as rpc
from fengqiao.routing.v1 import force_service_pb2 as force_rpc
from fengqiao.routing.v1 import person_service_pb2 as person_rpc
from fengqiao.routing.v1.directory_service_pb2_grpc import add_DirectoryServiceServicer_to_server
from fengqiao.routing.v1.force_service_pb2_grpc import add_ForceServiceServicer_to_server
from fengqiao.routing.v1.person_service_pb2_grpc import add_PersonServiceServicer_to_server
from services.cli.__main__ import app
from services.cli.sheets.collected import Sheets
from services.cli.sheets.grouping import gather
from services.cli.sheets.reading import read_csv
from services.cli.sheets.table import Wrong

NAMES = ("Canary Zhang", "Canary Li", "Canary Wang")
PHONES = ("0731 000 001", "0731 000 002")
LED = {"nominated_on": "2026-01-05", "nominators": "9", "vetted_on": "2026-01-12"}


def post(
    unit: str, name: str = "", phone: str = "", *, on: str = "2026-02-01", **cells: str
) -> dict[str, str]:
    return {"unit": unit, "post": "leader", "name": name, "phone": phone, "appointed_on": on, **LED, **cells}


POSTS = (
    post("a", NAMES[0], PHONES[0]),
    post("a/b", NAMES[1], on="2026-02-02"),
    post("a/b/c", NAMES[0], PHONES[0], on="2026-03-01"),
    post("a/b/c/d", "", "", person="p-known"),
)
UNITS = (
    "code,kind,since\na,街道,2026-01-01\na/b,村,2026-01-01\na/b/c,片组,2026-01-01\na/b/c/d,邻里,2026-01-01\n"
)


def sheet(*posts: Mapping[str, str]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, ["unit", "post", "person", "name", "phone", "appointed_on", *LED])
    writer.writeheader()
    writer.writerows(posts)
    return text.getvalue().encode()


def read(posts: bytes, units: str = UNITS) -> Sheets:
    """The sheets of units and posts."""
    both = (read_csv(io.BytesIO(units.encode()), "units"), read_csv(io.BytesIO(posts), "posts"))
    return gather(each for one in both for each in one)


def keys(*posts: Mapping[str, str]) -> list[str]:
    """The keys that those who are named are put with."""
    sheets = read(sheet(*posts))
    assert sheets.wrong == []
    return [named.key("jili") for named in sheets.named.values()]


@dataclass
class Office:
    """The vault and the directory of a site; keeps what it was asked."""

    vault: dict[str, intake.Contact] = field(default_factory=dict)
    asked: list[intake.PutContactRequest] = field(default_factory=list)
    imported: dict[str, rpc.ImportedUnit] = field(default_factory=dict)
    checked: int = 0
    away: bool = False
    full: int = 99
    """How many more can be put until it goes away."""
    no: Mapping[str, grpc.StatusCode] = field(default_factory=dict)
    people: list[person_rpc.Person] = field(default_factory=list)
    coming: list[tuple[str, ...]] = field(default_factory=list)

    def PutContact(  # noqa: N802 - the contract's name
        self, request: intake.PutContactRequest, context: grpc.ServicerContext
    ) -> Any:
        self.asked.append(request)
        self.full -= not request.validate_only
        if self.away or self.full < 0:
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "away")
        if code := self.no.get(request.contact.name):
            context.abort(code, "no")
        key = request.meta.idempotency_key
        if not request.validate_only:
            self.vault[key] = request.contact
        return intake.PutContactResponse(person_ref=f"p-{key[-8:]}")

    def ImportUnits(  # noqa: N802 - as above
        self, requests: Iterator[rpc.ImportUnitsRequest], _context: grpc.ServicerContext
    ) -> Any:
        units = {each.unit.code: each for each in requests}
        self.checked += sum(each.dry_run for each in units.values())
        new = {code: each.unit for code, each in units.items() if not each.dry_run}
        self.imported |= new
        return rpc.ImportUnitsResponse(created=len(units))

    def ImportForces(  # noqa: N802 - as above
        self, requests: Iterator[force_rpc.ImportForcesRequest], _context: grpc.ServicerContext
    ) -> Any:
        forces = list(requests)
        self.coming += [(each.force.code, *each.coming_units) for each in forces]
        return force_rpc.ImportForcesResponse(created=len(forces))

    def ImportPersons(  # noqa: N802 - as above
        self, requests: Iterator[person_rpc.ImportPersonsRequest], _context: grpc.ServicerContext
    ) -> Any:
        people = list(requests)
        self.coming += [
            (each.person.person_ref, *each.coming_units, *each.coming_forces)
            for each in people
            if each.dry_run
        ]
        self.people += [each.person for each in people if not each.dry_run]
        return person_rpc.ImportPersonsResponse(created=len(people))

    def __getattr__(self, _method: str) -> Any:
        return lambda *_: None


@pytest.fixture
def office() -> Iterator[tuple[Office, str]]:
    office, server = Office(), grpc.server(ThreadPoolExecutor(4))
    fake: Any = office
    add_DirectoryServiceServicer_to_server(fake, server)
    add_IntakeServiceServicer_to_server(fake, server)
    add_ForceServiceServicer_to_server(fake, server)
    add_PersonServiceServicer_to_server(fake, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield office, f"127.0.0.1:{port}"
    server.stop(None).wait()


def take_over(
    folder: Path, address: str, *words: str, posts: tuple[Mapping[str, str], ...] = POSTS
) -> Result:
    (folder / "units.csv").write_text(UNITS, encoding="utf-8")
    (folder / "posts.csv").write_bytes(sheet(*posts))
    given = ["import", str(folder), *words, "--address", address]
    result = CliRunner(env={"FENGQIAO_TOKEN": "a-token"}).invoke(app, given)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    for text in (*NAMES, *PHONES):
        assert text not in result.output
    return result


def test_only_references_reach_the_directory_and_one_person_has_one(
    office: tuple[Office, str], tmp_path: Path
) -> None:
    there, address = office
    assert take_over(tmp_path, address).exit_code == 0
    assert sorted(each.name for each in there.vault.values()) == [NAMES[1], NAMES[0]]
    refs = {code: unit.posts[0].person_ref for code, unit in there.imported.items()}
    assert refs["a"] == refs["a/b/c"] != refs["a/b"]
    assert refs["a/b/c/d"] == "p-known"
    assert not any("anary" in str(unit) for unit in there.imported.values())


def test_a_dry_run_puts_nothing_into_the_vault(office: tuple[Office, str], tmp_path: Path) -> None:
    there, address = office
    assert take_over(tmp_path, address, "--dry-run").exit_code == 0
    assert (there.vault, there.imported, there.checked) == ({}, {}, 4)


def test_the_same_rows_are_the_same_persons_wherever_they_stand_in_the_sheet() -> None:
    again = keys(*reversed(POSTS))
    assert sorted(keys(*POSTS)) == sorted(again)
    assert len(set(again)) == 2
    # Who is appointed to one more post stays who they are.
    assert set(again) <= set(keys(*POSTS[:3], post("a/b/c/d", NAMES[0], PHONES[0], on="2026-04-01")))


def test_two_of_one_name_without_a_number_are_two_persons() -> None:
    assert len(set(keys(post("a", NAMES[0]), post("a/b", NAMES[0])))) == 2


def test_where_the_vault_is_away_nothing_is_imported(office: tuple[Office, str], tmp_path: Path) -> None:
    there, address = office
    there.away = True
    result = take_over(tmp_path, address)
    assert result.exit_code == 1
    assert "nothing was imported" in result.output
    assert (there.imported, there.checked) == ({}, 0)


def test_where_the_vault_goes_away_in_between_nothing_is_imported_and_a_repetition_puts_nobody_twice(
    office: tuple[Office, str], tmp_path: Path
) -> None:
    there, address = office
    there.full = 1
    result = take_over(tmp_path, address)
    assert result.exit_code == 1
    assert "nothing was imported" in result.output
    assert (len(there.vault), there.imported) == (1, {})
    there.full = 99
    assert take_over(tmp_path, address).exit_code == 0
    assert (len(there.vault), len(there.imported)) == (2, 4)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (grpc.StatusCode.INVALID_ARGUMENT, "not_for_the_vault"),
        (grpc.StatusCode.ALREADY_EXISTS, "another_in_the_vault"),
        (grpc.StatusCode.FAILED_PRECONDITION, "erased_from_the_vault"),
    ],
)
def test_whom_the_vault_refuses_is_named_by_row_and_not_by_name(
    office: tuple[Office, str], tmp_path: Path, code: grpc.StatusCode, reason: str
) -> None:
    there, address = office
    there.no = {NAMES[1]: code}
    result = take_over(tmp_path, address)
    assert result.exit_code == 1
    assert ["posts", "3", "name", reason] in [line.split() for line in result.output.splitlines()]
    assert (there.vault, there.imported) == ({}, {})
    assert take_over(tmp_path, address, "--sound-only").exit_code == 1
    assert "a/b" not in there.imported
    assert {each.name for each in there.vault.values()} == {NAMES[0]}


@pytest.mark.parametrize(
    ("row", "wrong"),
    [
        (post("a", NAMES[0], person="p-1"), Wrong("posts", 2, "person", "reference_and_name")),
        (post("a", "", PHONES[0]), Wrong("posts", 2, "name", "required")),
        (post("a", "", "", person="张三"), Wrong("posts", 2, "person", "no_reference")),
    ],
)
def test_a_person_is_told_once_by_reference_or_by_name(row: Mapping[str, str], wrong: Wrong) -> None:
    sheets = read(sheet(row))
    assert sheets.wrong == [wrong]
    assert sheets.named == {}


def test_who_leads_two_neighbourhoods_is_found_by_name_and_not_told_by_it() -> None:
    units = UNITS + "a/b/c/e,邻里,2026-01-01\n"
    rows = sheet(post("a/b/c/d", NAMES[0], PHONES[0]), post("a/b/c/e", NAMES[0], PHONES[0]))
    sheets = read(rows, units)
    assert sheets.wrong == [Wrong("posts", 3, "name", "leads:a/b/c/d")]


def test_a_sheet_without_headings_tells_nobody() -> None:
    wrong = read(f"a,leader,{NAMES[0]},{PHONES[0]},{NAMES[0]}\n".encode()).wrong
    assert wrong
    assert not any("anary" in str(each) or "0731" in str(each) for each in wrong)


def test_who_is_named_is_not_in_what_is_logged_of_them() -> None:
    sheets = read(sheet(*POSTS))
    assert "anary" not in repr(list(sheets.named.values()))


# -- volunteers --------------------------------------------------------------------------------------------

FORCES = "force,kind,unit,skills,speaker,since\nred,team,a/b,first_aid,p-9,2026-02-01\n"
PEOPLE = (
    "entry,name,phone,role,unit,since,skills,member_of,person\n"
    f"V-1,{NAMES[0]},{PHONES[0]},volunteer,a/b/c/d,2026-02-01,first_aid,red,\n"
    f"V-1,{NAMES[0]},{PHONES[0]},party_member,a/b,2026-02-01,,,\n"
    f"V-2,{NAMES[2]},,volunteer,a/elsewhere,2026-02-01,,,\n"
)


def enlist(folder: Path, address: str, *words: str, more: str = "") -> Result:
    (folder / "forces.csv").write_text(FORCES, encoding="utf-8")
    (folder / "persons.csv").write_text(PEOPLE + more, encoding="utf-8")
    return take_over(folder, address, *words)


def test_volunteers_are_put_into_the_vault_and_a_leader_among_them_stays_one_person(
    office: tuple[Office, str], tmp_path: Path
) -> None:
    there, address = office
    assert enlist(tmp_path, address).exit_code == 0
    assert sorted(each.name for each in there.vault.values()) == sorted(NAMES)
    leader, other = there.people
    assert leader.person_ref == there.imported["a"].posts[0].person_ref != other.person_ref
    assert [each.unit_id for each in leader.roles] == ["a/b/c/d", "a/b"]
    assert not any("anary" in str(each) for each in there.people)


def test_a_dry_run_of_volunteers_is_told_what_the_sheets_bring(
    office: tuple[Office, str], tmp_path: Path
) -> None:
    there, address = office
    assert enlist(tmp_path, address, "--dry-run").exit_code == 0
    assert (there.vault, there.people) == ({}, [])
    red, leader, other = there.coming
    assert red == ("red", "a/b")
    assert sorted(leader[1:]) == ["a/b", "a/b/c/d", "red"]
    assert other[1:] == ()


def test_volunteers_whom_the_vault_refuses_are_named_by_each_of_their_rows(
    office: tuple[Office, str], tmp_path: Path
) -> None:
    there, address = office
    there.no = {NAMES[2]: grpc.StatusCode.INVALID_ARGUMENT}
    result = enlist(tmp_path, address)
    assert result.exit_code == 1
    assert ["persons", "4", "name", "not_for_the_vault"] in [
        line.split() for line in result.output.splitlines()
    ]
    assert there.people == []
    assert enlist(tmp_path, address, "--sound-only").exit_code == 1
    assert len(there.people) == 1


def test_who_is_told_by_reference_and_by_name_as_well_is_named_with_both_rows(
    office: tuple[Office, str], tmp_path: Path
) -> None:
    there, address = office
    assert enlist(tmp_path, address, "--dry-run").exit_code == 0
    ref = there.coming[1][0]
    result = enlist(tmp_path, address, "--dry-run", more=f",,,party_member,a,2026-02-01,,,{ref}\n")
    assert result.exit_code == 1
    assert ["persons", "5", "person", "twice:row", "2"] in [
        line.split() for line in result.output.splitlines()
    ]
