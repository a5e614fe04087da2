"""Whether a service of this machine is ready, asked from outside: the check of a container, and of a runtime.

`python -m services.chassis.health` reads the environment that the service itself reads, says what the
service is not ready for, and exits with 1 then. A process with RPCs is asked by gRPC's standard health
check, which its event loop answers; a worker without any (`FENGQIAO_RPC_PORT` is 0), or one whose RPCs speak
TLS under a name that is not known here, by its metrics.
"""

import sys
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException

import grpc
from grpc_health.v1 import health_pb2

from services.chassis.settings import Settings

LOOPBACK = "127.0.0.1"
EVERYWHERE = {"0.0.0.0", "::", ""}  # noqa: S104 - what a service binds to; asked of is the loopback
PATIENCE_S = 3.0
READY = "fengqiao_ready 1.0"
WAITS = 'fengqiao_not_ready{reason="'


class Serving:
    """Readiness of a service: `grpc.health.v1.Health/Check` says SERVING."""

    def __init__(self, port: int, host: str = LOOPBACK, patience_s: float = 1.0) -> None:
        """Asks nothing yet."""
        self._channel = grpc.insecure_channel(
            f"{host}:{port}",
            # A service that was restarted shall be seen at once, not after the usual two minutes of back-off.
            options=[("grpc.max_reconnect_backoff_ms", 1_000), ("grpc.enable_http_proxy", 0)],
        )
        self._patience_s = patience_s
        self._check: Callable[..., health_pb2.HealthCheckResponse] = self._channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )

    def __call__(self) -> str | None:
        """What it isn't ready for, or None; blocks for its patience at most."""
        try:
            answer = self._check(health_pb2.HealthCheckRequest(), timeout=self._patience_s)
        except grpc.RpcError as error:
            return f"health check: {error.code().name}"
        if answer.status != health_pb2.HealthCheckResponse.SERVING:
            return f"says {health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)}"
        return None

    def close(self) -> None:
        """Ends its channel."""
        self._channel.close()


class Measured:
    """Readiness of a process without RPCs: its metrics say that it is ready."""

    def __init__(self, port: int, host: str = LOOPBACK, patience_s: float = 1.0) -> None:
        """Asks nothing yet."""
        self._where = host, port, patience_s

    def __call__(self) -> str | None:
        """What it isn't ready for, or None; blocks for its patience at most."""
        host, port, patience_s = self._where
        connection = HTTPConnection(host, port, timeout=patience_s)  # by hand: a proxy is nobody to ask
        try:
            connection.request("GET", "/metrics")
            lines = connection.getresponse().read().decode().splitlines()
        except (OSError, HTTPException) as error:
            return f"metrics: {type(error).__name__}"
        finally:
            connection.close()
        if READY in lines:
            return None
        waits = [line.split('"')[1] for line in lines if line.startswith(WAITS) and line.endswith(" 1.0")]
        return f"waits for {', '.join(waits) or 'something that it does not name'}"


def check(settings: Settings) -> Callable[[], str | None]:
    """How to ask the service that has these settings. Raises ValueError when it listens nowhere."""
    if settings.rpc_port and settings.tls_cert is None:
        return Serving(settings.rpc_port, _near(settings.rpc_host), PATIENCE_S)
    if settings.metrics_port:
        return Measured(settings.metrics_port, _near(settings.metrics_host), PATIENCE_S)
    raise ValueError("neither FENGQIAO_RPC_PORT (without TLS) nor FENGQIAO_METRICS_PORT is set")


def _near(host: str) -> str:
    return LOOPBACK if host in EVERYWHERE else host


def main() -> None:
    """Exits with 0 when the service is ready, else with 1 and the reason."""
    try:
        lacking = check(Settings(service="health"))()
    except ValueError as error:
        sys.exit(str(error))
    sys.exit(lacking)


if __name__ == "__main__":
    main()
