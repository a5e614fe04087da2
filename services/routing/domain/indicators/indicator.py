"""What a case says of the units that had it. Of units and their timeliness alone, never of whoever asked."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Self

from fengqiao.routing.v1 import events_pb2 as ev
from services.routing.domain.case import JOINED, RESOLVED, WITHDRAWN, Case
from services.routing.domain.directory.unit import parent_of
from services.routing.domain.followup import satisfied

ANSWERED: Mapping[int, bool] = {
    ev.MOVE_REASON_TIMEOUT: False,
    ev.MOVE_REASON_HANDLER: True,
    ev.MOVE_REASON_RETURNED: True,
    ev.MOVE_REASON_REOPENED: True,
    ev.MOVE_REASON_REFERRAL_ENDED: True,
    ev.MOVE_REASON_REVIEW: True,
}
"""Whether a unit acted in its turn, by why the case left it. Any other move was not the unit's to make or to
hinder, and its turn does not count."""


@dataclass(frozen=True, slots=True)
class Left:
    """A unit's turn that is over, and why the case left it: a `MoveReason`."""

    from_unit_id: str
    reason: int


@dataclass(frozen=True, slots=True)
class Answered:
    """What the resident answered to the settlement of a unit."""

    unit_id: str
    solved: bool
    rating: int
    settlement: int


@dataclass(frozen=True, slots=True)
class Followed:
    """What of a case's follow-up is judged."""

    answers: tuple[Answered, ...] = ()


@dataclass(frozen=True, slots=True)
class Course:
    """What of a case is judged."""

    unit_id: str
    status: str
    due_at: datetime
    resolved_at: datetime | None
    track: int
    steps: tuple[Left, ...]
    followup: Followed | None = None

    @classmethod
    def of(cls, case: Case) -> Self:
        """That of a case."""
        left = tuple(Left(step.from_unit_id, step.reason) for step in case.steps)
        answers = tuple(
            Answered(each.unit_id, each.solved, each.rating, each.settlement)
            for each in (case.followup.answers if case.followup else ())
        )
        return cls(
            case.unit_id,
            case.status,
            case.due_at,
            case.resolved_at,
            case.track,
            left,
            Followed(answers) if answers else None,
        )


@dataclass(frozen=True, slots=True)
class Indicators:
    """Counts, of which the rates are made."""

    turns: int = 0
    answered: int = 0
    due: int = 0
    resolved: int = 0
    withdrawn: int = 0
    on_another_track: int = 0
    answers: int = 0
    satisfied: int = 0
    unanswered: int = 0

    def __add__(self, other: "Indicators") -> "Indicators":
        """Of both."""
        both = {each.name: getattr(self, each.name) + getattr(other, each.name) for each in fields(self)}
        return Indicators(**both)

    @property
    def response_rate(self) -> float | None:
        """响应率: answered ÷ turns; None of nothing."""
        return self.answered / self.turns if self.turns else None

    @property
    def resolution_rate(self) -> float | None:
        """解决率: resolved ÷ due; None of nothing."""
        return self.resolved / self.due if self.due else None

    @property
    def satisfaction_rate(self) -> float | None:
        """满意率: satisfied ÷ answers; None of nothing."""
        return self.satisfied / self.answers if self.answers else None


def judged(course: Course) -> Iterator[tuple[str, Indicators]]:
    """What a case whose due time is over says of the units that had it, each turn by itself.

    A joined one says nothing yet: its clocks stand still, and it ends with what leads the matter.
    """
    if course.status == JOINED:
        return
    for left in course.steps:
        if left.reason in ANSWERED:
            yield left.from_unit_id, Indicators(turns=1, answered=int(ANSWERED[left.reason]))
    answers = course.followup.answers if course.followup else ()
    for each in answers:
        content = int(satisfied(each.rating, solved=each.solved))
        yield each.unit_id, Indicators(answers=1, satisfied=content)
    if course.status == RESOLVED and not any(each.settlement == len(course.steps) for each in answers):
        yield course.unit_id, Indicators(unanswered=1)
    if course.status == WITHDRAWN:
        yield course.unit_id, Indicators(withdrawn=1)
    elif course.track:
        # Whoever handed it over acted; when it is settled there is not theirs to say.
        yield course.unit_id, Indicators(turns=1, answered=1, on_another_track=1)
    else:
        at, settled = course.resolved_at, course.status == RESOLVED
        in_time = int(settled and at is not None and at <= course.due_at)
        yield course.unit_id, Indicators(turns=1, answered=in_time, due=1, resolved=in_time)


def by_unit(courses: Iterable[Course], unit_code: str) -> dict[str, Indicators]:
    """Of a unit and of those next below it, each with all below it; a unit that had none is left out."""
    found = {unit_code: Indicators()}
    for course in courses:
        for code, said in judged(course):
            for place in _shown(code, unit_code):
                found[place] = found.get(place, Indicators()) + said
    return found


def _shown(code: str, unit_code: str) -> Iterator[str]:
    if code == unit_code:
        yield unit_code
    elif code.startswith(f"{unit_code}/"):
        yield unit_code
        while parent_of(code) != unit_code:
            code = parent_of(code)
        yield code
