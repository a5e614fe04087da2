"""The town's people: each calls the services in a role of their own, with a token of their own."""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.message import Message

from fengqiao.common.v1.operations_service_pb2_grpc import OperationsServiceStub
from fengqiao.intake.v1 import intake_service_pb2 as intake
from fengqiao.intake.v1.intake_service_pb2_grpc import IntakeServiceStub
from fengqiao.mediation.v1.mediation_service_pb2_grpc import MediationServiceStub
from fengqiao.notify.v1.notify_service_pb2_grpc import NotifyServiceStub
from fengqiao.petition.v1.petition_service_pb2_grpc import PetitionServiceStub
from fengqiao.routing.v1.analysis_service_pb2_grpc import AnalysisServiceStub
from fengqiao.routing.v1.directory_service_pb2_grpc import DirectoryServiceStub
from fengqiao.routing.v1.meeting_service_pb2_grpc import MeetingServiceStub
from fengqiao.routing.v1.roster_service_pb2_grpc import RosterServiceStub
from fengqiao.routing.v1.routing_service_pb2_grpc import RoutingServiceStub
from services.chassis import client
from services.chassis.settings import Settings
from services.cli.calls import Caller

SITE = "jili"
STREET, COMMUNITY, SECTION, NEIGHBOURS = "jili", "jili/hexi", "jili/hexi/s1", "jili/hexi/s1/n1"
"""Where the scenes play: a unit of each tier, top first."""

KINDS = ("sub_district", "community", "section", "neighbourhood")
SECTIONS = tuple(f"{place}/s{n}" for place in ("jili/hexi", "jili/taoshu") for n in (1, 2))
VACANT = "jili/taoshu/s2/n3"
"""Its post is held by nobody when the act begins."""


def _leaders() -> Iterator[tuple[str, tuple[str, str]]]:
    """Kind and leader of each of the town's units, as its `territory.yaml` has them; from the top down."""
    units = [STREET, COMMUNITY, "jili/taoshu", *SECTIONS, *(f"{s}/n{n}" for s in SECTIONS for n in (1, 2, 3))]
    for code in units:
        kind = "village" if code == "jili/taoshu" else KINDS[code.count("/")]
        yield code, (kind, "" if code == VACANT else leader_of(code))


def leader_of(code: str) -> str:
    """Reference of the town's leader of a unit: `leader-hexi-s1`, and the sub-district's `leader-jili`."""
    return f"leader-{code.removeprefix(f'{STREET}/').replace('/', '-')}"


LEADERS: Mapping[str, tuple[str, str]] = dict(_leaders())

PATIENCE_S = 20.0
STUBS: Mapping[str, Callable[[grpc.aio.Channel], Any]] = {
    "intake": IntakeServiceStub,
    "routing": RoutingServiceStub,
    "mediation": MediationServiceStub,
    "petition": PetitionServiceStub,
    "notify": NotifyServiceStub,
}
BESIDE: Sequence[Callable[[grpc.aio.Channel], Any]] = (
    RosterServiceStub,
    MeetingServiceStub,
    AnalysisServiceStub,
)
"""What routing serves besides the ladder and the directory."""

Mint = Callable[[str, str, str, Sequence[str]], str]
"""Makes a token of role, subject, site and units."""


class Town:
    """The services of one site, and the people who call them."""

    def __init__(self, addresses: Mapping[str, str], mint: Mint, run: str) -> None:
        """`addresses` are those of the services by name; `run` makes references unlike any earlier run's."""
        self._mint = mint
        self._run = run
        self._numbers = itertools.count(1)
        tls = Settings(service="cli")
        self._channels = {name: client.channel(at, tls=tls) for name, at in addresses.items()}
        self._stubs = {name: make(self._channels[name]) for name, make in STUBS.items()}
        self.directory = DirectoryServiceStub(self._channels["routing"])
        self._beside = [self.directory, *(make(self._channels["routing"]) for make in BESIDE)]
        self.operations = {name: OperationsServiceStub(each) for name, each in self._channels.items()}
        self.case_ids: list[str] = []

    async def close(self) -> None:
        """Let go of the services."""
        for channel in self._channels.values():
            await channel.close()

    def method(self, request: Message) -> Callable[..., Any]:
        """The method that a request is for: `routing.v1.AcceptCaseRequest` is for routing's `AcceptCase`."""
        service, name = request.DESCRIPTOR.full_name.split(".")[1::2]
        name = name.removesuffix("Request")
        beside = self._beside if service == "routing" else []
        stub = next((each for each in beside if hasattr(each, name)), self._stubs[service])
        found: Callable[..., Any] = getattr(stub, name)
        return found

    def token(self, person: "Person") -> str:
        """A token of somebody, valid now."""
        return self._mint(person.role, person.ref, SITE, person.units)

    def key(self) -> str:
        """An idempotency key that nothing else has."""
        return f"act-two-{self._run}-{next(self._numbers)}"

    async def resident(self, name: str, email: str = "") -> "Person":
        """Somebody who lives there, with their contact in the vault: only an opaque reference travels."""
        person = Person(self, "resident", f"p-{self._run}-{next(self._numbers)}")
        contact = intake.Contact(name=name, email=email, locale="zh-CN")
        await person.does(intake.PutContactRequest(site_id=SITE, contact=contact))
        return person

    def leader(self, unit_id: str) -> "Person":
        """The holder of the post that answers for a unit."""
        return Person(self, "handler", f"leader-{unit_id.rpartition('/')[2]}", (unit_id,))

    def handler(self, ref: str, unit_id: str) -> "Person":
        """Somebody who acts for a unit without being its first leader."""
        return Person(self, "handler", ref, (unit_id,))

    def mediator(self, ref: str) -> "Person":
        """A mediator of the site's list."""
        return Person(self, "mediator", ref)

    def officer(self) -> "Person":
        """Who handles petitions for the sub-district."""
        return Person(self, "petition_officer", "officer-jili", (STREET,))

    def inspector(self) -> "Person":
        """Who may handle accusations."""
        return Person(self, "inspector", "inspector-jili", (STREET,))

    def clerk(self) -> "Person":
        """Who takes down at the counter what people say."""
        return Person(self, "clerk", "clerk-jili", ("*",))

    def desk(self) -> "Person":
        """The command desk: sees everything of its site that is not restricted."""
        return Person(self, "desk", "desk-jili", ("*",))

    def operator(self) -> "Person":
        """Who moves the replay clock."""
        return Person(self, "replay", "replay", ("*",))


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody in one role; `ref` is what events and logs call them."""

    town: Town
    role: str
    ref: str
    units: tuple[str, ...] = ()

    async def does(self, request: Message) -> Any:
        """Call the method that a request is for. A service that is away or busy is asked again.

        Raises:
            grpc.aio.AioRpcError: refused.
        """
        return await self._caller.call(self.town.method(self._keyed(request)), request)

    async def asks(self, method: Callable[..., Any], request: Message) -> Any:
        """Call a method by itself. Raises grpc.aio.AioRpcError."""
        return await self._caller.call(method, request)

    async def reads(self, request: Message) -> list[Any]:
        """Every answer of a streaming method. Raises grpc.aio.AioRpcError."""
        stream = self.town.method(request)(
            request, metadata=client.bearer(self._caller.token()), timeout=PATIENCE_S
        )
        return [answer async for answer in stream]

    async def refused(self, request: Message) -> str:
        """The code by which a request is refused; empty when it is not."""
        try:
            if isinstance(self.town.method(request), grpc.aio.UnaryStreamMultiCallable):
                await self.reads(request)
            else:
                await self.does(request)
        except grpc.aio.AioRpcError as error:
            return error.code().name
        return ""

    def _keyed(self, request: Message) -> Message:
        if "meta" in request.DESCRIPTOR.fields_by_name:
            request.meta.idempotency_key = self.town.key()  # type: ignore[attr-defined]  # commands have one
        return request

    @property
    def _caller(self) -> Caller:
        return Caller(lambda: self.town.token(self), PATIENCE_S)
