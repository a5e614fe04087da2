"""What may stand in the code at all: who reads time, who knows whom, how big the chassis is (rules 9, 15)."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.chassis import topics

ROOT = Path(__file__).parents[3]
SERVICES = ROOT / "services"
CHASSIS = SERVICES / "chassis"
README = CHASSIS / "README.md"

CLOCK_CALLS = {
    "datetime.now",
    "datetime.utcnow",
    "datetime.today",
    "date.today",
    "time.time",
    "time.time_ns",
    "time.monotonic",
    "time.monotonic_ns",
    "time.perf_counter",
    "time.localtime",
    "time.gmtime",
    "loop.time",
}
TOOLS = {"cli"}
"""Programs at a terminal, not services: they wait and measure for people."""

DOMAIN_WORDS = (
    "tier",
    "ladder",
    "petition",
    "mediation",
    "mediator",
    "resident",
    "handler's",
    "territory",
    "ward",
    "precinct",
    "hotline",
    "escalat",
    "withdraw",
    "supervision",
    "complaint",
    "dispute",
    "visit",
    "neighbourhood",
    "sms",
    "邻里",
    "街道",
    "片组",
    "社村",
)
ROLES = CHASSIS / "auth.py"
"""The roles that a token may name are the house's own."""

HEART = (
    "record",
    "model",
    "engine",
    "store",
    "committer",
    "publisher",
    "consumer",
    "healer",
    "sweeper",
    "commands",
    "flood",
    "deadletters",
    "clock",
    "audit",
    "anchors",
    "rebuild",
    "envelope",
    "foundation",
    "kinds",
    "threads",
    "readiness",
)


def modules(folder: Path = SERVICES) -> Iterator[Path]:
    return folder.rglob("*.py")


def dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def calls(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield ".".join(dotted(node.func).split(".")[-2:])


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names)


def test_nothing_but_the_clock_reads_time() -> None:
    readers = {
        path.relative_to(SERVICES).as_posix(): sorted(CLOCK_CALLS & set(calls(path)))
        for path in modules()
        if CLOCK_CALLS & set(calls(path)) and path.relative_to(SERVICES).parts[0] not in TOOLS
    }
    assert set(readers) == {"chassis/clock.py"}, readers


def test_a_service_never_imports_another_service() -> None:
    services = {path.name for path in SERVICES.iterdir() if path.is_dir()} - {"chassis", "cli", "__pycache__"}
    assert {"intake", "routing", "notify"} <= services
    for path in modules():
        mine = path.relative_to(SERVICES).parts[0]
        if mine in TOOLS:
            continue
        others = {f"services.{name}" for name in services - {mine}}
        wrong = [name for name in imports(path) if ".".join(name.split(".")[:2]) in others]
        assert wrong == [], f"{path}: {wrong}"


def test_services_import_nothing_of_deploy() -> None:
    wrong = [
        path.as_posix()
        for path in modules()
        for name in imports(path)
        if name.split(".")[0] in {"deploy", "tests", "tools"}
        and path.relative_to(SERVICES).parts[0] not in TOOLS
    ]
    assert wrong == []


def test_the_chassis_knows_no_domain_word() -> None:
    word = re.compile(
        "|".join(rf"\b{re.escape(w)}" if w.isascii() else w for w in DOMAIN_WORDS), re.IGNORECASE
    )
    found = [
        f"{path.name}:{number}: {line.strip()}"
        for path in modules(CHASSIS)
        if path != ROLES
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if word.search(line)
    ]
    assert found == []


def test_every_agent_is_made_in_one_place_with_a_concurrency_of_one() -> None:
    makers = []
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and dotted(node.func).endswith("app.agent"):
                given = {k.arg: ast.literal_eval(k.value) for k in node.keywords if k.arg == "concurrency"}
                makers.append((path.relative_to(SERVICES).as_posix(), given))
    assert makers == [("chassis/worker.py", {"concurrency": 1})]


def test_nothing_takes_a_batch_that_faust_acknowledges_by_itself() -> None:
    taking = {
        name for path in modules() for name in calls(path) if name.endswith((".take_events", ".noack_take"))
    }
    assert taking == {"stream.noack_take"}


def test_domain_topics_keep_everything_and_inbound_ones_seven_days() -> None:
    week = 7 * topics.DAY_MS
    for topic in topics.load():
        inbound = topic.name.startswith("fengqiao.inbound.")
        if not topic.name.endswith(".dead"):
            assert topic.retention_ms == (week if inbound else -1), topic.name
        if inbound:
            assert set(topic.consumers) <= {"intake", "agency"} or topic.name.endswith("replies"), topic.name


def lines_of_code(path: Path) -> int:
    """Lines that hold code: no blank ones, comments or docstrings."""
    source = path.read_text(encoding="utf-8")
    idle = {
        tokenize.COMMENT,
        tokenize.NL,
        tokenize.NEWLINE,
        tokenize.INDENT,
        tokenize.DEDENT,
        tokenize.ENDMARKER,
    }
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in idle:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(source)):
        if isinstance(
            node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
        ) and ast.get_docstring(node):
            text = node.body[0]
            lines -= set(range(text.lineno, (text.end_lineno or text.lineno) + 1))
    return len(lines)


def test_the_heart_of_the_chassis_stays_below_2500_lines_of_code() -> None:
    sizes = {name: lines_of_code(CHASSIS / f"{name}.py") for name in HEART}
    assert sum(sizes.values()) < 2500, sizes


def test_no_file_of_the_chassis_is_too_long_to_be_read_in_one_sitting() -> None:
    long = {path.name: size for path in modules(CHASSIS) if (size := lines_of_code(path)) > 320}
    assert long == {}


def _tests() -> set[str]:
    found: set[str] = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        source = path.read_text(encoding="utf-8")
        found.update(re.findall(r"^\s*(?:async )?def (test_\w+)", source, re.MULTILINE))
    return found


def test_every_test_that_the_chassis_readme_names_exists() -> None:
    named = re.findall(r"`(test_\w+)`", README.read_text(encoding="utf-8"))
    assert len(named) > 60
    assert sorted(set(named) - _tests()) == []


@pytest.mark.parametrize("number", range(1, 22))
def test_every_rule_stands_in_the_chassis_readme_with_its_tests(number: int) -> None:
    row = re.search(rf"^\| {number} \|.*$", README.read_text(encoding="utf-8"), re.MULTILINE)
    assert row, f"rule {number} is missing"
    assert "`test_" in row.group()


def test_every_file_of_the_chassis_stands_in_its_readme() -> None:
    text = README.read_text(encoding="utf-8")
    missing = [
        path.name
        for path in CHASSIS.glob("*.py")
        if path.name != "__init__.py" and f"`{path.name}`" not in text
    ]
    assert missing == []


def test_every_document_has_a_name_of_its_own() -> None:
    """Mongoengine knows documents by their bare names: of two alike it disconnects one."""
    names = [
        node.name
        for path in sorted(SERVICES.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef) and node.name.endswith("Document")
    ]
    assert len(names) > 10
    assert sorted(set(names)) == sorted(names)
