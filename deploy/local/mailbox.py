"""A mail server that keeps what it gets: one file per message, named by its Message-ID. For development and
tests.

`python -m deploy.local.mailbox --port 2525 --dir mails`. A message that comes again gets a number before the
suffix, so that what was sent twice shows: `<id>.eml`, `<id>.2.eml`.
"""

import argparse
import email
import re
import signal
import threading
from email.policy import default
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller

from deploy.local.ports import LOOPBACK

SUFFIX = ".eml"


def file_stem(message_id: str) -> str:
    """A Message-ID as a file name, without its angle brackets."""
    return re.sub(r"[^A-Za-z0-9@._+-]", "_", message_id.strip().strip("<>"))[:200] or "without-id"


def messages(folder: Path) -> list[Path]:
    """Every message that came, by name."""
    return sorted(folder.glob(f"*{SUFFIX}"))


def repeats(folder: Path) -> list[Path]:
    """The messages that came more than once: each coming after the first."""
    return [path for path in messages(folder) if re.search(r"\.\d+\.eml$", path.name)]


class Keeper:
    """Stores messages; aiosmtpd calls it on its own thread, one message at a time."""

    def __init__(self, folder: Path) -> None:
        """Makes the folder."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        """Writes one message whole before it is acknowledged."""
        message = email.message_from_bytes(envelope.content, policy=default)
        stem = file_stem(str(message["Message-ID"] or ""))
        path, number = self._folder / f"{stem}{SUFFIX}", 1
        while path.exists():
            number += 1
            path = self._folder / f"{stem}.{number}{SUFFIX}"
        unfinished = path.with_suffix(".part")
        unfinished.write_bytes(envelope.content)
        unfinished.rename(path)
        return "250 kept"


def main() -> None:
    """Serves until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default=LOOPBACK)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--dir", type=Path, required=True)
    given = parser.parse_args()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    controller = Controller(Keeper(given.dir), hostname=given.host, port=given.port)
    controller.start()
    stop.wait()
    controller.stop()


if __name__ == "__main__":
    main()
