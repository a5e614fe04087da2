"""What a move, a split or a merger comes to: an order for each unit, in an order that leaves nobody out.

The old units are closed and the new ones established from the same day on, which may lie ahead: on every day
each household is of one unit. Who holds a post goes along; where two become one, the holder there stays.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from services.chassis.errors import Invalid, Violation
from services.routing.domain.directory import commands as c
from services.routing.domain.directory.boundaries import united
from services.routing.domain.directory.days import Days
from services.routing.domain.directory.decisions import misplaced
from services.routing.domain.directory.territory import Territory
from services.routing.domain.directory.unit import NEIGHBOURHOOD, TEMPORARY, Unit, parent_of


@dataclass(frozen=True, slots=True)
class Step:
    """An order for one unit."""

    code: str
    command: Any


def move(territory: Territory, code: str, new_code: str, on: date, decided_by: str) -> list[Step]:
    """A unit with all that is below it goes elsewhere in the tree.

    Raises:
        Invalid: it does not stand then; the new place is taken, lies within itself, or has nothing above it.
    """
    if new_code == code or new_code.startswith(f"{code}/"):
        raise Invalid([Violation("new_code", "within_itself")])
    _standing(territory, code, on)
    leaving = [unit for unit in territory.below(code) if unit.days.ends_after(on)]
    new_codes = {unit.code: new_code + unit.code.removeprefix(code) for unit in leaving}
    if taken := next((new for new in new_codes.values() if new in territory.units), None):
        raise Invalid([Violation("new_code", f"taken:{taken}")])
    steps, ends = list[Step](), list[Step]()
    for unit in leaving:
        new, day = new_codes[unit.code], max(on, unit.days.since)
        opened = _open(new, unit, day)
        above = territory.units.get(parent_of(new))
        if unit.code == code and (wrong := misplaced(opened.command, above)):
            raise Invalid([Violation("new_code", wrong.reason)])
        steps += [_close(unit, day, (new,)), opened]
        steps += [*_settle(new, unit, day), *_carry(new, unit, day, decided_by)]
        steps += [
            Step(new, c.DrawBoundary(each.rings, each.days.from_day(day).since, decided_by))
            for each in unit.boundaries
            if each.days.ends_after(day)
        ]
        if unit.kind != TEMPORARY and unit.days.until is not None:
            after = tuple(new_codes.get(each, each) for each in unit.successors)
            ends.append(Step(new, c.CloseUnit(unit.days.until, after)))
    return [*steps, *ends]


def merge(territory: Territory, code: str, into: str, on: date, decided_by: str) -> list[Step]:
    """A neighbourhood's households and its place go to another one, whose leader stays; then it is closed.

    Raises:
        Invalid: one of the two does not stand then, will be closed, is no neighbourhood, or is the other.
    """
    if code == into:
        raise Invalid([Violation("into", "is_itself")])
    old = _neighbourhood(territory, code, on)
    new = _neighbourhood(territory, into, on, "into")
    steps = [_close(old, on, (into,)), *_settle(into, old, on)]
    drawn = [unit.rings_on(on) for unit in (old, new)]
    if all(drawn):
        steps.append(Step(into, c.DrawBoundary(united(drawn), on, decided_by)))
    return steps


def split(
    territory: Territory, code: str, parts: Mapping[str, tuple[str, ...]], on: date, decided_by: str
) -> list[Step]:
    """A neighbourhood becomes several; its leader goes on in the first of them, the others are vacant.

    Raises:
        Invalid: it does not stand then, a new code is taken, or the parts are not all of its households, each
            once.
    """
    old = _neighbourhood(territory, code, on)
    named = [key for keys in parts.values() for key in keys]
    if sorted(named) != sorted({household.key for household in old.households_after(on)}):
        raise Invalid([Violation("parts", "not_each_household_once")], rule="directory.one_neighbourhood")
    if taken := next((new for new in parts if new in territory.units), None):
        raise Invalid([Violation("parts", f"taken:{taken}")])
    steps = [_close(old, on, tuple(parts))]
    for number, (new, keys) in enumerate(parts.items()):
        steps += [_open(new, old, on), *_settle(new, old, on, frozenset(keys))]
        if number == 0:
            steps += _carry(new, old, on, decided_by)
    return steps


def _close(unit: Unit, on: date, successors: tuple[str, ...]) -> Step:
    return Step(unit.code, c.CloseUnit(on, successors))


def _open(code: str, old: Unit, on: date) -> Step:
    posts = tuple(post.id for post in old.posts)
    until = old.days.until if old.kind == TEMPORARY else None
    return Step(code, c.EstablishUnit(code, old.kind, on, until, posts, (old.code,), old.covers))


def _settle(code: str, old: Unit, on: date, keys: frozenset[str] | None = None) -> Iterator[Step]:
    """The households go along, also those whose days with the old unit lay ahead or had an end."""
    stays: dict[Days, list[str]] = defaultdict(list)
    for household in old.households_after(on):
        if keys is None or household.key in keys:
            stays[household.days.from_day(on)].append(household.key)
    for days, going in stays.items():
        yield Step(code, c.SettleHouseholds(tuple(going), days.since, days.until))


def _carry(code: str, old: Unit, on: date, decided_by: str) -> Iterator[Step]:
    """Holders go along with their leaves, also those whose time lay ahead."""
    for post in old.posts:
        for tenure in post.tenures:
            if not tenure.days.ends_after(on):
                continue
            days = tenure.days.from_day(on)
            carried = c.CarryPost(
                post.id,
                tenure.person_ref,
                days.since,
                old.code,
                decided_by,
                days.until,
                tenure.selection,
            )
            yield Step(code, carried)
            for leave in tenure.leaves:
                if leave.days.overlaps(days):
                    off = leave.days.from_day(days.since)
                    granted = c.GrantLeave(post.id, off.since, decided_by, off.until, leave.substitute_ref)
                    yield Step(code, granted)


def _standing(territory: Territory, code: str, on: date, field: str = "code") -> Unit:
    unit = territory.standing(code, on)
    if unit is None:
        raise Invalid([Violation(field, "not_standing_then")])
    return unit


def _neighbourhood(territory: Territory, code: str, on: date, field: str = "code") -> Unit:
    unit = _standing(territory, code, on, field)
    if unit.kind != NEIGHBOURHOOD:
        raise Invalid([Violation(field, "not_a_neighbourhood")])
    if unit.days.until is not None:
        raise Invalid([Violation(field, f"closes_on:{unit.days.until.isoformat()}")])
    return unit
