"""E-mail on a real store and a real mail server: once each, however servers, senders and stores fail."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP

from fengqiao.intake.v1.intake_service_pb2 import Contact
from services.chassis.errors import Infrastructure
from services.notify.domain import DELIVERED, FAILED, PENDING, SENDING
from services.notify.owed import IN_APP
from services.notify.rendering import Templates
from services.notify.senders import Letter, Outcome
from services.notify.senders.email import EmailSender
from services.notify.settings import NotifySettings
from tests.integration.notify.conftest import CLAIM_S, PAUSES_S, House, event, resolved
from tests.waiting import until_async

pytestmark = pytest.mark.filterwarnings(f"ignore::DeprecationWarning:{SMTP.__module__}")


class SenderDied(Exception):
    """What a sender's process leaves behind: nothing."""


class DyingSender(EmailSender):
    """Dies with its letters sent, or before."""

    sends_first = False

    async def send(self, letters: Sequence[Letter]) -> list[Outcome]:
        if self.sends_first:
            await super().send(letters)
        raise SenderDied


class SlowSender(EmailSender):
    """Sends when it is told to."""

    def __init__(self, settings: NotifySettings) -> None:
        super().__init__(settings)
        self.began, self.may_go_on = asyncio.Event(), asyncio.Event()

    async def send(self, letters: Sequence[Letter]) -> list[Outcome]:
        self.began.set()
        await self.may_go_on.wait()
        return await super().send(letters)


async def test_an_email_is_delivered_once_under_a_message_id_that_stays(house: House) -> None:
    await house.hear(event(resolved()))
    assert await house.send() == 1
    assert await house.send() == 0
    [mail] = house.mail.mails
    assert mail["To"] == "canary1@example.org"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Subject"] == "Your request JILI-000001 is settled: please rate the outcome"
    assert "2 March 2026, 16:55" in mail.get_content()
    told = await house.email()
    assert (told.status, told.attempts, told.next_attempt_at) == (DELIVERED, 1, None)
    await until_async(lambda: house.broker.types() == ["NoticeDelivered"])


async def test_people_are_written_to_in_their_own_language(house: House) -> None:
    house.vault.contacts["p-1"] = Contact(email="canary1@example.org", locale="zh-CN")
    await house.hear(event(resolved()))
    await house.send()
    assert house.mail.mails[0]["Subject"] == "您的诉求 JILI-000001 已办结，请您评价"
    assert "请您对办理结果评价" in house.mail.mails[0].get_content()


async def test_a_refusal_for_good_fails_one_delivery_and_no_other(house: House) -> None:
    house.mail.answers["canary2@example.org"] = "550 no such user"
    await house.hear(*(event(resolved(f"p-{n}"), f"case-{n}") for n in range(1, 6)))
    await house.send()
    assert [(d.recipient_ref, d.status) for d in await house.emails() if d.status != DELIVERED] == [
        ("p-2", FAILED)
    ]
    assert len(house.mail.mails) == 4
    assert {d.reason for d in await house.emails()} == {"", "refused_by_server"}
    await until_async(lambda: house.broker.types().count("NoticeFailed") == 1)


async def test_a_server_that_is_busy_is_tried_again_after_each_pause(house: House) -> None:
    house.mail.answers["canary1@example.org"] = "451 try later"
    await house.hear(event(resolved()))
    await house.send()
    assert ((await house.email()).reason, (await house.email()).attempts) == ("server_busy", 1)
    await house.send()
    assert (await house.email()).attempts == 2
    assert await house.send() == 0
    del house.mail.answers["canary1@example.org"]
    house.clock.move(PAUSES_S[1])
    await house.send()
    assert ((await house.email()).status, (await house.email()).attempts) == (DELIVERED, 3)
    assert len(house.mail.mails) == 1


async def test_while_the_server_is_down_emails_wait_in_app_does_not_and_readiness_says_so(
    house: House,
) -> None:
    house.mail.stop()
    await house.hear(event(resolved()))
    await house.send()
    [made] = await house.notices()
    assert [d.status for d in made.deliveries if d.channel == IN_APP] == [DELIVERED]
    assert (await house.email()).status == PENDING
    assert [reason.code for reason in house.base.readiness.reasons] == ["email"]
    house.mail.start()
    await house.send()
    assert (await house.email()).status == DELIVERED
    assert house.base.readiness.ready


async def test_a_server_that_stays_down_ends_in_a_failure_with_its_reason(house: House) -> None:
    house.mail.stop()
    await house.hear(event(resolved()))
    for pause in (0.0, *PAUSES_S):
        house.clock.move(pause)
        assert await house.send() == 1
    ended = await house.email()
    assert (ended.status, ended.reason, ended.attempts) == (FAILED, "gave_up:server_away", len(PAUSES_S) + 1)
    assert await house.send() == 0


@pytest.mark.parametrize("sends_first", [False, True], ids=["before sending", "after sending"])
async def test_a_sender_that_dies_is_replaced_and_the_message_keeps_its_id(
    house: House, *, sends_first: bool
) -> None:
    await house.hear(event(resolved()))
    dying = DyingSender(house.settings)
    dying.sends_first = sends_first
    with pytest.raises(SenderDied):
        await house.loop(dying).run_once()
    assert (await house.email()).status == SENDING
    house.clock.move(CLAIM_S - 1)
    assert await house.send() == 0
    house.clock.move(1)
    assert await house.send() == 1
    told = await house.email()
    assert (told.status, told.attempts, told.interrupted) == (DELIVERED, 2, 1)
    assert len(house.mail.mails) == (2 if sends_first else 1)
    assert len(set(house.mail.message_ids())) == 1


async def test_two_senders_at_work_send_each_message_once(house: House) -> None:
    await house.hear(*(event(resolved(f"p-{n % 9 + 1}"), f"case-{n}") for n in range(30)))
    await asyncio.gather(*(house.loop().run_once() for _ in range(4)))
    assert len(house.mail.mails) == 30
    assert len(set(house.mail.message_ids())) == 30
    assert {(d.status, d.attempts) for d in await house.emails()} == {(DELIVERED, 1)}


async def test_while_intake_is_away_nothing_is_claimed_and_no_attempt_counted(house: House) -> None:
    await house.hear(event(resolved()))
    house.vault.away = True
    with pytest.raises(Infrastructure, match="intake"):
        await house.send()
    waiting = await house.email()
    assert (waiting.status, waiting.attempts) == (PENDING, 0)
    house.vault.away = False
    await house.send()
    assert (await house.email()).status == DELIVERED


async def test_somebody_without_an_address_is_a_failure_with_a_reason(house: House) -> None:
    house.vault.contacts["p-1"] = Contact(name="Canary", phone="0731 000 000")
    await house.hear(event(resolved("p-1"), "case-1"), event(resolved("p-2"), "case-2"))
    await house.send()
    assert [(d.status, d.reason) for d in await house.emails()] == [(FAILED, "no_address"), (DELIVERED, "")]


async def test_one_contact_that_cannot_be_read_stops_nobody_else_and_backs_off(house: House) -> None:
    house.vault.contacts["p-1"] = None
    await house.hear(event(resolved("p-1"), "case-1"), event(resolved("p-2"), "case-2"))
    await house.send()
    unreadable, other = await house.emails()
    assert (unreadable.status, unreadable.reason, unreadable.attempts) == (PENDING, "raised:Unreadable", 1)
    assert other.status == DELIVERED
    house.vault.contacts["p-1"] = Contact(email="canary1@example.org")
    await house.send()
    assert {d.status for d in await house.emails()} == {DELIVERED}


async def test_an_address_that_no_mail_can_be_written_to_fails_alone(house: House) -> None:
    house.vault.contacts["p-1"] = Contact(email="canary@example.org\r\nBcc: all@example.org")
    await house.hear(event(resolved("p-1"), "case-1"), event(resolved("p-2"), "case-2"))
    await house.send()
    assert [d.status for d in await house.emails()] == [FAILED, DELIVERED]
    assert len(house.mail.mails) == 1


@pytest.mark.parametrize("executed", [True, False], ids=["executed", "not executed"])
async def test_an_outcome_is_written_down_though_the_store_fails_in_between(
    house: House, monkeypatch: pytest.MonkeyPatch, *, executed: bool
) -> None:
    await house.hear(event(resolved()))
    commit, calls = house.base.committer.commit, 0

    async def failing_at_the_second(records: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls != 2:
            return await commit(records)
        if executed:
            await commit(records)
        raise Infrastructure("store: NetworkTimeout")

    monkeypatch.setattr(house.base.committer, "commit", failing_at_the_second)
    await house.send()
    told = await house.email()
    assert (told.status, told.attempts) == (DELIVERED, 1)
    house.clock.move(CLAIM_S)
    assert await house.send() == 0
    assert len(house.mail.mails) == 1


async def test_a_round_under_way_is_finished_when_the_service_stops(house: House) -> None:
    await house.hear(event(resolved()))
    slow = SlowSender(house.settings)
    running = asyncio.create_task(house.loop(slow).run_once())
    await slow.began.wait()
    running.cancel()
    slow.may_go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (await house.email()).status == DELIVERED
    assert len(house.mail.mails) == 1


async def test_with_a_template_missing_nothing_is_sent_and_nothing_fails(
    house: House, tmp_path: Path
) -> None:
    await house.hear(event(resolved()))
    assert await house.loop(templates=Templates(tmp_path / "none")).run_once() == 0
    assert (await house.email()).status == PENDING


async def test_retries_run_on_the_wall_clock_also_where_the_site_replays(house: House) -> None:
    await house.hear(event(resolved(), site="boston"))
    await house.send()
    assert (await house.email()).status == DELIVERED
