"""The second act on a terminal: each scene as it goes on, then two lines on each and the table at the end."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from services.cli.demo.second.act import Played
from services.cli.demo.second.days import ZONE
from services.cli.demo.second.scene import Scene
from services.cli.demo.second.texts import SceneText, Texts

ARROW = " → "


class Stage:
    """Draws in place on a terminal; elsewhere it prints a line per step."""

    def __init__(self, console: Console, texts: Texts) -> None:
        """Use as a context manager around the act."""
        self._console = console
        self._texts = texts
        self._live = (
            Live(console=console, refresh_per_second=4, transient=True) if console.is_terminal else None
        )
        self._printed = 0

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_error: object) -> None:
        if self._live:
            self._live.stop()

    def show(self, scenes: Sequence[Scene], scene: Scene) -> None:
        """See `View.show`."""
        if self._live:
            self._live.update(self._picture(scenes))
        elif not scene.ended:
            text = self._texts.scenes[scene.name]
            self._console.print(Text(f"{_when(scene)}  {text.title}: {latest(scene, text)}"))

    def _picture(self, scenes: Sequence[Scene]) -> Table:
        words = self._texts.words
        table = Table("", words["scene"], words["clock"], "", box=None, pad_edge=False, header_style="dim")
        for scene in scenes:
            text = self._texts.scenes[scene.name]
            mark = Text("✗", "red") if scene.failed else Text("✓" if scene.ended else "·", "green")
            table.add_row(mark, text.title, _when(scene), latest(scene, text))
        return table


def summary(console: Console, texts: Texts, played: Played) -> None:
    """Two lines on each scene, the table, and each check that failed."""
    words = texts.words
    for number, scene in enumerate(played.scenes, 1):
        text = texts.scenes[scene.name]
        console.print(Text(f"{number} {text.title}", "bold"))
        for line in (text.happened, text.why):
            console.print(Text(f"  {filled(line, scene)}"))
        for line in scene.shown.splitlines():
            console.print(Text(f"    {line}", "dim"))
    table = Table(title=words["act"])
    for heading in ("scene", "path", "state"):
        table.add_column(words[heading])
    for heading in ("notices", "checks", "verdict"):
        table.add_column(words[heading], justify="right")
    for number, scene in enumerate(played.scenes, 1):
        verdict = Text(words["failed"], "bold red") if scene.failed else Text(words["passed"], "green")
        table.add_row(
            f"{number} {texts.scenes[scene.name].title}",
            ARROW.join(words[word] for word in scene.path),
            words[scene.state] if scene.state else "",
            str(scene.notices),
            str(len(scene.checks)),
            verdict,
        )
    console.print(table)
    for scene in played.failed:
        for check in scene.failed:
            console.print(Text(f"{texts.scenes[scene.name].title}: {check.what}: {check.wrong}", "red"))
    console.print(
        words["summary"].format(
            passed=len(played.scenes) - len(played.failed),
            scenes=len(played.scenes),
            checks=sum(len(scene.checks) for scene in played.scenes),
            notices=sum(scene.notices for scene in played.scenes),
            moves=played.moves,
            seconds=f"{played.seconds:.1f}",
        )
    )


def filled(line: str, scene: Scene) -> str:
    """A line with the scene's facts in its places; a fact that never came about is an ellipsis."""
    return line.format_map(defaultdict(lambda: "…", scene.facts))


def latest(scene: Scene, text: SceneText) -> str:
    """The last step of a scene in words."""
    return filled(text.steps[scene.steps[-1].key], scene) if scene.steps else ""


def _when(scene: Scene) -> str:
    at = scene.steps[-1].at if scene.steps else None
    return at.astimezone(ZONE).strftime("%Y-%m-%d %H:%M") if at else ""
