"""The gRPC edge: authenticate, authorise, validate, call, map errors; each in one place."""

import asyncio
import contextlib
import contextvars
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import grpc
import structlog
from google.protobuf.message import DecodeError
from google.rpc import code_pb2
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from grpc_status import rpc_status

from services.chassis import errors, memory, refusals
from services.chassis.auth import Principal, Rule, Verifier, authorize
from services.chassis.clock import monotonic
from services.chassis.metrics import METRICS
from services.chassis.readiness import Readiness
from services.chassis.settings import Settings

log = structlog.get_logger()

MAX_MESSAGE_BYTES = 4 * 1024 * 1024
DEFAULT_DEADLINE_S = 30.0
MAX_DEADLINE_S = 600.0
NOT_DECODABLE = "not_decodable"
OPEN_TO_ALL = ("/grpc.health.v1.Health/", "/grpc.reflection.")
OPTIONS = [
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.so_reuseport", 0),
    # Our clients ask every 20 s whether we are there: a stream without news is no reason to hang up on them.
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
]

_principal: contextvars.ContextVar[Principal] = contextvars.ContextVar("principal")


def principal() -> Principal:
    """The caller of the RPC that runs now."""
    return _principal.get()


class Gate(grpc.aio.ServerInterceptor):
    """Stands before every method: who calls, may they, is the message sound, and what to say when
    it fails.
    """

    def __init__(self, verifier: Verifier, rules: Mapping[str, Rule]) -> None:
        """`rules` is the whole table: what is not in it is refused."""
        self._verifier = verifier
        self._rules = rules

    async def intercept_service(
        self, continuation: Callable[[Any], Awaitable[Any]], handler_call_details: Any
    ) -> Any:
        """Wrap the method's handler, whatever its kind."""
        handler = await continuation(handler_call_details)
        method: str = handler_call_details.method
        if handler is None or method.startswith(OPEN_TO_ALL):
            return handler
        metadata = dict(handler_call_details.invocation_metadata or ())
        guard = Guard(self._verifier, self._rules, method, str(metadata.get("authorization", "")))
        codecs = {
            "request_deserializer": _decoder(handler.request_deserializer),
            "response_serializer": handler.response_serializer,
        }
        if handler.response_streaming:
            wrap = (
                grpc.stream_stream_rpc_method_handler
                if handler.request_streaming
                else (grpc.unary_stream_rpc_method_handler)
            )
            inner = handler.stream_stream if handler.request_streaming else handler.unary_stream
            return wrap(guard.streaming(inner), **codecs)
        wrap = (
            grpc.stream_unary_rpc_method_handler
            if handler.request_streaming
            else (grpc.unary_unary_rpc_method_handler)
        )
        inner = handler.stream_unary if handler.request_streaming else handler.unary_unary
        return wrap(guard.unary(inner, upload=handler.request_streaming), **codecs)


@dataclass(frozen=True, slots=True)
class Undecodable:
    """Stands for bytes that are no message of their type, until the caller is known and may be told."""


def _decoder(decode: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    def tried(data: bytes) -> Any:
        try:
            return decode(data)
        except DecodeError:
            return Undecodable()

    return tried


async def _sound(messages: AsyncIterable[Any], *, judged: bool) -> AsyncIterator[Any]:
    """The messages of a request stream as they come, up to the first that is wrong."""
    index = 0
    async for message in messages:
        if isinstance(message, Undecodable):
            raise errors.Invalid([errors.Violation(f"[{index}]", NOT_DECODABLE)])
        if not judged and (found := refusals.violations(message)):
            raise errors.Invalid([errors.Violation(f"[{index}].{v.field}", v.reason) for v in found])
        yield message
        index += 1


def _limit(context: grpc.aio.ServicerContext[Any, Any], *, upload: bool) -> float | None:
    """Seconds that a call may take: what its caller leaves it, within what is good for us; None: no limit."""
    remaining = cast("float | None", context.time_remaining())
    if upload:
        return remaining
    return DEFAULT_DEADLINE_S if remaining is None else min(remaining, MAX_DEADLINE_S)


class Guard:
    """One call's checks, in the order of rule 19: authenticate, scope, then the message."""

    def __init__(
        self, verifier: Verifier, rules: Mapping[str, Rule], method: str, authorization: str
    ) -> None:
        """`authorization` is the metadata's value, `Bearer <token>`."""
        self._verifier = verifier
        self._rules = rules
        self._method = method
        self._authorization = authorization

    def unary(
        self, inner: Callable[[Any, Any], Awaitable[Any]], *, upload: bool
    ) -> Callable[[Any, Any], Awaitable[Any]]:
        """Guard a method that answers once, within its deadline; an upload has none but its caller's."""

        async def call(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
            started = monotonic()
            limit = asyncio.timeout(_limit(context, upload=upload))
            try:
                checked = self._admit(request)
                async with limit:
                    result = await inner(checked, context)
            except (asyncio.CancelledError, grpc.aio.AbortError):
                raise
            except Exception as error:  # noqa: BLE001 - every error becomes a status, in one place
                if isinstance(error, TimeoutError) and limit.expired():
                    self._observe(started, "DEADLINE_EXCEEDED")
                    await context.abort(grpc.StatusCode.DEADLINE_EXCEEDED, "not done within the deadline")
                await self._abort(context, error, started)
            else:
                self._observe(started, "OK")
                return result

        return call

    def streaming(
        self, inner: Callable[[Any, Any], AsyncIterator[Any]]
    ) -> Callable[[Any, Any], AsyncIterator[Any]]:
        """Guard a method that answers with a stream."""

        async def call(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> AsyncIterator[Any]:
            started = monotonic()
            try:
                async for response in inner(self._admit(request), context):
                    yield response
            except (asyncio.CancelledError, grpc.aio.AbortError):
                raise
            except Exception as error:  # noqa: BLE001 - as above
                await self._abort(context, error, started)
            else:
                self._observe(started, "OK")

        return call

    def _admit(self, request: Any) -> Any:
        scheme, _, token = self._authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise errors.Unauthenticated("a token is needed: metadata `authorization: Bearer …`")
        caller = self._verifier.verify(token)
        authorize(caller, self._method, self._rules)
        _principal.set(caller)
        if isinstance(request, AsyncIterable):
            return _sound(request, judged=self._rules[self._method].verdict_each)
        if isinstance(request, Undecodable):
            raise errors.Invalid([errors.Violation("", NOT_DECODABLE)])
        refusals.validate(request)
        return request

    async def _abort(self, context: Any, error: Exception, started: float) -> None:
        status = refusals.to_status(error)
        self._observe(started, code_pb2.Code.Name(status.code))
        await context.abort_with_status(rpc_status.to_status(status))

    def _observe(self, started: float, code: str) -> None:
        METRICS.rpc_seconds.labels(self._method, code).observe(monotonic() - started)


@contextlib.asynccontextmanager
async def serving(
    settings: Settings,
    servicers: Sequence[tuple[Callable[[Any, Any], None], Any]],
    rules: Mapping[str, Rule],
    readiness: Readiness,
) -> AsyncIterator[int]:
    """Serve until the block ends; yields the port. Health follows readiness; on the way out it says no
    first.
    """
    verifier = Verifier(settings.jwt_public_keys, production=settings.production)
    server = grpc.aio.server(interceptors=[Gate(verifier, rules)], options=OPTIONS)
    for add, servicer in servicers:
        add(servicer, server)
    checks = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(checks, server)
    if not settings.production:
        names = {service_of(method) for method in rules}
        reflection.enable_server_reflection([*names, reflection.SERVICE_NAME], server)
    port = _bind(server, settings)
    await server.start()
    follower = asyncio.create_task(
        _follow(checks, readiness, ["", *{service_of(method) for method in rules}])
    )
    memory.settle()
    log.info("serving", port=port)
    try:
        yield port
    finally:
        follower.cancel()
        await checks.enter_graceful_shutdown()
        await server.stop(settings.rpc_grace_s)


def service_of(method: str) -> str:
    """`package.Service` of `/package.Service/Method`."""
    return method.strip("/").partition("/")[0]


async def _follow(checks: Any, readiness: Readiness, names: Sequence[str]) -> None:
    """Keep the health of the process (the empty name) and of its services in step with readiness."""
    changed = asyncio.Event()
    loop = asyncio.get_running_loop()

    def changed_from_any_thread() -> None:
        loop.call_soon_threadsafe(changed.set)

    leave = readiness.listen(changed_from_any_thread)
    try:
        while True:
            changed.clear()
            serving_status = health_pb2.HealthCheckResponse
            state = serving_status.SERVING if readiness.ready else serving_status.NOT_SERVING
            for name in names:
                await checks.set(name, state)
            await changed.wait()
    finally:
        leave()


def _bind(server: grpc.aio.Server, settings: Settings) -> int:
    address = f"{settings.rpc_host}:{settings.rpc_port}"
    if settings.tls_cert and settings.tls_key:
        ca = settings.tls_ca.read_bytes() if settings.tls_ca else None
        pair = (settings.tls_key.read_bytes(), settings.tls_cert.read_bytes())
        credentials = grpc.ssl_server_credentials([pair], ca, require_client_auth=ca is not None)
        return server.add_secure_port(address, credentials)
    if settings.tls_ca:
        raise ValueError("tls_ca is set, tls_cert and tls_key are not: the calls would come in the clear")
    return server.add_insecure_port(address)
