"""What a site says of its clocks is read at the start; what is wrong is named by file, field and rule."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.chassis.calendar import Term, Unit
from services.chassis.site import Site, SiteError, load_site
from services.chassis.terms import Rule, rules_of
from services.cli.demo import JILI
from services.routing.clockfiles import read_default, read_profile
from services.routing.rules import SHIPPED
from services.routing.sitefiles import read_rules

HOURS = ["09:00-12:00", "13:30-17:30"]
CONTACT = {"length": 4, "unit": "working_hours"}
DAY = {"length": 1, "unit": "working_days", "keeps_time": True}


def site(folder: Path, **changes: Any) -> Site:
    """The made-up sub-district with other clocks; a change to None takes the setting away."""
    clocks: dict[str, Any] = {
        "id": "jili.clocks",
        "version": 1,
        "hours": HOURS,
        "rows": [{"kind": "*", "first_contact": CONTACT, "warnings": [0.5]}],
        **changes,
    }
    given = {field: value for field, value in clocks.items() if value is not None}
    (folder / "clocks.yaml").write_text(yaml.safe_dump(given), encoding="utf-8")
    return replace(load_site(JILI / "site"), folder=folder)


def with_profile(**changes: Any) -> Site:
    """The made-up sub-district with another default profile."""
    jili = load_site(JILI / "site")
    profile = {**jili.profile["default_profile"], **changes}
    given = {field: value for field, value in profile.items() if value is not None}
    return replace(jili, profile={**jili.profile, "default_profile": given})


def test_the_made_up_sub_district_has_clocks_by_kind_and_tier() -> None:
    profile = read_rules(load_site(JILI / "site")).clocks
    assert profile
    assert profile.says("noise.street", 1).first_contact == Term(1, Unit.WORKING_DAYS, keeps_time=True)
    assert profile.says("drain.blocked", 3).resolution == Term(14, Unit.WORKING_HOURS)
    assert profile.says("drain.blocked", 3).first_contact == Term(4, Unit.WORKING_HOURS)
    assert profile.says("drain.blocked", 3).warnings == (0.5, timedelta(hours=2))
    assert profile.says("fire.kitchen", 2).first_contact == Term(30, Unit.WORKING_MINUTES)
    assert profile.hours[1] != profile.hours[0]


def test_a_site_without_the_file_has_only_its_default_term(tmp_path: Path) -> None:
    assert read_profile(replace(load_site(JILI / "site"), folder=tmp_path)) is None


ROW = {"kind": "drain.*"}
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"id": None}, r"clocks\.yaml: id: is missing"),
    ({"version": None}, r"clocks\.yaml: version: is missing"),
    ({"version": "new"}, r"clocks\.yaml: version: 'new' is not a whole number"),
    ({"version": -1}, r"clocks\.yaml: version: -1 is not"),
    ({"rows": None}, r"clocks\.yaml: rows: is missing"),
    ({"rows": {"*": {}}}, r"clocks\.yaml: rows: no list"),
    ({"hours": None}, r"clocks\.yaml: hours: none for tier 1, though \* has clocks in them"),
    ({"hours": None, "hours_by_tier": {1: HOURS, 3: HOURS, 4: HOURS}}, r"hours: none for tier 2"),
    ({"hours": []}, r"clocks\.yaml: hours: hours: none"),
    ({"hours": ["12:00-09:00"]}, r"clocks\.yaml: hours: hours: 12:00-09:00"),
    ({"hours": "09:00-12:00"}, r"clocks\.yaml: hours: hours: no list"),
    ({"hours_by_tier": {5: HOURS}}, r"clocks\.yaml: hours_by_tier: no mapping from tiers 1 to 4"),
    ({"hours_by_tier": {1: ["nine"]}}, r"clocks\.yaml: hours_by_tier: 1: hours: 'nine' is no span"),
    ({"warnings": [0.5]}, r"clocks\.yaml: warnings: no such field"),
    ({"rows": [{"tier": 1}]}, r"rows\[0\]: kind: is missing"),
    ({"rows": [ROW | {"tier": 7}]}, r"rows\[0\] \(drain\.\*\): tier: 7 is not in 1 to 4"),
    ({"rows": [ROW | {"warning": [0.5]}]}, r"rows\[0\] \(drain\.\*\): warning: no such field"),
    ({"rows": [ROW, ROW]}, r"rows\[1\]: kind: drain\.\* has a row for this tier already"),
    ({"rows": [ROW | {"first_contact": 4}]}, r"rows\[0\] \(drain\.\*\): first_contact: no length and unit"),
    ({"rows": [ROW | {"first_contact": {"length": 4}}]}, r"\(drain\.\*\): first_contact: unit: is missing"),
    ({"rows": [ROW | {"first_contact": {"unit": "seconds"}}]}, r"first_contact: length: is missing"),
    ({"rows": [ROW | {"first_contact": CONTACT | {"length": -4}}]}, r"first_contact: length: -4 is not"),
    ({"rows": [ROW | {"resolution": DAY | {"length": 0}}]}, r"resolution: length: 0 is not a whole number"),
    ({"rows": [ROW | {"resolution": DAY | {"length": 1.5}}]}, r"resolution: length: 1\.5 is not"),
    ({"rows": [ROW | {"resolution": DAY | {"unit": "weeks"}}]}, r"resolution: unit: 'weeks' is none of"),
    ({"rows": [ROW | {"resolution": DAY, "tier": 1}]}, r"resolution: drain\.\* has none on tier 2"),
    ({"rows": [ROW | {"warnings": 0.5}]}, r"rows\[0\] \(drain\.\*\): warnings: no list"),
    ({"rows": [ROW | {"warnings": [1.5]}]}, r"warnings\[0\]: 1\.5 is neither a part between 0 and 1"),
    ({"rows": [ROW | {"warnings": [DAY]}]}, r"warnings\[0\]: unit: working_days are neither working_hours"),
    ({"rows": [ROW | {"warnings": [CONTACT | {"length": -2}]}]}, r"warnings\[0\]: length: -2 is not"),
]


@pytest.mark.parametrize(("changes", "named"), WRONG, ids=[named for _, named in WRONG])
def test_one_missing_setting_makes_escalation_silently_do_nothing(
    changes: dict[str, Any], named: str, tmp_path: Path
) -> None:
    """The failure of others: here each is an error at the start, and says where."""
    with pytest.raises(SiteError, match=named):
        read_profile(site(tmp_path, **changes))


@pytest.mark.parametrize("text", ["rows: [", "- a\n- b\n"])
def test_a_file_that_is_no_mapping_is_named(text: str, tmp_path: Path) -> None:
    jili = site(tmp_path)
    (tmp_path / "clocks.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(SiteError, match=r"clocks\.yaml: no"):
        read_profile(jili)


@pytest.mark.parametrize("field", ["id", "version", "length", "unit", "keeps_time"])
def test_a_default_profile_that_lacks_something_is_named(field: str) -> None:
    with pytest.raises(SiteError, match=rf"site\.yaml: default_profile: .*: {field}: is missing"):
        read_default(with_profile(**{field: None}))


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"length": -5}, r"default_profile: service\.default@1: length: -5 is not"),
        ({"unit": "months"}, r"default_profile: service\.default@1: unit: 'months' is none of"),
        ({"unit": "working_hours"}, r"service\.default@1: unit: working_hours are for clocks\.yaml"),
    ],
)
def test_a_default_profile_that_can_not_be_is_named_with_its_rule(
    changes: dict[str, Any], named: str
) -> None:
    with pytest.raises(SiteError, match=named):
        read_default(with_profile(**changes))


def test_a_site_without_a_default_profile_does_not_start() -> None:
    jili = load_site(JILI / "site")
    with pytest.raises(SiteError, match=r"site\.yaml: default_profile: is missing"):
        read_rules(replace(jili, profile={}))


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"length": -1}, r"site\.yaml: rules: routing\.return: length: -1 is not"),
        (
            {"unit": "working_hours"},
            r"rules: routing\.return: unit: working_hours count hours",
        ),
        ({"version": 1}, r"rules: routing\.return: version 1 is stale: the rule is at version 2"),
    ],
)
def test_a_rule_of_a_move_that_is_negative_or_stale_is_named(given: dict[str, Any], named: str) -> None:
    shipped = {**SHIPPED, "routing.return": replace(SHIPPED["routing.return"], version=2)}
    rule = {"id": "routing.return", "version": 2, "length": 1, "unit": "working_days", **given}
    with pytest.raises(SiteError, match=named):
        rules_of(replace(load_site(JILI / "site"), profile={"rules": [rule]}), shipped)


def test_a_site_may_give_a_rule_a_version_of_its_own() -> None:
    rule = {"id": "routing.return", "version": 7, "length": 2, "unit": "working_days"}
    rules: dict[str, Rule] = rules_of(replace(load_site(JILI / "site"), profile={"rules": [rule]}), SHIPPED)
    assert rules["routing.return"].name == "routing.return@7"
