"""A small sub-district whose units are ordered about without store or broker, one day after the other."""

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from services.chassis.errors import Invalid
from services.chassis.model import Context
from services.routing.domain.directory import commands as c
from services.routing.domain.directory.days import Days
from services.routing.domain.directory.decisions import decide, establish, misplaced
from services.routing.domain.directory.folding import evolve
from services.routing.domain.directory.restructuring import Step
from services.routing.domain.directory.territory import Territory
from services.routing.domain.directory.unit import (
    LEADER,
    NEIGHBOURHOOD,
    SECTION,
    SUB_DISTRICT,
    VILLAGE,
    Unit,
    parent_of,
)

SITE = "jili"
ZONE = ZoneInfo("Asia/Shanghai")
START = date(2026, 3, 2)
TOP, A_VILLAGE, A_SECTION, NEIGHBOURS = "jili", "jili/hexi", "jili/hexi/s1", "jili/hexi/s1/n1"
RESIDENTS, OFFICE = 12, "p-office"


@dataclass
class Register:
    """Units by code, and the day it is."""

    today: date = START
    units: dict[str, Unit] = field(default_factory=dict)

    @property
    def territory(self) -> Territory:
        """All of them together."""
        return Territory(self.units.values())

    def later(self, days: int) -> "Register":
        """Some days pass."""
        self.today += timedelta(days=days)
        return self

    def order(self, code: str, command: Any) -> "Register":
        """An order about a unit; refused ones change nothing."""
        context = self.context()
        unit = self.units.get(code)
        if isinstance(command, c.EstablishUnit):
            if wrong := misplaced(command, self.units.get(parent_of(code))):
                raise Invalid([wrong])
            assert unit is None, "the store keeps the first one"
            decision = establish(command, context, ZONE)
        else:
            assert unit is not None, code
            decision = decide(unit, self._informed(unit, command), context, ZONE)
        for emit in decision.events:
            unit = evolve(unit, emit.message, context)
        assert unit is not None
        self.units[code] = unit
        return self

    def follow(self, steps: list[Step]) -> "Register":
        """The orders of a plan, one after the other."""
        for step in steps:
            self.order(step.code, step.command)
        return self

    def establish(self, code: str, kind: str, **more: Any) -> "Register":
        """A unit from today on."""
        return self.order(code, c.EstablishUnit(code, kind, self.today, posts=(LEADER,), **more))

    def settle(self, code: str, *keys: str, on: date | None = None) -> "Register":
        """Households come to a unit."""
        return self.order(code, c.SettleHouseholds(keys, on or self.today))

    def appoint(self, code: str, person_ref: str, *, until: date | None = None) -> "Register":
        """Proposed, approved and appointed today."""
        self.order(code, c.NominateLeader(LEADER, person_ref, self.today, RESIDENTS, OFFICE))
        self.order(code, c.VetLeader(LEADER, person_ref, self.today, approved=True, decided_by=OFFICE))
        return self.order(code, c.AppointLeader(LEADER, person_ref, self.today, OFFICE, until))

    def answering(self, code: str, day: date | None = None) -> tuple[str, str] | None:
        """Code of the unit that answers for a place, and who does."""
        found = self.territory.answering(code, day or self.today)
        return (found[0].code, found[1]) if found else None

    def context(self) -> Context:
        """Noon today."""
        now = datetime.combine(self.today, time(12), ZONE).astimezone(UTC)
        return Context("unit", SITE, now, now, now)

    def _informed(self, unit: Unit, command: Any) -> Any:
        """What a handler looks up in the other units."""
        territory = self.territory
        if isinstance(command, c.SettleHouseholds):
            days = Days(command.on, unit.until_at_most(command.until))
            homes = {key: territory.homes_within(key, days) for key in command.keys}
            elsewhere = {key: codes[0] for key, codes in homes.items() if codes}
            return replace(command, elsewhere=elsewhere)
        if isinstance(command, c.CloseUnit) and not command.successors:
            return replace(command, below=territory.standing_longer(unit.code, command.on))
        if isinstance(command, c.AppointLeader) and unit.kind == NEIGHBOURHOOD:
            days = Days(command.on, unit.until_at_most(command.term_until))
            return replace(command, elsewhere=territory.leadership(command.person_ref, days))
        return command


def small() -> Register:
    """A sub-district of one village, with a section and a neighbourhood of three households; all staffed."""
    register = Register()
    register.establish(TOP, SUB_DISTRICT).appoint(TOP, "p-top")
    register.establish(A_VILLAGE, VILLAGE).appoint(A_VILLAGE, "p-village")
    register.establish(A_SECTION, SECTION).appoint(A_SECTION, "p-section")
    register.establish(NEIGHBOURS, NEIGHBOURHOOD).appoint(NEIGHBOURS, "p-leader")
    return register.settle(NEIGHBOURS, "h-1", "h-2", "h-3")
