"""The embedded runtime: parts, topics, migrations, services, in this order, until it is left.

A context manager. Everything it starts is a process of its own and ends with it, also when it is killed
itself. `runtime.json` in the data folder tells others (doctor, the client commands) where everything listens.
"""

import json
import os
import sys
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from deploy.local.errors import RuntimeFailed
from deploy.local.folders import RUNTIME_FILE, Folder, held, home
from deploy.local.issuer import Issuer, ServiceTokens, make_keys
from deploy.local.parts import Choice, Kind, Part, brokers, stores, take, wanted
from deploy.local.ports import LOOPBACK, answers, free_port
from deploy.local.process import Spec
from deploy.local.supervisor import Status, Supervisor
from services.chassis.clock import process_time
from services.chassis.health import Measured, Serving

PREPARE_WITHIN_S = 3600.0
"""Indexes of full collections take their time; nothing else is built before a service starts."""
SERVICES = {name: f"services.{name}" for name in ("intake", "routing", "mediation", "petition", "notify")}
"""The services by name, and the module that runs each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a runtime is asked for."""

    sites: Path
    """Folder with one folder per site."""
    name: str = "up"
    """Names the default data folder."""
    data_dir: Path | None = None
    """None: the first default folder that no other runtime holds."""
    parts: Choice = Choice.WHEELS
    broker: Part | None = None
    """A broker to take whatever `parts` says, for example three brokers; its neighbour `store` likewise."""
    store: Part | None = None
    fresh: bool = False
    """Start empty, even where the parts kept the data of the last run."""
    sync_on_commit: bool = True
    """SecantusDB's journaled writes reach the disk before they are acknowledged."""
    ports: Mapping[str, int] = field(default_factory=dict)
    """RPC ports by service; the others are free ones."""
    services: Mapping[str, str] = field(default_factory=lambda: SERVICES)
    workers: Mapping[str, int] = field(default_factory=dict)
    """How many workers share a service's partitions: one, in the process of its RPCs, unless said here."""
    ready_within: float = 90.0
    """Seconds that services have to become ready."""
    replication_factor: int = 1
    """How many brokers keep each topic."""
    environment: Callable[[str, "Running"], Mapping[str, str]] = lambda _name, _running: {}
    """What to add to the environment of a service, or of a further worker (`<service>-worker`)."""


@dataclass(frozen=True, slots=True)
class Running:
    """Where a runtime's things are: what `runtime.json` holds."""

    name: str
    pid: int
    started_at: str
    data_dir: str
    broker: str
    store: str
    kafka_bootstrap: str
    mongo_url: str
    smtp: str
    rpc: dict[str, str]
    """Address (host:port) of each service's gRPC server."""
    metrics: dict[str, str]
    """Address (host:port) of the metrics of each service, and of each further worker."""
    keys: str
    """Folder of the development issuer's key pair."""
    processes: dict[str, dict[str, Any]]
    """Per process its state, pid, restarts and reason."""

    @property
    def issuer(self) -> Issuer:
        """The runtime's token issuer."""
        return Issuer(Path(self.keys))

    @property
    def mails(self) -> Path:
        """The folder of the mailbox; see `deploy.local.mailbox`."""
        return Path(self.data_dir) / "mails"


def find_running(data_dir: Path | None = None) -> list[Running]:
    """The runtimes of this user that are up, latest first; only the one in `data_dir` where that is given."""
    folders = [data_dir.resolve()] if data_dir else [path.parent for path in home().glob(f"*/{RUNTIME_FILE}")]
    found = []
    for folder in folders:
        try:
            if held(folder):
                found.append(Running(**json.loads((folder / RUNTIME_FILE).read_text(encoding="utf-8"))))
        except (OSError, ValueError, TypeError):
            continue  # being written or removed just now
    return sorted(found, key=lambda running: running.started_at, reverse=True)


class Runtime:
    """A started set of parts and services; see the module."""

    def __init__(self, options: Options, say: Callable[[str], None] = lambda _line: None) -> None:
        """`say` gets one line per step."""
        self.options = options
        self.supervisor = Supervisor(on_change=self._write)
        self._say = say
        self._stack = ExitStack()
        self._running: Running | None = None
        self._writing = threading.Lock()
        self._environments: dict[str, dict[str, str]] = {}

    def __enter__(self) -> Self:
        """Starts everything and waits until every service is ready.

        Raises RuntimeFailed (PartMissing); what was started is stopped then.
        """
        with ExitStack() as stack:
            self._start(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stops everything it started, services first."""
        self._stack.close()

    @property
    def running(self) -> Running:
        """Where everything is. Raises RuntimeError before the runtime was entered."""
        if self._running is None:
            raise RuntimeError("enter the runtime first")
        return self._running

    def statuses(self) -> list[Status]:
        """Every process with its state."""
        return self.supervisor.statuses()

    def add_worker(self, service: str) -> str:
        """Start a further worker of a service, which gets some of its partitions; returns the process's name.

        It is ready some seconds later: `supervisor.wait_ready`.
        """
        running = self.running
        there = {status.name for status in self.statuses()}
        name = next(name for number in count(2) if (name := f"{service}-worker-{number}") not in there)
        metrics_port = str(free_port())
        self._running = replace(running, metrics={**running.metrics, name: f"{LOOPBACK}:{metrics_port}"})
        self.supervisor.start(
            Spec(
                name=name,
                command=(sys.executable, "-m", self.options.services[service], "worker"),
                environment={
                    **self._environments[service],
                    **self.options.environment(f"{service}-worker", running),
                    "FENGQIAO_RPC_PORT": "0",
                    "FENGQIAO_METRICS_PORT": metrics_port,
                },
                log=self._log(name),
                ready=Measured(int(metrics_port)),
                ready_within=self.options.ready_within,
                together=True,
            )
        )
        return name

    def remove_worker(self, name: str) -> None:
        """Stop a further worker for good, also one that just died; the others get its partitions."""
        self.supervisor.stop(name)
        metrics = {other: address for other, address in self.running.metrics.items() if other != name}
        self._running = replace(self.running, metrics=metrics)
        self._write()

    def _start(self, stack: ExitStack) -> None:
        options = self.options
        folder = Folder.claim(options.data_dir) if options.data_dir else Folder.claim_free(options.name)
        stack.callback(folder.release)
        known_stores = stores(sync_on_commit=options.sync_on_commit)
        broker = take(
            Kind.BROKER, [options.broker] if options.broker else wanted(options.parts, brokers()), self._say
        )
        store = take(
            Kind.STORE, [options.store] if options.store else wanted(options.parts, known_stores), self._say
        )
        for passed_over in (*broker.passed_over, *store.passed_over):
            self._say(f"passed over {passed_over}")
        self._prepare_folder(folder, broker.part, store.part)

        supervisor = stack.enter_context(self.supervisor)
        self._say(f"broker: {broker.part.name}")
        bootstrap = broker.part.start(supervisor, folder.path)
        self._say(f"store: {store.part.name}")
        mongo_url = store.part.start(supervisor, folder.path)
        self._running = Running(
            name=options.name,
            pid=os.getpid(),
            started_at=process_time().isoformat(),
            data_dir=str(folder.path),
            broker=broker.part.name,
            store=store.part.name,
            kafka_bootstrap=bootstrap,
            mongo_url=mongo_url,
            smtp=f"{LOOPBACK}:{free_port()}",
            rpc={name: f"{LOOPBACK}:{options.ports.get(name) or free_port()}" for name in options.services},
            metrics={name: f"{LOOPBACK}:{free_port()}" for name in options.services},
            keys=str(folder.path / "keys"),
            processes={},
        )
        self._start_mailbox()
        tokens = ServiceTokens(self._running.issuer, folder.path / "tokens", list(options.services))
        tokens.start()
        stack.callback(tokens.stop)
        self._start_services(folder.path, tokens)
        self._write()

    def _prepare_folder(self, folder: Folder, broker: Part, store: Part) -> None:
        """Broker and store begin empty together or go on together."""
        if broker.durable and store.durable:
            last = folder.path / "parts.json"
            names = [broker.name, store.name]
            same = last.exists() and json.loads(last.read_text(encoding="utf-8")) == names
            if folder.used() and same and not self.options.fresh:
                self._say(f"going on with the data in {folder.path}")
                return
            folder.wipe()
            last.write_text(json.dumps(names), encoding="utf-8")
            if self.options.fresh and not (broker.ours and store.ours):
                self._say("KAFKA_BOOTSTRAP and MONGO_URL keep what earlier runs left there")
            return
        for lasting, forgetful in ((broker, store), (store, broker)):
            if not lasting.ours and not forgetful.durable:
                raise RuntimeFailed(
                    f"{lasting.name} would remember what {forgetful.name} forgets when it stops: "
                    "give both KAFKA_BOOTSTRAP and MONGO_URL, or neither, or --parts best"
                )
        folder.wipe()
        self._say(
            f"broker and store start empty together in {folder.path}: {broker.name} keeps nothing"
            if not broker.durable
            else f"broker and store start empty together in {folder.path}"
        )

    def _start_mailbox(self) -> None:
        port = self.running.smtp.rpartition(":")[2]
        self.supervisor.start(
            Spec(
                name="mailbox",
                command=(
                    *(sys.executable, "-m", "deploy.local.mailbox"),
                    *("--port", port, "--dir", str(self.running.mails)),
                ),
                log=self._log("mailbox"),
                ready=lambda: None if answers(int(port)) else f"nothing listens on port {port}",
            )
        )

    def _start_services(self, folder: Path, tokens: ServiceTokens) -> None:
        names = list(self.options.services)
        make_keys(folder / "keys", names)
        environments = {name: self._environment(name, folder, tokens) for name in names}
        self._environments = environments
        self._say("topics and indexes")
        preparations = [("topics", "services.chassis.topics", "create", environments[names[0]])]
        preparations += [
            (f"{name}-migrate", module, "migrate", environments[name])
            for name, module in self.options.services.items()
        ]
        with ThreadPoolExecutor(len(preparations)) as pool:
            for done in [pool.submit(self._prepare, *preparation) for preparation in preparations]:
                done.result()
        self._say(f"services: {', '.join(names)}")
        for name in names:
            ready = Serving(int(self.running.rpc[name].rpartition(":")[2]))
            self.supervisor.start(
                Spec(
                    name=name,
                    command=(sys.executable, "-m", self.options.services[name]),
                    environment=environments[name],
                    log=self._log(name),
                    ready=ready,
                    ready_within=self.options.ready_within,
                    together=True,
                )
            )
        more = [
            self.add_worker(name) for name, wanted in self.options.workers.items() for _ in range(1, wanted)
        ]
        self.supervisor.wait_ready("mailbox", *names, *more)

    def _prepare(self, name: str, module: str, command: str, environment: Mapping[str, str]) -> None:
        self.supervisor.run(
            Spec(
                name=name,
                command=(sys.executable, "-m", module, command),
                environment=environment,
                log=self._log(name),
                ready=lambda: None,
                ready_within=PREPARE_WITHIN_S,
            )
        )

    def _environment(self, name: str, folder: Path, tokens: ServiceTokens) -> dict[str, str]:
        running = self.running
        keys = folder / "keys"
        smtp_host, _, smtp_port = running.smtp.rpartition(":")
        return {
            "PYTHONUNBUFFERED": "1",
            "KAFKA_BOOTSTRAP": running.kafka_bootstrap,
            "MONGO_URL": running.mongo_url,
            "FENGQIAO_ENVIRONMENT": "development",
            # The wheel broker lets a group begin after half a session timeout: a restarted service waits.
            "FENGQIAO_SESSION_TIMEOUT_S": "6",
            "FENGQIAO_HEARTBEAT_INTERVAL_S": "1",
            "FENGQIAO_RPC_PORT": running.rpc[name].rpartition(":")[2],
            "FENGQIAO_METRICS_PORT": running.metrics[name].rpartition(":")[2],
            "FENGQIAO_SITES": str(self.options.sites.resolve()),
            "FENGQIAO_JWT_PUBLIC_KEYS": str(running.issuer.public_keys),
            "FENGQIAO_SERVICE_TOKEN_FILE": str(tokens[name]),
            "FENGQIAO_VAULT_KEY_FILE": str(keys / "vault.key"),
            "FENGQIAO_AUDIT_KEY_FILE": str(keys / f"audit-{name}.pem"),
            "FENGQIAO_INTAKE_ADDRESS": running.rpc.get("intake", ""),
            "FENGQIAO_SMTP_HOST": smtp_host,
            "FENGQIAO_SMTP_PORT": smtp_port,
            # Its mail server answers at once or never: what a killed sender held goes out soon after.
            "FENGQIAO_SMTP_TIMEOUT_S": "2",
            "FENGQIAO_CLAIM_S": "20",
            "FENGQIAO_REPLICATION_FACTOR": str(self.options.replication_factor),
            **self.options.environment(name, running),
        }

    def _log(self, name: str) -> Path:
        return Path(self.running.data_dir) / "log" / f"{name}.log"

    def _write(self) -> None:
        """Tell others where everything is now; written whole, since others read it at any time."""
        with self._writing:
            if self._running is None:
                return
            processes = {
                status.name: {
                    "state": str(status.state),
                    "pid": status.pid,
                    "restarts": status.restarts,
                    "reason": status.reason,
                }
                for status in self.supervisor.statuses()
            }
            path = Path(self._running.data_dir) / RUNTIME_FILE
            unfinished = path.with_suffix(".part")
            content = {**asdict(self._running), "processes": processes}
            unfinished.write_text(json.dumps(content, indent=2), encoding="utf-8")
            unfinished.replace(path)
