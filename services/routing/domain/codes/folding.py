"""Village codes as their events leave them."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from google.protobuf.message import Message

from fengqiao.routing.v1 import code_events_pb2 as ev
from services.chassis.model import Context
from services.routing.domain.codes.village_code import Clause, Version, VillageCode
from services.routing.domain.directory.days import Days


def evolve(village_code: VillageCode | None, event: Message, _context: Context) -> VillageCode:
    """The code after one of its events."""
    return FOLDS[type(event)](village_code, event)


def _adopted(village_code: VillageCode | None, event: ev.VillageCodeAdopted) -> VillageCode:
    since = date.fromisoformat(event.days.since)
    there = village_code or VillageCode(event.village_code.unit_code, event.village_code.site_id)
    version = Version(
        event.version,
        date.fromisoformat(event.adopted_on),
        Days(since),
        tuple(Clause(clause.number, clause.digest) for clause in event.clauses),
    )
    return replace(there, versions=(*there.ended(since).versions, version))


def _repealed(village_code: VillageCode | None, event: ev.VillageCodeRepealed) -> VillageCode:
    if village_code is None:
        raise ValueError("VillageCodeRepealed before VillageCodeAdopted")
    return village_code.ended(date.fromisoformat(event.on))


FOLDS: Mapping[type[Message], Callable[[VillageCode | None, Any], VillageCode]] = {
    ev.VillageCodeAdopted: _adopted,
    ev.VillageCodeRepealed: _repealed,
}
