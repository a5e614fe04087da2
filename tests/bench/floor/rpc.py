"""The least that two calls per case cost: an empty handler, called with the same messages in the same loop.

`python -m tests.bench.floor.rpc serve PORT`, and `… call PORT CASES`: says `ready`, begins at a line of
input, ends with its seconds.
"""

import asyncio
import sys
from typing import Any

import grpc

from deploy.local.ports import LOOPBACK
from fengqiao.common.v1.common_pb2 import CommandMeta
from fengqiao.intake.v1 import intake_service_pb2 as intake
from fengqiao.intake.v1.intake_service_pb2_grpc import IntakeServiceStub
from fengqiao.routing.v1 import routing_service_pb2 as routing
from fengqiao.routing.v1.routing_service_pb2_grpc import RoutingServiceStub
from services.chassis import client
from services.chassis.clock import monotonic
from tests.bench.driver import SUBMITTERS, submission

CASE = "fe98b74f-b2a3-5c7c-972e-2abb768d15f4"
TOKEN = "x" * 600
"""As long as a token."""


SUBMITTED = intake.SubmitRequestResponse(
    case_id=CASE, request_no="BENCH-000001", tracking_code="3L5A4KWN8VCM", revision=1
)
RESOLVED = routing.ResolveCaseResponse(case=routing.Case(case_id=CASE, request_no="BENCH-000001"))


async def serve(port: int) -> None:
    """Until killed."""
    server = grpc.aio.server()
    server.add_generic_rpc_handlers(
        [
            _empty("intake", "SubmitRequest", intake.SubmitRequestRequest, SUBMITTED),
            _empty("routing", "ResolveCase", routing.ResolveCaseRequest, RESOLVED),
        ]
    )
    server.add_insecure_port(f"{LOOPBACK}:{port}")
    await server.start()
    await server.wait_for_termination()


def _empty(service: str, method: str, request: Any, answer: Any) -> grpc.GenericRpcHandler:
    """A handler that reads the request and answers the same each time."""

    async def handle(_request: object, _context: object) -> object:
        return answer

    handler = grpc.unary_unary_rpc_method_handler(
        handle, request_deserializer=request.FromString, response_serializer=type(answer).SerializeToString
    )
    name = f"fengqiao.{service}.v1.{service.capitalize()}Service"
    return grpc.method_handlers_generic_handler(name, {method: handler})


async def call(port: int, cases: int) -> None:
    """Each of 64 callers submits and resolves, one call after the other."""
    metadata = client.bearer(TOKEN)
    numbers = iter(range(cases))
    async with client.channel(f"{LOOPBACK}:{port}") as channel:
        stubs: Any = IntakeServiceStub(channel), RoutingServiceStub(channel)

        async def one() -> None:
            for number in numbers:
                await stubs[0].SubmitRequest(submission(number), metadata=metadata, timeout=20)
                meta = CommandMeta(idempotency_key=f"{number}-{CASE}"[:36])
                request = routing.ResolveCaseRequest(meta=meta, case_id=CASE, outcome="settled")
                await stubs[1].ResolveCase(request, metadata=metadata, timeout=20)

        await channel.channel_ready()
        print("ready", flush=True)  # noqa: T201 - who started us waits for it
        await asyncio.to_thread(sys.stdin.readline)
        began = monotonic()
        await asyncio.gather(*(one() for _ in range(SUBMITTERS)))
        print(monotonic() - began, flush=True)  # noqa: T201


if __name__ == "__main__":
    what, *numbers = sys.argv[1:]
    asyncio.run(serve(*map(int, numbers)) if what == "serve" else call(*map(int, numbers)))
