"""What mediation decides by, as values: versioned rules, and the site's list of mediators. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from services.chassis import terms
from services.chassis.calendar import Term
from services.chassis.calendar import Unit as TermUnit
from services.chassis.site import Site
from services.chassis.terms import Clock, Rule

VOLUNTARY, PARTIES, DISPUTE_TYPES = "mediation.voluntary", "mediation.parties", "mediation.dispute_types"
CHOOSE, CONFIRM, MEDIATOR = "mediation.choose_mediator", "mediation.confirm_mediator", "mediation.mediator"
TERM, EXTENSION, SESSION = "mediation.term", "mediation.extension", "mediation.session"
AGREEMENT_CONTENT, SIGNING, ENDS = "mediation.agreement_content", "mediation.signing", "mediation.ends"


@dataclass(frozen=True, slots=True)
class Mediator:
    """Somebody on a site's list; `unit_id` is the unit whose committee they belong to."""

    ref: str
    unit_id: str


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of one site, one version of each; `mediators` in the order of its list."""

    site: Site
    rules: Mapping[str, Rule]
    mediators: tuple[Mediator, ...]

    def name(self, rule: str) -> str:
        """Id and version, as errors and clocks cite it."""
        return self.rules[rule].name

    def start(self, clock: str, rule: str, at: datetime, epoch: int) -> Clock:
        """A clock of a rule's own length."""
        return terms.start(clock, self.rules[rule], at, self.site, epoch=epoch)

    def extend(self, clock: Clock, days: int) -> Clock:
        """The clock again, for so many days after its strict end."""
        term = Term(days, TermUnit.CALENDAR_DAYS)
        return terms.start_term(
            clock.name, self.name(EXTENSION), term, clock.due_at, self.site, epoch=clock.epoch + 1
        )

    def is_listed(self, ref: str) -> bool:
        """Whether somebody is on the list."""
        return any(mediator.ref == ref for mediator in self.mediators)

    def next_mediator(self, unit_id: str, excluded: Iterable[str]) -> str | None:
        """Who is appointed: of the unit's own committee or the nearest above it, in the order of the list.

        Nobody of those excluded (the parties, and whoever was asked before). None: nobody is left.
        """
        excluded = set(excluded)
        free = [mediator for mediator in self.mediators if mediator.ref not in excluded]
        while True:
            here = next((mediator.ref for mediator in free if mediator.unit_id == unit_id), None)
            if here is not None:
                return here
            if not unit_id:
                return free[0].ref if free else None
            unit_id = unit_id.rpartition("/")[0]
