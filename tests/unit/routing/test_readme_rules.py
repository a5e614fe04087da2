"""What the README says about changing a rule without code is done here to a copy of the small town."""

import re
import shutil
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from services import routing
from services.chassis.site import Site, load_site
from services.cli.demo import JILI
from services.routing.domain.emergencies.emergency import Declaration
from services.routing.emergencies.following import Declared
from services.routing.rules import RULING, Rules
from services.routing.sitefiles import profiles_of, read_rules

README = Path(routing.__file__).with_name("README.md").read_text(encoding="utf-8")
BLOCKS = dict(re.findall(r"```yaml\n# (\w+\.yaml)\n(.*?)```", README, re.DOTALL))
HOME, OTHER = "jili/hexi/s1/n1", "jili/taoshu/s1/n1"
JUNE, JULY = (datetime(2026, month, day, 4, tzinfo=UTC) for month, day in ((6, 30), (7, 1)))


@pytest.fixture
def jili(tmp_path: Path) -> Site:
    shutil.copytree(JILI / "site", tmp_path, dirs_exist_ok=True)
    (tmp_path / "capability.yaml").write_text(BLOCKS["capability.yaml"], encoding="utf-8")
    (tmp_path / "emergencies.yaml").write_text(BLOCKS["emergencies.yaml"], encoding="utf-8")
    with (tmp_path / "site.yaml").open("a", encoding="utf-8") as file:
        file.write(BLOCKS["site.yaml"])
    return load_site(tmp_path)


def start(rules: Rules, kind: str, at: datetime, unit_id: str = HOME) -> str:
    return rules.at(at).place(kind, unit_id, urgent=False).unit.id


def test_the_next_version_of_the_table_is_in_force_from_its_day_on(jili: Site) -> None:
    rules = read_rules(jili)
    assert start(rules, "drain.blocked", JUNE) == "jili/hexi/s1"
    assert start(rules, "drain.blocked", JUNE, OTHER) == "jili/taoshu/s1"
    assert start(rules, "drain.blocked", JULY) == "jili/hexi/s1", "it can, although its tier can't"
    assert start(rules, "drain.blocked", JULY, OTHER) == "jili/taoshu"
    assert start(rules, "noise.street", JUNE, "jili/taoshu/s2/n1") == "jili/taoshu/s2/n1"
    assert start(rules, "noise.street", JULY, "jili/taoshu/s2/n1") == "jili/taoshu"
    assert start(rules, "street_light.out", JULY) == "jili/hexi"
    assert start(rules, "gas.leak", JULY) == "jili/hexi"


def test_a_move_may_take_longer_by_the_next_version_of_its_rule(jili: Site) -> None:
    rule = read_rules(jili).moves[RULING]
    assert (rule.name, rule.length.length, rule.limit) == ("routing.ruling@2", 2, 2)


def test_a_profile_can_be_declared_and_is_over_by_itself(jili: Site) -> None:
    rules = read_rules(jili)
    declared = Declared(profiles_of(jili, rules))
    until = JUNE + timedelta(days=3)
    flood = Declaration(
        "jili",
        "jili/hexi",
        "flood",
        declared.latest("flood"),
        JUNE,
        until,
        "flood_warning",
        "",
        "",
        JUNE,
        JUNE,
    )
    declared.put("1", flood)
    known = replace(rules, emergencies=declared)
    assert start(known, "drain.blocked", JUNE) == "jili"
    assert start(known, "drain.blocked", JUNE, OTHER) == "jili/taoshu/s1"
    assert start(known, "drain.blocked", until) == "jili/hexi/s1"


def test_the_readme_has_a_block_for_each_file() -> None:
    assert BLOCKS.keys() == {"capability.yaml", "site.yaml", "emergencies.yaml"}
    versions = yaml.safe_load(BLOCKS["capability.yaml"])["versions"]
    assert versions[1]["from"] == date(2026, 7, 1)
