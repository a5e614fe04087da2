"""People are told, in the application and by e-mail, once each; and what can't be told is on record."""

import email
from email.message import EmailMessage
from email.policy import default

from deploy.local.mailbox import file_stem, messages, repeats
from fengqiao.notify.v1 import notify_service_pb2 as notify
from services.notify.domain import message_id
from services.notify.settings import NotifySettings
from tests.journeys.clients import NEIGHBOURS, PATIENCE_S, SECTION, Actor, House, refusal
from tests.waiting import until

DOMAIN: str = NotifySettings.model_fields["message_id_domain"].default


def until_delivered(
    actor: Actor, case_id: str, template: str, channel: str, status: notify.DeliveryStatus.ValueType
) -> notify.Delivery:
    """Wait until one delivery of a case has come to a status."""

    def look() -> notify.Delivery | None:
        for delivery in actor.deliveries(case_id):
            if (delivery.template, delivery.channel, delivery.status) == (template, channel, status):
                return delivery
        return None

    return until(look, PATIENCE_S, f"{template} by {channel}")


def mail_of(house: House, delivery: notify.Delivery) -> EmailMessage:
    """The one message of a delivery."""
    stem = file_stem(message_id(delivery.delivery_id, DOMAIN))
    [path] = [path for path in messages(house.running.mails) if path.name.startswith(stem)]
    return email.message_from_bytes(path.read_bytes(), policy=default)


def test_a_resident_is_told_by_e_mail_and_in_the_application_in_their_language(house: House) -> None:
    resident = house.resident()
    address = f"{resident.subject}@example.org"
    assert resident.put_contact(name="Ms Chen", email=address, locale="en") == resident.subject
    submitted = resident.submit()
    case_id = submitted.case_id
    received = until_delivered(
        resident, case_id, "request_received", "email", notify.DELIVERY_STATUS_DELIVERED
    )
    mail = mail_of(house, received)
    assert mail["To"] == address
    assert submitted.request_no in mail["Subject"] + mail.get_content()
    # Stable: made of what it is about and to whom, nothing else, so that a repeated message is known as such.
    assert mail["Message-ID"] == message_id(received.delivery_id, DOMAIN)
    resident.until_case(case_id)
    resident.ask_up(case_id)
    until_delivered(resident, case_id, "case_escalated", "email", notify.DELIVERY_STATUS_DELIVERED)
    texts = {locale: resident.notices(locale) for locale in ("en", "zh-CN")}
    assert len(texts["en"]) == len(texts["zh-CN"]) >= 2
    assert all(submitted.request_no in notice.subject + notice.text for notice in texts["en"])
    assert {n.text for n in texts["en"]}.isdisjoint({n.text for n in texts["zh-CN"]})
    assert not [path for path in repeats(house.running.mails) if file_stem(address) in path.read_text()]


def test_the_leader_finds_a_notice_when_a_case_comes_to_their_post(house: House) -> None:
    resident, leader = house.resident(), house.leader(SECTION)
    case_id = resident.submit().case_id
    resident.until_case(case_id)
    house.leader(NEIGHBOURS).escalate(case_id)
    until(
        lambda: [notice for notice in leader.notices() if notice.case_id == case_id],
        PATIENCE_S,
        "a notice to the leader",
    )


def test_who_has_no_address_is_not_told_by_e_mail_until_there_is_one_and_somebody_asks(house: House) -> None:
    resident, desk = house.resident(), house.desk()
    case_id = resident.submit().case_id
    failed = until_delivered(resident, case_id, "request_received", "email", notify.DELIVERY_STATUS_FAILED)
    assert failed.reason == "no_address"
    resident.put_contact(name="Mr Hu", email=f"{resident.subject}@example.org", locale="zh-CN")
    request = notify.RedeliverRequest(meta=desk.meta(), delivery_id=failed.delivery_id)
    assert refusal(lambda: resident.call(house.notify.Redeliver, request)).code.name == "PERMISSION_DENIED"
    desk.call(house.notify.Redeliver, request)
    told = until_delivered(resident, case_id, "request_received", "email", notify.DELIVERY_STATUS_DELIVERED)
    assert told.delivery_id == failed.delivery_id
    assert mail_of(house, told)["To"] == f"{resident.subject}@example.org"
    # What happened is in the case's timeline, without saying who was told.
    assert resident.until_told(case_id, "NoticeFailed", "NoticeDelivered")
    assert resident.subject not in str(resident.timeline(case_id))


def test_nobody_reads_anothers_notices(house: House) -> None:
    resident, other = house.resident(), house.resident()
    case_id = resident.submit().case_id
    until(resident.notices, PATIENCE_S, "a notice")
    assert not other.deliveries(case_id)
    request = notify.ListNoticesRequest(recipient_ref=resident.subject)
    assert refusal(lambda: other.call(house.notify.ListNotices, request)).code.name == "PERMISSION_DENIED"
