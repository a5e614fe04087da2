"""Parts in containers end with who started them: nothing else cleans up, testcontainers' reaper is off."""

import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
from docker.errors import NotFound

from deploy.local.broker import DockerKafka
from deploy.local.errors import PartMissing
from deploy.local.ports import LOOPBACK
from deploy.local.supervisor import Supervisor
from tests.waiting import until

pytestmark = [pytest.mark.docker, pytest.mark.timeout(180)]


@pytest.fixture
def engine() -> Iterator[Any]:
    try:
        DockerKafka().prepare(print)
    except PartMissing as missing:
        pytest.skip(f"needs {missing}")
    client = docker.from_env()
    yield client
    client.close()


def gone(engine: Any, container_id: str) -> bool:
    try:
        engine.containers.get(container_id)
    except NotFound:
        return True
    return False


def test_a_broker_in_a_container_listens_on_the_loopback_alone_and_ends_with_its_supervisor(
    engine: Any, tmp_path: Path
) -> None:
    with Supervisor() as supervisor:
        DockerKafka().start(supervisor, tmp_path)
        broker = supervisor.containers()["broker"]
        bound = engine.containers.get(broker).ports["9092/tcp"]
        assert {each["HostIp"] for each in bound} == {LOOPBACK}
    assert gone(engine, broker)


def test_a_broker_in_a_container_ends_when_its_supervisor_is_killed(engine: Any, tmp_path: Path) -> None:
    told = tmp_path / "id"
    script = textwrap.dedent(f"""
        import time
        from pathlib import Path
        from deploy.local.broker import DockerKafka
        from deploy.local.supervisor import Supervisor
        with Supervisor() as supervisor:
            DockerKafka().start(supervisor, Path({str(tmp_path)!r}))
            Path({str(told)!r}).write_text(supervisor.containers()["broker"])
            time.sleep(300)
    """)
    owner = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.DEVNULL)
    try:
        broker = until(told.read_text, 90, "the container")
        assert not gone(engine, broker)
    finally:
        owner.send_signal(signal.SIGKILL)
        owner.wait()
    until(lambda: gone(engine, broker), 30, "the container's end")
