"""What petition decides by, as values: versioned rules, the territory's units, the content table. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from services.chassis import terms
from services.chassis.calendar import Term
from services.chassis.calendar import Unit as TermUnit
from services.chassis.site import Site
from services.chassis.terms import Clock, Rule

ORGAN_TIER = 4
"""The lowest tier that is an organ (机关、单位); what lies below are committees and their helpers."""

REGISTER, NOTICE, OPINION = "petition.register", "petition.notice", "petition.opinion"
EXTENSION, REVIEW, MOMENTS = "petition.extension", "petition.review", "petition.moments"
KINDS, REPLY, REPRESENTATIVES = "petition.kinds", "petition.reply", "petition.representatives"
OPINION_CONTENT, OPINION_ORGAN = "petition.opinion_content", "petition.opinion_organ"
SECRECY, RECUSAL = "petition.accusation_secrecy", "petition.recusal"


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit of the territory; `tier` 1 (邻里) to 4 (街道), `parent` one tier up, None at the top."""

    id: str
    tier: int
    parent: str | None


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of one site, one version of each.

    `top` is the territory's highest unit, `organs` are those outside it that a petition can be sent to,
    `content` the codes of what a petition is about with their names.
    """

    site: Site
    rules: Mapping[str, Rule]
    units: Mapping[str, Unit]
    top: str
    organs: frozenset[str]
    content: Mapping[str, str]

    def name(self, rule: str) -> str:
        """Id and version, as errors and clocks cite it."""
        return self.rules[rule].name

    def limit(self, rule: str) -> int:
        """The number that a rule sets."""
        return self.rules[rule].limit

    def start(self, clock: str, rule: str, at: datetime, epoch: int) -> Clock:
        """A clock of a rule's own length."""
        return terms.start(clock, self.rules[rule], at, self.site, epoch=epoch)

    def extend(self, clock: Clock, days: int) -> Clock:
        """The clock again, for so many days after its strict end."""
        term = Term(days, TermUnit.CALENDAR_DAYS)
        return terms.start_term(
            clock.name, self.rules[EXTENSION].name, term, clock.due_at, self.site, epoch=clock.epoch + 1
        )

    def is_organ(self, unit_id: str) -> bool:
        """Whether a unit may handle a petition and answer it."""
        unit = self.units.get(unit_id)
        return unit_id in self.organs if unit is None else unit.tier >= ORGAN_TIER

    def is_committee(self, unit_id: str) -> bool:
        """Whether a unit of the territory is below the organs."""
        unit = self.units.get(unit_id)
        return unit is not None and unit.tier < ORGAN_TIER

    def lies_within(self, unit_id: str, other: str) -> bool:
        """Whether a unit is another one, or below it."""
        return bool(other) and other in self.upwards(unit_id)

    def upwards(self, unit_id: str) -> frozenset[str]:
        """A unit and all above it, by the territory and by its path: `a/b/c` lies within `a/b` and `a`."""
        parts = unit_id.split("/")
        by_path = {"/".join(parts[:length]) for length in range(1, len(parts) + 1)}
        return frozenset(by_path | set(self._chain(unit_id)))

    def _chain(self, unit_id: str) -> Iterator[str]:
        unit = self.units.get(unit_id)
        while unit:
            yield unit.id
            unit = self.units.get(unit.parent) if unit.parent else None
