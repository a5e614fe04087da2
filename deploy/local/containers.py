"""Containers through testcontainers, for parts that come as public images. The engine may be absent."""

import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, cast

from deploy.local.errors import PartMissing, RuntimeFailed
from deploy.local.ports import LOOPBACK
from deploy.local.supervisor import Supervisor
from services.chassis.clock import monotonic

_READY_WITHIN = 60.0
_UNIX = "unix://"


@dataclass(frozen=True, slots=True)
class Box:
    """A container to run."""

    name: str
    image: str
    environment: Mapping[str, str]
    command: tuple[str, ...]
    ports: Mapping[int, int]
    """Port inside → port of this machine."""
    started: str
    """The line of its log that says it is up."""


def lacks() -> str | None:
    """What is missing for Docker, or None."""
    if not find_spec("testcontainers"):
        return "the package testcontainers: pip install 'fengqiao[embedded]'"
    if not _listens(os.environ.get("DOCKER_HOST", f"{_UNIX}/var/run/docker.sock")):
        return "a Docker engine that answers"
    import docker
    from docker.errors import DockerException

    try:
        client = docker.from_env(timeout=5)
        try:
            client.ping()
        finally:
            client.close()
    except DockerException:
        return "a Docker engine that answers"
    return None


def _listens(address: str) -> bool:
    """Whether an engine's socket takes connections; the client library leaks its own where none does."""
    if not address.startswith(_UNIX):
        return True  # asked by the client itself
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(address.removeprefix(_UNIX))
        except OSError:
            return False
    return True


def pull(image: str, say: Callable[[str], None]) -> None:
    """Have an image. Raises PartMissing when it is neither here nor to be pulled."""
    if lacking := lacks():
        raise PartMissing(lacking)
    import docker
    from docker.errors import DockerException, ImageNotFound

    client = docker.from_env(timeout=300)
    try:
        client.images.get(image)
    except ImageNotFound:
        say(f"pulling the image {image}, once")
        try:
            client.images.pull(image)
        except DockerException as error:
            raise PartMissing(f"the image {image}, which is not here and can't be pulled") from error
    except DockerException as error:
        raise PartMissing("a Docker engine that answers") from error
    finally:
        client.close()


def run(supervisor: Supervisor, box: Box, ready: Callable[[], str | None]) -> None:
    """Start a container that ends with the supervisor, and wait until it is ready. Raises RuntimeFailed."""
    os.environ.setdefault(
        "TESTCONTAINERS_RYUK_DISABLED", "true"
    )  # our reaper does it, its image may be out of reach
    from docker.errors import DockerException
    from testcontainers.core.container import DockerContainer
    from testcontainers.core.wait_strategies import LogMessageWaitStrategy

    container = DockerContainer(box.image).waiting_for(
        LogMessageWaitStrategy(box.started).with_startup_timeout(int(_READY_WITHIN))
    )
    for key, value in box.environment.items():
        container.with_env(key, value)
    for inside, outside in box.ports.items():
        # Not `with_bind_ports`: that listens to the whole network.
        cast("dict[str, Any]", container.ports)[f"{inside}/tcp"] = (LOOPBACK, outside)
    if box.command:
        container.with_command(list(box.command))
    try:
        container.start()
        supervisor.adopt_container(box.name, container.get_wrapped_container().id, container.stop)
    except (DockerException, TimeoutError, RuntimeError) as error:
        container.stop()
        raise RuntimeFailed(f"the container of {box.image} did not start: {error}") from error
    end = monotonic() + _READY_WITHIN
    while (lacking := ready()) is not None:
        if monotonic() > end:
            raise RuntimeFailed(f"{box.name} in its container is not ready: {lacking}")
        supervisor.pause()
