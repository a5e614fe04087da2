"""A screening campaign: who is to look for what, round by round, and who has reported."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime

from services.chassis.record import Deadline

EVENTS = "fengqiao.routing.screenings"

PLANNED, UNDER_WAY, CLOSED = "planned", "under_way", "closed"
STATUSES = (PLANNED, UNDER_WAY, CLOSED)

BEGINNING, OVERDUE, END = "beginning", "overdue", "end"
"""The clocks of a round."""
NOT_REPORTED = "not_reported"
"""Why a unit is left when the round is over."""
KEPT_ROUNDS = 12
"""So many rounds that are over are kept; the events hold them all."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A unit's part of the round. `findings` are pairs of kind and count."""

    unit_code: str
    reported_at: datetime | None = None
    visited: int = 0
    households: int = 0
    findings: tuple[tuple[str, int], ...] = ()
    late: bool = False


@dataclass(frozen=True, slots=True)
class Round:
    """A round that is over; `left` are pairs of unit and reason."""

    number: int
    since: date
    until: date
    reported: int
    visited: int
    findings: int
    left: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Screening:
    """A campaign in its round. `first` is the first day of its first one, from which the others are counted;
    `times` counts how often the round was told to be overdue, `told` that of all rounds.
    """

    site_id: str
    code: str
    unit_code: str
    kinds: tuple[str, ...]
    tier: int
    lead: str
    repeat_every: int
    repeat_unit: int
    first: date
    round: int
    since: date
    until: date
    due_on: date
    begins_at: datetime
    overdue_at: datetime
    ends_at: datetime
    known_since: datetime
    pieces: tuple[Piece, ...]
    status: str = PLANNED
    times: int = 0
    told: int = 0
    rounds: tuple[Round, ...] = ()

    @property
    def unreported(self) -> list[str]:
        """The units that have not reported."""
        return [piece.unit_code for piece in self.pieces if piece.reported_at is None]

    def piece(self, unit_code: str) -> Piece | None:
        """A unit's part."""
        return next((piece for piece in self.pieces if piece.unit_code == unit_code), None)

    def with_piece(self, changed: Piece) -> "Screening":
        """With a part as it is now."""
        pieces = tuple(changed if each.unit_code == changed.unit_code else each for each in self.pieces)
        return replace(self, pieces=pieces)


def deadlines(screening: Screening) -> Iterable[Deadline]:
    """It begins, those that have not reported are told of, it ends; nothing once it is over."""
    if screening.status == CLOSED:
        return
    if screening.status == PLANNED:
        yield Deadline(BEGINNING, screening.round, screening.begins_at)
        return
    # At the last opening the end itself tells.
    if screening.unreported and screening.overdue_at < screening.ends_at:
        yield Deadline(OVERDUE, screening.told + 1, screening.overdue_at)
    yield Deadline(END, screening.round, screening.ends_at)
