"""What a site's files say of its ladder."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from services.chassis.calendar import Term, Unit
from services.chassis.site import Site, SiteError, load_site
from services.cli.demo import BOSTON, JILI
from services.routing.sitefiles import read_rules


def site(**profile: Any) -> Site:
    """The small site, with another default profile."""
    jili = load_site(JILI / "site")
    return replace(jili, profile={"default_profile": {**jili.profile["default_profile"], **profile}})


def test_the_default_term_is_a_matters_that_its_tiers_share() -> None:
    assert not read_rules(site()).term_per_tier
    assert not read_rules(site(per="matter")).term_per_tier


def test_a_profile_can_give_each_tier_a_clock_of_its_own_length() -> None:
    rules = read_rules(site(length=50, unit="milliseconds", per="tier"))
    assert rules.term_per_tier
    assert rules.default_term == Term(50, Unit.MILLISECONDS, keeps_time=True)


def test_a_profile_that_is_for_neither_a_matter_nor_a_tier_is_refused() -> None:
    with pytest.raises(SiteError, match="per 'case' is neither matter nor tier"):
        read_rules(site(per="case"))


def test_a_table_that_gives_petitions_to_a_committee_is_refused(tmp_path: Path) -> None:
    jili = load_site(JILI / "site")
    shutil.copytree(jili.folder, tmp_path, dirs_exist_ok=True)
    table = tmp_path / "capability.yaml"
    for wrong, why in (
        ("tier: 3, track: petition", "a petition is for tier 4"),
        ("tier: 3, track: court", "no track"),
    ):
        given = (jili.folder / "capability.yaml").read_text(encoding="utf-8")
        table.write_text(given.replace("tier: 4, track: petition", wrong), encoding="utf-8")
        with pytest.raises(SiteError, match=why):
            read_rules(replace(jili, folder=tmp_path))


def test_a_site_says_how_long_clocks_may_pause_and_who_approves_it() -> None:
    jili = site()
    said = {"id": "routing.extension", "version": 2, "length": 3, "unit": "working_days", "approver": "unit"}
    extension = read_rules(replace(jili, profile={**jili.profile, "rules": [said]})).moves[
        "routing.extension"
    ]
    assert (extension.name, extension.length.length, extension.approver) == ("routing.extension@2", 3, "unit")
    nobody = {**said, "approver": "nobody"}
    with pytest.raises(SiteError, match=r"routing\.extension: no approver 'nobody'"):
        read_rules(replace(jili, profile={**jili.profile, "rules": [nobody]}))


def test_a_site_says_whether_it_calls_residents_back_and_the_replayed_city_does_not() -> None:
    jili = load_site(JILI / "site")
    assert read_rules(jili).call_backs
    assert not read_rules(load_site(BOSTON / "site")).call_backs
    assert not read_rules(replace(jili, profile={**jili.profile, "call_backs": False})).call_backs
    with pytest.raises(SiteError, match="call_backs 'yes' is neither true nor false"):
        read_rules(replace(jili, profile={**jili.profile, "call_backs": "yes"}))


@pytest.mark.parametrize(
    ("file", "given", "instead", "why"),
    [
        ("site.yaml", "calendar: {data: cn_holidays, country: CN}\n", "", "lacks 'calendar'"),
        (
            "site.yaml",
            "calendar: {data: cn_holidays, country: CN}",
            "calendar: {}",
            "neither country nor data",
        ),
        ("territory.yaml", "parent: jili/taoshu/s2", "parent: jili/nowhere", "its parent is missing"),
        ("territory.yaml", ", holder: leader-jili}", "}", "the top is unstaffed"),
    ],
)
def test_a_site_that_lacks_what_its_ladder_stands_on_is_not_started(
    tmp_path: Path, file: str, given: str, instead: str, why: str
) -> None:
    """A unit without calendar, one whose ladder does not reach the top, nobody at the top to supervise."""
    shutil.copytree(JILI / "site", tmp_path, dirs_exist_ok=True)
    text = (tmp_path / file).read_text(encoding="utf-8")
    assert given in text
    (tmp_path / file).write_text(text.replace(given, instead, 1), encoding="utf-8")
    with pytest.raises(SiteError, match=why):
        read_rules(load_site(tmp_path))
