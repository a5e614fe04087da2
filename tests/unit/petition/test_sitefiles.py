"""What a site's files say of its petitions."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from services.chassis.site import Site, SiteError, load_site
from services.cli.demo import JILI
from services.petition.sitefiles import read_rules

TOP = "- {id: a, tier: 4, parent: null}"


def site(folder: Path = JILI / "site", **profile: Any) -> Site:
    """The small site, or its settings with the files of another folder."""
    jili = load_site(JILI / "site")
    return replace(jili, folder=folder, profile={**jili.profile, **profile})


def written(folder: Path, territory: str, content: str = "") -> Site:
    (folder / "territory.yaml").write_text(territory, encoding="utf-8")
    if content:
        (folder / "petition_content.yaml").write_text(content, encoding="utf-8")
    return site(folder)


def test_the_shipped_rules_are_the_laws() -> None:
    rules = read_rules(site())
    lengths = {rule.name: rule.length.length for rule in rules.rules.values() if rule.term}
    assert lengths == {
        "petition.register@1": 15,
        "petition.notice@1": 15,
        "petition.opinion@1": 60,
        "petition.review@1": 30,
    }
    limits = {rule.name: rule.limit for rule in rules.rules.values() if rule.limit}
    assert limits == {"petition.extension@1": 30, "petition.representatives@1": 5}
    assert all(rule.source for rule in rules.rules.values())


def test_the_shipped_content_table_has_twenty_codes() -> None:
    content = read_rules(site()).content
    assert len(content) == len(set(content.values())) == 20
    assert content["discipline_inspection"] == "纪检监察"


def test_a_site_sets_its_own_rules_with_versions_of_their_own() -> None:
    own = [{"id": "petition.extension", "version": 2, "limit": 20}, {"id": "another.services", "version": 1}]
    rules = read_rules(site(rules=own))
    assert (rules.name("petition.extension"), rules.limit("petition.extension")) == (
        "petition.extension@2",
        20,
    )


def test_a_site_may_have_a_content_table_of_its_own(tmp_path: Path) -> None:
    rules = read_rules(written(tmp_path, f"units:\n{TOP}\n", "codes: [{code: fish, name: 鱼}]"))
    assert rules.content == {"fish": "鱼"}


def test_the_top_and_the_organs_outside_handle_petitions_and_committees_do_not() -> None:
    rules = read_rules(site(organs=["liuyang/discipline"]))
    assert rules.top == "jili"
    assert rules.is_organ("jili")
    assert rules.is_organ("liuyang/discipline")
    assert not rules.is_organ("jili/hexi")
    assert rules.is_committee("jili/hexi/s1")
    assert not rules.is_committee("liuyang/discipline")


def test_a_unit_lies_within_all_above_it_by_the_territory_and_by_its_path(tmp_path: Path) -> None:
    rules = read_rules(written(tmp_path, f"units:\n{TOP}\n- {{id: b, tier: 3, parent: a}}\n"))
    assert rules.lies_within("b", "a")
    assert rules.lies_within("x/y/z", "x/y")
    assert not rules.lies_within("x/yy", "x/y")
    assert not rules.lies_within("a", "b")
    assert not rules.lies_within("b", "")


@pytest.mark.parametrize(
    ("territory", "content", "fault"),
    [
        ("units: [", "", "no YAML"),
        ("- 1", "", "no mapping"),
        ("units: [{tier: 4}]", "", "KeyError: 'id'"),
        ("units: []", "", "one unit without parent"),
        ("units: [{id: a, tier: 3}]", "", "one unit without parent, of tier 4"),
        (f"units: [{TOP[2:]}, {{id: b, tier: 4}}]", "", "one unit without parent"),
        (f"units:\n{TOP}", "codes: [{code: fish}]", "KeyError: 'name'"),
    ],
)
def test_files_that_would_leave_a_petition_without_an_organ_are_refused(
    tmp_path: Path, territory: str, content: str, fault: str
) -> None:
    with pytest.raises(SiteError, match=fault):
        read_rules(written(tmp_path, territory, content))


def test_a_missing_territory_is_named(tmp_path: Path) -> None:
    with pytest.raises(SiteError, match="territory"):
        read_rules(site(tmp_path))


def test_an_organ_outside_is_no_unit_of_the_territory() -> None:
    with pytest.raises(SiteError, match="jili/hexi is a unit of the territory"):
        read_rules(site(organs=["jili/hexi"]))


def test_a_rule_of_ours_that_a_site_writes_wrongly_is_named() -> None:
    with pytest.raises(SiteError, match=r"petition\.opinion"):
        read_rules(site(rules=[{"id": "petition.opinion", "length": 9}]))
