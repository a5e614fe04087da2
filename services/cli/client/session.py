"""Whom a command calls, and as whom: the runtime that is up, or any deployment by address and token."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import grpc
import typer
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from deploy.local.runtime import SERVICES, Running, find_running
from fengqiao.common.v1.operations_service_pb2_grpc import OperationsServiceStub
from fengqiao.intake.v1.intake_service_pb2_grpc import IntakeServiceStub
from fengqiao.mediation.v1.mediation_service_pb2_grpc import MediationServiceStub
from fengqiao.notify.v1.notify_service_pb2_grpc import NotifyServiceStub
from fengqiao.petition.v1.petition_service_pb2_grpc import PetitionServiceStub
from fengqiao.routing.v1.analysis_service_pb2_grpc import AnalysisServiceStub
from fengqiao.routing.v1.code_service_pb2_grpc import VillageCodeServiceStub
from fengqiao.routing.v1.directory_service_pb2_grpc import DirectoryServiceStub
from fengqiao.routing.v1.emergency_service_pb2_grpc import EmergencyServiceStub
from fengqiao.routing.v1.force_service_pb2_grpc import ForceServiceStub
from fengqiao.routing.v1.meeting_service_pb2_grpc import MeetingServiceStub
from fengqiao.routing.v1.person_service_pb2_grpc import PersonServiceStub
from fengqiao.routing.v1.roster_service_pb2_grpc import RosterServiceStub
from fengqiao.routing.v1.routing_service_pb2_grpc import RoutingServiceStub
from fengqiao.routing.v1.screening_service_pb2_grpc import ScreeningServiceStub
from services.chassis import client
from services.chassis.settings import Settings
from services.cli.calls import Caller

PATIENCE_S = 3.0
NOBODY_IN_PARTICULAR = "cli"


class Misuse(Exception):
    """The command can't even be tried; the message says what to do instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What every client command can be told; see `services.cli.client.options` for the words."""

    role: str
    site: str
    subject: str | None = None
    unit: tuple[str, ...] = ()
    data_dir: Path | None = None
    address: tuple[str, ...] = ()
    token_file: Path | None = None
    token: str | None = None
    as_json: bool = False


class Session:
    """One command's calls. Open it in the event loop that uses it."""

    def __init__(self, options: Options) -> None:
        """Raises Misuse when there is nothing to call, or no way to say who calls."""
        self.options = options
        self._running = _runtime(options)
        self._addresses = _addresses(options.address, self._running)
        self._token = _tokens(options, self._running)
        self._caller = Caller(self._token, PATIENCE_S)
        self._channels: dict[str, grpc.aio.Channel] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        for channel in self._channels.values():
            await channel.close()

    @property
    def site(self) -> str:
        """The site that the command is about."""
        return self.options.site

    @property
    def bootstrap(self) -> str | None:
        """The runtime's broker; None against another deployment."""
        return self._running.kafka_bootstrap if self._running else None

    @property
    def intake(self) -> Any:
        """Intake's methods."""
        return IntakeServiceStub(self._channel("intake"))

    @property
    def routing(self) -> Any:
        """Routing's methods."""
        return RoutingServiceStub(self._channel("routing"))

    @property
    def directory(self) -> Any:
        """The directory's methods; routing has them."""
        return DirectoryServiceStub(self._channel("routing"))

    @property
    def roster(self) -> Any:
        """The rosters' methods; routing has them."""
        return RosterServiceStub(self._channel("routing"))

    @property
    def persons(self) -> Any:
        """The methods about persons; routing has them."""
        return PersonServiceStub(self._channel("routing"))

    @property
    def forces(self) -> Any:
        """The methods about forces; routing has them."""
        return ForceServiceStub(self._channel("routing"))

    @property
    def codes(self) -> Any:
        """The village codes' methods; routing has them."""
        return VillageCodeServiceStub(self._channel("routing"))

    @property
    def emergencies(self) -> Any:
        """The emergencies' methods; routing has them."""
        return EmergencyServiceStub(self._channel("routing"))

    @property
    def meetings(self) -> Any:
        """The joint meetings' methods; routing has them."""
        return MeetingServiceStub(self._channel("routing"))

    @property
    def screenings(self) -> Any:
        """The screening campaigns' methods; routing has them."""
        return ScreeningServiceStub(self._channel("routing"))

    @property
    def analysis(self) -> Any:
        """The analysis' methods; routing has them."""
        return AnalysisServiceStub(self._channel("routing"))

    @property
    def mediation(self) -> Any:
        """Mediation's methods."""
        return MediationServiceStub(self._channel("mediation"))

    @property
    def petition(self) -> Any:
        """Petition's methods."""
        return PetitionServiceStub(self._channel("petition"))

    @property
    def notify(self) -> Any:
        """Notify's methods."""
        return NotifyServiceStub(self._channel("notify"))

    @property
    def known(self) -> dict[str, str]:
        """Address by service. A deployment of one address that isn't said to be any service's: under ''."""
        named = {name: self._addresses[name] for name in SERVICES if name in self._addresses}
        return named or dict(self._addresses)

    def operations(self, service: str) -> Any:
        """What an operator asks of a service."""
        return OperationsServiceStub(self._channel(service))

    def token(self) -> str:
        """A token of the caller, valid now."""
        return self._token()

    async def call(self, method: Callable[..., Any], request: Message, *, wait_for_it: bool = False) -> Any:
        """Call a method once it is there; see `Caller.call`. Raises grpc.aio.AioRpcError."""
        return await self._caller.call(method, request, wait_for_it=wait_for_it)

    def stream(self, method: Callable[..., Any], request: Message) -> Any:
        """The answers of a streaming method. Iterating raises grpc.aio.AioRpcError."""
        return method(request, metadata=client.bearer(self._token()))

    def show(self, answer: Message | Mapping[str, Message | None], text: str) -> None:
        """Print an answer: `text` for people; with --json a line of proto3 JSON, in the contract's names."""
        if not self.options.as_json:
            typer.echo(text)
            return
        plain = (
            _plain(answer)
            if isinstance(answer, Message)
            else {name: _plain(message) if message else None for name, message in answer.items()}
        )
        typer.echo(json.dumps(plain, ensure_ascii=False))

    def _channel(self, service: str) -> grpc.aio.Channel:
        address = self._addresses.get(service) or self._addresses.get("")
        if address is None:
            raise Misuse(f"no address of {service}: --address {service}=HOST:PORT")
        if address not in self._channels:
            self._channels[address] = client.channel(address, tls=Settings(service="cli"))
        return self._channels[address]


def service_named(name: str) -> str:
    """One of the services. Raises Misuse."""
    if name not in SERVICES:
        raise Misuse(f"--service: {name} is none of {', '.join(SERVICES)}")
    return name


def _runtime(options: Options) -> Running | None:
    if options.address:
        return None
    found = find_running(options.data_dir)
    if not found:
        where = f" in {options.data_dir}" if options.data_dir else ""
        raise Misuse(f"nothing runs{where}: start it with `fengqiao up`, or give --address and a token")
    return found[0]


def _addresses(given: tuple[str, ...], running: Running | None) -> dict[str, str]:
    """Addresses by service; under the empty name that of all others."""
    if running:
        return running.rpc
    addresses = {}
    for word in given:
        service, _, address = word.rpartition("=")
        if service:
            service_named(service)
        addresses[service] = address
    return addresses


def _tokens(options: Options, running: Running | None) -> Callable[[], str]:
    file, token = options.token_file, options.token
    if file:
        try:
            read = file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise Misuse(f"--token-file: {file} can't be read ({type(error).__name__})") from None
        return lambda: read
    if token:
        return lambda: token
    if running is None:
        raise Misuse(
            "with --address a token is needed: --token-file FILE, or FENGQIAO_TOKEN in the environment"
        )
    issuer = running.issuer
    subject = options.subject or NOBODY_IN_PARTICULAR
    return lambda: issuer.mint(options.role, subject, options.site, options.unit or ("*",))


def _plain(message: Message) -> dict[str, Any]:
    plain: dict[str, Any] = MessageToDict(message, preserving_proto_field_name=True)
    return plain
