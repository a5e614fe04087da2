"""Three brokers of Apache Kafka from the jars of Maven Central: replication factor 3, min.insync.replicas 2.

Each is a process of its own that votes and keeps records, so that any one of them may go. A broker listens on
one door that the runtime knows, and on further named ones: whoever comes through a door is sent to the same
door of the other brokers, at the address that the door advertises. A proxy may stand there.
"""

import base64
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deploy.local.broker import KAFKA_VERSION, Answering, MavenKafka, java_command
from deploy.local.ports import LOOPBACK, free_port
from deploy.local.process import Spec
from deploy.local.supervisor import Supervisor

DIRECT = "DIRECT"
GRACE_S = 6.0
"""The last one to go finds no quorum to take its leave of, and would wait for ever."""


@dataclass(frozen=True, slots=True)
class Door:
    """A listener of one broker: where it listens, and where it tells clients to come to."""

    name: str
    listens: int
    advertised: int

    @classmethod
    def straight(cls, name: str = DIRECT) -> "Door":
        """A door without anything in front of it."""
        port = free_port()
        return cls(name, port, port)

    @classmethod
    def behind(cls, name: str) -> "Door":
        """A door that advertises another port, where the caller has to put something."""
        return cls(name, free_port(), free_port())


@dataclass(frozen=True, slots=True, kw_only=True)
class MavenCluster:
    """Brokers `broker-1` … `broker-n`, or one `broker`; `doors` are made for each."""

    size: int = 3
    doors: Sequence[str] = ()
    own_time: bool = True
    """Records carry the broker's time of arrival, not the producer's: a clock that no service can touch."""
    made: dict[str, list[Door]] = field(default_factory=dict)
    """The doors of each broker by its name, once started."""
    durable: bool = True
    genuine: bool = True
    ours: bool = True

    @property
    def name(self) -> str:
        """What it is."""
        brokers = "one broker" if self.size == 1 else f"{self.size} brokers, min.insync {self._insync}"
        return f"Apache Kafka {KAFKA_VERSION} (jars of Maven Central), {brokers}"

    @property
    def names(self) -> list[str]:
        """The processes."""
        return ["broker"] if self.size == 1 else [f"broker-{n}" for n in range(1, self.size + 1)]

    def lacks(self) -> str | None:
        """What one broker lacks."""
        return MavenKafka().lacks()

    def prepare(self, say: Callable[[str], None]) -> None:
        """Fetch the jars once."""
        MavenKafka().prepare(say)

    def start(self, supervisor: Supervisor, folder: Path) -> str:
        """Format what is new, start all, wait until each gives metadata; returns their direct addresses."""
        identity = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        controllers = [free_port() for _ in self.names]
        voters = ",".join(f"{number}@{LOOPBACK}:{port}" for number, port in enumerate(controllers, 1))
        for number, name in enumerate(self.names, 1):
            doors = [Door.straight(), *(Door.behind(door) for door in self.doors)]
            self.made[name] = doors
            home = folder / "kafka" / name
            home.mkdir(parents=True, exist_ok=True)
            settings = home / "server.properties"
            lines = self._settings(number, home / "data", doors, controllers[number - 1], voters)
            settings.write_text(lines, encoding="utf-8")
            log = folder / "log" / f"{name}.log"
            java = java_command(heap_mb=512 if self.size == 1 else 320)
            if not (home / "data" / "meta.properties").exists():
                arguments = ("format", f"--cluster-id={identity}", "-c", str(settings))
                supervisor.run(
                    Spec(
                        name=f"{name}-format",
                        command=(*java, "kafka.tools.StorageTool", *arguments),
                        log=log,
                        ready=lambda: None,
                    )
                )
            supervisor.start(
                Spec(
                    name=name,
                    command=(*java, "kafka.Kafka", str(settings)),
                    log=log,
                    ready=Answering(doors[0].listens),
                    ready_within=120,
                    grace=GRACE_S,
                )
            )
        supervisor.wait_ready(*self.names)
        return ",".join(f"{LOOPBACK}:{self.made[name][0].advertised}" for name in self.names)

    def through(self, door: str) -> str:
        """The brokers' addresses behind a door, for clients."""
        found = (each for doors in self.made.values() for each in doors if each.name == door)
        return ",".join(f"{LOOPBACK}:{each.advertised}" for each in found)

    @property
    def _insync(self) -> int:
        return min(2, self.size)

    def _settings(self, node: int, data: Path, doors: Sequence[Door], controller: int, voters: str) -> str:
        copies, insync = str(min(3, self.size)), str(self._insync)
        listeners = {door.name: door.listens for door in doors} | {"CONTROLLER": controller}
        settings = {
            "process.roles": "broker,controller",
            "node.id": str(node),
            "controller.quorum.voters": voters,
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": DIRECT,
            "listeners": ",".join(f"{name}://{LOOPBACK}:{port}" for name, port in listeners.items()),
            "advertised.listeners": ",".join(f"{door.name}://{LOOPBACK}:{door.advertised}" for door in doors),
            "listener.security.protocol.map": ",".join(f"{name}:PLAINTEXT" for name in listeners),
            "log.dirs": str(data),
            "default.replication.factor": copies,
            "min.insync.replicas": insync,
            "offsets.topic.replication.factor": copies,
            "offsets.topic.num.partitions": "8",
            "transaction.state.log.replication.factor": copies,
            "transaction.state.log.min.isr": insync,
            "share.coordinator.state.topic.replication.factor": copies,
            "share.coordinator.state.topic.min.isr": insync,
            "group.initial.rebalance.delay.ms": "0",
            "auto.create.topics.enable": "false",
            "message.max.bytes": str(6 * 1024 * 1024),  # more than a service may ever be sent
            # A broker that was killed is known to be gone, and others lead, within seconds.
            "broker.session.timeout.ms": "4000",
            "broker.heartbeat.interval.ms": "1000",
            "replica.lag.time.max.ms": "6000",
            "log.message.timestamp.type": "LogAppendTime" if self.own_time else "CreateTime",
        }
        return "".join(f"{key}={value}\n" for key, value in settings.items())
