"""Hotspots on a real store: requests counted once as they come in, and what stands out by gRPC."""

import asyncio
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import grpc

from fengqiao.intake.v1.events_pb2 import RequestSubmitted, WithdrawalRequested
from fengqiao.routing.v1 import analysis_service_pb2 as rpc
from services.chassis.consumer import Received
from services.chassis.envelope import Envelope, header_map, to_headers
from services.chassis.store import database
from services.routing.domain import REQUESTS
from services.routing.hotspots.arrivals import Arrivals
from tests.integration.routing.conftest import NEIGHBOURS, TOP, VILLAGE, House
from tests.kit.edge import Who

TODAY = date(2026, 3, 2)
STRANGER = Who("supervisor", ("jili/hedong",), "p-stranger")


def record(
    offset: int, day: date = TODAY, *, kind: str = "noise.street", unit: str = NEIGHBOURS, key: str = ""
) -> Received:
    key = key or str(uuid4())
    event = RequestSubmitted(request_no="JILI-1", site_id="jili", person_ref="p", kind=kind, unit_id=unit)
    at = datetime(day.year, day.month, day.day, 2, 0, tzinfo=UTC)
    envelope = Envelope(
        f"intake/{key}/{REQUESTS}/1",
        event.DESCRIPTOR.full_name,
        "/fengqiao/intake",
        key,
        "jili",
        at,
        at,
        1,
        b"",
        "",
        event.SerializeToString(),
    )
    return Received(REQUESTS, 0, offset, key.encode(), envelope.data, header_map(to_headers(envelope)))


async def counts(house: House) -> Counter[tuple[str, str, str]]:
    found = await house.arrivals.between("jili", date(2020, 1, 1), TODAY)
    return Counter({(f"{each.day}", each.unit_code, each.kind): each.number for each in found})


async def look(house: House, **more: object) -> rpc.ListHotspotsResponse:
    answer: rpc.ListHotspotsResponse = await house.call("ListHotspots", **{"unit_code": TOP, **more})  # type: ignore[arg-type]  # fields
    return answer


async def test_a_batch_that_comes_again_counts_nothing_twice(house: House) -> None:
    batch = [record(n) for n in range(5)]
    await house.arrivals.count(batch[:3])
    await house.arrivals.count(batch)
    assert await counts(house) == {("2026-03-02", NEIGHBOURS, "noise.street"): 5}
    await Arrivals(house.base).count(batch)
    assert (await counts(house)).total() == 5


async def test_a_request_that_was_published_again_counts_once(house: House) -> None:
    case_id = await house.case_at(TOP)
    await house.arrivals.count([record(0, key="same"), record(1, key="same"), record(2, key=case_id)])
    assert (await counts(house)).total() == 1


async def test_two_workers_that_count_at_once_lose_nothing(house: House) -> None:
    batch, other = [record(n) for n in range(20)], Arrivals(house.base)
    await house.arrivals.count(batch[:5])
    await other.count(batch[:10])
    await asyncio.gather(house.arrivals.count(batch), other.count(batch))
    assert (await counts(house)).total() == 20


async def test_what_is_no_request_is_not_counted(house: House) -> None:
    other = record(0)
    headers = other.headers | {"ce_type": WithdrawalRequested.DESCRIPTOR.full_name}
    broken = Received(REQUESTS, 0, 1, b"k", b"", {})
    await house.arrivals.count([Received(REQUESTS, 0, 0, other.key, other.value, headers), broken])
    assert not await counts(house)


async def test_a_day_is_the_sites_day(house: House) -> None:
    late = record(0)
    headers = late.headers | {"ce_time": "2026-03-01T23:30:00.000Z"}
    await house.arrivals.count([Received(REQUESTS, 0, 0, late.key, late.value, headers)])
    assert list(await counts(house)) == [("2026-03-02", NEIGHBOURS, "noise.street")]


async def test_what_stands_out_is_told_with_what_it_was_compared_with(house: House) -> None:
    weeks = [TODAY - timedelta(days=7 * n) for n in range(1, 12)]
    before = [record(n, day) for n, day in enumerate(weeks)]
    now = [record(100 + n, TODAY - timedelta(days=n % 7)) for n in range(12)]
    await house.arrivals.count([*before, *now])
    answer = await look(house)
    [spot] = answer.hotspots
    assert (spot.unit_code, spot.kind, spot.count, spot.expected) == (NEIGHBOURS, "noise.street", 12, 1.0)
    assert 0 < spot.p_value <= spot.adjusted <= answer.false_alarm_rate == 0.05
    days = (answer.since, answer.until, answer.compared_since)
    assert days == ("2026-02-24", "2026-03-02", "2025-12-30")
    assert answer.tested == 8
    assert not (await look(house, unit_code=VILLAGE, day="2026-02-22")).hotspots


async def test_a_house_that_began_this_week_says_so_instead_of_alarming(house: House) -> None:
    await house.arrivals.count([record(n) for n in range(40)])
    answer = await look(house)
    assert (answer.too_little_known, answer.tested, list(answer.hotspots)) == (True, 0, [])


async def test_hotspots_are_of_the_callers_units_and_windows_are_whole_weeks(house: House) -> None:
    refused = await house.refusal("ListHotspots", STRANGER, unit_code=TOP)
    assert refused.code is grpc.StatusCode.PERMISSION_DENIED
    refused = await house.refusal("ListHotspots", unit_code=TOP, window_days=5)
    assert refused.code is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_count_knows_no_person_and_no_case(house: House) -> None:
    await house.arrivals.count([record(7, key="a-case")])
    [raw] = database("routing")["arrivals"].find({})
    assert raw == {
        "_id": "jili/2026-03-02/0",
        "site": "jili",
        "day": "2026-03-02",
        "upto": 7,
        "counts": [[NEIGHBOURS, "noise.street", 1]],
    }
