"""What the directory commands say to the service, and what they show of its answers."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from typer.testing import CliRunner, Result

from fengqiao.routing.v1 import directory_events_pb2 as ev
from fengqiao.routing.v1 import directory_service_pb2 as rpc
from fengqiao.routing.v1 import routing_service_pb2 as routing
from fengqiao.routing.v1.directory_service_pb2_grpc import add_DirectoryServiceServicer_to_server
from services.cli.__main__ import app

NEXT = "next"
CODE = "jili/hexi/s1/n1"
POST = rpc.Post(
    post_id="leader", status=rpc.POST_STATUS_ON_LEAVE, holder_ref="p-1", acting_ref="p-2", days=ev.Days()
)
UNIT = rpc.Unit(
    code=CODE, kind=ev.UNIT_KIND_NEIGHBOURHOOD, days=ev.Days(since="2026-03-02"), posts=[POST], households=13
)


RING = ev.Ring(points=[ev.Point(longitude=120.0, latitude=30.5)])
ANSWERS = {
    "ListUnits": rpc.ListUnitsResponse(units=[UNIT], next_page_token=NEXT),
    "ListGaps": rpc.ListGapsResponse(gaps=[rpc.Gap(household="h-1", reason="vacant", code=CODE)]),
    "ListBoundaries": rpc.ListBoundariesResponse(units=[rpc.DrawnUnit(code=CODE, rings=[RING])]),
    "LookUpCases": rpc.LookUpCasesResponse(
        units=[rpc.LookedUpUnit(code=CODE, leader_ref="p-1", households=["h-1", "h-2"])],
        cases=[routing.Case(case_id="c-1", request_no="JILI-1", status=routing.CASE_STATUS_RESOLVED)],
        next_page_token=NEXT,
    ),
    "ListLookUps": rpc.ListLookUpsResponse(
        look_ups=[
            rpc.LookUp(by="p-desk", role="desk", purpose="inspection", household="h-1", leader_refs=["p-1"])
        ]
    ),
    "FindPoint": rpc.FindPointResponse(code=CODE, leader_ref="p-1"),
    "FindHousehold": rpc.FindHouseholdResponse(
        code=CODE, leader_ref="p-1", answering_code=CODE, answering_ref="p-2"
    ),
}


@dataclass
class Office:
    """Answers every method with the same unit, and keeps what it was asked."""

    asked: list[Any] = field(default_factory=list)

    def __getattr__(self, _method: str) -> Any:
        return self.answer

    def answer(self, request: Message, _context: grpc.ServicerContext) -> Any:
        self.asked.append(request)
        name = type(request).__name__.removesuffix("Request")
        if name in ANSWERS:
            return ANSWERS[name]
        response = getattr(rpc, f"{name}Response")
        if "restructuring" in response.DESCRIPTOR.fields_by_name:
            return response(restructuring=rpc.Restructuring(code=CODE, into=["jili/x"], completed=True))
        return response(unit=UNIT)


@dataclass
class Terminal:
    """Types commands at the office."""

    address: str

    def type(self, *words: str) -> Result:
        given = ["directory", *words, "--address", self.address]
        result = CliRunner(env={"FENGQIAO_TOKEN": "a-token"}).invoke(app, given)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result


@pytest.fixture
def office() -> Office:
    return Office()


@pytest.fixture
def terminal(office: Office) -> Iterator[Terminal]:
    server = grpc.server(ThreadPoolExecutor(2))
    fake: Any = office
    add_DirectoryServiceServicer_to_server(fake, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield Terminal(f"127.0.0.1:{port}")
    server.stop(None).wait()


@pytest.mark.parametrize(
    ("words", "request_type", "fields"),
    [
        (
            f"establish {CODE} temporary --until 2026-05-01 --covers jili/hexi --post leader",
            rpc.EstablishUnitRequest,
            {
                "kind": ev.UNIT_KIND_TEMPORARY,
                "until": "2026-05-01",
                "covers": ["jili/hexi"],
                "posts": ["leader"],
            },
        ),
        (
            f"close {CODE} --on 2026-05-01 --successor jili/x",
            rpc.CloseUnitRequest,
            {"on": "2026-05-01", "successors": ["jili/x"]},
        ),
        (f"settle {CODE} h-1 h-2", rpc.SettleHouseholdsRequest, {"households": ["h-1", "h-2"]}),
        (
            f"release {CODE} h-1 --to-unit jili/x",
            rpc.ReleaseHouseholdsRequest,
            {"households": ["h-1"], "to_unit": "jili/x"},
        ),
        (
            f"move {CODE} jili/x --on 2026-05-01",
            rpc.MoveUnitRequest,
            {"new_code": "jili/x", "on": "2026-05-01"},
        ),
        (f"merge {CODE} jili/x", rpc.MergeUnitRequest, {"into": "jili/x"}),
        (
            f"split {CODE} jili/a=h-1,h-2 jili/b=h-3",
            rpc.SplitUnitRequest,
            {
                "parts": [
                    rpc.SplitPart(code="jili/a", households=["h-1", "h-2"]),
                    rpc.SplitPart(code="jili/b", households=["h-3"]),
                ]
            },
        ),
        (f"erase {CODE} --on 2026-05-01", rpc.DrawBoundaryRequest, {"on": "2026-05-01", "rings": []}),
        ("point 120.5 30.5", rpc.FindPointRequest, {"point": ev.Point(longitude=120.5, latitude=30.5)}),
        ("boundaries jili", rpc.ListBoundariesRequest, {"within": "jili", "page_size": 500}),
        ("restructuring r-1", rpc.GetRestructuringRequest, {"restructuring_id": "r-1"}),
        (f"nominate {CODE} p-1 9", rpc.NominateLeaderRequest, {"person_ref": "p-1", "nominators": 9}),
        (f"vet {CODE} p-1", rpc.VetLeaderRequest, {"approved": True, "reason": ""}),
        (f"vet {CODE} p-1 --reject unfit", rpc.VetLeaderRequest, {"approved": False, "reason": "unfit"}),
        (
            f"appoint {CODE} p-1 --term-until 2029-05-01",
            rpc.AppointLeaderRequest,
            {"person_ref": "p-1", "term_until": "2029-05-01", "post_id": "leader"},
        ),
        (f"leave {CODE} --substitute p-2", rpc.GrantLeaveRequest, {"substitute_ref": "p-2"}),
        (f"back {CODE} --on 2026-05-02", rpc.EndLeaveRequest, {"on": "2026-05-02"}),
        (f"vacate {CODE} resigned", rpc.VacatePostRequest, {"reason": ev.VACANCY_REASON_RESIGNED}),
        (f"show {CODE} --day 2026-05-02", rpc.GetUnitRequest, {"day": "2026-05-02"}),
        (
            "list jili --kind section --limit 7 --page there",
            rpc.ListUnitsRequest,
            {"within": "jili", "kind": ev.UNIT_KIND_SECTION, "page_size": 7, "page_token": "there"},
        ),
        ("household h-1", rpc.FindHouseholdRequest, {"household": "h-1"}),
        ("gaps jili", rpc.ListGapsRequest, {"within": "jili", "page_size": 50}),
        (
            f"cases unit {CODE} --purpose inspection --day 2026-05-02 --page there",
            rpc.LookUpCasesRequest,
            {"purpose": "inspection", "scope": 0, "day": "2026-05-02", "page_token": "there"},
        ),
        (
            "look-ups --by p-desk --leader p-1 --limit 7",
            rpc.ListLookUpsRequest,
            {"by": "p-desk", "leader_ref": "p-1", "page_size": 7},
        ),
    ],
)
def test_a_command_says_what_was_typed(
    office: Office, terminal: Terminal, words: str, request_type: type[Message], fields: dict[str, Any]
) -> None:
    assert terminal.type(*words.split()).exit_code == 0
    asked: Any = office.asked[0]
    assert isinstance(asked, request_type)
    assert {name: getattr(asked, name) for name in fields} == fields
    if "code" in request_type.DESCRIPTOR.fields_by_name:
        assert getattr(asked, "code") == CODE  # noqa: B009 - not every request has it


SQUARE = [[120.0, 30.0], [120.1, 30.0], [120.1, 30.1], [120.0, 30.0]]


@pytest.mark.parametrize("wrapped", ["geometry", "feature", "collection"])
def test_a_boundary_is_read_from_geojson(
    office: Office, terminal: Terminal, tmp_path: Path, wrapped: str
) -> None:
    shape: Any = {"type": "Polygon", "coordinates": [SQUARE]}
    if wrapped != "geometry":
        shape = {"type": "Feature", "geometry": shape}
    if wrapped == "collection":
        shape = {"type": "FeatureCollection", "features": [shape]}
    file = tmp_path / "n1.geojson"
    file.write_text(json.dumps(shape), encoding="utf-8")
    assert terminal.type("draw", CODE, str(file)).exit_code == 0
    [ring] = office.asked[0].rings
    assert [[p.longitude, p.latitude] for p in ring.points] == SQUARE


@pytest.mark.parametrize(
    "shape",
    ["", "{}", '{"type": "Point", "coordinates": [1, 2]}', '{"type": "FeatureCollection", "features": []}'],
)
def test_a_file_that_is_no_polygon_is_refused_before_anything_is_asked(
    office: Office, terminal: Terminal, tmp_path: Path, shape: str
) -> None:
    file = tmp_path / "n1.geojson"
    file.write_text(shape, encoding="utf-8")
    assert terminal.type("draw", CODE, str(file)).exit_code == 2
    assert office.asked == []


def test_boundaries_are_shown_as_geojson(terminal: Terminal) -> None:
    shown = json.loads(terminal.type("boundaries", "jili").stdout)
    [feature] = shown["features"]
    assert (feature["id"], feature["geometry"]["coordinates"]) == (CODE, [[[120.0, 30.5]]])


def test_a_part_without_households_is_refused_before_anything_is_asked(
    office: Office, terminal: Terminal
) -> None:
    assert terminal.type("split", CODE, "jili/a").exit_code == 2
    assert office.asked == []


def test_a_restructuring_is_shown_with_what_became_of_it(terminal: Terminal) -> None:
    shown = terminal.type("merge", CODE, "jili/x").stdout
    assert "jili/x" in shown
    assert "yes" in shown


def test_a_unit_is_shown_with_who_answers(terminal: Terminal) -> None:
    shown = terminal.type("show", CODE).stdout
    assert "neighbourhood" in shown
    assert "leader: on_leave p-1, p-2 stands in" in shown


def test_lists_say_what_there_is_and_whether_there_is_more(terminal: Terminal) -> None:
    listed = terminal.type("list", "jili").stdout
    assert "13 households" in listed
    assert "more: --page next" in listed
    assert terminal.type("gaps", "jili").stdout.split() == ["h-1", "vacant", CODE]


def test_a_household_is_shown_with_its_leader_and_who_answers(terminal: Terminal) -> None:
    shown = terminal.type("household", "h-1").stdout
    assert "p-1" in shown
    assert f"p-2 in {CODE}" in shown


@pytest.mark.parametrize(
    ("words", "field"),
    [("leader p-1", "leader_ref"), (f"unit {CODE}", "code"), ("household h-1", "household")],
)
def test_cases_are_looked_up_by_leader_unit_or_household(
    office: Office, terminal: Terminal, words: str, field: str
) -> None:
    given = ["cases", *words.split(), "--purpose", "inspection", "--scope", "closed"]
    assert terminal.type(*given).exit_code == 0
    [asked] = office.asked
    assert (asked.WhichOneof("whom"), getattr(asked, field)) == (field, words.split()[1])
    assert asked.scope == rpc.CASE_SCOPE_CLOSED


def test_nobody_looks_up_cases_without_a_purpose(office: Office, terminal: Terminal) -> None:
    assert terminal.type("cases", "leader", "p-1").exit_code == 2
    assert office.asked == []


def test_a_leaders_households_and_cases_are_shown(terminal: Terminal) -> None:
    shown = terminal.type("cases", "leader", "p-1", "--purpose", "inspection").stdout
    assert "h-1, h-2" in shown
    assert "resolved" in shown
    assert "more: --page next" in shown


def test_a_look_up_is_shown_with_who_made_it_and_why(terminal: Terminal) -> None:
    shown = terminal.type("look-ups").stdout
    assert "p-desk (desk)" in shown
    assert "inspection" in shown
    assert "refused" in shown, "nothing was answered"
