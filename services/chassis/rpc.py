"""The gRPC edge: authenticate, authorise, validate, call, map errors; each in one place."""

import asyncio
import contextlib
import contextvars
import uuid
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import grpc
import protovalidate
import structlog
from google.protobuf import any_pb2
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import DecodeError, Message
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from grpc_status import rpc_status
from protovalidate import ValidationError

from services.chassis import errors
from services.chassis.auth import Principal, Rule, Verifier, authorize
from services.chassis.clock import monotonic
from services.chassis.metrics import METRICS
from services.chassis.readiness import Readiness
from services.chassis.settings import Settings

log = structlog.get_logger()

# Years 1900 to 2200: no matter is older or lasts longer, and every zone and calendar can reckon with them.
EARLIEST_S, LATEST_S, NANOS = -2_208_988_800, 7_258_118_400, 10**9
MAX_MESSAGE_BYTES = 4 * 1024 * 1024
DEFAULT_DEADLINE_S = 30.0
MAX_DEADLINE_S = 600.0
DOMAIN = "fengqiao"
NOT_DECODABLE = "not_decodable"
OPEN_TO_ALL = ("/grpc.health.v1.Health/", "/grpc.reflection.")
OPTIONS = [
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.so_reuseport", 0),
]
KEEPALIVE = [("grpc.keepalive_time_ms", 20_000), ("grpc.keepalive_timeout_ms", 5_000)]

CODES: Mapping[type[errors.CommandError], int] = {
    errors.Invalid: code_pb2.INVALID_ARGUMENT,
    errors.NotFound: code_pb2.NOT_FOUND,
    errors.Forbidden: code_pb2.PERMISSION_DENIED,
    errors.Unauthenticated: code_pb2.UNAUTHENTICATED,
    errors.IllegalTransition: code_pb2.FAILED_PRECONDITION,
    errors.NotYetRouted: code_pb2.FAILED_PRECONDITION,
    errors.StaleRevision: code_pb2.ABORTED,
    errors.KeyReused: code_pb2.ALREADY_EXISTS,
    errors.Contended: code_pb2.UNAVAILABLE,
    errors.TooLarge: code_pb2.RESOURCE_EXHAUSTED,
}

_principal: contextvars.ContextVar[Principal] = contextvars.ContextVar("principal")


def principal() -> Principal:
    """The caller of the RPC that runs now."""
    return _principal.get()


# -- errors --------------------------------------------------------------------------------------------------


def to_status(error: BaseException) -> status_pb2.Status:
    """The one place where an error becomes a gRPC status with its details."""
    if isinstance(error, errors.CommandError):
        return _refusal(error)
    if isinstance(error, errors.Infrastructure):
        return status_pb2.Status(
            code=code_pb2.UNAVAILABLE, message=f"not available now: {error}", details=[_any(_retry("1000"))]
        )
    error_id = uuid.uuid4().hex
    log.error("rpc_failed", error_id=error_id, error=type(error).__name__, exc_info=error)
    return status_pb2.Status(code=code_pb2.INTERNAL, message=f"our mistake; it is on record as {error_id}")


def _refusal(error: errors.CommandError) -> status_pb2.Status:
    details: list[Message] = [
        error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=error.details)
    ]
    if isinstance(error, errors.Invalid):
        details.append(
            error_details_pb2.BadRequest(
                field_violations=[
                    error_details_pb2.BadRequest.FieldViolation(field=v.field, description=v.reason)
                    for v in error.violations
                ]
            )
        )
    if "retry_after_ms" in error.details:
        details.append(_retry(error.details["retry_after_ms"]))
    code = next(
        (code for kind, code in CODES.items() if isinstance(error, kind)), code_pb2.FAILED_PRECONDITION
    )
    return status_pb2.Status(code=code, message=str(error), details=[_any(d) for d in details])


def _retry(milliseconds: str) -> error_details_pb2.RetryInfo:
    delay = Duration()
    delay.FromMilliseconds(int(milliseconds))
    return error_details_pb2.RetryInfo(retry_delay=delay)


def _any(message: Message) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(message)
    return packed


def violations(message: Message) -> list[errors.Violation]:
    """What is wrong with a message, field by field: by its proto's rules, and times that no calendar has."""
    found = [errors.Violation(path, "no_such_time") for path in _impossible_times(message)]
    try:
        protovalidate.validate(message)
    except ValidationError as error:
        found += [errors.Violation(_path(v), v.proto.rule_id or v.proto.message) for v in error.violations]
    return found


def _impossible_times(message: Message, prefix: str = "") -> Iterator[str]:
    """Where a message holds a timestamp that becomes no date, or one too far off to reckon with."""
    for descriptor, value in message.ListFields():
        kind = descriptor.message_type
        if kind is None or kind.GetOptions().map_entry:
            continue
        for number, part in enumerate(value if descriptor.is_repeated else [value]):
            path = f"{prefix}{descriptor.name}" + (f"[{number}]" if descriptor.is_repeated else "")
            if not isinstance(part, Timestamp):
                yield from _impossible_times(part, f"{path}.")
            elif not (EARLIEST_S <= part.seconds < LATEST_S and 0 <= part.nanos < NANOS):
                yield path


def validate(message: Message) -> None:
    """Refuse a message that breaks its proto's rules.

    Raises:
        Invalid: it names each field.
    """
    if found := violations(message):
        raise errors.Invalid(found)


def _path(violation: Any) -> str:
    parts = []
    for element in violation.proto.field.elements:
        at = element.subscript
        parts.append(f"{element.field_name}[{at.value}]" if at else str(element.field_name))
    return ".".join(parts)


# -- server --------------------------------------------------------------------------------------------------


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
        if not judged and (found := violations(message)):
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
        validate(request)
        return request

    async def _abort(self, context: Any, error: Exception, started: float) -> None:
        status = to_status(error)
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


# -- client --------------------------------------------------------------------------------------------------


def channel(address: str, *, tls: Settings | None = None) -> grpc.aio.Channel:
    """A channel to a service; create it inside the event loop that uses it."""
    options = [*OPTIONS[:2], *KEEPALIVE]
    if tls and tls.tls_ca:
        key = tls.tls_key.read_bytes() if tls.tls_key else None
        cert = tls.tls_cert.read_bytes() if tls.tls_cert else None
        credentials = grpc.ssl_channel_credentials(tls.tls_ca.read_bytes(), key, cert)
        return grpc.aio.secure_channel(address, credentials, options=options)
    return grpc.aio.insecure_channel(address, options=options)


def bearer(token: str) -> tuple[tuple[str, str], ...]:
    """Metadata that carries a token."""
    return (("authorization", f"Bearer {token.strip()}"),)


def token_from(path: Path | None) -> tuple[tuple[str, str], ...]:
    """Metadata with a service's current token; read anew each time, since it is renewed."""
    return bearer(path.read_text(encoding="utf-8")) if path else ()


def details_of(error: grpc.aio.AioRpcError) -> tuple[str, list[str]]:
    """The reason code of a failed call (empty if it has none) and, for bad input, each field with what is
    wrong.
    """
    status = rpc_status.from_call(error)  # type: ignore[arg-type]  # AioRpcError is enough of a call
    reason, fields = "", []
    for packed in status.details if status else ():
        info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
        if packed.Unpack(info):
            reason = info.reason
        elif packed.Unpack(bad):
            fields += [f"{v.field}: {v.description}" for v in bad.field_violations]
    return reason, fields
