"""A service that serves nothing but its health, run as a module, with `migrate` or without."""

import os
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc


def main() -> None:
    """Serves until SIGTERM."""
    if "migrate" in sys.argv[1:]:
        print("migrated")  # noqa: T201 - read in the log
        return
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    server = grpc.server(ThreadPoolExecutor(2))
    servicer = health.HealthServicer()
    servicer.set("", health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    server.add_insecure_port(f"127.0.0.1:{os.environ['FENGQIAO_RPC_PORT']}")
    server.start()
    stop.wait()
    server.stop(1).wait()


if __name__ == "__main__":
    main()
