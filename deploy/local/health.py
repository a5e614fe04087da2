"""The standard gRPC health check, asked from outside."""

from collections.abc import Callable

import grpc
from grpc_health.v1 import health_pb2

from deploy.local.ports import LOOPBACK


class Serving:
    """Readiness of a service: `grpc.health.v1.Health/Check` says SERVING."""

    def __init__(self, port: int) -> None:
        """Asks nothing yet."""
        self._channel = grpc.insecure_channel(
            f"{LOOPBACK}:{port}",
            # A service that was restarted shall be seen at once, not after the usual two minutes of back-off.
            options=[("grpc.max_reconnect_backoff_ms", 1_000), ("grpc.enable_http_proxy", 0)],
        )
        self._check: Callable[..., health_pb2.HealthCheckResponse] = self._channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )

    def __call__(self) -> str | None:
        """What it isn't ready for, or None; blocks for a second at most."""
        try:
            answer = self._check(health_pb2.HealthCheckRequest(), timeout=1)
        except grpc.RpcError as error:
            return f"health check: {error.code().name}"
        if answer.status != health_pb2.HealthCheckResponse.SERVING:
            return f"says {health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)}"
        return None

    def close(self) -> None:
        """Ends its channel."""
        self._channel.close()
