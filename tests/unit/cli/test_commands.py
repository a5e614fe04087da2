import subprocess
import sys

import pytest
from typer.testing import CliRunner

from fengqiao.routing.v1 import routing_service_pb2 as routing
from services.cli.__main__ import COMMANDS, app
from services.cli.client import text

GROUPS = {
    "contact": ["put", "show"],
    "source": ["register"],
    "clock": ["move"],
    "dlq": ["list", "show", "replay", "drop"],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_of_the_table_is_there_and_explains_itself(name: str) -> None:
    said = CliRunner().invoke(app, [name, "--help"])
    assert said.exit_code == 0, said.output
    for word in GROUPS.get(name, []):
        assert CliRunner().invoke(app, [name, word, "--help"]).exit_code == 0


def test_the_list_of_commands_waits_for_no_heavy_import() -> None:
    listing = (
        "import sys; from services.cli.__main__ import app; app(['--help'], standalone_mode=False);"
        "sys.exit(str({'grpc', 'kafka', 'pymongo', 'protovalidate', 'google.protobuf'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", listing], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == "set()", done.stderr
    assert "submit" in done.stdout


def test_a_mistyped_command_is_refused() -> None:
    assert CliRunner().invoke(app, ["submitt"]).exit_code == 2


def test_columns_count_chinese_characters_double_and_cut_nothing() -> None:
    assert text.columns([("邻里", "1"), ("street", "2")]) == "邻里    1\nstreet  2"


def test_codes_lose_their_prefix_and_unknown_ones_stay_numbers() -> None:
    assert text.word(routing.CaseStatus, routing.CASE_STATUS_IN_PROGRESS, "CASE_STATUS_") == "in_progress"
    assert text.word(routing.CaseStatus, 99, "CASE_STATUS_") == "99"


def test_facts_without_a_value_are_left_out() -> None:
    assert text.lines({"a": "1", "b": "", "c": None, "dd": 0}) == "a   1\ndd  0"
