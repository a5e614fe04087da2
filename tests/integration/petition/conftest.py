"""Petition on a real store, called by gRPC; the broker is a list of what was published."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import grpc
import pytest
from google.protobuf.message import Message

from deploy.local.issuer import Issuer
from fengqiao.common.v1.common_pb2 import CommandMeta
from fengqiao.intake.v1.events_pb2 import AccusationSubmitted
from fengqiao.petition.v1 import petition_service_pb2 as rpc
from fengqiao.petition.v1.events_pb2 import (
    OPINION_OUTCOME_SUPPORTED,
    PETITION_KIND_ACCUSATION,
    PETITION_KIND_CLAIM,
    ROUTE_MANNER_OWN,
)
from fengqiao.petition.v1.petition_service_pb2_grpc import (
    PetitionServiceStub,
    add_PetitionServiceServicer_to_server,
)
from fengqiao.routing.v1.events_pb2 import TRACK_PETITION, Assignment, CaseReference, CaseReferred
from services.chassis import indexes
from services.chassis.client import bearer, channel, details_of, rule_of
from services.chassis.clock import WallClock
from services.chassis.consumer import Received
from services.chassis.foundation import Foundation, lay
from services.chassis.kinds import Kind
from services.chassis.rpc import serving
from services.chassis.site import load_sites
from services.petition.access import Access
from services.petition.domain import ACCUSATIONS, REFERRALS, Office, Petition, table
from services.petition.handlers import Petitions
from services.petition.rpc import RULES, PetitionServicer
from services.petition.settings import PetitionSettings
from services.petition.sitefiles import read_rules
from services.petition.store import PetitionDocument, RestrictedPetitionDocument, accusations, model
from tests.kit.edge import Broker, Clock, Refusal, Who

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
STREET, HEXI, TAOSHU = "jili", "jili/hexi", "jili/taoshu"
SITE = """
id: {id}
zone: Asia/Shanghai
locale: zh-CN
calendar: {{data: cn_holidays}}
organs: [liuyang/discipline]
"""
TERRITORY = """
units:
  - {{id: {id}, tier: 4, parent: null}}
  - {{id: {id}/hexi, tier: 3, parent: {id}}}
  - {{id: {id}/hexi/s1, tier: 2, parent: {id}/hexi}}
  - {{id: {id}/taoshu, tier: 3, parent: {id}}}
"""
NOBODY = "00000000-0000-5000-8000-000000000000"


OFFICER = Who("petition_officer")
INSPECTOR = Who("inspector", ("*",), "inspector-1")
PETITIONER = Who("resident", (), "p-1")
ACCUSER = Who("resident", (), "p-2")


@dataclass
class House:
    """Petition, and the means to call it as anybody."""

    base: Foundation[Petition]
    restricted: Kind[Petition]
    broker: Broker
    clock: Clock
    issuer: Issuer
    stub: Any

    async def call(self, name: str, request: Any, who: Who = OFFICER) -> Any:
        token = bearer(self.issuer.mint(who.role, who.sub, who.site, who.units))
        return await getattr(self.stub, name)(request, metadata=token, timeout=20)

    async def refusal(self, name: str, request: Any, who: Who = OFFICER) -> Refusal:
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await self.call(name, request, who)
        reason, fields = details_of(error.value)
        return Refusal(
            error.value.code(), reason, sorted(fields), str(error.value.details()), rule_of(error.value)
        )

    async def get(self, case_id: str, who: Who = OFFICER) -> rpc.Petition:
        answer = await self.call("GetPetition", rpc.GetPetitionRequest(case_id=case_id), who)
        petition: rpc.Petition = answer.petition
        return petition

    async def refer(self) -> str:
        """A case that routing refers."""
        case_id = str(uuid4())
        event = CaseReferred(
            case=CaseReference(request_no="JILI-000001", site_id="jili", person_ref="p-1"),
            track=TRACK_PETITION,
            referral=1,
            kind="petition.claim",
            assignment=Assignment(unit_id=STREET),
        )
        await self.base.deciding.take([record(REFERRALS, case_id, 1, event, self.clock.now)])
        return case_id

    async def accuse(self, accused: str = HEXI) -> str:
        """An accusation that intake took in."""
        case_id = str(uuid4())
        event = AccusationSubmitted(
            request_no="JILI-000002",
            site_id="jili",
            kind="accusation.officials",
            accused_unit_id=accused,
            channel="counter",
            person_ref="p-2",
        )
        await self.restricted.deciding.take([record(ACCUSATIONS, case_id, 1, event, self.clock.now)])
        return case_id

    async def accepted(self, case_id: str, who: Who = OFFICER) -> str:
        """Take it to the third moment."""
        for name in ("RegisterPetition", "RoutePetition", "NotifyReceipt", "AcceptPetition"):
            await self.call(name, ordering(name, case_id, who), who)
        return case_id


def meta() -> CommandMeta:
    return CommandMeta(idempotency_key=f"key-{uuid4().hex}")


def ordering(name: str, case_id: str, who: Who = OFFICER) -> Any:
    """A sound request of each method that is about one petition."""
    accusing = who.role == "inspector"
    opinion = rpc.OpinionContent(
        claim="Canary claims",
        facts_and_reasons="Canary says so",
        outcome=OPINION_OUTCOME_SUPPORTED,
        legal_basis="Canary 32",
    )
    fields: dict[str, dict[str, Any]] = {
        "RegisterPetition": {
            "kind": PETITION_KIND_ACCUSATION if accusing else PETITION_KIND_CLAIM,
            "branch": 0 if accusing else 6,
            "content_code": "education",
        },
        "RoutePetition": {"manner": ROUTE_MANNER_OWN},
        "NotifyReceipt": {"manner": "post"},
        "AcceptPetition": {},
        "ExtendDeadline": {"days": 30, "reason": "complex", "approver_ref": "head-1"},
        "IssueOpinion": {"opinion": opinion},
        "DeliverOpinion": {"manner": "post"},
        "ReplyToPetition": {"outcome": "answered", "note": "Canary thanks"},
    }
    request = getattr(rpc, f"{name}Request")
    if name not in fields:
        return request(case_id=case_id)
    return request(meta=meta(), case_id=case_id, **fields[name])


def record(topic: str, key: str, sequence: int, message: Message, at: datetime) -> Received:
    service = topic.split(".")[1]
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


@pytest.fixture
def sites_folder(tmp_path: Path) -> Path:
    for site in ("jili", "other"):
        folder = tmp_path / "sites" / site
        folder.mkdir(parents=True)
        (folder / "site.yaml").write_text(SITE.format(id=site))
        (folder / "territory.yaml").write_text(TERRITORY.format(id=site))
    return tmp_path / "sites"


@pytest.fixture
async def house(store: str, database_name: str, tmp_path: Path, sites_folder: Path) -> AsyncIterator[House]:
    issuer = Issuer(tmp_path / "issuer")
    settings = PetitionSettings(
        mongo_url=store,
        database_prefix=database_name,
        sites=sites_folder,
        environment="development",
        jwt_public_keys=issuer.public_keys,
        rpc_grace_s=0.1,
    )
    sites = load_sites(sites_folder)
    rules = {site.id: read_rules(site) for site in sites.values()}
    office, clock, broker = Office(rules), Clock(), Broker()
    async with AsyncExitStack() as stack:
        base = lay(
            settings,
            model(office),
            PetitionDocument,
            documents=[RestrictedPetitionDocument],
            producer=broker,
            wall=WallClock(lambda: clock.now),
            sites=sites,
        )
        stack.push_async_callback(base.close)
        restricted = base.side(accusations(office), RestrictedPetitionDocument)
        indexes.migrate(base.documents)
        petitions = Petitions(base, restricted, office, Access(rules), table(office))
        servicers = [(add_PetitionServiceServicer_to_server, PetitionServicer(petitions))]
        port = await stack.enter_async_context(serving(settings, servicers, RULES, base.readiness))
        to = await stack.enter_async_context(channel(f"127.0.0.1:{port}"))
        yield House(base, restricted, broker, clock, issuer, PetitionServiceStub(to))
