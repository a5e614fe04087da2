"""The second act in a running house: its site on a replay clock, the people, the stage."""

import secrets
import shutil
from functools import partial
from pathlib import Path

import yaml
from rich.console import Console

from deploy.local.runtime import Running
from services.chassis.clock import monotonic
from services.cli.demo import JILI
from services.cli.demo.second.act import Act, NotPlayable, Played
from services.cli.demo.second.founding import NotFounded, found
from services.cli.demo.second.people import SITE, STUBS, Town
from services.cli.demo.second.show import Stage
from services.cli.demo.second.texts import Texts
from services.cli.sheets.synthetic import LEADERS


def replay_site(folder: Path) -> None:
    """Put a copy of the sub-district into a folder of sites: the same but for its clock, which is moved.

    Without its clocks by kind: who answers nobody in a replay is not to be reminded.
    """
    there = folder / SITE
    shutil.copytree(JILI / "site", there, ignore=shutil.ignore_patterns("clocks.yaml"))
    path = there / "site.yaml"
    site = yaml.safe_load(path.read_text(encoding="utf-8"))
    path.write_text(yaml.safe_dump({**site, "clock": "replay"}, allow_unicode=True), encoding="utf-8")


async def perform(running: Running, texts: Texts, console: Console) -> Played:
    """Play the act in a running house.

    Raises:
        NotPlayable: it can't be played there.
    """
    if missing := sorted(STUBS.keys() - running.rpc.keys()):
        raise NotPlayable(f"no address of {', '.join(missing)}")
    town = Town(running.rpc, running.issuer.mint, secrets.token_hex(4))
    try:
        with Stage(console, texts) as stage:
            return await Act(town, stage, found=partial(_found, town, texts, console)).play()
    finally:
        await town.close()


async def _found(town: Town, texts: Texts, console: Console) -> None:
    """The directory of the town, with what is around it; says how far it is."""
    began = monotonic()

    def told(done: int, total: int) -> None:
        rate = f"{done / max(monotonic() - began, 0.001):,.0f}"
        console.print(texts.words["directory"].format(done=f"{done:,}", total=f"{total:,}", rate=rate))

    try:
        await found(town, LEADERS, told)
    except NotFounded as error:
        raise NotPlayable(f"the directory: {error}") from error
