"""Between protobuf's timestamps and ours."""

from datetime import UTC, datetime, timedelta

from google.protobuf.timestamp_pb2 import Timestamp

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NANOS = 1_000_000_000


def timestamp(instant: datetime) -> Timestamp:
    """A protobuf timestamp of an aware time, in milliseconds."""
    since = instant - EPOCH
    nanos = since.microseconds // 1000 * 1_000_000
    return Timestamp(seconds=since.days * 86_400 + since.seconds, nanos=nanos)


def instant(message: Timestamp) -> datetime:
    """An aware UTC time in milliseconds.

    Raises:
        ValueError: it is no time.
    """
    if not 0 <= message.nanos < NANOS:
        raise ValueError("nanos are not in 0 to 999,999,999")
    return EPOCH + timedelta(seconds=message.seconds, milliseconds=message.nanos // 1_000_000)


def instant_or_none(message: Timestamp) -> datetime | None:
    """As `instant`; None for the zero timestamp that an absent field reads as."""
    return instant(message) if message.seconds or message.nanos else None
