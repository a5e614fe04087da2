"""The image of the services: what is in it, and that a service in it runs without anything to write to."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest

from deploy.local import containers
from deploy.local.errors import PartMissing
from deploy.local.issuer import make_keys
from deploy.local.ports import free_port
from deploy.local.runtime import SERVICES
from services.cli.demo.command import demo_sites
from tests.waiting import until

ROOT = Path(__file__).parents[3]
BASE = "python:3.11-slim-bookworm"
PIP = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST", "PIP_DEFAULT_TIMEOUT")
HARDENED = ("--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--security-opt", "no-new-privileges")  # noqa: S108 - the container's own
BUILT_WITHIN_S = 500

INSIDE = """
import importlib.metadata as metadata, os, pathlib
print("user", os.getuid())
for found in metadata.distributions():
    told = [found.metadata.get("License-Expression") or "", (found.metadata.get("License") or "")[:80]]
    told += [word for word in found.metadata.get_all("Classifier") or [] if word.startswith("License")]
    print("package", found.metadata["Name"].lower(), "|".join(told).replace("\\n", " "))
for folder, folders, files in os.walk("/opt/fengqiao"):
    for name in (*folders, *files):
        print("file", pathlib.Path(folder, name))
"""


def docker(*words: str, timeout: float = 60) -> str:
    done = subprocess.run(
        (shutil.which("docker") or "docker", *words),
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
        env={**os.environ, "DOCKER_BUILDKIT": "0"},
    )
    assert done.returncode == 0, f"docker {words[0]}: {(done.stdout + done.stderr)[-3000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The image, built with this machine's settings of pip, and removed after the tests."""
    if shutil.which("docker") is None:
        pytest.skip("needs docker on PATH")
    try:
        containers.pull(BASE, print)
    except PartMissing as missing:
        pytest.skip(f"needs {missing}")
    name = f"fengqiao-test-{uuid4().hex[:8]}"
    made = [name]
    arguments = [word for variable in PIP for word in ("--build-arg", variable)]
    if certificates := os.environ.get("PIP_CERT"):
        made.append(f"{name}-build")
        folder = tmp_path_factory.mktemp("build")
        shutil.copy(certificates, folder / "ca.crt")
        lines = (f"FROM {BASE}", "COPY ca.crt /etc/ssl/builder.crt", "ENV PIP_CERT=/etc/ssl/builder.crt", "")
        (folder / "Dockerfile").write_text("\n".join(lines), encoding="utf-8")
        docker("build", "--quiet", "--tag", made[-1], str(folder))
        arguments += ["--build-arg", f"BUILD_BASE={made[-1]}"]
    file = ROOT / "deploy" / "images" / "service" / "Dockerfile"
    arguments += ["--network", "host", "--file", str(file), "--tag", name]
    docker("build", "--quiet", "--target", "service", *arguments, str(ROOT), timeout=BUILT_WITHIN_S)
    yield name
    docker("image", "rm", *made)


@contextmanager
def running(*words: str) -> Iterator[str]:
    """A container of this test, removed with it; gives its id."""
    name = docker("run", "--detach", *HARDENED, *words).strip()
    try:
        yield name
    finally:
        docker("rm", "--force", "--volumes", name)


@pytest.mark.docker
@pytest.mark.timeout(BUILT_WITHIN_S + 60)
def test_the_image_holds_the_services_and_no_part_under_the_gpl(image: str) -> None:
    found = docker("run", "--rm", *HARDENED, image, "python", "-c", INSIDE).splitlines()
    packages = {line.split()[1]: line for line in found if line.startswith("package ")}
    files = {line.removeprefix("file /opt/fengqiao/") for line in found if line.startswith("file ")}
    assert found[0] != "user 0"
    assert "grpcio" in packages
    assert not [name for name in packages if name.startswith(("secantus", "calfkit", "aiosmtpd"))]
    assert not [line for line in packages.values() if "GPL" in line and "LGPL" not in line]
    assert not [file for file in files if "secantus" in file.lower()]
    assert {f"app/services/{name}/__main__.py" for name in SERVICES} <= files
    assert not [file for file in files if file.startswith(("app/deploy", "app/tests", "app/services/cli"))]


@pytest.mark.docker
@pytest.mark.timeout(BUILT_WITHIN_S + 120)
def test_a_service_in_a_container_with_nothing_to_write_becomes_healthy_and_stops_when_asked(
    image: str, broker: str, store: str, tmp_path: Path
) -> None:
    keys, sites = tmp_path / "keys", tmp_path / "sites"
    make_keys(keys, ["routing"])
    sites.mkdir()
    shutil.copytree(demo_sites(sites) / "boston", tmp_path / "copied" / "boston")
    for path in keys.iterdir():
        path.chmod(0o644)
    for folder in (tmp_path, keys):
        folder.chmod(0o755)
    given = {
        "KAFKA_BOOTSTRAP": broker,
        "MONGO_URL": store,
        "FENGQIAO_ENVIRONMENT": "development",
        "FENGQIAO_DATABASE_PREFIX": f"image_{uuid4().hex[:8]}",
        "FENGQIAO_GROUP_SUFFIX": f"-{uuid4().hex[:8]}",
        "FENGQIAO_AUDIT_KEY_FILE": "/run/keys/audit-routing.pem",
        "FENGQIAO_JWT_PUBLIC_KEYS": "/run/keys/issuer.pub.pem",
    }
    words = ["--network", "host", "--health-interval", "2s"]
    words += ["--volume", f"{tmp_path / 'copied'}:/sites:ro", "--volume", f"{keys}:/run/keys:ro"]
    words += [word for name, value in given.items() for word in ("--env", f"{name}={value}")]
    for command in (("services.chassis.topics", "create"), ("services.routing", "migrate")):
        docker("run", "--rm", *HARDENED, *words, image, "python", "-m", *command)

    for role, port in (("rpc", "FENGQIAO_RPC_PORT"), ("worker", "FENGQIAO_METRICS_PORT")):
        only = ["--env", "FENGQIAO_RPC_PORT=0", "--env", f"{port}={free_port()}"]
        with running(*words, *only, image, "python", "-m", "services.routing", role) as container:
            until(partial(_healthy, container), 60, f"a healthy {role}")
            docker("stop", "--time", "20", container)
            assert docker("inspect", "--format", "{{.State.ExitCode}}", container).strip() == "0"


def _healthy(container: str) -> bool:
    state = docker("inspect", "--format", "{{.State.Status}} {{.State.Health.Status}}", container).strip()
    if state.startswith("exited"):
        pytest.fail(docker("logs", container)[-3000:])
    return state == "running healthy"
