"""A volunteer's hours, as check-in and check-out say; there is no second book that could say otherwise."""

from dataclasses import dataclass
from datetime import date, datetime

from fengqiao.routing.v1 import force_service_pb2 as rpc
from services.chassis.auth import Principal, Role
from services.chassis.kinds import Kind
from services.chassis.protobuf import timestamp
from services.routing.domain.forces.callout import CallOut, minutes_of
from services.routing.forces.matching import PERSON
from services.routing.forces.messages import call_out_of
from services.routing.forces.persons import Persons, unknown_person


@dataclass(frozen=True, slots=True)
class Stay:
    """Somebody came to a call-out and went again."""

    came_at: datetime
    left_at: datetime
    entry: rpc.LedgerEntry


@dataclass(frozen=True, slots=True)
class Ledger:
    """Hours by person."""

    persons: Persons
    kind: Kind[CallOut]

    async def of(
        self, principal: Principal, person_ref: str, since: date | None, until: date | None
    ) -> rpc.GetLedgerResponse:
        """Somebody's stays that began on these local days, oldest first, and their minutes in all.

        Raises:
            Forbidden: somebody else's.
        """
        lookups = self.persons.lookups
        site_id = lookups.site_of(principal)
        await self._may_read(principal, site_id, person_ref)
        records = await lookups.base.threads.run(self.kind.committer.repository.find, {PERSON: person_ref})
        stays = list[Stay]()
        for record in records:
            there = call_out_of(record)
            stay = _stay(record.id, there, person_ref)
            if stay is None or there.site_id != site_id:
                continue
            day = stay.came_at.astimezone(lookups.zone(site_id)).date()
            if (since is None or since <= day) and (until is None or day < until):
                stays.append(stay)
        stays.sort(key=lambda each: each.came_at)
        return rpc.GetLedgerResponse(
            entries=[stay.entry for stay in stays],
            minutes=minutes_of((stay.came_at, stay.left_at) for stay in stays),
        )

    async def _may_read(self, principal: Principal, site_id: str, person_ref: str) -> None:
        if principal.subject == person_ref:
            return
        person = (await self.persons.some(site_id, [person_ref])).get(person_ref)
        theirs = [role.unit_id for role in person.roles] if person else []
        if principal.role is Role.VOLUNTEER or not any(map(principal.covers, theirs)):
            raise unknown_person(principal)


def _stay(call_out_id: str, there: CallOut, person_ref: str) -> Stay | None:
    part = there.volunteer(person_ref)
    if part is None or part.checked_in_at is None or part.checked_out_at is None:
        return None
    entry = rpc.LedgerEntry(
        call_out_id=call_out_id,
        unit_id=there.unit_id,
        skill=there.skill,
        checked_in_at=timestamp(part.checked_in_at),
        checked_out_at=timestamp(part.checked_out_at),
        minutes=part.minutes,
        by_end=part.by_end,
    )
    return Stay(part.checked_in_at, part.checked_out_at, entry)
