"""Clauses that a resolution cites: those in force on its day in the code of the case's own village."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from fengqiao.routing.v1 import events_pb2 as ev
from services.chassis.errors import Contended, Invalid, Violation
from services.routing.domain.case import Case
from services.routing.domain.codes.village_code import VillageCode
from services.routing.domain.directory.unit import parent_of
from services.routing.rules import TOP_TIER

Known = Mapping[str, VillageCode | None]
"""The code of each unit that was looked up; None: it has none."""


def speaking(case: Case) -> set[str]:
    """Every unit whose code may speak on a case, whenever it was settled."""
    places = {case.unit_id, *(step.from_unit_id for step in case.steps)}
    return {unit_id for place in places for unit_id in _chain(place)}


def cite(
    numbers: Sequence[str], known: Known, case: Case, at: datetime, zone: ZoneInfo
) -> list[ev.CitedClause]:
    """The clauses of these numbers, for a case that is settled at a time.

    Raises:
        Invalid: no code is in force there, or a clause is not in it.
        Contended: the case has moved since its code was looked up.
    """
    if not numbers:
        return []
    day, chain = at.astimezone(zone).date(), [*_chain(place_of(case, at))]
    if not known.keys() >= {*chain}:
        raise Contended("the case has moved meanwhile; try again", retry_after_ms="100")
    codes = (code for unit_id in chain if (code := known[unit_id]))
    found = next(((code, version) for code in codes if (version := code.in_force_on(day))), None)
    if found is None:
        raise Invalid([Violation("clauses[0]", "no_code")])
    code, version = found
    lacking = [index for index, number in enumerate(numbers) if version.clause(number) is None]
    if lacking:
        raise Invalid([Violation(f"clauses[{index}]", "no_such_clause") for index in lacking])
    return [
        ev.CitedClause(unit_code=code.unit_code, version=version.number, number=number) for number in numbers
    ]


def place_of(case: Case, at: datetime) -> str:
    """The unit that a case is of: its owner then; where that is the sub-district, the last one below it."""
    unit_id, tier = case.owner_at(at)
    below = (
        step.from_unit_id for step in reversed(case.steps) if step.from_tier < TOP_TIER and step.at <= at
    )
    return next(below, unit_id) if tier == TOP_TIER else unit_id


def _chain(unit_id: str) -> Iterator[str]:
    while unit_id:
        yield unit_id
        unit_id = parent_of(unit_id)
