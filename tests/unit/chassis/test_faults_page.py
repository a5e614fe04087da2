"""docs/operations/faults.md and the code name the same reasons, metrics and events, in both directions."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from services.notify import sending
from services.notify.owed import EMAIL

ROOT = Path(__file__).parents[3]
SERVICES = ROOT / "services"
PAGE = (ROOT / "docs" / "operations" / "faults.md").read_text(encoding="utf-8")
TOOLS = {"cli"}
LEVELS = {"warning", "error", "exception", "critical"}
COLUMNS = ("fault", "readiness", "metrics", "log", "doctor", "what to do")
VARIABLE = {"code", "what", "channel"}
"""Reasons that are given by a variable: what it may hold is found elsewhere."""


def trees() -> Iterator[ast.Module]:
    for path in SERVICES.rglob("*.py"):
        if path.relative_to(SERVICES).parts[0] not in TOOLS:
            yield ast.parse(path.read_text(encoding="utf-8"))


def calls() -> Iterator[tuple[str, ast.Call]]:
    for tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                yield ast.unparse(node.func), node


def constants(node: ast.AST) -> set[str]:
    return {n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and isinstance(n.value, str)}


def code_of(name: str, call: ast.Call) -> ast.expr | None:
    """The reason that a call tells readiness, whatever stands for it; None: it tells none."""
    owner, _, method = name.rpartition(".")
    if method in {"wait", "name_cases"} and "readiness" in owner:
        return call.args[0]
    if method == "_declare" and isinstance(call.args[0], ast.Constant):
        return call.args[0]
    return call.args[1] if method in {"patiently", "forever"} else None


def rounds() -> set[str]:
    """Names of the rounds that a worker goes, by which readiness knows them."""
    found = {word for name, call in calls() if name == "rounds.append" for word in constants(call)}
    found |= {word for _, call in calls() for k in call.keywords if k.arg == "loops" for word in constants(k)}
    for tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "rounds" and node.value:
                found |= constants(node.value)
    return found


def reasons() -> set[str]:
    """Codes that readiness can be told."""
    codes = [code for name, call in calls() if (code := code_of(name, call)) is not None]
    assert {ast.unparse(code) for code in codes if not isinstance(code, ast.Constant)} == VARIABLE
    return {*(word for code in codes for word in constants(code)), *rounds(), EMAIL}


def events(levels: set[str]) -> set[str]:
    """Names of log events, of certain levels."""
    found: set[str] = set()
    for name, call in calls():
        logger, _, level = name.rpartition(".")
        if level in levels and logger in {"log", "structlog.get_logger()"}:
            found |= constants(call.args[0])
    return found


def metrics() -> set[str]:
    assert {sending.ENDED, sending.INTERRUPTED}, "imported, they are registered"
    return {metric.name for metric in REGISTRY.collect() if metric.name.startswith("fengqiao_")}


def rows() -> Iterator[dict[str, str]]:
    for line in PAGE.splitlines():
        if line.startswith("| ") and not line.startswith("| fault"):
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            yield dict(zip(COLUMNS, cells, strict=True))


def named(column: str) -> set[str]:
    """What stands in a column in code type."""
    return {word for row in rows() for word in re.findall(r"`([^`]+)`", row[column])}


def test_every_table_of_the_page_has_the_same_columns() -> None:
    heads = [line for line in PAGE.splitlines() if line.startswith("| fault")]
    assert len(heads) == 8
    assert set(heads) == {f"| {' | '.join(COLUMNS)} |"}
    assert len(list(rows())) > 25
    assert all(row["fault"] and row["what to do"] for row in rows())


def test_the_page_names_every_reason_of_readiness_and_no_other() -> None:
    assert {"store", "sweep", "send_restricted", "consumer", "unfired", "stalled"} <= reasons()
    assert named("readiness") == reasons()


def test_the_page_names_every_metric_and_no_other() -> None:
    assert "fengqiao_lag_records" in metrics()
    assert named("metrics") == metrics()


def test_the_page_names_every_warning_and_no_event_that_there_is_not() -> None:
    warnings = events(LEVELS)
    assert {"not_ready", "flood", "poison"} <= warnings
    told = named("log")
    assert warnings - told == set()
    assert told - events({*LEVELS, "info"}) == {"error_id"}


@pytest.mark.parametrize("event", sorted(events({*LEVELS, "info"})))
def test_events_are_short_fixed_names(event: str) -> None:
    assert re.fullmatch(r"[a-z]+(_[a-z]+){0,3}", event)
