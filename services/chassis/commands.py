"""From an RPC to a commit: load, decide, commit, answer; again when another was quicker (rules 2, 17, 19)."""

import asyncio
import random
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from google.protobuf.message import Message

from fengqiao.common.v1.common_pb2 import CommandMeta
from services.chassis.clock import MAX_SKEW, Clocks
from services.chassis.committer import Committer
from services.chassis.engine import Engine, Moment, body_hash
from services.chassis.errors import (
    CommandError,
    Contended,
    Forbidden,
    Infrastructure,
    Invalid,
    KeyReused,
    NotFound,
    NotYetRouted,
    TooLarge,
    Violation,
)
from services.chassis.model import Context, Decision
from services.chassis.protobuf import instant
from services.chassis.publisher import Publisher
from services.chassis.record import Record, to_ms
from services.chassis.threads import Threads

S = TypeVar("S")

ATTEMPTS = 12
NAMESPACE = uuid.UUID("6f6e7c1e-8d0b-5f0e-9f53-0c7d2a0f7c11")


@dataclass(frozen=True, slots=True)
class Order:
    """What travels with every command: key, hash of the body and actor, expected revision, business time."""

    key: str
    body_hash: bytes
    expected_revision: int | None = None
    occurred_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Creation(Generic[S]):
    """An aggregate to begin: `decide(context)` gives its first events, `order` makes it idempotent
    for ever.
    """

    id: str
    site: str
    order: Order
    decide: Callable[[Context], Decision]
    cause: str = ""


def order_of(subject: str, meta: CommandMeta, request: Message) -> Order:
    """The order of a request: its caller and whole body are what the key stands for."""
    return Order(
        key=meta.idempotency_key,
        body_hash=body_hash(request, subject),
        expected_revision=meta.expected_revision if meta.HasField("expected_revision") else None,
        occurred_at=instant(meta.occurred_at) if meta.HasField("occurred_at") else None,
    )


def id_from(*parts: str) -> str:
    """The id of a thing made of who asks and their key: the same for ever (rule 19)."""
    return str(uuid.uuid5(NAMESPACE, "\0".join(parts)))


class Commands(Generic[S]):
    """Executes commands on one model's aggregates."""

    def __init__(
        self,
        engine: Engine[S],
        committer: Committer[S],
        publisher: Publisher,
        clocks: Clocks,
        threads: Threads,
    ) -> None:
        """One per model and process."""
        self._engine = engine
        self._committer = committer
        self._publisher = publisher
        self._clocks = clocks
        self._threads = threads

    async def execute(
        self,
        aggregate_id: str,
        order: Order,
        decide: Callable[[S, Context], Decision],
        *,
        authorize: Callable[[S, datetime], None],
        answer: Callable[[Record[S]], bytes] = lambda _record: b"",
        absent: Callable[[], CommandError] = lambda: NotFound("no such case"),
    ) -> bytes:
        """Execute a command on an existing aggregate; returns the answer's bytes, the same on every retry.

        `authorize(state, at)` raises when the caller has no right to the thing as it was then; `absent()` is
        what they are told
        when there is none.

        Raises:
            CommandError: refused.
            Infrastructure: the store is away; the outcome is unknown, the same key finds it out.
        """
        for _ in range(ATTEMPTS):
            record = await self._committer.get_one(aggregate_id)
            if record is None:
                raise absent()
            moment = await self._clocks.look_at(record.site, self._threads)
            not_ahead(order.occurred_at, moment)
            try:
                result = self._engine.command(
                    record,
                    decide,
                    moment,
                    key=order.key,
                    body_hash=order.body_hash,
                    occurred_at=order.occurred_at,
                    expected_revision=order.expected_revision,
                    authorize=authorize,
                    answer=answer,
                )
            except NotYetRouted:
                # Who is not told of a missing case is not told of one on its way.
                hidden = absent()
                if isinstance(hidden, Forbidden):
                    raise hidden from None
                raise
            except CommandError:
                # What fell due before the refused command has fired all the same.
                await self._store(record)
                raise
            if await self._store(record):
                return result
            await asyncio.sleep(random.random() * 0.02)
        raise Contended("others kept changing the case; try again", retry_after_ms="100")

    async def create(self, creation: Creation[S]) -> Record[S]:
        """Begin one aggregate; see `create_many`."""
        [result] = await self.create_many([creation])
        if isinstance(result, CommandError):
            raise result
        return result

    async def create_many(self, creations: Sequence[Creation[S]]) -> list[Record[S] | CommandError]:
        """Begin aggregates in one bulk; what exists already with the same body is returned as it is.

        The result holds a record or a refusal for each creation, in order.
        """
        moments = await self._clocks.look(self._threads)
        drafts: dict[str, Record[S]] = {}
        refused: dict[int, CommandError] = {}
        for index, creation in enumerate(creations):
            if creation.id in drafts:
                continue
            try:
                drafts[creation.id] = self._draft(creation, moments)
            except CommandError as error:
                refused[index] = error
        committed = await self._committer.commit(list(drafts.values()))
        self._publisher.publish_soon(committed.stored)
        stored = {record.id: record for record in committed.stored}
        if committed.lost:
            stored |= await self._committer.get(list(committed.lost))
        results: list[Record[S] | CommandError] = []
        for index, creation in enumerate(creations):
            record = stored.get(creation.id)
            if index in refused:
                results.append(refused[index])
            elif creation.id in committed.too_large:
                results.append(TooLarge("it would exceed the limit of one case"))
            elif record is None:
                results.append(Contended("the store did not keep it; try again", retry_after_ms="100"))
            elif record.answered and record.answered[0].body_hash != creation.order.body_hash:
                results.append(KeyReused("the idempotency key was used with another body"))
            else:
                results.append(record)
        return results

    def _draft(self, creation: Creation[S], moments: dict[str, Moment]) -> Record[S]:
        moment = moments.get(creation.site)
        if moment is None:
            raise Invalid([Violation("site_id", "unknown_site")])
        not_ahead(creation.order.occurred_at, moment)
        at = to_ms(creation.order.occurred_at) if creation.order.occurred_at else moment.now
        record: Record[S] = Record(id=creation.id, site=creation.site)
        context = Context(creation.id, creation.site, at, moment.now, moment.recorded_at, moment.replay)
        self._engine.create(record, creation.decide(context), at, moment, cause=creation.cause)
        self._engine.remember(record, creation.order.key, creation.order.body_hash, b"", moment)
        return record

    async def _store(self, record: Record[S]) -> bool:
        if not record.dirty:
            return True
        committed = await self._committer.commit([record])
        if committed.too_large:
            raise TooLarge("the case would exceed its limit")
        self._publisher.publish_soon(committed.stored)
        return not committed.lost


def not_ahead(occurred_at: datetime | None, moment: Moment, field: str = "meta.occurred_at") -> None:
    """Refuse a business time later than now; a replay is told what happened, whenever that was (rule 17).

    The sender's clock may be ahead of ours by as much as ours may differ. When only one of ours says that it
    is too early, nobody is refused for that: it is decided when they agree.

    Raises:
        Invalid: it names the field.
        Infrastructure: it is the clocks' fault.
    """
    if occurred_at is None or moment.replay or to_ms(occurred_at) <= moment.now + MAX_SKEW:
        return
    if moment.latest is not None and to_ms(occurred_at) <= moment.latest + MAX_SKEW:
        raise Infrastructure("clock: store and process differ; what happened may be later than now")
    raise Invalid([Violation(field, "later_than_now")])
