"""The two books: requests, and apart from them accusations. The kind of the matter says where it goes."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from fengqiao.intake.v1.events_pb2 import InboundPosition
from services.chassis.auth import Principal
from services.chassis.commands import Creation, Order
from services.chassis.errors import CommandError, KeyReused
from services.chassis.foundation import Foundation
from services.chassis.kinds import Kind
from services.chassis.model import Context, Decision
from services.chassis.record import Record
from services.intake import accusations, domain
from services.intake.access import ACCUSATIONS, may_see, may_see_accusation
from services.intake.accusations import Accusation, accuses
from services.intake.domain import Request, SubmitRequest
from services.intake.timeline import Timeline

T = TypeVar("T")
Begun = Record[Request] | Record[Accusation] | CommandError


@dataclass(frozen=True, slots=True)
class Entry:
    """What is to be taken in, under which id; `answers` is an agency's record, which gets a reply."""

    id: str
    order: Order
    command: SubmitRequest
    answers: InboundPosition | None = None


@dataclass(frozen=True, slots=True)
class Books:
    """Requests and accusations with their timelines."""

    base: Foundation[Request]
    accusations: Kind[Accusation]
    timeline: Timeline
    restricted: Timeline

    async def begin(self, entries: Sequence[Entry]) -> list[Begun]:
        """Take in as one bulk for each book: a record or a refusal for each entry, in order.

        An id stands in one book for ever: with a kind that belongs in the other one it is another body.
        """
        begun: dict[int, Begun] = {}
        for kind, other, restricted in (
            (self.base.first, self.accusations, False),
            (self.accusations, self.base.first, True),
        ):
            mine = [n for n, entry in enumerate(entries) if accuses(entry.command.kind) is restricted]
            if not mine:
                continue
            taken = await _ids(other, [entries[n].id for n in mine])
            free = [n for n in mine if entries[n].id not in taken]
            begun |= {n: KeyReused("the idempotency key was used with another body") for n in mine}
            creations = [creation(entries[n]) for n in free]
            begun |= dict(zip(free, await kind.commands.create_many(creations), strict=True))
        return [begun[n] for n in range(len(entries))]

    async def request(self, principal: Principal, case_id: str) -> Record[Request] | None:
        """A request within the caller's reach."""
        record = await self.base.committer.get_one(case_id)
        return record if record and record.state and may_see(principal, record.state) else None

    async def accusation(self, principal: Principal, case_id: str) -> Record[Accusation] | None:
        """An accusation within the caller's reach."""
        if principal.role not in ACCUSATIONS:
            return None
        record = await self.accusations.committer.get_one(case_id)
        return record if record and record.state and may_see_accusation(principal, record.state) else None

    async def by_code(self, kind: Kind[T], code: str) -> Record[T] | None:
        """What a book holds under a tracking code."""
        query = {"private.tracking_code": code}
        found = await self.base.threads.run(kind.committer.repository.find, query, limit=1)
        return found[0] if found else None

    async def status(self, case_id: str) -> str:
        """Where an accusation stands."""
        return accusations.status_of(await self.restricted.types(case_id, accusations.ENDS))


async def _ids(kind: Kind[Any], ids: Sequence[str]) -> Collection[str]:
    if len(ids) == 1:
        # What others ask at the moment is one query with it.
        found = await kind.committer.get_one(ids[0])
        return {found.id} if found else ()
    return (await kind.committer.get(ids)).keys()


def creation(entry: Entry) -> Creation[Any]:
    """The aggregate that an entry begins."""

    def decide(_context: Context) -> Decision:
        command = entry.command
        begin = accusations.submit if accuses(command.kind) else domain.submit
        decision = begin(command)
        return (
            decision if entry.answers is None else domain.accepted(decision, command, entry.id, entry.answers)
        )

    return Creation(entry.id, entry.command.site_id, entry.order, decide)
