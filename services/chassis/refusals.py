"""Where an error becomes a gRPC status, and a message is held against its proto's rules."""

import functools
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import protovalidate
import structlog
from google.protobuf import any_pb2
from google.protobuf.descriptor import Descriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import code_pb2, error_details_pb2, status_pb2
from protovalidate import ValidationError

from services.chassis import errors

log = structlog.get_logger()

DOMAIN = "fengqiao"
# Years 1900 to 2200: no matter is older or lasts longer, and every zone and calendar can reckon with them.
EARLIEST_S, LATEST_S, NANOS = -2_208_988_800, 7_258_118_400, 10**9

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
    for name, repeated in _parts(message.DESCRIPTOR):
        if repeated:
            parts = [
                (f"{prefix}{name}[{number}]", part) for number, part in enumerate(getattr(message, name))
            ]
        elif message.HasField(name):
            parts = [(f"{prefix}{name}", getattr(message, name))]
        else:
            continue
        for path, part in parts:
            if not isinstance(part, Timestamp):
                yield from _impossible_times(part, f"{path}.")
            elif not (EARLIEST_S <= part.seconds < LATEST_S and 0 <= part.nanos < NANOS):
                yield path


@functools.cache
def _parts(kind: Descriptor) -> tuple[tuple[str, bool], ...]:
    """The fields of a kind of message that hold messages, and whether they are repeated."""
    return tuple(
        (field.name, field.is_repeated)
        for field in kind.fields
        if field.message_type is not None and not field.message_type.GetOptions().map_entry
    )


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
