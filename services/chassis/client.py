"""The calling side of gRPC: channels, tokens, and what a failed call says."""

from pathlib import Path

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from services.chassis.settings import Settings

MAX_MESSAGE_BYTES = 4 * 1024 * 1024
OPTIONS = [
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 5_000),
]


def channel(address: str, *, tls: Settings | None = None) -> grpc.aio.Channel:
    """A channel to a service; create it inside the event loop that uses it."""
    if tls and tls.tls_ca:
        key = tls.tls_key.read_bytes() if tls.tls_key else None
        cert = tls.tls_cert.read_bytes() if tls.tls_cert else None
        credentials = grpc.ssl_channel_credentials(tls.tls_ca.read_bytes(), key, cert)
        return grpc.aio.secure_channel(address, credentials, options=OPTIONS)
    return grpc.aio.insecure_channel(address, options=OPTIONS)


def bearer(token: str) -> tuple[tuple[str, str], ...]:
    """Metadata that carries a token."""
    return (("authorization", f"Bearer {token.strip()}"),)


def token_from(path: Path | None) -> tuple[tuple[str, str], ...]:
    """Metadata with a service's current token; read anew each time, since it is renewed."""
    return bearer(path.read_text(encoding="utf-8")) if path else ()


def rule_of(error: grpc.aio.AioRpcError) -> str:
    """Id and version of the rule that a failed call broke; empty if it names none."""
    status = rpc_status.from_call(error)  # type: ignore[arg-type]  # as in `details_of`
    for packed in status.details if status else ():
        info = error_details_pb2.ErrorInfo()
        if packed.Unpack(info):
            return str(info.metadata.get("rule", ""))
    return ""


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
