"""What the commands for village codes say to the service, what they read, and what they show."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from typer.testing import CliRunner, Result

from fengqiao.routing.v1 import code_service_pb2 as rpc
from fengqiao.routing.v1 import directory_events_pb2 as directory
from fengqiao.routing.v1.code_service_pb2_grpc import add_VillageCodeServiceServicer_to_server
from services.cli.__main__ import app

NEXT, HEXI = "next", "jili/hexi"
QUIET = "晚上十点以后不放鞭炮。"
CLAUSES = [rpc.Clause(number="1", text="互相谦让。"), rpc.Clause(number="3.2", text=QUIET)]
CODE = rpc.VillageCode(
    unit_code=HEXI,
    versions=[
        rpc.VillageCodeVersion(
            version=1,
            adopted_on="2026-02-27",
            days=directory.Days(since="2026-03-02", until="2026-06-01"),
            clauses=CLAUSES,
        )
    ],
    revision=2,
)


@dataclass
class Hall:
    """Answers every method, and keeps what it was asked."""

    asked: list[Any] = field(default_factory=list)
    in_force: int = 1

    def __getattr__(self, _method: str) -> Any:
        return self.answer

    def answer(self, request: Message, _context: grpc.ServicerContext) -> Any:
        self.asked.append(request)
        name = type(request).__name__.removesuffix("Request")
        if name == "ListVillageCodes":
            return rpc.ListVillageCodesResponse(village_codes=[CODE], next_page_token=NEXT)
        if name == "GetClause":
            return rpc.GetClauseResponse(clause=CLAUSES[1], version=1)
        if name == "GetVillageCode":
            return rpc.GetVillageCodeResponse(village_code=CODE, in_force=self.in_force)
        return getattr(rpc, f"{name}Response")(village_code=CODE)


@dataclass
class Terminal:
    """Types commands at the hall."""

    address: str

    def type(self, *words: str) -> Result:
        given = ["code", *words, "--address", self.address]
        result = CliRunner(env={"FENGQIAO_TOKEN": "a-token"}).invoke(app, given)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result


@pytest.fixture
def hall() -> Hall:
    return Hall()


@pytest.fixture
def terminal(hall: Hall) -> Iterator[Terminal]:
    server = grpc.server(ThreadPoolExecutor(2))
    fake: Any = hall
    add_VillageCodeServiceServicer_to_server(fake, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield Terminal(f"127.0.0.1:{port}")
    server.stop(None).wait()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (f"repeal {HEXI} --on 2026-06-01", rpc.RepealVillageCodeRequest(unit_code=HEXI, on="2026-06-01")),
        (f"show {HEXI}", rpc.GetVillageCodeRequest(unit_code=HEXI)),
        (f"show {HEXI} --day 2026-05-31", rpc.GetVillageCodeRequest(unit_code=HEXI, day="2026-05-31")),
        (f"show {HEXI} --clause 3.2", rpc.GetClauseRequest(unit_code=HEXI, number="3.2")),
        (f"list --limit 7 --page {NEXT}", rpc.ListVillageCodesRequest(page_size=7, page_token=NEXT)),
    ],
)
def test_a_command_says_what_was_typed(hall: Hall, terminal: Terminal, words: str, expected: Message) -> None:
    assert terminal.type(*words.split()).exit_code == 0
    [asked] = hall.asked
    if "meta" in asked.DESCRIPTOR.fields_by_name:
        assert asked.meta.idempotency_key
        asked.ClearField("meta")
    assert asked == expected


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("code.txt", f"1 互相谦让。\n3.2、{QUIET}\n".encode()),
        ("code.txt", f"1. 互相谦让。\n\n3.2 {QUIET}".encode("gb18030")),
        ("code.csv", f"number,text\n1,互相谦让。\n3.2,{QUIET}\n".encode()),
    ],
    ids=["lines", "gb18030", "csv"],
)
def test_a_version_is_read_from_lines_or_from_a_sheet(
    hall: Hall, terminal: Terminal, tmp_path: Path, name: str, data: bytes
) -> None:
    (file := tmp_path / name).write_bytes(data)
    typed = terminal.type("adopt", HEXI, str(file), "--adopted-on", "2026-02-27", "--on", "2026-03-02")
    assert typed.exit_code == 0
    [asked] = hall.asked
    assert (asked.unit_code, asked.adopted_on, asked.on) == (HEXI, "2026-02-27", "2026-03-02")
    assert list(asked.clauses) == CLAUSES


def test_a_clause_of_several_lines_is_one_clause(hall: Hall, terminal: Terminal, tmp_path: Path) -> None:
    (file := tmp_path / "code.txt").write_text(f"1 互相谦让，\n  不争吵。\n2 {QUIET}\n", encoding="utf-8")
    assert terminal.type("adopt", HEXI, str(file)).exit_code == 0
    assert hall.asked[0].clauses[0].text == "互相谦让，\n不争吵。"


@pytest.mark.parametrize(
    ("data", "said"), [(None, "can't be read"), (b"\xff\xff\xff", "neither"), (b"hello\n", "no number")]
)
def test_a_file_that_holds_no_clauses_is_refused_before_anything_is_asked(
    hall: Hall, terminal: Terminal, tmp_path: Path, data: bytes | None, said: str
) -> None:
    file = tmp_path / "code.txt"
    if data is not None:
        file.write_bytes(data)
    refused = terminal.type("adopt", HEXI, str(file))
    assert (refused.exit_code, hall.asked) == (2, [])
    assert said in refused.stderr


def test_what_is_in_force_is_shown_with_its_texts(terminal: Terminal) -> None:
    shown = terminal.type("show", HEXI).stdout
    assert "2 clauses, adopted 2026-02-27, since 2026-03-02 until 2026-06-01" in shown
    assert f"3.2  {QUIET}" in shown


def test_one_clause_is_shown_alone(terminal: Terminal) -> None:
    assert terminal.type("show", HEXI, "--clause", "3.2").stdout == f"version 1\n3.2  {QUIET}\n"


def test_a_day_with_nothing_in_force_says_so(hall: Hall, terminal: Terminal) -> None:
    hall.in_force = 0
    shown = terminal.type("show", HEXI, "--day", "2026-07-01").stdout
    assert "nothing in force on that day" in shown
    assert QUIET not in shown


def test_a_list_says_how_to_go_on(terminal: Terminal) -> None:
    assert f"more: --page {NEXT}" in terminal.type("list").stdout
