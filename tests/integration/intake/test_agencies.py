"""Agencies' records on a real store: each has its verdict, once, and none is lost."""

import asyncio
import json
from datetime import timedelta
from typing import Any

from fengqiao.intake.v1 import events_pb2 as ev
from fengqiao.intake.v1 import intake_service_pb2 as rpc
from fengqiao.intake.v1.inbound_pb2 import InboundContact, InboundRequest
from services.chassis.consumer import Received
from services.chassis.envelope import PROTOBUF, STRUCTURED
from services.chassis.protobuf import timestamp
from services.chassis.store import database
from services.chassis.sweeper import Catchup
from services.intake.domain import EVENTS, REQUESTS, case_id_of, person_of
from services.intake.inbound import TYPE
from tests.integration.intake.conftest import NOW, House, Sent
from tests.waiting import until_async

REPLIES = "fengqiao.inbound.hotline.replies"
DEAD = "fengqiao.inbound.hotline.dead"
TOPIC = "fengqiao.inbound.hotline.requests"
BINARY = {"ce_specversion": "1.0", "ce_type": TYPE, "content-type": PROTOBUF}


def inbound(reference: str, offset: int, **changes: Any) -> Received:
    fields: dict[str, Any] = {
        "reference": reference,
        "kind": "noise",
        "site_id": "jili",
        "title": "Canary",
        "occurred_at": timestamp(NOW),
    }
    message = InboundRequest(**fields | changes)
    return Received(TOPIC, 0, offset, reference.encode(), message.SerializeToString(), BINARY)


def broken(offset: int) -> Received:
    return Received(TOPIC, 0, offset, b"x", b"\xff\xff Canary", BINARY)


async def replies(house: House, count: int) -> list[Sent]:
    await until_async(lambda: len(house.broker.on(REPLIES)) >= count, what="replies")
    return house.broker.on(REPLIES)


def offsets(sent: list[Sent]) -> dict[int, str]:
    """What was replied to each offset."""
    told = {}
    for record in sent:
        name = record.headers["ce_type"].rsplit(".", 1)[-1]
        message: Any = getattr(ev, name).FromString(record.value)
        reasons = [v.reason for v in getattr(message, "violations", ())]
        told[message.answers.offset] = ",".join([name, *reasons])
    return told


async def test_an_agencys_request_becomes_a_case_and_the_reply_names_it(house: House) -> None:
    await house.inbound().take([inbound("101", 5, urgent=True)])
    [reply] = await replies(house, 1)
    accepted = ev.SubmissionAccepted.FromString(reply.value)
    case_id = case_id_of("hotline", "101")
    assert (accepted.reference, accepted.case_id, accepted.request_no) == ("101", case_id, "JILI-000001")
    assert accepted.answers == ev.InboundPosition(topic=TOPIC, partition=0, offset=5)
    read = (await house.call("GetRequest", rpc.GetRequestRequest(case_id=case_id))).request
    assert (read.source, read.reference, read.body.channel) == ("hotline", "101", "agency")
    await until_async(lambda: house.broker.types(REQUESTS) == ["RequestSubmitted"])
    assert house.broker.types(EVENTS) == ["RequestSubmitted"]


async def test_a_redelivered_record_changes_nothing_and_the_reply_stands(house: House) -> None:
    for _ in range(3):
        await house.inbound().take([inbound("101", 5), broken(6)])
    told = await replies(house, 2)
    assert offsets(told) == {5: "SubmissionAccepted", 6: "SubmissionRejected,bad_protobuf"}
    assert len(told) == 2
    assert database(house.base.alias)["requests"].count_documents({}) == 1
    assert database(house.base.alias)["submissions"].count_documents({}) == 1


async def test_the_same_body_sent_again_is_the_same_case(house: House) -> None:
    await house.inbound().take([inbound("101", 5), inbound("101", 6)])
    await house.inbound().take([inbound("101", 7)])
    assert offsets(await replies(house, 1)) == {5: "SubmissionAccepted"}


async def test_a_reference_with_another_body_is_rejected(house: House) -> None:
    await house.inbound().take([inbound("101", 5), inbound("101", 6, title="Else")])
    await house.inbound().take([inbound("101", 7, title="Else again")])
    assert offsets(await replies(house, 3)) == {
        5: "SubmissionAccepted",
        6: "SubmissionRejected,reference_reused",
        7: "SubmissionRejected,reference_reused",
    }


async def test_broken_bytes_are_dead_lettered_and_rejected_and_their_neighbours_go_on(house: House) -> None:
    wrong = inbound("103", 3, kind="NOISE!")
    structured = json.dumps(
        {"specversion": "1.0", "type": TYPE, "data": {"reference": "104", "x": 1}}
    ).encode()
    foreign = Received(TOPIC, 0, 4, b"104", structured, {"content-type": STRUCTURED})
    await house.inbound().take([inbound("101", 1), broken(2), wrong, foreign, inbound("105", 5)])
    assert offsets(await replies(house, 5)) == {
        1: "SubmissionAccepted",
        2: "SubmissionRejected,bad_protobuf",
        3: "SubmissionRejected,string.pattern",
        4: "SubmissionRejected,unknown_field",
        5: "SubmissionAccepted",
    }
    [dead] = house.broker.on(DEAD)
    assert (dead.value, dead.headers["dead-reason"]) == (b"\xff\xff Canary", "bad_protobuf")
    assert dead.headers["dead-offset"] == "2"


async def test_what_an_agency_says_stays_off_the_houses_topics(house: House) -> None:
    contact = InboundContact(name="Canary Li", phone="0731 Canary")
    await house.inbound().take([inbound("101", 1, contact=contact, description="Canary"), broken(2)])
    await replies(house, 2)
    for record in house.broker.sent:
        if record.topic != DEAD:
            assert b"Canary" not in record.value + repr(record.headers).encode()


async def test_a_reporters_contact_is_in_the_vault_and_the_event_names_the_person(house: House) -> None:
    await house.inbound().take([inbound("101", 1, contact=InboundContact(name="Li", email="li@example.org"))])
    person_ref = person_of("hotline", "101")
    asked = rpc.ResolveContactRequest(person_ref=person_ref, purpose="notice")
    assert (await house.call("ResolveContact", asked)).contact.email == "li@example.org"
    read = await house.call("GetRequest", rpc.GetRequestRequest(case_id=case_id_of("hotline", "101")))
    assert read.request.body.person_ref == person_ref


async def test_a_crash_after_the_commit_loses_no_reply(house: House) -> None:
    house.broker.away = True
    await house.inbound().take([inbound("101", 1), inbound("102", 2, kind="NOISE!")])
    house.broker.away = False
    house.clock.move(timedelta(seconds=10))
    await house.base.sweeper(Catchup()).sweep_outboxes(range(64))
    told = offsets(await replies(house, 2))
    assert told == {1: "SubmissionAccepted", 2: "SubmissionRejected,string.pattern"}


async def test_while_the_broker_is_away_broken_bytes_wait_unacknowledged(house: House) -> None:
    house.broker.away = True
    taking = asyncio.create_task(house.inbound().take([broken(1)]))
    await until_async(lambda: not house.base.readiness.ready, what="a declared wait")
    assert not taking.done()
    house.broker.away = False
    await taking
    assert len(house.broker.on(DEAD)) == 1


async def test_sweeps_empty_both_kinds_of_outbox(house: House) -> None:
    await house.inbound().take([inbound("101", 1), broken(2)])
    await replies(house, 2)
    sweeper = house.base.sweeper(Catchup())
    base = database(house.base.alias)
    house.clock.move(timedelta(seconds=10))
    # One finds what waits, the next empties what it knows to be acknowledged.
    for _ in range(3):
        await sweeper.sweep_outboxes(range(64))
    for collection in ("requests", "submissions"):
        assert base[collection].count_documents({}) == 1
        assert base[collection].count_documents({"outbox": {"$ne": []}}) == 0


async def test_a_replayed_site_takes_in_what_its_clock_has_not_reached(house: House) -> None:
    record = inbound("101", 1, site_id="boston", occurred_at=timestamp(NOW + timedelta(days=1)))
    await house.inbound(site="boston").take([record])
    assert offsets(await replies(house, 1)) == {1: "SubmissionAccepted"}
