"""The services as people and systems reach them: one actor per role, each with a token of its own."""

import itertools
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from types import TracebackType
from typing import Any, Self, TypeVar
from uuid import uuid4

import grpc
import pytest
from google.protobuf.message import Message
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from deploy.local.runtime import Running
from fengqiao.common.v1 import operations_service_pb2 as operations
from fengqiao.common.v1.common_pb2 import CommandMeta
from fengqiao.common.v1.operations_service_pb2_grpc import OperationsServiceStub
from fengqiao.intake.v1 import intake_service_pb2 as intake
from fengqiao.intake.v1.intake_service_pb2_grpc import IntakeServiceStub
from fengqiao.mediation.v1.mediation_service_pb2_grpc import MediationServiceStub
from fengqiao.notify.v1 import notify_service_pb2 as notify
from fengqiao.notify.v1.notify_service_pb2_grpc import NotifyServiceStub
from fengqiao.petition.v1.petition_service_pb2_grpc import PetitionServiceStub
from fengqiao.routing.v1 import routing_service_pb2 as routing
from fengqiao.routing.v1.directory_service_pb2_grpc import DirectoryServiceStub
from fengqiao.routing.v1.force_service_pb2_grpc import ForceServiceStub
from fengqiao.routing.v1.person_service_pb2_grpc import PersonServiceStub
from fengqiao.routing.v1.routing_service_pb2_grpc import RoutingServiceStub
from services.chassis.client import bearer
from services.chassis.consumer import Received
from services.chassis.envelope import header_map
from services.chassis.protobuf import timestamp
from tests.waiting import until

T = TypeVar("T")

JILI, BOSTON, SONGXI = "jili", "boston", "songxi"
STREET, COMMUNITY, SECTION, NEIGHBOURS = "jili", "jili/hexi", "jili/hexi/s1", "jili/hexi/s1/n1"
"""The units of jili, one per tier, top first."""

PATIENCE_S = 30.0
"""How long a journey waits for what is on its way; two cores may be busy."""


class House:
    """Stubs of all services, and the actors that call them."""

    def __init__(self, running: Running) -> None:
        """Use as a context manager: it holds channels."""
        self.running = running
        self._run = uuid4().hex[:6]
        self._numbers = itertools.count(1)
        # A service that was restarted shall be seen soon, not after the usual back-off.
        options = [("grpc.max_reconnect_backoff_ms", 500), ("grpc.initial_reconnect_backoff_ms", 200)]
        self._channels = {name: grpc.insecure_channel(at, options) for name, at in running.rpc.items()}
        self.intake = IntakeServiceStub(self._channels["intake"])
        self.routing = RoutingServiceStub(self._channels["routing"])
        self.directory = DirectoryServiceStub(self._channels["routing"])
        self.persons = PersonServiceStub(self._channels["routing"])
        self.forces = ForceServiceStub(self._channels["routing"])
        self.notify = NotifyServiceStub(self._channels["notify"])
        self.mediation = MediationServiceStub(self._channels["mediation"])
        self.petition = PetitionServiceStub(self._channels["petition"])
        self.operations = {name: OperationsServiceStub(self._channels[name]) for name in running.rpc}
        self.topics = Topics(running.kafka_bootstrap)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.topics.close()
        for channel in self._channels.values():
            channel.close()

    def name(self, what: str) -> str:
        """A name that nothing else has, also when parts keep what earlier runs left."""
        return f"{what}-{self._run}-{next(self._numbers)}"

    def resident(self, site: str = JILI) -> "Actor":
        """Somebody who lives there; the subject of their token is their reference."""
        return Actor(self, "resident", self.name("p"), site)

    def clerk(self, site: str = JILI) -> "Actor":
        """Who takes down at the counter what people say."""
        return Actor(self, "clerk", self.name("clerk"), site, ("*",))

    def leader(self, unit_id: str, site: str = JILI) -> "Actor":
        """The holder of the post that answers for a unit."""
        return Actor(self, "handler", f"leader-{unit_id.rpartition('/')[2]}", site, (unit_id,))

    def desk(self, site: str = JILI) -> "Actor":
        """The command desk: sees and may do everything at its site."""
        return Actor(self, "desk", self.name("desk"), site, ("*",))

    def mediator(self, ref: str, site: str = JILI) -> "Actor":
        """A mediator of the site's list."""
        return Actor(self, "mediator", ref, site)

    def petition_officer(self, *units: str, site: str = JILI) -> "Actor":
        """Who handles petitions for an organ; the sub-district's when none is named."""
        return Actor(self, "petition_officer", self.name("officer"), site, units or (STREET,))

    def inspector(self, *units: str, site: str = JILI) -> "Actor":
        """Who may handle accusations."""
        return Actor(self, "inspector", self.name("inspector"), site, units or ("*",))

    def operator(self) -> "Actor":
        """Who keeps the house running."""
        return Actor(self, "operator", self.name("operator"), "*", ("*",))

    def replay(self) -> "Actor":
        """Who replays a city's record."""
        return Actor(self, "replay", self.name("replay"), BOSTON, ("*",))

    def replay_everywhere(self) -> "Actor":
        """A replay that may act at any site, also at one that there is none of."""
        return Actor(self, "replay", self.name("replay"), "*", ("*",))

    def publish(self, topic: str, *records: "Outgoing") -> None:
        """Publish records in order; returns when the broker has them."""
        producer: Any = KafkaProducer(bootstrap_servers=self.running.kafka_bootstrap, acks="all")
        try:
            sent = []
            for record in records:
                headers = [(name, text.encode()) for name, text in record.headers.items()]
                sent.append(producer.send(topic, record.value, key=record.key, headers=headers))
            for each in sent:
                each.get(timeout=PATIENCE_S)
        finally:
            producer.close()


class Topics:
    """Reads topics from their beginning; what it has read it remembers, so that asking again costs little."""

    def __init__(self, bootstrap: str) -> None:
        """Connects when first asked."""
        self._bootstrap = bootstrap
        self._consumer: Any = None
        self._read: dict[str, list[Received]] = {}
        self._next: dict[TopicPartition, int] = {}

    def names(self) -> list[str]:
        """Every topic there is."""
        return sorted(self._client().topics())

    def read(self, topic: str) -> list[Received]:
        """Every record of a topic as it is now, in order within its partitions."""
        client = self._client()
        there = [TopicPartition(topic, p) for p in sorted(client.partitions_for_topic(topic) or ())]
        found = self._read.setdefault(topic, [])
        client.assign(there)
        ends = client.end_offsets(there) if there else {}
        for partition in there:
            client.seek(partition, self._next.get(partition, 0))
        while any(client.position(partition) < end for partition, end in ends.items()):
            for records in client.poll(timeout_ms=200, max_records=2000).values():
                found += [
                    Received(r.topic, r.partition, r.offset, r.key, r.value, header_map(r.headers))
                    for r in records
                ]
        self._next |= {partition: client.position(partition) for partition in there}
        return list(found)

    def close(self) -> None:
        """Disconnect."""
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None

    def _client(self) -> Any:
        if self._consumer is None:
            self._consumer = KafkaConsumer(
                bootstrap_servers=self._bootstrap,
                group_id=None,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                metadata_max_age_ms=1_000,
            )
        return self._consumer


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A record to publish."""

    key: bytes
    value: bytes | None
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody or something in one role; each command gets a fresh idempotency key unless one is given."""

    house: House
    role: str
    subject: str
    site: str
    units: tuple[str, ...] = ()

    def at(self, *units: str) -> "Actor":
        """The same person acting for other units."""
        return replace(self, units=units)

    def call(self, method: Callable[..., T], request: Message, timeout: float = PATIENCE_S) -> T:
        """Call a method as this actor."""
        return method(request, metadata=self._token(), timeout=timeout)

    def stream(self, method: Callable[..., Any], request: Message, timeout: float = PATIENCE_S) -> Any:
        """A stream's call; cancel it when enough was read."""
        return method(request, metadata=self._token(), timeout=timeout)

    def meta(self, key: str = "", *, at: datetime | None = None, revision: int | None = None) -> CommandMeta:
        """What travels with a command."""
        meta = CommandMeta(idempotency_key=key or self.house.name("key"), expected_revision=revision)
        if at:
            meta.occurred_at.CopyFrom(timestamp(at))
        return meta

    # -- intake ------------------------------------------------------------------------------------------

    def put_contact(self, **contact: str) -> str:
        """Put a contact into the vault; returns the person's reference."""
        request = intake.PutContactRequest(
            meta=self.meta(), site_id=self.site, contact=intake.Contact(**contact)
        )
        return self.call(self.house.intake.PutContact, request).person_ref

    def submission(
        self, key: str = "", *, at: datetime | None = None, due_at: datetime | None = None, **fields: Any
    ) -> intake.SubmitRequestRequest:
        """A sound submission; `fields` replace what it says."""
        given = {
            "site_id": self.site,
            "kind": "noise.night",
            "unit_id": NEIGHBOURS if self.site == JILI else "boston",
            "channel": "online",
            "title": "Noise at night",
            "person_ref": self.subject if self.role == "resident" else "",
            **fields,
        }
        body = intake.RequestBody(**given)
        if due_at:
            body.due_at.CopyFrom(timestamp(due_at))
        return intake.SubmitRequestRequest(meta=self.meta(key, at=at), request=body)

    def submit(self, key: str = "", **fields: Any) -> intake.SubmitRequestResponse:
        """Submit a request; see `submission`."""
        return self.call(self.house.intake.SubmitRequest, self.submission(key, **fields))

    def request(self, case_id: str) -> intake.Request:
        """The request as intake has it."""
        return self.call(self.house.intake.GetRequest, intake.GetRequestRequest(case_id=case_id)).request

    def track(self, code: str) -> intake.TrackRequestResponse:
        """What the tracking code shows."""
        return self.call(self.house.intake.TrackRequest, intake.TrackRequestRequest(tracking_code=code))

    def timeline(self, case_id: str, cursor: str = "") -> list[intake.WatchTimelineResponse]:
        """The timeline from a cursor on, as it is now."""
        request = intake.WatchTimelineRequest(case_id=case_id, cursor=cursor)
        return list(self.stream(self.house.intake.WatchTimeline, request))

    def follow(self, case_id: str, cursor: str = "") -> Generator[intake.WatchTimelineResponse, None, None]:
        """The timeline from a cursor on, and what comes; cancelled when the caller closes the generator."""
        request = intake.WatchTimelineRequest(case_id=case_id, cursor=cursor, follow=True)
        stream = self.stream(self.house.intake.WatchTimeline, request)
        try:
            yield from stream
        finally:
            stream.cancel()

    def withdraw(self, case_id: str, reason: str = "settled_elsewhere") -> int:
        """Take the request back; returns the revision."""
        request = intake.WithdrawRequestRequest(meta=self.meta(), case_id=case_id, reason=reason)
        return self.call(self.house.intake.WithdrawRequest, request).revision

    def ask_up(self, case_id: str, reason: str = "too_slow") -> int:
        """Ask to go one tier up; returns the revision."""
        request = intake.RequestEscalationRequest(meta=self.meta(), case_id=case_id, reason=reason)
        return self.call(self.house.intake.RequestEscalation, request).revision

    def rate(self, case_id: str, rating: int, comment: str = "", *, solved: bool) -> int:
        """Answer whether it is solved; returns the revision."""
        request = intake.RateOutcomeRequest(
            meta=self.meta(), case_id=case_id, rating=rating, solved=solved, comment=comment
        )
        return self.call(self.house.intake.RateOutcome, request).revision

    def reopen(self, case_id: str, reason: str = "came_back") -> int:
        """Say that it is not settled after all; returns the revision."""
        request = intake.ReopenRequestRequest(meta=self.meta(), case_id=case_id, reason=reason)
        return self.call(self.house.intake.ReopenRequest, request).revision

    def register_source(self, source: str) -> intake.RegisterSourceResponse:
        """Register an agency's source for jili."""
        request = intake.RegisterSourceRequest(meta=self.meta(), source=source, site_id=JILI)
        return self.call(self.house.intake.RegisterSource, request)

    # -- routing -----------------------------------------------------------------------------------------

    def case(self, case_id: str) -> routing.Case:
        """The case as routing has it."""
        return self.call(self.house.routing.GetCase, routing.GetCaseRequest(case_id=case_id)).case

    def queue(self, unit_id: str) -> list[str]:
        """Ids of the unit's open cases, soonest due first."""
        request = routing.GetQueueRequest(unit_id=unit_id, page_size=500)
        return [case.case_id for case in self.call(self.house.routing.GetQueue, request).cases]

    def accept(self, case_id: str, **meta: Any) -> routing.Case:
        """Take a case on."""
        request = routing.AcceptCaseRequest(meta=self.meta(**meta), case_id=case_id)
        return self.call(self.house.routing.AcceptCase, request).case

    def progress(self, case_id: str, note: str = "", **meta: Any) -> routing.Case:
        """Report that something was done."""
        request = routing.ReportProgressRequest(
            meta=self.meta(**meta), case_id=case_id, progress="visited", note=note
        )
        return self.call(self.house.routing.ReportProgress, request).case

    def resolve(self, case_id: str, note: str = "", **meta: Any) -> routing.Case:
        """Say that it is settled."""
        request = routing.ResolveCaseRequest(
            meta=self.meta(**meta), case_id=case_id, outcome="agreed", note=note
        )
        return self.call(self.house.routing.ResolveCase, request).case

    def escalate(self, case_id: str, note: str = "beyond us", **meta: Any) -> routing.Case:
        """Lift it one tier."""
        request = routing.EscalateCaseRequest(meta=self.meta(**meta), case_id=case_id, note=note)
        return self.call(self.house.routing.EscalateCase, request).case

    def give_back(self, case_id: str, note: str = "not ours", **more: Any) -> routing.Case:
        """Say that it is not theirs."""
        request = routing.ReturnCaseRequest(meta=self.meta(), case_id=case_id, note=note, **more)
        return self.call(self.house.routing.ReturnCase, request).case

    def superior(self, name: str, case_id: str, **fields: Any) -> routing.Case:
        """What a superior, the desk or who answers them orders: RuleOnReturn, TransferCase, JudgeAnswer …"""
        request = getattr(routing, f"{name}Request")(meta=self.meta(), case_id=case_id, **fields)
        case: routing.Case = self.call(getattr(self.house.routing, name), request).case
        return case

    def board(self) -> routing.WatchBoardResponse:
        """The counts of the site, now."""
        [board] = self.stream(self.house.routing.WatchBoard, routing.WatchBoardRequest(site_id=self.site))
        return routing.WatchBoardResponse.FromString(board.SerializeToString())

    # -- notify ------------------------------------------------------------------------------------------

    def deliveries(self, case_id: str) -> list[notify.Delivery]:
        """Who was told of a case, as far as this actor may see it."""
        request = notify.ListDeliveriesRequest(case_id=case_id, page_size=500)
        return list(self.call(self.house.notify.ListDeliveries, request).deliveries)

    def notices(self, locale: str = "") -> list[notify.Notice]:
        """One's own in-app notices."""
        request = notify.ListNoticesRequest(recipient_ref=self.subject, locale=locale, page_size=500)
        return list(self.call(self.house.notify.ListNotices, request).notices)

    # -- operations --------------------------------------------------------------------------------------

    def status(self, service: str) -> operations.GetStatusResponse:
        """What a service says of itself."""
        return self.call(self.house.operations[service].GetStatus, operations.GetStatusRequest())

    # -- waiting -----------------------------------------------------------------------------------------

    def until_case(
        self, case_id: str, holds: Callable[[routing.Case], object] = lambda _case: True
    ) -> routing.Case:
        """Wait until routing has the case and something holds of it."""

        def look() -> routing.Case | None:
            case = self.case(case_id)
            return case if holds(case) else None

        return until(look, PATIENCE_S, f"case {case_id}")

    def until_owned_by(self, case_id: str, unit_id: str) -> routing.Case:
        """Wait until a unit has the case."""
        return self.until_case(case_id, lambda case: case.assignment.unit_id == unit_id)

    def until_request(self, case_id: str, status: intake.RequestStatus.ValueType) -> intake.Request:
        """Wait until the request has come to a status."""

        def look() -> intake.Request | None:
            request = self.request(case_id)
            return request if request.status == status else None

        return until(look, PATIENCE_S, f"request {case_id}: {intake.RequestStatus.Name(status)}")

    def until_told(self, case_id: str, *types: str) -> list[str]:
        """Wait until the timeline has entries of all these types; returns the types in order."""

        def look() -> list[str] | None:
            there = [entry_type(response) for response in self.timeline(case_id)]
            return there if all(there.count(name) >= types.count(name) for name in types) else None

        return until(look, PATIENCE_S, f"{', '.join(types)} in the timeline of {case_id}")

    def _token(self) -> tuple[tuple[str, str], ...]:
        return bearer(self.house.running.issuer.mint(self.role, self.subject, self.site, self.units))


def entry_type(response: intake.WatchTimelineResponse) -> str:
    """`CaseEscalated` of a timeline's entry."""
    return response.entry.type.rpartition(".")[2]


@dataclass(frozen=True, slots=True)
class Refusal:
    """How a call was refused; `fields` by name, `facts` the metadata of its reason."""

    code: grpc.StatusCode
    reason: str
    message: str
    fields: dict[str, str]
    facts: dict[str, str]


def refusal(call: Callable[[], object]) -> Refusal:
    """How a call is refused; fails when it is not."""
    with pytest.raises(grpc.RpcError) as caught:
        call()
    return refusal_of(caught.value)


def refusal_of(error: Any) -> Refusal:
    """The refusal in a failed call's error."""
    reason, fields, facts = "", {}, {}
    status = rpc_status.from_call(error)
    for packed in status.details if status else ():
        info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
        if packed.Unpack(info):
            reason, facts = info.reason, dict(info.metadata)
        elif packed.Unpack(bad):
            fields = {v.field: v.description for v in bad.field_violations}
    return Refusal(error.code(), reason, error.details(), fields, facts)
