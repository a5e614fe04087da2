"""Intake on a real store, called by gRPC; the broker is a list of what was published."""

import asyncio
import base64
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import grpc
import pytest
from google.protobuf.message import Message

from deploy.local.issuer import Issuer
from fengqiao.common.v1.common_pb2 import CommandMeta
from fengqiao.intake.v1 import intake_service_pb2 as rpc
from fengqiao.intake.v1.intake_service_pb2_grpc import (
    IntakeServiceStub,
    add_IntakeServiceServicer_to_server,
)
from services.chassis import indexes
from services.chassis.client import bearer, channel, details_of
from services.chassis.clock import WallClock
from services.chassis.consumer import Received
from services.chassis.envelope import Headers, header_map
from services.chassis.errors import Violation
from services.chassis.foundation import Foundation, lay
from services.chassis.rpc import serving
from services.chassis.store import Blocks
from services.intake.access import RULES
from services.intake.books import Books
from services.intake.domain import OUTCOMES, Request
from services.intake.handlers import Requests
from services.intake.inbound import Desk, Inbound
from services.intake.numbers import Numbers
from services.intake.rpc import IntakeServicer
from services.intake.settings import IntakeSettings
from services.intake.sources import Source, Sources
from services.intake.store import (
    COLLECTIONS,
    RequestDocument,
    RestrictedRequestDocument,
    SubmissionDocument,
    model,
    restricted,
    submissions,
)
from services.intake.timeline import APART, Timeline
from services.intake.vault import Vault, read_secret

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SITE = """
id: {id}
name: {id}
zone: Asia/Shanghai
locale: zh-CN
clock: {clock}
calendar: {{data: cn_holidays}}
"""


@dataclass(slots=True)
class Sent:
    """One record as it went to the broker."""

    topic: str
    key: bytes
    value: bytes
    headers: dict[str, str]


@dataclass(slots=True)
class Broker:
    """A producer that keeps what it is given; while `away` it acknowledges nothing and keeps nothing."""

    sent: list[Sent] = field(default_factory=list)
    away: bool = False

    def send(self, topic: str, key: bytes, value: bytes, headers: Headers) -> "asyncio.Future[bool]":
        if not self.away:
            self.sent.append(Sent(topic, key, value, header_map(headers)))
        done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        done.set_result(not self.away)
        return done

    async def close(self) -> None:
        """Nothing to end."""

    def on(self, topic: str) -> list[Sent]:
        return [record for record in self.sent if record.topic == topic]

    def types(self, topic: str) -> list[str]:
        return [record.headers["ce_type"].rsplit(".", 1)[-1] for record in self.on(topic)]


@dataclass(slots=True)
class Clock:
    """A clock that stands until it is moved."""

    now: datetime = NOW

    def move(self, by: timedelta) -> None:
        self.now += by


@dataclass
class House:
    """Intake, and the means to call it as anybody."""

    base: Foundation[Request]
    books: Books
    desk: Desk
    timeline: Timeline
    vault: Vault
    sources: Sources
    broker: Broker
    clock: Clock
    issuer: Issuer
    stub: Any

    def token(self, role: str, sub: str, site: str, units: Sequence[str]) -> Any:
        return bearer(self.issuer.mint(role, sub, site, units))

    async def call(
        self,
        name: str,
        request: Any,
        role: str = "clerk",
        *,
        sub: str = "clerk-1",
        site: str = "jili",
        units: Sequence[str] = (),
    ) -> Any:
        method = getattr(self.stub, name)
        return await method(request, metadata=self.token(role, sub, site, units), timeout=20)

    async def refusal(self, name: str, request: Any, role: str = "clerk", **who: Any) -> "Refusal":
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await self.call(name, request, role, **who)
        reason, fields = details_of(error.value)
        return Refusal(error.value.code(), reason, sorted(fields), str(error.value.details()))

    async def submit(self, role: str = "clerk", **changes: Any) -> rpc.SubmitRequestResponse:
        response: rpc.SubmitRequestResponse = await self.call("SubmitRequest", submission(**changes), role)
        return response

    async def routing_says(self, case_id: str, *decisions: Message, start: int = 1) -> None:
        """Deliver routing's decisions on a case, as if from its topic."""
        await self.base.deciding.take(
            [
                event("routing", OUTCOMES, case_id, sequence, decision, self.clock.now)
                for sequence, decision in enumerate(decisions, start)
            ]
        )

    def inbound(self, source: str = "hotline", site: str = "jili") -> Inbound:
        return Inbound(self.desk, Source(source, site))


@dataclass(frozen=True, slots=True)
class Refusal:
    """A failed call, as a client sees it."""

    code: grpc.StatusCode
    reason: str
    fields: list[str]
    message: str


def meta(key: str = "", **fields: Any) -> CommandMeta:
    return CommandMeta(idempotency_key=key or f"key-{uuid4().hex}", **fields)


def submission(key: str = "", **changes: Any) -> rpc.SubmitRequestRequest:
    body: dict[str, Any] = {
        "site_id": "jili",
        "kind": "noise",
        "unit_id": "jili/c1/s2",
        "channel": "counter",
        "title": "Canary loud at night",
        "description": "Canary every night",
        "attributes": {"floor.no": "Canary 3"},
    }
    return rpc.SubmitRequestRequest(meta=meta(key), request=rpc.RequestBody(**body | changes))


def event(service: str, topic: str, key: str, sequence: int, message: Message, at: datetime) -> Received:
    headers = {
        "ce_specversion": "1.0",
        "ce_id": f"{service}/{key}/{topic}/{sequence}",
        "ce_type": message.DESCRIPTOR.full_name,
        "ce_source": f"/fengqiao/{service}",
        "ce_subject": key,
        "ce_time": at.isoformat(),
        "ce_site": "jili",
        "ce_sequence": str(sequence),
    }
    return Received(topic, 0, sequence, key.encode(), message.SerializeToString(), headers)


def violations(*found: tuple[str, str]) -> list[str]:
    return sorted(f"{v.field}: {v.reason}" for v in (Violation(*pair) for pair in found))


@pytest.fixture
def sites_folder(tmp_path: Path) -> Path:
    for site, clock in (("jili", "wall"), ("boston", "replay")):
        folder = tmp_path / "sites" / site
        folder.mkdir(parents=True)
        (folder / "site.yaml").write_text(SITE.format(id=site, clock=clock))
    return tmp_path / "sites"


@pytest.fixture
async def house(store: str, database_name: str, tmp_path: Path, sites_folder: Path) -> AsyncIterator[House]:
    secret = tmp_path / "vault.key"
    secret.write_text(base64.b64encode(bytes(range(32))).decode())
    issuer = Issuer(tmp_path / "issuer")
    settings = IntakeSettings(
        mongo_url=store,
        database_prefix=database_name,
        sites=sites_folder,
        environment="development",
        vault_key_file=secret,
        jwt_public_keys=issuer.public_keys,
        rpc_grace_s=0.1,
    )
    clock, broker = Clock(), Broker()
    async with AsyncExitStack() as stack:
        base = lay(
            settings,
            model(),
            RequestDocument,
            documents=COLLECTIONS,
            producer=broker,
            wall=WallClock(lambda: clock.now),
        )
        stack.push_async_callback(base.close)
        indexes.migrate(base.documents)
        vault, numbers = Vault(base.alias, read_secret(secret)), Numbers(Blocks(base.alias))
        timeline = Timeline(base.alias, base.threads, base.wall)
        restricted_timeline = Timeline(base.alias, base.threads, base.wall, APART)
        books = Books(base, base.side(restricted(), RestrictedRequestDocument), timeline, restricted_timeline)
        sources = Sources(settings, base.sites, base.threads, base.wall)
        desk = Desk(books, base.side(submissions(), SubmissionDocument), vault, numbers)
        servicer = IntakeServicer(Requests(books, vault, numbers), sources)
        servicers = [(add_IntakeServiceServicer_to_server, servicer)]
        port = await stack.enter_async_context(serving(settings, servicers, RULES, base.readiness))
        to = await stack.enter_async_context(channel(f"127.0.0.1:{port}"))
        yield House(base, books, desk, timeline, vault, sources, broker, clock, issuer, IntakeServiceStub(to))
