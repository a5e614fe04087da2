"""What an order about a village code comes to: pure functions `(code, command, context) -> Decision`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from fengqiao.routing.v1 import code_events_pb2 as ev
from services.chassis.errors import Invalid, Violation
from services.chassis.model import Context, Decision, Emit, Table, Transition, decided, transition
from services.routing.domain.codes.village_code import (
    IN_FORCE,
    REPEALED,
    VillageCode,
    digest_of,
    in_sequence,
)
from services.routing.domain.directory.days import Days
from services.routing.domain.directory.shared import invalid, refuse_the_past, to_days
from services.routing.domain.directory.unit import COMMUNITY, VILLAGE, Unit

HAVING_ONE = (COMMUNITY, VILLAGE)
"""The kinds of units whose assembly adopts a code."""


@dataclass(frozen=True, slots=True)
class AdoptVillageCode:
    """A version is in force from a day on; `clauses` are pairs of number and text."""

    unit_code: str
    adopted_on: date
    on: date
    clauses: tuple[tuple[str, str], ...]
    decided_by: str


@dataclass(frozen=True, slots=True)
class RepealVillageCode:
    """Nothing is in force from a day on."""

    on: date
    decided_by: str


def misplaced(unit: Unit | None, on: date) -> Violation | None:
    """What is wrong with a unit that is to have a code from a day on."""
    if unit is None:
        return Violation("unit_code", "no_such_unit")
    if unit.kind not in HAVING_ONE:
        return Violation("unit_code", "not_a_community_or_village")
    return None if on in unit.days else Violation("unit_code", "not_standing")


def begin(command: AdoptVillageCode, context: Context, zone: ZoneInfo) -> Decision:
    """A village's first code.

    Raises:
        Invalid: see `decide`.
    """
    empty = VillageCode(command.unit_code, context.site)
    return decide(empty, command, context, zone)


def decide(village_code: VillageCode, command: Any, context: Context, zone: ZoneInfo) -> Decision:
    """Decide on an order; days are those of the site's zone.

    Raises:
        Invalid: a field is wrong, the day is over, or it is in force before its adoption.
        IllegalTransition: nothing is in force that could be repealed.
    """
    if isinstance(command, AdoptVillageCode):
        if command.on < command.adopted_on:
            raise invalid("on", "before_adoption")
        if command.adopted_on > context.at.astimezone(zone).date():
            raise invalid("adopted_on", "in_the_future")
    refuse_the_past(command.on, context, zone)
    return transition(CODES, village_code.status_on(command.on), village_code, command, context)


def adopt(village_code: VillageCode, command: AdoptVillageCode, _context: Context) -> Decision:
    """A version, in force after the one before it.

    Raises:
        Invalid: another one begins on that day or later, or clauses are without text, twice or out of order.
    """
    if later := village_code.beginning_from(command.on):
        raise invalid("on", f"overlaps:{later.number}")
    if wrong := [*_faults(command.clauses)]:
        raise Invalid(wrong)
    texts = {digest_of(text): text for _, text in command.clauses}
    event = ev.VillageCodeAdopted(
        village_code=reference(village_code),
        version=len(village_code.versions) + 1,
        adopted_on=command.adopted_on.isoformat(),
        days=to_days(Days(command.on)),
        clauses=[ev.AdoptedClause(number=number, digest=digest_of(text)) for number, text in command.clauses],
        decided_by=command.decided_by,
    )
    return Decision((Emit(event),), texts)


def repeal(village_code: VillageCode, command: RepealVillageCode, _context: Context) -> Decision:
    """What is in force ends, and what was to begin later does not."""
    return decided(
        ev.VillageCodeRepealed(
            village_code=reference(village_code), on=command.on.isoformat(), decided_by=command.decided_by
        )
    )


CODES: Table = {
    (IN_FORCE, AdoptVillageCode): Transition(adopt, (IN_FORCE,)),
    (IN_FORCE, RepealVillageCode): Transition(repeal, (REPEALED,)),
    (REPEALED, AdoptVillageCode): Transition(adopt, (IN_FORCE,)),
}
"""What is lawful for a village code."""


def reference(village_code: VillageCode) -> ev.VillageCodeReference:
    """The code as its events name it."""
    return ev.VillageCodeReference(site_id=village_code.site_id, unit_code=village_code.unit_code)


def _faults(clauses: Sequence[tuple[str, str]]) -> Iterator[Violation]:
    for index, (_, text) in enumerate(clauses):
        if not text:
            yield Violation(f"clauses[{index}].text", "required")
    numbers = in_sequence(number for number, _ in clauses)
    for index, (former, number) in enumerate(pairwise(numbers), 1):
        if number in numbers[:index]:
            yield Violation(f"clauses[{index}].number", "twice")
        elif number < former:
            yield Violation(f"clauses[{index}].number", "out_of_order")
