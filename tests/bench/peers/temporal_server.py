"""Temporal's server on PostgreSQL: its schema, its settings, its start."""

import subprocess
from urllib.parse import urlsplit

import yaml

from deploy.local.ports import LOOPBACK, free_port
from tests.bench.peers.ground import Ground, listening

SHARDS = 64
PLUGIN = "postgres12_pgx"
SCHEMAS = {"temporal": "postgresql/v12/temporal", "temporal_visibility": "postgresql/v12/visibility"}
SERVICES = ("frontend", "history", "matching", "worker")


def start(ground: Ground) -> str:
    """Start it with a cluster of PostgreSQL of its own; returns the frontend's address."""
    address = urlsplit(ground.postgresql())
    host, port = address.hostname or LOOPBACK, str(address.port)
    for database, schema in SCHEMAS.items():
        for step in (["create"], ["setup-schema", "-v", "0.0"], ["update-schema", "--schema-name", schema]):
            tool = [str(ground.installed / "bin" / "sql"), "--plugin", PLUGIN, "--ep", host, "-p", port]
            tool += ["-u", "e4", "--db", database, *step]
            done = subprocess.run(tool, check=False, capture_output=True, text=True)
            if done.returncode:
                raise RuntimeError(f"{' '.join(step)}: {(done.stdout + done.stderr).strip()[-500:]}")
    ports = {name: (free_port(), free_port()) for name in SERVICES}
    config = ground.data / "config"
    config.mkdir()
    (config / "e4.yaml").write_text(yaml.safe_dump(_settings(f"{host}:{port}", ports)), encoding="utf-8")
    frontend = ports["frontend"][0]
    command = (str(ground.installed / "bin" / "server"), "-r", str(ground.data), "-c", "config", "-e", "e4")
    ground.run("server", (*command, "start"), listening(frontend), {})
    return f"{LOOPBACK}:{frontend}"


def _settings(database: str, ports: dict[str, tuple[int, int]]) -> dict[str, object]:
    def store(name: str) -> dict[str, object]:
        connection = {
            "pluginName": PLUGIN,
            "databaseName": name,
            "connectAddr": database,
            "connectProtocol": "tcp",
            "user": "e4",
            "password": "",
            "maxConns": 20,
            "maxIdleConns": 20,
            "maxConnLifetime": "1h",
        }
        return {"sql": connection}

    return {
        "log": {"stdout": True, "level": "warn"},
        "persistence": {
            "defaultStore": "default",
            "visibilityStore": "visibility",
            "numHistoryShards": SHARDS,
            "datastores": {"default": store("temporal"), "visibility": store("temporal_visibility")},
        },
        "global": {"membership": {"maxJoinDuration": "30s", "broadcastAddress": LOOPBACK}},
        "services": {
            name: {"rpc": {"grpcPort": rpc, "membershipPort": member, "bindOnLocalHost": True}}
            for name, (rpc, member) in ports.items()
        },
        "clusterMetadata": {
            "enableGlobalNamespace": False,
            "failoverVersionIncrement": 10,
            "masterClusterName": "active",
            "currentClusterName": "active",
            "clusterInformation": {
                "active": {
                    "enabled": True,
                    "initialFailoverVersion": 1,
                    "rpcName": "frontend",
                    "rpcAddress": f"{LOOPBACK}:{ports['frontend'][0]}",
                }
            },
        },
        "dcRedirectionPolicy": {"policy": "noop"},
    }
