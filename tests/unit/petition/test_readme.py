import re
from pathlib import Path

from services import petition
from services.chassis.model import diagram
from services.petition.domain import Office, table

README = Path(petition.__file__).with_name("README.md").read_text(encoding="utf-8")
TESTS = Path(__file__).parents[2]


def test_the_readmes_diagram_is_the_table() -> None:
    drawn = diagram(table(Office({})), [("received", "CaseReferred"), ("received", "AccusationSubmitted")])
    assert f"```mermaid\n{drawn}\n```" in README


def test_every_test_that_the_readme_names_is_there() -> None:
    folders = (TESTS / "unit" / "petition", TESTS / "integration" / "petition")
    here = "\n".join(p.read_text(encoding="utf-8") for folder in folders for p in folder.glob("test_*.py"))
    named = set(re.findall(r"`(test_\w+)`", README))
    assert named
    assert [name for name in named if f"def {name}(" not in here] == []
