"""Streams pass the gate as single calls do, message by message; so do bytes that are no message."""

from collections.abc import AsyncIterable, AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from fengqiao.common.v1.common_pb2 import CommandMeta
from fengqiao.intake.v1 import intake_service_pb2 as intake
from fengqiao.intake.v1.intake_service_pb2_grpc import (
    IntakeServiceServicer,
    IntakeServiceStub,
    add_IntakeServiceServicer_to_server,
)
from services.chassis import client, rpc
from services.chassis.auth import Role, Rule
from services.chassis.readiness import Readiness
from services.chassis.settings import Settings
from tests.unit.chassis.edge import Keys, key_file
from tests.waiting import until_async

SERVICE = "fengqiao.intake.v1.IntakeService"
IMPORT, WATCH = f"/{SERVICE}/ImportRequests", f"/{SERVICE}/WatchTimeline"
OPERATOR = frozenset({Role.OPERATOR})
KEYS = Keys()
CALLER = client.bearer(KEYS.mint())
CASE = "6b0f2f0e-6f0a-5c1e-9d43-0c1a7f3f2b10"
SECONDS = 5.0

Row = intake.ImportRequestsRequest


class Counter(IntakeServiceServicer):
    """Echoes the rows that it was given, whatever they hold."""

    def __init__(self) -> None:
        self.rows: list[int] = []
        self.entered = 0

    async def ImportRequests(  # noqa: N802 - gRPC's name
        self, request: AsyncIterable[intake.ImportRequestsRequest], context: Any
    ) -> intake.ImportRequestsResponse:
        del context
        self.entered += 1
        async for row in request:
            self.rows.append(row.row)
        assert rpc.principal().role is Role.OPERATOR
        return intake.ImportRequestsResponse(verdicts=[intake.ImportVerdict(row=row) for row in self.rows])

    async def WatchTimeline(  # noqa: N802 - gRPC's name
        self, request: intake.WatchTimelineRequest, context: Any
    ) -> AsyncIterator[intake.WatchTimelineResponse]:
        del context
        self.entered += 1
        yield intake.WatchTimelineResponse(cursor=request.cursor)
        yield intake.WatchTimelineResponse(cursor=rpc.principal().subject)


class Door:
    def __init__(self, channel: grpc.aio.Channel, servicer: Counter, readiness: Readiness) -> None:
        self.channel = channel
        self.servicer = servicer
        self.readiness = readiness
        self.stub: Any = IntakeServiceStub(channel)

    async def send(self, rows: Sequence[Row], metadata: Any = CALLER) -> Any:
        return await self.stub.ImportRequests(iter(rows), metadata=metadata, timeout=SECONDS)

    async def send_bytes(self, method: str, data: bytes) -> object:
        """Call a method of one request with bytes that nobody checked."""
        call: Any = self.channel.unary_unary(method)
        return await call(data, metadata=CALLER, timeout=SECONDS)


Open = Callable[..., AbstractAsyncContextManager[Door]]


@pytest.fixture
def opened(tmp_path: Path) -> Open:
    keys = key_file(tmp_path, KEYS)

    @asynccontextmanager
    async def serve(*, verdict_each: bool = False, allowed: bool = True) -> AsyncIterator[Door]:
        rules = {IMPORT: Rule(OPERATOR, verdict_each=verdict_each), WATCH: Rule(OPERATOR)} if allowed else {}
        servicer, readiness = Counter(), Readiness()  # type: ignore[abstract]  # the rest is not called
        settings = Settings(service="toy", jwt_public_keys=keys)
        servicers = [(add_IntakeServiceServicer_to_server, servicer)]
        async with (
            rpc.serving(settings, servicers, rules, readiness) as port,
            client.channel(f"127.0.0.1:{port}") as channel,
        ):
            yield Door(channel, servicer, readiness)

    return serve


async def refused(call: Any) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value


async def drained(stream: Any) -> list[Any]:
    return [response async for response in stream]


def sound(number: int) -> Row:
    body = intake.RequestBody(site_id="jili", kind="drain.blocked", channel="online", title="Drain")
    meta = CommandMeta(idempotency_key=f"import/{number:04d}")
    return Row(row=number, submission=intake.SubmitRequestRequest(meta=meta, request=body))


async def test_sound_rows_come_through_in_order(opened: Open) -> None:
    async with opened() as door:
        answer = await door.send([sound(number) for number in (1, 2, 3)])
    assert [verdict.row for verdict in answer.verdicts] == [1, 2, 3]


async def test_a_wrong_row_ends_the_stream_and_is_named_with_its_place(opened: Open) -> None:
    async with opened() as door:
        error = await refused(door.send([sound(1), Row(row=-1), sound(3)]))
        assert door.servicer.rows == [1]
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    reason, fields = client.details_of(error)
    assert reason == "invalid_argument"
    assert fields == ["[1].row: int64.gte"]


async def test_where_the_table_says_so_each_row_is_left_to_the_handler(opened: Open) -> None:
    async with opened(verdict_each=True) as door:
        answer = await door.send([sound(1), Row(row=-1), sound(3)])
    assert [verdict.row for verdict in answer.verdicts] == [1, -1, 3]


@pytest.mark.parametrize(
    ("metadata", "code"),
    [
        ((), grpc.StatusCode.UNAUTHENTICATED),
        (client.bearer(Keys().mint()), grpc.StatusCode.UNAUTHENTICATED),
        (client.bearer(KEYS.mint(role="resident")), grpc.StatusCode.PERMISSION_DENIED),
    ],
    ids=["nobody", "forged", "another role"],
)
async def test_streams_both_ways_are_closed_to_who_has_no_right(
    opened: Open, metadata: Any, code: grpc.StatusCode
) -> None:
    async with opened() as door:
        error = await refused(door.send([sound(1)], metadata))
        assert error.code() is code
        request = intake.WatchTimelineRequest(case_id=CASE)
        stream = door.stub.WatchTimeline(request, metadata=metadata, timeout=SECONDS)
        error = await refused(drained(stream))
        assert error.code() is code
        assert door.servicer.entered == 0


async def test_streams_that_no_row_names_are_closed_to_everybody(opened: Open) -> None:
    async with opened(allowed=False) as door:
        assert (await refused(door.send([sound(1)]))).code() is grpc.StatusCode.PERMISSION_DENIED
        request = intake.WatchTimelineRequest(case_id=CASE)
        stream = door.stub.WatchTimeline(request, metadata=CALLER, timeout=SECONDS)
        assert (await refused(drained(stream))).code() is grpc.StatusCode.PERMISSION_DENIED
        assert door.servicer.entered == 0


async def test_the_request_of_a_stream_of_answers_is_validated(opened: Open) -> None:
    async with opened() as door:
        wrong = intake.WatchTimelineRequest(case_id="no id", cursor="c" * 65)
        error = await refused(drained(door.stub.WatchTimeline(wrong, metadata=CALLER, timeout=SECONDS)))
        assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert {f.partition(":")[0] for f in client.details_of(error)[1]} == {"case_id", "cursor"}
        right = intake.WatchTimelineRequest(case_id=CASE, cursor="c")
        answers = await drained(door.stub.WatchTimeline(right, metadata=CALLER, timeout=SECONDS))
        assert [answer.cursor for answer in answers] == ["c", "post-7"]


@pytest.mark.parametrize("verdict_each", [False, True])
async def test_bytes_that_are_no_message_are_the_callers_mistake(opened: Open, *, verdict_each: bool) -> None:
    async with opened(verdict_each=verdict_each) as door:
        for method in (IMPORT, WATCH):
            error = await refused(door.send_bytes(method, b"\xff\xff\xff"))
            assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
            assert "not_decodable" in str(error.details())


async def test_health_is_told_for_the_process_and_for_each_service_of_it(opened: Open) -> None:
    async with opened() as door:
        health: Any = health_pb2_grpc.HealthStub(door.channel)

        async def states() -> set[int]:
            found = set()
            for name in ("", SERVICE):
                request = health_pb2.HealthCheckRequest(service=name)
                found.add((await health.Check(request, timeout=SECONDS)).status)
            return found

        async def all_serving() -> Any:
            return await states() == {health_pb2.HealthCheckResponse.SERVING}

        async def none_serving() -> Any:
            return await states() == {health_pb2.HealthCheckResponse.NOT_SERVING}

        await until_async(all_serving)
        door.readiness.wait("store", "away")
        await until_async(none_serving)
        door.readiness.wait("behind", "1: case", blocks=False)
        door.readiness.clear("store")
        await until_async(all_serving)


async def test_readiness_may_change_after_its_server_is_gone(opened: Open) -> None:
    async with opened() as door:
        readiness = door.readiness
    readiness.wait("stopping", "asked to stop")
    assert not readiness._listeners


async def test_an_authority_without_a_certificate_of_ones_own_never_serves_in_the_clear() -> None:
    half = Settings(service="toy", tls_ca=Path("ca.pem"))
    with pytest.raises(ValueError, match="in the clear"):
        async with rpc.serving(half, [], {}, Readiness()):
            raise AssertionError("it serves")


def test_a_stream_on_which_nothing_happens_is_not_hung_up_on() -> None:
    """A server takes it for abuse when clients ask more often than it likes whether it is there."""
    asks = dict(client.OPTIONS)["grpc.keepalive_time_ms"]
    assert dict(rpc.OPTIONS)["grpc.http2.min_ping_interval_without_data_ms"] < asks
