"""What made escalation silently do nothing in the nearest systems is impossible here."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.chassis.site import Site, SiteError, load_site
from services.cli.demo import JILI
from services.routing.rules import FixedPlaces, Post, Rules, Unit
from services.routing.sitefiles import read_rules
from tests.unit.routing.ladder import STREET, Walk, rules

HOME = "jili/hexi/s1/n1"
WEEKS = 56
FILES = ("territory.yaml", "capability.yaml", "site.yaml")
UNREAD = {"name", "locale", "tiers", "sources", "clock"}
"""Settings of `site.yaml` that are not the ladder's."""


@pytest.fixture
def jili(tmp_path: Path) -> Site:
    """A copy of the small town that a test may write to."""
    site = load_site(JILI / "site")
    shutil.copytree(site.folder, tmp_path, dirs_exist_ok=True)
    return replace(site, folder=tmp_path)


def settings_of(raw: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of each setting; of rows that are alike only the first."""
    if isinstance(raw, dict):
        for name, value in raw.items():
            yield (*path, name)
            yield from settings_of(value, (*path, name))
    elif isinstance(raw, list) and raw:
        yield (*path, 0)
        yield from settings_of(raw[0], (*path, 0))


def every_setting() -> Iterator[tuple[str, tuple[Any, ...]]]:
    for file in FILES:
        raw = yaml.safe_load((JILI / "site" / file).read_text(encoding="utf-8"))
        yield from ((file, path) for path in settings_of(raw) if path[0] not in UNREAD)


def without(folder: Path, file: str, path: tuple[Any, ...]) -> None:
    """Take one setting away."""
    raw = whole = yaml.safe_load((folder / file).read_text(encoding="utf-8"))
    for name in path[:-1]:
        raw = raw[name]
    del raw[path[-1]]
    (folder / file).write_text(yaml.safe_dump(whole, allow_unicode=True), encoding="utf-8")


def read(folder: Path) -> tuple[Rules | None, str]:
    """The rules of a site, or the error."""
    try:
        return read_rules(load_site(folder)), ""
    except SiteError as error:
        return None, str(error)


def untouched(known: Rules, unit_id: str = HOME) -> Walk:
    """A case that nobody ever looks at."""
    return passing(Walk(known).submit(kind="neighbours.noise", unit_id=unit_id))


def passing(walk: Walk) -> Walk:
    """Weeks go by, with a sweep each day."""
    for _day in range(WEEKS):
        walk.wait(timedelta(days=1))
    return walk


@pytest.mark.parametrize(
    ("file", "path"),
    list(every_setting()),
    ids=lambda value: value if isinstance(value, str) else str(value[-1]),
)
def test_one_missing_setting_is_an_error_that_names_its_file_or_the_case_still_climbs(
    jili: Site, file: str, path: tuple[Any, ...]
) -> None:
    without(jili.folder, file, path)
    known, said = read(jili.folder)
    if known:
        assert untouched(known).case.supervised_at, "it came to the top, and an order stands"
    else:
        assert f"{jili.folder}/{file}" in said


def test_an_escalation_ladder_of_one_step_there_is_none_each_tier_is_a_step_and_the_last_repeats() -> None:
    walk = untouched(rules(), "jili/c01/s01/n01")
    assert [step.to_tier for step in walk.case.steps] == [2, 3, 4]
    assert all(later.at > earlier.at for earlier, later in pairwise(walk.case.steps))
    before = walk.sent("fengqiao.routing.events").count("SupervisionRepeated")
    passing(walk)
    assert walk.sent("fengqiao.routing.events").count("SupervisionRepeated") > before, "again and again"
    assert walk.case.order


def test_a_ladder_of_one_unit_is_not_silent_either() -> None:
    alone = FixedPlaces({STREET: Unit(STREET, 4, None)}, {STREET: Post("post", "h-4")}, STREET)
    walk = untouched(replace(rules(), places=alone), STREET)
    assert walk.case.supervised_at
    assert "SupervisionRepeated" in walk.events


@pytest.mark.parametrize(
    "row",
    [
        None,
        {"kind": "*", "below": "jili", "able": False},
        {"kind": "gas.*", "unit": "jili", "able": False},
    ],
    ids=["no row for all else", "nobody can settle anything", "not even the top can settle one kind"],
)
def test_a_rule_set_that_leaves_a_kind_nowhere_to_go_is_refused(
    jili: Site, row: dict[str, Any] | None
) -> None:
    path = jili.folder / "capability.yaml"
    raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    raw["rows"] = [*raw["rows"], row] if row else [each for each in raw["rows"] if each["kind"] != "*"]
    path.write_text(yaml.safe_dump(raw), encoding="utf-8")
    with pytest.raises(SiteError, match=r"capability\.yaml: rows: .*nowhere to go"):
        read_rules(jili)


def test_every_kind_of_a_shipped_table_has_somewhere_to_go_from_every_place() -> None:
    known = read_rules(load_site(JILI / "site"))
    places = known.places
    assert isinstance(places, FixedPlaces)
    for kind in (*known.capability, "never.heard_of"):
        for unit_id in (*places.units, "", "nowhere"):
            for urgent in (False, True):
                placed = known.place(kind.replace("*", "x"), unit_id, urgent=urgent)
                assert placed.post.holder_ref


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"parent": "jili/nowhere"}, "jili/hexi/s1: its parent is missing"),
        ({"tier": 4}, "jili/hexi/s1: its parent is missing or not of a higher tier"),
        ({"tier": 0}, "units.2..tier: jili/hexi/s1: 0 is no tier from 1 to 4"),
        ({"tier": "two"}, "units.2..tier: jili/hexi/s1: 'two' is no tier from 1 to 4"),
        ({"parent": None}, "there must be one unit without parent"),
    ],
    ids=["in the air", "no higher tier", "no tier", "a word", "two tops"],
)
def test_a_ladder_that_does_not_reach_the_top_is_refused(
    jili: Site, change: dict[str, Any], named: str
) -> None:
    path = jili.folder / "territory.yaml"
    raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert raw["units"][2]["id"] == "jili/hexi/s1"
    raw["units"][2].update(change)
    path.write_text(yaml.safe_dump(raw, allow_unicode=True), encoding="utf-8")
    with pytest.raises(SiteError, match=r"territory\.yaml: .*" + named):
        read_rules(jili)
