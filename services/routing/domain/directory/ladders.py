"""Ladders that lead nowhere: units that no sub-district stands above, or above whom nobody is at work."""

from collections.abc import Collection, Sequence
from datetime import date

from services.routing.domain.directory.unit import SUB_DISTRICT, Unit, parent_of


def cut_off(units: Sequence[Unit], day: date) -> list[str]:
    """Units that stand on a day while the sub-district that they are of does not: whatever climbs there ends
    with another one, or nowhere.
    """
    standing = [unit for unit in units if day in unit.days]
    tops = {unit.code for unit in standing if unit.kind == SUB_DISTRICT}
    return sorted(unit.code for unit in standing if unit.code.partition("/")[0] not in tops)


def unsupervised(units: Sequence[Unit], idle: Collection[str], day: date) -> list[str]:
    """Units that stand on a day with nobody at work in any unit above them: who would be a superior there is
    to order, and to be told what was not answered.

    `idle`: the units that have nobody at work.
    """
    if not any(unit.kind == SUB_DISTRICT and unit.code in idle for unit in units):
        return []  # up there somebody is
    standing = {unit.code: unit for unit in units if day in unit.days}
    works = {code for code in standing if code not in idle}
    below = (unit.code for unit in standing.values() if unit.kind != SUB_DISTRICT)
    return sorted(code for code in below if works.isdisjoint(_above(code)))


def _above(code: str) -> list[str]:
    found = []
    while parent := parent_of(code):
        found.append(parent)
        code = parent
    return found
