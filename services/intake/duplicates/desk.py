"""What people do about requests of one matter: look at suggestions, link two, say that two are different."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from fengqiao.common.v1.common_pb2 import CommandMeta
from fengqiao.intake.v1 import intake_service_pb2 as rpc
from services.chassis.auth import Principal
from services.chassis.commands import order_of
from services.chassis.model import Context, Decision
from services.chassis.protobuf import timestamp
from services.chassis.record import Record
from services.intake.access import WHOLE_SITE, may_see, out_of_reach
from services.intake.books import Books
from services.intake.domain import WITHDRAWN, Request
from services.intake.duplicates.candidates import Candidates, Found
from services.intake.duplicates.places import within_reach
from services.intake.duplicates.relations import LinkRequests, RejectDuplicate, Said, decide, keeper
from services.intake.duplicates.scoring import Comparison, Matter, matter_of, suggest
from services.intake.messages import STATUSES

WINDOW_DAYS, LIMIT, MOST_RELATED = 30, 10, 100
Command = rpc.LinkRequestsRequest | rpc.RejectDuplicateRequest


@dataclass(frozen=True, slots=True)
class Duplicates:
    """Suggestions, and what is said of two requests. Never looks into the book of accusations."""

    books: Books

    @property
    def _candidates(self) -> Candidates:
        return Candidates(self.books.base.committer.repository)

    async def suggest(
        self, principal: Principal, request: rpc.SuggestDuplicatesRequest
    ) -> rpc.SuggestDuplicatesResponse:
        """Requests that may be about the same matter, of those that the caller may see; made anew each time.

        Raises:
            NotFound, Forbidden: no such request, or out of reach.
        """
        record, state = await self._seen(principal, request.case_id)
        places = within_reach(principal, state.unit_id, whole_site=principal.role in WHOLE_SITE)
        window = timedelta(days=request.window_days or WINDOW_DAYS)
        run = self.books.base.threads.run
        found: Found = await run(self._candidates.find, record, places, window)
        others = {
            other.id: other
            for other in found.records
            if other.state and may_see(principal, other.state) and undecided(record, other)
        }
        likely = await run(suggest, _matter(record), [_matter(other) for other in others.values()])
        told = [_suggestion(others[each.case_id], each) for each in likely[: request.limit or LIMIT]]
        return rpc.SuggestDuplicatesResponse(
            suggestions=told, compared=len(others), truncated=found.truncated
        )

    async def say(self, principal: Principal, meta: CommandMeta, request: Command) -> int:
        """Link two requests or keep them apart; returns the revision of the later one, which keeps it.

        Raises:
            CommandError: refused; nothing changed.
        """
        one, first = await self._seen(principal, request.case_id)
        other, second = await self._seen(principal, request.other_case_id)
        keeping, kept = keeper((one.id, first), (other.id, second))
        state_of_kept = first if kept == one.id else second
        command: Said = (LinkRequests if isinstance(request, rpc.LinkRequestsRequest) else RejectDuplicate)(
            kept, principal.subject
        )

        def decided(state: Request, context: Context) -> Decision:
            return decide(state, command, context, state_of_kept)

        def authorize(state: Request, _at: datetime) -> None:
            if not may_see(principal, state):
                raise out_of_reach(principal)

        answer = await self.books.base.commands.execute(
            keeping,
            order_of(principal.subject, meta, request),
            decided,
            authorize=authorize,
            answer=lambda record: str(record.revision).encode(),
            absent=lambda: out_of_reach(principal),
        )
        return int(answer)

    async def add_related(self, principal: Principal, record: Record[Request], told: rpc.Request) -> None:
        """Say what a request has to do with others, naming those alone that the caller may see."""
        state = record.state
        if state is None:
            return
        run = self.books.base.threads.run
        named = {*state.links, state.joined_to} - {""}
        followers, linking, there = await asyncio.gather(
            run(self._candidates.following, record.id, MOST_RELATED),
            run(self._candidates.linking, record.id, MOST_RELATED),
            self.books.base.committer.get(sorted(named)) if named else _nothing(),
        )
        linked = {each.id: each for each in (*(there[id_] for id_ in state.links if id_ in there), *linking)}
        told.joined = bool(state.joined_to)
        for lead in _visible(principal, [there[state.joined_to]] if state.joined_to in there else []):
            told.joined_to.CopyFrom(lead)
        told.followers.extend(_visible(principal, followers))
        told.links.extend(_visible(principal, linked.values()))

    async def _seen(self, principal: Principal, case_id: str) -> tuple[Record[Request], Request]:
        record = await self.books.request(principal, case_id)
        if record is None or record.state is None:
            raise out_of_reach(principal)
        return record, record.state


def undecided(one: Record[Request], other: Record[Request]) -> bool:
    """Whether nobody has said yet what two requests have to do with each other, and neither is gone."""
    mine, theirs = one.state, other.state
    if mine is None or theirs is None or theirs.status == WITHDRAWN:
        return False
    said = {*mine.links, *mine.kept_apart, mine.joined_to}
    of_them = {*theirs.links, *theirs.kept_apart, theirs.joined_to}
    one_matter = bool(mine.joined_to) and mine.joined_to == theirs.joined_to
    return other.id not in said and one.id not in of_them and not one_matter


async def _nothing() -> dict[str, Record[Request]]:
    return {}


def _matter(record: Record[Request]) -> Matter:
    state: Any = record.state
    return matter_of(record.id, state.kind, state.unit_id, state.submitted_at, record.private)


def _visible(principal: Principal, records: Iterable[Record[Request]]) -> Sequence[rpc.RelatedRequest]:
    return [_related(each) for each in records if each.state and may_see(principal, each.state)]


def _related(record: Record[Request]) -> rpc.RelatedRequest:
    state: Any = record.state
    return rpc.RelatedRequest(case_id=record.id, request_no=state.request_no, status=STATUSES[state.status])


def _suggestion(record: Record[Request], comparison: Comparison) -> rpc.Suggestion:
    state: Any = record.state
    names = rpc.SuggestionPartName
    return rpc.Suggestion(
        request=_related(record),
        kind=state.kind,
        unit_id=state.unit_id,
        submitted_at=timestamp(state.submitted_at),
        title=record.private.get("title") or "",
        score=comparison.score,
        parts=[
            rpc.SuggestionPart(
                name=names.Value(f"SUGGESTION_PART_NAME_{part.name.upper()}"),
                score=part.score,
                reason=part.reason,
            )
            for part in comparison.parts
        ],
    )
