"""Load → decide → commit: events become notices, what failed is tried again; and the lists."""

import asyncio
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from fengqiao.notify.v1 import notify_service_pb2 as rpc
from services.chassis.auth import Principal, Role
from services.chassis.commands import ATTEMPTS
from services.chassis.consumer import Arrived
from services.chassis.engine import Moment, body_hash, parse
from services.chassis.errors import Contended, Forbidden, Infrastructure, NotFound, Poison
from services.chassis.foundation import Foundation
from services.chassis.kinds import Kind
from services.chassis.metrics import METRICS
from services.chassis.model import Context, Decision
from services.chassis.protobuf import timestamp
from services.chassis.record import Record
from services.chassis.store import EPOCH, Raw, infrastructure
from services.chassis.store import load as load_record
from services.notify import domain, store
from services.notify.domain import Delivery, Notice, Redeliver
from services.notify.owed import OF_VOLUNTEERS, URGENT, News
from services.notify.owed.parties import inspectors_of, reporter_of

STATUSES: Mapping[str, rpc.DeliveryStatus.ValueType] = {
    domain.PENDING: rpc.DELIVERY_STATUS_PENDING,
    domain.SENDING: rpc.DELIVERY_STATUS_SENDING,
    domain.DELIVERED: rpc.DELIVERY_STATUS_DELIVERED,
    domain.FAILED: rpc.DELIVERY_STATUS_FAILED,
}
WHOLE_SITE = frozenset({Role.DESK, Role.OPERATOR, Role.CLERK, Role.REPLAY})
"""Roles that see every delivery of their site."""


# -- collecting ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Notices:
    """Makes the notice of each event that somebody is owed news of: one insert fixes the recipients."""

    base: Foundation[Notice]
    kind: Kind[Notice]
    news: Mapping[str, News]

    async def collect(self, arrived: Sequence[Arrived]) -> None:
        """Insert notices; one that is there already stays as it is (chassis rule 4).

        Raises:
            Poison: one of the events can't be read, or is of a site that isn't ours.
            Infrastructure: the store is away; repeat.
        """
        now = self.base.wall.now()
        drafts = {draft.id: draft for event in arrived if (draft := self._draft(event, now))}
        committed = await self.kind.committer.commit(list(drafts.values()))
        there = await self.kind.committer.get(list(committed.lost)) if committed.lost else {}
        if committed.lost - there.keys():
            raise Infrastructure("store: notices were not kept")
        for record in committed.stored:
            self._measure(record.state)

    def _measure(self, notice: Notice | None) -> None:
        """How long it took until the desk is told of what is urgent (全域指挥、实时调度)."""
        asked_at = notice.facts.get("asked_at") if notice else None
        if notice and asked_at and any(each.template == URGENT for each in notice.deliveries):
            METRICS.desk_told_seconds.observe((self.base.wall.now() - asked_at).total_seconds())

    def _draft(self, event: Arrived, now: datetime) -> Record[Notice] | None:
        envelope = event.envelope
        news = self.news.get(envelope.type)
        if news is None:
            return None
        if envelope.site not in self.base.sites:
            raise Poison("unknown_site")
        message = parse(envelope.type, envelope.data)
        notice = domain.begin(envelope.id, envelope.subject, message, news, envelope.time, now)
        if notice is None:
            return None
        return Record(id=envelope.id, site=envelope.site, state=notice)


# -- lists and redelivery ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page ended: the last delivery shown, in the order of the list."""

    created_at: datetime
    notice_id: str
    index: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a list shows; empty fields don't restrict."""

    case_id: str = ""
    recipient_ref: str = ""
    status: str = ""
    channel: str = ""

    def query(self) -> Raw:
        """The documents in which such deliveries may be."""
        query: Raw = {}
        if self.case_id:
            query["state.case_id"] = self.case_id
        if self.recipient_ref:
            query["state.deliveries.recipient_ref"] = self.recipient_ref
        if self.status in {domain.PENDING, domain.SENDING}:
            query["state.next_attempt_at"] = {"$gt": EPOCH}
        elif self.status == domain.FAILED:
            query["state.failed"] = {"$gt": 0}
        return query

    def covers(self, delivery: Delivery) -> bool:
        """Whether a delivery is among them."""
        pairs = (
            (self.recipient_ref, delivery.recipient_ref),
            (self.status, delivery.status),
            (self.channel, delivery.channel),
        )
        return all(wanted in {"", actual} for wanted, actual in pairs)


@dataclass(frozen=True, slots=True)
class Row:
    """A delivery with the notice it is part of, and its place in the list."""

    site: str
    notice_id: str
    notice: Notice
    delivery: Delivery
    place: Place


@dataclass(frozen=True, slots=True)
class Deliveries:
    """What RPCs can do with deliveries; those of accusations are kept apart in `restricted`."""

    base: Foundation[Notice]
    restricted: Kind[Notice]

    async def page(self, principal: Principal, wanted: Wanted, after: Place | None, limit: int) -> list[Row]:
        """Deliveries that the caller may see, newest first, after a place."""
        rows: list[Row] = []
        size = limit + 1  # the place may be within a notice, which is then read again
        while len(rows) < limit:
            records = await self._read(principal, wanted, after, size)
            for row in _rows(records, after):
                after = row.place
                if wanted.covers(row.delivery) and may_see(principal, row.site, row.delivery):
                    rows.append(row)
                    if len(rows) == limit:
                        break
            if len(records) < size:
                break
        return rows

    async def redeliver(self, principal: Principal, request: rpc.RedeliverRequest) -> rpc.Delivery:
        """Try a failed delivery again from the start; the same key gets the same answer.

        Raises:
            CommandError: refused; nothing changed.
        """
        notice_id = domain.notice_id_of(request.delivery_id)
        committer = self._kind(notice_id).committer
        hidden = domain.is_restricted(notice_id) != (principal.role is Role.INSPECTOR)
        for _ in range(ATTEMPTS):
            record = (await committer.get([notice_id])).get(notice_id)
            if record is None or hidden:
                raise NotFound("no such delivery") if principal.covers_all else Forbidden("no such delivery")
            answer = self._requeue(principal, request, record)
            if not record.dirty or not (await committer.commit([record])).lost:
                return rpc.Delivery.FromString(answer)
            await asyncio.sleep(random.random() * 0.02)
        raise Contended("others kept changing the notice; try again", retry_after_ms="100")

    def _requeue(self, principal: Principal, request: rpc.RedeliverRequest, record: Record[Notice]) -> bytes:
        """In the engine's order of checks; no event tells the change, so it goes into the record after."""
        now = self.base.wall.now()
        changed: list[Notice] = []

        def authorize(_notice: Notice, _at: datetime) -> None:
            if not principal.at(record.site):
                raise Forbidden("no such delivery")

        def requeue(notice: Notice, context: Context) -> Decision:
            step = domain.decide(notice, request.delivery_id, Redeliver(), context)
            changed.append(notice.having(step.delivery) if step.delivery else notice)
            return step

        def answer(_draft: Record[Notice]) -> bytes:
            message = to_message(record.id, changed[0], changed[0].delivery(request.delivery_id))
            return message.SerializeToString()

        meta = request.meta
        given = self._kind(record.id).engine.command(
            record,
            requeue,
            Moment(now, now),
            key=meta.idempotency_key,
            body_hash=body_hash(request, principal.subject),
            expected_revision=meta.expected_revision if meta.HasField("expected_revision") else None,
            authorize=authorize,
            answer=answer,
        )
        if changed:
            record.state = changed[0]
        return given

    async def _read(
        self, principal: Principal, wanted: Wanted, after: Place | None, size: int
    ) -> list[Record[Notice]]:
        query = wanted.query()
        if principal.site != "*":
            query["site"] = principal.site
        if after:
            older = {"state.created_at": {"$lt": after.created_at}}
            query["$or"] = [older, {"state.created_at": after.created_at, "_id": {"$lte": after.notice_id}}]
        return await self.base.threads.run(self._newest_first, _kinds_for(principal, self), query, size)

    def _newest_first(self, kinds: Sequence[Kind[Notice]], query: Raw, size: int) -> list[Record[Notice]]:
        raws: list[Raw] = []
        for kind in kinds:
            found = kind.committer.repository.collection.find(query)
            with infrastructure():
                raws += found.sort([("state.created_at", -1), ("_id", -1)]).limit(size)
        raws.sort(key=lambda raw: (raw["state"]["created_at"], raw["_id"]), reverse=True)
        return [load_record(raw, store.load) for raw in raws[:size]]

    def _kind(self, notice_id: str) -> Kind[Notice]:
        return self.restricted if domain.is_restricted(notice_id) else self.base.first


def _kinds_for(principal: Principal, deliveries: Deliveries) -> tuple[Kind[Notice], ...]:
    """A resident's own may be of either kind; inspectors have the one, everybody else the other."""
    if principal.role is Role.RESIDENT:
        return deliveries.base.first, deliveries.restricted
    return (deliveries.restricted if principal.role is Role.INSPECTOR else deliveries.base.first,)


def may_see(principal: Principal, site: str, delivery: Delivery) -> bool:
    """Residents and staff see what is addressed to themselves, staff also what goes to their units' posts.

    Who acts for the whole site sees all of it.
    """
    if not principal.at(site):
        return False
    if principal.role is Role.INSPECTOR:
        return delivery.recipient_ref == inspectors_of(site)
    if principal.role is Role.REPORTER:
        return delivery.recipient_ref == reporter_of(principal.subject)
    if principal.role is Role.VOLUNTEER:
        # Whatever else they are told of, they are told of as something else.
        return delivery.recipient_ref == principal.subject and delivery.template in OF_VOLUNTEERS
    if principal.role in WHOLE_SITE or delivery.recipient_ref == principal.subject:
        return True
    return (
        principal.role is not Role.RESIDENT and bool(delivery.unit_id) and principal.covers(delivery.unit_id)
    )


def own_only(principal: Principal, recipient_ref: str) -> str:
    """Whose deliveries a caller is shown: without a word their own, unless they act for the whole site.

    Raises:
        Forbidden: a resident or volunteer asks for somebody else's.
    """
    if principal.role in WHOLE_SITE:
        return recipient_ref
    if principal.role is Role.INSPECTOR:
        return inspectors_of(principal.site)
    if principal.role is Role.REPORTER:
        return reporter_of(principal.subject)
    if principal.role in {Role.RESIDENT, Role.VOLUNTEER} and recipient_ref not in {"", principal.subject}:
        raise Forbidden("not your own reference")
    return recipient_ref or principal.subject


def to_message(notice_id: str, notice: Notice, delivery: Delivery) -> rpc.Delivery:
    """A delivery as clients see it."""
    message = rpc.Delivery(
        delivery_id=delivery.id,
        case_id=notice.case_id,
        about_event_id=notice_id,
        template=delivery.template,
        channel=delivery.channel,
        recipient_ref=delivery.recipient_ref,
        status=STATUSES[delivery.status],
        attempts=delivery.attempts,
        reason=delivery.reason,
        created_at=timestamp(notice.created_at),
    )
    for name in ("ended_at", "next_attempt_at"):
        at: datetime | None = getattr(delivery, name)
        if at is not None:
            getattr(message, name).CopyFrom(timestamp(at))
    return message


def _rows(records: Sequence[Record[Notice]], after: Place | None) -> Iterator[Row]:
    for record in records:
        notice = record.state
        for index, delivery in enumerate(notice.deliveries if notice else ()):
            if notice is None or (after and record.id == after.notice_id and index <= after.index):
                continue
            place = Place(notice.created_at, record.id, index)
            yield Row(record.site, record.id, notice, delivery, place)
