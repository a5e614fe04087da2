"""CloudEvents 1.0 on Kafka: binary mode for our own events, structured JSON accepted from agencies.

Written by hand: the Python SDK returns protobuf payloads as `str` when the bytes happen to be UTF-8.
"""

import base64
import functools
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from services.chassis.errors import Poison

PROTOBUF = "application/protobuf"
STRUCTURED = "application/cloudevents+json"
# From 1, and no more than the store can count.
SEQUENCE = re.compile(r"[1-9][0-9]{0,17}")
REQUIRED = ("ce_id", "ce_type", "ce_source", "ce_subject", "ce_time", "ce_sequence")
Headers = list[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class Envelope:
    """One event as it travels: CloudEvents attributes, our extensions, and the protobuf bytes.

    `time` is the business time; `recorded_at` the wall-clock time of the commit; `sequence` counts per
    aggregate and topic from 1; `cause` is `topic:partition:offset:sequence` of the consumed event that led to
    it, or empty; `head` the audit chain's head after it.
    """

    id: str
    type: str
    source: str
    subject: str
    site: str
    time: datetime
    recorded_at: datetime
    sequence: int
    head: bytes
    cause: str
    data: bytes
    traceparent: str = ""


@functools.lru_cache(maxsize=4096)  # an event's times are written four times, and many share one
def iso(instant: datetime) -> str:
    """ISO 8601 in UTC with milliseconds and Z."""
    utc = instant if instant.tzinfo is UTC else instant.astimezone(UTC)
    return utc.isoformat(timespec="milliseconds")[:-6] + "Z"


def event_id(service: str, aggregate_id: str, topic: str, sequence: int) -> str:
    """The id of an event, the same however often it is published (rule 7)."""
    return f"{service}/{aggregate_id}/{topic}/{sequence}"


def to_headers(envelope: Envelope) -> Headers:
    """The record's headers; its value is `envelope.data`, its key `envelope.subject`."""
    pairs = {
        "ce_specversion": "1.0",
        "ce_id": envelope.id,
        "ce_type": envelope.type,
        "ce_source": envelope.source,
        "ce_subject": envelope.subject,
        "ce_time": iso(envelope.time),
        "ce_site": envelope.site,
        "ce_recordedtime": iso(envelope.recorded_at),
        "ce_sequence": str(envelope.sequence),
        "ce_audithead": envelope.head.hex(),
        "content-type": PROTOBUF,
    }
    if envelope.cause:
        pairs["ce_cause"] = envelope.cause
    if envelope.traceparent:
        pairs["traceparent"] = envelope.traceparent
    return [(name, value.encode()) for name, value in pairs.items()]


@functools.lru_cache(maxsize=256)
def _lower(name: str) -> str:
    return name.lower()


def header_map(headers: Iterable[tuple[str, bytes | None]] | Mapping[str, bytes] | None) -> dict[str, str]:
    """Headers as text; undecodable bytes become replacement characters rather than an error."""
    pairs = tuple(headers.items() if isinstance(headers, Mapping) else headers or ())
    try:
        return {_lower(name): value.decode() if value else "" for name, value in pairs}
    except UnicodeDecodeError:
        return {_lower(name): (value or b"").decode("utf-8", "replace") for name, value in pairs}


def from_record(headers: Mapping[str, str], value: bytes | None) -> Envelope:
    """Read a record of one of our own topics.

    Raises:
        Poison: `null_value`, `not_cloudevents`, `missing_<attribute>` or `bad_<attribute>`.
    """
    if headers.get("ce_specversion") != "1.0":
        raise Poison("not_cloudevents")
    if value is None:
        raise Poison("null_value")
    for name in REQUIRED:
        if not headers.get(name):
            raise Poison(f"missing_{name}")
    time = _instant(headers["ce_time"], "ce_time")
    recorded = headers.get("ce_recordedtime")
    if not SEQUENCE.fullmatch(headers["ce_sequence"]):
        raise Poison("bad_ce_sequence")
    return Envelope(
        headers["ce_id"],
        headers["ce_type"],
        headers["ce_source"],
        headers["ce_subject"],
        headers.get("ce_site", ""),
        time,
        _instant(recorded, "ce_recordedtime") if recorded else time,
        int(headers["ce_sequence"]),
        _unhex(headers.get("ce_audithead", "")),
        headers.get("ce_cause", ""),
        value,
        headers.get("traceparent", ""),
    )


@dataclass(frozen=True, slots=True)
class ForeignEvent:
    """What an agency sent: CloudEvents attributes as text, and its data as JSON value or protobuf bytes."""

    attributes: Mapping[str, str]
    json: Any | None
    protobuf: bytes | None


def from_foreign(headers: Mapping[str, str], value: bytes | None) -> ForeignEvent:
    """Read an inbound record: binary-mode protobuf or JSON, or structured JSON.

    Raises:
        Poison: `null_value`, `bad_json`, `not_cloudevents` or `unknown_content_type`.
    """
    if value is None:
        raise Poison("null_value")
    content_type = headers.get("content-type", "").split(";")[0].strip().lower()
    if content_type == STRUCTURED:
        body = _json(value)
        if not isinstance(body, dict) or body.get("specversion") != "1.0":
            raise Poison("not_cloudevents")
        attributes = {
            f"ce_{name}": str(item) for name, item in body.items() if name not in {"data", "data_base64"}
        }
        if "data_base64" in body:
            return ForeignEvent(attributes, None, _unbase64(body["data_base64"]))
        return ForeignEvent(attributes, body.get("data"), None)
    if headers.get("ce_specversion") != "1.0":
        raise Poison("not_cloudevents")
    if content_type in {PROTOBUF, "application/x-protobuf"}:
        return ForeignEvent(headers, None, value)
    if content_type == "application/json":
        return ForeignEvent(headers, _json(value), None)
    raise Poison("unknown_content_type")


def _instant(text: str, name: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
        if instant.tzinfo is None:
            raise Poison(f"bad_{name}")
        return instant.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Poison(f"bad_{name}") from None


def _unhex(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise Poison("bad_ce_audithead") from None


def _unbase64(text: object) -> bytes:
    try:
        return base64.b64decode(str(text), validate=True)
    except ValueError:
        raise Poison("bad_data_base64") from None


def _json(value: bytes) -> Any:
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        raise Poison("bad_json") from None
