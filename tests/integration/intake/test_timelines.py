"""Timelines on a real store: collected once, sorted by business time, followed by cursor, tracked by code."""

import asyncio
import json
from datetime import timedelta

import grpc
import pytest

from fengqiao.intake.v1 import intake_service_pb2 as rpc
from fengqiao.notify.v1.events_pb2 import NoticeDelivered
from fengqiao.routing.v1 import events_pb2 as routing
from fengqiao.routing.v1 import roster_events_pb2 as rosters
from services.chassis.consumer import Received
from services.intake.domain import EVENTS
from services.intake.timeline import OVERLAP
from tests.integration.intake.conftest import NOW, House, Sent, event, violations
from tests.waiting import until_async

ROUTING = "fengqiao.routing.events"
NOTIFY = "fengqiao.notify.events"
SUMMONSES = "fengqiao.routing.summonses"


def received(sent: Sent, offset: int) -> Received:
    return Received(sent.topic, 0, offset, sent.key, sent.value, sent.headers)


async def collect(house: House, *records: Received) -> None:
    await house.base.collecting(house.timeline.collect).take(records)


async def watch(house: House, case_id: str, cursor: str = "") -> list[rpc.WatchTimelineResponse]:
    request = rpc.WatchTimelineRequest(case_id=case_id, cursor=cursor)
    token = house.token("clerk", "clerk-1", "jili", [])
    return [response async for response in house.stub.WatchTimeline(request, metadata=token, timeout=20)]


def types(responses: list[rpc.WatchTimelineResponse]) -> list[str]:
    return [r.entry.type.rsplit(".", 1)[-1] for r in responses]


async def test_a_timeline_holds_every_services_events_by_business_time(house: House) -> None:
    case_id = (await house.submit()).case_id
    await until_async(lambda: house.broker.on(EVENTS))
    late = routing.CaseAccepted(unit_id="jili/c1")
    notice = NoticeDelivered(case_id=case_id, channel="email", recipient_ref="p-secret")
    await collect(
        house,
        event("notify", NOTIFY, "notice-1", 1, notice, NOW + timedelta(minutes=2)),
        event(
            "routing", ROUTING, case_id, 1, routing.CaseResolved(unit_id="jili/c1"), NOW + timedelta(hours=1)
        ),
        event("routing", ROUTING, case_id, 2, late, NOW + timedelta(minutes=1)),
        received(house.broker.on(EVENTS)[0], 0),
    )
    seen = await watch(house, case_id)
    assert types(seen) == ["RequestSubmitted", "CaseAccepted", "NoticeDelivered", "CaseResolved"]
    assert "p-secret" not in "".join(r.entry.data_json for r in seen)
    assert json.loads(seen[1].entry.data_json) == {"unitId": "jili/c1"}


async def test_redelivered_events_are_there_once(house: House) -> None:
    case_id = (await house.submit()).case_id
    accepted = event("routing", ROUTING, case_id, 1, routing.CaseAccepted(), NOW)
    for _ in range(3):
        await collect(house, accepted, accepted)
    assert types(await watch(house, case_id)) == ["CaseAccepted"]


async def test_a_summons_shows_in_its_cases_timeline_once_and_names_nobody(house: House) -> None:
    answer = await house.submit()
    about = rosters.SummonsReference(site_id="jili", department="gas-safety", case_id=answer.case_id)
    asked = rosters.AnswererSummoned(
        summons=about, person_ref="p-secret", next_refs=["p-secret"], summoned_by="p-secret", number=1
    )
    told = [
        asked,
        rosters.SummonsAnswered(summons=about, person_ref="p-secret"),
        rosters.SummonsUnanswered(summons=about, asked=2, summoned_by="p-secret"),
        rosters.SummonsWithdrawn(summons=about, withdrawn_by="p-secret", person_ref="p-secret"),
    ]
    events = [
        event("routing", SUMMONSES, f"summons-{nth}", 1, each, NOW + timedelta(minutes=nth))
        for nth, each in enumerate(told)
    ]
    for _ in range(2):
        await collect(house, *events, events[0])
    seen = await watch(house, answer.case_id)
    assert types(seen) == [type(each).__name__ for each in told]
    shown = "".join(each.entry.data_json for each in seen)
    assert shown.count("gas-safety") == len(told)
    assert "secret" not in shown
    request = rpc.TrackRequestRequest(tracking_code=answer.tracking_code)
    tracked = await house.call("TrackRequest", request, "resident", sub="p-anybody")
    assert [entry.type.rpartition(".")[2] for entry in tracked.entries] == types(seen)


async def test_an_event_that_cannot_be_read_is_reported_and_its_neighbours_are_kept(house: House) -> None:
    case_id = (await house.submit()).case_id
    bad = event("routing", ROUTING, case_id, 1, routing.CaseAccepted(), NOW)
    bad.headers["ce_type"] = "fengqiao.routing.v1.CaseEnlightened"
    await collect(house, bad, event("routing", ROUTING, case_id, 2, routing.CaseResolved(), NOW))
    assert types(await watch(house, case_id)) == ["CaseResolved"]
    [dead] = house.broker.on("fengqiao.intake.dead")
    assert dead.headers["dead-reason"] == "undeclared_type"


async def test_a_watcher_goes_on_from_its_cursor_and_drops_repeats(house: House) -> None:
    case_id = (await house.submit()).case_id
    await collect(house, event("routing", ROUTING, case_id, 1, routing.CaseAccepted(), NOW))
    before = await watch(house, case_id)
    house.clock.move(OVERLAP + timedelta(seconds=1))
    await collect(house, event("routing", ROUTING, case_id, 2, routing.CaseResolved(), NOW))
    after = await watch(house, case_id, before[-1].cursor)
    ids = {r.entry.event_id for r in before}
    assert types([r for r in after if r.entry.event_id not in ids]) == ["CaseResolved"]
    assert types(await watch(house, case_id, after[-1].cursor)) == ["CaseResolved"]


async def test_what_arrives_with_an_older_time_is_still_seen_from_a_newer_cursor(house: House) -> None:
    case_id = (await house.submit()).case_id
    await collect(house, event("routing", ROUTING, case_id, 1, routing.CaseAccepted(), NOW))
    [seen] = await watch(house, case_id)
    house.clock.move(timedelta(seconds=-30))  # a worker whose write hung, or whose clock is behind
    await collect(house, event("routing", ROUTING, case_id, 2, routing.CaseResolved(), NOW))
    assert "CaseResolved" in types(await watch(house, case_id, seen.cursor))


async def test_a_follower_is_told_what_comes_once(house: House) -> None:
    case_id = (await house.submit()).case_id
    await collect(house, event("routing", ROUTING, case_id, 1, routing.CaseAccepted(), NOW))
    token = house.token("clerk", "clerk-1", "jili", [])
    request = rpc.WatchTimelineRequest(case_id=case_id, follow=True)
    stream = house.stub.WatchTimeline(request, metadata=token, timeout=20)
    first = await stream.read()
    await collect(house, event("routing", ROUTING, case_id, 2, routing.CaseResolved(), NOW))
    second = await stream.read()
    assert types([first, second]) == ["CaseAccepted", "CaseResolved"]
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(stream.read(), 0.6)
    stream.cancel()


async def test_whoever_has_the_code_sees_states_and_times(house: House) -> None:
    answer = await house.submit()
    await house.routing_says(answer.case_id, routing.CaseResolved())
    await collect(house, event("routing", ROUTING, answer.case_id, 1, routing.CaseResolved(), NOW))
    request = rpc.TrackRequestRequest(tracking_code=answer.tracking_code)
    tracked = await house.call("TrackRequest", request, "resident", sub="p-anybody")
    assert (tracked.request_no, tracked.status) == (answer.request_no, rpc.REQUEST_STATUS_SETTLED)
    assert [entry.type.rsplit(".", 1)[-1] for entry in tracked.entries] == ["CaseResolved"]


async def test_a_code_of_no_request_is_not_found(house: House) -> None:
    refusal = await house.refusal("TrackRequest", rpc.TrackRequestRequest(tracking_code="A" * 12), "resident")
    assert refusal.code is grpc.StatusCode.NOT_FOUND


async def test_a_strange_cursor_is_refused_by_name(house: House) -> None:
    case_id = (await house.submit()).case_id
    request = rpc.WatchTimelineRequest(case_id=case_id, cursor="yesterday")
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await house.stub.WatchTimeline(
            request, metadata=house.token("clerk", "c", "jili", []), timeout=20
        ).read()
    assert error.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert violations(("cursor", "not_a_cursor_of_ours"))[0] in str(error.value.details())


async def test_a_stranger_watches_nothing(house: House) -> None:
    case_id = (await house.submit()).case_id
    request = rpc.WatchTimelineRequest(case_id=case_id)
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await house.stub.WatchTimeline(
            request, metadata=house.token("resident", "p-other", "jili", []), timeout=20
        ).read()
    assert error.value.code() is grpc.StatusCode.PERMISSION_DENIED
