"""The demo's second act, as `fengqiao demo --act 2` plays it: every scene tells what is so."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from deploy.local.parts import Choice
from deploy.local.runtime import Options, Running, Runtime
from services.cli.demo.second import show, texts
from services.cli.demo.second.act import NotPlayable, Played
from services.cli.demo.second.perform import perform, replay_site
from services.cli.demo.second.scenes import SCENES
from services.cli.demo.second.texts import CHINESE, ENGLISH

# A whole sub-district is taken over first: a minute, and two on a machine that is busy.
pytestmark = pytest.mark.timeout(300)

PATHS = {
    "drain": ("tier_2",),
    "street_light": ("tier_3",),
    "quarrel": ("tier_3", "mediation", "agreement"),
    "petition": ("tier_4", "petition", "final"),
    "accusation": ("restricted", "replied"),
    "one_tier_up": ("tier_1", "tier_2"),
    "leaving": ("tier_3", "mediation", "party_unwilling", "tier_4"),
    "on_leave": ("tier_1",),
    "vacancy": ("tier_1", "tier_2"),
    "night_market": ("tier_1",),
    "summons": ("tier_3",),
    "ruling": ("tier_2", "tier_2"),
    "transfer": ("tier_1", "tier_1"),
    "one_matter": ("tier_3",),
    "pause": ("tier_3",),
    "supervision": ("tier_3",),
    "hotspot": ("tier_1",),
    "meeting": (),
}


@pytest.fixture(scope="module")
def town(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A house of its own: the act needs its site on a clock that nobody else moves."""
    sites = tmp_path_factory.mktemp("sites")
    replay_site(sites)
    options = Options(
        sites=sites,
        name="second-act",
        data_dir=tmp_path_factory.mktemp("runtime"),
        parts=Choice(request.config.getoption("--parts")),
        fresh=True,
    )
    with Runtime(options, print) as started:
        yield started.running


@pytest.fixture(scope="module")
def played(town: Running) -> Played:
    """The act, played once."""
    return asyncio.run(perform(town, texts.read(ENGLISH), Console()))


def test_every_scene_passes_by_the_path_that_it_tells(played: Played) -> None:
    failed = {scene.name: [f"{c.what}: {c.wrong}" for c in scene.failed] for scene in played.failed}
    assert failed == {}
    assert {scene.name: scene.path for scene in played.scenes} == PATHS
    assert all(scene.ended for scene in played.scenes)
    assert all(scene.notices for scene in played.scenes)


@pytest.mark.parametrize("language", [ENGLISH, CHINESE])
def test_the_summary_tells_each_scene_in_two_lines_and_a_row(
    played: Played, language: str, tmp_path: Path
) -> None:
    words = texts.read(language)
    with (tmp_path / "out").open("w+", encoding="utf-8") as file:
        show.summary(Console(file=file, width=400), words, played)
        file.seek(0)
        shown = file.read()
    for number, name in enumerate(SCENES, 1):
        text, scene = words.scenes[name], played.scenes[number - 1]
        for line in (text.title, show.filled(text.happened, scene), show.filled(text.why, scene)):
            assert line in shown
    assert shown.count(words.words["passed"]) == len(SCENES)
    assert words.words["failed"] not in shown
    assert "…" not in shown


def test_it_is_not_played_again_on_a_clock_that_is_past_its_beginning(town: Running, played: Played) -> None:
    with pytest.raises(NotPlayable, match="fresh runtime"):
        asyncio.run(perform(town, texts.read(ENGLISH), Console()))
