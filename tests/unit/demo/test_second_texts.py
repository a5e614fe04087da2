"""What the second act says: every scene, step and word, in every language."""

import ast
import string
from pathlib import Path

import pytest

from fengqiao.common.v1.common_pb2 import Tier
from fengqiao.intake.v1.intake_service_pb2 import RequestStatus
from fengqiao.mediation.v1.events_pb2 import EndReason
from fengqiao.petition.v1.petition_service_pb2 import PetitionStatus
from services.cli.demo.second import scenes
from services.cli.demo.second.scenes import SCENES
from services.cli.demo.second.texts import CHINESE, ENGLISH, LANGUAGES, language_of, read

FOLDER = Path(scenes.__file__).parent
ENDS = {
    "REQUEST_STATUS_": RequestStatus.keys(),
    "END_REASON_": EndReason.keys(),
    "PETITION_STATUS_": PetitionStatus.keys(),
}


def told(scene: str) -> dict[str, set[str]]:
    """The steps that a scene tells, each with the facts that it gives."""
    tree = ast.parse((FOLDER / f"{scene}.py").read_text(encoding="utf-8"))
    return {
        str(node.args[0].value): {str(keyword.arg) for keyword in node.keywords}
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "tell"
        and isinstance(node.args[0], ast.Constant)
    }


def places(line: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(line) if name}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_scene_has_a_title_and_two_lines_on_what_happened_and_why(language: str) -> None:
    texts = read(language)
    assert list(texts.scenes) == list(SCENES)
    for text in texts.scenes.values():
        for line in (text.title, text.happened, text.why):
            assert line.strip() == line
            assert line
            assert "\n" not in line


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("scene", SCENES)
def test_every_step_that_a_scene_tells_has_words_and_no_words_are_left_over(
    scene: str, language: str
) -> None:
    text, steps = read(language).scenes[scene], told(scene)
    assert set(text.steps) == set(steps)
    facts = set[str]().union(*steps.values())
    for line in (text.happened, text.why, *text.steps.values()):
        assert places(line) <= facts


@pytest.mark.parametrize("language", LANGUAGES)
def test_however_a_case_ends_there_are_words_for_it(language: str) -> None:
    words = read(language).words
    for prefix, names in ENDS.items():
        assert {name.removeprefix(prefix).lower() for name in names} <= words.keys()
    assert {f"tier_{number}" for number in Tier.values() if number} <= words.keys()


def test_the_languages_have_the_same_words() -> None:
    english, chinese = read(ENGLISH).words, read(CHINESE).words
    assert english.keys() == chinese.keys()
    assert all(english.values())
    assert all(chinese.values())


@pytest.mark.parametrize(
    ("lang", "language"),
    [("zh_CN.UTF-8", CHINESE), ("zh", CHINESE), ("en_GB.UTF-8", ENGLISH), ("C", ENGLISH), ("", ENGLISH)],
)
def test_the_language_is_chinese_where_the_environment_says_so(lang: str, language: str) -> None:
    assert language_of(lang) == language
