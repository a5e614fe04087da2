"""A case whose ladder asks the directory, and the standing sweep over it, without store or broker."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta

from services.routing.directory.standing import REASONS
from services.routing.domain import OPEN, Case, ReassignCase
from services.routing.domain.directory.ground import Ground
from services.routing.rules import FixedPlaces, Post, Unit
from tests.unit.routing.directory.register import SITE, TOP, ZONE, Register
from tests.unit.routing.ladder import Walk, rules

FILE = FixedPlaces({TOP: Unit(TOP, 4, None)}, {TOP: Post("post:jili", "by-the-file")}, TOP)


@dataclass
class Followed:
    """One case, and what its ladder knows of the register."""

    register: Register
    ground: Ground
    walk: Walk

    @property
    def case(self) -> Case:
        """As it is."""
        return self.walk.case

    def look(self) -> "Followed":
        """The directory is read again, on the day that it is."""
        self.ground.put(list(self.register.units.values()))
        self.ground.turn(self.register.today)
        noon = datetime.combine(self.register.today, time(12), ZONE).astimezone(UTC)
        self.walk.now = max(self.walk.now, noon)
        return self

    def sweep(self) -> "Followed":
        """The standing sweep comes by."""
        self.look()
        if self.case.status in OPEN:
            why = self.ground.reason(self.case.unit_id, self.case.holder_ref)
            self.walk.order(ReassignCase(REASONS[why]))
        return self

    @property
    def owner(self) -> tuple[str, str]:
        """The unit that has it, and who answers there."""
        return self.case.unit_id, self.case.holder_ref


def submitted(
    register: Register, unit_id: str, kind: str = "drain.blocked", due_in: timedelta | None = None
) -> Followed:
    """A case of a place, submitted now."""
    ground = Ground(FILE)
    walk = Walk(replace(rules(), places=ground))
    followed = Followed(register, ground, walk).look()
    walk.submit(unit_id=unit_id, kind=kind, due_in=due_in)
    assert walk.case.site_id == SITE
    return followed
