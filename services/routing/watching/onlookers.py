"""What those are told who look on: the board's counts, and the cases that want attention as they change."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from fengqiao.common.v1.common_pb2 import Tier
from fengqiao.routing.v1 import routing_service_pb2 as rpc
from services.chassis.auth import Principal
from services.chassis.clock import monotonic
from services.chassis.errors import Forbidden, Invalid, Violation
from services.chassis.paging import read_token, write_token
from services.chassis.protobuf import timestamp
from services.routing.domain import attention as why
from services.routing.domain.attention import UNROUTED, Facts, lines
from services.routing.telling import STATUSES
from services.routing.watching.overview import Overview
from services.routing.watching.view import Scope, View, covers

PERIOD_S, WITHIN_S = 0.75, 0.5
"""How often who follows is told, and how old what they are told may be: within two seconds of the change."""
QUIET_S = 60.0
"""After so long without news a message says so: its token can be resumed from for as long again."""
RESUMABLE = timedelta(minutes=10)
CHUNK = 500
KINDS: Mapping[str, rpc.AttentionKind.ValueType] = {
    why.OVERDUE: rpc.ATTENTION_KIND_OVERDUE,
    why.DUE_SOON: rpc.ATTENTION_KIND_DUE_SOON,
    why.UNASSIGNED: rpc.ATTENTION_KIND_UNASSIGNED,
    why.RETURNED_TWICE: rpc.ATTENTION_KIND_RETURNED_TWICE,
    why.REOPENED: rpc.ATTENTION_KIND_REOPENED,
    why.PROVISIONAL: rpc.ATTENTION_KIND_PROVISIONAL,
}
NAMES = {number: name for name, number in KINDS.items()}


@dataclass(frozen=True, slots=True)
class Token:
    """How far a client was told: wall clock and site's clock of the look, and of which list."""

    wall: datetime
    now: datetime
    of: str

    def written(self) -> str:
        """As the client keeps it."""
        return write_token(self.wall, self.now.isoformat(), self.of)


def read(token: str) -> Token:
    """A client's token.

    Raises:
        Invalid: it is none of ours.
    """
    return read_token(
        token,
        lambda at, rest: Token(at, datetime.fromisoformat(rest[0]), str(rest[1])),
        field="resume_token",
    )


@dataclass(frozen=True, slots=True)
class Onlookers:
    """The room behind WatchBoard and WatchAttention."""

    overview: Overview

    async def board(self, site: str, within_s: float = 0.0) -> rpc.WatchBoardResponse:
        """Counts per tier and status of a site."""
        await self.overview.fresh(within_s)
        view = self.overview.views.get(site)
        if view is None:
            raise Invalid([Violation("site_id", "unknown_site")])
        ended = await self.overview.ended(site)
        cells = view.cells + ended.cells
        return rpc.WatchBoardResponse(
            cells=[
                rpc.BoardCell(tier=Tier.ValueType(tier), status=STATUSES[status], count=count)
                for (tier, status), count in sorted(cells.items())
            ],
            not_yet_routed=view.unrouted,
            supervised=view.supervised,
            climbs=view.climbs + ended.climbs,
            now=timestamp(view.lines.now),
        )

    async def watch(
        self, principal: Principal, request: rpc.WatchAttentionRequest
    ) -> AsyncIterator[rpc.WatchAttentionResponse]:
        """The list of a unit, and what changes on it.

        Raises:
            Forbidden: not the caller's unit.
            Invalid: a token that is none of ours, or a list that is followed and cut off.
        """
        if not principal.covers(request.unit_id):
            raise Forbidden("not your unit")
        if request.follow and request.max_cases:
            raise Invalid([Violation("max_cases", "not_where_it_is_followed")])
        token = read(request.resume_token) if request.resume_token else None
        await self.overview.fresh()
        view = self.overview.views.get(principal.site)
        if view is None:
            raise Forbidden("not your site")
        one = Onlooker(self.overview, principal.site, scope_of(request))
        async for message in one.told(token, request.max_cases):
            yield message
        heard = monotonic()
        while request.follow:
            await asyncio.sleep(PERIOD_S)
            await self.overview.fresh(WITHIN_S)
            quiet = monotonic() - heard > QUIET_S
            for message in one.news(quiet=quiet):
                heard = monotonic()
                yield message


class Onlooker:
    """One client: what it asked for, and what it has been shown."""

    def __init__(self, overview: Overview, site: str, scope: Scope) -> None:
        """Nothing shown yet."""
        self._overview = overview
        self._site = site
        self._scope = scope
        self._shown: set[str] = set()
        self._number = 0

    async def told(self, token: Token | None, limit: int) -> AsyncIterator[rpc.WatchAttentionResponse]:
        """The list, or what has changed on it since a token."""
        messages = await self._since(token) if token else None
        for message in messages if messages is not None else self._all(limit):
            yield message
            # Ten thousand cases are many messages: others come in between.
            await asyncio.sleep(0)

    def news(self, *, quiet: bool) -> Iterable[rpc.WatchAttentionResponse]:
        """What has changed since the last message."""
        touched = self._view.since(self._number)
        if touched is None:
            return self._all(0)
        there = [each for each in touched if self._view.shows(self._scope, each)]
        gone = sorted(each for each in touched & self._shown if not self._view.shows(self._scope, each))
        return self._messages(there, gone) if there or gone or quiet else ()

    @property
    def _view(self) -> View:
        return self._overview.views[self._site]

    def _all(self, limit: int) -> Iterator[rpc.WatchAttentionResponse]:
        self._shown.clear()
        listed, _ = self._view.listed(self._scope)
        return self._messages(listed[:limit] if limit else listed, (), snapshot=True)

    async def _since(self, token: Token) -> Iterator[rpc.WatchAttentionResponse] | None:
        """None where the token is of another list, or too old to tell."""
        view, overview = self._view, self._overview
        age = view.lines.wall - token.wall
        if token.of != digest(self._site, self._scope) or not timedelta(0) <= age <= RESUMABLE:
            return None
        if token.now > view.lines.now:
            return None
        changed = (await overview.changed_since(self._site, token.wall)).owners
        former = lines(overview.rules[self._site], token.now, token.wall)
        crossed = await overview.base.threads.run(view.differing, former, dict(view.facts))
        touched = crossed.union(changed)
        there = {each for each in touched if view.shows(self._scope, each)}
        gone = [each for each in touched - there if self._could_show(each, changed.get(each, ()))]
        self._shown = set(view.listed(self._scope)[0])
        return self._messages(sorted(there), sorted(gone))

    def _could_show(self, case_id: str, owners: Sequence[str]) -> bool:
        """Whether the client may hear of a case that is not on its list: a unit of theirs has or had it."""
        facts = self._view.facts.get(case_id)
        units = {*owners, facts.unit_id} if facts else set(owners)
        return any(covers(self._scope, each) for each in units)

    def _messages(
        self, there: Sequence[str], gone: Sequence[str], *, snapshot: bool = False
    ) -> Iterator[rpc.WatchAttentionResponse]:
        """As many messages as it takes; the state is that of now however slowly they are taken."""
        view, of = self._view, digest(self._site, self._scope)
        self._number = view.number
        self._shown.update(there)
        self._shown.difference_update(gone)
        listed, counts = view.listed(self._scope)
        _, _, asked = self._scope
        cases = [case_message(each, view.facts[each], view.wanting[each]) for each in there]
        token = Token(view.lines.wall, view.lines.now, of).written()
        starts = range(0, max(len(cases), len(gone), 1), CHUNK)
        return iter(
            [
                rpc.WatchAttentionResponse(
                    snapshot=snapshot and start == 0,
                    cases=cases[start : start + CHUNK],
                    gone_case_ids=gone[start : start + CHUNK],
                    counts=[
                        rpc.AttentionCount(kind=number, count=counts[name])
                        for name, number in KINDS.items()
                        if not asked or name in asked
                    ],
                    total=len(listed),
                    more=start != starts[-1],
                    # Who breaks off in between begins anew.
                    resume_token=token if start == starts[-1] else "",
                    now=timestamp(view.lines.now),
                )
                for start in starts
            ]
        )


def scope_of(request: rpc.WatchAttentionRequest) -> Scope:
    """What a request asks for."""
    return request.unit_id, request.include_below, frozenset(NAMES[kind] for kind in request.kinds)


def digest(site: str, scope: Scope) -> str:
    """Names a list: a token of another one is no place on it."""
    unit, below, kinds = scope
    return hashlib.sha256(repr((site, unit, below, sorted(kinds))).encode()).hexdigest()[:12]


def case_message(case_id: str, facts: Facts, kinds: Iterable[str]) -> rpc.AttentionCase:
    """A case as those see it who look on."""
    told = rpc.AttentionCase(
        case_id=case_id, kinds=[KINDS[kind] for kind in kinds], assigned_at=timestamp(facts.assigned_at)
    )
    if facts.status != UNROUTED:
        told.request_no, told.kind, told.unit_id = facts.request_no, facts.kind, facts.unit_id
        told.status, told.tier = STATUSES[facts.status], Tier.ValueType(facts.tier)
        told.due_at.CopyFrom(timestamp(facts.due_at))
    return told
