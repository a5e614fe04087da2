"""The gRPC edge: every call passes the same gate, and every error leaves by the same door."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_status import rpc_status
from structlog.testing import capture_logs

from fengqiao.common.v1 import operations_service_pb2 as operations
from fengqiao.common.v1.operations_service_pb2_grpc import OperationsServiceStub
from fengqiao.intake.v1 import intake_service_pb2 as intake
from fengqiao.routing.v1 import routing_service_pb2 as routing
from fengqiao.routing.v1.routing_service_pb2_grpc import (
    RoutingServiceStub,
    add_RoutingServiceServicer_to_server,
)
from services.chassis import client, errors, refusals, rpc
from services.chassis.auth import Role, Rule, Verifier
from services.chassis.clock import process_time
from services.chassis.operations import add_operations
from services.chassis.readiness import Readiness
from tests.unit.chassis.edge import RULES, Board, Keys, Obedient, key_file, settings
from tests.waiting import until_async

KEYS = Keys()
OPERATOR = client.bearer(KEYS.mint())
STATUS = operations.GetStatusRequest()
NOW = Timestamp(seconds=1_700_000_000)
WARM = 5.0
"""Seconds that a call may take on a slow machine before the test gives up."""

Open = Callable[..., AbstractAsyncContextManager["Door"]]


class Door:
    """A server that runs, and a channel to it."""

    def __init__(self, port: int, channel: grpc.aio.Channel, readiness: Readiness) -> None:
        self.port = port
        self.channel = channel
        self.readiness = readiness
        self.operations: Any = OperationsServiceStub(channel)
        self.routing: Any = RoutingServiceStub(channel)
        self.health: Any = health_pb2_grpc.HealthStub(channel)

    async def status(self, metadata: Any = OPERATOR, deadline: float | None = WARM) -> Any:
        """Call GetStatus."""
        return await self.operations.GetStatus(STATUS, metadata=metadata, timeout=deadline)

    async def serving(self) -> Any:
        """What the health service says; it asks for no token."""
        answer = await self.health.Check(health_pb2.HealthCheckRequest(), timeout=WARM)
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


@pytest.fixture
def opened(tmp_path: Path) -> Open:
    """Serve an obedient servicer."""
    keys = key_file(tmp_path, KEYS)

    @asynccontextmanager
    async def serve(
        servicer: Obedient | None = None, board: Board | None = None, **changes: Any
    ) -> AsyncIterator[Door]:
        readiness = Readiness()
        chosen = settings(**{"jwt_public_keys": keys} | changes)
        servicers: list[tuple[Callable[[Any, Any], None], Any]] = [(add_operations, servicer or Obedient())]
        if board:
            servicers.append((add_RoutingServiceServicer_to_server, board))
        async with (
            rpc.serving(chosen, servicers, RULES, readiness) as port,
            client.channel(f"127.0.0.1:{port}") as channel,
        ):
            yield Door(port, channel, readiness)

    return serve


async def refused(call: Any) -> grpc.aio.AioRpcError:
    """The error that a call ends in."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value


def details(error: grpc.aio.AioRpcError) -> dict[str, Any]:
    """The details that an error carries, by kind."""
    status = rpc_status.from_call(error)  # type: ignore[arg-type]  # AioRpcError is enough of a call
    found: dict[str, Any] = {}
    for packed in status.details if status else ():
        for kind in (error_details_pb2.ErrorInfo, error_details_pb2.BadRequest, error_details_pb2.RetryInfo):
            unpacked = kind()
            if packed.Unpack(unpacked):
                found[kind.DESCRIPTOR.name] = unpacked
    return found


def acts(error: BaseException) -> Callable[[Any], Any]:
    async def act(_context: Any) -> None:
        raise error

    return act


async def wait_for_ever(_context: Any) -> None:
    await asyncio.Event().wait()


# -- who is let in -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "metadata",
    [
        (),
        (("authorization", ""),),
        (("authorization", "Bearer"),),
        (("authorization", "Bearer nonsense"),),
        (("authorization", f"Basic {KEYS.mint()}"),),
        (("authorization", KEYS.mint()),),
        client.bearer(Keys().mint()),
        client.bearer(KEYS.mint(exp=process_time() - timedelta(minutes=1))),
    ],
    ids=["none", "empty", "no-token", "nonsense", "basic", "no-scheme", "forged", "ended"],
)
async def test_without_a_sound_token_nobody_gets_further(opened: Open, metadata: Any) -> None:
    servicer = Obedient()
    async with opened(servicer) as door:
        error = await refused(door.status(metadata))
    assert error.code() is grpc.StatusCode.UNAUTHENTICATED
    assert details(error)["ErrorInfo"].reason == "unauthenticated"
    assert servicer.callers == []


async def test_the_scheme_of_a_token_is_read_in_any_case(opened: Open) -> None:
    async with opened() as door:
        assert (await door.status((("authorization", f"bearer {KEYS.mint()}"),))).service == "post-7"


async def test_a_role_that_the_table_does_not_name_is_refused(opened: Open) -> None:
    servicer = Obedient()
    async with opened(servicer) as door:
        error = await refused(door.status(client.bearer(KEYS.mint(role="clerk"))))
    assert error.code() is grpc.StatusCode.PERMISSION_DENIED
    assert servicer.callers == []


async def test_a_method_that_is_not_in_the_table_is_refused(opened: Open) -> None:
    async with opened() as door:
        call = door.operations.ListDeadLetters(
            operations.ListDeadLettersRequest(), metadata=OPERATOR, timeout=WARM
        )
        assert (await refused(call)).code() is grpc.StatusCode.PERMISSION_DENIED


async def test_a_stranger_learns_nothing_of_what_is_wrong_with_the_message(opened: Open) -> None:
    bad = operations.MoveReplayClockRequest(site_id="NO")
    async with opened() as door:
        stranger = await refused(door.operations.MoveReplayClock(bad, timeout=WARM))
        outsider = await refused(
            door.operations.MoveReplayClock(
                bad, metadata=client.bearer(KEYS.mint(role="service")), timeout=WARM
            )
        )
    assert stranger.code() is grpc.StatusCode.UNAUTHENTICATED
    assert outsider.code() is grpc.StatusCode.PERMISSION_DENIED
    assert "BadRequest" not in details(stranger) | details(outsider)


async def test_calls_at_the_same_time_see_each_its_own_caller(opened: Open) -> None:
    here = asyncio.Event()

    async def meet(_context: Any) -> None:
        if len(servicer.callers) == 20:
            here.set()
        await here.wait()

    servicer = Obedient(meet)
    async with opened(servicer) as door:
        names = [f"post-{n}" for n in range(20)]
        answers = await asyncio.gather(*(door.status(client.bearer(KEYS.mint(sub=name))) for name in names))
    assert [answer.service for answer in answers] == names


async def test_without_readable_keys_callers_are_told_to_come_again(opened: Open, tmp_path: Path) -> None:
    (tmp_path / "broken.pem").write_text("-----BEGIN PUBLIC KEY-----\nx\n-----END PUBLIC KEY-----\n")
    async with opened(jwt_public_keys=tmp_path / "broken.pem") as door:
        assert (await refused(door.status())).code() is grpc.StatusCode.UNAVAILABLE


# -- what is wrong with a message ----------------------------------------------------------------------------


async def test_every_wrong_field_is_named(opened: Open) -> None:
    async with opened() as door:
        call = door.operations.MoveReplayClock(
            operations.MoveReplayClockRequest(site_id="NO"), metadata=OPERATOR, timeout=WARM
        )
        error = await refused(call)
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert client.details_of(error) == ("invalid_argument", ["site_id: string.pattern", "to: required"])


async def test_a_sound_message_comes_through(opened: Open) -> None:
    async with opened() as door:
        request = operations.MoveReplayClockRequest(site_id="jili", to=NOW)
        answer = await door.operations.MoveReplayClock(request, metadata=OPERATOR, timeout=WARM)
    assert answer.now == NOW


def test_a_field_is_named_by_its_whole_path() -> None:
    wrong = refusals.violations(
        routing.BatchGetCasesRequest(case_ids=["7d0c1f8e-8f5a-4f7e-9b1a-0a3f2b1c4d5e", "x"])
    )
    assert [(v.field, v.reason) for v in wrong] == [("case_ids[1]", "string.uuid")]
    with pytest.raises(errors.Invalid):
        refusals.validate(intake.SubmitRequestRequest())


async def test_a_message_that_is_too_big_is_refused_before_it_is_read(opened: Open) -> None:
    servicer = Obedient()
    async with opened(servicer) as door:
        big = operations.MoveReplayClockRequest(site_id="x" * (rpc.MAX_MESSAGE_BYTES + 1))
        async with grpc.aio.insecure_channel(
            f"127.0.0.1:{door.port}", options=[("grpc.max_send_message_length", -1)]
        ) as channel:
            stub: Any = OperationsServiceStub(channel)
            error = await refused(stub.MoveReplayClock(big, metadata=OPERATOR, timeout=WARM))
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


# -- how a call ends -----------------------------------------------------------------------------------------

ENDS = [
    (errors.Invalid([errors.Violation("kind", "unknown")]), "INVALID_ARGUMENT"),
    (errors.NotFound("no such case"), "NOT_FOUND"),
    (errors.Forbidden("no right"), "PERMISSION_DENIED"),
    (errors.Unauthenticated("who?"), "UNAUTHENTICATED"),
    (errors.IllegalTransition("it is closed", state="closed", allowed="reopen"), "FAILED_PRECONDITION"),
    (errors.NotYetRouted("wait", retry_after_ms="200"), "FAILED_PRECONDITION"),
    (errors.StaleRevision("it moved on", revision="7"), "ABORTED"),
    (errors.KeyReused("another body"), "ALREADY_EXISTS"),
    (errors.Contended("again", retry_after_ms="100"), "UNAVAILABLE"),
    (errors.TooLarge("too large"), "RESOURCE_EXHAUSTED"),
    (errors.Infrastructure("store: away"), "UNAVAILABLE"),
]


def test_every_refusal_of_the_chassis_has_its_code() -> None:
    kinds = {kind for kind in errors.CommandError.__subclasses__() if kind.__module__ == errors.__name__}
    assert {type(error) for error, _ in ENDS} == kinds | {errors.Infrastructure}
    assert set(refusals.CODES) == kinds


@pytest.mark.parametrize(("error", "code"), ENDS, ids=lambda value: type(value).__name__)
async def test_a_refusal_ends_in_its_code_with_its_details(opened: Open, error: Exception, code: str) -> None:
    async with opened(Obedient(acts(error))) as door:
        caught = await refused(door.status())
    assert caught.code().name == code
    assert str(error) in str(caught.details())
    told = details(caught)
    if isinstance(error, errors.CommandError):
        assert told["ErrorInfo"].reason == error.reason
        assert told["ErrorInfo"].domain == "fengqiao"
        assert dict(told["ErrorInfo"].metadata) == error.details
    if code == "UNAVAILABLE" or isinstance(error, errors.NotYetRouted):
        assert told["RetryInfo"].retry_delay.ToMilliseconds() > 0
    assert ("BadRequest" in told) == isinstance(error, errors.Invalid)


class UnknownRefusal(errors.CommandError):
    """One that a service makes up for itself."""

    reason = "out_of_paper"


async def test_a_refusal_that_has_no_code_of_its_own_is_a_failed_precondition(opened: Open) -> None:
    async with opened(Obedient(acts(UnknownRefusal("no paper")))) as door:
        caught = await refused(door.status())
    assert caught.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert client.details_of(caught)[0] == "out_of_paper"


async def test_a_mistake_of_ours_shows_an_id_that_the_log_has_and_nothing_else(opened: Open) -> None:
    with capture_logs() as logs:
        async with opened(Obedient(acts(RuntimeError("Wang Lihua")))) as door:
            caught = await refused(door.status())
    assert caught.code() is grpc.StatusCode.INTERNAL
    assert "Wang" not in str(caught)
    [line] = (line for line in logs if line["event"] == "rpc_failed")
    assert line["error_id"] in str(caught.details())
    assert line["error"] == "RuntimeError"


async def test_an_operating_systems_timeout_is_no_deadline_of_the_caller(opened: Open) -> None:
    async with opened(Obedient(acts(TimeoutError("the store's socket")))) as door:
        assert (await refused(door.status())).code() is grpc.StatusCode.INTERNAL


async def test_a_call_ends_with_its_deadline_and_so_does_its_handler(opened: Open) -> None:
    ended = asyncio.Event()

    async def hang(_context: Any) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with opened(Obedient(hang)) as door:
        error = await refused(door.status(deadline=0.2))
        await asyncio.wait_for(ended.wait(), WARM)
    assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_a_call_without_a_deadline_gets_one(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rpc, "DEFAULT_DEADLINE_S", 0.1)
    async with opened(Obedient(wait_for_ever)) as door:
        error = await refused(door.status(deadline=None))
    assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED


# -- streams -------------------------------------------------------------------------------------------------


def watch(door: Door, metadata: Any = OPERATOR, site: str = "jili") -> Any:
    return door.routing.WatchBoard(routing.WatchBoardRequest(site_id=site, follow=True), metadata=metadata)


async def test_a_stream_has_no_deadline_of_its_own_and_sees_its_caller(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rpc, "DEFAULT_DEADLINE_S", 0.05)
    seen = []

    async def stream() -> AsyncIterator[routing.WatchBoardResponse]:
        for number in range(3):
            seen.append(rpc.principal().subject)
            yield routing.WatchBoardResponse(climbs=number)
            await asyncio.sleep(0.05)

    async with opened(board=Board(stream)) as door:
        assert [message.climbs async for message in watch(door)] == [0, 1, 2]
    assert seen == ["post-7"] * 3


async def test_an_error_in_the_midst_of_a_stream_ends_it_with_its_code(opened: Open) -> None:
    async def stream() -> AsyncIterator[routing.WatchBoardResponse]:
        yield routing.WatchBoardResponse()
        raise errors.Infrastructure("store: away")

    got = []
    async with opened(board=Board(stream)) as door:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            got.extend([message async for message in watch(door)])
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_a_stream_is_for_callers_with_a_right_and_for_sound_messages(opened: Open) -> None:
    async def stream() -> AsyncIterator[routing.WatchBoardResponse]:
        yield routing.WatchBoardResponse(climbs=-1)

    async with opened(board=Board(stream)) as door:
        for call, code in (
            (watch(door, ()), grpc.StatusCode.UNAUTHENTICATED),
            (watch(door, client.bearer(KEYS.mint(role="resident"))), grpc.StatusCode.PERMISSION_DENIED),
            (watch(door, site="NO"), grpc.StatusCode.INVALID_ARGUMENT),
        ):
            assert (await refused(call.read())).code() is code


async def test_who_leaves_a_stream_ends_its_handler(opened: Open) -> None:
    ended = asyncio.Event()

    async def stream() -> AsyncIterator[routing.WatchBoardResponse]:
        try:
            yield routing.WatchBoardResponse()
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with opened(board=Board(stream)) as door:
        call = watch(door)
        await call.read()
        call.cancel()
        await asyncio.wait_for(ended.wait(), WARM)


async def test_an_upload_has_no_deadline_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rpc, "DEFAULT_DEADLINE_S", 0.05)
    seen = []

    async def upload(rows: AsyncIterator[routing.BoardCell], _context: Any) -> routing.BoardCell:
        seen.append(rpc.principal().subject)
        return routing.BoardCell(count=sum([row.count async for row in rows]))

    assert await through_the_gate(tmp_path, upload, slowly(1, 2, 3)) == 6
    assert seen == ["post-7"]


async def slowly(*counts: int) -> AsyncIterator[routing.BoardCell]:
    for count in counts:
        yield routing.BoardCell(count=count)
        await asyncio.sleep(0.05)


async def through_the_gate(folder: Path, upload: Any, rows: AsyncIterator[routing.BoardCell]) -> int:
    """Call a handler that takes a stream and answers once, through the gate alone."""

    rules = {"/toy.Toy/Upload": Rule(frozenset({Role.OPERATOR}))}
    gate = rpc.Gate(Verifier(key_file(folder, KEYS), production=True), rules)
    server = grpc.aio.server(interceptors=[gate])
    handler = grpc.stream_unary_rpc_method_handler(
        upload, routing.BoardCell.FromString, routing.BoardCell.SerializeToString
    )
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("toy.Toy", {"Upload": handler}),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with client.channel(f"127.0.0.1:{port}") as channel:
            call: Any = channel.stream_unary(
                "/toy.Toy/Upload", routing.BoardCell.SerializeToString, routing.BoardCell.FromString
            )
            return int((await call(rows, metadata=OPERATOR)).count)
    finally:
        await server.stop(None)


# -- health, reflection, the end -----------------------------------------------------------------------------


async def test_health_follows_readiness_and_needs_no_token(opened: Open) -> None:
    async with opened() as door:
        await until_async(door.serving)
        door.readiness.wait("store", "store away")

        async def gone() -> Any:
            return not await door.serving()

        await until_async(gone)
        door.readiness.clear("store")
        await until_async(door.serving)


async def test_single_cases_that_are_stuck_leave_the_service_healthy(opened: Open) -> None:
    async with opened() as door:
        await until_async(door.serving)
        door.readiness.name_cases("behind", 2, ["c-1", "c-2"])
        await asyncio.sleep(0)
        assert await door.serving()


async def test_a_call_in_flight_is_finished_while_health_says_no(opened: Open) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(_context: Any) -> None:
        begun.set()
        await go_on.wait()

    async def release() -> None:
        await begun.wait()
        await asyncio.sleep(0.2)
        go_on.set()

    async with asyncio.TaskGroup() as tasks, opened(Obedient(slow)) as door:
        call = tasks.create_task(door.status())
        tasks.create_task(release())
        await begun.wait()
        await call
    assert call.result().service == "post-7"


@pytest.mark.parametrize("environment", ["production", "development"])
async def test_reflection_is_off_in_production(opened: Open, environment: str) -> None:
    async with opened(environment=environment) as door:
        stub: Any = reflection_pb2_grpc.ServerReflectionStub(cast("Any", door.channel))
        asked = reflection_pb2.ServerReflectionRequest(list_services="")
        call = stub.ServerReflectionInfo(iter([asked]), timeout=WARM)
        if environment == "production":
            assert (await refused(call.read())).code() is grpc.StatusCode.UNIMPLEMENTED
        else:
            listed = {service.name for service in (await call.read()).list_services_response.service}
            assert "fengqiao.common.v1.OperationsService" in listed


# -- certificates --------------------------------------------------------------------------------------------


class Authority:
    """A certificate authority that lives as long as a test."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
        self.ca = folder / "ca.pem"
        self.ca.write_bytes(self._sign(self._name, self._key.public_key(), authority=True))

    def issue(self, name: str) -> dict[str, Path]:
        """Settings of a certificate for 127.0.0.1."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        paths = {"tls_cert": self._folder / f"{name}.pem", "tls_key": self._folder / f"{name}.key"}
        paths["tls_cert"].write_bytes(self._sign(subject, key.public_key(), authority=False))
        paths["tls_key"].write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return paths

    def _sign(self, subject: x509.Name, key: ec.EllipticCurvePublicKey, *, authority: bool) -> bytes:
        made = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
            .not_valid_after(datetime(2100, 1, 1, tzinfo=UTC))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        return made.public_bytes(serialization.Encoding.PEM)


async def test_between_services_both_sides_show_a_certificate(opened: Open, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    (tmp_path / "other").mkdir()
    stranger = Authority(tmp_path / "other")
    theirs = settings(tls_ca=authority.ca, **authority.issue("client"))
    nameless = settings(tls_ca=authority.ca)
    forged = settings(tls_ca=authority.ca, **stranger.issue("client"))
    async with opened(tls_ca=authority.ca, **authority.issue("server")) as door:
        answers = {}
        for who, tls in {"theirs": theirs, "nameless": nameless, "forged": forged, "plain": None}.items():
            async with client.channel(f"localhost:{door.port}", tls=tls) as channel:
                stub: Any = OperationsServiceStub(channel)
                try:
                    answers[who] = (await stub.GetStatus(STATUS, metadata=OPERATOR, timeout=WARM)).service
                except grpc.aio.AioRpcError as error:
                    answers[who] = error.code().name
    assert answers == {
        "theirs": "post-7",
        "nameless": "UNAVAILABLE",
        "forged": "UNAVAILABLE",
        "plain": "UNAVAILABLE",
    }


def test_a_services_token_is_read_anew_for_each_call(tmp_path: Path) -> None:
    path = tmp_path / "service.jwt"
    path.write_text("one\n")
    assert client.token_from(path) == (("authorization", "Bearer one"),)
    path.write_text("two")
    assert client.token_from(path) == (("authorization", "Bearer two"),)
    assert client.token_from(None) == ()
