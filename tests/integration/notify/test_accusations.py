"""Notices of accusations (检举控告): apart in the store, on a topic of their own, shown to two alone."""

import grpc
import pytest

from fengqiao.common.v1.common_pb2 import CommandMeta
from fengqiao.intake.v1 import events_pb2 as intake
from fengqiao.notify.v1 import notify_service_pb2 as rpc
from fengqiao.petition.v1 import events_pb2 as petition
from services.chassis.consumer import Received
from services.notify.domain import EVENTS, RESTRICTED
from tests.integration.notify.conftest import House, event

INTAKE, PETITION = "fengqiao.intake.restricted", "fengqiao.petition.restricted"
ACCUSED = "jili/c1"


def submitted() -> Received:
    message = intake.AccusationSubmitted(
        request_no="JILI-000001",
        site_id="jili",
        kind="accusation",
        accused_unit_id=ACCUSED,
        channel="online",
        person_ref="p-1",
    )
    return event(message, topic=INTAKE)


def replied() -> Received:
    of = petition.PetitionReference(
        request_no="JILI-000001",
        site_id="jili",
        person_ref="p-1",
        unit_id="jili",
        accused_unit_id=ACCUSED,
    )
    return event(petition.PetitionReplied(petition=of, outcome="handed_to_discipline"), topic=PETITION)


@pytest.mark.parametrize("role", ["desk", "operator", "clerk", "supervisor", "handler", "petition_officer"])
async def test_nobody_of_the_house_sees_that_there_is_one(house: House, role: str) -> None:
    await house.hear_restricted(submitted(), replied())
    seen = await house.deliveries(role, sub="post:jili/c1", units=["*"])
    assert seen == []
    by_name = await house.deliveries("desk", recipient_ref="p-1", units=["*"])
    assert by_name == []


async def test_the_accuser_and_the_inspectors_are_told(house: House) -> None:
    await house.hear_restricted(submitted(), replied())
    mine = await house.deliveries("resident", sub="p-1")
    assert sorted((d.template, d.channel) for d in mine) == [
        ("accusation_received", "email"),
        ("accusation_received", "in_app"),
        ("accusation_replied", "email"),
        ("accusation_replied", "in_app"),
    ]
    theirs = await house.deliveries("inspector", sub="inspector-1", units=["jili"])
    assert [(d.template, d.channel) for d in theirs] == [("accusation_arrived", "in_app")]


async def test_a_resident_sees_notices_of_both_books_in_one_list(house: House) -> None:
    await house.hear_restricted(submitted())
    house.clock.move(1)
    await house.hear(event(petition_receipt(), "case-2", topic="fengqiao.petition.events"))
    answer = await house.call(
        "ListNotices", rpc.ListNoticesRequest(recipient_ref="p-1", locale="en"), "resident", sub="p-1"
    )
    assert [notice.subject.split()[0] for notice in answer.notices] == ["Your", "No."]


def petition_receipt() -> petition.ReceiptNotified:
    of = petition.PetitionReference(
        request_no="JILI-000002", site_id="jili", person_ref="p-1", unit_id=ACCUSED
    )
    return petition.ReceiptNotified(petition=of, manner="post")


async def test_the_accuser_gets_a_mail_that_names_neither_matter_nor_unit(house: House) -> None:
    await house.hear_restricted(submitted())
    assert await house.send() == 0
    assert await house.loop(restricted=True).run_once() == 1
    [mail] = house.mail.mails
    text = f"{mail['Subject']} {mail.get_content()}"
    assert "JILI-000001" in text
    assert ACCUSED not in text
    assert "accus" not in text.lower()


async def test_what_became_of_its_notices_is_told_on_the_restricted_topic_alone(house: House) -> None:
    await house.hear_restricted(submitted())
    await house.loop(restricted=True).run_once()
    topics = {topic for topic, _ in house.broker.sent}
    assert topics == {RESTRICTED}
    assert EVENTS not in topics
    assert await house.notices() == []


async def test_a_failed_notice_of_one_is_for_inspectors_to_try_again(house: House) -> None:
    house.mail.answers["canary1@example.org"] = "550 no such user"
    await house.hear_restricted(submitted())
    await house.loop(restricted=True).run_once()
    house.mail.answers.clear()
    [failed] = [d for d in await house.deliveries("resident", sub="p-1") if d.channel == "email"]
    assert failed.status == rpc.DELIVERY_STATUS_FAILED
    again = rpc.RedeliverRequest(
        meta=CommandMeta(idempotency_key="key-00000001"), delivery_id=failed.delivery_id
    )
    for role in ("desk", "operator"):
        refusal = await house.refusal("Redeliver", again, role, units=["*"])
        assert refusal.code is grpc.StatusCode.NOT_FOUND
    await house.call("Redeliver", again, "inspector", sub="inspector-1", units=["jili"])
    await house.loop(restricted=True).run_once()
    assert len(house.mail.mails) == 1
