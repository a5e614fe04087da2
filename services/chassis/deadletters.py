"""Dead letters: the report of what could not be consumed (rule 11). The topic keeps it; nothing is consumed
from it.
"""

from typing import TYPE_CHECKING

from services.chassis.clock import WallClock
from services.chassis.envelope import Headers, iso
from services.chassis.metrics import METRICS
from services.chassis.publisher import Publisher

if TYPE_CHECKING:  # the consumer imports this module
    from services.chassis.consumer import Received

MAX_COPIED_BYTES = 900_000
REMEMBERED = 10_000


class DeadLetters:
    """Writes one service's dead-letter topic; every report waits for the broker's acknowledgement."""

    def __init__(self, topic: str, publisher: Publisher, wall: WallClock) -> None:
        """`topic` is `fengqiao.<service>.dead`, or an inbound one that only intake reads."""
        self.topic = topic
        self._publisher = publisher
        self._wall = wall
        # A round that is repeated, because another was quicker or the store away, does not report again.
        self._reported: dict[tuple[str, int, int, str], None] = {}

    async def report(
        self, record: "Received", reason: str, *, aggregate_id: str = "", topic: str = ""
    ) -> None:
        """Report a record with reason and origin; its value is copied as it is.

        Raises:
            Infrastructure: the broker did not acknowledge; acknowledge nothing and repeat.
        """
        origin = (record.topic, record.partition, record.offset, reason)
        if origin in self._reported:
            return
        value = record.value or b""
        headers: Headers = [
            ("dead-reason", reason.encode()),
            ("dead-aggregate", aggregate_id.encode()),
            ("dead-topic", record.topic.encode()),
            ("dead-partition", str(record.partition).encode()),
            ("dead-offset", str(record.offset).encode()),
            ("dead-reported", iso(self._wall.now()).encode()),
            ("dead-size", str(len(value)).encode()),
            *[(name, text.encode()) for name, text in record.headers.items()],
        ]
        kept = value if len(value) <= MAX_COPIED_BYTES else b""
        await self._publisher.report(topic or self.topic, record.key or b"", kept, headers)
        self._reported[origin] = None
        if len(self._reported) > REMEMBERED:
            del self._reported[next(iter(self._reported))]
        METRICS.dead_letters.labels(record.topic, reason).inc()
