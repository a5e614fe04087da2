"""Notify on a real store with a real mail server; broker and vault are hand-written, the clock stands."""

import asyncio
import email
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import grpc
import pytest
from aiosmtpd.controller import Controller
from google.protobuf.message import Message

from deploy.local.issuer import Issuer
from deploy.local.ports import LOOPBACK, free_port
from fengqiao.intake.v1.intake_service_pb2 import Contact
from fengqiao.notify.v1 import notify_service_pb2 as rpc
from fengqiao.notify.v1.notify_service_pb2_grpc import (
    NotifyServiceStub,
    add_NotifyServiceServicer_to_server,
)
from fengqiao.routing.v1 import events_pb2 as routing
from services.chassis import indexes
from services.chassis.client import bearer, channel, details_of
from services.chassis.clock import WallClock
from services.chassis.consumer import Received
from services.chassis.envelope import Envelope, Headers, header_map, to_headers
from services.chassis.errors import Infrastructure
from services.chassis.foundation import Foundation, lay
from services.chassis.kinds import Kind
from services.chassis.record import SHARDS
from services.chassis.rpc import serving
from services.notify.domain import EVENTS, Delivery, Notice
from services.notify.handlers import Deliveries, Notices
from services.notify.owed import EMAIL, NEWS, RESTRICTED_NEWS
from services.notify.rendering import Templates
from services.notify.rpc import RULES, NotifyServicer
from services.notify.senders import Sender
from services.notify.senders.email import EmailSender
from services.notify.sending import SenderLoop
from services.notify.settings import NotifySettings
from services.notify.store import NoticeDocument, RestrictedNoticeDocument, model, restricted

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
TOPIC = "fengqiao.routing.events"
PAUSES_S = (0.0, 30.0, 120.0)
CLAIM_S = 60.0
SITE = """
id: {id}
name: {id}
zone: Asia/Shanghai
locale: zh-CN
clock: {clock}
calendar: {{data: cn_holidays}}
"""


@dataclass
class MailServer:
    """A real SMTP server that can be told what to say, and stopped."""

    port: int
    mails: list[EmailMessage] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    """By address: what is said instead of taking the message."""
    _controller: Controller | None = None

    def start(self) -> None:
        self._controller = Controller(self, hostname=LOOPBACK, port=self.port)
        self._controller.start()

    def stop(self) -> None:
        if self._controller:
            self._controller.stop()
        self._controller = None

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        answer = self.answers.get(address, "250 ok")
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - as above
        message = email.message_from_bytes(envelope.content, policy=default)
        assert isinstance(message, EmailMessage)
        self.mails.append(message)
        return "250 kept"

    def message_ids(self) -> list[str]:
        return [str(mail["Message-ID"]) for mail in self.mails]


@dataclass
class Broker:
    """A producer that keeps what it is given."""

    sent: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def send(self, topic: str, _key: bytes, _value: bytes, headers: Headers) -> "asyncio.Future[bool]":
        self.sent.append((topic, header_map(headers)))
        done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        done.set_result(True)
        return done

    async def close(self) -> None:
        """Nothing to end."""

    def types(self) -> list[str]:
        return [headers["ce_type"].rsplit(".", 1)[-1] for topic, headers in self.sent if topic == EVENTS]


@dataclass
class Vault:
    """The contacts that intake would give; while `away` none."""

    contacts: dict[str, Contact | None] = field(default_factory=dict)
    away: bool = False
    asked: list[str] = field(default_factory=list)

    async def resolve(self, person_refs: Collection[str]) -> Mapping[str, Contact | None]:
        if self.away:
            raise Infrastructure("intake: UNAVAILABLE")
        self.asked += person_refs
        return {ref: self.contacts.get(ref, Contact()) for ref in person_refs}


@dataclass
class Clock:
    """A clock that stands until it is moved."""

    now: datetime = NOW

    def move(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass(frozen=True)
class Refusal:
    """A failed call, as a client sees it."""

    code: grpc.StatusCode
    reason: str
    fields: list[str]


@dataclass
class House:
    """Notify, and the means to tell it things and to ask it as anybody."""

    base: Foundation[Notice]
    hidden: Kind[Notice]
    settings: NotifySettings
    broker: Broker
    vault: Vault
    mail: MailServer
    clock: Clock
    issuer: Issuer
    stub: Any

    def loop(
        self, sender: Sender | None = None, templates: Templates | None = None, *, restricted: bool = False
    ) -> SenderLoop:
        """A sender loop of its own, as another process would have one."""
        return SenderLoop(
            self.base,
            self.hidden if restricted else self.base.first,
            self.settings,
            templates or Templates(self.settings.templates),
            self.vault,
            {EMAIL: sender or EmailSender(self.settings)},
            lambda: range(SHARDS),
        )

    async def hear(self, *records: Received) -> None:
        """What the agents do with what arrives."""
        await self.base.collecting(Notices(self.base, self.base.first, NEWS).collect).take(records)

    async def hear_restricted(self, *records: Received) -> None:
        """What the agents of restricted topics do."""
        await self.base.collecting(Notices(self.base, self.hidden, RESTRICTED_NEWS).collect).take(records)

    async def send(self) -> int:
        return await self.loop().run_once()

    async def emails(self) -> list[Delivery]:
        """The e-mail deliveries of every notice, by recipient."""
        return sorted(
            (d for n in await self.notices() for d in n.deliveries if d.channel == EMAIL),
            key=lambda delivery: delivery.recipient_ref,
        )

    async def notices(self) -> list[Notice]:
        found = await self.base.threads.run(self.base.committer.repository.find, {})
        return [record.state for record in found if record.state is not None]

    async def email(self) -> Delivery:
        [delivery] = await self.emails()
        return delivery

    async def call(
        self,
        name: str,
        request: Any,
        role: str = "desk",
        *,
        sub: str = "desk-1",
        site: str = "jili",
        units: Sequence[str] = (),
    ) -> Any:
        token = bearer(self.issuer.mint(role, sub, site, units))
        return await getattr(self.stub, name)(request, metadata=token, timeout=20)

    async def refusal(self, name: str, request: Any, role: str = "desk", **who: Any) -> Refusal:
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await self.call(name, request, role, **who)
        reason, fields = details_of(error.value)
        return Refusal(error.value.code(), reason, sorted(fields))

    async def deliveries(self, role: str = "desk", **fields: Any) -> list[rpc.Delivery]:
        who = {name: fields.pop(name) for name in ("sub", "site", "units") if name in fields}
        answer = await self.call("ListDeliveries", rpc.ListDeliveriesRequest(**fields), role, **who)
        return list(answer.deliveries)


def event(
    message: Message,
    case_id: str = "case-1",
    sequence: int = 1,
    site: str = "jili",
    topic: str = TOPIC,
) -> Received:
    """A record of routing's topic, or another's."""
    service = topic.split(".")[1]
    envelope = Envelope(
        id=f"{service}/{case_id}/{topic}/{sequence}",
        type=message.DESCRIPTOR.full_name,
        source=f"/fengqiao/{service}",
        subject=case_id,
        site=site,
        time=NOW - timedelta(minutes=5),
        recorded_at=NOW,
        sequence=sequence,
        head=b"",
        cause="",
        data=message.SerializeToString(),
    )
    return Received(topic, 0, sequence, case_id.encode(), envelope.data, header_map(to_headers(envelope)))


def reference(person_ref: str = "p-1") -> routing.CaseReference:
    return routing.CaseReference(request_no="JILI-000001", site_id="jili", person_ref=person_ref)


def resolved(person_ref: str = "p-1") -> routing.CaseResolved:
    return routing.CaseResolved(case=reference(person_ref), unit_id="jili/c1", outcome="repaired")


def contact(number: int = 1, locale: str = "en") -> Contact:
    return Contact(name="Canary Zhang", email=f"canary{number}@example.org", locale=locale)


@pytest.fixture
def mail() -> Iterator[MailServer]:
    server = MailServer(free_port())
    server.start()
    yield server
    server.stop()


@pytest.fixture
def notify_settings(store: str, database_name: str, tmp_path: Path, mail: MailServer) -> NotifySettings:
    for site, clock in (("jili", "wall"), ("boston", "replay")):
        folder = tmp_path / "sites" / site
        folder.mkdir(parents=True)
        (folder / "site.yaml").write_text(SITE.format(id=site, clock=clock))
    return NotifySettings(
        mongo_url=store,
        database_prefix=database_name,
        sites=tmp_path / "sites",
        environment="development",
        jwt_public_keys=Issuer(tmp_path / "issuer").public_keys,
        rpc_grace_s=0.1,
        smtp_host=LOOPBACK,
        smtp_port=mail.port,
        smtp_timeout_s=2.0,
        retry_pauses_s=PAUSES_S,
        claim_s=CLAIM_S,
    )


@pytest.fixture
async def house(notify_settings: NotifySettings, mail: MailServer, tmp_path: Path) -> AsyncIterator[House]:
    clock, broker = Clock(), Broker()
    async with AsyncExitStack() as stack:
        base = lay(
            notify_settings,
            model(),
            NoticeDocument,
            documents=[RestrictedNoticeDocument],
            producer=broker,
            wall=WallClock(lambda: clock.now),
        )
        stack.push_async_callback(base.close)
        hidden = base.side(restricted(), RestrictedNoticeDocument)
        indexes.migrate(base.documents)
        templates = Templates(notify_settings.templates)
        servicer = NotifyServicer(Deliveries(base, hidden), templates, base.sites)
        servicers = [(add_NotifyServiceServicer_to_server, servicer)]
        vault = Vault({f"p-{number}": contact(number) for number in range(1, 10)})
        port = await stack.enter_async_context(serving(notify_settings, servicers, RULES, base.readiness))
        to = await stack.enter_async_context(channel(f"{LOOPBACK}:{port}"))
        issuer = Issuer(tmp_path / "issuer")
        yield House(base, hidden, notify_settings, broker, vault, mail, clock, issuer, NotifyServiceStub(to))
