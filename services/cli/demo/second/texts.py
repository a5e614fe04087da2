"""What is said of the scenes, in the languages that there are files for."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

FOLDER = Path(__file__).parent / "texts"
ENGLISH, CHINESE = "en", "zh-CN"
LANGUAGES = (ENGLISH, CHINESE)


@dataclass(frozen=True, slots=True)
class SceneText:
    """A scene in words: its title, a line on what happened, a line on why, and a line per step."""

    title: str
    happened: str
    why: str
    steps: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Texts:
    """All texts of one language; `words` are what paths, states and headings are made of."""

    scenes: Mapping[str, SceneText]
    words: Mapping[str, str]


def read(language: str) -> Texts:
    """The texts of one of `LANGUAGES`. Raises KeyError or TypeError when the file lacks something."""
    raw = yaml.safe_load((FOLDER / f"{language}.yaml").read_text(encoding="utf-8"))
    return Texts({name: SceneText(**scene) for name, scene in raw["scenes"].items()}, raw["words"])


def language_of(environment: str) -> str:
    """The language for the value of LANG (`zh_CN.UTF-8`): Chinese where it says so, else English."""
    return CHINESE if environment.lower().startswith("zh") else ENGLISH
