"""The contracts against those of the last release: a gate that is seen to close."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROTOS = Path(__file__).parents[2] / "protos"
BUF = Path(sys.executable).parent / "buf"
RELEASED = PROTOS / "released.binpb"

FIELD = "  string recipient_ref = 5;\n"


def buf(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([BUF, *arguments], capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The contracts, to be broken."""
    target = tmp_path / "protos"
    shutil.copytree(PROTOS, target, ignore=shutil.ignore_patterns("gen", "examples", "topics"))
    return target


def test_the_contracts_break_nothing_that_is_released() -> None:
    result = buf("breaking", PROTOS, "--against", RELEASED)
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_contracts_are_in_the_style_of_the_house() -> None:
    result = buf("lint", PROTOS)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(FIELD, "", id="removed"),
        pytest.param(FIELD, "  string recipient_ref = 15;\n", id="renumbered"),
        pytest.param(FIELD, "  string recipient = 5;\n", id="renamed"),
        pytest.param(FIELD, "  int64 recipient_ref = 5;\n", id="of another type"),
        pytest.param("message NoticeFailed {", "message NoticeLost {", id="of a renamed message"),
    ],
)
def test_a_field_that_is_gone_or_changed_stops_the_gate(copy: Path, old: str, new: str) -> None:
    events = copy / "fengqiao" / "notify" / "v1" / "events.proto"
    text = events.read_text(encoding="utf-8")
    assert old in text
    events.write_text(text.replace(old, new), encoding="utf-8")
    result = buf("breaking", copy, "--against", RELEASED)
    assert result.returncode != 0
    assert "events.proto" in result.stdout


def test_a_new_field_passes_the_gate(copy: Path) -> None:
    events = copy / "fengqiao" / "notify" / "v1" / "events.proto"
    text = events.read_text(encoding="utf-8")
    more = text.replace("  int32 attempts = 6;\n", "  int32 attempts = 6;\n  int32 delay_ms = 20;\n")
    assert more != text
    events.write_text(more, encoding="utf-8")
    assert buf("breaking", copy, "--against", RELEASED).returncode == 0
