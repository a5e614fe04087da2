"""Routing's directory on a real store, called by gRPC; the broker is a list of what was published."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import grpc
import pytest

from deploy.local.issuer import Issuer
from fengqiao.common.v1.common_pb2 import CommandMeta
from fengqiao.intake.v1.events_pb2 import RequestSubmitted
from fengqiao.routing.v1 import analysis_service_pb2 as analysis_rpc
from fengqiao.routing.v1 import code_service_pb2 as code_rpc
from fengqiao.routing.v1 import directory_events_pb2 as ev
from fengqiao.routing.v1 import directory_service_pb2 as rpc
from fengqiao.routing.v1 import emergency_service_pb2 as emergency_rpc
from fengqiao.routing.v1 import force_service_pb2 as force_rpc
from fengqiao.routing.v1 import meeting_service_pb2 as meeting_rpc
from fengqiao.routing.v1 import person_service_pb2 as person_rpc
from fengqiao.routing.v1 import roster_service_pb2 as roster_rpc
from fengqiao.routing.v1 import routing_service_pb2 as routing_rpc
from fengqiao.routing.v1 import screening_service_pb2 as screening_rpc
from fengqiao.routing.v1.analysis_service_pb2_grpc import AnalysisServiceStub
from fengqiao.routing.v1.code_service_pb2_grpc import (
    VillageCodeServiceStub,
)
from fengqiao.routing.v1.directory_service_pb2_grpc import (
    DirectoryServiceStub,
)
from fengqiao.routing.v1.emergency_service_pb2_grpc import EmergencyServiceStub
from fengqiao.routing.v1.force_service_pb2_grpc import ForceServiceStub
from fengqiao.routing.v1.meeting_service_pb2_grpc import MeetingServiceStub
from fengqiao.routing.v1.person_service_pb2_grpc import (
    PersonServiceStub,
)
from fengqiao.routing.v1.roster_service_pb2_grpc import (
    RosterServiceStub,
)
from fengqiao.routing.v1.routing_service_pb2_grpc import (
    RoutingServiceStub,
)
from fengqiao.routing.v1.screening_service_pb2_grpc import ScreeningServiceStub
from services.chassis import indexes
from services.chassis.calendar import Term
from services.chassis.calendar import Unit as TermUnit
from services.chassis.client import bearer, channel, details_of, rule_of
from services.chassis.clock import WallClock
from services.chassis.commands import Creation, Order
from services.chassis.foundation import Foundation, lay
from services.chassis.model import Context, Decision
from services.chassis.protobuf import timestamp
from services.chassis.rpc import serving
from services.chassis.site import load_sites
from services.routing.capability import Capability, Version
from services.routing.capabilityfile import Profile
from services.routing.directory.claims import Claims
from services.routing.directory.following import Following
from services.routing.directory.restructurings import Restructurings
from services.routing.directory.silence import Silence
from services.routing.directory.standing import Standing
from services.routing.domain import Case, Ladder
from services.routing.domain.directory.ground import Ground
from services.routing.emergencies.following import Declared
from services.routing.hotspots.arrivals import Arrivals
from services.routing.moves.joining import Joining
from services.routing.rooms import RULES, furnish
from services.routing.rosters.silence import Vigil
from services.routing.rules import FixedPlaces, Post, Unit
from services.routing.settings import RoutingSettings
from services.routing.store import model
from services.routing.store.documents import BESIDE_CASES, CaseDocument
from tests.kit.edge import Broker, Clock, Refusal, Who
from tests.kit.ladder import rules

SITE = """
id: {id}
zone: Asia/Shanghai
locale: zh-CN
calendar: {{data: cn_holidays}}
"""
NEIGHBOUR_SITE = "lishi"
"""Another one on the same store: nothing is in its directory."""
DESK = Who("desk", ("jili",), "p-desk")
FLOOD = Profile("flood", 1, Version("1", {"noise.*": Capability(1, 4, urgent=True)}, None))
"""An emergency in which noise is for the top."""
TOP, VILLAGE, SECTION, NEIGHBOURS = "jili", "jili/hexi", "jili/hexi/s1", "jili/hexi/s1/n1"
OTHER_NEIGHBOURS = "jili/hexi/s1/n2"
KINDS = {
    TOP: ev.UNIT_KIND_SUB_DISTRICT,
    VILLAGE: ev.UNIT_KIND_VILLAGE,
    SECTION: ev.UNIT_KIND_SECTION,
    NEIGHBOURS: ev.UNIT_KIND_NEIGHBOURHOOD,
}


def meta() -> CommandMeta:
    return CommandMeta(idempotency_key=f"key-{uuid4().hex}")


@dataclass
class House:
    """The directory, and the means to call it as anybody."""

    base: Foundation[Case]
    claims: Claims
    broker: Broker
    clock: Clock
    issuer: Issuer
    stub: Any
    following: Following
    standing: Standing
    silence: Silence
    ladder: Ladder
    vigil: Vigil
    reshaping: Restructurings
    stubs: Sequence[tuple[Any, Any]]
    arrivals: Arrivals
    joining: Joining

    def rosters(self) -> Any:
        """The rosters' methods."""
        return next(stub for module, stub in self.stubs if module is roster_rpc)

    async def call(self, name: str, who: Who = DESK, **fields: Any) -> Any:
        """Call a method; orders get a key of their own if none is given."""
        module, stub = next((m, s) for m, s in self.stubs if hasattr(m, f"{name}Request"))
        request = getattr(module, f"{name}Request")(**fields)
        if "meta" in request.DESCRIPTOR.fields_by_name and not request.HasField("meta"):
            request.meta.CopyFrom(meta())
        token = bearer(self.issuer.mint(who.role, who.sub, who.site, who.units))
        return await getattr(stub, name)(request, metadata=token, timeout=20)

    async def take_over(
        self, *units: rpc.ImportedUnit, who: Who = DESK, dry_run: bool = False
    ) -> rpc.ImportUnitsResponse:
        """Import some units."""

        async def requests() -> AsyncIterator[rpc.ImportUnitsRequest]:
            for unit in units:
                yield rpc.ImportUnitsRequest(dry_run=dry_run, unit=unit)

        token = bearer(self.issuer.mint(who.role, who.sub, who.site, who.units))
        answer: rpc.ImportUnitsResponse = await self.stub.ImportUnits(requests(), metadata=token, timeout=20)
        return answer

    def caller(self, who: Who = DESK) -> Callable[..., Awaitable[Any]]:
        """Calls as a command of the client does."""

        async def call(method: Callable[..., Any], request: Any) -> Any:
            token = bearer(self.issuer.mint(who.role, who.sub, who.site, who.units))
            return await method(request, metadata=token, timeout=60)

        return call

    async def refusal(self, name: str, who: Who = DESK, **given: Any) -> Refusal:
        """The refusal of a call."""
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await self.call(name, who, **given)
        reason, fields = details_of(error.value)
        return Refusal(
            error.value.code(), reason, sorted(fields), str(error.value.details()), rule_of(error.value)
        )

    async def appoint(self, code: str, person_ref: str, **fields: Any) -> rpc.Unit:
        """Nominated, approved, appointed today."""
        await self.call("NominateLeader", code=code, person_ref=person_ref, nominators=9)
        await self.call("VetLeader", code=code, person_ref=person_ref, approved=True)
        answer = await self.call("AppointLeader", code=code, person_ref=person_ref, **fields)
        unit: rpc.Unit = answer.unit
        return unit

    async def case_at(self, unit_id: str) -> str:
        """A case of a place, routed by what the ladder knows now; its id."""
        submitted = RequestSubmitted(
            request_no="JILI-1",
            site_id="jili",
            person_ref="p",
            kind="noise.street",
            unit_id=unit_id,
            due_at=timestamp(self.clock.now + timedelta(hours=4)),
        )

        def begin(context: Context) -> Decision:
            return self.ladder.open(None, submitted, context)

        key = str(uuid4())
        await self.base.commands.create(Creation(key, "jili", Order(key, b""), begin))
        return key

    async def case(self, case_id: str) -> Case:
        """A case as it is stored."""
        record = await self.base.committer.get_one(case_id)
        assert record is not None
        assert record.state is not None
        return record.state

    async def settled(self) -> "House":
        """A village with a section and a neighbourhood of two households, all led by somebody."""
        for code, kind in KINDS.items():
            await self.call("EstablishUnit", code=code, kind=kind)
            await self.appoint(code, f"p-{code.rpartition('/')[2]}")
        await self.call("SettleHouseholds", code=NEIGHBOURS, households=["h-1", "h-2"])
        return self


@pytest.fixture
def call_backs() -> bool:
    """Whether the site calls residents back."""
    return False


@pytest.fixture
async def house(
    store: str,
    database_name: str,
    tmp_path: Path,
    call_backs: bool,  # noqa: FBT001 - pytest passes it by name
) -> AsyncIterator[House]:
    folder = tmp_path / "sites" / "jili"
    for id_ in ("jili", NEIGHBOUR_SITE):
        (folder.parent / id_).mkdir(parents=True)
        (folder.parent / id_ / "site.yaml").write_text(SITE.format(id=id_))
    issuer = Issuer(tmp_path / "issuer")
    settings = RoutingSettings(
        mongo_url=store,
        database_prefix=database_name,
        sites=folder.parent,
        environment="development",
        jwt_public_keys=issuer.public_keys,
        rpc_grace_s=0.1,
    )
    clock, broker = Clock(), Broker()
    file = FixedPlaces({TOP: Unit(TOP, 4, None)}, {TOP: Post("post:jili", "by-the-file")}, TOP)
    ground = Ground(file)
    declared = {"jili": Declared({FLOOD.name: FLOOD}), NEIGHBOUR_SITE: Declared()}
    term = Term(5, TermUnit.WORKING_DAYS, keeps_time=True)
    site = replace(rules(), places=ground, default_term=term, call_backs=call_backs)
    site_rules = {"jili": replace(site, emergencies=declared["jili"])}
    ladder = Ladder(site_rules)
    async with AsyncExitStack() as stack:
        base = lay(
            settings,
            model(ladder),
            CaseDocument,
            documents=BESIDE_CASES,
            producer=broker,
            wall=WallClock(lambda: clock.now),
            sites=load_sites(folder.parent),
        )
        stack.push_async_callback(base.close)
        rooms = furnish(base, ladder, site_rules, {"jili": ground}, declared)
        indexes.migrate(base.documents)
        port = await stack.enter_async_context(serving(settings, rooms.servicers, RULES, base.readiness))
        to = await stack.enter_async_context(channel(f"127.0.0.1:{port}"))
        stub = DirectoryServiceStub(to)
        stubs = [
            (rpc, stub),
            (roster_rpc, RosterServiceStub(to)),
            (code_rpc, VillageCodeServiceStub(to)),
            (person_rpc, PersonServiceStub(to)),
            (force_rpc, ForceServiceStub(to)),
            (meeting_rpc, MeetingServiceStub(to)),
            (emergency_rpc, EmergencyServiceStub(to)),
            (screening_rpc, ScreeningServiceStub(to)),
            (analysis_rpc, AnalysisServiceStub(to)),
            (routing_rpc, RoutingServiceStub(to)),
        ]
        yield House(
            base,
            rooms.claims,
            broker,
            clock,
            issuer,
            stub,
            rooms.following,
            rooms.standing,
            rooms.silence,
            ladder,
            rooms.vigil,
            rooms.restructurings,
            stubs,
            rooms.arrivals,
            rooms.joining,
        )
