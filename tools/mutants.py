"""Proves that the tests hold the hard rules: takes the line of each rule away, and its test must fail.

`tests/mutants.yaml` lists them: `rule` (its sentence), `file`, `find` (text that stands there exactly once),
`put` instead, and `tests` to run. Works on a copy, so that nothing here changes, in which the
same tests pass first. Exits 1 when a mutant lives or a text is not found any more.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
COPIED = ("services", "tests", "protos", "deploy", "tools", "pyproject.toml", "README.md", "docs")


def mutants() -> list[dict[str, Any]]:
    """What is to be taken away, one after the other."""
    listed = yaml.safe_load((ROOT / "tests" / "mutants.yaml").read_text(encoding="utf-8"))["mutants"]
    return [{"put": "", **each} for each in listed]


def misplaced(mutant: dict[str, Any]) -> str:
    """Why a mutant can't be made; empty when it can."""
    path = ROOT / mutant["file"]
    found = path.read_text(encoding="utf-8").count(mutant["find"]) if path.is_file() else 0
    return "" if found == 1 else f"{mutant['file']}: the text is there {found} times: {mutant['find']!r}"


def lives(mutant: dict[str, Any], copy: Path) -> bool:
    """Whether the tests pass without the rule's line."""
    path = copy / mutant["file"]
    sound = path.read_text(encoding="utf-8")
    path.write_text(sound.replace(mutant["find"], mutant["put"]), encoding="utf-8")
    try:
        return passes(mutant["tests"], copy)
    finally:
        path.write_text(sound, encoding="utf-8")


def passes(tests: list[str], copy: Path) -> bool:
    """Whether tests pass in the copy; what is neither pass nor failure ends it all."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    paths = {"PYTHONPATH": f"{copy}:{copy / 'protos' / 'gen' / 'python'}", "PYTHONDONTWRITEBYTECODE": "1"}
    environment = {"PATH": str(Path(sys.executable).parent), **paths}
    done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, check=False)
    if done.returncode not in {0, 1}:
        sys.exit(f"pytest could not run: {done.stdout.decode()[-2000:]}")
    return done.returncode == 0


def main() -> None:
    """Take each away in turn, and say which lived."""
    listed = mutants()
    if wrong := [reason for mutant in listed if (reason := misplaced(mutant))]:
        sys.exit("\n".join(wrong))
    alive = 0
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for name in COPIED:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(
                    source, copy / name, ignore=shutil.ignore_patterns("__pycache__", ".hypothesis")
                )
            else:
                shutil.copy(source, copy / name)
        if not passes(sorted({test for mutant in listed for test in mutant["tests"]}), copy):
            sys.exit("the tests fail already without a change")
        for mutant in listed:
            lived = lives(mutant, copy)
            alive += lived
            sys.stdout.write(f"{'LIVES ' if lived else 'killed'}  {mutant['rule']}\n")
            sys.stdout.flush()
    sys.stdout.write(f"{len(listed) - alive} of {len(listed)} killed\n")
    sys.exit(1 if alive else 0)


if __name__ == "__main__":
    main()
