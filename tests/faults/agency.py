"""An agency that publishes on its inbound topic and reads its replies; and an onlooker who notes when events
appear.
"""

import asyncio
import contextlib
import random
import time
import uuid
from datetime import UTC, datetime
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError

from fengqiao.intake.v1.inbound_pb2 import InboundContact, InboundRequest
from services.chassis.protobuf import timestamp
from tests.faults import canaries
from tests.faults.crowd import KINDS, NEIGHBOURS, SITE
from tests.faults.history import Journal

SOURCE = "hotline"
REQUESTS = f"fengqiao.inbound.{SOURCE}.requests"
REPLIES = f"fengqiao.inbound.{SOURCE}.replies"
WATCHED = ("fengqiao.routing.events", "fengqiao.intake.events", REPLIES)
TYPE = InboundRequest.DESCRIPTOR.full_name


def inbound(chance: random.Random) -> InboundRequest:
    """A sound submission of the agency."""
    return InboundRequest(
        reference=str(uuid.UUID(int=chance.getrandbits(128))),
        kind=chance.choice(KINDS),
        unit_id=chance.choice(NEIGHBOURS),
        site_id=SITE,
        title=canaries.text("title"),
        description=canaries.text("description"),
        attributes={"attribute": canaries.text("value")},
        # What comes later than now is refused; a broker may be quicker than two clocks agree.
        occurred_at=timestamp(datetime.fromtimestamp(time.time() - 0.05, UTC)),
        contact=InboundContact(**canaries.contact()),
    )


def headers(message_id: str) -> list[tuple[str, bytes]]:
    """The headers of an agency's event."""
    return [
        ("ce_specversion", b"1.0"),
        ("ce_id", message_id.encode()),
        ("ce_type", TYPE.encode()),
        ("ce_source", SOURCE.encode()),
        ("content-type", b"application/protobuf"),
    ]


class Agency:
    """Publishes at a pace; what it does not know to be there it publishes again."""

    def __init__(self, bootstrap: str, journal: Journal, pace: float, seed: str) -> None:
        """`pace` events a second."""
        self._bootstrap = bootstrap
        self._journal = journal
        self._pace = pace
        self._random = random.Random(f"agency/{seed}")

    async def run(self) -> None:
        """Until cancelled."""
        producer = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap,
            acks="all",
            request_timeout_ms=8_000,
            max_request_size=6_000_000,
        )
        await producer.start()
        try:
            while True:
                await asyncio.sleep(self._random.expovariate(self._pace))
                await self._publish(producer, inbound(self._random))
        finally:
            with contextlib.suppress(Exception):
                await producer.stop()

    async def _publish(self, producer: Any, message: InboundRequest) -> None:
        value = message.SerializeToString()
        while True:
            call = self._journal.write("invoke", "publish", key=message.reference)
            try:
                record = await producer.send_and_wait(
                    REQUESTS, value, key=message.reference.encode(), headers=headers(message.reference)
                )
            except KafkaError as error:
                self._journal.write(
                    "info", "publish", call=call, key=message.reference, reason=type(error).__name__
                )
                await asyncio.sleep(0.5)
            else:
                where = [record.topic, record.partition, record.offset]
                self._journal.write("ok", "publish", call=call, key=message.reference, where=where)
                break


async def look_on(bootstrap: str, journal: Journal) -> None:
    """Note each event when an outsider sees it; until cancelled. A broker that goes is waited for."""
    while True:
        consumer = AIOKafkaConsumer(
            *WATCHED,
            bootstrap_servers=bootstrap,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            metadata_max_age_ms=5_000,
        )
        try:
            await consumer.start()
            while True:
                for records in (await consumer.getmany(timeout_ms=300)).values():
                    for record in records:
                        told = {name: value.decode() for name, value in record.headers}
                        journal.write(
                            "seen", record.topic, case=told.get("ce_subject", ""), key=told.get("ce_id", "")
                        )
        except KafkaError:
            await asyncio.sleep(0.5)
        finally:
            with contextlib.suppress(Exception):
                await consumer.stop()
