"""The Compose file against what it must keep: hardened, on the loopback, and in step with the code."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from deploy.local.runtime import SERVICES
from services.cli.__main__ import app

ROOT = Path(__file__).parents[3]
COMPOSE = ROOT / "deploy" / "compose" / "compose.yaml"
IMAGE = ROOT / "deploy" / "images" / "service"
DEVELOPMENT = {"tokens", "mailbox"}
PARTS = {"kafka", "store"}
ONCE = {"topics", "migrate"}
WORKERS = {f"{name}-worker" for name in SERVICES}
NEVER_SHIPPED = ("secantus", "calfkit", "testcontainers", "pytest", "hypothesis")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))
    return loaded


@pytest.fixture(scope="module")
def containers(compose: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = compose["services"]
    return found


def secrets(container: dict[str, Any]) -> set[str]:
    return {secret["source"] for secret in container.get("secrets", [])}


def test_every_service_has_a_container_and_one_for_further_workers(
    containers: dict[str, dict[str, Any]],
) -> None:
    assert containers.keys() == SERVICES.keys() | WORKERS | PARTS | ONCE | DEVELOPMENT
    for name, module in SERVICES.items():
        assert containers[name]["command"] == ["python", "-m", module]
        assert containers[f"{name}-worker"]["command"] == ["python", "-m", module, "worker"]
        assert containers[f"{name}-worker"]["profiles"] == ["workers"]
        assert secrets(containers[name]) == secrets(containers[f"{name}-worker"])
    assert set(containers["migrate"]["command"][4:]) == SERVICES.keys()


@pytest.mark.parametrize("name", sorted(SERVICES.keys() | WORKERS | ONCE | DEVELOPMENT))
def test_a_container_of_ours_can_write_nothing_gain_nothing_and_says_how_it_is(
    containers: dict[str, dict[str, Any]], name: str
) -> None:
    container = containers[name]
    assert container["read_only"] is True
    assert container["tmpfs"] == ["/tmp"]  # noqa: S108 - the container's own
    assert container["cap_drop"] == ["ALL"]
    assert container["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in container
    assert container["healthcheck"].get("test") or name in ONCE
    for volume in container.get("volumes", []):
        assert volume.endswith(":ro") or name in DEVELOPMENT, volume


def test_everything_is_published_on_the_loopback_alone(containers: dict[str, dict[str, Any]]) -> None:
    ports = [port for container in containers.values() for port in container.get("ports", [])]
    assert len(ports) == len(SERVICES) + 1
    assert all(port.startswith("127.0.0.1:") for port in ports), ports
    assert all("network_mode" not in container for container in containers.values())


def test_a_secret_goes_to_nobody_but_who_needs_it(containers: dict[str, dict[str, Any]]) -> None:
    has = {name: secrets(container) for name, container in containers.items()}
    assert {name for name in has if "vault" in has[name]} == {"intake", "intake-worker", "migrate"}
    assert {name for name in has if "issuer" in has[name]} == {"tokens"}
    for service in SERVICES:
        assert {name for name in has if f"audit_{service}" in has[name]} == {service, f"{service}-worker"}


def test_the_documented_command_makes_all_that_containers_are_given(
    compose: dict[str, Any], tmp_path: Path
) -> None:
    said = CliRunner().invoke(app, ["prepare", str(tmp_path)])
    assert said.exit_code == 0, said.output
    for secret in compose["secrets"].values():
        name = secret["file"].rpartition("/")[2]
        made = tmp_path / "keys" / name
        assert made.stat().st_mode & 0o777 == 0o644, "the container's user reads it"
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700, "nobody else of this machine does"
    assert {path.parent.name for path in tmp_path.glob("sites/*/site.yaml")} == {"boston", "jili"}
    assert not [path for path in tmp_path.rglob("*") if path.is_symlink()]
    before = (tmp_path / "keys" / "vault.key").read_bytes()
    assert CliRunner().invoke(app, ["prepare", str(tmp_path)]).exit_code == 0
    assert (tmp_path / "keys" / "vault.key").read_bytes() == before, "a new key could read no contact"


@pytest.mark.parametrize("lock", ["requirements.lock", "development.lock"])
def test_no_image_installs_what_is_only_for_development_or_under_the_gpl(lock: str) -> None:
    names = re.findall(r"^([A-Za-z0-9_.-]+)==", (IMAGE / lock).read_text(encoding="utf-8"), re.MULTILINE)
    assert "grpcio" in names
    assert [name for name in names if name.lower().startswith(NEVER_SHIPPED)] == []
