"""What `capability.yaml` and `emergencies.yaml` may say; what is wrong is named by file, rule and field."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.chassis.site import Site, SiteError, load_site
from services.cli.demo import JILI
from services.routing.capability import Able, Listed, lapse
from services.routing.rules import Rules
from services.routing.sitefiles import profiles_of, read_rules

ROOT = Path(__file__).parents[3]
SHIPPED = sorted({path.parent for path in ROOT.glob("*/**/capability.yaml") if ".venv" not in path.parts})
SECOND: dict[str, Any] = {
    "version": 2,
    "from": date(2026, 7, 1),
    "urgent_tier": 3,
    "rows": [
        {"kind": "*", "tier": 1},
        {"kind": "drain.*", "tier": 3},
        {"kind": "drain.*", "unit": "jili/hexi/s1", "able": True},
        {"kind": "noise.*", "below": "jili/taoshu", "able": False},
    ],
    "listed": [{"department": "works", "tier": 4, "kinds": ["bridge.*", "road.collapse"]}],
}
FIRST: dict[str, Any] = {"version": 1, "urgent_tier": 3, "rows": [{"kind": "*", "tier": 1}]}
FLOOD: dict[str, Any] = {
    "id": "flood",
    "version": 1,
    "urgent_tier": 4,
    "rows": [{"kind": "drain.*", "tier": 2, "urgent": True}],
}


@pytest.fixture
def jili(tmp_path: Path) -> Site:
    """A copy of the small town that a test may write to."""
    site = load_site(JILI / "site")
    shutil.copytree(site.folder, tmp_path, dirs_exist_ok=True)
    return replace(site, folder=tmp_path)


def read(site: Site, *versions: dict[str, Any]) -> Rules:
    """The rules with these versions of the table."""
    text = yaml.safe_dump({"id": "jili.capability", "versions": [dict(each) for each in versions]})
    (site.folder / "capability.yaml").write_text(text, encoding="utf-8")
    return read_rules(site)


def profiles(site: Site, *given: dict[str, Any]) -> dict[str, Any]:
    text = yaml.safe_dump({"profiles": [dict(each) for each in given]})
    (site.folder / "emergencies.yaml").write_text(text, encoding="utf-8")
    return dict(profiles_of(site, read_rules(site)))


@pytest.mark.parametrize("folder", SHIPPED, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_table_of_one_version_without_days_is_read_as_ever(folder: Path) -> None:
    raw = yaml.safe_load((folder / "capability.yaml").read_text(encoding="utf-8"))
    if not (folder / "site.yaml").exists() or "rows" not in raw:
        pytest.skip("no site")
    rules = read_rules(load_site(folder))
    assert (rules.versions, rules.able, rules.listed) == ((), (), ())
    assert rules.capability_version == str(raw["version"])
    assert len(rules.capability) + 1 == len(raw["rows"])


def test_a_second_version_is_in_force_from_its_day_on(jili: Site) -> None:
    rules = read(jili, FIRST, SECOND)
    before, after = (rules.at(datetime(2026, month, 2, tzinfo=UTC)) for month in (6, 7))
    assert (before.capability_version, after.capability_version) == ("1", "2")
    assert after.able == (
        Able("drain.*", "jili/hexi/s1", able=True),
        Able("noise.*", "jili/taoshu", able=False, below=True),
    )
    assert (before.listed, after.listed) == ((), (Listed("works", 4, ("bridge.*", "road.collapse")),))


def test_a_version_ends_with_its_successor_and_never_comes_back_by_itself(jili: Site) -> None:
    rules = read(jili, FIRST, {**SECOND, "until": date(2026, 8, 1)})
    trial, after = (rules.at(datetime(2026, month, 2, tzinfo=UTC)) for month in (7, 8))
    assert (trial.capability_version, trial.lapsed) == ("2", False)
    assert (after.capability_version, after.lapsed) == ("2", True), "it goes on, and says that it lapsed"
    assert lapse(rules.versions, date(2026, 6, 1)) == date(2026, 8, 1)


def row(**changes: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """A second version with another row more."""
    return lambda version: {**version, "rows": [*version["rows"], changes]}


def given(**changes: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda version: {**version, **changes}


def lacking(name: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda version: {key: value for key, value in version.items() if key != name}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (given(version=1), r"versions\[1\].version: 1 is stale: 1 came before"),
        (lacking("version"), r"versions\[1\].version: None is no number"),
        (lacking("from"), r"versions\[1\].from: version 2 lacks it"),
        (lacking("urgent_tier"), r"versions\[1\].urgent_tier: None is no tier"),
        (lacking("rows"), r"versions\[1\].rows: no list"),
        (given(**{"from": "1 July"}), r"versions\[1\].from: '1 July' is no day"),
        (given(until=date(2026, 7, 1)), r"versions\[1\].until: version 2 ends before it begins"),
        (given(rows=[{"kind": "drain.*", "tier": 1}]), r"versions\[1\].rows: no row '\*': an unknown kind"),
        (row(kind="road.*", tier=5), r"rows\[4\].tier: road.\*: 5 is no tier from 1 to 4"),
        (row(kind="road.*", tier=0), r"rows\[4\].tier: road.\*: 0 is no tier from 1 to 4"),
        (row(kind="road.*"), r"rows\[4\].tier: road.\*: None is no tier"),
        (row(tier=1), r"rows\[4\].kind: None is no kind"),
        (row(kind="drain.*", tier=1), r"rows\[4\].kind: drain.\* is there twice"),
        (row(kind="road.*", unit="nowhere", able=True), r"rows\[4\].unit: unknown unit 'nowhere'"),
        (
            row(kind="road.*", unit="jili/hexi"),
            r"rows\[4\].able: road.\* of jili/hexi: neither true",
        ),
        (row(kind="road.*", unit="jili/hexi", able=True, tier=2), r"rows\[4\]: road.\*: either tier, unit"),
        (row(kind="drain.*", unit="jili/hexi/s1", able=False), r"drain.\* of jili/hexi/s1 is there twice"),
        (row(kind="road.*", below="jili", able=False), r"road.\* had nowhere to go: jili can't settle it"),
        (row(kind="*", unit="jili", able=False), r"rows: \*, .* had nowhere to go: jili can't settle it"),
        (
            row(kind="bridge.*", unit="jili/hexi", able=True),
            r"bridge.\* of jili/hexi: works keeps it at tier 4",
        ),
        (
            given(listed=[{"department": "works", "tier": 7, "kinds": ["road.*"]}]),
            r"\[0\].tier: works: 7",
        ),
        (
            given(listed=[{"department": "works", "tier": 3, "kinds": []}]),
            r"\[0\].kinds: works lists nothing",
        ),
        (row(kind="petition.*", tier=3, track="petition"), r"rows\[4\].tier: petition.\*: a petition is for"),
        (row(kind="a.*", tier=3, track="court"), r"rows\[4\].track: a.\*: no track 'court'"),
    ],
)
def test_a_table_that_is_wrong_is_refused_by_file_rule_and_field(
    jili: Site, change: Callable[[dict[str, Any]], dict[str, Any]], named: str
) -> None:
    with pytest.raises(SiteError, match=r"capability\.yaml: .*" + named):
        read(jili, FIRST, change(SECOND))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"until": date(2026, 8, 1)}, {}),
        ({"from": date(2026, 7, 1)}, {}),
        ({"from": date(2026, 9, 1)}, {}),
    ],
)
def test_versions_that_overlap_are_refused(jili: Site, first: dict[str, Any], second: dict[str, Any]) -> None:
    with pytest.raises(SiteError, match=r"versions\[1\]\.from: version 2 overlaps version 1: 2026-07-01"):
        read(jili, {**FIRST, **first}, {**SECOND, **second})


def test_where_the_file_is_all_there_is_a_unit_that_it_lacks_is_unknown(jili: Site) -> None:
    named = {**SECOND, "rows": [*SECOND["rows"], {"kind": "a.*", "unit": "jili/hexi/s9", "able": True}]}
    read(jili, FIRST, named)
    territory = jili.folder / "territory.yaml"
    told = territory.read_text(encoding="utf-8").replace("source: directory", "source: file")
    territory.write_text(told, encoding="utf-8")
    with pytest.raises(SiteError, match=r"rows\[4\]\.unit: unknown unit 'jili/hexi/s9'"):
        read(jili, FIRST, named)


def test_a_site_without_profiles_of_emergencies_has_none() -> None:
    boston = load_site(JILI.parent / "boston" / "site")
    assert profiles_of(boston, read_rules(boston)) == {}


def test_a_profile_names_what_it_changes_and_nothing_else(jili: Site) -> None:
    found = profiles(jili, FLOOD, {**FLOOD, "version": 2})
    assert list(found) == ["flood@1", "flood@2"]
    assert found["flood@1"].table.default is None


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lacking("id"), r"profiles\[1\]\.id: None is no code"),
        (given(version=1), r"profiles\[1\]\.version: flood@1 is stale: 1 came before"),
        (given(rows=[]), r"profiles\[1\]\.rows: flood@2 changes nothing"),
        (row(kind="a.*", tier=9), r"profiles\[1\]\.rows\[1\]\.tier: a.\*: 9 is no tier"),
        (row(kind="a.*", tier=3, track="mediation"), r"an emergency takes nothing off the ladder"),
        (row(kind="a.*", below="jili", able=False), r"a.\* had nowhere to go"),
    ],
)
def test_a_profile_that_is_wrong_is_refused_by_file_rule_and_field(
    jili: Site, change: Callable[[dict[str, Any]], dict[str, Any]], named: str
) -> None:
    with pytest.raises(SiteError, match=r"emergencies\.yaml: .*" + named):
        profiles(jili, FLOOD, change({**FLOOD, "version": 2}))


def test_a_kind_asks_for_a_plan_in_three_parts_and_a_word_that_is_none_is_named(jili: Site) -> None:
    kin = {"kind": "kin.*", "tier": 1, "plan": "required"}
    its = read(jili, {**FIRST, "rows": [*FIRST["rows"], kin]})
    assert (its.capable("kin.quarrel").plan, its.capable("noise.street").plan) == (True, False)
    with pytest.raises(SiteError, match=r"rows\[1\].plan: 'maybe'"):
        read(jili, {**FIRST, "rows": [*FIRST["rows"], {**kin, "plan": "maybe"}]})
