"""What clocks a matter has: first contact, resolution, warnings; by kind and tier, in working hours. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from services.chassis.calendar import Calendar, Term
from services.chassis.hours import Hours, WorkingTime
from services.chassis.terms import Clock, Place, start_term

CONTACT_CLOCK, RESOLUTION = "first_contact", "resolution"
EVERY_KIND, EVERY_TIER = "*", 0
SLACK = timedelta(minutes=1)
"""So late a warning may be fired and still count as told within the hours it was planned in."""


@dataclass(frozen=True, slots=True)
class Row:
    """What one row says; what it does not say, a less special one does.

    `warnings`: parts of the clock's working time after which its holder is warned, or how much of it is left
    then.
    """

    first_contact: Term | None = None
    resolution: Term | None = None
    warnings: tuple[float | timedelta, ...] | None = None


@dataclass(frozen=True, slots=True)
class Profile:
    """One version of a site's clocks. `hours` are by tier; `rows` by kind and tier (0: every tier)."""

    id: str
    version: int
    hours: Mapping[int, Hours]
    rows: Mapping[tuple[str, int], Row]

    def rule(self, what: str) -> str:
        """The name of a rule of this version, for example `jili.clocks.resolution@1`."""
        return f"{self.id}.{what}@{self.version}"

    def says(self, kind: str, tier: int) -> Row:
        """What holds for a kind `group.detail` on a tier: the kind's row, else its group's, else that of all;
        of each the tier's first.
        """
        group = f"{kind.partition('.')[0]}.*"
        keys = [(each, t) for each in (kind, group, EVERY_KIND) for t in (tier, EVERY_TIER)]
        rows = [self.rows[key] for key in keys if key in self.rows]
        return Row(
            next((row.first_contact for row in rows if row.first_contact), None),
            next((row.resolution for row in rows if row.resolution), None),
            next((row.warnings for row in rows if row.warnings is not None), None),
        )

    def working(self, tier: int, zone: tzinfo, calendar: Calendar) -> WorkingTime | None:
        """When a unit of a tier works; None where no hours are given, as nothing asks for them."""
        hours = self.hours.get(tier) or self.hours.get(EVERY_TIER)
        return WorkingTime(hours, zone, calendar) if hours else None

    def contact(self, kind: str, tier: int, at: datetime, place: Place, *, epoch: int) -> Clock | None:
        """The clock of a first contact; None where the kind has none."""
        term = self.says(kind, tier).first_contact
        if term is None:
            return None
        working = self.working(tier, place.zone, place.calendar)
        return start_term(
            CONTACT_CLOCK, self.rule(CONTACT_CLOCK), term, at, place, epoch=epoch, working=working
        )

    def warnings(self, kind: str, tier: int, clock: Clock, place: Place) -> tuple[tuple[int, datetime], ...]:
        """The stages of a tier's clock and when each is told: in working time, after its start and before its
        end.

        Whoever makes or moves a plan need not call it: `domain.watching` does for each event with a `plan`.
        A stage is its place in the row; it is left out where no work is done before it, as in a clock that
        begins and ends in one night, and where another one comes at the same moment.
        """
        asked = self.says(kind, tier).warnings
        working = self.working(tier, place.zone, place.calendar)
        if not asked or working is None:
            return ()
        whole = working.worked(clock.started_at, clock.due_at)
        parts = [part * whole if isinstance(part, float) else whole - part for part in asked]
        stages: dict[datetime, int] = {}
        for stage, part in enumerate(parts, 1):
            if timedelta() < part < whole:
                stages.setdefault(_ms(working.after(clock.started_at, part)), stage)
        return tuple((stages[at], at) for at in sorted(stages) if at > clock.started_at)


def _ms(at: datetime) -> datetime:
    """Rounded down to what the store keeps."""
    return at.replace(microsecond=at.microsecond // 1000 * 1000)
