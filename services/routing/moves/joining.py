"""Cases of one matter: joined and parted with both at hand, and settled with what leads them.

A case knows what leads its matter, and nothing in the leading case says so: one write per move. What follows
from the end of the leading case is found by a sweep that looks at what is, not at what happened; so it
survives a crash, and is done once however often it is looked for.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

import structlog

from fengqiao.routing.v1 import routing_service_pb2 as rpc
from services.chassis.auth import Principal
from services.chassis.foundation import Foundation
from services.chassis.model import Table
from services.chassis.store import infrastructure
from services.routing.directory.claims import Claims
from services.routing.domain import JOINED, OPEN, REFERRED, Case, FollowLead, Lead
from services.routing.handlers import Cases, may_see
from services.routing.moves import by_itself

T = TypeVar("T")

log = structlog.get_logger()

PERIOD_S = 1.0
AT_ONCE = 50
FOLLOWERS_AT_ONCE = 500
"""So many are settled or parted in one round; the next one goes on."""
CLAIMED = ":cases"
"""No site has this id: an import that claims a site whole hinders no join."""
LEADING = frozenset({*OPEN, REFERRED})


@dataclass(frozen=True, slots=True)
class Joining:
    """Joins, parts, and follows what leads."""

    base: Foundation[Case]
    cells: Table
    cases: Cases
    claims: Claims

    async def join(self, principal: Principal, request: rpc.JoinCaseRequest) -> rpc.Case:
        """Join a case with another. While it is decided nobody joins either of them: no circle closes.

        Raises:
            CommandError: refused.
        """
        async with self.claims.held(CLAIMED, {request.case_id, request.lead_case_id}):
            return await self.cases.command(
                principal,
                request.case_id,
                request.meta,
                request,
                lead=await self._lead(principal, request.lead_case_id),
                leads=len(await self.led_by(request.case_id)),
            )

    async def part(self, principal: Principal, request: rpc.PartCaseRequest) -> rpc.Case:
        """Part a case from what leads its matter.

        Raises:
            CommandError: refused.
        """
        record = await self.base.committer.get_one(request.case_id)
        joined = record.state.joined if record and record.state else None
        lead = await self._lead(None, joined.lead_case_id) if joined else None
        return await self.cases.command(principal, request.case_id, request.meta, request, lead=lead)

    async def led_by(self, case_id: str) -> list[str]:
        """The cases that one leads, as far as a rule allows them."""
        return await self.base.threads.run(self._led_by, case_id)

    async def sweep(self) -> int:
        """One round; returns how many cases it settled or parted.

        Raises:
            Infrastructure: the store is away.
        """
        moved = 0
        for site_id in self.base.sites:
            led = await self.base.threads.run(self._led, site_id)
            # Few have ended: only those are read whole.
            ended = await self.base.threads.run(self._leading_no_more, list(led))
            for lead_id, record in (await self.base.committer.get(ended)).items():
                if record.state is None or record.last_at is None:
                    continue
                lead = _lead_of(lead_id, record.state)
                at = record.state.resolved_at or record.last_at
                for some in _parts(led[lead_id][: FOLLOWERS_AT_ONCE - moved], AT_ONCE):
                    follow = (self._follow(each, lead, max(at, joined_at)) for each, joined_at in some)
                    moved += sum(await asyncio.gather(*follow))
        return moved

    async def _lead(self, principal: Principal | None, case_id: str) -> Lead | None:
        """A case that leads or is to lead, if there is one within somebody's reach."""
        record = await self.base.committer.get_one(case_id)
        if record is None or record.state is None:
            return None
        if principal and not may_see(principal, record.state):
            return None
        return _lead_of(case_id, record.state, len(await self.led_by(case_id)))

    def _led_by(self, case_id: str) -> list[str]:
        collection = self.base.committer.repository.collection
        with infrastructure():
            found = collection.find({"state.joined.lead_case_id": case_id}, {"_id": 1})
            return sorted(raw["_id"] for raw in found)

    def _led(self, site_id: str) -> dict[str, list[tuple[str, datetime]]]:
        """The joined cases of a site and since when, by what leads them."""
        collection = self.base.committer.repository.collection
        fields = {"state.joined.lead_case_id": 1, "state.joined.at": 1}
        led: dict[str, list[tuple[str, datetime]]] = {}
        with infrastructure():
            for raw in collection.find({"site": site_id, "state.status": JOINED}, fields):
                joined = raw["state"]["joined"]
                led.setdefault(joined["lead_case_id"], []).append((raw["_id"], joined["at"]))
        return led

    def _leading_no_more(self, lead_ids: Sequence[str]) -> list[str]:
        """Those of some cases that have ended, or are joined with others themselves."""
        collection = self.base.committer.repository.collection
        with infrastructure():
            return [
                raw["_id"]
                for some in _parts(lead_ids, AT_ONCE)
                for raw in collection.find({"_id": {"$in": list(some)}}, {"state.status": 1})
                if raw["state"]["status"] not in LEADING
            ]

    async def _follow(self, case_id: str, lead: Lead, at: datetime) -> bool:
        refused = await by_itself.done(self.base, self.cells, case_id, FollowLead(lead), "joining", at)
        if refused:
            log.info("not_followed", case_id=case_id, reason=type(refused).__name__)
        return refused is None


def _lead_of(case_id: str, case: Case, followers: int = 0) -> Lead:
    return Lead(
        case_id=case_id,
        request_no=case.request_no,
        site_id=case.site_id,
        unit_id=case.unit_id,
        status=case.status,
        outcome=case.outcome,
        clauses=case.clauses,
        followers=followers,
    )


def _parts(things: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (things[n : n + size] for n in range(0, len(things), size))
