"""Data folders of runtimes: where they are, whose they are now, what is wiped and what is kept."""

import fcntl
import os
import shutil
from pathlib import Path
from typing import IO, Self

from deploy.local.errors import RuntimeFailed

RUNTIME_FILE = "runtime.json"

_MARK = ".fengqiao"
_WIPED = ("store", "kafka", "mails", "log", "keys", "tokens", RUNTIME_FILE)
"""What a runtime makes in its folder; nothing else is ever removed."""


def home() -> Path:
    """The parent of default data folders: FENGQIAO_HOME, else the user's state folder."""
    given = os.environ.get("FENGQIAO_HOME")
    if given:
        return Path(given).resolve()
    state = os.environ.get("XDG_STATE_HOME")
    return (Path(state) if state else Path.home() / ".local" / "state") / "fengqiao"


class Folder:
    """A data folder held by this process; the lock goes with the process, however it ends."""

    def __init__(self, path: Path, lock: IO[bytes]) -> None:
        """Use `claim` or `claim_free`."""
        self.path = path
        self._lock = lock

    @classmethod
    def claim(cls, path: Path) -> Self:
        """Take a folder, made when it isn't there.

        Raises RuntimeFailed when another runtime holds it, or when it holds something that no runtime put
        there.
        """
        path = path.resolve()
        mark = path / _MARK
        if path.exists() and not mark.exists() and any(path.iterdir()):
            raise RuntimeFailed(f"{path} is not empty and no data folder of Fengqiao: name another one")
        path.mkdir(parents=True, exist_ok=True)
        lock = mark.open("ab")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.close()
            raise RuntimeFailed(
                f"{path} is in use by another runtime: stop it or name another folder"
            ) from error
        return cls(path, lock)

    @classmethod
    def claim_free(cls, name: str) -> Self:
        """Take the first default folder of this name that no other runtime holds: up, up-2, up-3 …"""
        for number in range(1, 100):
            path = home() / (name if number == 1 else f"{name}-{number}")
            if not held(path):
                return cls.claim(path)
        raise RuntimeFailed(f"a hundred runtimes named {name} run already")

    def wipe(self) -> None:
        """Remove what an earlier run made."""
        for name in _WIPED:
            path = self.path / name
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)

    def used(self) -> bool:
        """Whether an earlier run left data."""
        return any((self.path / name).exists() for name in ("store", "kafka"))

    def release(self) -> None:
        """Let others have it."""
        (self.path / RUNTIME_FILE).unlink(missing_ok=True)
        self._lock.close()


def held(path: Path) -> bool:
    """Whether a living runtime holds the folder."""
    mark = path / _MARK
    if not mark.exists():
        return False
    with mark.open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
    return False
