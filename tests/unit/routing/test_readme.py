import re
from pathlib import Path

from services import routing
from services.chassis.model import diagram
from services.routing.domain import Ladder, table
from services.routing.domain.codes.adopting import CODES
from services.routing.domain.emergencies import emergency
from services.routing.domain.forces import calling
from services.routing.domain.meetings import deciding as meetings
from services.routing.domain.rosters import summons
from services.routing.domain.screenings import deciding as screenings

README = Path(routing.__file__).with_name("README.md").read_text(encoding="utf-8")


def test_the_readmes_diagram_is_the_table() -> None:
    drawn = diagram(table(Ladder({})), [("assigned", "RequestSubmitted")])
    assert f"```mermaid\n{drawn}\n```" in README


def test_the_readmes_diagram_of_a_summons_is_its_table() -> None:
    drawn = diagram(summons.table({}), [("waiting", "SummonDepartment"), ("unanswered", "nobody on duty")])
    assert f"```mermaid\n{drawn}\n```" in README


def test_the_readmes_diagram_of_a_call_out_is_its_table() -> None:
    drawn = diagram(calling.TABLE, [("gathering", "CallOutVolunteers")])
    assert f"```mermaid\n{drawn}\n```" in README


def test_the_readmes_diagram_of_a_village_code_is_its_table() -> None:
    drawn = diagram(CODES, [("in_force", "AdoptVillageCode")])
    assert f"```mermaid\n{drawn}\n```" in README


def test_the_readmes_diagram_of_a_joint_meeting_is_its_table() -> None:
    drawn = diagram(meetings.table({}), [("called", "CallMeeting")])
    assert f"```mermaid\n{drawn}\n```" in README


def test_the_readmes_diagram_of_an_emergency_is_its_table() -> None:
    drawn = diagram(emergency.TABLE, [("declared", "DeclareEmergency")])
    assert f"```mermaid\n{drawn}\n```" in README


def test_the_readmes_diagram_of_a_screening_campaign_is_its_table() -> None:
    drawn = diagram(screenings.table({}), [("planned", "PlanScreening")])
    assert f"```mermaid\n{drawn}\n```" in README


def test_every_test_that_the_readme_names_is_there() -> None:
    unit = Path(__file__).parent
    folders = (unit, unit.parents[1] / "integration" / "routing")
    here = "\n".join(path.read_text(encoding="utf-8") for each in folders for path in each.rglob("test_*.py"))
    named = set(re.findall(r"`(test_\w+)`", README))
    assert named
    assert [name for name in named if f"def {name}(" not in here] == []
