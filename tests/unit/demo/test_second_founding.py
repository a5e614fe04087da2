"""The town that is taken over is the town of the site's file, in a made-up sub-district."""

import yaml

from services.cli.demo import JILI
from services.cli.demo.second.founding import ON, SEED, own
from services.cli.demo.second.people import LEADERS, SITE
from services.cli.sheets import synthetic
from services.cli.sheets.grouping import gather


def test_the_directory_names_the_same_units_and_leaders_as_the_file() -> None:
    territory = yaml.safe_load((JILI / "site" / "territory.yaml").read_text(encoding="utf-8"))
    file = {unit["id"]: (unit["tier"], unit["holder"] or "") for unit in territory["units"]}
    tiers = {"neighbourhood": 1, "section": 2, "community": 3, "village": 3, "sub_district": 4}
    assert {code: (tiers[kind], leader) for code, (kind, leader) in LEADERS.items()} == file


def test_nothing_is_wrong_with_the_town_and_what_is_around_it() -> None:
    around = synthetic.sub_district(synthetic.Wanted(SITE, synthetic.LEADERS, SEED, ON))
    rows = [row for row in around if SITE not in {row.get("code"), row.get("unit")}]
    sheets = gather([*own(), *rows])
    assert sheets.wrong == []
    assert sum(unit.unit.kind == 5 for unit in sheets.units.values()) == synthetic.LEADERS + 12
