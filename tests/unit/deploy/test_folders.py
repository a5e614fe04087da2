from pathlib import Path

import pytest

from deploy.local.errors import RuntimeFailed
from deploy.local.folders import Folder, held


def test_a_folder_is_held_by_one_runtime_at_a_time(tmp_path: Path) -> None:
    folder = Folder.claim(tmp_path / "data")
    assert held(tmp_path / "data")
    with pytest.raises(RuntimeFailed, match="in use by another runtime"):
        Folder.claim(tmp_path / "data")
    folder.release()
    assert not held(tmp_path / "data")
    Folder.claim(tmp_path / "data").release()


def test_a_second_copy_gets_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FENGQIAO_HOME", str(tmp_path))
    first, second = Folder.claim_free("up"), Folder.claim_free("up")
    assert [first.path.name, second.path.name] == ["up", "up-2"]
    first.release()
    third = Folder.claim_free("up")
    assert third.path.name == "up"
    for folder in (second, third):
        folder.release()


def test_a_folder_with_something_else_in_it_is_refused_and_left_alone(tmp_path: Path) -> None:
    thesis = tmp_path / "thesis.txt"
    thesis.write_text("years of work")
    with pytest.raises(RuntimeFailed, match="no data folder"):
        Folder.claim(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_wiping_removes_what_a_runtime_made_and_nothing_else(tmp_path: Path) -> None:
    folder = Folder.claim(tmp_path / "data")
    (folder.path / "store").mkdir()
    (folder.path / "store" / "journal").write_text("x")
    (folder.path / "notes.txt").write_text("mine")
    folder.wipe()
    folder.release()
    assert sorted(path.name for path in folder.path.iterdir()) == [".fengqiao", "notes.txt"]
