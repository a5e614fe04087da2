"""The command line against a running house: what README.md promises, command by command."""

import json
import uuid
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from deploy.local.runtime import Running
from services.cli.__main__ import app
from tests.waiting import until

UNIT = "jili/hexi/s1/n1"


class Terminal:
    """Types commands at the shared runtime, for the sub-district on the wall clock."""

    def __init__(self, running: Running) -> None:
        self._shared = ["--data-dir", running.data_dir, "--site", "jili"]

    def type(self, *words: str, given: str | None = None) -> Result:
        result = CliRunner().invoke(app, [*words, *self._shared], input=given)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    def ask(self, *words: str) -> Any:
        """The first message of a command that must succeed."""
        result = self.type(*words, "--json")
        assert result.exit_code == 0, result.stderr
        return json.loads(result.stdout.splitlines()[0])

    def submit(self, *more: str) -> Any:
        return self.ask("submit", "Noise at night", "--kind", "noise.neighbours", "--place", UNIT, *more)


@pytest.fixture(scope="module")
def terminal(running: Running) -> Terminal:
    return Terminal(running)


def test_a_resident_and_a_handler_settle_a_matter_from_the_command_line(terminal: Terminal) -> None:
    person = terminal.ask("contact", "put", "--name", "李伟", "--email", "li.wei@example.org")["person_ref"]
    request = terminal.submit("--person", person, "--description", "every night")
    case = request["case_id"]

    # A handler is not told of a case that has not reached their unit.
    until(
        lambda: case in terminal.type("queue", UNIT, "--unit", UNIT, "--limit", "500").stdout,
        what="the unit's queue",
    )
    accepted = terminal.ask("accept", case, "--unit", UNIT)["case"]
    assert (accepted["status"], accepted["assignment"]["unit_id"]) == ("CASE_STATUS_IN_PROGRESS", UNIT)
    assert terminal.type("progress", case, "visited", "--note", "talked to both").exit_code == 0
    clocks = terminal.ask("explain", case)
    assert [clock["name"] for clock in clocks["clocks"]] == ["tier-1", "tier-2", "tier-3", "tier-4"]
    assert case in terminal.type("queue", "jili", "--below", "--limit", "500").stdout

    assert "routing decides" in terminal.type("ask-up", case).stdout
    until(
        lambda: terminal.ask("show", case)["case"]["assignment"]["unit_id"] == "jili/hexi/s1",
        what="the climb",
    )
    assert terminal.ask("resolve", case, "quiet_again")["case"]["status"] == "CASE_STATUS_RESOLVED"
    until(lambda: terminal.ask("show", case)["request"]["status"] == "REQUEST_STATUS_SETTLED", what="settled")
    assert terminal.type("rate", case, "5", "--solved").exit_code == 0

    tracked = until(
        lambda: [
            t for t in [terminal.type("track", request["tracking_code"]).stdout] if "RequestClosed" in t
        ],
        what="the closing in the timeline",
    )[0]
    assert tracked.startswith(f"{request['request_no']}  closed")
    assert "李伟" not in tracked
    assert "CaseEscalated" in terminal.type("timeline", case).stdout
    told = until(lambda: terminal.ask("notices", person, "--locale", "zh-CN").get("notices"), what="notices")
    assert any(request["request_no"] in notice["subject"] for notice in told)
    until(lambda: terminal.ask("deliveries", "--case", case, "--recipient", person).get("deliveries"))
    assert terminal.ask("contact", "show", person, "--purpose", "check")["contact"]["name"] == "李伟"


def test_a_retry_with_the_same_key_finds_the_same_case(terminal: Terminal) -> None:
    key = f"retry-{uuid.uuid4()}"
    assert terminal.submit("--key", key) == terminal.submit("--key", key)


def test_a_matter_is_lifted_given_back_withdrawn_and_reopened(terminal: Terminal) -> None:
    lifted = terminal.submit()["case_id"]
    assert terminal.ask("escalate", lifted, "too big for us")["case"]["assignment"]["tier"] == "TIER_SECTION"
    assert terminal.ask("return", lifted, "not ours")["case"]["assignment"]["tier"] == "TIER_COMMUNITY"
    assert terminal.type("withdraw", lifted).exit_code == 0
    until(
        lambda: terminal.ask("show", lifted)["request"]["status"] == "REQUEST_STATUS_WITHDRAWN",
        what="the withdrawal",
    )

    settled = terminal.submit()["case_id"]
    assert terminal.type("resolve", settled).exit_code == 0
    until(lambda: terminal.type("reopen", settled).exit_code == 0, what="a request that may be reopened")
    until(
        lambda: terminal.ask("show", settled)["case"]["steps"][-1]["reason"] == "MOVE_REASON_REOPENED",
        what="the reopening",
    )


def test_refusals_are_one_line_with_code_reason_and_fields(terminal: Terminal) -> None:
    wrong = terminal.type("submit", "x", "--kind", "Not A Kind", "--channel", "?")
    assert wrong.exit_code == 1
    assert wrong.stderr.startswith("INVALID_ARGUMENT: invalid_argument: ")
    assert "request.kind" in wrong.stderr
    assert "request.channel" in wrong.stderr
    assert len(wrong.stderr.splitlines()) == 1

    unknown = terminal.type("show", str(uuid.uuid4()))
    assert (unknown.exit_code, unknown.stderr.split(":")[0]) == (1, "NOT_FOUND")
    barred = terminal.type("escalate", str(uuid.uuid4()), "why", "--role", "clerk")
    assert (barred.exit_code, barred.stderr.split(":")[0]) == (1, "PERMISSION_DENIED")
    case = terminal.submit()["case_id"]
    assert terminal.type("accept", case).exit_code == 0
    stale = terminal.type("progress", case, "visited", "--revision", "1")
    assert (stale.exit_code, stale.stderr.split(":")[0]) == (1, "ABORTED")


def test_an_address_and_a_token_do_instead_of_a_runtime(
    terminal: Terminal, running: Running, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text(terminal.type("token", "--role", "desk").stdout)
    elsewhere = ["--address", f"routing={running.rpc['routing']}", "--token-file", str(token)]
    shown = CliRunner().invoke(app, ["board", "--site", "jili", "--json", *elsewhere])
    assert shown.exit_code == 0, shown.stderr
    assert "now" in json.loads(shown.stdout)
    untold = CliRunner().invoke(app, ["show", str(uuid.uuid4()), *elsewhere])
    assert (untold.exit_code, untold.stderr) == (2, "no address of intake: --address intake=HOST:PORT\n")


def test_an_agency_publishes_its_first_event_and_gets_its_reply(terminal: Terminal) -> None:
    source = f"agency-{uuid.uuid4().hex[:8]}"
    event = {
        "specversion": "1.0",
        "id": "1",
        "type": "fengqiao.intake.v1.InboundRequest",
        "source": source,
        "data": {
            "reference": "A-1",
            "siteId": "jili",
            "kind": "parking.blocked",
            "unitId": UNIT,
            "title": "A blocked gate",
            "occurredAt": "2024-02-01T08:00:00Z",
        },
    }

    def publish(text: str) -> Result:
        return terminal.type(
            "publish", "--source", source, "--file", "-", "--json", "--wait", "20", given=text
        )

    assert "source register" in publish("{}").stderr
    assert terminal.type("source", "register", source).exit_code == 0
    first = publish(json.dumps(event))
    assert first.exit_code == 0, first.stderr
    accepted = json.loads(first.stdout)
    assert accepted["reference"] == "A-1"
    assert terminal.ask("show", accepted["case_id"])["request"]["source"] == source

    assert json.loads(publish(json.dumps(event)).stdout) == accepted
    bad = publish(json.dumps(event | {"data": event["data"] | {"reference": "A-2", "siteId": "elsewhere"}}))  # type: ignore[operator]
    assert (bad.exit_code, json.loads(bad.stdout)["violations"][0]["field"]) == (1, "site_id")
    unreadable = publish("no event at all")
    assert (unreadable.exit_code, json.loads(unreadable.stdout)["violations"][0]["reason"]) == (1, "bad_json")


def test_an_operator_sees_dead_letters_resumes_and_moves_only_replay_clocks(terminal: Terminal) -> None:
    assert terminal.type("dlq", "list", "--service", "routing").exit_code == 0
    none = terminal.type("dlq", "show", "0-999999", "--service", "routing")
    assert (none.exit_code, none.stderr) == (2, "routing has no dead letter 0-999999\n")
    assert terminal.type("resume", "--service", "routing").stdout == "routing reads on\n"
    wall = terminal.type("clock", "move", "2030-01-01T00:00:00Z")
    assert (wall.exit_code, wall.stderr.split(":")[0]) == (1, "INVALID_ARGUMENT")
