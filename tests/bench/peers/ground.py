"""What a peer runs on: its folder, its processes, PostgreSQL; and what the measurement knows of it."""

import os
import shutil
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from deploy.local.ports import LOOPBACK, answers, free_port
from deploy.local.process import Spec
from deploy.local.supervisor import Supervisor

HERE = Path(__file__).parent
_NOBODY = "65534"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """One run's surroundings. `installed` is what the setup script made, `data` is this run's own."""

    installed: Path
    data: Path
    supervisor: Supervisor
    clock_ms: int
    closed: Path
    """The socket that hears of closed cases."""
    fsync: bool

    def run(
        self,
        name: str,
        command: tuple[str, ...],
        ready: Callable[[], str | None],
        environment: Mapping[str, str],
    ) -> None:
        """Start a process and wait until it is ready."""
        self.supervisor.start(
            Spec(
                name=name,
                command=command,
                log=self.data / "log" / f"{name}.log",
                ready=ready,
                environment=environment,
                restart=False,
            )
        )
        self.supervisor.wait_ready(name)

    def python(
        self, name: str, folder: str, arguments: tuple[str, ...], ready: Callable[[], str | None], **more: str
    ) -> None:
        """Start a program of the peer's environment, with the peer's folder to import from."""
        environment = {
            "E4_CLOCK_MS": str(self.clock_ms),
            "E4_CLOSED": str(self.closed),
            "PYTHONPATH": f"{HERE / folder}{os.pathsep}{HERE}",
            "PYTHONDONTWRITEBYTECODE": "1",
            "VIRTUAL_ENV": str(self.installed / "venv"),
            **more,
        }
        program = self.installed / "venv" / "bin" / arguments[0]
        self.run(name, (str(program), *arguments[1:]), ready, environment)

    def postgresql(self) -> str:
        """Start a cluster of this run's own; returns the address of its empty database."""
        # Resolved: who is nobody can't go through this user's folders.
        binaries, data = (self.installed / "postgresql").resolve(), self.data / "postgresql"
        data.mkdir()
        self.data.chmod(0o711)
        drop: tuple[str, ...] = ()
        if os.geteuid() == 0:
            shutil.chown(data, int(_NOBODY), int(_NOBODY))
            drop = ("setpriv", "--reuid", _NOBODY, "--regid", _NOBODY, "--clear-groups")
        made = subprocess.run(
            (*drop, str(binaries / "initdb"), "-D", str(data), "-U", "e4", "--auth=trust", "--encoding=UTF8"),
            check=False,
            capture_output=True,
            text=True,
            cwd="/",
        )
        if made.returncode:
            raise RuntimeError(f"initdb: {made.stderr.strip()}")
        port = free_port()
        settings = {
            "listen_addresses": LOOPBACK,
            "port": str(port),
            "unix_socket_directories": str(data),
            "shared_buffers": "512MB",
            "max_connections": "200",
            "fsync": "on" if self.fsync else "off",
        }
        flags = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        command = (*drop, str(binaries / "postgres"), "-D", str(data), *flags)
        self.run("postgresql", command, listening(port), {})
        # SIGTERM waits for its clients, who go first; the database named like the user is left to the peer.
        return f"postgresql://e4@{LOOPBACK}:{port}/postgres"


class Peer(Protocol):
    """What a user would take instead."""

    @property
    def name(self) -> str:
        """One word."""
        ...

    @property
    def folder(self) -> str:
        """Of its programs, and of its installation."""
        ...

    @property
    def title(self) -> str:
        """With the versions."""
        ...

    @property
    def durability(self) -> Mapping[bool, str]:
        """With fsync (True), and where it can be turned off without (False): the settings in words."""
        ...

    @property
    def not_done(self) -> str:
        """What it does not do of what our services do."""
        ...

    def start(self, ground: Ground) -> Callable[[str], str]:
        """Start it; returns what gives the address to which a case is posted."""
        ...


def lacks(installed: Path) -> str | None:
    """What is missing of a peer's installation, or None."""
    return None if (installed / "ready").exists() else f"not set up in {installed}"


def answering(url: str) -> Callable[[], str | None]:
    """Readiness of what answers GET with 200."""

    def ready() -> str | None:
        try:
            with urllib.request.urlopen(url, timeout=1) as answer:  # noqa: S310 - our own address
                return None if answer.status == 200 else f"answers {answer.status}"
        except (urllib.error.URLError, OSError) as error:
            return f"no answer: {error}"

    return ready


def listening(port: int) -> Callable[[], str | None]:
    """Readiness of what listens on a port."""
    return lambda: None if answers(port) else f"nothing listens on port {port}"


def listen(path: Path) -> socket.socket:
    """The socket on which closed cases are told."""
    heard = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    heard.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    heard.bind(str(path))
    heard.settimeout(0)
    return heard
