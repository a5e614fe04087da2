"""What the client commands say to services, and what they say of refusals; the services are fakes."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from grpc_status import rpc_status
from typer.testing import CliRunner, Result

from fengqiao.common.v1 import operations_service_pb2 as operations
from fengqiao.common.v1.operations_service_pb2_grpc import (
    add_OperationsServiceServicer_to_server,
)
from fengqiao.intake.v1 import intake_service_pb2 as intake
from fengqiao.intake.v1.intake_service_pb2_grpc import (
    add_IntakeServiceServicer_to_server,
)
from fengqiao.routing.v1 import routing_service_pb2 as routing
from fengqiao.routing.v1.routing_service_pb2_grpc import (
    add_RoutingServiceServicer_to_server,
)
from services.chassis.errors import CommandError, Forbidden, IllegalTransition, Invalid, Violation
from services.chassis.refusals import to_status
from services.cli.__main__ import app

CASE = "0566b6d8-6cf4-5a20-a290-cf1ebdfd650a"

Context = grpc.ServicerContext


@dataclass
class House:
    """Services that answer, or refuse what they are told to; they keep what they were asked."""

    refusal: CommandError | None = None
    asked: list[Any] = field(default_factory=list)
    bearer: str = ""
    letters: list[operations.DeadLetter] = field(default_factory=list)
    kept_for: str = "bad_protobuf"

    def SubmitRequest(self, request: Any, context: Context) -> Any:  # noqa: N802 - gRPC's name
        self._hear(request, context)
        return intake.SubmitRequestResponse(
            case_id=CASE, request_no="JILI-000001", tracking_code="ABCDEFGH2345"
        )

    def AcceptCase(self, request: Any, context: Context) -> Any:  # noqa: N802 - gRPC's name
        self._hear(request, context)
        return routing.AcceptCaseResponse(
            case=routing.Case(case_id=CASE, status=routing.CASE_STATUS_IN_PROGRESS)
        )

    def ListDeadLetters(self, request: Any, context: Context) -> Any:  # noqa: N802 - gRPC's name
        self._hear(request, context)
        return operations.ListDeadLettersResponse(dead_letters=self.letters)

    def DropDeadLetter(self, request: Any, context: Context) -> Any:  # noqa: N802 - gRPC's name
        self._hear(request, context)
        return operations.DropDeadLetterResponse(healed=False, reason=self.kept_for)

    def _hear(self, request: Message, context: Context) -> None:
        self.asked.append(request)
        self.bearer = str(dict(context.invocation_metadata())["authorization"])
        if self.refusal:
            context.abort_with_status(rpc_status.to_status(to_status(self.refusal)))


class Fake:
    """A servicer of any service: what the house doesn't know is not there."""

    def __init__(self, house: House) -> None:
        self._house = house

    def __getattr__(self, method: str) -> Any:
        return getattr(self._house, method, None)


@dataclass
class Terminal:
    """Types commands at the fakes."""

    address: str

    def type(self, *words: str, given: str | None = None) -> Result:
        result = CliRunner(env={"FENGQIAO_TOKEN": "a-token"}).invoke(
            app, [*words, "--address", self.address], input=given
        )
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result


@pytest.fixture
def house() -> House:
    return House()


@pytest.fixture
def terminal(house: House) -> Iterator[Terminal]:
    server = grpc.server(ThreadPoolExecutor(2))
    fake: Any = Fake(house)
    add_IntakeServiceServicer_to_server(fake, server)
    add_RoutingServiceServicer_to_server(fake, server)
    add_OperationsServiceServicer_to_server(fake, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield Terminal(f"127.0.0.1:{port}")
    server.stop(None).wait()


def test_a_request_is_translated_word_by_word(terminal: Terminal, house: House) -> None:
    said = terminal.type(
        *("submit", "Noise", "--site", "jili", "--kind", "noise.neighbours", "--place", "jili/hexi"),
        *(
            "--attribute",
            "floor=3",
            "--attribute",
            "since=a=b",
            "--urgent",
            "--due",
            "2024-02-01T08:00:00+08:00",
        ),
        *("--key", "key-00001", "--at", "2024-01-31T08:00:00Z"),
    )
    assert said.exit_code == 0
    assert said.stdout == f"case           {CASE}\nnumber         JILI-000001\ntracking code  ABCDEFGH2345\n"
    [asked] = house.asked
    assert house.bearer == "Bearer a-token"
    assert asked.meta.idempotency_key == "key-00001"
    assert asked.meta.occurred_at.ToJsonString() == "2024-01-31T08:00:00Z"
    assert asked.request.due_at.ToJsonString() == "2024-02-01T00:00:00Z"
    assert dict(asked.request.attributes) == {"floor": "3", "since": "a=b"}
    assert asked.request.urgent


def test_each_change_has_a_key_of_its_own_and_no_revision_unless_given(
    terminal: Terminal, house: House
) -> None:
    for words in ((), (), ("--revision", "3")):
        assert terminal.type("accept", CASE, *words).exit_code == 0
    first, second, third = (asked.meta for asked in house.asked)
    assert first.idempotency_key != second.idempotency_key
    assert not first.HasField("expected_revision")
    assert third.expected_revision == 3


def test_json_is_one_line_in_the_contracts_names(terminal: Terminal) -> None:
    said = terminal.type("accept", CASE, "--json").stdout
    assert json.loads(said) == {"case": {"case_id": CASE, "status": "CASE_STATUS_IN_PROGRESS"}}
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("refusal", "line"),
    [
        (
            Invalid([Violation("request.kind", "string.pattern"), Violation("meta", "required")]),
            "INVALID_ARGUMENT: invalid_argument: request.kind: string.pattern; meta: required",
        ),
        (
            Forbidden("no such case\nin your territory"),
            "PERMISSION_DENIED: permission_denied: no such case in your territory",
        ),
        (
            IllegalTransition("AcceptCase is not allowed in resolved", state="resolved"),
            "FAILED_PRECONDITION: illegal_transition: AcceptCase is not allowed in resolved",
        ),
        (
            Invalid([Violation("days", "not_in_1_to_30")], rule="petition.extension@1"),
            "INVALID_ARGUMENT: invalid_argument: days: not_in_1_to_30 (rule petition.extension@1)",
        ),
    ],
)
def test_a_refusal_is_one_line_and_exit_1(
    terminal: Terminal, house: House, refusal: CommandError, line: str
) -> None:
    house.refusal = refusal
    said = terminal.type("accept", CASE)
    assert (said.exit_code, said.stdout, said.stderr) == (1, "", f"{line}\n")


def test_what_cannot_be_tried_is_one_line_and_exit_2(terminal: Terminal, house: House) -> None:
    mistakes = {
        ("accept", CASE, "--at", "soon"): "--at: soon is no ISO 8601 time",
        ("accept", CASE, "--at", "2024-01-31T08:00:00"): "--at: 2024-01-31T08:00:00 lacks its zone",
        ("submit", "x", "--kind", "y", "--attribute", "z"): "--attribute: z is not NAME=VALUE",
        ("resume", "--service", "court"): "--service: court is none of",
        ("deliveries", "--status", "lost"): "--status: lost is none of",
        ("show", CASE, "--token-file", "/no/such/file"): "--token-file: /no/such/file can't be read",
    }
    for words, line in mistakes.items():
        said = terminal.type(*words)
        assert said.exit_code == 2, words
        assert said.stderr.startswith(line)
        assert len(said.stderr.splitlines()) == 1
    assert house.asked == []


def test_without_a_runtime_it_says_how_to_start_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FENGQIAO_HOME", str(tmp_path))
    said = CliRunner().invoke(app, ["show", CASE])
    assert (said.exit_code, said.stdout) == (2, "")
    assert "fengqiao up" in said.stderr
    assert len(said.stderr.splitlines()) == 1


def test_an_address_without_a_token_is_refused_before_anything_is_called() -> None:
    said = CliRunner().invoke(app, ["show", CASE, "--address", "127.0.0.1:1"])
    assert (said.exit_code, said.stderr.split(":")[0]) == (2, "with --address a token is needed")


def test_a_service_that_is_away_is_named_within_seconds() -> None:
    said = CliRunner(env={"FENGQIAO_TOKEN": "t"}).invoke(app, ["show", CASE, "--address", "127.0.0.1:1"])
    assert (said.exit_code, said.stderr.split(":")[0]) == (1, "UNAVAILABLE")


def letter(**more: Any) -> operations.DeadLetter:
    return operations.DeadLetter(
        id="0-7",
        reason="bad_protobuf",
        aggregate_id=CASE,
        source_topic="fengqiao.intake.requests",
        event_id=f"intake/{CASE}/fengqiao.intake.requests/3",
        size=12,
        **more,
    )


def test_a_dead_letter_is_shown_by_headers_and_size(terminal: Terminal, house: House) -> None:
    house.letters = [letter()]
    said = terminal.type("dlq", "show", "0-7", "--service", "routing")
    assert said.exit_code == 0
    assert "bad_protobuf" in said.stdout
    assert "12 bytes" in said.stdout
    assert [(asked.page_size, int(asked.page_token)) for asked in house.asked] == [(1, 7)]
    assert (
        terminal.type("dlq", "show", "0-8", "--service", "routing").stderr
        == "routing has no dead letter 0-8\n"
    )


def test_dropping_asks_first_and_gives_up_the_letters_own_sequence(terminal: Terminal, house: House) -> None:
    house.letters = [letter()]
    kept = terminal.type("dlq", "drop", "0-7", "--service", "routing", given="n\n")
    assert kept.exit_code == 1
    assert [type(asked) for asked in house.asked] == [operations.ListDeadLettersRequest]

    said = terminal.type("dlq", "drop", "0-7", "--service", "routing", "--yes")
    assert (said.exit_code, said.stdout) == (1, "still behind: bad_protobuf\n")
    assert (house.asked[-1].aggregate_id, house.asked[-1].sequence) == (CASE, 3)


def test_dead_letters_are_listed_of_every_service_with_what_is_still_open(
    terminal: Terminal, house: House
) -> None:
    house.letters = [letter(open=True), letter()]
    said = terminal.type("dlq", "list")
    assert said.exit_code == 0
    states = ["open" in line.split() for line in said.stdout.splitlines()]
    assert states == [False, True, False]
    further = terminal.type("dlq", "list", "--page", "7")
    assert (further.exit_code, house.asked[1:]) == (2, [])
    assert "--service" in further.stderr


def test_giving_up_what_nobody_waits_for_says_so(terminal: Terminal, house: House) -> None:
    house.letters, house.kept_for = [letter()], "not_behind"
    said = terminal.type("dlq", "drop", "0-7", "--service", "routing", "--yes")
    assert (said.exit_code, said.stdout) == (1, "nothing to give up: its aggregate is not behind\n")
