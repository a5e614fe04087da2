"""Pumps a city's rows through the public interfaces: gRPC, and the hotline's inbound topic.

Submissions and closes go out in order of business time, each on its own task, none waiting for another but a
close for its own case. What each clock does meanwhile follows from the times that travel with the commands.
"""

import asyncio
import hashlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

from kafka import KafkaProducer

from fengqiao.common.v1.common_pb2 import CommandMeta
from fengqiao.intake.v1 import intake_service_pb2 as intake
from fengqiao.intake.v1.inbound_pb2 import InboundRequest
from fengqiao.intake.v1.intake_service_pb2_grpc import IntakeServiceStub
from fengqiao.routing.v1 import routing_service_pb2 as routing
from fengqiao.routing.v1.routing_service_pb2_grpc import RoutingServiceStub
from services.chassis.clock import process_time
from services.chassis.envelope import PROTOBUF, iso
from services.chassis.protobuf import timestamp
from services.cli.calls import Caller
from services.cli.demo.rows import Channel, Row, Verdict
from services.intake.domain import case_id_of, requests_topic

SOURCE = "hotline"
SUBMITTERS = 64
CLOSERS = 64
RESIDENTS = 20
# Every so many requests by gRPC come from one of the made-up residents, who is then told by e-mail.
WITH_RESIDENT = 4


@dataclass(slots=True)
class Progress:
    """What the pump has done so far; the live view reads it."""

    total: int = 0
    submitted: int = 0
    closed: int = 0
    to_close: int = 0


@dataclass(slots=True)
class Pumped:
    """Case ids of accepted rows by the row's line in the file."""

    case_ids: dict[int, str] = field(default_factory=dict)


class Pump:
    """One run over the rows of a file."""

    def __init__(
        self,
        site: str,
        caller: Caller,
        intake_stub: IntakeServiceStub,
        routing_stub: RoutingServiceStub,
        bootstrap: str,
        run: str,
    ) -> None:
        """`run` tells this run's keys from another's on the same runtime: the same file twice is two runs."""
        self._site = site
        self._caller = caller
        self._intake = intake_stub
        self._routing = routing_stub
        self._bootstrap = bootstrap
        self._run = run
        self._residents: list[str] = []
        self.progress = Progress()

    async def run(self, rows: Sequence[Row]) -> Pumped:
        """Pump every accepted row; returns when every command is answered."""
        accepted = [row for row in rows if row.verdict is Verdict.ACCEPTED]
        self.progress.total = len(accepted)
        self.progress.to_close = sum(row.closed_at is not None for row in accepted)
        self._residents = await self._make_residents()
        pumped = Pumped()
        submitting, closing = asyncio.Semaphore(SUBMITTERS), asyncio.Semaphore(CLOSERS)
        known: dict[int, asyncio.Future[str]] = {
            row.line: asyncio.get_running_loop().create_future() for row in accepted
        }
        with Hotline(self._bootstrap, self._site, self._run) as hotline:

            async def submit(row: Row) -> None:
                try:
                    case_id = await self._submit(row, hotline)
                finally:
                    submitting.release()
                pumped.case_ids[row.line] = case_id
                known[row.line].set_result(case_id)
                self.progress.submitted += 1

            async def close(row: Row) -> None:
                try:
                    await self._close(await known[row.line], row)
                finally:
                    closing.release()
                self.progress.closed += 1

            async with asyncio.TaskGroup() as tasks:
                for _, order, row in in_business_time(accepted):
                    await (submitting if order == 0 else closing).acquire()
                    tasks.create_task(submit(row) if order == 0 else close(row))
        return pumped

    async def _submit(self, row: Row, hotline: "Hotline") -> str:
        if row.channel is Channel.HOTLINE:
            return await hotline.publish(row)
        response: intake.SubmitRequestResponse = await self._caller.call(
            self._intake.SubmitRequest, self._request(row)
        )
        return response.case_id

    async def _close(self, case_id: str, row: Row) -> None:
        request = routing.ResolveCaseRequest(
            meta=CommandMeta(
                idempotency_key=self._key("close", row), occurred_at=timestamp(_time(row.closed_at))
            ),
            case_id=case_id,
            outcome="done",
        )
        await self._caller.call(self._routing.ResolveCase, request, wait_for_it=True)

    def _request(self, row: Row) -> intake.SubmitRequestRequest:
        body = intake.RequestBody(
            site_id=self._site,
            kind=row.kind,
            unit_id=row.unit,
            channel="online",
            title=row.title or row.kind,
            attributes={"location": row.location} if row.location else {},
        )
        if row.line % WITH_RESIDENT == 0:
            body.person_ref = self._residents[row.line // WITH_RESIDENT % len(self._residents)]
        if row.target_at:
            body.due_at.CopyFrom(timestamp(row.target_at))
        meta = CommandMeta(
            idempotency_key=self._key("open", row), occurred_at=timestamp(_time(row.opened_at))
        )
        return intake.SubmitRequestRequest(meta=meta, request=body)

    async def _make_residents(self) -> list[str]:
        """Made-up residents with an e-mail address; the city's data hold none."""
        requests = [
            intake.PutContactRequest(
                meta=CommandMeta(idempotency_key=f"demo:{self._run}:resident:{number:02d}"),
                site_id=self._site,
                contact=intake.Contact(
                    name=f"Resident {number}", email=f"resident{number}@example.org", locale="en"
                ),
            )
            for number in range(1, RESIDENTS + 1)
        ]
        answers: list[intake.PutContactResponse] = await asyncio.gather(
            *(self._caller.call(self._intake.PutContact, r) for r in requests)
        )
        return [answer.person_ref for answer in answers]

    def _key(self, what: str, row: Row) -> str:
        return f"demo:{self._run}:{what}:{digest(row.external_id)}"


class Hotline:
    """An agency's system: it publishes on its inbound topic, and hears of each record from the broker."""

    def __init__(self, bootstrap: str, site: str, run: str) -> None:
        """The same reference in another run is another request."""
        self._bootstrap = bootstrap
        self._site = site
        self._run = run
        self._producer: Any = None
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self._producer = KafkaProducer(bootstrap_servers=self._bootstrap, client_id="demo-hotline")
        return self

    def __exit__(self, *_error: object) -> None:
        self._producer.close(timeout=10)

    async def publish(self, row: Row) -> str:
        """Publish a request; returns the id of its case when the broker has it."""
        reference = f"{self._run}/{row.external_id}"
        await asyncio.to_thread(self._publish, row, reference)
        return case_id_of(SOURCE, reference)

    def _publish(self, row: Row, reference: str) -> None:
        message = InboundRequest(
            reference=reference,
            kind=row.kind,
            unit_id=row.unit,
            site_id=self._site,
            title=row.title or row.kind,
            attributes={"location": row.location} if row.location else {},
        )
        message.occurred_at.CopyFrom(timestamp(_time(row.opened_at)))
        if row.target_at:
            message.due_at.CopyFrom(timestamp(row.target_at))
        headers = {
            "ce_specversion": "1.0",
            "ce_id": reference,
            "ce_type": InboundRequest.DESCRIPTOR.full_name,
            "ce_source": f"/{SOURCE}",
            "ce_time": iso(process_time()),
            "content-type": PROTOBUF,
        }
        with self._lock:
            sent = self._producer.send(
                requests_topic(SOURCE),
                key=reference.encode(),
                value=message.SerializeToString(),
                headers=[(name, text.encode()) for name, text in headers.items()],
            )
        sent.get(timeout=60)


def in_business_time(rows: Sequence[Row]) -> list[tuple[datetime, int, Row]]:
    """Every command of the rows, (time, 0: open or 1: close, row), in order of business time."""
    commands = [(_time(row.opened_at), 0, row) for row in rows]
    commands += [(row.closed_at, 1, row) for row in rows if row.closed_at]
    return sorted(commands, key=lambda command: (command[0], command[1], command[2].line))


def digest(text: str) -> str:
    """Any id as a part of an idempotency key."""
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def _time(instant: datetime | None) -> datetime:
    if instant is None:
        raise ValueError("an accepted row has its times")
    return instant
