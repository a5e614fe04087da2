"""The sender loop: find what is due, read addresses, claim, send, write down what came of it.

Claims and results are guarded commits in bulk, so two senders never both hold a delivery. A sender that dies
between claim and result leaves a claim that runs out; the message goes out again under the same Message-ID.
Retries run on the wall clock alone, whatever clock a site has.
"""

import asyncio
import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from prometheus_client import Counter

from fengqiao.intake.v1.intake_service_pb2 import Contact
from services.chassis.consumer import patiently
from services.chassis.engine import Engine, Moment
from services.chassis.errors import Infrastructure
from services.chassis.foundation import Foundation
from services.chassis.kinds import Kind
from services.chassis.model import Context
from services.chassis.record import Record
from services.chassis.store import EPOCH
from services.notify.contacts import Contacts
from services.notify.domain import (
    NO_ADDRESS,
    SENDING,
    AbandonDelivery,
    ClaimDelivery,
    Command,
    ConfirmDelivery,
    Delivery,
    Notice,
    RecordFailure,
    ReleaseDelivery,
    decide,
)
from services.notify.rendering import RenderingFailed, Templates
from services.notify.senders import Letter, Outcome, Sender, Verdict
from services.notify.settings import NotifySettings

log = structlog.get_logger()

ENDED = Counter("fengqiao_notify_outcomes", "What came of attempts to deliver", ["channel", "verdict"])
INTERRUPTED = Counter("fengqiao_notify_interrupted", "Claims that ran out: a message may have gone out twice")
STOP_GRACE_S = 15.0
NOT_RENDERED = "not_rendered"


class CannotSend(Exception):
    """A delivery that no further attempt would help; `reason` is a code."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Unreadable(Exception):
    """The vault can't read this one contact."""


@dataclass(frozen=True, slots=True)
class Due:
    """A delivery to take up, within its record."""

    record: Record[Notice]
    delivery: Delivery


Plan = dict[str, list[tuple[str, Command]]]
"""By notice id: what to do with which of its deliveries."""


def apply(
    engine: Engine[Notice],
    record: Record[Notice],
    delivery_id: str,
    command: Command,
    now: datetime,
) -> None:
    """Decide on one delivery and put the result into the record: its events, and what no event tells.

    `now` is the wall clock.
    """
    notice = record.state
    if notice is None:
        raise TypeError("a notice is never a stub")
    step = decide(notice, delivery_id, command, Context(record.id, record.site, now, now, now))
    if step.delivery is not None:
        record.state = notice.having(step.delivery)
    engine.create(record, step, now, Moment(now, now))


class SenderLoop:
    """One per worker process."""

    def __init__(
        self,
        base: Foundation[Notice],
        kind: Kind[Notice],
        settings: NotifySettings,
        templates: Templates,
        contacts: Contacts,
        senders: Mapping[str, Sender],
        shards: Callable[[], Sequence[int]],
    ) -> None:
        """For one kind of notice. `senders` by channel; `shards()` are those that fall to this process, which
        only saves work.
        """
        self._base = base
        self._kind = kind
        self._settings = settings
        self._templates = templates
        self._can_render = not templates.faults()
        self._contacts = contacts
        self._senders = senders
        self._shards = shards

    async def run_once(self) -> int:
        """One batch, finished even when the loop is cancelled; returns how many deliveries it took up.

        Raises:
            Infrastructure: store or intake is away; nothing was claimed, or the claims run out.
        """
        under_way = asyncio.ensure_future(self._round())
        try:
            return await asyncio.shield(under_way)
        except asyncio.CancelledError:
            await asyncio.wait({under_way}, timeout=STOP_GRACE_S)
            raise

    async def _round(self) -> int:
        if not self._can_render:
            return 0
        due = await self._find(self._base.wall.now())
        if not due:
            return 0
        letters = await self._address(due)
        claimed = await self._claim([one for one in due if one.delivery.id in letters])
        await self._send(claimed, letters)
        return len(due)

    async def _find(self, now: datetime) -> list[Due]:
        repository = self._kind.committer.repository
        query = {"state.next_attempt_at": {"$lte": now}, "shard": {"$in": list(self._shards())}}
        records = await self._base.threads.run(
            repository.find, query, sort="state.next_attempt_at", limit=self._settings.send_batch
        )
        return [
            Due(record, delivery)
            for record in records
            for delivery in (record.state.deliveries if record.state else ())
            if delivery.next_attempt_at is not None and delivery.next_attempt_at <= now
        ]

    async def _address(self, due: Sequence[Due]) -> dict[str, Letter]:
        """A letter for each delivery that can be sent; what stops another is noted, and stops it alone."""
        contacts = await self._contacts.resolve({one.delivery.recipient_ref for one in due})
        now = self._base.wall.now()
        letters: dict[str, Letter] = {}
        stopped: Plan = {}
        for one in due:
            try:
                letters[one.delivery.id] = self._letter(one, contacts[one.delivery.recipient_ref], now)
            except CannotSend as error:
                commands: tuple[Command, ...] = (AbandonDelivery(error.reason),)
            except Exception as error:
                log.exception("not_prepared", delivery_id=one.delivery.id)
                reason = f"raised:{type(error).__name__}"
                commands = (ClaimDelivery(now), RecordFailure(reason, self._settings.pauses))
            else:
                continue
            for command in commands:
                _add(stopped, one, command)
        if stopped:
            await self._commit({one.record.id: one.record for one in due}, stopped)
        return letters

    def _letter(self, one: Due, contact: Contact | None, now: datetime) -> Letter:
        """What to send where.

        Raises:
            CannotSend: nowhere to send it to, or nothing to say; trying again is no use.
            Exception: it may go another time.
        """
        delivery, notice = one.delivery, one.record.state
        if notice is None or contact is None:
            raise Unreadable(delivery.recipient_ref)
        address = self._senders[delivery.channel].address(contact)
        if not address:
            raise CannotSend(NO_ADDRESS)
        site = self._base.sites[one.record.site]
        try:
            text = self._templates.render(notice, delivery.template, contact.locale, site)
        except RenderingFailed as error:
            raise CannotSend(NOT_RENDERED) from error
        return Letter(delivery.id, address, text, now)

    async def _claim(self, due: Sequence[Due]) -> list[Due]:
        """Those that this sender now holds; what another took first is left to it."""
        until = self._base.wall.now() + timedelta(seconds=self._settings.claim_s)
        plan: Plan = {}
        for one in due:
            _add(plan, one, ClaimDelivery(until))
            if one.delivery.status == SENDING:
                log.warning("claim_ran_out", delivery_id=one.delivery.id)
                INTERRUPTED.inc()
        stored = await self._commit({one.record.id: one.record for one in due}, plan)
        return [Due(stored[one.record.id], one.delivery) for one in due if one.record.id in stored]

    async def _send(self, claimed: Sequence[Due], letters: Mapping[str, Letter]) -> None:
        plan: Plan = {}
        for channel, sender in self._senders.items():
            mine = [one for one in claimed if one.delivery.channel == channel]
            if not mine:
                continue
            outcomes = await sender.send([letters[one.delivery.id] for one in mine])
            for one, outcome in zip(mine, outcomes, strict=True):
                _add(plan, one, self._verdict(outcome))
                ENDED.labels(channel, outcome.verdict.value).inc()
            self._declare(channel, outcomes)
        await self._settle({one.record.id: one.record for one in claimed}, plan)

    async def _settle(self, records: Mapping[str, Record[Notice]], plan: Plan) -> None:
        """Write the outcomes down, however long the store is away: what is not written is sent again."""
        versions = {record.id: record.version for record in records.values()}
        while plan:
            try:
                stored = await self._commit(records, plan)
            except Infrastructure:
                again = functools.partial(self._kind.committer.get, list(plan))
                found = await patiently(self._base.readiness, "send", again)
                # Another version: this very outcome was stored, or the claim ran out and another took over.
                records = {i: record for i, record in found.items() if record.version == versions[i]}
                plan = {i: steps for i, steps in plan.items() if i in records}
            else:
                if len(stored) < len(plan):
                    log.warning("outcomes_overtaken", count=len(plan) - len(stored))
                return

    async def _commit(self, records: Mapping[str, Record[Notice]], plan: Plan) -> dict[str, Record[Notice]]:
        """Carry a plan out on drafts of the records in one bulk; returns what is stored."""
        now = self._base.wall.now()
        drafts = []
        for notice_id, steps in plan.items():
            draft = records[notice_id].copy()
            for delivery_id, command in steps:
                apply(self._kind.engine, draft, delivery_id, command, now)
            drafts.append(draft)
        committed = await self._kind.committer.commit(drafts)
        self._kind.publisher.publish_soon([record for record in committed.stored if record.outbox])
        return {record.id: record for record in committed.stored}

    def _verdict(self, outcome: Outcome) -> Command:
        if outcome.verdict is Verdict.SENT:
            return ConfirmDelivery()
        if outcome.verdict is Verdict.REFUSED:
            return AbandonDelivery(outcome.reason)
        if outcome.verdict is Verdict.UNTRIED:
            return ReleaseDelivery()
        return RecordFailure(outcome.reason, self._settings.pauses)

    def _declare(self, channel: str, outcomes: Sequence[Outcome]) -> None:
        """A channel whose other side is away is a wait, and readiness names it."""
        if any(outcome.verdict is Verdict.AWAY for outcome in outcomes):
            self._base.readiness.wait(
                channel, "the server is away; what it should carry waits and is tried again"
            )
        else:
            self._base.readiness.clear(channel)


def _add(plan: Plan, one: Due, command: Command) -> None:
    plan.setdefault(one.record.id, []).append((one.delivery.id, command))


def figures(base: Foundation[Notice]) -> dict[str, int]:
    """How many notices there are, by where they stand; blocks."""
    repositories = [kind.committer.repository for kind in base.kinds]
    total = sum(repository.size() for repository in repositories)
    waiting = sum(repository.count({"state.next_attempt_at": {"$gt": EPOCH}}) for repository in repositories)
    failed = sum(repository.count({"state.failed": {"$gt": 0}}) for repository in repositories)
    return {"told": max(total - waiting - failed, 0), "waiting": waiting, "failed": failed}
