"""What the petition commands say to the service, and what they show of its answers."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from typer.testing import CliRunner, Result

from fengqiao.common.v1.common_pb2 import Clock
from fengqiao.petition.v1 import events_pb2 as ev
from fengqiao.petition.v1 import petition_service_pb2 as rpc
from fengqiao.petition.v1.petition_service_pb2_grpc import (
    add_PetitionServiceServicer_to_server,
)
from services.chassis.protobuf import timestamp
from services.cli.__main__ import app

NEXT = "next"
CASE = "0566b6d8-6cf4-5a20-a290-cf1ebdfd650a"
DUE = timestamp(datetime(2026, 10, 8, tzinfo=UTC))
SHOWN = rpc.Petition(
    case_id=CASE,
    reference=ev.PetitionReference(request_no="JILI-000001", unit_id="jili"),
    status=rpc.PETITION_STATUS_ACCEPTED,
    kind=ev.PETITION_KIND_CLAIM,
    branch=6,
    clocks=[Clock(name="p4", epoch=1, rule="petition.opinion@1", due_at=DUE, rolled_due_at=DUE)],
    overdue=["p1"],
    opinion=rpc.OpinionContent(legal_basis="Art. 32"),
)


@dataclass
class Office:
    """Answers every method with the same petition, and keeps what it was asked."""

    asked: list[Any] = field(default_factory=list)

    def __getattr__(self, _method: str) -> Any:
        return self.answer

    def answer(self, request: Message, _context: grpc.ServicerContext) -> Any:
        self.asked.append(request)
        name = type(request).__name__.removesuffix("Request")
        response = getattr(rpc, f"{name}Response")
        if name == "ListPetitions":
            return response(petitions=[SHOWN], next_page_token=NEXT)
        if name == "ExplainDeadline":
            return response(clocks=SHOWN.clocks, running=["p4"])
        return response(petition=SHOWN)


@dataclass
class Terminal:
    """Types commands at the office."""

    address: str

    def type(self, *words: str) -> Result:
        given = ["petition", *words, "--address", self.address]
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
    add_PetitionServiceServicer_to_server(fake, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield Terminal(f"127.0.0.1:{port}")
    server.stop(None).wait()


@pytest.mark.parametrize(
    ("words", "request_type", "fields"),
    [
        (
            "register CASE claim education --branch 6 --petitioners 9 --representative p-1",
            rpc.RegisterPetitionRequest,
            {
                "kind": ev.PETITION_KIND_CLAIM,
                "content_code": "education",
                "branch": 6,
                "petitioners": 9,
                "representative_refs": ["p-1"],
            },
        ),
        ("route CASE", rpc.RoutePetitionRequest, {"manner": ev.ROUTE_MANNER_OWN, "unit_id": ""}),
        (
            "route CASE transfer liuyang/discipline",
            rpc.RoutePetitionRequest,
            {"manner": ev.ROUTE_MANNER_TRANSFER, "unit_id": "liuyang/discipline"},
        ),
        ("notify CASE post", rpc.NotifyReceiptRequest, {"manner": "post", "waived": ""}),
        (
            "notify CASE --waived name_unclear",
            rpc.NotifyReceiptRequest,
            {"manner": "", "waived": "name_unclear"},
        ),
        ("accept CASE", rpc.AcceptPetitionRequest, {"refused": ""}),
        ("accept CASE --refused litigation", rpc.AcceptPetitionRequest, {"refused": "litigation"}),
        (
            "extend CASE 30 complex --approver head-1",
            rpc.ExtendDeadlineRequest,
            {"days": 30, "reason": "complex", "approver_ref": "head-1"},
        ),
        (
            "opine CASE not_supported --claim a --facts b --basis c",
            rpc.IssueOpinionRequest,
            {
                "opinion": rpc.OpinionContent(
                    claim="a",
                    facts_and_reasons="b",
                    outcome=ev.OPINION_OUTCOME_NOT_SUPPORTED,
                    legal_basis="c",
                )
            },
        ),
        ("deliver CASE in_person", rpc.DeliverOpinionRequest, {"manner": "in_person"}),
        (
            "reply CASE answered --note thanks",
            rpc.ReplyToPetitionRequest,
            {"outcome": "answered", "note": "thanks"},
        ),
        ("show CASE", rpc.GetPetitionRequest, {}),
        ("explain CASE", rpc.ExplainDeadlineRequest, {}),
    ],
)
def test_a_command_is_translated_word_by_word(
    terminal: Terminal, office: Office, words: str, request_type: type[Message], fields: dict[str, Any]
) -> None:
    said = terminal.type(*words.replace("CASE", CASE).split())
    assert said.exit_code == 0, said.output
    [asked] = office.asked
    assert asked.DESCRIPTOR is request_type.DESCRIPTOR
    assert asked.case_id == CASE
    for name, value in fields.items():
        assert getattr(asked, name) == value
    if "meta" in asked.DESCRIPTOR.fields_by_name:
        assert asked.meta.idempotency_key


@pytest.mark.parametrize(("role", "restricted"), [((), False), (("--role", "inspector"), True)])
def test_an_inspectors_list_is_that_of_accusations(
    terminal: Terminal, office: Office, role: tuple[str, ...], *, restricted: bool
) -> None:
    said = terminal.type("list", "jili", "--below", *role)
    assert said.exit_code == 0
    assert "overdue: p1" in said.stdout
    assert said.stdout.endswith(f"more: --page {NEXT}\n")
    [asked] = office.asked
    assert (asked.unit_id, asked.include_below, asked.restricted) == ("jili", True, restricted)


def test_a_petition_is_shown_with_what_runs_and_what_is_late(terminal: Terminal) -> None:
    shown = terminal.type("show", CASE).stdout
    assert "p4 until 2026-10-08" in shown
    assert "(petition.opinion@1)" in shown
    assert "legal basis" in shown
    assert "accused" not in shown
    assert "runs now" in terminal.type("explain", CASE).stdout
