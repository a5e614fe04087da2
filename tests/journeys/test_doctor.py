"""What `fengqiao doctor` shows of a running house, to people and to scripts, here and by address."""

import json
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from deploy.local.runtime import SERVICES, Running
from services.cli.__main__ import app
from tests.journeys.clients import PATIENCE_S, House
from tests.journeys.test_broken_records import ESCALATION, TOPIC, drop, record, until_letter
from tests.waiting import until


def doctor(*words: str) -> Result:
    return CliRunner().invoke(app, ["doctor", *words])


def rows(*words: str) -> dict[str, Any]:
    """What `--once --json` says, by service."""
    said = doctor("--once", "--json", *words)
    assert said.exit_code in {0, 1}, said.output
    return {row["service"]: row for row in map(json.loads, said.stdout.splitlines())}


def test_a_script_gets_a_line_per_service_with_numbers(running: Running, house: House) -> None:
    resident = house.resident()
    resident.until_case(resident.submit().case_id)
    here = ("--data-dir", running.data_dir)
    found = until(lambda: all_at_rest(rows(*here)), PATIENCE_S, "services that are ready and at rest")
    assert set(found) == set(SERVICES)
    routing = found["routing"]
    assert routing["address"] == running.rpc["routing"]
    assert routing["aggregates"] > 0
    assert (routing["lag"], routing["lag_by_topic"][TOPIC]) == (0, 0)
    assert 0 <= routing["outbox_age_seconds"] < 60
    assert 0 <= routing["lateness_seconds"] < 60
    assert abs(routing["clock_skew_seconds"]) < 2
    assert doctor("--json", *here).exit_code == 0


def all_at_rest(found: dict[str, Any]) -> dict[str, Any] | None:
    return found if all(row["ready"] and row["lag"] == 0 for row in found.values()) else None


def test_a_case_that_is_behind_and_its_letter_stand_in_the_table(running: Running, house: House) -> None:
    here = ("--data-dir", running.data_dir)
    resident = house.resident()
    case_id = resident.submit().case_id
    resident.until_case(case_id)
    before = rows(*here)["routing"]["dead_letters"]
    house.publish(TOPIC, record(case_id, 2, ESCALATION, b"\xff\xff\xff"))
    until_letter(house, case_id)

    def named() -> Any:
        row = rows(*here)["routing"]
        codes = {reason["code"]: reason["detail"] for reason in row["reasons"]}
        return row if case_id in codes.get("behind", "") else None

    row = until(named, PATIENCE_S, "the case that is behind")
    assert row["ready"], "one case holds up no service"
    assert row["behind"] >= 1
    assert row["dead_letters"] > before
    table = doctor("--once", *here).stdout
    assert case_id in table
    assert "behind" in table
    listed = CliRunner().invoke(app, ["dlq", "list", "--limit", "500", *here]).stdout
    [line] = [line.split() for line in listed.splitlines() if case_id in line]
    assert (line[0], line[2]) == ("routing", "open")
    assert drop(house, case_id, 2).healed
    healed = CliRunner().invoke(app, ["dlq", "list", "--service", "routing", "--limit", "500", *here]).stdout
    assert [line.split()[2] == "open" for line in healed.splitlines() if case_id in line] == [False]
    assert drop(house, case_id, 2).reason == "not_behind"
    until(lambda: case_id not in doctor("--once", *here).stdout, PATIENCE_S, "the case no longer behind")


def test_a_deployment_is_looked_at_by_address_and_what_does_not_answer_is_said(
    running: Running, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text(running.issuer.mint("operator", "operator/night-shift", "*"), encoding="utf-8")
    with_token = ("--token-file", str(token))
    routing, nowhere = f"routing={running.rpc['routing']}", "notify=127.0.0.1:1"
    found = rows("--address", routing, "--address", nowhere, *with_token)
    assert set(found) == {"routing", "notify"}
    assert found["routing"]["ready"]
    assert found["notify"]["reasons"] == [{"code": "unreachable", "detail": "UNAVAILABLE"}]
    assert (found["notify"]["lag"], found["notify"]["behind"]) == (None, None)
    assert doctor("--once", "--address", nowhere, *with_token).exit_code == 1
    # A single address need not be told whose it is.
    assert set(rows("--address", running.rpc["petition"], *with_token)) == {"petition"}
    resident = tmp_path / "resident"
    resident.write_text(running.issuer.mint("resident", "r-1", "jili"), encoding="utf-8")
    barred = rows("--address", routing, "--token-file", str(resident))["routing"]
    assert barred["reasons"] == [{"code": "unreachable", "detail": "PERMISSION_DENIED"}]


def test_without_a_runtime_it_says_what_to_start(tmp_path: Path) -> None:
    said = doctor("--once", "--data-dir", str(tmp_path))
    assert said.exit_code == 2
    assert "fengqiao up" in said.stderr


def test_the_whole_report_ends_with_the_same_table(running: Running) -> None:
    said = doctor("--data-dir", running.data_dir)
    assert all(name in said.stdout for name in SERVICES)
    assert "lateness" in said.stdout
    assert said.stdout.index("taken by --parts") < said.stdout.index("lateness")
