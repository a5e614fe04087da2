"""Between protobuf's timestamps and ours."""

from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

from services.chassis.record import to_ms


def timestamp(instant: datetime) -> Timestamp:
    """A protobuf timestamp of an aware time, in milliseconds."""
    message = Timestamp()
    message.FromDatetime(to_ms(instant))
    return message


def instant(message: Timestamp) -> datetime:
    """An aware UTC time in milliseconds."""
    return to_ms(message.ToDatetime(tzinfo=UTC))


def instant_or_none(message: Timestamp) -> datetime | None:
    """As `instant`; None for the zero timestamp that an absent field reads as."""
    return instant(message) if message.seconds or message.nanos else None
