import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from prometheus_client import CollectorRegistry, Gauge, start_http_server

from services.chassis.health import EVERYWHERE, Measured, Serving, check
from services.chassis.settings import Settings

ALL = next(host for host in EVERYWHERE if "." in host)
NOWHERE = 1
"""A port that nothing listens on."""


@pytest.fixture
def servicer() -> health.HealthServicer:
    return health.HealthServicer()


@pytest.fixture
def rpc_port(servicer: health.HealthServicer) -> Iterator[int]:
    server = grpc.server(ThreadPoolExecutor(1))
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield port
    server.stop(None).wait()


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def metrics_port(registry: CollectorRegistry) -> Iterator[int]:
    server, thread = start_http_server(0, "127.0.0.1", registry)
    yield server.server_port
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_service_with_rpcs_is_as_ready_as_its_health_check_says(
    servicer: health.HealthServicer, rpc_port: int
) -> None:
    ready = check(Settings(service="any", rpc_host=ALL, rpc_port=rpc_port, metrics_port=NOWHERE))
    assert isinstance(ready, Serving)
    assert ready() is None
    servicer.set("", health_pb2.HealthCheckResponse.NOT_SERVING)
    assert ready() == "says NOT_SERVING"
    ready.close()


def test_a_worker_without_rpcs_is_as_ready_as_its_metrics_say(
    registry: CollectorRegistry, metrics_port: int
) -> None:
    gauge = Gauge("fengqiao_ready", "", registry=registry)
    waits = Gauge("fengqiao_not_ready", "", ["reason"], registry=registry)
    gauge.set(0)
    waits.labels("broker").set(1)
    waits.labels("store").set(0)
    ready = check(Settings(service="any", metrics_host=ALL, metrics_port=metrics_port))
    assert ready() == "waits for broker"
    gauge.set(1)
    assert ready() is None


def test_rpcs_with_a_certificate_are_asked_about_by_metrics() -> None:
    cert = Path("cert.pem")
    made = check(Settings(service="any", rpc_port=1, metrics_port=1, tls_cert=cert, tls_key=cert))
    assert isinstance(made, Measured)


def test_nothing_that_listens_is_not_ready() -> None:
    serving = Serving(NOWHERE)
    assert serving() == "health check: UNAVAILABLE"
    serving.close()
    assert Measured(NOWHERE)() == "metrics: ConnectionRefusedError"


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({}, "neither FENGQIAO_RPC_PORT"),
        ({"FENGQIAO_METRICS_PORT": str(NOWHERE)}, "metrics: ConnectionRefusedError"),
    ],
)
def test_the_check_of_a_container_fails_and_says_why(environment: dict[str, str], told: str) -> None:
    done = subprocess.run(
        (sys.executable, "-m", "services.chassis.health"),
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith(told)
