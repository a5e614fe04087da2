"""The lists and the second try, called by gRPC as anybody."""

from pathlib import Path
from typing import Any

import grpc
import pytest

from fengqiao.common.v1.common_pb2 import TIER_COMMUNITY, CommandMeta
from fengqiao.intake.v1 import events_pb2 as intake
from fengqiao.notify.v1 import notify_service_pb2 as rpc
from fengqiao.routing.v1 import events_pb2 as routing
from services.chassis.auth import methods_of
from services.notify.__main__ import wire
from services.notify.rpc import RULES
from services.notify.settings import NotifySettings
from tests.integration.notify.conftest import House, Refusal, contact, event, reference, resolved

OWNER = routing.Assignment(
    tier=TIER_COMMUNITY, unit_id="jili/c1", post_id="post:jili/c1", holder_ref="leader-1"
)


def escalated(person_ref: str = "p-1") -> routing.CaseEscalated:
    return routing.CaseEscalated(
        case=reference(person_ref), assignment=OWNER, reason=routing.MOVE_REASON_TIMEOUT
    )


def supervised() -> routing.SupervisionOrdered:
    return routing.SupervisionOrdered(case=reference(), assignment=OWNER, reason=routing.MOVE_REASON_TIMEOUT)


def again(delivery_id: str, key: str = "key-00000001") -> rpc.RedeliverRequest:
    return rpc.RedeliverRequest(meta=CommandMeta(idempotency_key=key), delivery_id=delivery_id)


async def failed(house: House, person: int = 1) -> str:
    """A delivery that the mail server refused; its id."""
    house.mail.answers[f"canary{person}@example.org"] = "550 no such user"
    await house.hear(event(resolved(f"p-{person}"), f"case-{person}"))
    await house.send()
    house.mail.answers.clear()
    [delivery] = await house.deliveries(status=rpc.DELIVERY_STATUS_FAILED)
    return delivery.delivery_id


def test_the_table_answers_for_every_method() -> None:
    services = rpc.DESCRIPTOR.services_by_name.values()
    assert sorted(RULES) == sorted(methods_of(services))


async def test_deliveries_are_listed_by_case_recipient_and_status(house: House) -> None:
    await house.hear(event(escalated("p-1"), "case-1"), event(escalated("p-2"), "case-2"))
    assert len(await house.deliveries()) == 6
    assert {d.case_id for d in await house.deliveries(case_id="case-2")} == {"case-2"}
    assert {d.recipient_ref for d in await house.deliveries(recipient_ref="leader-1")} == {"leader-1"}
    pending = await house.deliveries(status=rpc.DELIVERY_STATUS_PENDING)
    assert {(d.channel, d.recipient_ref) for d in pending} == {("email", "p-1"), ("email", "p-2")}
    assert all(d.HasField("next_attempt_at") and not d.HasField("ended_at") for d in pending)
    await house.send()
    assert await house.deliveries(status=rpc.DELIVERY_STATUS_PENDING) == []
    assert len(await house.deliveries(status=rpc.DELIVERY_STATUS_DELIVERED)) == 6


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
async def test_pages_show_everything_once_newest_first(house: House, size: int) -> None:
    for number in range(4):
        await house.hear(
            event(supervised(), f"case-{number}"), event(escalated(), f"case-{number}", sequence=2)
        )
        house.clock.move(1)
    token, seen = "", []
    while True:
        request = rpc.ListDeliveriesRequest(page_size=size, page_token=token)
        page = await house.call("ListDeliveries", request)
        seen += [(d.created_at.ToNanoseconds(), d.delivery_id) for d in page.deliveries]
        token = page.next_page_token
        if not token:
            break
    assert len(seen) == len(set(seen)) == 4 * 7
    assert [at for at, _ in seen] == sorted((at for at, _ in seen), reverse=True)


async def test_a_resident_reads_their_own_notices_and_nobody_elses(house: House) -> None:
    await house.hear(event(escalated("p-1"), "case-1"), event(escalated("p-2"), "case-2"))
    own = await house.call(
        "ListNotices", rpc.ListNoticesRequest(recipient_ref="p-1", locale="en"), "resident", sub="p-1"
    )
    [notice] = own.notices
    assert notice.case_id == "case-1"
    assert notice.subject == "Your request JILI-000001 went one tier up"
    assert "2 March 2026, 16:55" in notice.text
    assert {d.recipient_ref for d in await house.deliveries("resident", sub="p-1")} == {"p-1"}
    for name, request in (
        ("ListNotices", rpc.ListNoticesRequest(recipient_ref="p-2")),
        ("ListDeliveries", rpc.ListDeliveriesRequest(recipient_ref="p-2")),
    ):
        refused = await house.refusal(name, request, "resident", sub="p-1")
        assert refused.code is grpc.StatusCode.PERMISSION_DENIED
    assert await house.deliveries("resident", sub="p-1", case_id="case-2") == []


async def test_a_light_reporter_reads_how_their_sighting_ended_and_nothing_said_to_them_otherwise(
    house: House,
) -> None:
    given = intake.FeedbackGiven(
        request_no="JILI-000001", site_id="jili", reporter_ref="p-1", feedback=intake.FEEDBACK_NOT_TAKEN_UP
    )
    await house.hear(
        event(given, "case-1", topic="fengqiao.intake.events"), event(escalated("p-1"), "case-2")
    )

    async def told(role: str, sub: str, recipient_ref: str = "") -> list[str]:
        request = rpc.ListNoticesRequest(recipient_ref=recipient_ref or sub, locale="en")
        units = ("jili",) if role == "reporter" else ()
        answer = await house.call("ListNotices", request, role, sub=sub, units=units)
        return [notice.subject for notice in answer.notices]

    own = "What became of your sighting JILI-000001: it was not taken up"
    assert await told("reporter", "p-1") == [own]
    assert await told("reporter", "p-1", "post:jili/c1") == [own]
    assert await told("reporter", "p-2") == await told("reporter", "p-2", "reporter:p-1") == []
    assert await told("resident", "p-1") == ["Your request JILI-000001 went one tier up"]
    refused = await house.refusal("ListDeliveries", rpc.ListDeliveriesRequest(), "reporter", sub="p-1")
    assert refused.code is grpc.StatusCode.PERMISSION_DENIED


async def test_notices_are_rendered_in_the_sites_language_unless_another_is_asked_for(house: House) -> None:
    await house.hear(event(escalated()))
    request = rpc.ListNoticesRequest(recipient_ref="leader-1")
    [notice] = (await house.call("ListNotices", request)).notices
    assert notice.subject == "诉求 JILI-000001 上升至您处办理"


async def test_a_handler_reads_what_is_addressed_to_them_and_to_the_posts_of_their_units(
    house: House,
) -> None:
    await house.hear(event(supervised(), sequence=1), event(escalated(), sequence=2))

    async def told(recipient_ref: str, **who: Any) -> list[str]:
        request = rpc.ListNoticesRequest(recipient_ref=recipient_ref, locale="en")
        answer = await house.call("ListNotices", request, "handler", **who)
        return [notice.subject for notice in answer.notices]

    holder = {"sub": "leader-1", "units": ("jili/c1",)}
    assert await told("leader-1", **holder) == ["Case JILI-000001 came up to you"]
    assert await told("post:jili/c1", **holder) == ["Supervision order: case JILI-000001"]
    assert await told("p-1", **holder) == []
    assert await told("desk:jili", **holder) == []
    stranger = {"sub": "leader-2", "units": ("jili/c2",)}
    assert await told("post:jili/c1", **stranger) == []
    assert await told("leader-1", **stranger) == []


async def test_another_sites_desk_sees_nothing(house: House) -> None:
    await house.hear(event(escalated()))
    assert await house.deliveries(site="boston") == []
    assert len(await house.deliveries(site="*")) == 3


async def test_a_failed_delivery_is_sent_when_the_desk_asks_again(house: House) -> None:
    delivery_id = await failed(house)
    answer = await house.call("Redeliver", again(delivery_id))
    assert answer.delivery.status == rpc.DELIVERY_STATUS_PENDING
    assert (answer.delivery.attempts, answer.delivery.reason) == (0, "")
    await house.send()
    assert [d.delivery_id for d in await house.deliveries(status=rpc.DELIVERY_STATUS_DELIVERED)].count(
        delivery_id
    ) == 1
    assert len(house.mail.mails) == 1


async def test_asking_again_with_the_same_key_gets_the_same_answer_whatever_happened_since(
    house: House,
) -> None:
    delivery_id = await failed(house)
    first = await house.call("Redeliver", again(delivery_id))
    await house.send()
    assert await house.call("Redeliver", again(delivery_id)) == first
    assert len(house.mail.mails) == 1


async def test_the_same_key_for_another_delivery_is_refused(house: House) -> None:
    delivery_id = await failed(house)
    await house.call("Redeliver", again(delivery_id))
    other = delivery_id.replace("/email/", "/in_app/")
    refused = await house.refusal("Redeliver", again(other))
    assert (refused.code, refused.reason) == (grpc.StatusCode.ALREADY_EXISTS, "idempotency_key_reused")


async def test_what_did_not_fail_is_not_sent_again(house: House) -> None:
    await house.hear(event(resolved()))
    await house.send()
    for delivery in await house.deliveries():
        refused = await house.refusal("Redeliver", again(delivery.delivery_id))
        assert refused == Refusal(grpc.StatusCode.FAILED_PRECONDITION, "illegal_transition", [])


async def test_a_delivery_that_is_not_there_is_named_missing_only_to_who_may_see_all(house: House) -> None:
    delivery_id = await failed(house)
    for missing in ("nonsense", delivery_id + "x"):
        refused = await house.refusal("Redeliver", again(missing), units=("*",))
        assert refused.code is grpc.StatusCode.NOT_FOUND
    assert (await house.refusal("Redeliver", again("nonsense"))).code is grpc.StatusCode.PERMISSION_DENIED
    elsewhere = await house.refusal("Redeliver", again(delivery_id), site="boston", units=("*",))
    assert elsewhere.code is grpc.StatusCode.PERMISSION_DENIED


@pytest.mark.parametrize("role", ["resident", "handler", "clerk", "supervisor", "replay", "service"])
async def test_only_desk_and_operator_may_ask_for_another_try(house: House, role: str) -> None:
    refused = await house.refusal("Redeliver", again("any"), role)
    assert refused.code is grpc.StatusCode.PERMISSION_DENIED


async def test_a_token_of_somebody_else_is_named(house: House) -> None:
    for token in ("nonsense", "e30=", "WzEsMiwzXQ==", "WyIyMDI2LTAzLTAyIiwgImEiLCAwXQ=="):
        refused = await house.refusal("ListDeliveries", rpc.ListDeliveriesRequest(page_token=token))
        assert refused == Refusal(
            grpc.StatusCode.INVALID_ARGUMENT, "invalid_argument", ["page_token: not_a_token_of_ours"]
        )


async def test_somebody_whose_address_came_late_is_told_when_the_desk_asks_again(house: House) -> None:
    known = house.vault.contacts.pop("p-1")
    await house.hear(event(resolved()))
    await house.send()
    [delivery] = await house.deliveries(status=rpc.DELIVERY_STATUS_FAILED)
    assert delivery.reason == "no_address"
    house.vault.contacts["p-1"] = known
    await house.call("Redeliver", again(delivery.delivery_id))
    await house.send()
    assert house.mail.mails[0]["To"] == contact().email


async def test_with_a_template_missing_the_service_is_not_ready_and_says_which(
    notify_settings: NotifySettings, tmp_path: Path
) -> None:
    (tmp_path / "templates").mkdir()
    service = wire(notify_settings.model_copy(update={"templates": tmp_path / "templates"}))
    try:
        [reason] = service.base.readiness.reasons
        assert reason.code == "templates"
        assert "en/case_resolved: TemplateNotFound" in reason.detail
    finally:
        await service.base.close()
