"""A copy of the services' code with some lines changed: what is run instead of the checkout's."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Patch:
    """In `file`, `find` (which stands there exactly once) becomes `put`."""

    file: str
    find: str
    put: str

    def misplaced(self) -> str:
        """Why it can't be made; empty when it can."""
        found = (ROOT / self.file).read_text(encoding="utf-8").count(self.find)
        return "" if found == 1 else f"{self.file}: the text is there {found} times: {self.find!r}"


def patched(folder: Path, patches: Sequence[Patch]) -> Path:
    """Copy the services and their topics' contracts into a folder, and change the copy.

    Raises:
        ValueError: a text is not there exactly once.
    """
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "services", folder / "services", ignore=ignored)
    shutil.copytree(ROOT / "protos" / "topics", folder / "protos" / "topics")
    for patch in patches:
        if wrong := patch.misplaced():
            raise ValueError(wrong)
        path = folder / patch.file
        path.write_text(path.read_text(encoding="utf-8").replace(patch.find, patch.put), encoding="utf-8")
    return folder
