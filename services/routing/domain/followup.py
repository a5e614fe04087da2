"""What follows a settlement, as a case keeps it: call-back (回访), answers, review, what closed it."""

from dataclasses import dataclass, replace

from services.chassis.terms import Clock

CALL_BACK_CLOCK, REVIEW_CLOCK = "callback", "review"
POOR = 2
"""The best rating that is still poor; with a better one whoever says that it is solved is satisfied."""


def satisfied(rating: int, *, solved: bool) -> bool:
    """Whether an answer counts for 满意率."""
    return solved and rating > POOR


@dataclass(frozen=True, slots=True)
class CallBack:
    """A call-back that is to be made by a unit (empty: the desk); `attempted` are the days, as text, on which
    nobody was reached.
    """

    caller_unit_id: str
    clock: Clock
    attempted: tuple[str, ...] = ()
    repeats: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """What the resident answered to a unit's settlement (`Case.settlement`); `way` is an `AnswerWay`."""

    unit_id: str
    solved: bool
    rating: int
    way: int
    settlement: int


@dataclass(frozen=True, slots=True)
class Review:
    """A review that is to be made by a unit (empty: the desk) which did not handle the case."""

    number: int
    reviewer_unit_id: str
    clock: Clock
    repeats: int = 0


@dataclass(frozen=True, slots=True)
class FollowUp:
    """What follows the settlements of a case; `answers` are of all of them, the rest is of the last one.

    `closed_by` is a `ClosedBy`, `reviewed`: a review found that it was settled properly. `clocks` and
    `reviews` count those that there were.
    """

    call_back: CallBack | None = None
    answers: tuple[Answer, ...] = ()
    review: Review | None = None
    reviewed: bool = False
    closed_by: int = 0
    clocks: int = 0
    reviews: int = 0

    @property
    def clock(self) -> Clock | None:
        """The clock that runs; without one nothing is awaited of anybody."""
        pending = self.call_back or self.review
        return pending.clock if pending else None

    def answer_to(self, settlement: int) -> Answer | None:
        """The answer to that settlement."""
        last = self.answers[-1] if self.answers else None
        return last if last and last.settlement == settlement else None


def over(followup: FollowUp | None) -> FollowUp | None:
    """Nothing more follows this settlement: it is withdrawn, or goes on."""
    if followup is None:
        return None
    return replace(followup, call_back=None, review=None, reviewed=False, closed_by=0)
